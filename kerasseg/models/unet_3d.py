"""The U-Net of nnU-Net (Isensee et al. 2021, Nature Methods 18, 203), plain and with a
residual encoder (Isensee et al. 2024, arXiv 2404.09556), of volumes and of images.

Instance normalisation, leaky ReLU, strided convolutions down, transposed ones up;
strides and kernels follow the spacing (`pieces.strides_of_spacing`). Strided
convolutions pad even sizes at the far end, where PyTorch pads the near one: with
mirrored kernels it is the same function of the mirrored volume.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from kerasseg import UserError
from kerasseg.models.pieces import first_layers, sizes
from kerasseg.models.pieces.strides_of_spacing import strides_and_kernels
from kerasseg.taxonomy import Tensor

NORMALISATIONS = ("instance", "batch", "none")
UPS = ("transposed", "nearest")
SLOPE = 0.01
"""Of the leaky ReLU below zero."""


def unet_3d(
    num_classes: int,
    input_shape: tuple[int, ...],
    filters: int = 32,
    most_filters: int = 320,
    depth: int = 4,
    convolutions: int = 2,
    residual: bool = False,
    blocks: Sequence[int] = (1, 3, 4, 6, 6, 6, 6, 6),
    up_convolutions: int = 0,
    spacing: Sequence[float] = (),
    normalisation: str = "instance",
    batch_norm_momentum: float = 0.9,
    up: str = "transposed",
    dropout: float = 0.0,
) -> keras.Model:
    """A U-Net whose strides and kernels follow the spacing of the volumes.

    The last map of each level on the way up comes from a layer "decoder_0",
    "decoder_1", ... from the top down: --fit.deep_supervision asks them too.

    Args:
        num_classes: C, of the logits (B, D, H, W, C) or (B, H, W, C).
        input_shape: (D, H, W, channels), or (H, W, channels) for images.
        filters: of the level at full size; each level below has twice as many.
        most_filters: no level has more (nnU-Net: 320, of images 512).
        depth: how many times the volume is halved, along those axes that are fine
            enough by then.
        convolutions: of a level on either side.
        residual: blocks of two convolutions with a shortcut on the way down, behind a
            convolution of the volume. nnU-Net then has up_convolutions=1.
        blocks: of each level from the top down, with `residual`.
        up_convolutions: of a level on the way up; 0: as many as `convolutions`.
        spacing: (z, y, x) of the volumes; (): cubes. A training from records gives it
            the median of theirs.
        normalisation: "instance", "batch" or "none", behind each convolution.
        up: "transposed" convolutions with the stride as kernel; "nearest": a 1x1x1
            convolution, then each voxel repeated, half of the time.
        dropout: rate behind each level's first convolution or block.

    Raises:
        UserError: for a size that cannot be halved so, with the nearest that can; for
            an unknown word; for a spacing of another number of axes.
    """
    for name, value, known in (
        ("normalisation", normalisation, NORMALISATIONS),
        ("up", up, UPS),
    ):
        if value not in known:
            raise UserError(f"{name} must be one of {known}, got {value!r}.")
    if residual and len(blocks) <= depth:
        raise UserError(
            f"blocks must have a number for each of the {depth + 1} levels, got "
            f"{len(blocks)}: {tuple(blocks)}."
        )
    rank = len(input_shape) - 1
    spacing = tuple(spacing) or (1.0,) * rank
    if len(spacing) != rank or min(spacing) <= 0:
        raise UserError(
            f"spacing must be {rank} positive numbers for images {input_shape}, got "
            f"{spacing}."
        )
    strides, kernels = strides_and_kernels(spacing, depth)
    network = f"This U-Net of depth {len(strides)}"
    steps = [math.prod(each) for each in zip(*strides, strict=True)]
    sizes.require_multiples(network, input_shape[:-1], steps)
    norm: dict[str, Any] = {
        "normalisation": normalisation,
        "momentum": batch_norm_momentum,
    }
    widths = [min(filters * 2**level, most_filters) for level in range(depth + 1)]

    image = keras.Input(input_shape, name="image")
    x = first_layers.scaled(image, 1 / 127.5, -1)
    if residual:
        x = _conv(x, widths[0], kernels[0], **norm)
    skips = []
    for level, (width, kernel) in enumerate(zip(widths, kernels, strict=True)):
        stride = strides[level - 1] if level else (1,) * rank
        for number in range(blocks[level] if residual else convolutions):
            part = _block if residual else _conv
            x = part(x, width, kernel, stride=stride, **norm)
            stride = (1,) * rank
            if dropout and not number:
                x = layers.Dropout(dropout)(x)
        skips.append(x)

    x = skips.pop()
    for level in reversed(range(depth)):
        x = _enlarged(x, widths[level], strides[level], up)
        x = layers.Concatenate()([x, skips.pop()])
        count = up_convolutions or convolutions
        for number in range(count):
            last = f"decoder_{level}" if number == count - 1 else None
            x = _conv(x, widths[level], kernels[level], name=last, **norm)
            if dropout and not number and count > 1:
                x = layers.Dropout(dropout)(x)
    logits = _of_rank("Conv{}D", x, num_classes, 1, dtype="float32", name="logits")
    return keras.Model(image, logits, name="unet_3d")


def _conv(
    x: Tensor,
    filters: int,
    kernel: Sequence[int],
    normalisation: str,
    momentum: float,
    stride: Sequence[int] = (),
    activates: bool = True,
    name: str | None = None,
) -> Tensor:
    """Convolution, normalisation and, if it `activates`, leaky ReLU."""
    stride = stride or (1,) * len(kernel)
    # A bias in front of a normalisation is taken away by it again.
    bias = normalisation == "none"
    x = _of_rank("Conv{}D", x, filters, kernel, strides=stride, use_bias=bias)
    if normalisation == "instance":
        x = layers.GroupNormalization(groups=-1, epsilon=1e-5)(x)
    elif normalisation == "batch":
        x = layers.BatchNormalization(momentum=momentum, epsilon=1e-5)(x)
    return layers.LeakyReLU(SLOPE, name=name)(x) if activates else x


def _block(
    x: Tensor,
    filters: int,
    kernel: Sequence[int],
    normalisation: str,
    momentum: float,
    stride: Sequence[int],
) -> Tensor:
    """Two convolutions beside a shortcut: averaged where they stride, a 1x1x1
    convolution where the width changes (ResNet-D, He et al. 2019)."""
    norm: dict[str, Any] = {"normalisation": normalisation, "momentum": momentum}
    y = _conv(x, filters, kernel, stride=stride, **norm)
    y = _conv(y, filters, kernel, activates=False, **norm)
    if max(stride) > 1:
        x = getattr(layers, f"AveragePooling{len(stride)}D")(stride)(x)
    if x.shape[-1] != filters:
        x = _conv(x, filters, (1,) * len(kernel), activates=False, **norm)
    return layers.LeakyReLU(SLOPE)(layers.Add()([y, x]))


def _enlarged(x: Tensor, filters: int, stride: Sequence[int], up: str) -> Tensor:
    if up == "nearest":
        x = _of_rank("Conv{}D", x, filters, 1)
        return getattr(layers, f"UpSampling{len(stride)}D")(stride)(x)
    return _of_rank("Conv{}DTranspose", x, filters, stride, strides=stride)


def _of_rank(
    kind: str, x: Tensor, filters: int, kernel: int | Sequence[int], **options: Any
) -> Tensor:
    """A layer for as many spatial axes as the map has; each kernel has an initializer
    of its own: one gives one shape the same numbers."""
    he = keras.initializers.VarianceScaling(2.0, "fan_in", "untruncated_normal")
    layer = getattr(layers, kind.format(len(x.shape) - 2))
    return layer(filters, kernel, padding="same", kernel_initializer=he, **options)(x)
