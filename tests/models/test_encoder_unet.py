"""U-Net on any encoder: counts by hand, sizes. Its numbers: importing/test_smp.py."""

import pytest
from network_laws import NetworkLaws
from networks import parameters_of, without_weights

pytestmark = pytest.mark.agnostic
NAME = "unet_resnet34"


class TestLaws(NetworkLaws):
    module = "encoder_unet"


def test_parameters_after_the_encoder():
    """Two 3x3 convolutions without bias and their normalizations a step; ResNet-34 has
    512, 256, 128, 64 and 64 channels."""
    model = without_weights(NAME, 5, (64, 96, 3))
    found = parameters_of(
        weight
        for weight in model.trainable_weights
        if not weight.path.startswith("encoder_")
    )
    steps = (
        (512 + 256, 256),
        (256 + 128, 128),
        (128 + 64, 64),
        (64 + 64, 32),
        (32, 16),
    )
    expected = sum(9 * (a + b) * b + 4 * b for a, b in steps) + 9 * 16 * 5 + 5
    assert found == expected


@pytest.mark.parametrize("size", [(64, 96), (65, 97), (33, 1)])
def test_each_step_has_its_size(size):
    model = without_weights(NAME, 5, (*size, 3))
    for stride in (16, 8, 4, 2, 1):
        shape = model.get_layer(f"decoder_{stride}_2_relu").output.shape[1:3]
        assert tuple(shape) == tuple(-(-n // stride) for n in size)
    assert model.output_shape == (None, *size, 5)


def test_options_are_checked():
    with pytest.raises(ValueError, match="filters must name 5 steps"):
        without_weights(NAME, 5, (64, 64, 3), filters=(8, 8))
    with pytest.raises(ValueError, match="one of own, smp, got 'paper'"):
        without_weights(NAME, 5, (64, 64, 3), variant="paper")
    with pytest.raises(ValueError, match="one of torchvision, smp, got 'paper'"):
        options = {"encoder_options": {"variant": "paper"}}
        without_weights(NAME, 5, (64, 64, 3), **options)
