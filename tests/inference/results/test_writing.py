"""What the command writes, with a stub in place of a network."""

import errno
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image
from test_wrong_inputs import refused

from kerasseg import predict
from kerasseg.image_format import RGB
from kerasseg.inference import maps
from kerasseg.inference.answers import ids_of
from kerasseg.inference.results.drawings import Drawings
from kerasseg.inference.results.made import Made
from kerasseg.taxonomy import Taxonomy

NAMES, COLOURS = ("left lung", "heart"), ((200, 0, 0), (0, 100, 40))
EXCLUSIVE = Taxonomy(NAMES, COLOURS)
OVERLAPPING = Taxonomy(NAMES, COLOURS, exclusive=False)


def network(taxonomy):
    """The red and the green of a pixel are the probabilities of the two classes."""

    def segment(image, each=None):
        probabilities = image[..., :2].astype(np.float32) / 255
        if each:
            each(probabilities[:3])
            each(probabilities[3:])
        return ids_of(probabilities, taxonomy.exclusive)

    return maps.Network(segment, (8, 8), taxonomy, RGB)


@pytest.fixture
def run(monkeypatch, tmp_path, capsys):
    """The command over the folder "in"; the line it leaves with, or what it says."""
    monkeypatch.chdir(tmp_path)
    Path("in").mkdir()

    def call(*words, taxonomy=EXCLUSIVE, wrong=False):
        monkeypatch.setattr(predict, "_network", lambda asked: network(taxonomy))
        words = ["in", *words, "--run", "x"]
        if wrong:
            return refused(capsys, predict.main, *words)
        predict.main([str(word) for word in words])
        return capsys.readouterr().out

    return call


def picture(file, seed=0):
    pixels = np.random.default_rng(seed).integers(0, 256, (12, 20, 3), np.uint8)
    Image.fromarray(pixels).save(file)
    return pixels[..., :2] / np.float32(255)


def test_gray_ids_or_a_palette_with_the_same_bytes(run):
    ids = picture("in/a.png").argmax(-1)
    run()
    for read in (cv2.imread("predictions/a_label.png", -1), opened("a_label.png")):
        np.testing.assert_array_equal(read, ids)
    run("--palette", "--out", "coloured")
    assert Image.open("coloured/a_label.png").mode == "P"
    np.testing.assert_array_equal(opened("a_label.png", "coloured"), ids)
    run("--format", "tiff")
    np.testing.assert_array_equal(tifffile.imread("predictions/a_label.tif"), ids)


def opened(name, folder="predictions"):
    return np.asarray(Image.open(Path(folder, name)))


