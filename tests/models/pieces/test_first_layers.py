"""The layers before the first convolution: clip, scale, any number of bands."""

import keras
import numpy as np
import pytest
from networks import CLASSES, SMALL, call, random_images

from kerasseg import UserError, models
from kerasseg.files import untrusted
from kerasseg.image_format import RGB_BANDS, InputRange
from kerasseg.models.pieces import first_layers

RANGE = InputRange(
    low=(0, 100, -5.0, 3),
    high=(10, 5000, 5.0, 3),
    mean=(4, 900, 0, 3),
    deviation=(2, 700, 1, 0),
)
"""The last band is always 3: it says nothing."""
FAR = InputRange((29990.0,), (30010.0,), (30000.0,), (5.0,))
QUICK = {"naive": (1, 2, 4, 8), "unet": (2, 8), "segnet": (1, 4)}
"""Networks that are built and called in a moment, and numbers of bands."""


def seen(found, image, scale=1 / 127.5, offset=-1.0, bands=(), **options):
    """What a first convolution sees of (..., C)."""
    pixels = keras.Input((*image.shape[1:-1], image.shape[-1]))
    with first_layers.images(image.shape[-1], found, bands):
        out = first_layers.scaled(pixels, scale, offset, **options)
    return call(keras.Model(pixels, out), image)


def standard(image, found):
    """(B, ..., C) in float64 by the formula of `InputRange`."""
    clipped = np.clip(image.astype(float), found.low, found.high) - found.mean
    deviation = np.array(found.deviation, float)
    return np.where(deviation > 0, clipped / np.where(deviation, deviation, 1), 0)


def values(*shape):
    """Numbers inside, at and far outside of the range, the largest of float32 too."""
    image = np.random.default_rng(0).uniform(-50, 6000, (*shape, 4)).astype("float32")
    largest = np.finfo("float32").max
    image[0, 0, :4] = np.array([largest, -largest, 0, 1])[:, None]
    image[0, 1, 0], image[0, 1, 1] = RANGE.low, RANGE.high
    return image


@pytest.mark.agnostic
def test_numbers_are_clipped_and_scaled_by_the_formula():
    image = values(1, 8, 8)
    np.testing.assert_allclose(seen(RANGE, image), standard(image, RANGE), atol=1e-5)


@pytest.mark.agnostic
def test_far_from_zero_no_digits_are_lost():
    image = np.arange(29985, 30015, 0.25, "float32").reshape(1, 10, 12, 1)
    np.testing.assert_allclose(seen(FAR, image), standard(image, FAR), atol=1e-6)


@pytest.mark.agnostic
def test_without_limits_nothing_is_clipped():
    endless = InputRange((-np.inf,), (np.inf,), (30000.0,), (5.0,))
    image = np.array([-1e6, 29990, 30000, 1e6], "float32").reshape(1, 2, 2, 1)
    found = seen(endless, image)
    np.testing.assert_allclose(found, standard(image, endless), rtol=1e-6)


@pytest.mark.agnostic
def test_a_range_of_a_picture_is_seen_as_0_to_255():
    wide = InputRange((0.0,) * 3, (65535.0,) * 3, (0.0,) * 3, (1.0,) * 3, picture=True)
    pixels = random_images(1, 5, 6, 3).round()
    mean = {"scale": 1.0, "offset": (-123.0, -116.0, -103.0)}
    for options in ({}, mean):
        expected = seen(None, pixels, **options)
        found = seen(wide, pixels * 257, **options)
        np.testing.assert_allclose(found, expected, atol=1e-4)
        np.testing.assert_allclose(
            seen(wide, pixels * 1e9, **options).max(),
            seen(None, np.full_like(pixels, 255), **options).max(),
            atol=1e-4,
        )


