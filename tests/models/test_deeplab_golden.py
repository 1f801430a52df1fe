"""Xception-65 and LR-ASPP against timm and torchvision with the same weights.

Golden: tests/golden/make_deeplab.py, which also says how the weights are made.
"""

from pathlib import Path

import keras
import numpy as np
import pytest
from golden import formulas
from networks import call

from kerasseg.models import build
from kerasseg.models.encoders import encode

pytestmark = pytest.mark.agnostic
GOLDEN = Path(__file__).parents[1] / "golden" / "deeplab.npz"


def fill(model):
    for layer in model.layers:
        if layer.weights:
            shapes = [tuple(weight.shape) for weight in layer.weights]
            layer.set_weights(formulas.weights(layer.name, shapes))
    return model


@pytest.mark.parametrize(
    "output_stride", [8, *(pytest.param(n, marks=pytest.mark.slow) for n in (16, 32))]
)
def test_xception_equals_timm(output_stride):
    image = keras.Input((64, 80, 3))
    maps = encode("xception65", image, output_stride=output_stride, width=0.25)
    model = fill(keras.Model(image, maps[32]))
    found = call(model, formulas.picture(64, 80))[0, :, :, ::16]
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
    logits = call(model, formulas.picture(65, 97))
    expected = np.load(GOLDEN)["lraspp"]
    np.testing.assert_allclose(logits[0, ::4, ::4], expected, atol=1e-4)
