"""Photometric transforms: colour, gamma, blur, noise and JPEG. Labels stay.

Everything linear in the colours (brightness, contrast, saturation, hue, colour cast)
is one 3 x 3 matrix and one offset per sample.

Each function takes an image (B, h, w, C) float32 in grey levels, 0..255 for pictures,
the numbers (B, NUMBERS), uniform in [0, 1), and the policy with its ranges and
probabilities; it returns an image like the first, not yet clipped. `colour` and `jpeg`
take RGB alone; the others take volumes (B, d, h, w, C) too.
"""

from __future__ import annotations

import functools
import math

import numpy as np
from keras import ops

from kerasseg.augment.hashing import integers, scramble
from kerasseg.augment.pixel_grid import centres, constant, per_sample
from kerasseg.augment.policies import Policy
from kerasseg.augment.random_parameters import (
    amount,
    around,
    coin,
    log_uniform,
    single,
    slot,
    uniform,
)
from kerasseg.taxonomy import Tensor

_TO_YIQ = np.array(
    [[0.299, 0.587, 0.114], [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]]
)
_FROM_YIQ = np.linalg.inv(_TO_YIQ)
_LUMA = (_FROM_YIQ @ np.diag([1, 0, 0]) @ _TO_YIQ).T.astype("float32")
_CHROMA = (_FROM_YIQ @ np.diag([0, 1, 1]) @ _TO_YIQ).T.astype("float32")
_TURNED = (_FROM_YIQ @ [[0, 0, 0], [0, 0, 1], [0, -1, 0]] @ _TO_YIQ).T.astype("float32")


def colour(image: Tensor, numbers: Tensor, policy: Policy) -> Tensor:
    """Brightness, contrast, saturation, hue and colour cast in one matrix product.

    A colour is luma + chroma (YIQ): saturation stretches chroma, hue turns it (red
    towards yellow, as a rising hue of HSV does), contrast stretches both around the
    image's mean, brightness and cast multiply.
    """
    share = {
        name: per_sample(around(single(numbers, name), getattr(policy, name)))
        for name in ("brightness", "contrast", "saturation", "hue")
    }
    angle, stretch = share["hue"] * (math.pi / 180), 1 + share["saturation"]
    chroma = ops.cos(angle) * constant(_CHROMA) + ops.sin(angle) * constant(_TURNED)
    matrix = constant(_LUMA) + stretch * chroma
    contrast, gain = 1 + share["contrast"], 1 + share["brightness"]
    if policy.cast:
        gain = gain * (1 + around(slot(numbers, "cast"), policy.cast))[:, None, :]
    image = _times(image, contrast * gain * matrix)
    if policy.contrast:
        mean = per_sample(ops.mean(image, axis=(1, 2, 3)))
        image = image + ((1 / contrast - 1) * mean)[:, None]
    return image


def exposure(
    image: Tensor,
    numbers: Tensor,
    policy: Policy,
    low: Tensor | float = 0.0,
    high: Tensor | float = 255.0,
) -> Tensor:
    """Brightness and contrast of each band by itself, around the band's mean.

    low, high: levels, one number or (C,); what lies beyond counts as these in the mean,
    so that a few wild pixels do not decide it.
    """
    contrast, gain = (
        beside(1 + around(single(numbers, name), getattr(policy, name)), image)
        for name in ("contrast", "brightness")
    )
    if not policy.contrast:
        return gain * image
    middle = ops.clip(image, low, high)
    middle = ops.mean(middle, axis=spatial(image), keepdims=True)
    return gain * (image + (contrast - 1) * (image - middle))


def gamma(image: Tensor, numbers: Tensor, policy: Policy) -> Tensor:
    """255 (x / 255)^gamma, with the ends 0 and 255 fixed."""
    exponent = beside(log_uniform(single(numbers, "gamma"), *policy.gamma), image)
    light = ops.log(ops.clip(image, 1e-3, 255.0) * (1 / 255))
    return ops.exp(exponent * light) * 255


