from importlib.util import find_spec

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasseg import upsampling

pytestmark = pytest.mark.agnostic
few = settings(deadline=None, max_examples=10)


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def array(tensor):
    return keras.ops.convert_to_numpy(tensor)


# --- bilinear, nearest, bed of nails -------------------------------------------------


def test_bilinear_by_hand():
    """Half-pixel centres, two pixels to four: 1, 1 + 1/4 * 4, 1 + 3/4 * 4, 5."""
    x = np.array([1.0, 5.0], "float32").reshape(1, 1, 2, 1)
    found = array(upsampling.bilinear(x, (1, 4))).ravel()
    np.testing.assert_allclose(found, [1, 2, 4, 5], atol=1e-6)


@pytest.mark.skipif(not find_spec("tensorflow"), reason="compares with TensorFlow")
@pytest.mark.parametrize("size", [(20, 28), (23, 30), (90, 120), (3, 5), (5, 7)])
def test_bilinear_equals_tf_image_resize(size):
    import tensorflow as tf

    x = numbers(2, 5, 7, 3)
    expected = tf.image.resize(x, size).numpy()
    np.testing.assert_allclose(array(upsampling.bilinear(x, size)), expected, atol=1e-5)


@pytest.mark.skipif(not find_spec("tensorflow"), reason="compares with TensorFlow")
@pytest.mark.parametrize("size", [(20, 28), (23, 30), (5, 90), (3, 1), (1, 7)])
def test_bilinear_by_corners_equals_tensorflow_1(size):
    import tensorflow as tf

    x = numbers(2, 5, 7, 3)
    resize = tf.compat.v1.image.resize_bilinear
    expected = resize(x, size, align_corners=True).numpy()
    found = array(upsampling.bilinear_by_corners(x, size))
    np.testing.assert_allclose(found, expected, atol=1e-5)
    line = array(upsampling.bilinear_by_corners(x[:, :1], (4, 7)))
    np.testing.assert_allclose(line, np.repeat(x[:, :1], 4, 1), atol=1e-6)


def test_bilinear_by_corners_is_saved_without_this_package(tmp_path):
    image = keras.Input((5, 7, 3))
    model = keras.Model(image, upsampling.bilinear_by_corners(image, (20, 28)))
    model.save(tmp_path / "network.keras")
    same = keras.models.load_model(tmp_path / "network.keras")
    x = numbers(2, 5, 7, 3)
    np.testing.assert_array_equal(array(same(x)), array(model(x)))


@pytest.mark.parametrize("resize", ["bilinear", "bilinear_by_corners"])
def test_bilinear_refuses_unknown_sizes(resize):
    image = keras.Input((None, None, 3))
    with pytest.raises(ValueError, match="static sizes"):
        getattr(upsampling, resize)(image, (4, 4))


@few
@given(st.integers(1, 3), st.integers(1, 4), st.integers(1, 4), st.integers(1, 3))
def test_nearest_and_nails_in_any_rank(rank, length, channels, factor):
    shape = (2, *range(length, length + rank), channels)
    x = numbers(*shape)
    expected = x
    for axis in range(1, rank + 1):
        expected = np.repeat(expected, factor, axis)
    np.testing.assert_array_equal(array(upsampling.nearest(x, factor)), expected)
    nails = np.zeros_like(expected)
    nails[(slice(None), *[slice(None, None, factor)] * rank)] = x
    np.testing.assert_array_equal(array(upsampling.bed_of_nails(x, factor)), nails)


# --- max-unpooling -------------------------------------------------------------------


def test_max_unpool_by_hand():
    x = np.array([[1, 9, 2], [3, 4, 8], [7, 5, 6]], "float32")[None, :, :, None]
    pooled, indices = upsampling.max_pool_with_indices(x)
    assert array(pooled).ravel().tolist() == [9, 8, 7, 6]
    assert array(indices).ravel().tolist() == [1, 2, 0, 0]
    found = array(upsampling.max_unpool(pooled, indices, (3, 3)))[0, :, :, 0]
    assert found.tolist() == [[0, 9, 0], [0, 0, 8], [7, 0, 6]]


def test_of_equal_values_the_first_wins():
    _, indices = upsampling.max_pool_with_indices(np.ones((1, 4, 5, 2), "float32"))
    assert not array(indices).any()


