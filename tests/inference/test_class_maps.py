"""One picture through a network: tiles, flips, CRF, and the flags for them."""

import json

import cv2
import jpeg_png
import numpy as np
import pytest
import tensorflow as tf
import tiny
from PIL import Image
from test_wrong_inputs import refused

from kerasseg import predict, tiles
from kerasseg.crf import dense_crf
from kerasseg.export.litert import conversion
from kerasseg.inference import class_maps, litert
from kerasseg.inference.mirror import mirrored_mean
from kerasseg.taxonomy import Taxonomy

SIZE = (32, 48)
LARGE = (70, 101)
TAXONOMY = Taxonomy.named(["road", "sky", "tree"])


@pytest.fixture(scope="module")
def network():
    return tiny.convolution()


@pytest.fixture(scope="module")
def run(network, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    network.save(folder / "network.keras")
    (folder / "taxonomy.json").write_text(json.dumps(TAXONOMY.to_json()))
    return folder


@pytest.fixture(scope="module")
def device(network, tmp_path_factory):
    path = tmp_path_factory.mktemp("lite") / "model.tflite"
    both = conversion.SIGNATURES
    return conversion.write(network, path, taxonomy=TAXONOMY, signatures=both)


@pytest.mark.parametrize("flip", [False, True])
def test_tiles_of_large_pictures(network, flip):
    image = jpeg_png.noise(*LARGE)

    def tiled(image):
        return tf.nn.softmax(tiles.predict(network, image, SIZE, 8)).numpy()

    expected = mirrored_mean(tiled, image) if flip else tiled(image)
    given = class_maps.probabilities(network, image, 8, flip)
    np.testing.assert_allclose(given, expected, atol=1e-5)
    ids = class_maps.segmenter(network, 8, flip)(image)
    assert (ids == expected.argmax(-1)).mean() > 0.999


def test_what_each_is_given_makes_the_class_map(network, monkeypatch):
    """Strips of probabilities, of every way to predict."""
    monkeypatch.setattr("kerasseg.inference.strips.AT_ONCE", 2000)
    image = jpeg_png.noise(*LARGE)
    for overlap, flip in ((0, False), (8, False), (0, True)):
        strips = []
        segment = class_maps.segmenter(network, overlap, flip)
        ids = segment(image, strips.append)
        np.testing.assert_array_equal(ids, segment(image))
        np.testing.assert_array_equal(np.concatenate(strips).argmax(-1), ids)
        expected = class_maps.probabilities(network, image, overlap, flip)
        np.testing.assert_allclose(np.concatenate(strips), expected, atol=1e-6)
        assert len(strips) > 1


@pytest.mark.parametrize("flip", [False, True])
def test_large_pictures_are_stretched_without_tensorflow(network, monkeypatch, flip):
    image = jpeg_png.noise(*LARGE)
    expected = class_maps.segmenter(network, flip=flip)(image)
    monkeypatch.setattr(class_maps, "LARGE", 0)
    found = class_maps.segmenter(network, flip=flip)(image)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("flip", [False, True])
def test_overlapping_classes(network, flip):
    image = jpeg_png.noise(*LARGE)
    logits = class_maps.logits_at_size(network, image[None])[0]
    mirrored = class_maps.logits_at_size(network, image[None, :, ::-1])[0, :, ::-1]
    both = (tf.sigmoid(logits) + tf.sigmoid(mirrored)) / 2
    expected = (both > 0.5) if flip else (logits > 0)
    given = class_maps.segmenter(network, flip=flip, exclusive=False)(image)
    assert (given.shape, given.dtype) == ((*LARGE, 3), np.uint8)
    assert (given == expected.numpy()).mean() > 0.999
    assert set(np.unique(given.sum(-1))) - {1}  # none or several, too
    tiled = class_maps.probabilities(network, image, 8, flip, exclusive=False)
    blended = tiles.predict(network, image, SIZE, 8)
    if not flip:
        np.testing.assert_allclose(tiled, tf.sigmoid(blended), atol=1e-5)


def test_small_pictures_are_stretched_whatever_the_overlap(network):
    image = jpeg_png.noise(20, 40)
    logits = class_maps.logits_at_size(network, image[None])
    given = class_maps.probabilities(network, image, 8)
    np.testing.assert_allclose(given, tf.nn.softmax(logits)[0], atol=1e-6)
    plain = class_maps.segmenter(network)(image)
    np.testing.assert_array_equal(class_maps.segmenter(network, 8)(image), plain)


def test_crf_comes_after_the_mean(network):
    image = jpeg_png.noise(20, 30)
    mean = class_maps.probabilities(network, image, flip=True)
    expected = dense_crf(mean, image).argmax(-1)
    given = class_maps.segmenter(network, flip=True, crf=True)(image)
    np.testing.assert_array_equal(given, expected)


def test_predictor_averages_the_mirror_image(network):
    images = np.stack([jpeg_png.noise(*SIZE, seed) for seed in (1, 2)])
    one = class_maps.predictor(network)(images)
    other = class_maps.predictor(network)(images[:, :, ::-1])
    both = class_maps.predictor(network, flip=True)(images)
    np.testing.assert_allclose(both, (one + other[:, :, ::-1]) / 2, atol=1e-6)


@pytest.mark.parametrize("flip", [False, True])
def test_devices_tile_as_the_library_does(network, device, flip):
    image = jpeg_png.noise(*LARGE)
    ids = litert.Model(device, threads=1).segment(image, overlap=8, flip=flip)
    expected = class_maps.probabilities(network, image, 8, flip).argmax(-1)
    assert ids.dtype == np.uint8
    assert (ids == expected).mean() > 0.999


def test_flags_of_predict(network, run, device, tmp_path):
    """--tiles shares a quarter of the shorter side: 8 of 32 pixels."""
    image = jpeg_png.noise(*LARGE)
    cv2.imwrite(str(tmp_path / "a.png"), image[..., ::-1])
    out = tmp_path / "out"
    words = [str(tmp_path / "a.png"), "--out", str(out)]
    plain = class_maps.probabilities(network, image).argmax(-1)
    tiled = class_maps.probabilities(network, image, 8).argmax(-1)
    both = class_maps.probabilities(network, image, 8, flip=True).argmax(-1)
    assert (plain == tiled).mean() < 0.99
    for where, value in (("--run", run), ("--litert", device)):
        for flags, expected in (
            (["--tiles"], tiled),
            (["--overlap", "8", "--flip"], both),
        ):
            predict.main([*words, where, str(value), *flags])
            assert (written(out / "a_label.png") == expected).mean() > 0.999
    sharpened = class_maps.segmenter(network, crf=True)(image)
    predict.main([*words, "--run", str(run), "--crf"])
    np.testing.assert_array_equal(written(out / "a_label.png"), sharpened)


def written(file):
    """The ids that `predict` wrote: the stored bytes of a palette or gray PNG."""
    return np.asarray(Image.open(file))


@pytest.mark.parametrize("overlap", ["7", "32", "-2"])
def test_overlaps_that_cannot_be(run, device, tmp_path, capsys, overlap):
    cv2.imwrite(str(tmp_path / "a.png"), jpeg_png.noise(4, 4))
    for where, value in (("--run", run), ("--litert", device)):
        argv = [tmp_path / "a.png", where, value, "--overlap", overlap]
        line = refused(capsys, predict.main, *argv)
        negative = "--overlap: must be 0 or more, got -2"
        even = "--overlap must be even, from 2 to 31 pixels"
        assert (negative if overlap == "-2" else even) in line


def test_no_crf_on_devices(device, tmp_path, capsys):
    (tmp_path / "a.png").touch()
    argv = [tmp_path / "a.png", "--litert", device, "--crf"]
    assert "--crf needs Keras" in refused(capsys, predict.main, *argv)