def test_standard_scores_become_what_imagenet_pictures_are():
    """By hand: mean .449 and deviation .226 of 0..1 are -.102 and .452 of -1..1."""
    image = values(1, 8, 8)
    found = seen(RANGE, image, imagenet=True)
    expected = -0.102 + 0.452 * standard(image, RANGE)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_colours_are_found_by_their_names():
    image = np.ones((1, 2, 2, 4), "float32")
    found = seen(None, image, 1.0, (10.0, 20.0, 60.0), ("nir", "blue", "green", "red"))
    assert found[0, 0, 0].tolist() == [31, 61, 21, 11]
    kernel = np.arange(6, dtype="float32").reshape(1, 1, 3, 2)
    with first_layers.images(4, None, ("nir", "blue", "green", "red")):
        made = first_layers.stem_kernel(kernel, 4, 4)
    assert made[0, 0].tolist() == [[0, 0], [4, 5], [2, 3], [0, 1]]


@pytest.mark.parametrize(
    ("name", "bands"),
    [
        (name, bands)
        if bands in QUICK.get(name, ())
        else pytest.param(name, bands, marks=pytest.mark.slow)
        for name in SMALL
        for bands in (1, 2, 4, 8)
    ],
)
def test_every_network_takes_any_number_of_bands(name, bands):
    (*size, _), options = SMALL[name]
    image = random_images(1, *size, bands)
    found = InputRange(
        (10.0,) * bands, (200.0,) * bands, (90.0,) * bands, (40.0,) * bands
    )
    names = tuple(f"b{number}" for number in range(bands))
    # Of pictures too, for one of those whose scaling has a number for each colour.
    for known in (found, None) if name in ("segnet", "fcn8s") else (found,):
        network = models.build(name, CLASSES, (*size, bands), known, names, **options)
        assert network.output_shape[-1] == CLASSES
        assert not any(isinstance(layer, keras.Model) for layer in network.layers)
        clipped = image if known is None else np.clip(image, 10, 200)
        logits = call(network, image)
        assert np.isfinite(logits).all()
        np.testing.assert_array_equal(logits, call(network, clipped))


def test_a_saved_network_is_the_same_and_no_code(tmp_path):
    image = values(1, 32, 32)
    file = tmp_path / "network.keras"
    network = models.build("unet", 3, (32, 32, 4), RANGE, filters=4, depth=2)
    network.save(file)
    untrusted.check_network(file)
    loaded = keras.saving.load_model(file, compile=False, safe_mode=True)
    np.testing.assert_array_equal(call(loaded, image), call(network, image))


@pytest.mark.processes
def test_litert_computes_the_same(tmp_path):
    """Of the layers alone, with built-in operations."""
    import tensorflow as tf
    from ai_edge_litert.interpreter import Interpreter

    image = values(1, 16, 16)
    pixels = keras.Input((16, 16, 4), batch_size=1)
    with first_layers.images(4, RANGE):
        network = keras.Model(pixels, first_layers.scaled(pixels, 1.0))
    exported = tf.function(
        lambda x: network(x), input_signature=[tf.TensorSpec(image.shape)]
    )
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [exported.get_concrete_function()], network
    )
    interpreter = Interpreter(model_content=converter.convert())
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image)
    interpreter.invoke()
    found = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    np.testing.assert_allclose(found, call(network, image), atol=2e-6)


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        (((0.0,), (1.0, 2.0), (0.0,), (1.0,)), "needs low, high, mean and deviation"),
        (((0.0,), (np.inf,), (0.0,), (1.0,)), "must be finite, or infinite for all"),
        (((0.0,), (1.0,), (np.nan,), (1.0,)), "must be finite"),
        (((2.0,), (1.0,), (0.0,), (1.0,)), "goes from low to high"),
        (((0.0,), (1.0,), (0.0,), (-1.0,)), "not negative"),
    ],
)
def test_a_range_that_makes_no_sense_is_refused(numbers, message):
    with pytest.raises(UserError, match=message):
        InputRange(*numbers)


def test_a_range_or_names_of_other_bands_are_refused():
    with pytest.raises(UserError, match="a range of 3 bands, as the image has, got 4"):
        models.build("naive", 2, (8, 8, 3), RANGE)
    with pytest.raises(UserError, match="names of 1 bands, as the image has, got 3"):
        models.build("naive", 2, (8, 8, 1), bands=RGB_BANDS)
