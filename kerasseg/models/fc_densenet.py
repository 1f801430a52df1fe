"""FC-DenseNet, the "tiramisu" (Jegou et al. 2017, arXiv 1611.09326).

Follows the authors' code (github.com/SimJeg/FC-DenseNet), which differs from the text
in two places: the classifier sees the whole last stack, not only its new maps, and the
stacks of the expanding path are 16 maps wider than the paper's table 2 says.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import keras
from keras import layers, ops

from kerasseg import UserError
from kerasseg.models.pieces import first_layers
from kerasseg.taxonomy import Tensor


def fc_densenet(
    num_classes: int,
    input_shape: tuple[int, ...],
    growth_rate: int = 16,
    layers_per_block: Sequence[int] = (4, 5, 7, 10, 12, 15, 12, 10, 7, 5, 4),
    first_filters: int = 48,
    dropout: float = 0.2,
    batch_norm_momentum: float = 0.9,
    batch_statistics: bool = False,
) -> keras.Model:
    """Dense blocks down, a dense block as bottleneck, dense blocks up. Default: 103.

    Args:
        num_classes: C, of the logits (B, H, W, C).
        input_shape: (H, W, channels), any size whose pooled size is at least one pixel.
        growth_rate: new maps per layer.
        layers_per_block: contracting blocks, bottleneck, expanding blocks: an odd
            number.
        first_filters: of the first convolution.
        dropout: rate after every convolution but the first and the last.
        batch_statistics: normalise by the statistics of the batch at hand in prediction
            too, as the authors scored (on batches of 10). There are then no moving
            statistics at all: the logits of an image depend on its batch, and a layer
            has two weights (gamma, beta) where batch normalisation has four.

    Raises:
        UserError: for an even number of blocks, and for an image that is too small.
    """
    depth = len(layers_per_block) // 2
    _check(layers_per_block, input_shape[:2], depth)
    normalize: Callable[..., Any]
    if batch_statistics:
        normalize = _batch_statistics_norm
    else:
        normalize = partial(
            layers.BatchNormalization, momentum=batch_norm_momentum, epsilon=1e-4
        )

    def layer(x: Tensor, filters: int, kernel: int, name: str) -> Tensor:
        """Normalisation, ReLU, convolution, dropout."""
        x = layers.ReLU()(normalize(name=f"{name}_bn")(x))
        return layers.Dropout(dropout)(_conv(filters, kernel, name)(x))

    def dense_block(stack: Tensor, number: int) -> tuple[Tensor, Tensor]:
        """(the stack with all new maps on it, the new maps alone)"""
        new = []
        for index in range(layers_per_block[number]):
            new.append(layer(stack, growth_rate, 3, f"block{number}_layer{index}"))
            stack = layers.Concatenate()([stack, new[-1]])
        return stack, layers.Concatenate()(new) if len(new) > 1 else new[0]

    image = keras.Input(input_shape, name="image")
    stack = first_layers.scaled(image, 1 / 127.5, -1)
    stack = _conv(first_filters, 3, "first")(stack)
    skips = []
    for number in range(depth):
        stack, _ = dense_block(stack, number)
        skips.append(stack)
        stack = layer(stack, stack.shape[-1], 1, f"transition_down{number}")
        stack = layers.MaxPooling2D(2)(stack)

    stack, new = dense_block(stack, depth)
    for number in range(depth + 1, 2 * depth + 1):
        # Only the new maps go up: with their input the stack would grow too wide.
        x = _transition_up(new, skips[-1].shape[1:3], f"transition_up{number}")
        stack, new = dense_block(layers.Concatenate()([x, skips.pop()]), number)

    logits = _conv(num_classes, 1, "logits", dtype="float32")(stack)
    return keras.Model(image, logits, name="fc_densenet")


fc_densenet56 = partial(fc_densenet, growth_rate=12, layers_per_block=(4,) * 11)
fc_densenet67 = partial(fc_densenet, growth_rate=16, layers_per_block=(5,) * 11)
fc_densenet103 = partial(fc_densenet, growth_rate=16)


def _check(layers_per_block: Sequence[int], size: tuple[int, ...], depth: int) -> None:
    if len(layers_per_block) % 2 == 0:
        raise UserError(
            "layers_per_block must be odd in length (down, bottleneck, up), got "
            f"{len(layers_per_block)} blocks: {tuple(layers_per_block)}."
        )
    if min(size) < 2**depth:
        raise UserError(
            f"FC-DenseNet halves the size {depth} times and needs at least "
            f"{2**depth} pixels a side, got {tuple(size)}. Enlarge or pad "
            "the image, or use fewer blocks."
        )


def _conv(filters: int, kernel: int, name: str, **options: Any) -> keras.Layer:
    return layers.Conv2D(
        filters,
        kernel,
        padding="same",
        kernel_initializer="he_uniform",
        name=name,
        **options,
    )


def _transition_up(x: Tensor, size: tuple[int, ...], name: str) -> Tensor:
    """Transposed convolution n -> 2 n + 1, then the centre, `size` large. (Padding
    'same' would give 2 n, one short of a skip whose odd size was rounded down.)"""
    x = layers.Conv2DTranspose(
        x.shape[-1], 3, strides=2, kernel_initializer="he_uniform", name=name
    )(x)
    top, left = (
        (have - want) // 2 for have, want in zip(x.shape[1:3], size, strict=True)
    )
    if tuple(x.shape[1:3]) == tuple(size):
        return x
    return x[:, top : top + size[0], left : left + size[1]]


def _batch_statistics_norm(name: str) -> Callable[[Tensor], Tensor]:
    """Batch normalisation that always uses the batch: the images of a batch stacked
    into one tall image, and every channel of that normalised on its own.

    (Not `BatchNormalization` called with training=True: a functional model overrides
    that argument as soon as it is itself called with training=False or in `predict`.)
    """

    def apply(x: Tensor) -> Tensor:
        height, width, channels = x.shape[1:]
        tall = ops.reshape(x, (1, -1, width, channels))
        tall = layers.GroupNormalization(groups=channels, epsilon=1e-4, name=name)(tall)
        return ops.reshape(tall, (-1, height, width, channels))

    return apply
