"""Making maps larger: resizing, max-unpooling, transposed convolution.

Everything consists of plain operations, so a network saved with them opens without
kerasseg and converts to LiteRT with built-in operators only. Sizes are static.
"""

from kerasseg.upsampling.resizing import (
    bed_of_nails,
    bilinear,
    bilinear_by_corners,
    nearest,
)
from kerasseg.upsampling.transposed import (
    bilinear_kernel,
    bilinear_window,
    transposed_convolution,
)
from kerasseg.upsampling.unpooling import max_pool_with_indices, max_unpool

__all__ = [
    "bed_of_nails",
    "bilinear",
    "bilinear_by_corners",
    "bilinear_kernel",
    "bilinear_window",
    "max_pool_with_indices",
    "max_unpool",
    "nearest",
    "transposed_convolution",
]
