"""Pictures for devices: the same grey levels, no framework, classes from the file."""

import subprocess
import sys

import cv2
import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasseg import predict
from kerasseg.data.resize import resize_image
from kerasseg.drawing import video_frames
from kerasseg.export.litert import conversion
from kerasseg.inference import litert
from kerasseg.inference.class_maps import class_map
from kerasseg.taxonomy import Taxonomy

TAXONOMY = Taxonomy.named(["road", "sky", "tree"])


@pytest.fixture(scope="module")
def network(tiny_network):
    return tiny_network


@pytest.fixture(scope="module")
def file(tiny_litert, tmp_path_factory):
    path = tmp_path_factory.mktemp("lite") / "model.tflite"
    both = conversion.SIGNATURES
    return conversion.finish(tiny_litert, path, "street", TAXONOMY, both)


sizes = st.tuples(*[st.integers(1, 90)] * 4)


@given(size=sizes, seed=st.integers(0, 99))
@settings(deadline=None, max_examples=25)
def test_stretched_is_bit_for_bit_what_training_saw(size, seed):
    high, wide, height, width = size
    random = np.random.default_rng(seed)
    image = random.integers(0, 256, (high, wide, 3), np.uint8)
    expected = resize_image(image, (height, width)).numpy()
    np.testing.assert_array_equal(litert.stretched(image, height, width), expected)


@pytest.mark.parametrize("size", [(64, 96), (48, 72), (320, 480), (33, 49)])
def test_stretched_at_whole_and_odd_factors(size):
    image = np.random.default_rng(1).integers(0, 256, (*size, 3), np.uint8)
    expected = resize_image(image, (32, 48)).numpy()
    np.testing.assert_array_equal(litert.stretched(image, 32, 48), expected)


def test_a_file_knows_its_size_and_classes(file):
    model = litert.Model(file, threads=1)
    assert (model.height, model.width) == (32, 48)
    assert model.taxonomy == TAXONOMY
    assert set(model.signatures) == {"class_map", "probabilities"}


def test_it_segments_as_the_network_does(file, network, rng):
    model = litert.Model(file, threads=1)
    image = rng.integers(0, 256, (32, 48, 3), np.uint8)
    logits = network(image[None].astype("float32"), training=False)
    assert (model.class_map(image) == class_map(logits)[0].numpy()).mean() > 0.999
    expected = keras.ops.softmax(logits)[0]
    np.testing.assert_allclose(model.probabilities(image), expected, atol=1e-5)
    assert model.segment(rng.integers(0, 256, (70, 51, 3), np.uint8)).shape == (70, 51)


def test_only_scores_also_give_a_class_map(tiny_litert, file, tmp_path, rng):
    path = conversion.finish(
        tiny_litert, tmp_path / "scores.tflite", "n", TAXONOMY, ["probabilities"]
    )
    image = rng.integers(0, 256, (32, 48, 3), np.uint8)
    scores = litert.Model(path, threads=1)
    assert scores.signatures == ("probabilities",)
    same = scores.class_map(image) == litert.Model(file, threads=1).class_map(image)
    assert same.mean() > 0.999
    with pytest.raises(ValueError, match="has the signatures probabilities, not"):
        scores._run("class_map", image)


@pytest.mark.parametrize(("overlap", "flip"), [(0, False), (8, True)])
def test_each_is_given_what_makes_the_class_map(file, rng, monkeypatch, overlap, flip):
    monkeypatch.setattr("kerasseg.tiles.PIECE", 2000)
    model, strips = litert.Model(file, threads=1), []
    image = rng.integers(0, 256, (70, 51, 3), np.uint8)
    ids = model.segment(image, overlap, flip, strips.append)
    np.testing.assert_array_equal(ids, model.segment(image, overlap, flip))
    assert len(strips) > 1
    assert (np.concatenate(strips).argmax(-1) == ids).mean() > 0.999


@pytest.mark.parametrize(("overlap", "flip"), [(0, False), (0, True), (8, True)])
def test_overlapping_classes(file, rng, monkeypatch, overlap, flip):
    """A network that tells three classes by the levels of the three bands."""
    model = litert.Model(file, threads=1)
    levels = np.zeros((16, 24, 3), np.uint8)
    levels[4:12, :, 0] = levels[:, 6:18, 1] = 255
    image = np.kron(levels, np.ones((4, 4, 1), np.uint8))
    monkeypatch.setattr(model, "exclusive", False)
    monkeypatch.setattr(model, "signatures", ("probabilities",))
    monkeypatch.setattr(model, "probabilities", lambda one: one / np.float32(255))
    found = model.segment(image, overlap, flip)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, image // 255)


