"""What kind of image a file is, by its first bytes: names lie.

Signatures: the specifications of the formats; ISO/IEC 14496-12 (`ftyp`) for AVIF and
HEIC; PS3.10 of DICOM.
"""

from __future__ import annotations

import struct
import zlib

HEAD = 4096
"""Bytes at the start of a file that tell its kind."""

SUFFIXES = {
    **dict.fromkeys((".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng"), ""),
    **dict.fromkeys((".bmp", ".dib", ".gif", ".webp", ".pgm", ".ppm", ".pnm"), ""),
    **dict.fromkeys((".pbm", ".avif", ".jp2", ".j2k", ".jpx", ".npy", ".npz"), ""),
    **dict.fromkeys((".tif", ".tiff", ".btf", ".tf8", ".gtiff"), "tifffile"),
    **dict.fromkeys((".heic", ".heif", ".hif"), "pillow_heif"),
    **dict.fromkeys((".dcm", ".dicom"), "pydicom"),
}
"""Ending of a name -> the package that reads such files besides the core; "" none."""

VOLUME = (
    "It is a volume: python -m kerasseg.prepare volumes reads it whole. For its slices "
    "as pictures export them as .npy or TIFF"
)
CONVERT = "Convert it to TIFF (float32) or .npy"
OTHERS = {
    "OpenEXR": (CONVERT, (".exr",)),
    "Radiance HDR": (CONVERT, (".hdr",)),
    "PFM": (CONVERT, (".pfm",)),
    "JPEG XL": ("Convert it to PNG", (".jxl",)),
    "Photoshop": ("Export it as PNG or TIFF", (".psd", ".psb")),
    "camera raw": (
        "Develop it to TIFF or JPEG",
        *((".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".raf", ".rw2"),),
    ),
    "NIfTI": (VOLUME, (".nii", ".nii.gz", ".hdr.gz", ".img.gz")),
    "NRRD": (VOLUME, (".nrrd", ".nhdr")),
    "MetaImage": (VOLUME, (".mha",)),
    "HDF5": ("Save the image in it as .npy or TIFF", (".h5", ".hdf5", ".ims")),
    "NetCDF": ("Save the image in it as TIFF", (".nc",)),
    "MATLAB": ("Save the image in it as .npy or TIFF", (".mat",)),
    "FITS": ("Save the image in it as .npy or TIFF", (".fits", ".fit", ".fts")),
    "microscope": (
        "Export it as OME-TIFF",
        (".czi", ".lif", ".nd2", ".oib", ".oir", ".vsi"),
    ),
    "PDF": ("Export the picture in it as PNG", (".pdf",)),
    "SVG": ("Export it as PNG", (".svg",)),
    "icon": ("Convert it to PNG", (".ico", ".icns")),
    "TGA": ("Convert it to PNG", (".tga",)),
    "video": (
        "Extract its frames; predict takes it by a name with a video's ending, .mp4",
        (".mp4", ".mov"),
    ),
    "Git LFS pointer": ("Fetch the file itself: git lfs pull", ()),
}
"""Kinds that are known and not read -> what to do, and the endings of their names."""

AVIF, HEIC = {b"avif", b"avis"}, {b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis"}
RAW = (b"IIU\0", b"IIRO", b"IIRS", b"MMOR", b"FUJIFILMCCD-RAW")


def kind_of(head: bytes) -> str:
    """The kind of a file from its first `HEAD` bytes; "" for none that is known.

    Kinds that are read: jpeg png png16 gif webp bmp pnm tiff avif heic jpeg2000 numpy
    npz dicom. Any other answer is a key of `OTHERS`.
    """
    for signature, kind in SIGNATURES:
        if head.startswith(signature):
            return kind
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png16" if head[24:25] == b"\x10" else "png"
    if head[:4] == b"RIFF":
        return "webp" if head[8:12] == b"WEBP" else "video"
    if head.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        return "camera raw" if head[8:10] == b"CR" else "tiff"
    if head[4:8] == b"ftyp":
        return _by_brands(head)
    if head[:1] == b"P" and head[1:2] in b"123456" and head[2:3].isspace():
        return "pnm"
    if head[:2] in (b"Pf", b"PF") and head[2:3].isspace():
        return "PFM"
    if head[128:132] == b"DICM":
        return "dicom"
    start = _inflated(head) if head[:2] == b"\x1f\x8b" else head
    if start[344:348] in (b"n+1\0", b"ni1\0") or start[4:8] in (b"n+2\0", b"ni2\0"):
        return "NIfTI"
    text = head[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<svg", b"<?xml", b"<!")) and b"<svg" in text:
        return "SVG"
    return ""


SIGNATURES = (
    (b"\xff\xd8\xff", "jpeg"),
    (b"GIF8", "gif"),
    (b"BM", "bmp"),
    (b"\0\0\0\x0cjP  ", "jpeg2000"),
    (b"\xff\x4f\xff\x51", "jpeg2000"),
    (b"\x93NUMPY", "numpy"),
    (b"PK\x03\x04", "npz"),
    (b"\x76\x2f\x31\x01", "OpenEXR"),
    (b"#?RADIANCE", "Radiance HDR"),
    (b"#?RGBE", "Radiance HDR"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\0\0\0\x0cJXL ", "JPEG XL"),
    (b"8BPS", "Photoshop"),
    (b"\x89HDF\r\n\x1a\n", "HDF5"),
    (b"CDF\x01", "NetCDF"),
    (b"CDF\x02", "NetCDF"),
    (b"MATLAB 5.0", "MATLAB"),
    (b"NRRD", "NRRD"),
    (b"ObjectType = Image", "MetaImage"),
    (b"SIMPLE  =", "FITS"),
    (b"ZISRAWFILE", "microscope"),
    (b"%PDF", "PDF"),
    (b"\0\0\x01\0", "icon"),
    (b"version https://git-lfs", "Git LFS pointer"),
    *((signature, "camera raw") for signature in RAW),
)
"""First bytes -> kind, where they alone decide."""


def suffix_of(name: str) -> str:
    """The ending of a name in small letters; ".nii.gz" is one."""
    parts = name.lower().rsplit(".", 2)
    if len(parts) == 3 and parts[2] == "gz" and parts[1] in ("nii", "hdr", "img"):
        return f".{parts[1]}.gz"
    return f".{parts[-1]}" if len(parts) > 1 else ""


def not_read(kind: str) -> str:
    """Why a kind of `OTHERS` is refused, and what to do."""
    return f"is of a kind that is not read here: {kind}. {OTHERS[kind][0]}."


def _by_brands(head: bytes) -> str:
    size = min(struct.unpack(">I", head[:4])[0], len(head))
    brands = [head[8:12], *(head[i : i + 4] for i in range(16, size - 3, 4))]
    if brands[0] in AVIF or (brands[0] in (b"mif1", b"msf1") and AVIF & set(brands)):
        return "avif"
    if brands[0] in HEIC or brands[0] in (b"mif1", b"msf1", b"mif2"):
        return "heic"
    return "camera raw" if brands[0] == b"crx " else "video"


def _inflated(head: bytes) -> bytes:
    try:
        return zlib.decompressobj(31).decompress(head, 600)
    except zlib.error:
        return b""
