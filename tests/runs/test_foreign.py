"""What is said of a .keras file alone, and what is taken from files beside it."""

import json

import h5py
import keras
import numpy as np
import pytest
from PIL import Image
from test_wrong_inputs import refused

from kerasseg import UserError, evaluate, predict, runs
from kerasseg.image_format import GRAY, RGB, ImageFormat
from kerasseg.inference import arguments
from kerasseg.inference.foreign.network import Foreign
from kerasseg.runs import foreign
from kerasseg.taxonomy import Taxonomy


def found(outputs=3, activation="softmax", channels=3, size=(8, 8), scales=True):
    return Foreign(None, "a.keras", size, 1, channels, outputs, activation, scales)


def legend(folder, *names):
    (folder / "names.txt").write_text("".join(f"{name}\n" for name in names))
    return str(folder / "names.txt")


def test_names_by_a_legend_by_taxonomy_json_or_by_number(tmp_path):
    file = tmp_path / "a.keras"
    assert foreign.classes_of(found(), file, "") == Taxonomy.numbered(3)
    named = foreign.classes_of(found(), file, legend(tmp_path, "sky", "sea", "land"))
    assert named.names == ("sky", "sea", "land")
    (tmp_path / "taxonomy.json").write_text(
        json.dumps(Taxonomy.named(["a", "b", "c"]).to_json())
    )
    assert foreign.classes_of(found(), file, "").names == ("a", "b", "c")
    with pytest.raises(UserError, match=r"names 3 classes, and .* tells 4 apart"):
        foreign.classes_of(found(4), file, "")
    with pytest.raises(UserError, match="--classes nowhere does not exist"):
        foreign.classes_of(found(), file, "nowhere")


def test_classes_of_one_channel_and_of_sigmoids(tmp_path):
    file = tmp_path / "a.keras"
    one = foreign.classes_of(found(1, "sigmoid"), file, legend(tmp_path, "cell"))
    assert (one.names, one.exclusive) == (("background", "cell"), True)
    assert foreign.classes_of(found(1, "none"), file, "").num_classes == 2
    assert not foreign.classes_of(found(3, "sigmoid"), file, "").exclusive
    assert foreign.classes_of(found(3, "softmax"), file, "").exclusive


def test_images_by_their_channels(tmp_path):
    file = tmp_path / "a.keras"
    assert foreign.images_of(found(channels=1), file, "") == GRAY
    assert foreign.images_of(found(), file, "") == RGB
    assert foreign.images_of(found(channels=4), file, "").bands[-1] == "alpha"
    four = foreign.images_of(found(channels=4), file, "uint16")
    assert (four.bands[-1], four.type) == ("band_4", "uint16")
    bands = ImageFormat.of(("red", "nir"), "uint16")
    (tmp_path / "image_format.json").write_text(json.dumps(bands.to_json()))
    assert foreign.images_of(found(channels=2), file, "") == bands
    with pytest.raises(UserError, match="takes 3 channels"):
        foreign.images_of(found(), file, "")


def test_the_range_of_pixels():
    assert foreign.scaling_of(None, RGB) == (1, 0)
    scale, offset = foreign.scaling_of([-1, 1], RGB)
    assert (0 * scale + offset, 255 * scale + offset) == (-1, 1)
    scale, offset = foreign.scaling_of([0, 1], ImageFormat.of(("a",), "int16"))
    assert -32768 * scale + offset == pytest.approx(0)
    assert 32767 * scale + offset == pytest.approx(1)
    for wanted in [1, 0], [0, float("nan")], [0, float("inf")]:
        with pytest.raises(UserError, match="LOW below HIGH"):
            foreign.scaling_of(wanted, RGB)
    with pytest.raises(UserError, match="float32 is given as it is"):
        foreign.scaling_of([0, 1], ImageFormat.of(("a",), "float32"))