def test_overlapping_classes_as_pngs_and_pages(run):
    there = picture("in/a.png") > 0.5
    run(taxonomy=OVERLAPPING)
    for place, name in enumerate(("left_lung", "heart")):
        found = cv2.imread(f"predictions/a_label_{name}.png", cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(found, there[..., place])
    run("--format", "tiff", taxonomy=OVERLAPPING)
    with tifffile.TiffFile("predictions/a_label.tif") as file:
        found = [(page.tags["PageName"].value, page.asarray()) for page in file.pages]
    assert [name for name, _ in found] == list(NAMES)
    np.testing.assert_array_equal(np.stack([page for _, page in found], -1), there)
    assert "overlap" in run("--crf", taxonomy=OVERLAPPING, wrong=True)
    assert "overlap" in run("--palette", taxonomy=OVERLAPPING, wrong=True)


@pytest.mark.parametrize("taxonomy", [EXCLUSIVE, OVERLAPPING])
def test_probabilities(run, taxonomy):
    expected = picture("in/a.png").astype(np.float16)
    run("--probabilities", "npz", taxonomy=taxonomy)
    with np.load("predictions/a_probabilities.npz") as file:
        assert file["classes"].tolist() == list(NAMES)
        assert file["probabilities"].dtype == np.float16
        np.testing.assert_array_equal(file["probabilities"], expected)
    run("--probabilities", "tiff", taxonomy=taxonomy)
    with tifffile.TiffFile("predictions/a_probabilities.tif") as file:
        found = [page.asarray() for page in file.pages]
        assert [page.tags["PageName"].value for page in file.pages] == list(NAMES)
    np.testing.assert_array_equal(np.stack(found, -1), expected)


def test_into_the_folder_of_the_pictures_again_and_again(run):
    """Issue 18: the photograph was replaced by its label map."""
    picture("in/a.png")
    before = Path("in/a.png").read_bytes()
    for _ in range(2):
        assert run("--out", "in").endswith("1 predicted into in\n")
    assert Path("in/a.png").read_bytes() == before
    names = {"a.png", "a_label.png", "a_overlay.jpg"}
    assert {file.name for file in Path("in").iterdir()} == {
        *names, "contact_sheet.jpg", "predicted.jsonl", "overlay_legend.png",
    }  # fmt: skip


@pytest.mark.parametrize("light", [False, True])
def test_an_overlay_is_the_picture_with_one_class_painted(tmp_path, light):
    """As large as the picture; the background stays; the legend names both classes."""
    taxonomy = Taxonomy(("background", "cell"), ((9, 9, 9), (0, 200, 0)))
    drawn = Drawings(network(taxonomy), Made(tmp_path), 0.5, light)
    pixels, label = np.full((40, 64, 3), 100, np.uint8), np.zeros((40, 64), np.uint8)
    label[:, 32:] = 1
    drawn.overlay("a.png", pixels, label, tmp_path / "a")
    drawn.finish(tmp_path)
    seen = np.asarray(Image.open(tmp_path / "a_overlay.jpg")).astype(int)
    assert seen.shape == (40, 64, 3)
    np.testing.assert_allclose(seen[20, 8], 100, atol=3)
    np.testing.assert_allclose(seen[20, 56], (50, 150, 50), atol=3)
    legend = np.asarray(Image.open(tmp_path / "overlay_legend.png"))
    green = (legend == (0, 200, 0)).all(-1)
    assert green.sum() > 50 and len(legend) > 60
    assert not (legend == 9).all(-1).any()


@pytest.mark.parametrize("name", ["contact_sheet.jpg", "a_label.png", "a_overlay.jpg"])
def test_files_of_the_user_stay(run, name):
    """A contact sheet of his own; the truth beside the picture."""
    picture("in/a.png")
    picture(Path("in", name), seed=1)
    before = Path("in", name).read_bytes()
    assert name in run("--out", "in", wrong=True)
    assert Path("in", name).read_bytes() == before
    assert {file.name for file in Path("in").iterdir()} == {"a.png", name}


def test_a_header_that_lies_is_left_out_and_the_rest_goes_on(run):
    picture("in/a.png")
    picture("in/c.png")
    header = b"IHDR" + (60000).to_bytes(4, "big") * 2 + b"\x08\x02\0\0\0"
    crc = zlib.crc32(header).to_bytes(4, "big")
    Path("in/b.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\r" + header + crc)
    line = run(wrong=True)
    assert "2 predicted into predictions, 1 left out: b.png (" in line


def test_a_full_disk_ends_it_in_one_line(run, monkeypatch):
    for name in "abc":
        picture(f"in/{name}.png")
    written = []

    def write(self, data):
        self.touch()
        written.append(self)
        if len(written) > 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        return self.open("wb").write(data)

    monkeypatch.setattr(Path, "write_bytes", write)
    line = run(wrong=True)
    assert "b_label.png cannot be written: No space left on device" in line
    assert {file.name for file in Path("predictions").iterdir()} == {
        *("a_label.png", "a_overlay.jpg", "predicted.jsonl")
    }


def test_flags_out_of_bounds(run, capsys):
    picture("in/a.png")
    for word, told in {
        "100000": "must be in [0, 256], got 100000.",
        "two": "must be a whole number, got 'two'.",
    }.items():
        with pytest.raises(SystemExit) as left:
            run("--threads", word)
        assert left.value.code == 2
        assert told in capsys.readouterr().err
