"""Label Studio's brush: an RGBA image packed bit by bit, of which alpha is the mask.

The packing is that of @thi.ng/rle-pack 2, as label-studio-converter documents it: 32
bits, how many values; 5 bits, bits of a value - 1; four times 4 bits, bits of a
length - 1. Then blocks: 1 bit, whether one value is repeated; 2 bits, which of the four
lengths; the length - 1; and the value, or all values.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kerasseg import UserError


def brush_mask(packed: Sequence[int], size: tuple[int, int]) -> np.ndarray:
    """(H, W) bool of the bytes of a brush: where alpha is above 0.

    Raises UserError for bytes that are cut short, or of another size of image.
    """
    content = np.asarray(packed)
    if content.ndim != 1 or not ((content >= 0) & (content < 256)).all():
        raise UserError("its brush is not a list of bytes")
    values = _unpacked(content.astype(np.uint8).tobytes(), 4 * size[0] * size[1])
    return values.reshape(*size, 4)[..., 3] > 0


def _unpacked(content: bytes, expected: int) -> np.ndarray:
    bits = _Bits(content)
    count, width = bits.read(32), bits.read(5) + 1
    if count != expected:
        raise UserError(f"its brush has {count // 4} pixels, not {expected // 4}")
    lengths = [bits.read(4) + 1 for _ in range(4)]
    values = np.empty(count, np.uint32)
    start = 0
    while start < count:
        repeated = bits.read(1)
        end = min(start + 1 + bits.read(lengths[bits.read(2)]), count)
        if repeated:
            values[start:end] = bits.read(width)
        else:
            values[start:end] = bits.read_many(end - start, width)
        start = end
    return values


class _Bits:
    """Whole numbers read off bytes, the highest bit first."""

    def __init__(self, content: bytes) -> None:
        self.content, self.position = content, 0

    def read(self, width: int) -> int:
        end = self.position + width
        if end > 8 * len(self.content):
            raise UserError("its brush is cut short")
        chunk = self.content[self.position // 8 : (end + 7) // 8]
        number = int.from_bytes(chunk, "big") >> (-end % 8)
        self.position = end
        return number & ((1 << width) - 1)

    def read_many(self, count: int, width: int) -> np.ndarray:
        end = self.position + count * width
        if end > 8 * len(self.content):
            raise UserError("its brush is cut short")
        first = self.position // 8
        chunk = np.frombuffer(self.content[first : (end + 7) // 8], np.uint8)
        bits = np.unpackbits(chunk)[self.position - 8 * first :][: count * width]
        self.position = end
        weights = 1 << np.arange(width - 1, -1, -1, dtype=np.uint32)
        return bits.reshape(count, width) @ weights
