"""What segmentation code took from tensorflow-addons, on `keras.ops`.

tensorflow-addons ended in May 2024 and cannot be imported beside Keras 3. These
functions keep its names, argument order, defaults and numbers (version 0.23.0), so that
`tfa.image.rotate(...)` becomes `addons.rotate(...)`, on every Keras backend. The `name`
argument is gone, and what follows it is passed by keyword.
"""

from __future__ import annotations

import math

import keras
from keras import ops

from kerasseg import UserError
from kerasseg.border import distance_transform

FILL_MODES = ("constant", "reflect", "wrap", "nearest")
INTERPOLATIONS = ("nearest", "bilinear")


def euclidean_dist_transform(images, dtype="float32"):
    """Distance of every non-zero pixel to the nearest zero pixel, each channel alone.

    `images`: uint8 (B, H, W, C), (H, W, C) or (H, W); returns the same shape in the
    float type `dtype`. An image without a zero pixel becomes sqrt(largest `dtype`)
    all over (1.84e19 for float32), which is what tensorflow-addons does, although it
    promises the largest value; `border.distance_transform` says inf.
    """
    images, restore = _as_batch(images)
    if keras.backend.standardize_dtype(images.dtype) != "uint8":
        raise TypeError(f"images must be uint8, got {images.dtype}.")
    largest = {"float16": 65504.0, "float32": 3.4028235e38, "float64": 1.7976931e308}
    if dtype not in largest:
        raise TypeError(f"dtype must be one of {', '.join(largest)}, got {dtype}.")
    height, width, channels = images.shape[1:]
    planes = ops.reshape(ops.transpose(images, (0, 3, 1, 2)), (-1, height, width))
    distance = distance_transform(planes)
    nowhere = ops.isinf(distance)
    distance = ops.where(nowhere, math.sqrt(largest[dtype]), ops.cast(distance, dtype))
    distance = ops.reshape(distance, (-1, channels, height, width))
    return restore(ops.transpose(distance, (0, 2, 3, 1)))


def dense_image_warp(image, flow):
    """Moves every pixel by its own vector, bilinearly.

    output[b, y, x] = image[b, y - flow[b, y, x, 0], x - flow[b, y, x, 1]]. Outside, the
    nearest edge pixel. `image`: float (B, H, W, C) with H, W >= 2; `flow`: float
    (B, H, W, 2), rows first, in pixels. Differentiable in both.
    """
    height, width = image.shape[1:3]
    if height < 2 or width < 2:
        raise UserError(f"image must be at least 2x2 pixels, got {height}x{width}.")
    flow = ops.convert_to_tensor(flow)
    row = ops.reshape(ops.arange(height, dtype=flow.dtype), (-1, 1))
    column = ops.arange(width, dtype=flow.dtype)

    def split(position, size):
        """The two neighbours, both inside, and how far it is to the second."""
        low = ops.clip(ops.floor(position), 0, size - 2)
        part = ops.cast(ops.clip(position - low, 0, 1), image.dtype)
        return ops.cast(low, "int32"), ops.expand_dims(part, -1)

    top, down = split(row - flow[..., 0], height)
    left, right = split(column - flow[..., 1], width)
    value = _pixels(image)

    def across(top):
        first = value(top, left)
        return right * (value(top, left + 1) - first) + first

    first = across(top)
    return down * (across(top + 1) - first) + first


def rotate(
    images, angles, interpolation="nearest", fill_mode="constant", *, fill_value=0.0
):
    """Rotates about the centre, counter-clockwise, keeping the size.

    `angles`: radians, one for all or (B,). The other arguments as `transform`.
    """
    batch, _ = _as_batch(images)
    down, right = batch.shape[1] - 1.0, batch.shape[2] - 1.0
    angles = ops.reshape(ops.cast(angles, "float32"), (-1,))
    cos, sin = ops.cos(angles), ops.sin(angles)
    x_offset = (right - (cos * right - sin * down)) / 2.0
    y_offset = (down - (sin * right + cos * down)) / 2.0
    none = ops.zeros_like(cos)
    rows = ops.stack([cos, -sin, x_offset, sin, cos, y_offset, none, none], axis=-1)
    return transform(images, rows, interpolation, fill_mode, fill_value=fill_value)


