"""Encoders of variant="torchvision" against torchvision itself, and its files."""

import keras
import numpy as np
import pytest
from networks import call, random_images
from torch_networks import answer, assert_equal, imported, randomised

from kerasseg.models.encoders import encode

pytestmark = pytest.mark.processes

torch = pytest.importorskip("torch")
torchvision = imported("torchvision")
SIZE = (64, 97)
"""Even sizes tell padding on both sides from padding on one."""


class Features(torch.nn.Module):
    """A classification network without its classifier."""

    def __init__(self, network):
        super().__init__()
        if hasattr(network, "features"):
            self.all = network.features
        else:
            self.all = torch.nn.Sequential(*list(network.children())[:-2])

    def forward(self, x):
        return self.all(x)


def encoder(name, **options):
    image = keras.Input((*SIZE, 3))
    features = encode(name, image, variant="torchvision", **options)
    return keras.Model(image, features[32])


@pytest.fixture(scope="module")
def resnet50(tmp_path_factory):
    """Random weights, in a file as torchvision's are."""
    model = randomised(torchvision.models.resnet50(weights=None))
    path = tmp_path_factory.mktemp("resnet50") / "resnet50.pth"
    torch.save(model.state_dict(), path)
    return str(path)


def test_resnet_equals_torchvision(resnet50):
    """Its dilated form is tested with the segmentation networks."""
    model = torchvision.models.resnet50(weights=None)
    model.load_state_dict(torch.load(resnet50))
    image = random_images(1, *SIZE, 3)
    found = call(encoder("resnet50", weights=resnet50), image)
    assert_equal(found, answer(Features(model.eval()), image))


def test_mobilenet_v3_small_equals_torchvision(tmp_path):
    model = randomised(torchvision.models.mobilenet_v3_small(weights=None))
    path = tmp_path / "mobilenet_v3_small.pth"
    torch.save(model.state_dict(), path)
    image = random_images(1, *SIZE, 3)
    found = call(encoder("mobilenet_v3_small", weights=str(path)), image)
    assert_equal(found, answer(Features(model), image))


def test_a_file_of_another_network_is_refused(resnet50):
    with pytest.raises(ValueError, match=r"has no 'layer3\.6\.conv1\.weight', which"):
        encoder("resnet101", weights=resnet50)


def test_other_bands_get_a_first_kernel(resnet50):
    image = keras.Input((32, 32, 4))
    options = {"variant": "torchvision", "weights": resnet50}
    model = keras.Model(image, encode("resnet50", image, **options)[32])
    kernel = model.get_layer("encoder_conv1_conv").kernel
    assert kernel.shape[-2] == 12  # each band three times
    assert np.any(keras.ops.convert_to_numpy(kernel))


@pytest.mark.parametrize(
    "options, message",
    [
        ({"variant": "torch"}, "one of paper, torchvision, smp, got 'torch'"),
        ({"variant": "torchvision"}, 'weights="imagenet" is not a file. Encoder'),
        ({"variant": "torchvision", "stem": "beta"}, 'are for variant="paper"'),
        ({"variant": "torchvision", "multi_grid": (2, 2, 2)}, "first factor"),
    ],
)
def test_wrong_options_say_what_works(options, message):
    with pytest.raises(ValueError, match=message):
        encode("resnet50", keras.Input((64, 64, 3)), **options)
