"""FCN on ResNet: counts of torchvision. Logits: importing/test_torchvision_import."""

import pytest
from network_laws import NetworkLaws
from networks import parameters_of, without_weights

pytestmark = pytest.mark.agnostic


class TestLaws(NetworkLaws):
    module = "fcn_resnet"


def test_parameters():
    """torchvision 0.28 states 35,322,218 (FCN_ResNet50_Weights), with its auxiliary
    classifier: a 3x3 convolution from 1024 to 256 channels, a normalization, 21 scores.
    """
    model = without_weights("fcn_resnet50", 21, (65, 65, 3), weights="none")
    auxiliary = 9 * 1024 * 256 + 2 * 256 + 256 * 21 + 21
    assert parameters_of(model.trainable_weights) == 35_322_218 - auxiliary
