"""Making maps larger: bilinear, nearest, bed of nails, max-unpooling, transposed
convolution.

Everything is made of plain operations, so that a network saved with them opens without
kerasseg and converts to LiteRT with built-in operators only. Sizes are static.
"""

from itertools import product

import numpy as np
from keras import layers, ops

from kerasseg import UserError


def bilinear(x, size):
    """Resizes (B, H, W, C) to `size` = (height, width), both integers.

    Half-pixel centres, no antialiasing: equals `tf.image.resize`. (The DeepLab code of
    2018 used align_corners=True, which is not the same.)
    """
    if tuple(x.shape[1:3]) == tuple(size):
        return x
    if None in x.shape[1:3] or None in tuple(size):
        raise UserError(
            f"Bilinear upsampling needs static sizes, got {tuple(x.shape)} -> "
            f"{tuple(size)}. Build the network for one (height, width)."
        )
    return ops.image.resize(
        x, tuple(size), interpolation="bilinear", data_format="channels_last"
    )


def nearest(x, factor=2):
    """Repeats each value `factor` times along every spatial axis of (B, ..., C)."""
    return _interleave([x] * factor ** (len(x.shape) - 2), factor)


def bed_of_nails(x, factor=2):
    """Each value at the first corner of a factor x factor block, zeros elsewhere."""
    zeros = ops.zeros_like(x)
    return _interleave([x] + [zeros] * (factor ** (len(x.shape) - 2) - 1), factor)


def max_pool_with_indices(x):
    """Max-pooling by 2 that remembers where each maximum was.

    x: (B, ..., C). Returns (pooled, indices), both (B, ceil(size / 2)..., C): an odd
    size is rounded up, as in SegNet's Caffe. An index is the place inside the 2 x 2
    window in row-major order (0 to 3 in an image, 0 to 7 in a volume); of equal values
    the first wins. SegNet: Badrinarayanan et al. 2017, arXiv 1511.00561.
    """
    for axis in range(1, len(x.shape) - 1):
        if x.shape[axis] % 2:  # a copy of the last line never wins over the line itself
            x = ops.concatenate([x, x[_along(axis, slice(-1, None))]], axis=axis)
    corners = [
        x[(slice(None), *(slice(start, None, 2) for start in place))]
        for place in product(range(2), repeat=len(x.shape) - 2)
    ]
    pooled = corners[0]
    for corner in corners[1:]:
        pooled = ops.maximum(pooled, corner)
    # Not ops.argmax: it does not convert to LiteRT's built-in operators.
    indices = ops.full_like(pooled, len(corners) - 1)
    for number in reversed(range(len(corners) - 1)):
        indices = ops.where(ops.equal(corners[number], pooled), number, indices)
    return pooled, ops.cast(indices, "int32")


def max_unpool(x, indices, size):
    """Puts each value back where its maximum was, zeros elsewhere.

    x and indices: (B, ..., C), the latter from `max_pool_with_indices`; `size`: the
    spatial size before the pooling. The inverse of `max_pool_with_indices` at the
    places of the maxima.
    """
    count = 2 ** (len(x.shape) - 2)
    zeros = ops.zeros_like(x)
    y = _interleave(
        [ops.where(ops.equal(indices, number), x, zeros) for number in range(count)], 2
    )
    for axis, length in enumerate(size, start=1):
        if y.shape[axis] - length not in (0, 1):
            raise UserError(
                f"Unpooling {tuple(x.shape)} cannot give size {tuple(size)}: it must "
                "be the size that was pooled, twice as large or one less."
            )
        if y.shape[axis] > length:
            y = y[_along(axis, slice(0, length))]
    return y


def transposed_convolution(
    x,
    filters,
    kernel_size=4,
    stride=2,
    *,
    initial="glorot_uniform",
    use_bias=True,
    allow_checkerboard=False,
    name=None,
):
    """Learnt upsampling of (B, ..., C) by `stride`, with 'same' padding.

    A kernel that the stride does not divide covers the output unevenly, which shows as
    a checkerboard (Odena et al. 2016, distill.pub/2016/deconv-checkerboard); it is
    refused unless `allow_checkerboard`. `initial`: "bilinear" starts as bilinear
    interpolation (Long et al. 2015; kernel size 2 * stride - stride % 2 and as many
    filters as channels), else the name of a Keras initializer.
    """
    if kernel_size % stride and not allow_checkerboard:
        raise UserError(
            f"A transposed convolution with kernel size {kernel_size} and stride "
            f"{stride} makes a checkerboard: the stride must divide the kernel size, "
            f"such as {stride} or {2 * stride}. To have it, allow_checkerboard=True."
        )
    rank, channels = len(x.shape) - 2, x.shape[-1]
    if initial == "bilinear":
        size = 2 * stride - stride % 2
        if kernel_size != size or filters != channels:
            raise UserError(
                f"Bilinear initialisation with stride {stride} needs kernel size "
                f"{size} and {channels} filters (as many as channels), got "
                f"{kernel_size} and {filters}."
            )
    layer = getattr(layers, f"Conv{rank}DTranspose")(
        filters,
        kernel_size,
        strides=stride,
        padding="same",
        use_bias=use_bias,
        kernel_initializer="zeros" if initial == "bilinear" else initial,
        name=name,
    )
    y = layer(x)
    if initial == "bilinear":
        layer.kernel.assign(bilinear_kernel(stride, channels, rank))
    return y


def bilinear_kernel(factor, channels, rank=2):
    """Kernel (k, ..., C, C) with which a transposed convolution of stride `factor`
    interpolates each channel bilinearly: k = 2 * factor - factor % 2, each axis the
    triangle 1 - |i - centre| / factor (Long et al. 2015, `upsample_filt`)."""
    size = 2 * factor - factor % 2
    triangle = 1 - np.abs(np.arange(size) - (size - 1) / 2) / factor
    window = np.ones(())
    for _ in range(rank):
        window = window[..., None] * triangle
    return (window[..., None, None] * np.eye(channels)).astype("float32")


def _interleave(corners, factor):
    """Weaves factor ** n maps (row-major places in a block) into one larger map."""
    for axis in reversed(range(1, len(corners[0].shape) - 1)):
        groups = zip(*[iter(corners)] * factor, strict=True)
        corners = [_weave(group, axis) for group in groups]
    return corners[0]


def _weave(maps, axis):
    shape = list(maps[0].shape)
    shape[axis] *= len(maps)
    return ops.reshape(ops.stack(maps, axis=axis + 1), (-1, *shape[1:]))


def _along(axis, part):
    return (slice(None),) * axis + (part,)
