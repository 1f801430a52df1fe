"""Replaces `tfa.image` of tensorflow-addons: distances, warp, rotation, projection."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import keras
from keras import ops

from kerasseg import UserError
from kerasseg.border import distance_transform
from kerasseg.taxonomy import Tensor

FILL_MODES = ("constant", "reflect", "wrap", "nearest")
"""What stands outside an image: a value, its mirror image, its copy, its edge."""

INTERPOLATIONS = ("nearest", "bilinear")
"""How a value between pixels is found."""


def euclidean_dist_transform(images: Tensor, dtype: str = "float32") -> Tensor:
    """Distance of every non-zero pixel to the nearest zero pixel, each channel alone.

    Args:
        images: uint8 (B, H, W, C), (H, W, C) or (H, W).
        dtype: "float16", "float32" or "float64", the type of the result.

    Returns:
        The distances in pixels, in the shape of `images`. An image without a zero pixel
        becomes sqrt(largest `dtype`) all over (1.84e19 for float32). This is what
        tensorflow-addons does, although it promises the largest value;
        `border.distance_transform` gives inf.

    Raises:
        TypeError: when `images` is not uint8, or `dtype` is not one of the three.
        UserError: when the shape is none of the three.
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


def dense_image_warp(image: Tensor, flow: Tensor) -> Tensor:
    """Moves every pixel by its own vector, bilinearly.

    output[b, y, x] = image[b, y - flow[b, y, x, 0], x - flow[b, y, x, 1]]. Outside the
    image stands its nearest edge pixel. Differentiable in both arguments.

    Args:
        image: float (B, H, W, C) with H, W >= 2.
        flow: float (B, H, W, 2), pixels: down, right.

    Returns:
        (B, H, W, C), of the type of `image`.

    Raises:
        UserError: when the image is smaller than 2 x 2 pixels.
    """
    height, width = image.shape[1:3]
    if height < 2 or width < 2:
        raise UserError(f"image must be at least 2x2 pixels, got {height}x{width}.")
    flow = ops.convert_to_tensor(flow)
    row = ops.reshape(ops.arange(height, dtype=flow.dtype), (-1, 1))
    column = ops.arange(width, dtype=flow.dtype)

    def split(position, size):
        """The first of two neighbours inside, and the share of the second."""
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
    images: Tensor,
    angles: Tensor | float,
    interpolation: str = "nearest",
    fill_mode: str = "constant",
    *,
    fill_value: float = 0.0,
) -> Tensor:
    """Rotates images about their centre, counter-clockwise, and keeps their size.

    Args:
        images, interpolation, fill_mode, fill_value: as in `transform`.
        angles: radians, one for all images or (B,).

    Returns:
        The rotated images, in the shape and type of `images`.

    Raises:
        UserError: as `transform`.
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
    images: Tensor,
    transforms: Tensor,
    interpolation: str = "nearest",
    fill_mode: str = "constant",
    output_shape: Sequence[int] | None = None,
    *,
    fill_value: float = 0.0,
) -> Tensor:
    """Projective transformation of images, from output to input coordinates.

    The output pixel (x, y) takes its value from
    ((a0 x + a1 y + a2) / k, (b0 x + b1 y + b2) / k) with k = c0 x + c1 y + 1.

    Kept as in tensorflow-addons: "nearest" rounds halves away from zero, so -0.5 is
    already outside; "bilinear" blends with `fill_value` up to one pixel beyond the
    edge under "constant"; integer images drop the fraction; "wrap" squeezes what
    lies between the last and the first pixel onto the edge pixels.

    Args:
        images: (B, H, W, C), (H, W, C) or (H, W), integer or float.
        transforms: (8,) or (B, 8): a0 a1 a2 b0 b1 b2 c0 c1.
        interpolation: one of `INTERPOLATIONS`.
        fill_mode: one of `FILL_MODES`.
        output_shape: (height, width), pixels; by default as the input.
        fill_value: the value outside under "constant", and at the horizon (k = 0).

    Returns:
        The transformed images, of the rank and type of `images`.

    Raises:
        UserError: when a mode is unknown, or the shape of `images` is none of the
            three.
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


def _one_of(name: str, value: str, known: Sequence[str]) -> None:
    if value not in known:
        raise UserError(f"{name} must be one of {', '.join(known)}, got {value!r}.")


def _as_batch(images: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
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


def _pixels(images: Tensor, fill_value: float = 0.0) -> Callable[..., Tensor]:
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


def _inside(position: Tensor, size: int, fill_mode: str) -> Tensor:
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


def _round(x: Tensor) -> Tensor:
    """To the nearest integer, halves away from zero (`ops.round` goes to even)."""
    size = ops.absolute(x)
    whole = ops.floor(size)
    return ops.sign(x) * (whole + ops.cast(size - whole >= 0.5, x.dtype))
