"""FCN on ResNet: counts of torchvision. Logits: importing/test_torchvision_import."""

import pytest
from network_laws import NetworkLaws
from networks import parameters_of, without_weights

pytestmark = pytest.mark.agnostic


class TestLaws(NetworkLaws):
    module = "fcn_resnet"


@pytest.mark.parametrize("name, trainable", [("fcn_resnet50", 32_958_805)])
def test_parameters(name, trainable):
    """torchvision's fcn_resnet50 has 35,322,218 with its auxiliary classifier, whose
    3x3 convolution, normalization and 21 scores have 2,363,413."""
    model = without_weights(name, 21, (65, 65, 3), weights="none")
    assert parameters_of(model.trainable_weights) == 35_322_218 - 2_363_413 == trainable
