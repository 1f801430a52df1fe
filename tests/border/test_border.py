"""Distance transforms and border weights: by hand, against scipy, as properties."""

from pathlib import Path

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from kerasseg import border

pytestmark = pytest.mark.agnostic

few = settings(deadline=None, max_examples=12)
seeds = st.integers(0, 2**32 - 1)
# a few shapes only: JAX compiles every new one
shapes = st.sampled_from([(1, 1), (1, 40), (45, 33)])


border_weights, distance_transform = border.border_weights, border.distance_transform
if keras.backend.backend() == "jax":  # one by one, JAX would compile every slice
    import jax

    options = ("w0", "sigma", "background_only", "class_weights")
    options += ("sigma_1", "spacing")
    border_weights = jax.jit(border_weights, static_argnames=options)
    distance_transform = jax.jit(distance_transform)


def weights(instance, **options):
    """Border weights of one image, as numpy."""
    return ops.convert_to_numpy(border_weights(instance[None], **options))[0]


def cells(seed, height, width, count):
    """Ellipses of random size, later ones on top, some pixels apart or touching."""
    rng = np.random.default_rng(seed)
    row, column = np.mgrid[:height, :width]
    instance = np.zeros((height, width), np.int32)
    for number in rng.permutation(count) + 1:
        centre = rng.uniform((0, 0), (height, width))
        radius = rng.uniform(0.5, 7, 2)
        away = ((row - centre[0]) / radius[0]) ** 2
        away += ((column - centre[1]) / radius[1]) ** 2
        instance[away <= 1] = number
    return instance


def scipy_weights(instance, w0=10.0, sigma=5.0, background_only=True):
    """The usual recipe: one distance transform for every instance, then sort."""
    ndimage = pytest.importorskip("scipy.ndimage")
    numbers = np.unique(instance[instance > 0])
    if len(numbers) < 2:
        return np.zeros(instance.shape)
    distance = [ndimage.distance_transform_edt(instance != n) for n in numbers]
    d1, d2 = np.sort(distance, axis=0)[:2]
    term = w0 * np.exp(-((d1 + d2) ** 2) / (2 * sigma**2))
    return np.where(instance > 0, 0, term) if background_only else term


def test_distance_by_hand():
    mask = np.array([[[1, 1, 1, 1], [1, 0, 1, 1], [1, 1, 1, 1]]])
    far = [2**0.5, 1, 2**0.5, 5**0.5]
    got = ops.convert_to_numpy(distance_transform(mask))
    np.testing.assert_allclose(got[0], [far, [1, 0, 1, 2], far], rtol=1e-6)
    assert got.dtype == np.float32


def test_distance_without_background_is_infinite():
    mask = np.ones((2, 3, 5), bool)
    mask[1, 2, 4] = False
    got = ops.convert_to_numpy(distance_transform(mask))
    assert np.isinf(got[0]).all()
    assert np.isfinite(got[1]).all() and got[1, 0, 0] == pytest.approx(20**0.5)


@few
@given(seed=seeds, shape=shapes, share=st.sampled_from([0.002, 0.05, 0.5, 1.0]))
def test_distance_equals_scipy(seed, shape, share):
    ndimage = pytest.importorskip("scipy.ndimage")
    mask = np.random.default_rng(seed).random((2, *shape)) >= share
    mask[:, -1, 0] = False
    want = [ndimage.distance_transform_edt(image) for image in mask]
    got = ops.convert_to_numpy(distance_transform(mask))
    np.testing.assert_allclose(got, want, rtol=1e-6)


@pytest.mark.parametrize(
    ("d1", "d2", "want"),
    [  # 10 exp(-(d1 + d2)² / 50), worked out by hand
        (1, 1, 9.231163),
        (2, 2, 7.261490),
        (1, 4, 6.065307),
        (5, 5, 1.353353),
        (10, 10, 0.003355),
    ],
)
@pytest.mark.parametrize("upright", [False, True])
def test_worked_values(d1, d2, want, upright):
    line = np.zeros((1, 41), np.int32)
    line[0, 20 - d1], line[0, 20 + d2] = 7, 3
    got = weights(line.T if upright else line)
    assert got.reshape(-1)[20] == pytest.approx(want, abs=1e-6)


