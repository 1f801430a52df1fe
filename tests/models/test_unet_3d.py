"""Golden numbers: dynamic_network_architectures 0.4.4, the networks of nnU-Net
(golden/make_unet_3d.py)."""

from pathlib import Path

import keras
import numpy as np
import pytest
from network_laws import NetworkLaws
from networks import call, parameters_of, without_weights

from kerasseg.models import build
from kerasseg.models.pieces.strides_of_spacing import strides_and_kernels

pytestmark = pytest.mark.agnostic

GOLDEN = Path(__file__).parents[1] / "golden" / "unet_3d.npz"


class TestLaws(NetworkLaws):
    module = "unet_3d"


def test_strides_and_kernels_are_nnunets():
    """`get_pool_and_conv_props` of nnunetv2 2.8.1 for spacings (z, y, x), where the
    volume is large enough on each axis: its strides, and its kernels from the top
    down."""
    strides, kernels = strides_and_kernels((1, 1, 1), 3)
    assert strides == [(2, 2, 2)] * 3 and kernels == [(3, 3, 3)] * 4
    strides, kernels = strides_and_kernels((5.0, 0.8, 0.8), 4)
    assert strides == [(1, 2, 2)] * 2 + [(2, 2, 2)] * 2
    assert kernels == [(1, 3, 3)] * 2 + [(3, 3, 3)] * 3
    # The thick slices of a sagittal series lie along x.
    strides, kernels = strides_and_kernels((1, 1, 3.5), 2)
    assert strides == [(2, 2, 1), (2, 2, 2)]
    assert kernels == [(3, 3, 1), (3, 3, 3), (3, 3, 3)]


@pytest.mark.parametrize("name", ["plain", "residual"])
def test_logits_are_nnunets(name):
    """PyTorch pads a strided convolution in front, here the pad is behind: the same
    function of mirrored volumes with mirrored kernels."""
    golden = np.load(GOLDEN)
    network = made(name)
    rng = np.random.default_rng(0)
    for weight in network.weights:
        weight.assign(drawn(rng, weight.path, weight.shape))
    image = normal(network.input_shape[1:])  # what comes behind the first layers
    logits = call(network, 127.5 * (image[:, ::-1, ::-1, ::-1] + 1))
    np.testing.assert_allclose(
        logits[:, ::-1, ::-1, ::-1], golden[name], rtol=1e-4, atol=1e-4
    )


def made(name):
    options = {"filters": 4, "most_filters": 12, "depth": 2}
    if name == "plain":
        return build("unet_3d", 3, (4, 16, 12, 2), spacing=(4, 1, 1), **options)
    return build("unet_3d_residual", 3, (8, 8, 12, 2), blocks=(1, 2, 2), **options)


def normal(shape):
    return np.random.default_rng(1).normal(size=(1, *shape)).astype("float32")


def drawn(rng, path, shape):
    """A weight in the order of the network's weights; the generator draws the same."""
    if path.endswith("kernel"):
        fan_in = np.prod(shape[:-1])
        return rng.normal(0, (2 / fan_in) ** 0.5, shape).astype("float32")
    return (rng.normal(0, 0.1, shape) + path.endswith("gamma")).astype("float32")


def test_nnunets_hippocampus_network():
    """Of PlainConvUNet 0.4.4 with 32 to 256 filters, 3 classes, one channel: 5,603,177
    parameters with a bias in each of its convolutions; those in front of a
    normalisation are not here. Of the transposed ones it keeps them, and of the heads
    of the two upper levels."""
    model = without_weights("unet_3d", 3, (40, 56, 40, 1), depth=3)
    assert model.output_shape == (None, 40, 56, 40, 3)
    widths = (32, 64, 128, 256)
    biases = 2 * sum(widths) + 2 * sum(widths[:3])
    heads = (64 + 1) * 3 + (128 + 1) * 3
    assert parameters_of(model.weights) + biases + heads == 5_603_177
    levels = [model.get_layer(f"decoder_{level}").output for level in range(3)]
    assert [level.shape[-1] for level in levels] == [32, 64, 128]


def test_normalisation_and_upsampling():
    kinds = {
        "instance": keras.layers.GroupNormalization,
        "batch": keras.layers.BatchNormalization,
    }
    for word, kind in kinds.items():
        model = without_weights("unet_3d", 2, (8, 8, 8, 1), depth=1, normalisation=word)
        assert sum(isinstance(layer, kind) for layer in model.layers) == 6
    model = without_weights("unet_3d", 2, (8, 8, 8, 1), depth=1, normalisation="none")
    assert all(
        la.use_bias for la in model.layers if isinstance(la, keras.layers.Conv3D)
    )
    model = without_weights("unet_3d", 2, (8, 8, 8, 1), depth=1, up="nearest")
    assert any(isinstance(la, keras.layers.UpSampling3D) for la in model.layers)
    dropped = without_weights("unet_3d", 2, (8, 8, 8, 1), depth=1, dropout=0.1)
    assert sum(isinstance(la, keras.layers.Dropout) for la in dropped.layers) == 3


@pytest.mark.parametrize(
    "options, message",
    [
        ({"up": "bilinear"}, "up must be one of .*, got 'bilinear'"),
        ({"normalisation": "layer"}, "normalisation must be one of .*, got 'layer'"),
        ({"spacing": (1, 1)}, "spacing must be 3 positive numbers"),
        ({"residual": True, "blocks": (1, 2)}, "a number for each of the 5 levels"),
        ({"depth": 3}, "cannot take size 12: it must be a multiple of 8.* 8 or 16"),
    ],
)
def test_wrong_options_are_one_line(options, message):
    with pytest.raises(ValueError, match=message):
        build("unet_3d", 2, (16, 12, 16, 1), **options)
