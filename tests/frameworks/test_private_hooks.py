"""Each private name of Keras and TensorFlow still means what kerasseg uses it for.

A test that fails here after an upgrade names the hook; nothing else uses such names.
"""

import ast
import functools
from pathlib import Path

import keras
import numpy as np
import pytest

import kerasseg
from kerasseg.frameworks import private_hooks

ROOT = Path(kerasseg.__file__).parent
BENCHMARKS = ROOT.parent / "benchmarks"
HOOKS = ROOT / "frameworks" / "private_hooks.py"
OF_OTHERS = {
    "os._exit": "documented, leaves a process that may not clean up",
    "axes._left_title": "of Matplotlib, which has no public name for it",
}
"""Names with an underscore that belong neither to Keras or TensorFlow nor to us."""

tensorflow = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="a name of TensorFlow"
)


@pytest.fixture
def network():
    image = keras.Input((4, 4, 3))
    x = keras.layers.Conv2D(2, 1, name="first")(image)
    return keras.Model(image, keras.layers.Conv2D(2, 1, name="second")(x))


@pytest.mark.agnostic
def test_nodes_by_depth(network):
    found = private_hooks.nodes_by_depth(network)
    names = [found[depth][0].operation.name for depth in sorted(found)]
    assert names[:2] == ["second", "first"]
    (node,) = found[0]
    assert {"input_tensors", "output_tensors", "arguments"} <= set(dir(node))
    assert not node.is_input
    assert node.parent_nodes[0].operation.name == "first"


@pytest.mark.agnostic
def test_inbound_nodes(network):
    (node,) = private_hooks.inbound_nodes(network.get_layer("second"))
    assert node.operation is network.get_layer("second")


@pytest.mark.agnostic
def test_forgetting_variables():
    scope = keras.StatelessScope(initialize_variables=False)
    with private_hooks.forgetting_variables() as made, scope:
        forgotten = keras.Variable("zeros", shape=(2,))
    assert made == [forgotten]
    with keras.StatelessScope():
        kept = keras.Variable("zeros", shape=(3,))
    assert kept._value is not None
    assert forgotten._value is None


@pytest.mark.agnostic
def test_sharing_objects():
    layer = keras.layers.Dense(2)
    with private_hooks.sharing_objects():
        saved = [keras.saving.serialize_keras_object(layer) for _ in range(2)]
    with private_hooks.sharing_objects():
        one, other = map(keras.saving.deserialize_keras_object, saved)
    assert one is other


@pytest.mark.agnostic
def test_moving_averages():
    optimizer = keras.optimizers.SGD(1.0, use_ema=True, ema_momentum=0.75)
    weight = keras.Variable(np.zeros(2, "float32"))
    optimizer.build([weight])
    optimizer.apply([keras.ops.ones(2)], [weight])
    optimizer.apply([keras.ops.ones(2)], [weight])
    (mean,) = private_hooks.moving_averages(optimizer)
    # The first step sets the mean to -1, the second moves it a quarter of the way on.
    np.testing.assert_allclose(keras.ops.convert_to_numpy(mean), [-1.25, -1.25])


@pytest.mark.agnostic
def test_update_all_replaces_the_update_of_an_optimizer():
    seen = []

    class Recording(private_hooks.UpdateStep, keras.optimizers.SGD):
        def update_all(self, gradients, variables, learning_rate):
            seen.append(len(variables))
            super().update_all(gradients, variables, learning_rate)

    weight = keras.Variable(np.zeros(2, "float32"))
    optimizer = Recording(1.0)
    optimizer.build([weight])
    optimizer.apply([keras.ops.ones(2)], [weight])
    assert seen == [1]
    np.testing.assert_allclose(keras.ops.convert_to_numpy(weight), [-1, -1])


@pytest.mark.agnostic
@pytest.mark.skipif(
    keras.backend.backend() == "jax", reason="there `stateless_apply` does its work"
)
@pytest.mark.parametrize("gradient, calls", [(2.0, 1), (np.inf, 0)])
def test_apply_finite_is_called_for_finite_gradients_only(gradient, calls):
    seen = []

    class Recording(private_hooks.LossScaleOptimizer):
        def apply_finite(self, gradients, variables):
            seen.append(1)
            super().apply_finite(gradients, variables)

    weight = keras.Variable(np.zeros(2, "float32"))
    optimizer = Recording(keras.optimizers.SGD(1.0), initial_scale=2.0)
    optimizer.build([weight])
    optimizer.apply([gradient * keras.ops.ones(2)], [weight])
    # TensorFlow traces the function either way: what counts is the weight.
    assert not calls or seen
    moved = keras.ops.convert_to_numpy(weight)
    np.testing.assert_allclose(moved, [-calls, -calls])