def said(network, *flags, names=("a", "b", "c"), exclusive=True):
    asked = arguments.parser().parse_args(["x.png", *flags])
    taxonomy = Taxonomy.named(names) if names else Taxonomy.numbered(3)
    taxonomy = Taxonomy(taxonomy.names, taxonomy.colours, exclusive)
    return " ".join(foreign.lines(network, taxonomy, RGB, asked))


def test_what_is_not_known_is_said_with_its_flag():
    assert said(found()) == ""
    assert "--input-range" in said(found(scales=False))
    assert said(found(scales=False), "--input-range", "0", "1") == ""
    assert "--size HEIGHT WIDTH" in said(found(size=None))
    assert "--classes FILE" in said(found(), names=())
    assert "above 0.5" in said(found(1, "sigmoid"), names=("a", "b"))
    assert "a logit" in said(found(1, "none"), names=("a", "b"))
    assert "--activation softmax" in said(found(3, "sigmoid"), exclusive=False)
    assert "taken for logits" in said(found(activation="unknown"))


def test_flags_are_refused_where_a_run_says_it(tmp_path):
    asked = arguments.parser().parse_args(["a.png", "--input-range", "0", "1"])
    with pytest.raises(UserError, match=r"--input-range is for a \.keras file alone"):
        foreign.refuse_flags(asked, "saved_models/a-1")
    assert foreign.is_foreign(tmp_path)
    for name in ("taxonomy.json", "config.toml"):
        (tmp_path / name).touch()
    assert not foreign.is_foreign(tmp_path)
    assert not foreign.is_foreign(tmp_path / "network.keras")


def test_predict_runs_a_keras_file_alone(capsys, tmp_path):
    """One channel, any size, pixels from 0 to 1: class 1 where the first is above."""
    image = keras.Input((None, None, 1))
    layer = keras.layers.Conv2D(1, 1, activation="sigmoid", name="last")
    network = keras.Model(image, layer(image))
    layer.set_weights([np.full((1, 1, 1, 1), 8.0), np.full(1, -4.0)])
    network.save(tmp_path / "cells.keras")
    values = np.arange(35, dtype="u1").reshape(5, 7) * 7
    Image.fromarray(values).save(tmp_path / "a.png")
    flags = ["--run", tmp_path / "cells.keras", "--out", tmp_path / "out"]
    flags += ["--input-range", "0", "1", "--classes", legend(tmp_path, "cell")]
    predict.main([str(word) for word in (tmp_path / "a.png", *flags)])
    told = capsys.readouterr().out
    assert "class 1 where it is above 0.5" in told
    (written,) = (tmp_path / "out").glob("a*.png")
    label = np.asarray(Image.open(written))
    np.testing.assert_array_equal(label, values > 127)
    assert "A network alone is for" in refused(
        capsys, evaluate.main, tmp_path / "cells.keras"
    )


def saved_model(folder):
    (folder / "saved_model.pb").touch()
    return folder


def hdf5(folder, whole):
    with h5py.File(folder / "m.keras", "w") as opened:
        opened["a"] = 1
        if whole:
            opened.attrs["model_config"] = "{}"
    return folder / "m.keras"


def text(folder, name="m.keras", start="hello"):
    (folder / name).write_text(start)
    return folder / name


OTHERS = {
    "is a SavedModel": saved_model,
    "older HDF5 form": lambda folder: hdf5(folder, True),
    "weights without their network": lambda folder: hdf5(folder, False),
    "--litert": lambda folder: text(folder, "m.tflite", "abcdTFL3"),
    "an ONNX file": lambda folder: text(folder, "m.onnx"),
    "no network that is known": lambda folder: text(folder, "m.txt"),
    "was refused": text,
    "Name that file": lambda folder: text(folder).parent,
    "No network at": lambda folder: folder,
}


@pytest.mark.parametrize("words", OTHERS)
def test_files_of_other_kinds_are_told_what_they_are(tmp_path, words):
    with pytest.raises(UserError) as caught:
        runs.load(OTHERS[words](tmp_path))
    assert words in str(caught.value)
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)
