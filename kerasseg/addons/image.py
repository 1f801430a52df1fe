"""Replaces `rotate`, `transform`, `shear_x` and `shear_y` of `tfa.image`."""

from __future__ import annotations

from collections.abc import Sequence

from keras import ops

from kerasseg import UserError
from kerasseg.addons.images import as_batch, pixels
from kerasseg.addons.matrices import angles_to_projective_transforms, as_rows
from kerasseg.taxonomy import Tensor

FILL_MODES = ("constant", "reflect", "wrap", "nearest")
"""What stands outside an image: a value, its mirror image, its copy, its edge."""

INTERPOLATIONS = ("nearest", "bilinear")
"""How a value between pixels is found."""


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
    images, restore = as_batch(images)
    _, height, width, _ = ops.shape(images)
    rows = angles_to_projective_transforms(angles, height, width)
    return restore(
        transform(images, rows, interpolation, fill_mode, fill_value=fill_value)
    )


def shear_x(image: Tensor, level: Tensor | float, replace: Tensor | float) -> Tensor:
    """Shears an image along its rows: output (x, y) is input (x + level * y, y).

    Args:
        image: (H, W, C), integer or float.
        level: pixels a row.
        replace: the colour of what was outside: one value or (C,).

    Returns:
        The sheared image, in the shape and type of `image`; nearest pixels.

    Raises:
        UserError: when a shape is another.
    """
    return _shear(image, level, replace, 1)


def shear_y(image: Tensor, level: Tensor | float, replace: Tensor | float) -> Tensor:
    """Shears an image along its columns: output (x, y) is input (x, y + level * x).

    Args, Returns, Raises: as `shear_x`; level: pixels a column.
    """
    return _shear(image, level, replace, 3)


def _shear(image: Tensor, level: Tensor | float, replace: Tensor, at: int) -> Tensor:
    image = ops.convert_to_tensor(image)
    replace = ops.convert_to_tensor(replace)
    colours = image.shape[-1] if len(image.shape) == 3 else -1
    if len(image.shape) != 3 or tuple(replace.shape) not in ((), (1,), (colours,)):
        raise UserError(
            "image must be (H, W, C) and replace one value or (C,), got "
            f"{tuple(image.shape)} and {tuple(replace.shape)}."
        )
    rows = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]
    level = ops.cast(ops.convert_to_tensor(level), "float32")
    row = ops.stack(
        [level if i == at else ops.zeros_like(level) + n for i, n in enumerate(rows)]
    )
    inside = transform(ops.ones_like(image[..., :1]), row)
    sheared, colour = transform(image, row), ops.cast(replace, image.dtype)
    return ops.where(inside == 1, sheared, colour)


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
    interpolation = _one_of("interpolation", interpolation, INTERPOLATIONS)
    fill_mode = _one_of("fill_mode", fill_mode, FILL_MODES)
    images, restore = as_batch(images)
    batch, height, width, _ = ops.shape(images)
    out_height, out_width = _size(output_shape, height, width)
    transforms = as_rows(transforms)
    _check_count(transforms.shape[0], batch)
    transforms = ops.reshape(transforms, (-1, 8, 1, 1))
    a0, a1, a2, b0, b1, b2, c0, c1 = (transforms[:, i] for i in range(8))  # (N, 1, 1)
    x = ops.cast(ops.arange(out_width), "float32")
    y = ops.reshape(ops.cast(ops.arange(out_height), "float32"), (-1, 1))
    depth = c0 * x + c1 * y + 1.0
    horizon = ops.equal(depth, 0.0)
    safe = ops.where(horizon, 1.0, depth)
    column = _inside((a0 * x + a1 * y + a2) / safe, width, fill_mode)  # (N, H', W')
    row = _inside((b0 * x + b1 * y + b2) / safe, height, fill_mode)
    value = pixels(images, fill_value)
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


def _one_of(name: str, value: str, known: Sequence[str]) -> str:
    """In small letters; tensorflow-addons takes both."""
    if str(value).lower() not in known:
        raise UserError(f"{name} must be one of {', '.join(known)}, got {value!r}.")
    return str(value).lower()


def _size(output_shape: Sequence[int] | None, height: int, width: int) -> tuple:
    if output_shape is None:
        return height, width
    if len(output_shape) != 2:
        raise UserError(f"output_shape must be (height, width), got {output_shape}.")
    return output_shape[0], output_shape[1]


def _check_count(transforms: int | None, images: int | Tensor) -> None:
    """One for all, or one for each. Numbers that are known only later are believed."""
    if isinstance(transforms, int) and isinstance(images, int):
        if transforms not in (1, images):
            raise UserError(
                f"{transforms} transformations do not fit {images} images: give one "
                "for all, or one for each."
            )


def _inside(position: Tensor, size: int, fill_mode: str) -> Tensor:
    """Folds float coordinates back into 0..size-1, as TensorFlow's transform op."""
    if fill_mode == "constant":
        return position
    size = ops.cast(size, "float32")
    last = size - 1.0
    if fill_mode == "reflect":  # d c b a | a b c d | d c b a
        away = ops.where(position < 0, -position - 1.0, position)
        away = away - 2.0 * size * ops.floor(away / (2.0 * size))
        folded = ops.where(away >= size, 2.0 * size - 1.0 - away, away)
        position = ops.where((position < 0) | (position > last), folded, position)
    elif fill_mode == "wrap":
        period = ops.maximum(last, 1.0)  # of one pixel only that pixel is left below
        before = position + size * (ops.floor(-position / period) + 1.0)
        beyond = position - size * ops.floor(position / period)
        position = ops.where(position > last, beyond, position)
        position = ops.where(position < 0, before, position)
    return ops.clip(position, 0.0, last)


def _round(x: Tensor) -> Tensor:
    """To the nearest integer, halves away from zero (`ops.round` goes to even)."""
    size = ops.absolute(x)
    whole = ops.floor(size)
    return ops.sign(x) * (whole + ops.cast(size - whole >= 0.5, x.dtype))