@pytest.mark.agnostic
def test_moments_replaces_those_of_batch_normalisation():
    class Twice(private_hooks.BatchNormalization):
        def moments(self, inputs, axes):
            assert axes == [0, 1, 2]
            mean, variance = super().moments(inputs, axes)
            return 2 * mean, variance

    inputs = np.ones((2, 3, 4, 5), "float32")
    layer = Twice(momentum=0.0)
    layer(inputs, training=True)
    found = keras.ops.convert_to_numpy(layer.moving_mean)
    np.testing.assert_allclose(found, np.full(5, 2.0))


@tensorflow
def test_without_all_reduce():
    """With two replicas the gradients are summed once, by `replicas.all_reduce`; how
    that ends tests/fit/test_devices.py shows. Here: the optimizer asks this hook."""
    optimizer = keras.optimizers.SGD(1.0)
    asked = type(optimizer)._all_reduce_sum_gradients
    assert callable(asked)
    private_hooks.without_all_reduce(optimizer)
    weight = keras.Variable(np.zeros(2, "float32"))
    optimizer.build([weight])
    optimizer.apply([keras.ops.ones(2)], [weight])
    np.testing.assert_allclose(keras.ops.convert_to_numpy(weight), [-1, -1])


@tensorflow
def test_tflite_convert():
    assert issubclass(private_hooks.tflite_convert().ConverterError, Exception)


@tensorflow
def test_quantization_debugger():
    debugger, options = private_hooks.quantization_debugger()
    wanted = {"run", "get_debug_quantized_model", "get_nondebug_quantized_model"}
    assert wanted <= set(dir(debugger))
    options(layer_direct_compare_metrics={"error": max}, denylisted_nodes=["one"])


# ---- Nobody else uses a private name -------------------------------------------------


def private(tree: ast.Module) -> list[str]:
    """Private names that a file reads from something that is not its own."""
    imported = [n for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)]
    ours = {
        alias.asname or alias.name
        for node in imported
        if (node.module or "").split(".")[0] == "kerasseg"
        for alias in node.names
    }
    kept = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
    }
    named = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    kept |= {node.name for node in ast.walk(tree) if isinstance(node, named)}
    kept |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    found = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute):
            continue
        if not node.attr.startswith("_") or node.attr.startswith("__"):
            continue
        owner = ast.unparse(node.value)
        known = owner in ours or (owner in ("self", "cls") and node.attr in kept)
        if not known and ast.unparse(node) not in OF_OTHERS:
            found.append(f"{node.lineno}: {ast.unparse(node)}")
    return found


@functools.cache
def methods_of_keras() -> set[str]:
    """Private ones."""
    bases = [keras.Model, keras.layers.Layer, keras.layers.BatchNormalization]
    bases += [keras.optimizers.LossScaleOptimizer, keras.optimizers.SGD]
    bases += [keras.metrics.Metric, keras.losses.Loss, keras.callbacks.Callback]
    return {
        name
        for base in bases
        for name in dir(base)
        if name.startswith("_") and not name.startswith("__")
    }


def overridden(tree: ast.Module) -> list[str]:
    """Private methods of Keras that a class replaces."""
    names = methods_of_keras()
    return [
        f"{method.lineno}: {method.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and node.bases
        for method in node.body
        if isinstance(method, ast.FunctionDef) and method.name in names
    ]


def test_no_other_file_uses_a_private_name():
    wrong = {}
    for file in sorted([*ROOT.rglob("*.py"), *BENCHMARKS.rglob("*.py")]):
        text = file.read_text(encoding="utf-8")
        tree = ast.parse(text)
        found = private(tree) + overridden(tree)
        if "tensorflow.lite.python" in text or "tensorflow.python" in text:
            found.append("imports TensorFlow's inside")
        if found and file != HOOKS:
            wrong[str(file.relative_to(ROOT.parent))] = found
    assert not wrong


@pytest.mark.parametrize(
    "line",
    [
        "import keras\ndef f(network): return network._nodes_by_depth",
        "class A(keras.Layer):\n    def f(self): return self._reduction_axes",
        "class A(keras.layers.BatchNormalization):\n    def _moments(self): pass",
        "optimizer._all_reduce_sum_gradients = list",
    ],
)
def test_a_private_name_is_found(line):
    tree = ast.parse(line)
    assert private(tree) + overridden(tree)