@few
@given(st.integers(1, 3), st.integers(1, 5), st.integers(0, 99))
def test_unpooled_keeps_each_maximum_in_its_place(rank, length, seed):
    shape = (2, *range(length, length + rank), 3)
    x = numbers(*shape, seed=seed)
    pooled, indices = upsampling.max_pool_with_indices(x)
    assert pooled.shape[1:-1] == tuple(-(-n // 2) for n in shape[1:-1])
    found = array(upsampling.max_unpool(pooled, indices, shape[1:-1]))
    kept = found != 0
    np.testing.assert_array_equal(found[kept], x[kept])
    assert kept.sum() == np.prod(pooled.shape)
    again, _ = upsampling.max_pool_with_indices(np.where(kept, x, -1e9))
    np.testing.assert_array_equal(array(again), array(pooled))


def test_unpooling_to_a_wrong_size_is_refused():
    pooled, indices = upsampling.max_pool_with_indices(numbers(1, 6, 6, 1))
    with pytest.raises(ValueError, match="size that was pooled"):
        upsampling.max_unpool(pooled, indices, (8, 6))


# --- transposed convolution ----------------------------------------------------------


def test_bilinear_kernel_by_hand():
    """Factor 2: the triangle 1/4, 3/4, 3/4, 1/4; factor 3: 1/3, 2/3, 1, 2/3, 1/3."""
    line = np.array([1, 3, 3, 1]) / 4
    kernel = upsampling.bilinear_kernel(2, 2)
    np.testing.assert_allclose(kernel[:, :, 0, 0], np.outer(line, line))
    assert not kernel[:, :, 0, 1].any()
    line = np.array([1, 2, 3, 2, 1]) / 3
    np.testing.assert_allclose(upsampling.bilinear_kernel(3, 1, rank=1)[:, 0, 0], line)


@pytest.mark.parametrize("factor", [2, 4])
def test_bilinear_start_interpolates(factor):
    image = keras.Input((6, 7, 3))
    output = upsampling.transposed_convolution(
        image, 3, 2 * factor, factor, initial="bilinear"
    )
    x = numbers(2, 6, 7, 3)
    found = array(keras.Model(image, output)(x))
    expected = array(upsampling.bilinear(x, (6 * factor, 7 * factor)))
    inner = slice(factor, -factor)  # outside the image are zeros, not its border
    np.testing.assert_allclose(
        found[:, inner, inner], expected[:, inner, inner], atol=1e-5
    )


def test_checkerboard_is_refused_unless_wanted():
    image = keras.Input((4, 4, 3))
    with pytest.raises(ValueError, match="such as 2 or 4"):
        upsampling.transposed_convolution(image, 5, kernel_size=3, stride=2)
    y = upsampling.transposed_convolution(image, 5, 3, 2, allow_checkerboard=True)
    assert y.shape == (None, 8, 8, 5)
    with pytest.raises(ValueError, match="kernel size 4 and 3 filters"):
        upsampling.transposed_convolution(image, 5, initial="bilinear")


@pytest.mark.parametrize("kernel, even", [(2, True), (3, False), (4, True)])
def test_checkerboard_is_real(kernel, even):
    """Kernel of ones on an image of ones: flat only where the stride divides it."""
    image = keras.Input((6, 6, 1))
    y = upsampling.transposed_convolution(
        image, 1, kernel, 2, initial="ones", allow_checkerboard=True
    )
    inner = array(keras.Model(image, y)(np.ones((1, 6, 6, 1))))[0, 2:-2, 2:-2]
    assert (np.ptp(inner) == 0) == even


# --- in a network ---------------------------------------------------------------------


def test_converts_to_builtin_operators_only(tmp_path):
    tf = pytest.importorskip("tensorflow")
    if keras.backend.backend() != "tensorflow":
        pytest.skip("LiteRT conversion is TensorFlow's")
    image = keras.Input((9, 6, 2), name="image")
    pooled, indices = upsampling.max_pool_with_indices(image)
    maps = [
        upsampling.bilinear(image, (18, 12)),
        upsampling.nearest(image),
        upsampling.bed_of_nails(image),
        upsampling.nearest(upsampling.max_unpool(pooled, indices, (9, 6))),
        upsampling.transposed_convolution(image, 2, 4, 2, initial="bilinear"),
    ]
    model = keras.Model(image, keras.layers.Concatenate()(maps))
    model.save(tmp_path / "network.keras")
    model = keras.models.load_model(tmp_path / "network.keras")
    x = numbers(1, 9, 6, 2)
    signature = [tf.TensorSpec(x.shape, tf.float32)]
    module = tf.Module()
    module.weights = [weight.value for weight in model.weights]
    module.serve = tf.function(
        lambda image: model(image, training=False), input_signature=signature
    )
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [module.serve.get_concrete_function()], module
    )
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=converter.convert())
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
    interpreter.invoke()
    found = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    np.testing.assert_allclose(found, array(model(x)), atol=1e-5)
