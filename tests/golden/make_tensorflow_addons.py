"""Makes tensorflow_addons.npz with the real tensorflow-addons, in its own environment.

    python3.11 -m venv tfa
    tfa/bin/pip install tensorflow==2.15.1 tensorflow-addons==0.23.0 'numpy<2'
    tfa/bin/python tests/golden/make_tensorflow_addons.py

`tensorflow-cpu` will not do: the distance transform's library asks it for CUDA symbols.
"""

from functools import partial
from pathlib import Path

import numpy as np
import tensorflow as tf
import tensorflow_addons as tfa

rng = np.random.default_rng(0)
out = {}

holes = (rng.random((2, 9, 11, 2)) > 0.06).astype(np.uint8) * 255
holes[1, ..., 1] = 255  # a channel without a zero pixel
out["edt_in"] = holes
out["edt"] = tfa.image.euclidean_dist_transform(holes).numpy()
out["edt_2d"] = tfa.image.euclidean_dist_transform(holes[0, ..., 0]).numpy()
out["edt_half"] = tfa.image.euclidean_dist_transform(holes, tf.float16).numpy()

image = rng.normal(size=(2, 6, 7, 2)).astype(np.float32)
flow = rng.normal(size=(2, 6, 7, 2), scale=3).astype(np.float32)
out["image"], out["flow"] = image, flow
out["warp"] = tfa.image.dense_image_warp(image, flow).numpy()

numbers = rng.integers(0, 256, (2, 6, 7, 1)).astype(np.uint8)
angles = np.array([0.4, -2.5], np.float32)
projective = np.array(
    [
        [1.1, 0.2, -1.3, -0.15, 0.9, 1.7, 0.01, -0.02],
        [-2.1, 0.3, 11.2, 0.4, 2.6, -9.1, 0.0, 0.0],  # far outside on both sides
    ],
    np.float32,
)
halves = np.array([0.5, 0, -1.0, 0, 0.5, -0.5, 0, 0], np.float32)  # ties: x.5
out |= {"numbers": numbers, "angles": angles}
out |= {"projective": projective, "halves": halves}
MODES = ("constant", "reflect", "wrap", "nearest")  # the first axis of the results
for interpolation in ("nearest", "bilinear"):
    results = {"rotate": [], "transform": [], "numbers": [], "halves": []}
    for mode in MODES:
        how = {"interpolation": interpolation, "fill_mode": mode, "fill_value": 7.0}
        transform = partial(tfa.image.transform, **how)
        results["rotate"].append(tfa.image.rotate(image, angles, **how))
        results["transform"].append(transform(image, projective))
        results["halves"].append(transform(image, halves))
        results["numbers"].append(
            transform(numbers, projective[0], output_shape=(5, 12))
        )
    for name, values in results.items():
        out[f"{name}_{interpolation}"] = np.stack(values)
out["rotate_2d"] = tfa.image.rotate(image[0, ..., 0], 0.3).numpy()

features = rng.normal(size=(2, 7, 9, 2)).astype(np.float32)
out["features"] = features
for name, pool, stride, padding, crop in (
    ("same", 2, 2, "SAME", (6, 8)),
    ("valid", 3, 2, "VALID", (7, 9)),  # windows overlap
):
    part = features[:, : crop[0], : crop[1]]
    updates, mask = tf.nn.max_pool_with_argmax(part, pool, stride, padding)
    layer = tfa.layers.MaxUnpooling2D((pool, pool), (stride, stride), padding)
    out[f"unpool_{name}_updates"] = updates.numpy()
    out[f"unpool_{name}_mask"] = mask.numpy().astype(np.int32)
    out[f"unpool_{name}"] = layer(updates, mask).numpy()

y_true = (rng.random((3, 4, 2)) < 0.4).astype(np.float32)
logits = rng.normal(size=(3, 4, 2), scale=4).astype(np.float32)
probabilities = tf.sigmoid(logits).numpy()
probabilities[0, :2] = [[0, 1], [1, 0]]
out |= {"y_true": y_true, "logits": logits, "probabilities": probabilities}
# Inside a tf.function, TensorFlow reassociates (1 - p) + 1e-7 to (1 + 1e-7) - p, which
# float32 rounds to 1.19e-7: 1.6e-4 off near p = 1. These are the numbers as written.
tf.config.run_functions_eagerly(True)
focal = tfa.losses.sigmoid_focal_crossentropy
out["focal"] = focal(y_true, probabilities).numpy()
out["focal_logits"] = focal(y_true, logits, 0.6, 1.5, True).numpy()
out["focal_plain"] = focal(y_true, logits, 0.0, 0.0, True).numpy()
out["focal_object"] = tfa.losses.SigmoidFocalCrossEntropy()(
    y_true, probabilities
).numpy()

out["focal_none"] = focal(y_true, logits, None, None, True).numpy()
out["focal_without_alpha"] = focal(y_true, probabilities, alpha=None).numpy()
out["focal_without_gamma"] = focal(y_true, probabilities, gamma=None).numpy()

points = rng.uniform(-1.5, 7.5, (2, 8, 2)).astype(np.float32)
out["points"] = points
out["interpolated_ij"] = tfa.image.interpolate_bilinear(image, points).numpy()
out["interpolated_xy"] = tfa.image.interpolate_bilinear(image, points, "xy").numpy()
out["turns"] = tfa.image.angles_to_projective_transforms(angles, 6, 7).numpy()
out["composed"] = tfa.image.compose_transforms(
    [projective, out["turns"], np.array([[1, 0, -1, 0, 1, 2, 0, 0]] * 2, np.float32)]
).numpy()
photo = rng.integers(0, 256, (6, 7, 3)).astype(np.uint8)
out["photo"] = photo
out["shear_x"] = tfa.image.shear_x(photo, 0.7, replace=[255, 0, 128]).numpy()
out["shear_y"] = tfa.image.shear_y(photo, -0.4, replace=9).numpy()

path = Path(__file__).with_name("tensorflow_addons.npz")
np.savez_compressed(path, **out)
print(tf.__version__, tfa.__version__, len(out), "arrays", path.stat().st_size, "bytes")