def test_what_is_no_model_is_refused(tmp_path, tiny_litert):
    with pytest.raises(ValueError, match="does not exist"):
        litert.Model(tmp_path / "none.tflite")
    with pytest.raises(ValueError, match="is a folder"):
        litert.Model(tmp_path)
    (tmp_path / "bad.tflite").write_bytes(b"not a model")
    with pytest.raises(ValueError, match="is not a LiteRT file"):
        litert.Model(tmp_path / "bad.tflite")
    bare = conversion.finish(tiny_litert, tmp_path / "bare.tflite", "street")
    with pytest.raises(ValueError, match=r"no taxonomy\.json"):
        _ = litert.Model(bare).taxonomy


BLOCKED = """
import sys
for name in ("tensorflow", "keras", "tyro", "matplotlib", "tifffile", "scipy", "jax"):
    sys.modules[name] = None  # importing it now fails
from kerasseg import predict
predict.main(sys.argv[1:])
"""


def test_predict_on_a_device_needs_neither_tensorflow_nor_keras(file, tmp_path, rng):
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for name, size in {"a.png": (20, 30), "b.jpg": (61, 47)}.items():
        cv2.imwrite(str(pictures / name), rng.integers(0, 256, (*size, 3), np.uint8))
    video = tmp_path / "drive.mp4"
    writer = cv2.VideoWriter(str(video), cv2.VideoWriter_fourcc(*"mp4v"), 10, (64, 48))
    for level in range(5):
        writer.write(np.full((48, 64, 3), 40 * level, np.uint8))
    writer.release()
    out = tmp_path / "out"
    words = [str(pictures), str(video), "--litert", str(file), "--out", str(out)]
    done = subprocess.run(
        [sys.executable, "-c", BLOCKED, *words, "--frames", "3"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "3 predicted into" in done.stdout
    assert "a second" in done.stdout
    assert not done.stderr
    label = cv2.imread(str(out / "b_label.png"), cv2.IMREAD_UNCHANGED)
    assert (label.shape, label.dtype) == ((61, 47), np.uint8)
    assert label.max() < 3
    drawn = cv2.VideoCapture(str(out / "drive_overlay.mp4"))
    assert drawn.get(cv2.CAP_PROP_FRAME_COUNT) == 3


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["99"], "camera 99: no frame can be read"),
        (["missing.mp4"], "missing.mp4 does not exist"),
        (["x.txt"], "unknown kind of file"),
    ],
)
def test_inputs_that_cannot_be(file, tmp_path, capsys, monkeypatch, words, hint):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.txt").touch()
    with pytest.raises(SystemExit) as left:
        predict.main([*words, "--litert", str(file)])
    assert left.value.code == 2
    assert hint in capsys.readouterr().err


def test_run_and_litert_exclude_each_other(tmp_path, capsys):
    (tmp_path / "a.png").touch()
    argv = [str(tmp_path / "a.png"), "--run", "a", "--litert", "b"]
    with pytest.raises(SystemExit):
        predict.main(argv)
    assert "not both" in capsys.readouterr().err


def test_overlays_by_hand():
    image = np.full((4, 4, 3), 100, np.uint8)
    label = np.array([[0] * 4] * 2 + [[255] * 4] * 2, np.uint8)
    taxonomy = Taxonomy(("red",), ((200, 0, 0),))
    drawn = video_frames.overlay(image, label, taxonomy, 0.5)
    assert drawn[0, 0].tolist() == [150, 50, 50]
    assert drawn[3, 3].tolist() == [50, 50, 50]


def test_captions_stay_inside_any_frame():
    for size in ((1, 1), (40, 30), (480, 640)):
        label = np.zeros(size, np.uint8)
        picture = np.full((*size, 3), 255, np.uint8)
        drawn = video_frames.captioned(picture, TAXONOMY, label, 12.3)
        assert drawn.shape == picture.shape
        assert drawn.min() < 255
