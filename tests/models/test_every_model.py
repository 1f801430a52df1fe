"""What every network must do. A new name in MODELS needs an entry in SMALL."""

import functools
import os
import subprocess
import sys
from importlib.util import find_spec

import keras
import numpy as np
import pytest

from kerasseg.models import MODELS, build

CLASSES = 3
TIRAMISU = {"growth_rate": 2, "first_filters": 4, "layers_per_block": (1,) * 11}
DEEPLAB = {"aspp_filters": 8, "decoder_filters": 8, "weights": "none"}
LADDER = {"aspp_filters": 8, "filters": (8, 8, 4, 4), "weights": "none"}
NARROW = {"encoder_options": {"width": 0.25}, "weights": "none"}
# name -> (input shape, options that make the network small and offline)
SMALL = {
    "naive": ((19, 23, 3), {"filters": 4}),
    "fcn32s": ((37, 50, 3), {"width": 1 / 16, "upsampling": "full"}),
    "fcn16s": ((37, 50, 3), {"width": 1 / 16, "border": "same"}),
    "fcn8s": ((37, 50, 3), {"width": 1 / 16, "upsampling": "diagonal"}),
    "fcn_alexnet": ((37, 50, 3), {"width": 1 / 16}),
    "segnet": ((37, 50, 3), {"width": 1 / 16}),
    "segnet_basic": ((37, 50, 3), {"filters": 4}),
    "unet": ((32, 32, 3), {"filters": 4, "depth": 2}),
    "unet_small": ((32, 32, 3), {"filters": 4, "depth": 2}),
    "unet_fast": ((32, 40, 3), {"filters": 4, "depth": 2}),
    "unet_valid": ((44, 44, 3), {"filters": 4, "depth": 2}),
    "unet_reflect": ((32, 32, 3), {"filters": 4, "depth": 2}),
    "unet_efficientnet_lite0": ((64, 64, 3), {"filters": 2, "weights": "none"}),
    "deeplab_v3plus_efficientnet_lite0": ((71, 64, 3), DEEPLAB),
    "deeplab_v3plus_efficientnet_lite1": ((65, 51, 3), DEEPLAB),
    "deeplab_v3plus_efficientnet_lite2": ((37, 50, 3), DEEPLAB),
    "deeplab_v3plus_mobilenet_v2": ((51, 65, 3), DEEPLAB | NARROW),
    "deeplab_v3plus_resnet50": ((61, 72, 3), DEEPLAB | NARROW),
    "deeplab_v3plus_resnet101": ((37, 50, 3), DEEPLAB | NARROW),
    "deeplab_v3plus_xception65": ((37, 50, 3), DEEPLAB | NARROW),
    "deeplab_v3_resnet50": ((65, 65, 3), NARROW),
    "deeplab_v3_resnet101": ((37, 50, 3), NARROW),
    "deeplab_v3_mobilenet_v2": ((37, 72, 3), NARROW),
    "deeplab_v2_resnet101": ((65, 65, 3), NARROW),
    "ladder_efficientnet_lite0": ((65, 51, 3), LADDER),
    "ladder_efficientnet_lite2": ((37, 50, 3), LADDER),
    "lraspp_mobilenet_v3_large": ((37, 50, 3), NARROW),
    "lraspp_mobilenet_v3_small": ((65, 65, 3), NARROW),
    "fc_densenet56": ((45, 38, 3), TIRAMISU),
    "fc_densenet67": ((33, 40, 3), TIRAMISU),
    "fc_densenet103": ((35, 32, 3), TIRAMISU),
    "residual_unet": ((70, 65, 3), {"filters": 2, "repeats": (1, 2, 1, 2, 2, 1, 2)}),
    "vnet": ((32, 48, 3), {"filters": 3, "convolutions": (1, 2, 1, 1, 1)}),
    "dilated_frontend": ((19, 24, 3), {"width": 1 / 64}),
    "dilation7": ((388, 396, 3), {"width": 1 / 64, "padding": "valid"}),
    "dilation8": ((19, 24, 3), {"width": 1 / 64, "context": "large"}),
    "dilation10": ((19, 24, 3), {"width": 1 / 64}),
    "deeplab_v1": ((37, 50, 3), {"width": 1 / 32}),
    "deeplab_v2_vgg16": ((37, 50, 3), {"width": 1 / 32}),
}
# Networks whose logits are smaller than the image, name -> logits' height and width.
OUTPUT = {"unet_valid": (4, 4), "dilation7": (2, 3)}
# Networks that do not take any size, name -> the sizes that they name beside 101.
ADVICE = {
    "unet": "100 or 104",
    "unet_small": "100 or 104",
    "unet_fast": "96 or 104",
    "unet_valid": "100 or 104",
    "unet_reflect": "100 or 104",
    "unet_efficientnet_lite0": "96 or 128",
    "vnet": "96 or 112",
    "dilation7": "380",
}

every_model = pytest.mark.parametrize("name", sorted(MODELS))
tensorflow_only = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="uses TensorFlow's own tools"
)


@functools.cache
def network(name):
    """One network for all tests, none of which may change it; its weights and moving
    statistics are random, so that a mistake cannot hide behind zeros and ones."""
    keras.utils.set_random_seed(1)
    shape, options = SMALL[name]
    model = build(name, CLASSES, shape, **options)
    rng = np.random.default_rng(0)
    for weight in model.weights:
        if weight.path.endswith(("beta", "moving_mean", "bias")):
            weight.assign(rng.normal(0, 0.1, weight.shape))
        if weight.path.endswith(("gamma", "moving_variance")):
            weight.assign(rng.uniform(0.8, 1.2, weight.shape))
        if weight.path.endswith("kernel") and not np.any(weight):  # as in FCN
            weight.assign(rng.normal(0, 0.1, weight.shape))
    return model