def transform(
    images,
    transforms,
    interpolation="nearest",
    fill_mode="constant",
    output_shape=None,
    *,
    fill_value=0.0,
):
    """Projective transformation of images, from output to input coordinates.

    `transforms`: (8,) or (B, 8) rows a0 a1 a2 b0 b1 b2 c0 c1: the output pixel (x, y)
    takes its value from ((a0 x + a1 y + a2) / k, (b0 x + b1 y + b2) / k) with
    k = c0 x + c1 y + 1. `images`: (B, H, W, C), (H, W, C) or (H, W), integer or
    float; the type stays. `output_shape`: (height, width), otherwise as the input.

    Kept as in tensorflow-addons: "nearest" rounds halves away from zero, so -0.5 is
    already outside; "bilinear" blends with `fill_value` up to one pixel beyond the
    edge under "constant"; integer images drop the fraction; "wrap" squeezes what
    lies between the last and the first pixel onto the edge pixels.
    """
    _one_of("interpolation", interpolation, INTERPOLATIONS)
    _one_of("fill_mode", fill_mode, FILL_MODES)
    images, restore = _as_batch(images)
    height, width = images.shape[1:3]
    out_height, out_width = output_shape or (height, width)
    transforms = ops.reshape(ops.cast(transforms, "float32"), (-1, 8, 1, 1))
    a0, a1, a2, b0, b1, b2, c0, c1 = (transforms[:, i] for i in range(8))  # (N, 1, 1)
    x = ops.arange(out_width, dtype="float32")
    y = ops.reshape(ops.arange(out_height, dtype="float32"), (-1, 1))
    depth = c0 * x + c1 * y + 1.0
    horizon = ops.equal(depth, 0.0)
    safe = ops.where(horizon, 1.0, depth)
    column = _inside((a0 * x + a1 * y + a2) / safe, width, fill_mode)  # (N, H', W')
    row = _inside((b0 * x + b1 * y + b2) / safe, height, fill_mode)
    value = _pixels(images, fill_value)
    if interpolation == "nearest":
        result = value(_round(row), _round(column))
    else:
        top, left = ops.floor(row), ops.floor(column)
        right, down = ops.expand_dims(column - left, -1), ops.expand_dims(row - top, -1)

        def across(row):
            first, second = (ops.cast(value(row, left + i), "float32") for i in (0, 1))
            return (1.0 - right) * first + right * second

        result = (1.0 - down) * across(top) + down * across(top + 1.0)
    horizon = ops.expand_dims(horizon, -1)
    result = ops.cast(result, images.dtype)
    return restore(ops.where(horizon, ops.cast(fill_value, images.dtype), result))


def sigmoid_focal_crossentropy(
    y_true, y_pred, alpha=0.25, gamma=2.0, from_logits=False
):
    """Focal loss of independent classes (Lin et al. 2017), summed over the last axis.

    alpha_t (1 - p_t)^gamma * cross entropy, with alpha for positives and 1 - alpha for
    negatives; alpha = 0 or gamma = 0 leaves out its factor. `y_true`, `y_pred`:
    (..., C) -> (...). Probabilities are clipped at 1e-7 unless `from_logits`.
    """
    if gamma < 0:
        raise UserError(f"gamma must not be negative, got {gamma}.")
    y_pred = ops.convert_to_tensor(y_pred)
    y_true = ops.cast(y_true, y_pred.dtype)
    if from_logits:
        p = ops.sigmoid(y_pred)
        entropy = ops.softplus(y_pred) - y_true * y_pred
    else:
        p, tiny = y_pred, 1e-7  # clipped and added again, as Keras 2 does
        clipped = ops.clip(p, tiny, 1.0 - tiny)
        entropy = -y_true * ops.log(clipped + tiny)
        entropy -= (1 - y_true) * ops.log(1 - clipped + tiny)
    if alpha:
        entropy *= y_true * alpha + (1 - y_true) * (1 - alpha)
    if gamma:
        p_true = y_true * p + (1 - y_true) * (1 - p)
        entropy *= ops.power(1 - p_true, gamma)
    return ops.sum(entropy, axis=-1)


@keras.saving.register_keras_serializable("kerasseg")
class SigmoidFocalCrossEntropy(keras.losses.Loss):
    """`sigmoid_focal_crossentropy` as a loss object.

    Averages over batch and positions, as Keras 3 needs it in `fit`; tensorflow-addons
    does not reduce unless told so: that is reduction="none".
    """

    def __init__(self, from_logits=False, alpha=0.25, gamma=2.0, **kwargs):
        super().__init__(**{"name": "sigmoid_focal_crossentropy", **kwargs})
        self.from_logits, self.alpha, self.gamma = from_logits, alpha, gamma

    def call(self, y_true, y_pred):
        return sigmoid_focal_crossentropy(
            y_true, y_pred, self.alpha, self.gamma, self.from_logits
        )

    def get_config(self):
        own = {k: getattr(self, k) for k in ("from_logits", "alpha", "gamma")}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable("kerasseg")
