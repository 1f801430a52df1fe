"""Semantic FPN: counts by hand, sizes. Numbers of "smp": importing/test_smp.py."""

import pytest
from network_laws import NetworkLaws
from networks import parameters_of, without_weights

pytestmark = pytest.mark.agnostic
NAME = "fpn_resnet50"


class TestLaws(NetworkLaws):
    module = "fpn"


@pytest.mark.parametrize("variant, smooth", [("paper", 4), ("smp", 0)])
def test_parameters_after_the_encoder(variant, smooth):
    """Kirillov et al. 2019, figure 3: pyramid of 256 channels, branches of 128 with
    3, 2, 1 and 1 convolutions, each with a group normalization."""
    model = without_weights(NAME, 5, (64, 96, 3), weights="none", variant=variant)
    found = parameters_of(
        weight
        for weight in model.trainable_weights
        if not weight.path.startswith("encoder_")
    )
    pyramid = sum(channels * 256 + 256 for channels in (256, 512, 1024, 2048))
    pyramid += smooth * (9 * 256 * 256 + 256)
    branches = 4 * 9 * 256 * 128 + 3 * 9 * 128 * 128 + 7 * 2 * 128
    assert found == pyramid + branches + 128 * 5 + 5


@pytest.mark.parametrize("variant", ["paper", "smp"])
@pytest.mark.parametrize("size", [(64, 96), (65, 97), (33, 1)])
def test_all_branches_have_the_size_of_stride_4(size, variant):
    model = without_weights(NAME, 5, (*size, 3), weights="none", variant=variant)
    quarter = tuple(-(-n // 4) for n in size)
    assert tuple(model.get_layer("logits").output.shape[1:3]) == quarter
    assert model.output_shape == (None, *size, 5)


def test_options_are_checked():
    with pytest.raises(ValueError, match="multiple of groups, got filters=100"):
        without_weights(NAME, 5, (64, 64, 3), weights="none", filters=100)
    with pytest.raises(ValueError, match="variant must be one of paper, smp"):
        without_weights(NAME, 5, (64, 64, 3), weights="none", variant="own")