def blur(
    image: Tensor, numbers: Tensor, policy: Policy, thick: int | None = None
) -> Tensor:
    """A share of a binomial blur: (1 4 6 4 1) / 16 along each axis, sigma 1 pixel.

    thick: the axis of a volume that is left out, see `volume_geometry.coarse_axis`.
    """
    share = beside(amount(single(numbers, "blur"), policy.blur), image)
    axes = [axis for axis in spatial(image) if axis - 1 != thick]
    x = image
    for axis in axes:
        # Mirrored by hand: Torch pads no three axes of five.
        part = functools.partial(_part, x, axis)
        before, behind = (part(2, 3), part(1, 2)), (part(-2, -1), part(-3, -2))
        x = ops.concatenate([*before, x, *behind], axis=axis)
        part = functools.partial(_part, x, axis)
        outer, inner = part(0, -4) + part(4, None), part(1, -3) + part(3, -1)
        x = outer + 4 * inner + 6 * part(2, -2)
    return image + share * (x * (1 / 16 ** len(axes)) - image)


def low_resolution(
    image: Tensor, numbers: Tensor, policy: Policy, thick: int | None = None
) -> Tensor:
    """The image as one of half to all of its pixels along each axis would look, drawn
    at its own size: nearest down, linear up (Isensee et al. 2021, nnU-Net). thick: as
    in `blur`."""
    u = slot(numbers, "low_resolution")
    drawn = coin(u[:, 0], policy.low_resolution)
    coarser = (1 - drawn * (1 - uniform(u[:, 1], 0.5, 1.0)))[:, None]  # (B, 1)
    x, shape = image, image.shape
    for axis in spatial(image):
        if axis - 1 == thick:
            continue
        length = shape[axis]
        place = (centres(length) * coarser - 0.5)[..., None]  # (B, n, 1)
        first = ops.floor(place)
        last = ops.ceil(length * coarser[..., None] - 0.5) - 1  # coarse pixel inside
        weights: Tensor = 0.0
        for node, weight in ((first, 1 - place + first), (first + 1, place - first)):
            node = ops.clip(node, 0.0, last)
            # The pixel that the coarse one was read from.
            at = ops.round((node + 0.5) / coarser[..., None] - 0.5)
            here = ops.cast(at == constant(np.arange(length)), "float32")
            weights = weights + weight * here  # (B, n, n)
        before = math.prod(shape[1:axis])
        lines = ops.reshape(x, (-1, before, length, math.prod(shape[axis + 1 :])))
        x = ops.reshape(ops.matmul(weights[:, None], lines), (-1, *shape[1:]))
    return ops.where(beside(drawn, image) > 0, x, image)


