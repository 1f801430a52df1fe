"""Each layer of Torch answers as the Keras layer that was filled from it."""

import keras
import numpy as np
import pytest
from keras import layers

from kerasseg.models.importing import Channels
from kerasseg.models.importing.torch_layers import fill

torch = pytest.importorskip("torch")
nn = torch.nn
KERNEL = {"kernel_size": 3, "padding": "same"}
# Torch's layer -> Keras' layer
PAIRS = {
    "convolution": (
        lambda: nn.Conv2d(4, 6, 3, padding=2, dilation=2),
        lambda: layers.Conv2D(6, dilation_rate=2, **KERNEL),
    ),
    "depthwise": (
        lambda: nn.Conv2d(4, 12, 3, padding=1, groups=4, bias=False),
        lambda: layers.DepthwiseConv2D(depth_multiplier=3, use_bias=False, **KERNEL),
    ),
    "transposed": (
        lambda: nn.ConvTranspose2d(4, 6, 2, stride=2),
        lambda: layers.Conv2DTranspose(6, 2, strides=2),
    ),
    "normalisation": (
        lambda: nn.BatchNorm2d(4),
        lambda: layers.BatchNormalization(epsilon=1e-5),
    ),
    "groups": (
        lambda: nn.GroupNorm(2, 4),
        lambda: layers.GroupNormalization(2, epsilon=1e-5),
    ),
}


def keras_network(layer, channels=4):
    layer.name = "ours"
    image = keras.Input((5, 7, channels))
    return keras.Model(image, layer(image))


def filled(network, tensors, place="theirs", left_out=()):
    return fill(
        network, tensors, lambda _: place, left_out, file="a.pth", wanted="a network"
    )


def tensors_of(layer):
    generator = torch.Generator().manual_seed(0)
    state = layer.state_dict()
    for tensor in state.values():
        if tensor.is_floating_point():
            tensor.copy_(torch.rand(tensor.shape, generator=generator) + 0.1)
    return {f"theirs.{name}": tensor.numpy() for name, tensor in state.items()}


@pytest.mark.parametrize("theirs, ours", PAIRS.values(), ids=PAIRS)
def test_a_layer_answers_as_torchs(theirs, ours):
    layer, network = theirs().eval(), keras_network(ours())
    assert filled(network, tensors_of(layer)) == []
    x = np.random.default_rng(0).normal(size=(2, 5, 7, 4)).astype("float32")
    with torch.no_grad():
        expected = layer(torch.from_numpy(x.transpose(0, 3, 1, 2).copy()))
    found = keras.ops.convert_to_numpy(network(x))
    np.testing.assert_allclose(
        found, expected.permute(0, 2, 3, 1).numpy(), rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize("ours", [layers.Dense, lambda n: layers.Conv2D(n, 1)])
def test_a_linear_layer(ours):
    network = keras_network(ours(3))
    tensors = tensors_of(nn.Linear(4, 3))
    filled(network, tensors)
    kernel, _ = network.get_layer("ours").get_weights()
    np.testing.assert_array_equal(kernel.reshape(4, 3), tensors["theirs.weight"].T)


def test_one_kernel_for_two_layers():
    image = keras.Input((5, 7, 4))
    first = layers.Conv2D(2, 1, use_bias=False, name="first")(image)
    second = layers.Conv2D(2, 1, use_bias=False, name="second")(image[..., :3])
    network = keras.Model(image, [first, second])
    kernel = np.arange(14, dtype="float32").reshape(2, 7, 1, 1)
    places = {"first": Channels("a", 0, 4), "second": Channels("a", 4, 7)}
    how = {"file": "a.pth", "wanted": "a network"}
    fill(network, {"a.weight": kernel}, places.get, **how)
    for name, part in (("first", kernel[:, :4]), ("second", kernel[:, 4:])):
        (found,) = network.get_layer(name).get_weights()
        np.testing.assert_array_equal(found[0, 0], part[:, :, 0, 0].T)
    places["second"] = Channels("a", 3, 6)
    with pytest.raises(ValueError, match=r"'a\.weight' of a\.pth is used by two"):
        fill(network, {"a.weight": kernel}, places.get, **how)
    wider = np.zeros((2, 8, 1, 1), "float32")
    places["second"] = Channels("a", 4, 7)
    with pytest.raises(ValueError, match=r"a\.pth has 'a\.weight'.* no place for"):
        fill(network, {"a.weight": wider}, places.get, **how)


def test_what_is_missing_wrong_or_left_over_is_named():
    network = keras_network(layers.Conv2D(6, 3))
    whole = tensors_of(nn.Conv2d(4, 6, 3))
    before = network.get_weights()
    for change, message in (
        ({"theirs.bias": None}, r"a\.pth has no 'theirs\.bias', which a network needs"),
        (
            {"theirs.weight": np.zeros((6, 5, 3, 3))},
            r"'theirs\.weight' of a\.pth is \(6, 5, 3, 3\), .* needs \(6, 4, 3, 3\)",
        ),
        ({"more.weight": np.zeros(3)}, r"a\.pth has 'more\.weight' \(3,\), which a"),
    ):
        tensors = whole | change
        tensors = {key: value for key, value in tensors.items() if value is not None}
        with pytest.raises(ValueError, match=message):
            filled(network, tensors)
        for old, new in zip(before, network.get_weights(), strict=True):
            np.testing.assert_array_equal(old, new)
    more = {"aux.weight": np.zeros(3), "a.num_batches_tracked": np.zeros(())}
    assert filled(network, whole | more, left_out=("aux.*",)) == ["aux.weight"]
