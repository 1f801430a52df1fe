"""What `prepare folder` says of odd images, as a user reads it."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import tifffile
from PIL import Image

from kerasseg import UserError, prepare
from kerasseg.data.reading.embedded_file import EmbeddedFile
from kerasseg.data.reading.masks.mask_decoders import decode

SIZE = 6, 8


def written(tmp_path, images, *flags):
    """Lines of the command for these images, by the name of their file."""
    for name, pixels in images.items():
        image, stem = tmp_path / "in" / "images" / name, name.split(".")[0]
        image.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(pixels, bytes):
            image.write_bytes(pixels)
        elif image.suffix == ".npy":
            np.save(image, pixels)
        elif image.suffix == ".tif":
            contig = "contig" if pixels.ndim == 3 else None
            tifffile.imwrite(
                image, pixels, photometric="minisblack", planarconfig=contig
            )
        else:
            Image.fromarray(pixels).save(image)
        mask = (np.indices(SIZE).sum(0) % 2).astype(np.uint8)
        (tmp_path / "in" / "masks").mkdir(exist_ok=True)
        Image.fromarray(mask).save(tmp_path / "in" / "masks" / f"{stem}.png")
    words = ["folder", str(tmp_path / "in"), str(tmp_path / "out"), "--workers=1"]
    prepare.run([*words, *flags], "command")


def test_one_and_many_are_right_english(tmp_path, capsys):
    picture = np.zeros((*SIZE, 4), np.uint8)
    images = {"a.png": picture, "c.png": b""}
    written(tmp_path, images, "--on-error=skip", "--val-share=0", "--shards=1")
    said = capsys.readouterr().out
    assert "1 image with an alpha channel, which is left out" in said
    assert "1 entry was left out:" in said
    assert "1 sample, 6 x 8, 0.0 MB in 1 shard\n" in said
    assert "1 samples" not in said


def test_a_hundred_bands_are_not_listed(tmp_path, capsys):
    images = {f"{n}.tif": np.full((*SIZE, 100), n, np.uint16) for n in range(2)}
    written(tmp_path, images)
    first = capsys.readouterr().out.splitlines()[0]
    assert first == "images: 100 bands (band_1, band_2, ..., band_100) of uint16"
    shutil.rmtree(tmp_path / "out")
    with pytest.raises(UserError, match=r"100 bands \(band_1, band_2, \.\.\., band"):
        written(tmp_path, images, "--image-bands", "101")


@pytest.mark.parametrize("ending", ["npy", "tif"])
def test_doubles_that_become_float32_are_said(tmp_path, capsys, ending):
    images = {f"{n}.{ending}": np.full(SIZE, n + 0.1) for n in range(2)}
    written(tmp_path, images)
    assert "2 images: numbers of float64 become float32" in capsys.readouterr().out


def test_a_split_of_which_all_is_left_out_says_why(tmp_path):
    images = {f"{n}.png": np.zeros((*SIZE, 3), np.uint8) for n in range(3)}
    written(tmp_path, images, "--val-share=0")
    source = tmp_path / "in"
    for kind in ("images", "masks"):
        (source / kind / "train").mkdir()
        (source / kind / "val").mkdir()
        for file in (source / kind).glob("*.png"):
            part = "val" if file.stem == "2" else "train"
            file.rename(source / kind / part / file.name)
    (source / "images" / "val" / "2.png").write_bytes(b"")
    with pytest.raises(UserError, match=r"'val' is empty, for none .*2\.png"):
        written(tmp_path, {}, "--on-error=skip")


def test_images_without_a_valid_pixel_are_refused(tmp_path):
    images = {f"{n}.tif": np.full((*SIZE, 2), np.nan, np.float32) for n in range(2)}
    with pytest.raises(UserError, match="all are nodata, NaN or infinity"):
        written(tmp_path, images)


def test_pictures_of_kinds_that_are_not_read_are_named(tmp_path, capsys):
    images = {f"{n}.png": np.zeros((*SIZE, 3), np.uint8) for n in range(2)}
    (tmp_path / "in" / "images").mkdir(parents=True)
    for name in ("more.psd", "raw.CR2", "notes.txt"):
        (tmp_path / "in" / "images" / name).write_bytes(b"8BPS")
    written(tmp_path, images)
    line = "Left out, of kinds that are not read: 1 .cr2 in images, 1 .psd in images."
    assert line in capsys.readouterr().out.splitlines()


def test_an_empty_mask_is_called_empty(tmp_path):
    with pytest.raises(UserError, match=r"m\.png .*it is empty"):
        decode(EmbeddedFile("m.png", b""))
