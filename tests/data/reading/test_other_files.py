"""Arrays of NumPy, DICOM, and files that are no images that are read."""

import gzip
import io

import numpy as np
import pytest

from kerasseg.data.reading import optional_packages
from kerasseg.data.reading.embedded_file import EmbeddedFile
from kerasseg.data.reading.pairing.pair_flags import PairFlags
from kerasseg.data.reading.pairing.pairs import find_pairs
from kerasseg.data.reading.pictures import signatures
from kerasseg.data.reading.pictures.image import ReadOptions, header, pages_of, read
from kerasseg.data.reading.pictures.left_out import LeftOut

RANDOM = np.random.default_rng(0)
TWELVE = RANDOM.integers(0, 4096, (9, 12)).astype(np.uint16)


def npy(array, name="a.npy"):
    out = io.BytesIO()
    np.save(out, array)
    return EmbeddedFile(name, out.getvalue())


@pytest.mark.parametrize(
    "array",
    [
        TWELVE,
        TWELVE[..., None].repeat(5, -1),
        np.asfortranarray(TWELVE.astype(">i2")),
        TWELVE.astype(np.float32),
        TWELVE.astype(np.float64),
        TWELVE.astype(np.int64),
    ],
)
def test_arrays(array):
    picture, head = read(npy(array)), header(npy(array))
    right = array if array.ndim == 3 else array[..., None]
    np.testing.assert_array_equal(picture.pixels, right)
    assert (head.type, head.bands) == (picture.pixels.dtype.name, picture.bands)
    out = io.BytesIO()
    np.savez_compressed(out, image=array)
    packed = read(EmbeddedFile("a.npz", out.getvalue()))
    np.testing.assert_array_equal(packed.pixels, right)


@pytest.mark.parametrize(
    ("array", "hint"),
    [
        (np.zeros((4, 90, 120)), "bands last: np.moveaxis"),
        (np.zeros((90, 120, 65)), "64 bands at most"),
        (np.zeros(7), "shape"),
        (np.zeros((2, 3, 4, 5)), "shape"),
        (np.zeros((0, 4)), "shape"),
        (np.zeros((4, 4), "complex64"), "complex64"),
        (np.full((4, 4), {}), "object|pickle"),
    ],
)
def test_other_arrays_are_refused(array, hint):
    for do in (header, read):
        with pytest.raises(ValueError, match=rf"a\.npy .*({hint})"):
            do(npy(array))


def test_archives_of_several_arrays_are_refused():
    out = io.BytesIO()
    np.savez(out, image=TWELVE, mask=TWELVE)
    with pytest.raises(ValueError, match=r"a\.npz holds 2 arrays \(image, mask\)"):
        read(EmbeddedFile("a.npz", out.getvalue()))


def dicom(array, frames=1, photometric="MONOCHROME2", bits=12, signed=0, **tags):
    pydicom = pytest.importorskip("pydicom")
    meta = pydicom.dataset.FileMetaDataset()
    meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid()
    found = pydicom.Dataset()
    found.file_meta = meta
    found.Rows, found.Columns = array.shape[1:3] if frames > 1 else array.shape[:2]
    found.SamplesPerPixel = 3 if photometric == "RGB" else 1
    if photometric == "RGB":
        found.PlanarConfiguration = 0
    found.PhotometricInterpretation = photometric
    found.BitsAllocated, found.BitsStored = 8 * array.itemsize, bits
    found.HighBit, found.PixelRepresentation = bits - 1, signed
    if frames > 1:
        found.NumberOfFrames = frames
    for name, value in tags.items():
        setattr(found, name, value)
    found.PixelData = array.tobytes()
    out = io.BytesIO()
    found.save_as(out, enforce_file_format=True)
    return EmbeddedFile("a.dcm", out.getvalue())


HOUNSFIELD = {"RescaleSlope": 1, "RescaleIntercept": -1024}


@pytest.mark.parametrize(
    ("array", "options", "right", "kind"),
    [
        (TWELVE, {}, TWELVE, "uint16"),
        (TWELVE, HOUNSFIELD, TWELVE.astype(int) - 1024, "int16"),
        (
            (TWELVE.astype(np.int16) - 2000),
            {"signed": 1, "bits": 16, **HOUNSFIELD},
            TWELVE.astype(int) - 3024,
            "int16",
        ),
        (TWELVE, {"RescaleSlope": 0.5}, TWELVE / 2, "float32"),
        (TWELVE, {"photometric": "MONOCHROME1"}, 4095 - TWELVE.astype(int), "uint16"),
        (TWELVE.astype(np.uint8), {"bits": 8}, TWELVE.astype(np.uint8), "uint8"),
    ],
)
def test_dicom_in_its_units(array, options, right, kind):
    file = dicom(array, **options)
    picture, head = read(file), header(file)
    np.testing.assert_array_equal(picture.pixels[..., 0], right)
    assert head.type == picture.pixels.dtype.name == kind
    assert (head.height, head.width, head.bands) == (9, 12, ("gray",))


def test_dicom_padding_frames_and_colours():
    padded = TWELVE.copy()
    padded[TWELVE == 4000], padded[:2] = 1, 4000
    file = dicom(padded, PixelPaddingValue=4000, **HOUNSFIELD)
    np.testing.assert_array_equal(read(file).valid, padded != 4000)
    frames = np.stack([TWELVE, TWELVE[::-1]])
    file = dicom(frames, frames=2)
    assert len(pages_of(file)) == 2
    with pytest.raises(ValueError, match="has 2 pages"):
        read(file)
    np.testing.assert_array_equal(read(pages_of(file)[1]).pixels[..., 0], frames[1])
    both = read(file, ReadOptions(pages="bands")).pixels
    np.testing.assert_array_equal(both, np.moveaxis(frames, 0, -1))
    colours = RANDOM.integers(0, 256, (9, 12, 3), np.uint8)
    file = dicom(colours, photometric="RGB", bits=8)
    np.testing.assert_array_equal(read(file).pixels, colours)