def noise(image: Tensor, numbers: Tensor, policy: Policy) -> Tensor:
    """Adds nearly normal noise: one part common to the bands, one of each band.

    The four bytes of a hash of (sample, pixel) are four uniform deviates; sums and
    differences of them are uncorrelated and close to normal. More than three bands take
    further hashes.
    """
    bands, pixels = image.shape[-1], math.prod(image.shape[1:-1])
    own = bands if bands > 1 else 0
    hashes = -(-(1 + own) // 4)
    strength, seed = ops.split(slot(numbers, "noise"), 2, axis=1)
    std = policy.noise_std * amount(strength, policy.noise)[:, :, None]  # (B, 1, 1)
    pixel = ops.reshape(ops.arange(pixels, dtype="int32"), (1, -1))
    pixel = scramble(pixel) * np.int32(0x2C1B3C6D)
    # A drawn integer has 24 bits: the upper eight tell the hashes apart.
    drawn = integers(seed)
    seeds = [drawn, *(drawn + (i << 24) for i in range(1, hashes))]
    bytes_ = [_four_bytes(pixel, scramble(s)) for s in seeds]
    deviates = bytes_[0] if hashes == 1 else ops.concatenate(bytes_, axis=-1)
    one_byte = math.sqrt((256**2 - 1) / 12)
    signs = np.array([[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]])
    parts = signs.T / (2 * one_byte)  # unit variance each
    to_bands = np.zeros((4 * hashes, bands))
    to_bands[0] = 1
    to_bands[1 : 1 + own] = 0.5 * np.eye(own, bands)
    mixing = np.kron(np.eye(hashes), parts) @ to_bands
    deviates = ops.matmul(deviates, std * constant(mixing))
    return image + ops.reshape(deviates, (-1, *image.shape[1:]))


def spatial(image: Tensor) -> tuple[int, ...]:
    """The axes of height and width, of volumes also depth: all but first and last."""
    return tuple(range(1, len(image.shape) - 1))


def beside(x: Tensor, image: Tensor) -> Tensor:
    """(B,) numbers, one for each sample, as (B, 1, ..., 1) of the image's rank."""
    return per_sample(x, len(image.shape) - 1)


def _part(x: Tensor, axis: int, start: int, stop: int | None) -> Tensor:
    return x[(*[slice(None)] * axis, slice(start, stop))]


def _four_bytes(pixel: Tensor, seed: Tensor) -> Tensor:
    """(1, HW) and (B, 1) int32 -> (B, HW, 4) float32, -128..127."""
    mixed = ops.bitwise_xor(pixel, seed) * np.int32(0x297A2D39)
    mixed = ops.bitwise_xor(mixed, ops.right_shift(mixed, 15)) * np.int32(0x1B56C4E9)
    return ops.cast(ops.view(mixed[..., None], dtype="int8"), "float32")


def jpeg(image: Tensor, numbers: Tensor, policy: Policy) -> Tensor:
    """Quantises 8 x 8 cosine blocks of YCbCr with JPEG's tables (ITU-T T.81, annex K).

    Colour is not subsampled. Quality scales the tables as libjpeg does.
    """
    height, width = image.shape[1:3]
    drawn = amount(single(numbers, "jpeg"), policy.jpeg)[:, None, None, None]
    quality = 90 + (policy.jpeg_quality - 90) * drawn
    percent = ops.where(quality < 50, 5000 / quality, 200 - 2 * quality)
    frame = [[0, 0], [0, -height % 8], [0, -width % 8], [0, 0]]
    x = (
        ops.pad(image - 128, frame, mode="symmetric")
        if any(frame[1] + frame[2])
        else (image - 128)
    )
    down, across = -(-height // 8), -(-width // 8)
    columns = np.kron(_COSINE.T, _TO_YCC.T).astype("float32")  # (24, 24)
    x = ops.matmul(ops.reshape(x, (-1, down * 8, across, 24)), columns)
    x = ops.matmul(_COSINE, ops.reshape(x, (-1, down, 8, across * 24)))
    table = np.tile(np.reshape(_TABLES, (8, 24)), (1, across))[None, None]
    step = ops.clip(ops.round(constant(table) * percent * 0.01), 1.0, 255.0)
    x = ops.matmul(_COSINE.T, ops.round(x / step) * step)
    back = np.linalg.inv(columns.astype("float64")).astype("float32")
    x = ops.matmul(ops.reshape(x, (-1, down * 8, across, 24)), back)
    x = ops.reshape(x, (-1, down * 8, across * 8, 3))[:, :height, :width] + 128
    return ops.where(drawn > 0, x, image)


def _times(image: Tensor, matrix: Tensor) -> Tensor:
    height, width, channels = image.shape[1:]
    flat = ops.matmul(ops.reshape(image, (-1, height * width, channels)), matrix)
    return ops.reshape(flat, (-1, height, width, channels))


_FREQUENCY, _PLACE = np.mgrid[:8, :8]
_COSINE = np.cos(np.pi * _FREQUENCY * (2 * _PLACE + 1) / 16) / 2
_COSINE[0] /= math.sqrt(2)
_COSINE = _COSINE.astype("float32")
_TO_YCC = np.array(
    [[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]]
)
_LUMA_STEPS = """
16 11 10 16  24  40  51  61   12 12 14 19  26  58  60  55
14 13 16 24  40  57  69  56   14 17 22 29  51  87  80  62
18 22 37 56  68 109 103  77   24 35 55 64  81 104 113  92
49 64 78 87 103 121 120 101   72 92 95 98 112 100 103  99
"""
_COLOUR_STEPS = """
17 18 24 47 99 99 99 99   18 21 26 66 99 99 99 99
24 26 56 99 99 99 99 99   47 66 99 99 99 99 99 99
"""
_COLOUR_STEPS += "99 " * 32
_LUMA_TABLE, _COLOUR_TABLE = (
    np.array(steps.split(), "float32").reshape(8, 8)
    for steps in (_LUMA_STEPS, _COLOUR_STEPS)
)
_TABLES = np.stack([_LUMA_TABLE, _COLOUR_TABLE, _COLOUR_TABLE], -1)
