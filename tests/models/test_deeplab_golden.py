"""Xception-65 and LR-ASPP against timm and torchvision with the same weights.

Golden: tests/golden/make_deeplab.py, which also says how the weights are made.
"""

import zlib
from pathlib import Path

import keras
import numpy as np
import pytest
from networks import call

from kerasseg.models import build
from kerasseg.models.encoders import encode

pytestmark = pytest.mark.agnostic
GOLDEN = Path(__file__).parents[1] / "golden" / "deeplab.npz"


def formula(height, width):
    row, column, channel = np.ogrid[:height, :width, :3]
    image = (7 * row + 13 * column + 101 * channel + row * column) % 256
    return image[None].astype("float32")


def golden_weights(name, shapes):
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    if len(shapes) == 4:  # gamma, beta, moving mean, moving variance
        return [
            rng.uniform(0.8, 1.2, shapes[0]),
            rng.normal(0, 0.1, shapes[1]),
            rng.normal(0, 0.1, shapes[2]),
            rng.uniform(0.8, 1.2, shapes[3]),
        ]
    kernel = shapes[0]
    fan_in = np.prod(kernel[:2] if kernel[3] == 1 else kernel[:3])
    return [rng.normal(0, (1.5 / fan_in) ** 0.5, kernel)] + [
        rng.normal(0, 0.1, shape) for shape in shapes[1:]
    ]


def fill(model):
    for layer in model.layers:
        if layer.weights:
            shapes = [tuple(weight.shape) for weight in layer.weights]
            layer.set_weights(golden_weights(layer.name, shapes))
    return model


@pytest.mark.parametrize("output_stride", [8, 16, 32])
def test_xception_equals_timm(output_stride):
    image = keras.Input((64, 80, 3))
    maps = encode("xception65", image, output_stride=output_stride, width=0.25)
    model = fill(keras.Model(image, maps[32]))
    found = call(model, formula(64, 80))[0, :, :, ::16]
    expected = np.load(GOLDEN)[f"xception65_{output_stride}"]
    np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max())


def test_lraspp_equals_torchvision():
    model = fill(
        build(
            "lraspp_mobilenet_v3_large",
            3,
            (65, 97, 3),
            output_stride=32,
            reduced_tail=False,
            gate_bias=False,
            low_level="encoder_expanded_conv_3_project_bn",
        )
    )
    logits = call(model, formula(65, 97))
    expected = np.load(GOLDEN)["lraspp"]
    np.testing.assert_allclose(logits[0, ::4, ::4], expected, atol=1e-4)
