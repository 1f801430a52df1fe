"""What a command line names: folders, pictures of every kind, names, results."""

import os
import shutil
from dataclasses import replace

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from kerasseg import UserError
from kerasseg.image_format import RGB, ImageFormat
from kerasseg.inference import inputs
from kerasseg.inference.network_input import network_input
from kerasseg.inference.results.made import Made


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")


def test_folders_are_walked_and_nothing_is_left_out_in_silence(tmp_path):
    touch(
        tmp_path,
        *("b/x.jpg", "b/deep/y.HEIC", "a.tiff", "z.JFIF", "drive.mp4", "v.npy"),
        *("@eaDir/a.jpg", "__MACOSX/b.jpg", ".hidden/c.jpg", ".d.jpg", "notes.txt"),
        *("volume.nii.gz", "light.exr", "sheet.json", "out/a.png"),
    )
    (tmp_path / "scan").write_bytes(bytes(128) + b"DICM")
    (tmp_path / "drawing").write_bytes(b"<svg></svg>")
    found = inputs.inputs_of([str(tmp_path)], tmp_path / "out")
    named = [file.relative_to(tmp_path).as_posix() for file in found.sources]
    assert sorted(named) == sorted(
        ["b/x.jpg", "b/deep/y.HEIC", "a.tiff", "z.JFIF", "drive.mp4", "v.npy", "scan"]
    )
    assert {file.name for file, _ in found.left_out} == {
        *("volume.nii.gz", "light.exr", "drawing")
    }
    assert all("not read here" in reason for _, reason in found.left_out)
    assert inputs.Path("b", "deep") in found.places
    assert {file.name for file in found.others} == {
        *("@eaDir", "__MACOSX", ".hidden", ".d.jpg", "notes.txt", "sheet.json")
    }
    assert found.notes() == [
        "2 files in subfolders (--no-recursive leaves them out)",
        "6 other or hidden files, not read: .hidden, @eaDir, __MACOSX, .d.jpg, "
        "notes.txt and 1 more",
    ]


def test_a_folder_of_videos_and_one_of_nothing(tmp_path):
    touch(tmp_path, "only/drive.mp4", "none/notes.txt")
    found = inputs.inputs_of([str(tmp_path / "only")], tmp_path / "out")
    assert [inputs.is_video(file) for file in found.sources] == [True]
    with pytest.raises(ValueError, match=r"none holds no pictures.*and no videos"):
        inputs.inputs_of([str(tmp_path / "none")], tmp_path / "out")
    found = inputs.inputs_of([str(tmp_path / "none" / "notes.txt")], tmp_path / "out")
    assert "is an unknown kind of file" in found.left_out[0][1]


def test_subfolders_are_left_out_in_words(tmp_path):
    touch(tmp_path, "a.jpg", "day1/b.jpg", "day2/c.jpg", "out/d.jpg")
    out = tmp_path / "out"
    found = inputs.inputs_of([str(tmp_path)], out, recursive=False)
    assert [file.name for file in found.sources] == ["a.jpg"]
    assert found.notes() == ["2 subfolders not looked into: day1, day2 (--recursive)"]
    (tmp_path / "a.jpg").unlink()
    with pytest.raises(ValueError, match=r"no videos: 2 subfolders .*--recursive"):
        inputs.inputs_of([str(tmp_path)], out, recursive=False)


def test_results_of_earlier_calls_are_no_inputs(tmp_path):
    touch(tmp_path, "a.jpg", "sub/b.jpg", "sub/film_labels/000001.png")
    made = Made(tmp_path)
    made.write(tmp_path / "a_label.png", b"", "a.jpg")
    made.write(tmp_path / "sub" / "b_overlay.jpg", b"", "b.jpg")
    made.add(tmp_path / "sub" / "film_labels", "film.mp4")
    names = {"a_label.png", "b_overlay.jpg", "film_labels"}
    for words in ([tmp_path], [*tmp_path.iterdir()]):  # as the shell names them: *
        found = inputs.inputs_of(map(str, words), tmp_path)
        assert {file.name for file in found.sources} == {"a.jpg", "b.jpg"}
        assert {file.name for file in found.results} == {*names, "predicted.jsonl"}
        (said,) = (line for line in found.notes() if "earlier call" in line)
        assert said.startswith("3 results of an earlier call, not read: ")
    with pytest.raises(ValueError, match=r"a_label\.png: made by predict"):
        inputs.inputs_of([str(tmp_path / "a_label.png")], tmp_path)