def test_distances_are_euclidean():
    instance = np.zeros((9, 9), np.int32)
    instance[1, 0], instance[4, 1] = 1, 2  # 5 and 3 from row 4, column 4
    want = 10 * np.exp(-((5 + 3) ** 2) / 50)
    assert weights(instance)[4, 4] == pytest.approx(want, abs=1e-6)


def test_straight_gap_of_four():
    instance = np.ones((6, 14), np.int32)
    instance[:, 5:9], instance[:, 9:] = 0, 2
    want = np.zeros((6, 14))
    want[:, 5:9] = 6.065307  # d1 + d2 = 5 throughout
    np.testing.assert_allclose(weights(instance), want, atol=1e-6)


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_instances_have_no_border(count):
    instance = np.zeros((12, 12), np.int32)
    instance[2:5, 3:6] = count
    assert not weights(instance).any()
    assert not border.border_weight_map(instance).any()


def test_inside_of_instances_is_an_option():
    instance = np.array([[1, 1, 2, 2]])
    assert not weights(instance).any()
    got = weights(instance, background_only=False)  # d1 = 0, d2 = 2, 1, 1, 2
    near, far = 10 * np.exp(-1 / 50), 10 * np.exp(-4 / 50)
    np.testing.assert_allclose(got, [[far, near, near, far]], rtol=1e-6)


def test_class_weights_are_added():
    instance = np.array([[1, 0, 2, -1]])
    got = weights(instance, class_weights=(1.0, 5.0))
    right = 10 * np.exp(-((1 + 3) ** 2) / 50)  # -1 is background, too
    want = [[5, 1 + 10 * np.exp(-4 / 50), 5, 1 + right]]
    np.testing.assert_allclose(got, want, rtol=1e-6)


@few
@given(
    seed=seeds,
    shape=shapes,
    count=st.integers(0, 200),
    background_only=st.booleans(),
    names=st.sampled_from([1, 65536, 10_000_019]),  # what ids are multiples of
)
def test_weights_equal_scipy(seed, shape, count, background_only, names):
    instance = cells(seed, *shape, count) * names - (names > 1)
    want = scipy_weights(instance, background_only=background_only)
    got = weights(instance, background_only=background_only)
    np.testing.assert_allclose(got, want, atol=1e-3)
    # what is not cut off is exact
    kept = want > 1.1e-3
    np.testing.assert_allclose(got[kept], want[kept], rtol=1e-5)
    on_host = border.border_weight_map(instance, background_only=background_only)
    np.testing.assert_allclose(on_host, got, rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize(("w0", "sigma"), [(0.5, 0.7), (50, 2), (10, 11)])
def test_other_heights_and_widths_of_the_ridge(w0, sigma):
    instance = cells(0, 45, 33, 20)
    want = scipy_weights(instance, w0, sigma)
    np.testing.assert_allclose(
        weights(instance, w0=w0, sigma=sigma), want, atol=1e-4 * w0
    )


@settings(deadline=None, max_examples=4)
@given(seed=seeds)
def test_names_order_and_orientation_do_not_matter(seed):
    instance = cells(seed, 33, 33, 12)
    plain = weights(instance)
    numbers = np.random.default_rng(seed).choice(2**31 - 1, 13, replace=False) + 1
    numbers[:2] = -numbers[0], 2**31 - 1
    # these share the lower and the upper 16 bits with others
    numbers[2:6] = 1, 65537, 131073, 131074
    renamed = numbers.astype(np.int32)[instance]
    np.testing.assert_allclose(weights(renamed), plain, atol=1e-6)
    small = np.arange(13, dtype=np.uint16)[instance]
    np.testing.assert_allclose(weights(small), plain, atol=1e-6)
    np.testing.assert_allclose(weights(instance.T), plain.T, atol=1e-6)
    np.testing.assert_allclose(weights(instance[:, ::-1]), plain[:, ::-1], atol=1e-6)
    pair = np.stack([instance[::-1], instance])
    both = ops.convert_to_numpy(border_weights(pair))
    np.testing.assert_allclose(both, [plain[::-1], plain], atol=1e-6)


GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "losses_more.npz")
"""By golden/make_losses_more.py: the formula of U-Net's released plugin, on scipy."""


def test_released_weights():
    options = {"w0": 50, "sigma": 6, "sigma_1": 10, "class_weights": (0.1, 1.0)}
    got = weights(GOLDEN["instance"], **options)
    np.testing.assert_allclose(got, GOLDEN["unet"], atol=0.006)  # 50 / 10000 is cut
    on_host = border.border_weight_map(GOLDEN["instance"], **options)
    np.testing.assert_allclose(on_host, got, rtol=1e-5, atol=1e-4)


