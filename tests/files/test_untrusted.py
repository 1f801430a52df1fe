"""Files made to do harm are refused in one line; good ones still open."""

import io
import json
import shutil
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
import walk
from test_wrong_inputs import refused

from kerasseg import evaluate, models, predict, runs, train
from kerasseg.data.format.description import FILE, describe
from kerasseg.export import __main__ as export
from kerasseg.export.litert import conversion
from kerasseg.files import untrusted
from kerasseg.inference import litert
from kerasseg.taxonomy import Taxonomy

TAXONOMY = Taxonomy.named(["road", "sky"])
CONFIG, WEIGHTS = untrusted.CONFIG, untrusted.WEIGHTS


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    keras.utils.set_random_seed(0)
    file = tmp_path_factory.mktemp("good") / "network.keras"
    models.build("unet_small", 2, (32, 48, 3), filters=4, depth=1).save(file)
    return file


@pytest.fixture(scope="module")
def litert_bytes(good, tmp_path_factory):
    file = tmp_path_factory.mktemp("litert") / "a.tflite"
    return conversion.write(runs.load(good), file, taxonomy=TAXONOMY).read_bytes()


def members(file: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(file) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(file: Path, contents, compression=zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, data in contents:
            archive.writestr(name, data)
    return file


def renamed(good: Path, file: Path, **values) -> Path:
    """The network whose first inner layer has another class, module, ..."""
    contents = members(good)
    config = json.loads(contents[CONFIG])
    config["config"]["layers"][2] |= values
    return packed(file, (contents | {CONFIG: json.dumps(config)}).items())


def weights(good: Path, spoil) -> bytes:
    data = io.BytesIO(members(good)[WEIGHTS])
    with h5py.File(data, "r+") as opened:
        spoil(opened)
    return data.getvalue()


def test_good_networks_open(good, tmp_path):
    assert runs.load(good).output_shape == (None, 32, 48, 2)
    # Also packed again, with a higher compression.
    again = packed(tmp_path / "a.keras", members(good).items(), zipfile.ZIP_DEFLATED)
    assert runs.load(again).count_params() == runs.load(good).count_params()


def test_operations_and_slices_are_known():
    network = models.build("segnet", 2, (32, 32, 3))
    text = json.dumps(keras.saving.serialize_keras_object(network))
    untrusted._check_config(json.loads(text))


def test_a_compiled_network_opens(tmp_path):
    image = keras.Input((4, 4, 3))
    network = keras.Model(image, keras.layers.Conv2D(2, 1, activation="relu")(image))
    network.compile("adam", "mse")
    network.save(tmp_path / "a.keras")
    assert runs.load(tmp_path / "a.keras").output_shape == (None, 4, 4, 2)


def evil_archives(good: Path, folder: Path) -> dict[str, Path]:
    """Files and parts of the message."""
    contents = members(good)
    path = folder / "lambda.keras"
    image = keras.Input((4, 4, 3))
    keras.Model(image, keras.layers.Lambda(lambda x: x + 1)(image)).save(path)
    found = {"keras.layers.Lambda": path}
    classes = {
        "keras.layers.TFSMLayer": {"class_name": "TFSMLayer"},
        "keras.layers.StringLookup": {"class_name": "StringLookup"},
        "os.system": {"module": "os", "class_name": "function", "config": "system"},
        "keras.utils.get_file": {
            "module": "keras.utils",
            "class_name": "function",
            "config": "get_file",
        },
        "subprocess.Popen": {"module": "subprocess", "class_name": "Popen"},
        "__lambda__": {"module": None, "class_name": "__lambda__"},
        "keras.layers.Conv2D": {"class_name": "Conv2D", "registered_name": "my>Conv"},
    }
    for words, values in classes.items():
        found[words] = renamed(good, folder / f"{len(found)}.keras", **values)
    for name in ("../outside.txt", "/etc/x", "assets/a.txt", "config.json/../x"):
        evil = [*contents.items(), (name, b"x")]
        found[f"member {name!r}"] = packed(folder / f"{len(found)}.keras", evil)
    bomb = contents | {WEIGHTS: bytes(50 << 20)}
    file = folder / "bomb.keras"
    found["a bomb"] = packed(file, bomb.items(), zipfile.ZIP_DEFLATED)
    deep = contents | {CONFIG: "[" * 200_000}
    found["RecursionError"] = packed(folder / "deep.keras", deep.items())
    less = {name: contents[name] for name in (CONFIG,)}
    found[f"holds no {WEIGHTS}"] = packed(folder / "less.keras", less.items())
    with pytest.warns(UserWarning, match="Duplicate"):
        twice = packed(folder / "twice.keras", [*contents.items(), (CONFIG, b"{}")])
    found[f"holds {CONFIG} twice"] = twice
    found["BadZipFile"] = folder / "cut.keras"
    found["BadZipFile"].write_bytes(good.read_bytes()[:5000])
    return found


def test_evil_archives_are_refused(good, tmp_path):
    for words, file in evil_archives(good, tmp_path).items():
        with pytest.raises(ValueError, match="was refused") as caught:
            runs.load(file)
        assert words in str(caught.value)
        assert file.name in str(caught.value)
    assert not (tmp_path.parent / "outside.txt").exists()
    with pytest.raises(ValueError, match=r"is not a \.keras file"):
        runs.load(shutil.copy(good, tmp_path / "network.h5"))


def external(opened):
    opened["elsewhere"] = h5py.ExternalLink("other.h5", "/secret")


def soft(opened):
    opened["layers/alias"] = h5py.SoftLink("/layers")


def circle(opened):
    opened["layers/again"] = opened["layers"]


def kept_elsewhere(opened):
    where = [("/etc/passwd", 0, 64)]
    opened.create_dataset("vars/0", (16,), "float32", external=where)


def virtual(opened):
    layout = h5py.VirtualLayout((4,), "float32")
    layout[:] = h5py.VirtualSource("other.h5", "data", (4,))
    opened.create_virtual_dataset("vars/0", layout)


def bomb(opened):
    options = {"chunks": (1 << 20,), "compression": "gzip"}
    opened.create_dataset("vars/0", (1 << 40,), "float32", **options)


def words(opened):
    opened["vars/0"] = ["text"]


def plug_in(opened):
    opened.create_dataset("vars/0", (8,), "float32", chunks=(8,), compression="lzf")


EVIL = {
    external: "a ExternalLink",
    soft: "a SoftLink",
    circle: "linked in circles",
    kept_elsewhere: "lies in another file",
    virtual: "lies in another file",
    bomb: "a bomb",
    words: "not an array of numbers",
    plug_in: "with the HDF5 filters",
}


@pytest.mark.parametrize("spoil", EVIL)
def test_evil_weights_are_refused(good, tmp_path, spoil):
    data = weights(good, spoil)
    (tmp_path / "state.weights.h5").write_bytes(data)
    with pytest.raises(ValueError, match=r"state\.weights\.h5") as caught:
        untrusted.check_weights(tmp_path / "state.weights.h5")
    assert EVIL[spoil] in str(caught.value)
    contents = members(good) | {WEIGHTS: data}
    with pytest.raises(ValueError, match=EVIL[spoil]):
        runs.load(packed(tmp_path / "a.keras", contents.items()))


def test_files_that_are_not_weights(tmp_path):
    file = tmp_path / "state.weights.h5"
    for data in (b"", b"no weights", b"\x89HDF\r\n\x1a\n" + bytes(500)):
        file.write_bytes(data)
        with pytest.raises(ValueError, match="is not a weights file"):
            untrusted.check_weights(file)


def test_commands_refuse_in_one_line(good, shared_records, tmp_path, capsys):
    """predict, evaluate and export of an evil run; train that would resume one."""
    folder = shutil.copytree(shared_records, tmp_path / "records")
    run = tmp_path / "run-1"
    run.mkdir()
    values = {"class_name": "TFSMLayer"}
    renamed(good, run / "network.keras", **values)
    from kerasseg import config

    settings = config.parse(["--data.records", str(folder)])
    (run / "config.toml").write_text(config.to_toml(settings))
    (run / "taxonomy.json").write_text(json.dumps(describe(folder).taxonomy.to_json()))
    (tmp_path / "a.png").write_bytes(b"x")
    for main, argv in {
        predict.main: [tmp_path / "a.png", "--run", run, "--out", tmp_path / "out"],
        evaluate.main: [run],
        export.main: [run, "--formats", "saved_model"],
    }.items():
        line = refused(capsys, main, *argv)
        assert "network.keras" in line
        assert "keras.layers.TFSMLayer" in line
    shutil.copy(good, run / "network.keras")
    (run / "taxonomy.json").write_text('{"names": ["a"], "colours": [[1, 2, 999]]}')
    assert "taxonomy.json" in refused(capsys, evaluate.main, run)

    flags = walk.flags(folder, tmp_path / "runs", name="evil")
    settings = config.parse(flags)
    begun, _ = runs.open_run(tmp_path / "runs", "evil", config.to_toml(settings))
    runs.unlock(begun)
    (begun / "state.weights.h5").write_bytes(weights(good, external))
    line = refused(capsys, train.main, *flags)
    assert "state.weights.h5" in line
    assert "ExternalLink" in line

    values = json.loads((folder / FILE).read_text())
    for name in ("../../x", "/etc/passwd", "..", "", "a/b", 7):
        values["splits"]["val"]["shards"][0]["name"] = name
        (folder / FILE).write_text(json.dumps(values))
        with pytest.raises(ValueError, match="not a plain file name"):
            describe(folder)
    line = refused(capsys, train.main, *walk.flags(folder, tmp_path / "more"))
    assert FILE in line
    (folder / FILE).write_text("[" * 200_000)
    with pytest.raises(ValueError, match="is damaged"):
        describe(folder)


def test_a_state_of_another_network_is_refused(good, tmp_path):
    image = keras.Input((4, 4, 3))
    other = keras.Model(image, keras.layers.Conv2D(2, 1)(image))
    runs.load(good).save_weights(tmp_path / "state.weights.h5")
    with pytest.raises(ValueError, match="does not fit this training"):
        runs.load_state(other, tmp_path / "state.weights.h5")


def test_a_bomb_behind_a_litert_file_is_refused(litert_bytes, tmp_path):
    file = tmp_path / "a.tflite"
    end = litert_bytes.index(b"PK\x03\x04")  # where its own archive begins
    file.write_bytes(litert_bytes[:end])
    values = TAXONOMY.to_json() | {"more": " " * (50 << 20)}
    with zipfile.ZipFile(file, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("taxonomy.json", json.dumps(values))
    with pytest.raises(ValueError, match=r"holds no taxonomy\.json"):
        _ = litert.Model(file, threads=1).taxonomy


def test_damaged_litert_files_are_refused_or_run(litert_bytes, tmp_path):
    """LiteRT checks the whole structure itself; none of these may end the process."""
    file, data = tmp_path / "a.tflite", litert_bytes
    random = np.random.default_rng(0)
    cuts = [data[:n] for n in (0, 4, 8, 100, len(data) // 2, len(data) * 9 // 10)]
    noise = [random.bytes(n) for n in (1, 8, 5000)]
    noise += [data[:8] + random.bytes(5000)]
    for bad in cuts + noise:
        file.write_bytes(bad)
        with pytest.raises(ValueError, match="is not a LiteRT file"):
            litert.Model(file, threads=1)
    for _ in range(40):
        spoiled = bytearray(data)
        for place in random.integers(0, len(data), 3):
            spoiled[place] = random.integers(256)
        file.write_bytes(spoiled)
        try:
            model = litert.Model(file, threads=1)
            model.class_map(np.zeros((model.height, model.width, 3), np.uint8))
        except ValueError as error:
            assert str(file) in str(error)