def test_pipes_and_devices_are_no_files(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "chart.py").write_text("draw('<svg/>')")
    (tmp_path / "chart").write_text("<?xml version='1.0'?> <svg/>")
    with pytest.raises(UserError, match=r"pipe\.png is a pipe or a device, and no"):
        inputs.inputs_of([str(tmp_path / "pipe.png")], tmp_path / "out")
    found = inputs.inputs_of([str(tmp_path)], tmp_path / "out")
    left_out = {file.name: why for file, why in found.left_out}
    assert left_out.pop("pipe.png") == inputs.NO_FILE
    assert left_out.keys() == {"chart"}


def test_circles_of_links_end(tmp_path):
    touch(tmp_path, "a/x.jpg")
    (tmp_path / "a" / "again").symlink_to(tmp_path)
    (tmp_path / "gone.jpg").symlink_to(tmp_path / "nothing")
    found = inputs.inputs_of([str(tmp_path)], tmp_path / "out")
    assert [file.name for file in found.sources] == ["x.jpg"]
    assert [(f.name, why) for f, why in found.left_out] == [
        ("gone.jpg", "is a link to a file that is not there")
    ]


def test_pages(tmp_path, rng):
    pages = rng.integers(0, 256, (3, 8, 9), np.uint8)
    cv2.imwritemulti(str(tmp_path / "a.tif"), list(pages))
    Image.fromarray(pages[0]).save(tmp_path / "b.png")
    touch(tmp_path, "c.jpg")
    sources = [tmp_path / name for name in ("a.tif", "b.png", "c.jpg")]
    found, places = inputs.page_by_page(sources, [inputs.Path()] * 3)
    assert len(found) == len(places) == 5
    three = ImageFormat.of(("band_1", "band_2", "band_3"))
    pixels, _ = network_input(sources[0], three)  # nothing else fits the network
    np.testing.assert_array_equal(pixels, np.moveaxis(pages, 0, -1))
    with pytest.raises(ValueError, match="has 3 pages"):
        network_input(sources[0], ImageFormat.of(("gray",)))
    gray, _ = network_input(found[1], RGB)
    np.testing.assert_array_equal(gray, np.repeat(pages[1][..., None], 3, -1))


def test_alpha_is_a_band_for_a_network_that_has_it(tmp_path, rng):
    pixels = rng.integers(0, 256, (8, 9, 4), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    four = ImageFormat.of(("red", "green", "blue", "alpha"))
    np.testing.assert_array_equal(network_input(tmp_path / "a.png", four)[0], pixels)
    colours, notes = network_input(tmp_path / "a.png")
    np.testing.assert_array_equal(colours, pixels[..., :3])
    assert "alpha" in notes[0]
    shutil.copy(tmp_path / "a.png", tmp_path / "a.jpg")  # the ending lies
    np.testing.assert_array_equal(network_input(tmp_path / "a.jpg")[0], colours)


def test_a_file_is_read_as_the_training_read_it(tmp_path):
    """Bands that --image-bands chose, and alpha that says what is valid."""
    values = np.arange(6 * 5 * 4, dtype=np.uint16).reshape(6, 5, 4)
    layout = {"photometric": "minisblack", "planarconfig": "contig"}
    tifffile.imwrite(tmp_path / "a.tif", values, **layout)
    bands = ("band_4", "band_2")
    chosen = replace(ImageFormat.of(bands, "uint16"), chosen=(3, 1))
    found, _ = network_input(
        tmp_path / "a.tif", ImageFormat.from_json(chosen.to_json())
    )
    np.testing.assert_array_equal(found, values[..., [3, 1]])
    tifffile.imwrite(tmp_path / "two.tif", values[..., :2], **layout)
    found, _ = network_input(tmp_path / "two.tif", chosen)
    np.testing.assert_array_equal(found, values[..., :2])

    rgba = np.full((4, 4, 4), 200, np.uint8)
    rgba[0, :, 3] = 0
    Image.fromarray(rgba).save(tmp_path / "b.png")
    found, _ = network_input(tmp_path / "b.png", replace(RGB, alpha="valid"))
    assert (found[0] == 0).all() and (found[1:] == 200).all()
