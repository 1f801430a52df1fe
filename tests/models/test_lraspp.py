"""LR-ASPP: counts of the paper, the pooling of its gate."""

import pytest
from network_laws import NetworkLaws
from networks import parameters_of, without_weights

from kerasseg.models import build

pytestmark = pytest.mark.agnostic
TORCHVISION = {
    "output_stride": 32,
    "reduced_tail": False,
    "gate_bias": False,
    "low_level": "encoder_expanded_conv_3_project_bn",
}


class TestLaws(NetworkLaws):
    module = "lraspp"


# architectures.md 9.1: trainable parameters.
@pytest.mark.parametrize(
    "name, classes, options, trainable",
    [
        ("lraspp_mobilenet_v3_large", 19, {}, 1_507_198),  # the paper's 1.51M
        ("lraspp_mobilenet_v3_small", 19, {}, 468_982),  # 0.47M
        ("lraspp_mobilenet_v3_large", 19, {"filters": 256}, 1_632_894),  # 1.63M
        ("lraspp_mobilenet_v3_large", 21, TORCHVISION, 3_221_538),
        (  # Google's code reads 88 channels where the table counts 96
            "lraspp_mobilenet_v3_small",
            19,
            {"low_level": "encoder_expanded_conv_2_depthwise_act"},
            468_982 - 19 * (96 - 88),
        ),
    ],
)
def test_parameters(name, classes, options, trainable):
    model = without_weights(name, classes, (65, 65, 3), **options)
    found = parameters_of(model.trainable_weights)
    assert found == trainable


def test_paper_size():
    """1024 x 2048 at stride 16: a 49 x 49 window in steps of (16, 20) fits 1 x 4 times;
    the low-level map has stride 8."""
    model = without_weights("lraspp_mobilenet_v3_large", 19, (1024, 2048, 3))
    assert model.get_layer("gate_pool").input.shape[1:] == (64, 128, 480)
    assert model.get_layer("gate_pool").output.shape[1:] == (1, 4, 480)
    assert model.get_layer("logits_low_level").input.shape[1:] == (128, 256, 120)
    assert model.output_shape == (None, 1024, 2048, 19)
    small = without_weights("lraspp_mobilenet_v3_small", 19, (1024, 2048, 3))
    assert small.get_layer("gate_pool").input.shape[1:] == (64, 128, 288)
    assert small.get_layer("logits_low_level").input.shape[1:] == (128, 256, 96)


def test_a_small_map_is_pooled_as_a_whole():
    model = without_weights("lraspp_mobilenet_v3_large", 3, (96, 160, 3))
    assert model.get_layer("gate_pool").output.shape[1:] == (1, 1, 480)


def test_options_are_checked():
    with pytest.raises(ValueError, match="LR-ASPP needs one of mobilenet_v3_large"):
        build("lraspp_mobilenet_v3_large", 3, (64, 64, 3), encoder="resnet50")
    with pytest.raises(ValueError, match="no ImageNet weights"):
        build("lraspp_mobilenet_v3_small", 3, (64, 64, 3), weights="imagenet")
