"""What every network must do: one method a law.

The test file of a module of kerasseg/models has a class of it:

    class TestLaws(NetworkLaws):
        module = "unet"

Its methods then run for all names of MODELS that this module builds (`name`). Of laws
that are dear to test, `chosen`, only those of `networks.CHOSEN` are in the default run.
"""

import json
import zipfile

import keras
import numpy as np
import pytest
from networks import (
    ADVICE,
    BY_HEART,
    CHOSEN,
    CLASSES,
    OF_ALL_KINDS,
    OUTPUT,
    SAME_AS,
    SLOWLY,
    SMALL,
    call,
    chosen,
    images,
    network,
)

from kerasseg.data.synthetic import scene
from kerasseg.losses import cross_entropy
from kerasseg.metrics import count, scores
from kerasseg.models import MODELS, build

tensorflow_only = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="uses TensorFlow's own tools"
)
SCENES = (0, 1, 2, 7, 13, 18, 40, 59)
"""Synthetic scenes that show all 11 classes at 96 x 96, 9 of them at 64 x 64."""
SCENE_CLASSES, ENOUGH = 11, 0.95
DEEPER = {
    "deeplab_v3_resnet101": "deeplab_v3_resnet50",
    "deeplab_v3plus_resnet101": "deeplab_v3plus_resnet50",
    "fcn_resnet101": "fcn_resnet50",
    "deeplab_v3plus_efficientnet_lite1": "deeplab_v3plus_efficientnet_lite2",
    "ladder_efficientnet_lite2": "ladder_efficientnet_lite0",
}
"""Names that have more or fewer blocks of one encoder than another: slow."""
STEPS, BETWEEN = 600, 10
"""Steps of Adam at most; steps between two scores."""


