"""The mean over sizes and mirror image, against the same by hand, in graphs or not."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
import tiny
from PIL import Image

from kerasseg import UserError, config, evaluate, models, predict, runs
from kerasseg.data import records
from kerasseg.fit import from_settings, other_sizes
from kerasseg.inference import averaging, class_maps, own_models, scales
from kerasseg.inference.scales import Sized

pytestmark = pytest.mark.processes

SIZES = [(24, 40), tiny.SIZE, (40, 64)]


@pytest.fixture(scope="module")
def passes():
    """The same weights at three sizes."""
    networks = [tiny.network(size) for size in SIZES]
    for other in networks[1:]:
        other.set_weights(networks[0].get_weights())
    return [Sized.of(network) for network in networks]


def by_hand(passes, image, flip):
    """Every pass alone: resized, run, brought back, softmax; then the mean."""
    found = []
    for one in passes:
        for step in (1, -1)[: 1 + flip]:
            pixels = tf.image.resize(image[None, :, ::step], one.size, antialias=True)
            pixels = np.clip(np.round(pixels), 0, 255)
            logits = tf.image.resize(one.run(tf.constant(pixels)), image.shape[:2])
            found.append(tf.nn.softmax(logits).numpy()[0, :, ::step])
    return np.mean(found, 0)


@pytest.mark.parametrize("flip", [False, True])
def test_all_ways_give_the_mean_of_probabilities(passes, flip, rng):
    image = rng.integers(0, 256, (50, 70, 3)).astype(np.uint8)
    expected = by_hand(passes, image, flip)
    mean = averaging.mean_predictor(passes, flip)(image[None])[0]
    np.testing.assert_allclose(mean, expected, atol=1e-5)
    network = tiny.network()
    options = {"passes": passes, "flip": flip}
    found = class_maps.probabilities(network, image, **options)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    seen = []
    ids = class_maps.segmenter(network, **options)(image, seen.append)
    np.testing.assert_allclose(np.concatenate(seen), expected, atol=1e-5)
    assert (ids == expected.argmax(-1)).mean() > 0.999


def test_tiles_are_run_at_all_sizes(passes, rng):
    """A picture of one tile: as if there were none."""
    image = rng.integers(0, 256, (*tiny.SIZE, 3)).astype(np.uint8)
    image = np.concatenate([image, image[::-1]])
    found = class_maps.probabilities(tiny.network(), image, 8, passes=passes)
    plain = by_hand(passes, image[:32], False)
    np.testing.assert_allclose(found[:24], plain[:24], atol=1e-5)
    np.testing.assert_allclose(found.sum(-1), 1, atol=1e-5)


def test_classes_that_overlap_have_the_mean_of_sigmoids(passes, rng):
    image = rng.integers(0, 256, (1, *tiny.SIZE, 3)).astype(np.uint8)
    found = averaging.mean_predictor(passes[1:2], True, exclusive=False)(image)
    one = passes[1].run
    expected = tf.sigmoid(one(image)) + tf.sigmoid(one(image[:, :, ::-1]))[:, :, ::-1]
    np.testing.assert_allclose(found, expected / 2, atol=1e-6)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([0.75, 1, 0.75], "names a scale twice: 0.75 1 0.75"),
        ([1, 0], "must be numbers from 0.125 to 8, such as 0.75 1 1.25, got 0."),
        ([float("nan")], "got nan"),
        ([9], "got 9"),
    ],
)
def test_scales_that_cannot_be(given, said):
    with pytest.raises(UserError, match=said):
        scales.check(given)


@pytest.fixture(scope="module")
def scaled(shared_run):
    network = runs.load(shared_run)
    return network, other_sizes.passes_of(shared_run, (0.5, 1, 1.5))(network)


def test_the_network_of_a_run_at_other_sizes(scaled, shared_run, rng):
    network, passes = scaled
    assert [one.size for one in passes] == [(16, 24), (32, 48), (48, 72)]
    settings = runs.settings(shared_run)
    large = from_settings.network_of(settings.model, 11, (48, 72), weights=False)
    large.set_weights(network.get_weights())
    image = rng.uniform(0, 255, (1, 48, 72, 3)).astype("float32")
    expected = large(image, training=False)
    np.testing.assert_allclose(passes[2].run(image), expected, atol=1e-5)
    variable = network.trainable_variables[-1]
    variable.assign(variable + 1)  # read when it runs, not copied
    np.testing.assert_allclose(passes[2].run(image), expected + 1, atol=1e-4)
    variable.assign(variable - 1)


@pytest.mark.parametrize("size", [(64, 96), (33, 50)])
def test_a_ladder_at_sizes_that_32_does_not_divide(tmp_path, size):
    options = {"aspp_filters": 8, "filters": (8, 8, 4, 4), "weights": "none"}
    name, words = "ladder_efficientnet_lite0", ["--model.options"]
    words += [f"{k}={list(v) if k == 'filters' else v}" for k, v in options.items()]
    keras.utils.set_random_seed(0)
    network = tiny.normalised(models.build(name, 3, (64, 64, 3), **options))
    settings = config.parse(["--model.name", name, *words])
    runs.save(network, tmp_path / "network.keras")
    (tmp_path / "config.toml").write_text(config.to_toml(settings))
    read = runs.load(tmp_path)
    expected = models.build(name, 3, (*size, 3), **options)
    expected.set_weights(network.get_weights())  # both made by the function
    image = np.random.default_rng(0).uniform(0, 255, (1, *size, 3)).astype("float32")
    found = other_sizes._sized(tmp_path, read, Sized.of(read), size).run(image)
    np.testing.assert_allclose(found, expected(image, training=False), atol=1e-5)


def test_sizes_that_are_the_same(scaled, shared_run):
    wanted = other_sizes.passes_of(shared_run, (1, 1.01))
    with pytest.raises(UserError, match="sizes 32x48, 32x48, one of them twice"):
        wanted(scaled[0])


def test_a_network_that_its_settings_do_not_build(shared_run):
    other = models.build("unet", 11, (32, 48, 3), filters=6, depth=2)
    with pytest.raises(UserError, match=r"another network than its config\.toml"):
        other_sizes.passes_of(shared_run, (2,))(other)


def test_evaluate_tells_what_it_gains_and_costs(own_run, capsys):
    (own_run / "report.html").write_text("")
    evaluate.main([str(own_run), "--flip", "--scales", "0.5", "1", "--robustness"])
    said = capsys.readouterr().out
    assert "mean over sizes 16x24, 32x48 and mirror image: mIoU" in said
    assert "  gamma: " in said and "mean corruption mIoU" in said
    folder = own_run / "evaluation-val-flip-scales_0.5_1"
    found = read_json(folder / "metrics.json")
    plain = read_json(own_run / "metrics.json")
    averaged = found["averaged"]
    assert averaged["one_pass_miou"] == pytest.approx(plain["miou"], abs=1e-5)
    assert averaged["miou"] == pytest.approx(found["miou"], abs=1e-5)
    assert averaged["sizes"] == [[16, 24], [32, 48]]
    assert averaged["milliseconds"] > 0 < averaged["one_pass_milliseconds"]
    page = (own_run / "report.html").read_text()
    assert "Sizes and mirror image" in page and "Robustness (evaluation-val" in page


def read_json(file):
    return json.loads(file.read_text())


def test_pixels_of_the_label_count_once(own_run, shared_records):
    """A network of twice the size of its records, judged on their own pixels."""
    keras.utils.set_random_seed(0)
    network = models.build("unet", 11, (64, 96, 3), filters=4, depth=2)
    runs.save(tiny.normalised(network), own_run / "network.keras")
    evaluate.main([str(own_run)])
    found = read_json(own_run / "metrics.json")
    assert found["size"] == [64, 96]
    samples = list(records.read(shared_records, "val"))
    labelled = sum((sample.label != 255).sum() for sample in samples)
    assert np.sum(found["matrix"]) == labelled
    maps = predict.predict_model(network, [sample.image for sample in samples])
    hits = sum(
        int((ids == sample.label).sum())
        for ids, sample in zip(maps, samples, strict=True)
    )
    assert np.trace(found["matrix"]) == pytest.approx(hits, abs=2)


def test_predict_takes_scales(own_run, tmp_path, rng, capsys):
    picture = tmp_path / "a.png"
    Image.fromarray(rng.integers(0, 256, (40, 60, 3)).astype(np.uint8)).save(picture)
    words = [str(picture), "--run", str(own_run), "--scales", "1", "1.5", "--out"]
    predict.main([*words, str(tmp_path / "out")])
    assert (tmp_path / "out" / "a_label.png").is_file()
    with pytest.raises(SystemExit):
        predict.main([str(picture), "--litert", "x.tflite", "--scales", "1", "2"])
    assert "--scales needs Keras and --run" in capsys.readouterr().err


def test_own_models_of_any_size_and_of_one(rng):
    image = rng.integers(0, 256, (24, 32, 3)).astype(np.uint8)
    given = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(3, 5, padding="same")(given / 255.0)
    free = keras.Model(given, keras.layers.Softmax()(x))
    wanted = {"scales": (0.5, 1), "probabilities": True}
    (found,) = own_models.predict_model(free, image, **wanted)
    half = np.clip(np.round(tf.image.resize(image, (12, 16), antialias=True)), 0, 255)
    low = tf.math.log(free(half[None]))
    low = tf.nn.softmax(tf.image.resize(low, (24, 32)))
    np.testing.assert_allclose(found, (free(image[None]) + low)[0] / 2, atol=1e-4)
    with pytest.raises(UserError, match="takes images of 32 x 48 alone, and scales"):
        own_models.predict_model(tiny.network(), image, scales=(1, 2))
