"""Networks of volumes as networks of planes: the same numbers, with 2-D operators."""

import keras
import numpy as np
import pytest
import tiny
from ai_edge_litert.interpreter import Interpreter
from keras import layers

from kerasseg import UserError, models
from kerasseg.export.litert import conversion, flatbuffer
from kerasseg.export.litert.flattened import flattened
from kerasseg.image_format import ImageFormat

SIZE = (6, 9, 8, 4)
MR = ImageFormat.of(("t1",), "float32")


def one(layer, size=SIZE):
    keras.utils.set_random_seed(0)
    image = keras.Input(size, name="image")
    return tiny.normalised(keras.Model(image, layer(image)))


def difference(network):
    image = np.random.default_rng(0).normal(size=(1, *network.input_shape[1:]))
    image = image.astype(np.float32)
    wanted = network(image, training=False).numpy()
    found = flattened(network)(image, training=False).numpy()
    assert found.shape == wanted.shape
    return np.abs(found - wanted).max()


LAYERS = {
    "same": layers.Conv3D(3, 3, padding="same"),
    "valid": layers.Conv3D(3, 3, activation="relu"),
    "strides": layers.Conv3D(3, 3, strides=2, padding="same", use_bias=False),
    "even": layers.Conv3D(3, (2, 4, 2), strides=(2, 1, 2), padding="same"),
    "flat": layers.Conv3D(3, (1, 3, 3), padding="same"),
    "dilated": layers.Conv3D(3, 3, dilation_rate=2, padding="same"),
    "transposed": layers.Conv3DTranspose(3, 2, strides=2),
    "thin": layers.Conv3DTranspose(3, (1, 2, 3), strides=(1, 2, 3), padding="same"),
    "instance": layers.GroupNormalization(-1),
    "groups": layers.GroupNormalization(2, scale=False),
    "batch": layers.BatchNormalization(),
    "slopes": layers.PReLU("uniform", shared_axes=(1, 2, 3)),
    "max": layers.MaxPooling3D(2),
    "max of planes": layers.MaxPooling3D((1, 2, 2)),
    "max at the border": layers.MaxPooling3D(3, strides=2, padding="same"),
    "mean": layers.AveragePooling3D((2, 3, 2), padding="same"),
    "repeated": layers.UpSampling3D((2, 1, 3)),
}


@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
def test_layers(layer):
    assert difference(one(layer)) < 1e-5


def test_networks():
    shape = (8, 16, 12, 2)
    for name, options in {
        "unet": {"filters": 3, "depth": 2, "batch_norm": True},
        "vnet": {"filters": 3, "convolutions": (1, 1)},
    }.items():
        network = tiny.normalised(models.build(name, 3, shape, **options))
        assert difference(network) < 1e-4
        assert [one.name for one in network.layers if one.weights] == [
            one.name for one in flattened(network).layers if one.weights
        ]


REFUSED = {
    "groups": layers.Conv3D(4, 3, groups=2),
    "kernel": layers.Conv3DTranspose(3, 3, strides=2),
    "slope for each": layers.PReLU(),
    "axis 1": layers.BatchNormalization(axis=1),
    "no form": layers.Reshape((6, 9, 2, 16)),
}


@pytest.mark.parametrize("layer", REFUSED.values(), ids=REFUSED)
def test_what_has_no_such_form_is_named(layer):
    with pytest.raises(UserError, match=f"'{layer.name}'"):
        flattened(one(layer))


@pytest.mark.export
def test_int8_and_float32_files():
    keras.utils.set_random_seed(0)
    image = keras.Input((4, 8, 8, 1), name="image")
    x = layers.Rescaling(0.5)(image)
    x = layers.Conv3D(4, 3, padding="same", activation="relu")(x)
    x = layers.UpSampling3D(2)(layers.MaxPooling3D(2)(x))
    network = keras.Model(image, layers.Conv3D(2, 1, name="logits")(x))
    given = np.random.default_rng(0).normal(size=(4, 8, 8, 1)).astype(np.float32)
    wanted = keras.ops.softmax(network(given[None], training=False)).numpy()
    for kind, most in {"float32": 1e-5, "int8": 0.05}.items():
        data = conversion.convert(network, kind, [given], image_format=MR)
        operators = flatbuffer.operators(data)
        assert "CONV_2D" in operators
        assert not any(name.endswith("_3D") for name in operators)
        run = Interpreter(model_content=data).get_signature_runner()
        found = run(image=given[None])
        assert np.abs(found["probabilities"] - wanted).max() < most
        ids = found["probabilities"].argmax(-1)
        assert (found["class_map"] == ids).mean() > 0.99