def test_dicom_that_cannot_be_decoded_names_what_to_install():
    pydicom = pytest.importorskip("pydicom")
    found = pydicom.dcmread(io.BytesIO(dicom(TWELVE).content))
    found.PixelData = pydicom.encaps.encapsulate([b"\xff\xd8\xff\xc3" + bytes(40)])
    found["PixelData"].is_undefined_length = True
    found.file_meta.TransferSyntaxUID = pydicom.uid.JPEGLosslessSV1
    out = io.BytesIO()
    found.save_as(out)
    with pytest.raises(ValueError, match=r"a\.dcm .*JPEG Lossless.*pip install pylib"):
        read(EmbeddedFile("a.dcm", out.getvalue()))
    with pytest.raises(ValueError, match=r"a\.dcm cannot be read"):
        read(EmbeddedFile("a.dcm", dicom(TWELVE).content[:-90]))


NIFTI = b"\x5c\x01\0\0" + bytes(340) + b"n+1\0" + bytes(99)


@pytest.mark.parametrize(
    ("content", "hint"),
    [
        (b"", "it is empty"),
        (b"<html>no</html>", "format is unknown"),
        (b"\x76\x2f\x31\x01" + bytes(99), "OpenEXR.*Convert it to TIFF"),
        (b"#?RADIANCE\n", "Radiance"),
        (b"\xff\x0a" + bytes(99), "JPEG XL"),
        (NIFTI, "NIfTI.*slices"),
        (gzip.compress(NIFTI, mtime=0), "NIfTI.*slices"),
        (b"NRRD0004\n", "NRRD"),
        (b"8BPS\0\x01", "Photoshop"),
        (b"\x89HDF\r\n\x1a\n", "HDF5"),
        (b"II*\0\x10\0\0\0CR\x02\0", "camera raw"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b"\0\0\0\x18ftypisom\0\0\0\0mp42", "video"),
        (b'<?xml version="1.0"?><svg xmlns="">', "SVG"),
        (b"PK\x03\x04" + bytes(40), "zip"),
        *(
            (bytes(start), "cannot be read")
            for start in (b"BM", b"GIF89a", b"P5 1 1 9 ")
        ),
        *((bytes(start), "cannot be read") for start in (b"\xff\xd8\xff", b"II*\0")),
        (b"\0\0\0\x18ftypavif\0\0\0\0", "cannot be read"),
        (b"\x89PNG\r\n\x1a\n" + bytes(16) + b"\x10\x02", "cannot be read"),
        (b"\x93NUMPY\x01\0", "cannot be read"),
    ],
)
def test_other_files_are_one_line(content, hint, capfd):
    with pytest.raises(ValueError, match=rf"(?i)x\.tif .*({hint})") as found:
        read(EmbeddedFile("x.tif", content))
    assert "\n" not in str(found.value)
    assert capfd.readouterr() == ("", "")


def test_endings():
    assert signatures.suffix_of("a.NII.GZ") == ".nii.gz"
    assert signatures.suffix_of("a.b.Tif") == ".tif"
    assert signatures.suffix_of("a") == ""
    others = {e for _, endings in signatures.OTHERS.values() for e in endings}
    assert not others & set(signatures.SUFFIXES)


def test_what_is_left_out_is_named_with_what_would_help(capsys, monkeypatch):
    left_out = LeftOut()
    assert (str(left_out), len(left_out)) == ("", 0)

    def absent(module):
        raise ImportError(f"No module named '{module}'")

    monkeypatch.setattr(optional_packages.importlib, "import_module", absent)
    heic = EmbeddedFile("a.heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1")
    for file in (heic, EmbeddedFile("b.jpg", b"")):
        try:
            read(file)
        except ValueError as error:
            left_out.add(file, error)
    expected = "2 left out: a.heic (pip install 'kerasseg[heic]'), b.jpg (it is empty)"
    assert str(left_out) == expected
    for number in range(5):
        left_out.add(f"c{number}", OSError(13, "Permission denied"))
    assert str(left_out).endswith("c2 (Permission denied) and 2 more")
    assert len(capsys.readouterr().err.splitlines()) == 7


def test_long_reasons_end_between_words_and_say_so():
    left = LeftOut()
    left.add("a.png", ValueError(f"a.png has {'bands and ' * 20}more. Cure."))
    assert str(left).endswith(" ...)")


def test_pictures_whose_names_have_no_ending_are_paired(tmp_path):
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    names = ("IM0", "IM.0001", "IM.0002", "1.2.840.7")
    for name in names:
        start = b"\0" * 128 + b"DICM"
        (tmp_path / "images" / name).write_bytes(start)
        (tmp_path / "images/DICOMDIR").write_bytes(start)
        (tmp_path / f"masks/{name}.png").write_bytes(b"\x89PNG")
    (tmp_path / "images/DICOMDIR.zip").write_bytes(b"PK\x03\x04")
    (tmp_path / "images/archive").write_bytes(b"PK\x03\x04")
    (tmp_path / "images/LICENSE").write_text("MIT")
    pairs = find_pairs(tmp_path, PairFlags()).pairs["train"]
    assert sorted(pair.id for pair in pairs) == sorted(names)
