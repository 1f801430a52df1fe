"""The stand-ins for tensorflow-addons against tensorflow-addons 0.23.0 itself.

golden/tensorflow_addons.npz was made by golden/make_tensorflow_addons.py with
tensorflow 2.15.1.
"""

from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

from kerasseg import addons

pytestmark = pytest.mark.agnostic

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "tensorflow_addons.npz")
MODES = ("constant", "reflect", "wrap", "nearest")


def same(got, key, index=..., tolerance=1e-5):
    want = GOLDEN[key][index]
    got = ops.convert_to_numpy(got)
    assert got.shape == want.shape and got.dtype == want.dtype
    np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance)


def test_distance_transform():
    same(addons.euclidean_dist_transform(GOLDEN["edt_in"]), "edt")
    same(addons.euclidean_dist_transform(GOLDEN["edt_in"][0, ..., 0]), "edt_2d")
    half = addons.euclidean_dist_transform(GOLDEN["edt_in"], "float16")
    same(half, "edt_half", tolerance=2e-3)


def test_distance_transform_refuses_other_types():
    with pytest.raises(TypeError, match="uint8"):
        addons.euclidean_dist_transform(np.zeros((4, 4), "float32"))
    with pytest.raises(TypeError, match="float32"):
        addons.euclidean_dist_transform(np.zeros((4, 4), "uint8"), "int32")


def test_dense_image_warp():
    same(addons.dense_image_warp(GOLDEN["image"], GOLDEN["flow"]), "warp")


def test_dense_image_warp_by_whole_pixels():
    image = np.arange(12, dtype="float32").reshape(1, 3, 4, 1)
    flow = np.zeros((1, 3, 4, 2), "float32")
    flow[..., 0] = 1  # from the row above; the first row repeats
    warped = ops.convert_to_numpy(addons.dense_image_warp(image, flow))
    np.testing.assert_array_equal(warped[0, ..., 0], image[0, [0, 0, 1], :, 0])


@pytest.mark.parametrize("mode", range(4))
@pytest.mark.parametrize("interpolation", addons.INTERPOLATIONS)
def test_rotate_and_transform(interpolation, mode):
    how = {"interpolation": interpolation, "fill_mode": MODES[mode], "fill_value": 7.0}
    image, numbers = GOLDEN["image"], GOLDEN["numbers"]
    projective, angles = GOLDEN["projective"], GOLDEN["angles"]

    def check(got, name):
        same(got, f"{name}_{interpolation}", mode, tolerance=5e-5)

    check(addons.rotate(image, angles, **how), "rotate")
    check(addons.transform(image, projective, **how), "transform")
    check(addons.transform(image, GOLDEN["halves"], **how), "halves")
    small = addons.transform(numbers, projective[0], output_shape=(5, 12), **how)
    got, want = ops.convert_to_numpy(small), GOLDEN[f"numbers_{interpolation}"][mode]
    assert got.dtype == want.dtype and got.shape == want.shape
    # a dropped fraction may fall on either side of a whole number
    assert np.abs(got.astype(int) - want).max() <= (interpolation == "bilinear")


def test_rotate_one_plane():
    same(addons.rotate(GOLDEN["image"][0, ..., 0], 0.3), "rotate_2d")


def test_transform_at_the_horizon_is_filled():
    at_one = np.array([1, 0, 0, 0, 1, 0, -1, 0], "float32")  # 1 - x = 0 at x = 1
    got = addons.transform(np.ones((3, 3), "float32"), at_one, fill_value=5.0)
    np.testing.assert_array_equal(ops.convert_to_numpy(got)[:, 1], 5)


@pytest.mark.parametrize("wrong", [{"interpolation": "cubic"}, {"fill_mode": "mirror"}])
def test_transform_names_what_it_knows(wrong):
    with pytest.raises(ValueError, match=r"must be one of.*nearest"):
        addons.rotate(np.zeros((4, 4), "float32"), 0.1, **wrong)


@pytest.mark.parametrize(
    ("name", "options"),
    [("same", {}), ("valid", {"pool_size": 3, "strides": 2, "padding": "VALID"})],
)
def test_max_unpooling(name, options):
    updates, mask = GOLDEN[f"unpool_{name}_updates"], GOLDEN[f"unpool_{name}_mask"]
    same(addons.MaxUnpooling2D(**options)(updates, mask), f"unpool_{name}")


def test_max_unpooling_in_a_saved_network(tmp_path):
    pooled = keras.Input((3, 4, 2))
    places = keras.Input((3, 4, 2), dtype="int32")
    network = keras.Model([pooled, places], addons.MaxUnpooling2D()(pooled, places))
    assert network.output_shape == (None, 6, 8, 2)
    network.save(tmp_path / "unpool.keras")
    opened = keras.saving.load_model(tmp_path / "unpool.keras")
    inputs = [GOLDEN["unpool_same_updates"], GOLDEN["unpool_same_mask"]]
    same(opened.predict(inputs, verbose=0), "unpool_same")


def test_sigmoid_focal_crossentropy():
    y_true, logits = GOLDEN["y_true"], GOLDEN["logits"]
    probabilities = GOLDEN["probabilities"]
    focal = addons.sigmoid_focal_crossentropy
    same(focal(y_true, probabilities), "focal")
    same(focal(y_true, logits, 0.6, 1.5, True), "focal_logits")
    same(focal(y_true, logits, 0.0, 0.0, True), "focal_plain")
    unreduced = addons.SigmoidFocalCrossEntropy(reduction="none")
    same(unreduced(y_true, probabilities), "focal_object")


def test_focal_object_survives_saving():
    loss = addons.SigmoidFocalCrossEntropy(from_logits=True, alpha=0.6, gamma=1.5)
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    y_true, logits = GOLDEN["y_true"], GOLDEN["logits"]
    want = GOLDEN["focal_logits"].mean()
    assert float(again(y_true, logits)) == pytest.approx(want, rel=1e-5)
    with pytest.raises(ValueError, match="negative"):
        addons.sigmoid_focal_crossentropy(y_true, logits, gamma=-1.0)


def test_files_that_name_the_old_module_still_open():
    """The class once stood in kerasseg/addons.py, as old files say."""
    config = keras.layers.serialize(addons.MaxUnpooling2D(3, padding="VALID"))
    assert config["registered_name"] == "kerasseg>MaxUnpooling2D"
    old = keras.layers.deserialize({**config, "module": "kerasseg.addons"})
    assert type(old) is addons.MaxUnpooling2D and old.pool_size == (3, 3)