class MaxUnpooling2D(keras.layers.Layer):
    """Puts pooled values back where `tf.nn.max_pool_with_argmax` found them.

    Called with (updates, mask): both (B, h, w, C); mask holds (row * W + column) * C +
    channel in the unpooled image (argmax with include_batch_in_index=False). The rest
    is 0; where windows overlap and name one pixel twice, its values are added.
    padding "SAME": output h * stride; "VALID": (h - 1) * stride + pool size.
    """

    def __init__(self, pool_size=(2, 2), strides=(2, 2), padding="SAME", **kwargs):
        super().__init__(**kwargs)
        _one_of("padding", padding, ("SAME", "VALID"))
        pair = (
            2 * (x,) if isinstance(x, int) else tuple(x) for x in (pool_size, strides)
        )
        self.pool_size, self.strides = pair
        self.padding = padding

    def call(self, updates, mask):
        _, height, width, channels = self.compute_output_shape(updates.shape)
        batch, size = ops.shape(updates)[0], height * width * channels
        offset = ops.reshape(ops.arange(batch, dtype="int32") * size, (-1, 1, 1, 1))
        indices = ops.reshape(ops.cast(mask, "int32") + offset, (-1, 1))
        flat = ops.scatter(indices, ops.reshape(updates, (-1,)), (batch * size,))
        return ops.reshape(flat, (-1, height, width, channels))

    def compute_output_shape(self, updates_shape, mask_shape=None):
        batch, *sides, channels = updates_shape
        pooled = zip(sides, self.strides, self.pool_size, strict=True)
        if self.padding == "SAME":
            return (batch, *(n * stride for n, stride, _ in pooled), channels)
        return (batch, *((n - 1) * s + pool for n, s, pool in pooled), channels)

    def get_config(self):
        own = {k: getattr(self, k) for k in ("pool_size", "strides", "padding")}
        return {**super().get_config(), **own}


def _one_of(name, value, known):
    if value not in known:
        raise UserError(f"{name} must be one of {', '.join(known)}, got {value!r}.")


def _as_batch(images):
    """(H, W), (H, W, C) or (B, H, W, C) -> (B, H, W, C) and the way back."""
    images = ops.convert_to_tensor(images)
    if len(images.shape) == 2:
        return images[None, ..., None], lambda batch: batch[0, ..., 0]
    if len(images.shape) == 3:
        return images[None], lambda batch: batch[0]
    if len(images.shape) == 4:
        return images, lambda batch: batch
    shape = tuple(images.shape)
    raise UserError(f"images must be (B, H, W, C), (H, W, C) or (H, W), got {shape}.")


def _pixels(images, fill_value=0.0):
    """value(rows, columns) of (B, H, W, C) images; both (B or 1, H', W')."""
    height, width, channels = images.shape[1:]
    flat = ops.reshape(images, (-1, channels))
    start = ops.arange(ops.shape(images)[0], dtype="int32") * (height * width)
    start = ops.reshape(start, (-1, 1, 1))
    fill = ops.cast(fill_value, images.dtype)

    def value(row, column):
        inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
        row = ops.cast(ops.clip(row, 0, height - 1), "int32")
        column = ops.cast(ops.clip(column, 0, width - 1), "int32")
        found = ops.take(flat, start + row * width + column, axis=0)
        return ops.where(ops.expand_dims(inside, -1), found, fill)

    return value


def _inside(position, size, fill_mode):
    """Folds float coordinates back into 0..size-1, as TensorFlow's transform op."""
    if fill_mode == "constant":
        return position
    last = size - 1.0
    if size > 1 and fill_mode == "reflect":  # d c b a | a b c d | d c b a
        away = ops.where(position < 0, -position - 1.0, position)
        away = away - 2.0 * size * ops.floor(away / (2.0 * size))
        folded = ops.where(away >= size, 2.0 * size - 1.0 - away, away)
        position = ops.where((position < 0) | (position > last), folded, position)
    elif size > 1 and fill_mode == "wrap":
        before = position + size * (ops.floor(-position / last) + 1.0)
        beyond = position - size * ops.floor(position / last)
        position = ops.where(position > last, beyond, position)
        position = ops.where(position < 0, before, position)
    elif size == 1:
        position = ops.zeros_like(position)
    return ops.clip(position, 0.0, last)


def _round(x):
    """To the nearest integer, halves away from zero (`ops.round` goes to even)."""
    size = ops.absolute(x)
    whole = ops.floor(size)
    return ops.sign(x) * (whole + ops.cast(size - whole >= 0.5, x.dtype))
