"""U-Net (Ronneberger, Fischer and Brox 2015, arXiv 1505.04597), in 2-D and 3-D.

The defaults are the paper's network: 31,030,658 parameters for a grey image and two
classes. What the paper leaves open follows its Caffe release: a ReLU after each
up-convolution, [upsampled, skip] as order, dropout of the last two contracting levels
before the skip branches off. The last up-convolution has 64 filters as in the figure.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers, ops

from kerasseg import UserError, upsampling
from kerasseg.models.encoders import encode
from kerasseg.models.pieces import first_layers, sizes
from kerasseg.taxonomy import Tensor

PADDINGS = ("same", "valid", "reflect")
UPS = ("transposed", "bilinear")


def unet(
    num_classes: int,
    input_shape: tuple[int, ...],
    filters: int = 64,
    depth: int = 4,
    dropout: float = 0.5,
    batch_norm: bool = False,
    batch_norm_momentum: float = 0.9,
    up_batch_norm: bool = True,
    up: str = "transposed",
    padding: str = "same",
    stem: int = 1,
    encoder: str = "none",
    weights: str = "imagenet",
) -> keras.Model:
    """U-Net: contracting path, expanding path, skip connections between them.

    Args:
        num_classes: C, of the logits (B, H, W, C) or (B, D, H, W, C).
        input_shape: (H, W, channels) or (D, H, W, channels) for volumes.
        filters: of the level at full size; each level below has twice as many.
        depth: how many times the size is halved.
        dropout: rate at the end of the contracting path (its last two levels).
        batch_norm: convolution without bias, batch normalisation, ReLU: trains faster.
        up_batch_norm: False leaves the up-convolutions of a network with `batch_norm`
            as they are in most Torch code: a bias, no normalisation, no ReLU.
        up: "transposed": 2x2 up-convolutions, as in the paper. "bilinear":
            interpolation, and half as many filters behind each level and in the deepest
            one, as milesial/Pytorch-UNet has it. Not of volumes.
        padding: of the 3x3 convolutions. "same": zeros. "reflect": the mirrored border.
            "valid": none, as in the paper: the logits are smaller than the image (572
            -> 388, margin 92) and every one of them has seen only real pixels.
        stem: stride of a first convolution (kernel 2 stem) before the contracting path,
            and of the transposed convolution that then makes the logits: 2 saves the
            level at full size, where most of a small network's time goes. Only with
            "same".
        encoder: "none", or the name of an encoder that takes the place of the
            contracting path (`kerasseg.models.encoders`).
        weights: of the encoder: "imagenet", "none" (random) or a file.

    Raises:
        UserError: for a size the network cannot halve `depth` times, with the nearest
            sizes that work; for options that do not go together.
    """
    if padding not in PADDINGS:
        raise UserError(f"padding must be one of {PADDINGS}, got {padding!r}.")
    if stem > 1 and (padding != "same" or encoder != "none"):
        raise UserError(
            f'stem={stem} works with padding="same" and encoder="none" only, got '
            f"{padding!r} and {encoder!r}."
        )
    if up not in UPS or (up == "bilinear" and len(input_shape) == 4):
        raise UserError(
            f"up must be one of {UPS}, of volumes 'transposed', got {up!r} for images "
            f"{input_shape}."
        )
    _check_size(input_shape[:-1], depth, padding, stem)
    norm: dict[str, Any] = {"batch_norm": batch_norm, "momentum": batch_norm_momentum}

    def block(x: Tensor, filters: int, out: int = 0) -> Tensor:
        for width in (filters, out or filters):
            x = _conv(x, width, 3, padding, **norm)
        return x

    image = keras.Input(input_shape, name="image")
    if encoder == "none":
        x = first_layers.scaled(image, 1 / 127.5, -1)
        if stem > 1:
            x = _conv(x, filters, 2 * stem, padding, **norm, stride=stem)
        widths = [filters * 2**level for level in range(depth + 1)]
        if up == "bilinear":
            widths[depth] //= 2
        x, skips = _contract(x, block, widths, dropout)
    else:
        maps = _encoder_maps(
            encoder, image, depth, padding, weights, batch_norm_momentum
        )
        *skips, x = [None, *maps]
        x = layers.Dropout(dropout)(x)

    for level in reversed(range(depth)):
        width = filters * 2**level
        if up == "bilinear":
            x = upsampling.bilinear(x, [2 * length for length in x.shape[1:-1]])
        else:
            x = _up(x, width, **norm, plain=batch_norm and not up_batch_norm)
        if skips[level] is not None:  # an encoder has no map at full size
            x = layers.Concatenate()([x, _centre(skips[level], x.shape[1:-1])])
        x = block(x, width, width // 2 if up == "bilinear" and level else width)
    head = _of_rank("Conv{}D" if stem == 1 else "Conv{}DTranspose", x)
    logits = head(
        num_classes,
        stem,
        strides=stem,
        kernel_initializer=_he(),
        dtype="float32",
        name="logits",
    )
    return keras.Model(image, logits(x), name="unet")


def _contract(
    x: Tensor, block: Any, widths: list[int], dropout: float
) -> tuple[Tensor, list[Tensor]]:
    """The contracting path: its deepest map, and the skips from the top down."""
    skips, depth = [], len(widths) - 1
    for level, width in enumerate(widths):
        x = block(x, width)
        if level >= depth - 1:
            x = layers.Dropout(dropout)(x)
        if level < depth:
            skips.append(x)
            x = _of_rank("MaxPooling{}D", x)(2)(x)
    return x, skips


def _conv(
    x: Tensor,
    filters: int,
    kernel: int,
    padding: str,
    batch_norm: bool,
    momentum: float,
    stride: int = 1,
) -> Tensor:
    rank = len(x.shape) - 2
    if padding == "reflect":
        x = ops.pad(x, [[0, 0], *[[1, 1]] * rank, [0, 0]], mode="reflect")
    x = _of_rank("Conv{}D", x)(
        filters,
        kernel,
        strides=stride,
        padding="same" if padding == "same" else "valid",
        use_bias=not batch_norm,
        kernel_initializer=_he(),
    )(x)
    return _activate(x, batch_norm, momentum)


def _up(
    x: Tensor, filters: int, batch_norm: bool, momentum: float, plain: bool
) -> Tensor:
    """2x2 up-convolution: no overlap, so no checkerboard. plain: it alone."""
    bias = plain or not batch_norm
    x = _of_rank("Conv{}DTranspose", x)(
        filters, 2, strides=2, use_bias=bias, kernel_initializer=_he()
    )(x)
    if plain:
        return x
    return _activate(x, batch_norm, momentum)


def _he() -> keras.initializers.Initializer:
    """A new one for each kernel: one initializer gives one shape the same numbers."""
    return keras.initializers.VarianceScaling(2.0, "fan_in", "untruncated_normal")


def _activate(x: Tensor, batch_norm: bool, momentum: float) -> Tensor:
    if batch_norm:
        x = layers.BatchNormalization(momentum=momentum)(x)
    return layers.ReLU()(x)


def _of_rank(name: str, x: Tensor) -> Any:
    """The class of layers for as many spatial axes as the map has."""
    return getattr(layers, name.format(len(x.shape) - 2))


def _centre(x: Tensor, size: Sequence[int]) -> Tensor:
    """The centre of a skip map, `size` large; the map itself where sizes agree."""
    margins = [
        (have - want) // 2 for have, want in zip(x.shape[1:-1], size, strict=True)
    ]
    if not any(margins):
        return x
    parts = [slice(m, m + want) for m, want in zip(margins, size, strict=True)]
    return x[(slice(None), *parts)]


def _encoder_maps(
    encoder: str,
    image: Tensor,
    depth: int,
    padding: str,
    weights: str,
    momentum: float,
) -> list[Tensor]:
    if padding != "same":
        raise UserError(f'An encoder works with padding="same" only, got {padding!r}.')
    maps = encode(encoder, image, 32, weights, momentum)
    if not 1 <= depth <= len(maps):
        raise UserError(f"depth must be 1 to {len(maps)} with an encoder, got {depth}.")
    return [maps[2**level] for level in range(1, depth + 1)]


def _check_size(size: Sequence[int], depth: int, padding: str, stem: int) -> None:
    def works(length: int) -> bool:
        return length % stem == 0 and _works(length // stem, depth, padding)

    step, smallest = stem * 2**depth, _smallest(depth)
    kind = f"a multiple of {step}"
    if padding == "valid":
        kind += f" plus {smallest % step}, {smallest} or more"
    for length in size:
        network = f"U-Net with depth {depth} and padding={padding!r}"
        sizes.require(network, length, works, kind)


def _works(length: int, depth: int, padding: str) -> bool:
    if padding == "valid":
        for _ in range(depth):
            length -= 4  # two 3x3 convolutions
            if length < 2 or length % 2:
                return False
            length //= 2
        for _ in range(depth):
            length = (length - 4) * 2
        return length - 4 > 0
    # Mirroring by one pixel needs two of them on the deepest level.
    return (
        length % 2**depth == 0 and length >= (2 if padding == "reflect" else 1) << depth
    )


def _smallest(depth: int) -> int:
    return next(n for n in range(1, 10**9) if _works(n, depth, "valid"))
