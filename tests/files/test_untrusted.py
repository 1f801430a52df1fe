"""Files made to do harm are refused in one line; good ones still open."""

import io
import json
import shutil
import sys
import zipfile
from pathlib import Path
from types import FunctionType

import h5py
import keras
import networks
import numpy as np
import pytest
import walk
from test_wrong_inputs import refused

from kerasseg import evaluate, models, predict, runs, train
from kerasseg.data.format.description import FILE, describe
from kerasseg.export import __main__ as export
from kerasseg.export.litert import conversion
from kerasseg.files import stock_objects, untrusted
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
    network = networks.without_weights("segnet", 2, (32, 32, 3))
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
        # Other spellings of what is refused, and objects that are no layers.
        "keras.layers.Lambda'": {"module": "keras", "class_name": "layers.Lambda"},
        "keras.src.layers.core.lambda_layer.Lambda": {
            "module": "keras.src.layers.core.lambda_layer",
            "class_name": "Lambda",
        },
        "keras.layers.FeatureSpace": {"class_name": "FeatureSpace"},
        "keras.models.load_model": {
            "module": "keras.models",
            "class_name": "load_model",
        },
        "keras.activations.deserialize": {
            "module": "keras.activations",
            "class_name": "function",
            "config": "deserialize",
        },
        "keras.src.ops.core.Map": {"module": "keras.src.ops.core", "class_name": "Map"},
        "['keras'].Dense": {"module": ["keras"], "class_name": "Dense"},
        "None.__numpy__": {
            "module": None,
            "class_name": "__numpy__",
            "config": {"value": ["a"], "dtype": "S999999999"},
        },
    }
    for words, values in classes.items():
        found[words] = renamed(good, folder / f"{len(found)}.keras", **values)
    for name in ("../outside.txt", "/etc/x", "assets/a.txt", "config.json/../x"):
        evil = [*contents.items(), (name, b"x")]
        found[f"member {name!r}"] = packed(folder / f"{len(found)}.keras", evil)
    wide = json.loads(contents[CONFIG])
    for layer in wide["config"]["layers"]:
        layer.pop("build_config", None)  # Keras finds the shapes itself
        if layer["config"].get("kernel_size") == [3, 3]:
            layer["config"]["kernel_size"] = [30_001, 30_001]
    file = packed(
        folder / "wide.keras", (contents | {CONFIG: json.dumps(wide)}).items()
    )
    found["numbers, but its weights are"] = file
    image = keras.Input((32, 32, 3))
    path = folder / "large.keras"
    keras.Model(image, keras.layers.UpSampling2D(1 << 16)(image)).save(path)
    found["numbers for one image"] = path
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


SPELLINGS = (
    ("keras", "layers.Conv2D"),
    ("keras.layers", "Convolution2D"),
    ("keras.src.layers", "Conv2D"),
    ("keras.src.ops", "numpy.Add"),
    ("keras.ops", "add"),
    ("keras.saving", "load_model"),
)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="once is enough")
def test_an_allowed_spelling_leads_to_what_keras_makes_of_it():
    """Each name in each module of Keras 3.15 against Keras' own search."""
    from keras.src.saving import serialization_lib

    modules = {name: dict(vars(m)) for name, m in sys.modules.items() if m}
    spellings = [
        (module, name)
        for module, members in modules.items()
        if module.split(".")[0] == "keras" and ".api" not in module
        for name, member in members.items()
        if isinstance(member, type | FunctionType)
    ]
    allowed = [s for s in spellings if stock_objects.is_stock_class(*s)]
    assert len(allowed) > 1000
    found = 0
    for module, name in (*allowed, *SPELLINGS):
        if stock_objects.is_stock_class(module, name):
            kept = {"module": module, "class_name": name, "registered_name": None}
            try:
                one = serialization_lib._retrieve_class_or_fn(
                    name, None, module, "class", kept
                )
            except ValueError:  # it finds some objects by fewer spellings
                continue
            assert one is getattr(sys.modules[module], name)
            found += 1
    assert found > 700
    refused = ("Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer")
    refused += ("StringLookup", "TextVectorization", "Map", "Function", "Operation")
    assert not {name for _, name in allowed} & set(refused)


def test_a_network_with_a_compiled_one_inside_opens(tmp_path):
    image = keras.Input((8, 8, 3))
    inner = keras.Model(image, keras.layers.Conv2D(2, 1)(image))
    inner.compile("adam", "mse", metrics=[keras.metrics.MeanIoU(2)])
    outer = keras.Model(image, inner(image) * 2)
    outer.save(tmp_path / "a.keras")
    pixels = np.ones((1, 8, 8, 3), "f4")
    found = runs.load(tmp_path / "a.keras")(pixels)
    np.testing.assert_array_equal(found, outer(pixels))


def test_half_precision_opens(tmp_path):
    """HDF5 has no type for bfloat16."""
    image = keras.Input((8, 8, 3), dtype="bfloat16")
    layer = keras.layers.Conv2D(2, 1, dtype="bfloat16")
    keras.Model(image, layer(image)).save(tmp_path / "a.keras")
    assert runs.load(tmp_path / "a.keras").weights[0].dtype == "bfloat16"


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
