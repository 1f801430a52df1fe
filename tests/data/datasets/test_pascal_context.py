"""PASCAL-Context in miniature: PNG of mmsegmentation's converter, and MAT files."""

import numpy as np
import pytest
from pictures import ids, load, picture, refuses, save

from kerasseg.data.datasets.pascal_context import IDS_OF_459, NAMES

LABEL = np.array([[0, 1, 2, 59], [36, 36, 0, 1], [5, 5, 5, 0]], np.uint8)


def make(root, folder="SegmentationClassContext", lists="SegmentationContext"):
    for split, name in ("train", "2008_000002"), ("val", "2008_000003"):
        file = root / f"ImageSets/{lists}/{split}.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{name}\n")
        save(root / f"JPEGImages/{name}.jpg", picture(0, LABEL.shape))
        save(root / f"{folder}/{name}.png", LABEL)


def test_classes_are_in_the_order_of_their_ids():
    """mmsegmentation's converter numbers the sorted ids; the names are sorted too."""
    assert len(NAMES) == len(IDS_OF_459) == 60
    assert NAMES[1:] == sorted(NAMES[1:]) and list(IDS_OF_459) == sorted(IDS_OF_459)


def test_png_files_of_mmsegmentation(tmp_path):
    make(tmp_path / "VOC2010")
    taxonomy, splits = load("pascal_context", tmp_path)
    assert taxonomy.names[0] == "aeroplane" and taxonomy.num_classes == 59
    assert ids(splits) == {"train": ["2008_000002"], "val": ["2008_000003"]}
    expected = np.where(LABEL == 0, 255, LABEL.astype(int) - 1)
    np.testing.assert_array_equal(splits["train"][0].label, expected)
    taxonomy, splits = load("pascal_context", tmp_path, classes="60")
    assert taxonomy.names[0] == "background"
    np.testing.assert_array_equal(splits["train"][0].label, LABEL)
    wrong = tmp_path / "VOC2010/SegmentationClassContext/2008_000002.png"
    save(wrong, np.full_like(LABEL, 255))
    refuses("2008_000002.png holds id 255; expected", "pascal_context", tmp_path)


def test_mat_files(tmp_path):
    io = pytest.importorskip("scipy.io")
    make(tmp_path, "trainval", "Main")
    for name in "2008_000002", "2008_000003":
        stored = np.array(IDS_OF_459, np.uint16)[LABEL]
        stored[0, 0] = 1  # accordion, none of the 59
        io.savemat(tmp_path / f"trainval/{name}.mat", {"LabelMap": stored})
    _, splits = load("pascal_context", tmp_path, classes="60")
    np.testing.assert_array_equal(splits["val"][0].label, LABEL)
    (tmp_path / "trainval/2008_000003.mat").write_bytes(b"x")
    refuses("not a MAT file with LabelMap", "pascal_context", tmp_path)


def test_what_is_missing_is_named(tmp_path):
    refuses("neither SegmentationClassContext nor trainval", "pascal_context", tmp_path)
    (tmp_path / "trainval").mkdir()
    refuses("holds no train.txt", "pascal_context", tmp_path)