def images(name, count=2):
    shape, _ = SMALL[name]
    return np.random.default_rng(2).uniform(0, 255, (count, *shape)).astype("float32")


def weights_of(model):
    return [keras.ops.convert_to_numpy(weight) for weight in model.weights]


def test_every_name_is_tested():
    assert sorted(SMALL) == sorted(MODELS)


@pytest.mark.parametrize("name", ADVICE)
def test_a_size_that_does_not_work_is_answered_by_those_that_do(name):
    _, options = SMALL[name]
    with pytest.raises(ValueError, match=f"size 101.* to {ADVICE[name]}"):
        build(name, CLASSES, (101, 101, 3), **options)


def test_all_others_are_tested_with_odd_sizes():
    even = {
        name
        for name, ((rows, columns, _), _) in SMALL.items()
        if not rows % 2 and not columns % 2
    }
    assert even == set(ADVICE)


@pytest.mark.agnostic
@every_model
def test_logits_have_the_promised_shape_and_dtype(name):
    shape, _ = SMALL[name]
    model = network(name)
    scaling = next(la for la in model.layers if isinstance(la, keras.layers.Rescaling))
    assert not scaling.weights
    size = OUTPUT.get(name, shape[:2])
    assert model.output_shape == (None, *size, CLASSES)
    assert [tensor.name for tensor in model.inputs] == ["image"]
    logits = model(images(name))
    assert tuple(logits.shape) == (2, *size, CLASSES)
    assert keras.backend.standardize_dtype(logits.dtype) == "float32"


@pytest.mark.agnostic
@every_model
def test_calling_changes_no_weight_and_equals_predict(name):
    model, x = network(name), images(name)
    before = weights_of(model)
    called = keras.ops.convert_to_numpy(model(x))
    for old, new in zip(before, weights_of(model), strict=True):
        np.testing.assert_array_equal(old, new)
    assert np.ptp(called) > 0
    np.testing.assert_allclose(called, model.predict(x, verbose=0), atol=1e-4)


@tensorflow_only
@every_model
def test_gradient_reaches_every_weight(name):
    import tensorflow as tf

    model, x = keras.models.clone_model(network(name)), images(name, 4)
    model.set_weights(network(name).get_weights())
    with tf.GradientTape() as tape:
        logits = model(x, training=True)
        target = np.random.default_rng(3).normal(size=logits.shape)
        loss = keras.ops.mean((logits - target.astype("float32")) ** 2)
    weights = [weight.value for weight in model.trainable_weights]
    gradients = tape.gradient(loss, weights)
    for weight, gradient in zip(model.trainable_weights, gradients, strict=True):
        assert gradient is not None, weight.path
        assert np.isfinite(gradient).all(), weight.path
        assert np.abs(gradient).max() > 0, weight.path


@pytest.mark.parametrize("half", ["bfloat16", "float16"])
@every_model
def test_half_precision_gives_finite_float32_logits(name, half):
    shape, options = SMALL[name]
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy(f"mixed_{half}")
    try:
        model = build(name, CLASSES, shape, **options)
        logits = model(images(name), training=False)
    finally:
        keras.config.set_dtype_policy(policy)
    assert keras.backend.standardize_dtype(logits.dtype) == "float32"
    assert np.isfinite(keras.ops.convert_to_numpy(logits)).all()
    computed_in_half = [la for la in model.layers if la.compute_dtype == half]
    assert computed_in_half


LOAD = """
import pathlib, sys
sys.modules["kerasseg"] = None  # importing it now fails
import keras, numpy as np
assert keras.backend.backend() == sys.argv[2]
for path in sorted(pathlib.Path(sys.argv[1]).glob("*.keras")):
    model = keras.models.load_model(path)
    stored = np.load(path.with_suffix(".npz"))
    got = model.predict(stored["image"], verbose=0)
    error = np.abs(got - stored["logits"]).max() / max(1, np.abs(got).max())
    assert error <= 1e-4, (path.stem, error)
    print(path.stem, error)
"""


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    for name in MODELS:
        model, x = network(name), images(name, 1)
        model.save(folder / f"{name}.keras")
        np.savez(folder / f"{name}.npz", image=x, logits=model.predict(x, verbose=0))
    return folder


@tensorflow_only
@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
def test_saved_file_opens_without_kerasseg(saved, backend):
    if find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    done = subprocess.run(
        [sys.executable, "-c", LOAD, str(saved), backend],
        env={**os.environ, "KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert len(done.stdout.splitlines()) == len(MODELS)


@tensorflow_only
@every_model
def test_exports_equal_predict(name, tmp_path):
    """SavedModel and LiteRT (built-in operators only), static batch of one."""
    import tensorflow as tf
    from ai_edge_litert.interpreter import Interpreter

    model, x = network(name), images(name, 1)
    expected = model.predict(x, verbose=0)
    tolerance = 1e-4 * max(1, np.abs(expected).max())
    signature = [tf.TensorSpec(x.shape, tf.float32, name="image")]
    module = tf.Module()
    module.weights = [weight.value for weight in model.weights]
    module.serve = tf.function(
        lambda image: model(image, training=False), input_signature=signature
    )
    tf.saved_model.save(module, str(tmp_path / "saved"), {"serve": module.serve})
    reloaded = tf.saved_model.load(str(tmp_path / "saved"))
    np.testing.assert_allclose(reloaded.serve(x), expected, atol=tolerance)

    converter = tf.lite.TFLiteConverter.from_saved_model(
        str(tmp_path / "saved"), signature_keys=["serve"]
    )
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    interpreter = Interpreter(model_content=converter.convert(), num_threads=1)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
    interpreter.invoke()
    logits = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    np.testing.assert_allclose(logits, expected, atol=tolerance)
