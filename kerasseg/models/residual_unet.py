"""Residual U-Net (Drozdzal, Vorontsov et al. 2016, arXiv 1608.04117).

A U-Net of residual blocks: long skip connections between the paths, short ones around
every block. Built as in the authors' code (github.com/veugene/fcn_maker, "the variant
described in" the paper): pre-activation blocks, nearest-neighbour upsampling.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import keras
from keras import layers

from kerasseg import UserError, upsampling
from kerasseg.models.pieces import first_layers
from kerasseg.taxonomy import Tensor

MERGES = ("sum", "concat")


def residual_unet(
    num_classes: int,
    input_shape: tuple[int, ...],
    filters: int = 32,
    repeats: Sequence[int] = (3, 8, 10, 3, 10, 8, 3),
    merge: str = "sum",
    dropout: float = 0.1,
    batch_norm_momentum: float = 0.9,
) -> keras.Model:
    """Two levels of simple blocks around levels of repeated bottleneck blocks.

    Args:
        num_classes: C, of the logits (B, H, W, C).
        input_shape: (H, W, channels), any size. A level with an odd size is rounded up
            on the way down and cut to the size of its skip on the way up.
        filters: of the simple blocks; bottleneck level i gives 4 * 2**i times as many.
        repeats: of the bottleneck blocks: contracting, across, expanding; an odd
            number.
        merge: of the long skip connections. "sum" is the paper's: the map from below is
            brought to the skip's width by a 1x1 convolution where it differs, and
            added. "concat" as in U-Net.
        dropout: rate at the end of every block (0.1 in the authors' example).

    Raises:
        UserError: for an unknown merge or an even number of repeats.
    """
    if merge not in MERGES:
        raise UserError(f"merge must be one of {MERGES}, got {merge!r}.")
    if len(repeats) % 2 == 0:
        raise UserError(
            "repeats must be odd in length (down, across, up), got "
            f"{len(repeats)} numbers: {tuple(repeats)}."
        )
    momentum = batch_norm_momentum
    main = len(repeats) // 2
    simple = partial(_simple, dropout=dropout, momentum=momentum)
    bottleneck = partial(_bottleneck, dropout=dropout, momentum=momentum)

    image = keras.Input(input_shape, name="image")
    x = first_layers.scaled(image, 1 / 127.5, -1)
    x = layers.Dropout(dropout)(_conv(x, filters, 3))
    skips = [x]
    for _ in range(2):
        x = _stage(x, simple, filters, 1, down=True)
        skips.append(x)
    for level in range(main):
        x = _stage(x, bottleneck, filters * 2**level, repeats[level], down=True)
        skips.append(x)

    x = _stage(x, bottleneck, filters * 2**main, repeats[main], down=True, up=True)

    for level in reversed(range(main)):
        x = _long_skip(x, skips.pop(), merge)
        x = _stage(x, bottleneck, filters * 2**level, repeats[-1 - level], up=True)
    for _ in range(2):
        x = _long_skip(x, skips.pop(), merge)
        x = _stage(x, simple, filters, 1, up=True)
    x = _batch_norm_relu(_long_skip(x, skips.pop(), merge), momentum)
    x = layers.Dropout(dropout)(_conv(x, filters, 3))
    logits = layers.Conv2D(num_classes, 1, dtype="float32", name="logits")(x)
    return keras.Model(image, logits, name="residual_unet")


def _stage(
    x: Tensor,
    block: Callable[..., Tensor],
    filters: int,
    count: int,
    down: bool = False,
    up: bool = False,
) -> Tensor:
    """`count` blocks; the first halves the size (`down`), the last doubles it."""
    for index in range(count):
        first, last = index == 0, index == count - 1
        x = block(x, filters, down=down and first, up=up and last)
    return x


def _simple(
    x: Tensor, filters: int, down: bool, up: bool, dropout: float, momentum: float
) -> Tensor:
    y = _batch_norm_relu(x, momentum)
    if down:
        y = layers.MaxPooling2D(2, padding="same")(y)
    y = layers.Dropout(dropout)(_conv(y, filters, 3))
    if up:
        y = upsampling.nearest(y)
    return layers.Add()([y, _shortcut(x, filters, down, up)])


def _bottleneck(
    x: Tensor, filters: int, down: bool, up: bool, dropout: float, momentum: float
) -> Tensor:
    """1x1, 3x3, 1x1 to four times the filters."""
    y = _conv(_batch_norm_relu(x, momentum), filters, 1, stride=2 if down else 1)
    y = _conv(_batch_norm_relu(y, momentum), filters, 3)
    y = _batch_norm_relu(y, momentum)
    if up:
        y = upsampling.nearest(y)
    y = layers.Dropout(dropout)(_conv(y, 4 * filters, 1))
    return layers.Add()([y, _shortcut(x, 4 * filters, down, up)])


def _batch_norm_relu(x: Tensor, momentum: float) -> Tensor:
    return layers.ReLU()(layers.BatchNormalization(momentum=momentum, epsilon=1e-5)(x))


def _conv(x: Tensor, filters: int, kernel: int, stride: int = 1) -> Tensor:
    return layers.Conv2D(
        filters,
        kernel,
        strides=stride,
        padding="same",
        kernel_initializer="he_normal",
    )(x)


def _shortcut(x: Tensor, filters: int, down: bool, up: bool) -> Tensor:
    """The block's input, brought to the size and width of its result."""
    if down:
        x = x[:, ::2, ::2]
    if up:
        x = upsampling.nearest(x)
    return x if x.shape[-1] == filters else _conv(x, filters, 1)


def _long_skip(x: Tensor, skip: Tensor, merge: str) -> Tensor:
    if x.shape[1:3] != skip.shape[1:3]:
        x = x[:, : skip.shape[1], : skip.shape[2]]
    if merge == "concat":
        return layers.Concatenate()([x, skip])
    if x.shape[-1] != skip.shape[-1]:
        x = _conv(x, skip.shape[-1], 1)
    return layers.Add()([x, skip])
