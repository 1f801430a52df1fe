"""The ladder: parameters counted by hand, strides."""

import pytest
from network_laws import NetworkLaws
from networks import parameters_of, without_weights

pytestmark = pytest.mark.agnostic
NAME = "ladder_efficientnet_lite2"


class TestLaws(NetworkLaws):
    module = "ladder"


def ladder(size, **options):
    return without_weights(NAME, 11, (*size, 3), weights="none", **options)


def point(inward, outward):
    """1x1 convolution without bias, batch normalisation."""
    return inward * outward + 2 * outward


def separable(inward, outward):
    """Depthwise 3x3 and 1x1 convolution, each with batch normalisation."""
    return 11 * inward + point(inward, outward)


def test_parameters_after_the_encoder():
    """Lite2's maps have 16, 24, 48, 120 and 352 channels (112 x 1.1 is rounded to a
    multiple of 8); its 1280-channel head is left out."""
    aspp = (
        point(352, 128)
        + 3 * separable(352, 128)
        + 4 * 128 * 128  # the four local branches to one
        + point(352, 128)  # of the pooled map
        + 128 * 128
        + 2 * 128
    )
    steps = (
        point(120, 128)
        + separable(128, 128)
        + point(48, 128)
        + separable(128, 128)
        + point(24, 96)
        + point(128, 96)
        + separable(96, 96)
        + point(16, 48)
        + point(96, 48)
        + separable(48, 48)
    )
    logits = 48 * 11 + 11
    model = ladder((64, 64))
    found = parameters_of(
        weight
        for weight in model.trainable_weights
        if not weight.path.startswith("encoder_")
    )
    assert found == aspp + steps + logits
    assert model.count_params() < 5_000_000


@pytest.mark.parametrize("size", [(64, 96), (65, 97), (360, 480)])
def test_each_step_has_its_stride(size):
    model = ladder(size)
    for stride in (16, 8, 4, 2):
        shape = model.get_layer(f"ladder_{stride}_conv").output.shape[1:3]
        assert tuple(shape) == tuple(-(-n // stride) for n in size)
    assert model.output_shape == (None, *size, 11)


def test_fewer_steps_end_earlier():
    model = ladder((64, 64), filters=(32, 16))
    assert model.get_layer("logits").output.shape == (None, 8, 8, 11)
    with pytest.raises(ValueError, match="filters must name 1 to 4 steps"):
        ladder((64, 64), filters=())
