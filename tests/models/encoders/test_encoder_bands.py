"""Encoders for any bands give what their picture of red, green and blue gave."""

import keras
import numpy as np
import pytest
from networks import call, chosen, random_images, randomize_statistics

from kerasseg.image_format import RGB_BANDS, InputRange
from kerasseg.models.encoders import ENCODERS, encode
from kerasseg.models.encoders.weights import for_bands, load_own
from kerasseg.models.pieces import first_layers

NARROW = {"mobilenet", "resnet", "vgg16", "xception"}
QUICK = ("vgg16", "mobilenet_v3_small")
"""One with a mean for each colour, one without."""
NAMED = ("nir", "blue", "green", "red", "height")
CASES = {
    "gray": (("gray",), False),
    "two": (("vv", "vh"), False),
    "eight": (tuple(f"b{n}" for n in range(8)), False),
    "eight standardised": (tuple(f"b{n}" for n in range(8)), True),
    "named": (NAMED, False),
    "named standardised": (NAMED, True),
}


def encoder(name, bands, standardised=False, weights="none"):
    """From the image to the map of stride 2, which all further maps come from."""
    narrow = any(word in name for word in NARROW)
    options = {"width": 0.25 if "vgg" in name else 0.5} if narrow else {}
    count = len(bands)
    found = InputRange(
        (0.0,) * count, (255.0,) * count, (90.0,) * count, (40.0,) * count
    )
    image = keras.Input((33, 34, count))
    with first_layers.images(count, found if standardised else None, bands):
        maps = encode(name, image, weights=weights, **options)
    return keras.Model(image, maps[2])


@pytest.fixture(scope="module", params=chosen(ENCODERS, QUICK))
def name(request):
    return request.param


@pytest.fixture(scope="module")
def trained(name):
    """The encoder of pictures, and that of standardised pictures: the same weights."""
    keras.utils.set_random_seed(0)
    plain = randomize_statistics(encoder(name, RGB_BANDS))
    standardised = encoder(name, RGB_BANDS, True)
    standardised.set_weights(plain.get_weights())
    return plain, standardised


@pytest.mark.agnostic
@pytest.mark.parametrize("case", CASES)
def test_bands_that_are_equal_give_what_their_picture_gave(name, trained, case):
    bands, standardised = CASES[case]
    rgb = trained[standardised]
    ours = encoder(name, bands, standardised)
    layers = [[layer for layer in m.layers if layer.weights] for m in (ours, rgb)]
    for number, (layer, known) in enumerate(zip(*layers, strict=True)):
        found = known.get_weights()
        if number == 0:
            with first_layers.images(len(bands), None, bands):
                found = for_bands(ours, found)
        layer.set_weights(found)

    pixels = random_images(1, 33, 34, 3)
    if bands == NAMED:  # further bands begin at zero, whatever they hold
        others = 255 - pixels[..., :1], 300 + pixels[..., :1]
        image = np.concatenate([others[0], pixels[..., ::-1], others[1]], axis=-1)
    else:
        pixels = np.repeat(pixels[..., :1], 3, axis=-1)
        image = np.repeat(pixels[..., :1], len(bands), axis=-1)
    expected = call(rgb, pixels)
    scale = max(1.0, np.abs(expected).max())
    np.testing.assert_allclose(call(ours, image), expected, atol=1e-5 * scale)


def test_an_own_file_of_an_rgb_encoder_fills_one_of_other_bands(tmp_path):
    rgb = randomize_statistics(encoder("resnet50", RGB_BANDS))
    file = tmp_path / "rgb.weights.h5"
    rgb.save_weights(file)
    gray = encoder("resnet50", ("vv", "vh"), standardised=True)
    with first_layers.images(2, None, ("vv", "vh")):
        load_own(gray, "resnet50", str(file))
    (kernel, *_), (known, *_) = gray.get_weights(), rgb.get_weights()
    expected = known.sum(axis=2, keepdims=True) / 2
    np.testing.assert_allclose(kernel, np.repeat(expected, 2, axis=2), rtol=1e-6)
    for found, same in zip(gray.get_weights()[1:], rgb.get_weights()[1:], strict=True):
        np.testing.assert_array_equal(found, same)
