"""Encoders against keras.applications, and the loading of their weights."""

import keras
import numpy as np
import pytest
from networks import call

from kerasseg.models.encoders import encode

pytestmark = pytest.mark.agnostic
REFERENCES = {
    "resnet101": ("ResNet101", "resnet", "conv5_block3_out"),
    "mobilenet_v2": ("MobileNetV2", "mobilenet_v2", "block_16_project_BN"),
    "mobilenet_v3_large": ("MobileNetV3Large", "mobilenet_v3", None),
    "mobilenet_v3_small": ("MobileNetV3Small", "mobilenet_v3", None),
}


def formula(height, width):
    row, column, channel = np.ogrid[:height, :width, :3]
    image = (7 * row + 13 * column + 101 * channel + row * column) % 256
    return image[None].astype("float32")


def encoder(name, size, **options):
    image = keras.Input((*size, 3))
    return keras.Model(image, encode(name, image, **options))


def structure(name, size=(65, 65), **options):
    """Without weights: they are never made."""
    with keras.StatelessScope(initialize_variables=False):
        return encoder(name, size, weights="none", **options)


@pytest.fixture(scope="module", params=REFERENCES)
def reference(request, tmp_path_factory):
    """A network of keras.applications with random weights, statistics and biases, and
    the file it wrote."""
    network, _, _ = REFERENCES[request.param]
    keras.utils.set_random_seed(0)
    model = getattr(keras.applications, network)(
        include_top=False, weights=None, input_shape=(64, 96, 3)
    )
    rng = np.random.default_rng(0)
    for weight in model.weights:
        if weight.path.endswith(("beta", "moving_mean", "bias")):
            weight.assign(rng.normal(0, 0.1, weight.shape))
        if weight.path.endswith(("gamma", "moving_variance")):
            weight.assign(rng.uniform(0.8, 1.2, weight.shape))
    path = tmp_path_factory.mktemp(request.param) / "reference.weights.h5"
    model.save_weights(path)
    return request.param, model, str(path)


def test_file_of_keras_applications_gives_its_outputs(reference):
    name, model, path = reference
    _, module, layer = REFERENCES[name]
    image = formula(64, 96)
    preprocess = getattr(keras.applications, module).preprocess_input
    output = model.get_layer(layer).output if layer else model.output
    expected = call(keras.Model(model.input, output), preprocess(image.copy()))
    found = call(encoder(name, (64, 96), weights=path), image)[32]
    scale = max(1, np.abs(expected).max())
    np.testing.assert_allclose(found, expected, atol=1e-4 * scale)

    # Dilated: the same numbers, seen more densely. The first of them is at pixel 0
    # after a 1x1 convolution with stride, at 1 after TensorFlow's 'same' padding.
    # (And the biases of ResNet as they are in the file, not in the moving means.)
    options = {"conv_bias": True} if name == "resnet101" else {}
    dense = encoder(name, (64, 96), weights=path, output_stride=16, **options)
    start = 0 if name == "resnet101" else 1
    dense = call(dense, image)[32][:, start::2, start::2]
    if "v3" not in name:  # its squeeze and excitation pools over the denser map
        np.testing.assert_allclose(dense, expected, atol=1e-4 * scale)
    assert dense.shape == expected.shape


@pytest.mark.filterwarnings("ignore:Skipping nested")
def test_file_of_another_network_is_refused(reference):
    name, _, path = reference
    other = "mobilenet_v3_small" if name == "mobilenet_v2" else "mobilenet_v2"
    with pytest.raises(ValueError, match="does not fit"):
        encoder(other, (64, 64), weights=path)


@pytest.mark.parametrize(
    "name, file",
    [
        ("densenet121", r"densenet121.*notop\.h5"),
        ("mobilenet_v2", r"mobilenet_v2.*no_top\.h5"),
        ("mobilenet_v3_large", r"mobilenet_v3_large.*no_top.*\.h5"),
        ("mobilenet_v3_small", r"mobilenet_v3_small.*no_top.*\.h5"),
        ("resnet50", r"resnet50.*notop\.h5"),
        ("resnet101", r"resnet101.*notop\.h5"),
        ("vgg16", r"vgg16.*notop\.h5"),
    ],
)
def test_without_internet_the_error_names_file_and_choices(name, file, monkeypatch):
    def no_internet(name, origin, **_):
        raise Exception(f"URL fetch failure on {origin}: None -- no route")

    monkeypatch.setattr("keras.src.utils.file_utils.get_file", no_internet)
    with pytest.raises(ValueError, match=file) as caught:
        encoder(name, (64, 64), weights="imagenet")
    for choice in ("KERAS_HOME", "weights=PATH", 'weights="none"'):
        assert choice in str(caught.value)


@pytest.mark.parametrize("name", ["resnet50", "mobilenet_v3_small", "xception65"])
def test_missing_file_is_named(name):
    with pytest.raises(ValueError, match=r'weights="nowhere\.h5" is not a file'):
        encoder(name, (64, 64), weights="nowhere.h5")


@pytest.mark.parametrize(
    "name, options",
    [
        ("xception65", {"width": 0.125}),
        ("resnet50", {"stem": "beta", "width": 0.125}),
        ("mobilenet_v3_small", {"reduced_tail": True, "width": 0.25}),
    ],
)
def test_own_file_loads_at_another_output_stride(name, options, tmp_path):
    path = str(tmp_path / "own.weights.h5")
    image = keras.Input((64, 64, 3))
    maps = encode(name, image, weights="none", **options)
    keras.Model(image, maps[32]).save_weights(path)
    loaded = encoder(name, (64, 64), weights=path, output_stride=16, **options)
    for layer in keras.Model(image, maps[32]).layers:
        if layer.weights:
            same = loaded.get_layer(layer.name).get_weights()
            for old, new in zip(layer.get_weights(), same, strict=True):
                np.testing.assert_array_equal(old, new)
    with pytest.raises(ValueError, match="no ImageNet weights"):
        encoder(name, (64, 64), weights="imagenet", **options)


# --- structure ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "name, options, total",
    [
        # architectures.md 8, and what keras.applications itself counts
        ("resnet101", {}, 42_605_504),
        ("resnet101", {"conv_bias": True}, 42_658_176),
        ("resnet50", {"conv_bias": True}, 23_587_712),
    ],
)
def test_resnet_parameters(name, options, total):
    assert structure(name, **options).count_params() == total


@pytest.mark.parametrize(
    "name, trainable",
    [("mobilenet_v3_large", 2_971_952), ("mobilenet_v3_small", 927_008)],
)
def test_mobilenet_v3_parameters(name, trainable):
    """architectures.md 9.1: full-width features."""
    weights = structure(name).trainable_weights
    assert sum(int(np.prod(weight.shape)) for weight in weights) == trainable


@pytest.mark.parametrize(
    "name, expansions, filters",
    [
        ("mobilenet_v3_large", {12: 336, 13: 480, 14: 480}, (80, 80, 80, 480)),
        ("mobilenet_v3_small", {8: 144, 9: 288, 10: 288}, (48, 48, 48, 288)),
    ],
)
def test_reduced_tail(name, expansions, filters):
    """architectures.md 9.1: the _seg networks."""
    model = structure(name, reduced_tail=True)
    for (index, expansion), out in zip(expansions.items(), filters, strict=False):
        block = f"encoder_expanded_conv_{index}"
        assert model.get_layer(f"{block}_expand").filters == expansion
        assert model.get_layer(f"{block}_project").filters == out
    assert model.get_layer("encoder_conv_1").filters == filters[-1]
