"""DeepLabv3+: parameters of its head, sizes, dilations, context."""

import keras
import numpy as np
import pytest
from network_laws import NetworkLaws
from networks import call, parameters_of, random_images, without_weights

from kerasseg.models.deeplab_v3plus import deeplab_v3plus

pytestmark = pytest.mark.agnostic
SMALL = {"aspp_filters": 4, "decoder_filters": 4, "weights": "none"}


class TestLaws(NetworkLaws):
    module = "deeplab_v3plus"


def test_parameters_of_aspp_and_decoder():
    """architectures.md 9: DeepLabv3+ on MobileNetV2 has 2,719,813 trainable parameters
    with 21 classes, 1,811,712 of them in the encoder. Lite0's maps have as many
    channels (320 and 24), so everything after the encoder must be as large."""
    name = "deeplab_v3plus_efficientnet_lite0"
    model = without_weights(name, 21, (64, 64, 3), weights="none")
    weights = model.trainable_weights
    head = [weight for weight in weights if not weight.path.startswith("encoder_")]
    assert parameters_of(head) == 2_719_813 - 1_811_712


@pytest.mark.parametrize("size", [(64, 96), (65, 97), (72, 60)])
@pytest.mark.parametrize("output_stride", [8, 16, 32])
def test_any_size_gives_logits_of_that_size(size, output_stride):
    with keras.StatelessScope(initialize_variables=False):  # shapes of weights only
        model = deeplab_v3plus(3, (*size, 3), output_stride=output_stride, **SMALL)
    assert model.output_shape == (None, *size, 3)
    deepest = model.get_layer("aspp_point_conv").input.shape
    assert tuple(deepest[1:3]) == tuple(-(-n // output_stride) for n in size)


@pytest.mark.parametrize("output_stride, rates", [(8, (12, 24, 36)), (16, (6, 12, 18))])
def test_rates_double_at_output_stride_8(output_stride, rates):
    with keras.StatelessScope(initialize_variables=False):  # shapes of weights only
        model = deeplab_v3plus(3, (64, 64, 3), output_stride=output_stride, **SMALL)
    for rate in rates:
        layer = model.get_layer(f"aspp_rate{rate}_depthwise_conv")
        assert layer.dilation_rate == (rate, rate)


def test_context_reaches_every_pixel():
    """Image pooling: a change in one corner moves the logits of the other."""
    model = deeplab_v3plus(3, (256, 32, 3), **SMALL)
    image = random_images(1, 256, 32, 3)
    changed = image.copy()
    changed[:, :16] = 255 - changed[:, :16]
    features = model.get_layer("aspp_project_bn")
    aspp = keras.Model(model.input, features.output)
    difference = call(aspp, image) - call(aspp, changed)
    assert np.abs(difference[:, -1]).max() > 0


def test_options_are_checked():
    with pytest.raises(ValueError, match="output_stride must be 8, 16 or 32, got 4"):
        deeplab_v3plus(3, (64, 64, 3), output_stride=4, **SMALL)
    with pytest.raises(ValueError, match="Unknown encoder 'lenet'"):
        deeplab_v3plus(3, (64, 64, 3), "lenet", **SMALL)


def test_batch_norm_momentum_reaches_every_layer():
    with keras.StatelessScope(initialize_variables=False):
        model = deeplab_v3plus(3, (64, 64, 3), batch_norm_momentum=0.7, **SMALL)
    momenta = {layer.momentum for layer in model.layers if hasattr(layer, "momentum")}
    assert momenta == {0.7}
