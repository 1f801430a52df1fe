"""What tensorflow-addons' own test files ask of it, beyond test_addons.py.

golden/tensorflow_addons.npz was made by tensorflow-addons 0.23.0, tensorflow 2.15.1.
"""

from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

from kerasseg import UserError, addons

pytestmark = pytest.mark.agnostic

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "tensorflow_addons.npz")


def same(got, key, tolerance=1e-5):
    want, got = GOLDEN[key], ops.convert_to_numpy(got)
    assert got.shape == want.shape and got.dtype == want.dtype
    np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance)


def test_focal_without_its_factors():
    y_true, logits = GOLDEN["y_true"], GOLDEN["logits"]
    focal, p = addons.sigmoid_focal_crossentropy, GOLDEN["probabilities"]
    same(focal(y_true, logits, None, None, True), "focal_none")
    same(focal(y_true, p, alpha=None), "focal_without_alpha")
    same(focal(y_true, p, gamma=None), "focal_without_gamma")
    plain = ops.sum(ops.binary_crossentropy(y_true, p), axis=-1)
    np.testing.assert_array_equal(
        ops.convert_to_numpy(focal(y_true, p, None, None)), ops.convert_to_numpy(plain)
    )


def test_focal_object_keeps_none():
    loss = addons.SigmoidFocalCrossEntropy(from_logits=True, alpha=None, gamma=None)
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    want = GOLDEN["focal_none"].mean()
    assert float(again(GOLDEN["y_true"], GOLDEN["logits"])) == pytest.approx(want, 1e-5)


def test_names_that_tensorflow_addons_saved_are_found():
    loss = keras.losses.deserialize("Addons>sigmoid_focal_crossentropy")
    assert loss is addons.sigmoid_focal_crossentropy
    found = keras.saving.get_registered_object("Addons>MaxUnpooling2D")
    assert found is addons.MaxUnpooling2D


@pytest.mark.parametrize("indexing", ["ij", "xy"])
def test_interpolate_bilinear(indexing):
    got = addons.interpolate_bilinear(GOLDEN["image"], GOLDEN["points"], indexing)
    same(got, f"interpolated_{indexing}")


def test_matrices():
    angles, step = GOLDEN["angles"], [1, 0, -1, 0, 1, 2, 0, 0]
    turns = addons.angles_to_projective_transforms(angles, 6, 7)
    same(turns, "turns", tolerance=1e-6)
    steps = np.array([step, step], "float32")
    same(addons.compose_transforms([GOLDEN["projective"], turns, steps]), "composed")
    there = addons.flat_transforms_to_matrices(GOLDEN["projective"])
    back = ops.convert_to_numpy(addons.matrices_to_flat_transforms(there))
    np.testing.assert_array_equal(back, GOLDEN["projective"])


def test_shear():
    photo = GOLDEN["photo"]
    same(addons.shear_x(photo, 0.7, replace=[255, 0, 128]), "shear_x", 0)
    same(addons.shear_y(photo, -0.4, replace=9), "shear_y", 0)


def test_modes_in_capitals():
    image, angle = GOLDEN["image"], 0.4
    one = addons.rotate(image, angle, "BILINEAR", "REFLECT")
    other = addons.rotate(image, angle, "bilinear", "reflect")
    np.testing.assert_array_equal(
        ops.convert_to_numpy(one), ops.convert_to_numpy(other)
    )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda image: addons.compose_transforms([]), "at least one"),
        (lambda image: addons.compose_transforms([np.ones(7)]), r"\(8,\) or \(N, 8\)"),
        (lambda image: addons.transform(image, np.ones((3, 8))), "3 .* 2 images"),
        (lambda image: addons.transform(image, np.ones((2, 2, 8))), r"\(N, 8\), got"),
        (lambda image: addons.rotate(image, np.ones((2, 2))), r"angles .* \(2, 2\)"),
        (
            lambda image: addons.transform(image, np.ones(8), output_shape=[3]),
            r"\(height, width\), got \[3\]",
        ),
        (lambda image: addons.matrices_to_flat_transforms(np.ones(9)), r"\(3, 3\)"),
        (lambda image: addons.shear_x(image, 0.1, 0), r"image must be \(H, W, C\)"),
        (lambda image: addons.shear_y(image[0], 0.1, [1, 2, 3]), r"one value or \(C,"),
        (lambda image: addons.interpolate_bilinear(image, image), r"\(B, N, 2\)"),
        (
            lambda image: addons.interpolate_bilinear(image, image[..., 0, :], "yx"),
            "'ij' or 'xy'",
        ),
        (lambda image: addons.dense_image_warp(image, image[:, :3]), r"flow must be"),
        (
            lambda image: addons.dense_image_warp(image[:, :, :1], image[:, :, :1]),
            "Grid width must be at least 2",
        ),
    ],
)
def test_wrong_shapes_are_one_line(call, message):
    with pytest.raises(UserError, match=message) as caught:
        call(np.zeros((2, 6, 7, 2), "float32"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("size", [(3, 1), (1, 3), (1, 1)])
@pytest.mark.parametrize("mode", ["reflect", "wrap", "nearest"])
def test_rows_of_one_pixel_are_that_pixel(size, mode):
    image = np.full(size, 4.0, "float32")
    step = np.array([1, 0, 2.5, 0, 1, -2.5, 0, 0], "float32")
    got = ops.convert_to_numpy(addons.transform(image, step, "bilinear", mode))
    np.testing.assert_allclose(got, image)
