"""Encoders against keras.applications, and the loading of their weights."""

import keras
import numpy as np
import pytest
from golden import formulas
from networks import call, chosen, randomize_statistics

from kerasseg.models.encoders import encode
from kerasseg.models.encoders.weights import load_own, read_applications

pytestmark = pytest.mark.agnostic
REFERENCES = {
    "resnet50": ("ResNet50", "resnet", "conv5_block3_out"),
    "resnet101": ("ResNet101", "resnet", "conv5_block3_out"),
    "mobilenet_v2": ("MobileNetV2", "mobilenet_v2", "block_16_project_BN"),
    "mobilenet_v3_large": ("MobileNetV3Large", "mobilenet_v3", None),
    "mobilenet_v3_small": ("MobileNetV3Small", "mobilenet_v3", None),
}


def encoder(name, size, **options):
    image = keras.Input((*size, 3))
    return keras.Model(image, encode(name, image, **options))


def structure(name, size=(65, 65), weights="none", **options):
    """Only shapes of weights: no memory is taken."""
    with keras.StatelessScope(initialize_variables=False):
        return encoder(name, size, weights=weights, **options)


@pytest.fixture(
    scope="module",
    params=chosen(REFERENCES, ("resnet50", "mobilenet_v2", "mobilenet_v3_small")),
)
def reference(request, tmp_path_factory):
    """A network of keras.applications with random weights, statistics and biases, and
    the file it wrote."""
    network, _, _ = REFERENCES[request.param]
    keras.utils.set_random_seed(0)
    model = getattr(keras.applications, network)(
        include_top=False, weights=None, input_shape=(64, 96, 3)
    )
    randomize_statistics(model)
    path = tmp_path_factory.mktemp(request.param) / "reference.weights.h5"
    model.save_weights(path)
    return request.param, model, str(path)


def test_file_of_keras_applications_gives_its_outputs(reference):
    name, model, path = reference
    _, module, layer = REFERENCES[name]
    image = formulas.picture(64, 96)
    preprocess = getattr(keras.applications, module).preprocess_input
    output = model.get_layer(layer).output if layer else model.output
    expected = call(keras.Model(model.input, output), preprocess(image.copy()))
    plain = encoder(name, (64, 96), weights=path)
    found = call(plain, image)[32]
    scale = max(1, np.abs(expected).max())
    np.testing.assert_allclose(found, expected, atol=1e-4 * scale)

    # Dilated: the same numbers, seen more densely. The first of them is at pixel 0
    # after a 1x1 convolution with stride, at 1 after TensorFlow's 'same' padding.
    # (And the biases of ResNet as they are in the file, not in the moving means.)
    resnet = name.startswith("resnet")
    options = {"conv_bias": True, "weights": path} if resnet else {"weights": "none"}
    dense = encoder(name, (64, 96), output_stride=16, **options)
    if not resnet:
        dense.set_weights(plain.get_weights())
    start = 0 if resnet else 1
    dense = call(dense, image)[32][:, start::2, start::2]
    if "v3" not in name:  # its squeeze and excitation pools over the denser map
        np.testing.assert_allclose(dense, expected, atol=1e-4 * scale)
    assert dense.shape == expected.shape


@pytest.mark.parametrize(
    "reference", chosen(REFERENCES, ("mobilenet_v2",)), indirect=True
)
@pytest.mark.filterwarnings("ignore:Skipping nested")
def test_file_of_another_network_is_refused(reference):
    name, _, path = reference
    other = "mobilenet_v3_small" if name == "mobilenet_v2" else "mobilenet_v2"
    with pytest.raises(ValueError, match="does not fit"):
        encoder(other, (64, 64), weights=path)


FILES = {
    "densenet121": r"densenet121.*notop\.h5",
    "efficientnet_b0": r"efficientnetb0_notop\.h5",
    "mobilenet_v2": r"mobilenet_v2.*no_top\.h5",
    "mobilenet_v3_large": r"mobilenet_v3_large.*no_top.*\.h5",
    "mobilenet_v3_small": r"mobilenet_v3_small.*no_top.*\.h5",
    "resnet50": r"resnet50.*notop\.h5",
    "resnet101": r"resnet101.*notop\.h5",
    "vgg16": r"vgg16.*notop\.h5",
}


@pytest.mark.parametrize("name", chosen(FILES, ("mobilenet_v3_small", "vgg16")))
def test_without_internet_the_error_names_file_and_choices(name, monkeypatch):
    def no_internet(name, origin, **_):
        raise Exception(f"URL fetch failure on {origin}: None -- no route")

    monkeypatch.setattr("keras.src.utils.file_utils.get_file", no_internet)
    with pytest.raises(ValueError, match=FILES[name]) as caught:
        structure(name, weights="imagenet")
    for choice in ("KERAS_HOME", "weights=PATH", 'weights="none"'):
        assert choice in str(caught.value)


def test_missing_file_is_named():
    match = r'weights="nowhere\.h5" is not a file'
    with pytest.raises(ValueError, match=match):
        structure("mobilenet_v3_small", weights="nowhere.h5")
    with pytest.raises(ValueError, match=match):
        read_applications("ResNet50", "nowhere.h5")
    with pytest.raises(ValueError, match=match):
        load_own(keras.Sequential(), "xception65", "nowhere.h5")


OWN = {
    "xception65": {"width": 0.125},
    "resnet50": {"stem": "beta", "width": 0.125},
    "mobilenet_v3_small": {"reduced_tail": True, "width": 0.25},
}


@pytest.mark.parametrize("name", chosen(OWN, ("mobilenet_v3_small",)))
def test_own_file_loads_at_another_output_stride(name, tmp_path):
    options = OWN[name]
    path = str(tmp_path / "own.weights.h5")
    image = keras.Input((64, 64, 3))
    model = keras.Model(image, encode(name, image, weights="none", **options)[32])
    model.save_weights(path)
    loaded = encoder(name, (64, 64), weights=path, output_stride=16, **options)
    for layer in model.layers:
        if layer.weights:
            same = loaded.get_layer(layer.name).get_weights()
            for old, new in zip(layer.get_weights(), same, strict=True):
                np.testing.assert_array_equal(old, new)
    with pytest.raises(ValueError, match="no ImageNet weights"):
        structure(name, weights="imagenet", **options)


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