def test_weights_of_a_volume():
    instance = GOLDEN["instance_3d"]
    options = {"w0": 10, "sigma": 2, "sigma_1": 3, "class_weights": (0.1, 1.0)}
    got = weights(instance, **options)
    np.testing.assert_allclose(got, GOLDEN["unet_3d"], atol=1.1e-3)
    # Slices three times as far apart: the middle ones of each are the same.
    sparse = weights(instance[::3], **options, spacing=(3, 1, 1))
    dense = np.zeros_like(instance)
    dense[::3] = instance[::3]
    want = weights(dense, **options)[::3]
    np.testing.assert_allclose(sparse, want, rtol=1e-4, atol=1e-5)


def test_boundary_distance():
    ndimage = pytest.importorskip("scipy.ndimage")
    label = np.random.default_rng(0).integers(0, 3, (2, 5, 6)).repeat(5, 1).repeat(5, 2)
    want = np.zeros(label.shape)
    for image, distance in zip(label, want, strict=True):
        for class_id in range(3):
            inside = image == class_id
            distance[inside] = ndimage.distance_transform_edt(inside)[inside]
    got = ops.convert_to_numpy(border.boundary_distance(label, limit=7))
    np.testing.assert_allclose(got, np.minimum(want, 7), rtol=1e-6)


def test_an_edge_to_ignored_pixels_is_no_boundary():
    label = np.array([[[1, 1, 255, 2, 2, 255]]])
    got = ops.convert_to_numpy(border.boundary_distance(label, limit=9))
    np.testing.assert_allclose(got, [[[3, 2, 9, 2, 3, 9]]])


def test_connected_instances():
    label = np.array([[1, 0, 1, 2], [0, 1, 0, 2], [1, 255, 0, 0], [0, 0, 2, 0]])
    want = [[1, 0, 1, 2], [0, 1, 0, 2], [1, 0, 0, 0], [0, 0, 3, 0]]
    np.testing.assert_array_equal(border.connected_instances(label), want)


def test_compiled_with_xla():
    instance = cells(0, 33, 40, 25)[None]
    mask = instance > 0
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        def compiled(function):
            return tf.function(function, jit_compile=True, autograph=False)
    elif keras.backend.backend() == "jax":
        from jax import jit as compiled
    else:
        pytest.skip("XLA compiles TensorFlow and JAX")
    for function, x in (
        (border.border_weights, instance),
        (border.boundary_distance, instance),
        (border.distance_transform, mask),
    ):
        want = ops.convert_to_numpy(function(x))
        got = ops.convert_to_numpy(compiled(function)(ops.convert_to_tensor(x)))
        np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-6)


def test_batch_size_may_be_unknown():
    class Borders(keras.layers.Layer):
        def call(self, ids):
            return border.border_weights(ids), border.distance_transform(ids)

    ids = keras.Input((20, 22), dtype="int32")
    network = keras.Model(ids, Borders()(ids))
    instance = np.stack([cells(seed, 20, 22, 9) for seed in range(3)])
    term, distance = network.predict(instance, verbose=0)
    want = ops.convert_to_numpy(border_weights(instance))
    np.testing.assert_allclose(term, want, rtol=1e-6)
    want = ops.convert_to_numpy(distance_transform(instance))
    np.testing.assert_allclose(distance, want, rtol=1e-6)


def test_errors_say_what_to_do():
    with pytest.raises(ValueError, match=r"instance must be \(B, H, W\).*batch axis"):
        border.border_weights(np.zeros((4, 4), np.int32))
    with pytest.raises(ValueError, match=r"sigma must lie between .* got 40"):
        border.border_weights(np.zeros((1, 4, 4), np.int32), sigma=40)
    for options in ({"sigma_1": -1}, {"spacing": (1, 1, 1)}, {"spacing": (0, 1)}):
        with pytest.raises(ValueError, match=f"{next(iter(options))} must be"):
            border.border_weights(np.zeros((1, 4, 4), np.int32), **options)
    with pytest.raises(ValueError, match=r"limit must lie in 1\.\.127"):
        border.boundary_distance(np.zeros((1, 4, 4), np.int32), limit=300)
