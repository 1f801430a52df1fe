"""Encoded pictures, good and bad, for the tests of what reads them."""

import io
import struct
import zlib

import numpy as np
from PIL import Image


def noise(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def encoded(image, kind="JPEG", orientation=0, order=">", **options) -> bytes:
    """JPEG or PNG bytes; orientation: EXIF's, 0 for none."""
    if orientation:
        tiff = exif(orientation, order)
        options["exif"] = b"Exif\0\0" + tiff if kind == "JPEG" else tiff
    out = io.BytesIO()
    Image.fromarray(image).save(out, kind, **options)
    return out.getvalue()


def exif(orientation: int, order: str = ">") -> bytes:
    head = b"MM\0*\0\0\0\x08" if order == ">" else b"II*\0\x08\0\0\0"
    return head + struct.pack(f"{order}HHHIHHI", 1, 0x112, 3, 1, orientation, 0, 0)


def png_bomb(height: int, width: int, lines: int = 0) -> bytes:
    """A PNG whose header tells a size that its few bytes may or may not hold."""

    def chunk(name, data):
        whole = name + data
        return (
            struct.pack(">I", len(data)) + whole + struct.pack(">I", zlib.crc32(whole))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    data = zlib.compress(bytes(lines * (width + 1)))
    parts = chunk(b"IHDR", head), chunk(b"IDAT", data), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def resized_header(jpeg: bytes, height: int, width: int) -> bytes:
    """The same JPEG whose frame header tells another size."""
    at = jpeg.index(b"\xff\xc0") + 5
    return jpeg[:at] + struct.pack(">HH", height, width) + jpeg[at + 4 :]


def bad() -> dict[str, tuple[bytes, str]]:
    """What must be refused, and a part of the message."""
    jpeg = encoded(noise(40, 60))
    png = encoded(noise(40, 60), "PNG")
    return {
        "empty": (b"", "is neither JPEG nor PNG"),
        "text": (b"not a picture", "is neither JPEG nor PNG"),
        "gif": (encoded(noise(4, 4), "GIF"), "is neither JPEG nor PNG"),
        "bmp": (encoded(noise(4, 4), "BMP"), "is neither JPEG nor PNG"),
        "only the start": (jpeg[:3], "has a damaged header"),
        "start of a PNG": (png[:10], "has a damaged header"),
        "cut JPEG": (
            jpeg[: len(jpeg) // 2],
            "cannot be decoded: it is damaged or cut short",
        ),
        "cut PNG": (
            png[: len(png) // 2],
            "cannot be decoded: it is damaged or cut short",
        ),
        "100 megapixels": (
            resized_header(jpeg, 10_000, 10_000),
            "has 10000 x 10000 pixels (width x height), more than the 16777216",
        ),
        "PNG bomb": (png_bomb(20_000, 30_000, 10), "has 30000 x 20000 pixels"),
        "largest PNG": (png_bomb(2**31 - 1, 2**31 - 1), "has 2147483647 x"),
        "PNG of no width": (png_bomb(5, 0), "has a damaged header"),
        "endless header": (
            b"\xff\xd8\xff\xe0\x00\x02" + b"\xff\xe1\x00\x02" * 5000 + jpeg[2:],
            "has a damaged header",
        ),
    }