class NetworkLaws:
    module = ""

    def pytest_generate_tests(self, metafunc):
        names = [name for name, (path, _) in MODELS.items() if self.is_here(path)]
        small = [name for name in names if name not in SAME_AS]
        for argument, values in {
            "every_name": names,
            "name": chosen(small, set(small) - set(DEEPER)),
            "chosen": chosen(small, CHOSEN),
            "exported": chosen(small, OF_ALL_KINDS),
        }.items():
            if argument in metafunc.fixturenames:
                metafunc.parametrize(argument, values)

    def is_here(self, path):
        return path.split(".")[0] == self.module

    @pytest.mark.agnostic
    def test_a_call_gives_the_promised_logits_and_changes_no_weight(self, name):
        shape, _ = SMALL[name]
        model = network(name)
        rescaling = keras.layers.Rescaling
        scaling = next(la for la in model.layers if isinstance(la, rescaling))
        assert not scaling.weights
        size = OUTPUT.get(name, shape[:2])
        assert model.output_shape == (None, *size, CLASSES)
        assert [tensor.name for tensor in model.inputs] == ["image"]

        before = [keras.ops.convert_to_numpy(weight) for weight in model.weights]
        logits = model(images(name, 2))
        assert tuple(logits.shape) == (2, *size, CLASSES)
        assert keras.backend.standardize_dtype(logits.dtype) == "float32"
        assert np.ptp(keras.ops.convert_to_numpy(logits)) > 0
        for old, new in zip(before, model.weights, strict=True):
            np.testing.assert_array_equal(old, keras.ops.convert_to_numpy(new))

    def test_a_size_that_does_not_work_is_answered_by_those_that_do(self):
        for name, (path, _) in MODELS.items():
            if self.is_here(path) and name in ADVICE:
                _, options = SMALL[name]
                with pytest.raises(ValueError, match=f"size 101.* to {ADVICE[name]}"):
                    build(name, CLASSES, (101, 101, 3), **options)

    @tensorflow_only
    def test_gradient_reaches_every_weight(self, chosen):
        import tensorflow as tf

        model, x = network(chosen), images(chosen, 4)
        before = model.get_weights()
        with tf.GradientTape() as tape:
            logits = model(x, training=True)
            target = np.random.default_rng(3).normal(size=logits.shape)
            loss = keras.ops.mean((logits - target.astype("float32")) ** 2)
        weights = model.trainable_weights
        gradients = tape.gradient(loss, [weight.value for weight in weights])
        model.set_weights(before)  # the call moved the statistics
        for weight, gradient in zip(weights, gradients, strict=True):
            assert gradient is not None, weight.path
            assert np.isfinite(gradient).all(), weight.path
            assert np.abs(gradient).max() > 0, weight.path

    @pytest.mark.parametrize(
        "half", ["bfloat16", pytest.param("float16", marks=pytest.mark.slow)]
    )
    def test_half_precision_gives_finite_float32_logits(self, chosen, half):
        shape, options = SMALL[chosen]
        policy = keras.config.dtype_policy()
        keras.config.set_dtype_policy(f"mixed_{half}")
        try:
            model = build(chosen, CLASSES, shape, **options)
            logits = model(images(chosen), training=False)
        finally:
            keras.config.set_dtype_policy(policy)
        assert keras.backend.standardize_dtype(logits.dtype) == "float32"
        assert np.isfinite(keras.ops.convert_to_numpy(logits)).all()
        assert [la for la in model.layers if la.compute_dtype == half]

    @pytest.mark.agnostic
    def test_a_saved_file_names_only_classes_of_keras(self, chosen, tmp_path):
        """So that it opens without kerasseg: test_saved_files.py opens it."""
        network(chosen).save(tmp_path / "network.keras")
        with zipfile.ZipFile(tmp_path / "network.keras") as archive:
            found = list(classes(json.loads(archive.read("config.json"))))
        assert found
        assert {module.split(".")[0] for module, _ in found} == {"keras"}
        assert not [name for _, name in found if name and ">" in name]  # registered

    @pytest.mark.export
    @tensorflow_only
    @pytest.mark.processes
    def test_exports_equal_the_call(self, exported, tmp_path):
        """SavedModel and LiteRT (built-in operators only), static batch of one."""
        import tensorflow as tf
        from ai_edge_litert.interpreter import Interpreter

        model, x = network(exported), images(exported)
        expected = call(model, x)
        tolerance = 1e-4 * max(1, np.abs(expected).max())
        signature = [tf.TensorSpec(x.shape, tf.float32, name="image")]
        module = tf.Module()
        module.weights = [weight.value for weight in model.weights]
        module.serve = tf.function(
            lambda image: model(image, training=False), input_signature=signature
        )
        path = str(tmp_path / "saved")
        tf.saved_model.save(module, path, {"serve": module.serve})
        reloaded = tf.saved_model.load(path)
        np.testing.assert_allclose(reloaded.serve(x), expected, atol=tolerance)

        converter = tf.lite.TFLiteConverter.from_saved_model(
            path, signature_keys=["serve"]
        )
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        interpreter = Interpreter(model_content=converter.convert(), num_threads=1)
        interpreter.allocate_tensors()
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
        interpreter.invoke()
        logits = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
        np.testing.assert_allclose(logits, expected, atol=tolerance)

    @pytest.mark.slow
    def test_learns_eight_scenes_by_heart(self, every_name):
        """At reduced width, scored as a user would predict, with moving statistics.

        A network that ends in a bilinear enlargement has one free logit for each 4 x 4
        to 32 x 32 pixels and cannot draw finer things: it is trained and scored at the
        pixels nearest to where those logits lie.
        """
        size, first, step, options = BY_HEART[every_name]
        keras.utils.set_random_seed(0)
        whole = build(every_name, SCENE_CLASSES, (size, size, 3), **options)
        logits = whole.output[:, first::step, first::step] if step > 1 else whole.output
        model = keras.Model(whole.input, logits)
        found = [scene(0, index, size, size) for index in SCENES]
        pixels = np.stack([one.image for one in found]).astype("float32")
        labels = np.stack([one.label for one in found])
        margin = (size - whole.output_shape[1]) // 2
        labels = labels[:, margin : size - margin, margin : size - margin]
        labels = labels[:, first::step, first::step]
        target = np.eye(256, dtype="float32")[labels][..., :SCENE_CLASSES]

        normalized = any("moving_mean" in weight.path for weight in whole.weights)
        rate = SLOWLY.get(every_name, 1e-2 if normalized else 3e-3)
        model.compile(
            keras.optimizers.Adam(rate), weighted_loss(target), jit_compile=False
        )
        for _ in range(STEPS // BETWEEN):
            model.fit(pixels, target, batch_size=8, epochs=BETWEEN, verbose=0)
            predicted = model.predict(pixels, verbose=0).argmax(-1)
            miou = scores(count(labels, predicted, SCENE_CLASSES))["miou"]
            if miou >= ENOUGH:
                break
        keras.utils.clear_session(free_memory=True)
        assert miou >= ENOUGH, f"mIoU {miou:.3f} after {STEPS} steps"


def weighted_loss(target):
    """Cross entropy; a class a hundred times rarer counts ten times as much."""
    pixels = target.sum((0, 1, 2))
    weights = np.where(pixels > 0, pixels.sum() / np.maximum(pixels, 1), 0) ** 0.5
    return lambda labels, logits: cross_entropy(labels, logits, class_weights=weights)


def classes(config):
    """(module, registered name) of everything that a saved configuration names."""
    if isinstance(config, dict):
        if "class_name" in config and "module" in config:
            yield config["module"], config.get("registered_name")
        config = list(config.values())
    if isinstance(config, list):
        for part in config:
            yield from classes(part)
