"""PASCAL VOC and SBD in miniature: palette PNG, MAT files, their union."""

import numpy as np
import pytest
from pictures import IDS, ids, load, picture, refuses, save

from kerasseg.data.datasets import adapter, pascal_voc

COLOURS = {
    0: (0, 0, 0),
    1: (128, 0, 0),
    2: (0, 128, 0),
    8: (64, 0, 0),
    15: (192, 128, 128),
    20: (0, 64, 128),
}
"""Of the class list of the VOC2012 devkit."""

BORDER = np.zeros((256, 3), np.uint8)
BORDER[list(COLOURS)] = list(COLOURS.values())
BORDER[255] = 224, 224, 192


def make_voc(root, train=(), val=(), test=(), seed=0):
    for split, names in {"train": train, "val": val, "test": test}.items():
        listing = root / f"ImageSets/Segmentation/{split}.txt"
        listing.parent.mkdir(parents=True, exist_ok=True)
        listing.write_text("".join(f"{name}\n" for name in names))
        for name in names:
            save(root / f"JPEGImages/{name}.jpg", picture(seed), quality=95)
            if split != "test":
                save(root / f"SegmentationClass/{name}.png", IDS, palette=BORDER)
    return root


def make_sbd(root, **splits):
    io = pytest.importorskip("scipy.io")
    for folder in "img", "cls":
        (root / "dataset" / folder).mkdir(parents=True, exist_ok=True)
    for split, names in splits.items():
        (root / f"dataset/{split}.txt").write_text("\n".join(names))
        for name in names:
            save(root / f"dataset/img/{name}.jpg", picture())
            # As MATLAB wrote them: a 1 x 1 struct, with a cell of boundaries.
            struct = {
                "Boundaries": np.empty((20, 1), object),
                "Segmentation": np.where(IDS == 255, 3, IDS).astype(np.uint8),
                "CategoriesPresent": np.array([[1], [2], [3]], np.uint8),
            }
            struct["Boundaries"][:] = 0
            io.savemat(root / f"dataset/cls/{name}.mat", {"GTcls": struct})
    return root


@pytest.mark.parametrize("named", ["", "VOCdevkit", "VOCdevkit/VOC2012"])
def test_pascal_voc(tmp_path, named):
    root = make_voc(
        tmp_path / "VOCdevkit/VOC2012", ["2007_2", "2007_1"], ["2008_1"], "t"
    )
    taxonomy, splits = load("pascal_voc", tmp_path / named)
    assert taxonomy.num_classes == 21
    assert {i: taxonomy.colours[i] for i in COLOURS} == COLOURS
    assert (taxonomy.names[15], taxonomy.names[20]) == ("person", "tvmonitor")
    assert ids(splits) == {"train": ["2007_2", "2007_1"], "val": ["2008_1"]}
    (sample,) = splits["val"]
    np.testing.assert_array_equal(sample.label, IDS)
    assert sample.encoded == (root / "JPEGImages/2008_1.jpg").read_bytes()


def test_pascal_voc_with_masks_of_test(tmp_path):
    make_voc(tmp_path, "a", "b", "c")
    save(tmp_path / "SegmentationClass/c.png", IDS, palette=BORDER)
    assert ids(load("pascal_voc", tmp_path)[1])["test"] == ["c"]


def test_pascal_voc_faults(tmp_path):
    refuses("holds no ImageSets/Segmentation", "pascal_voc", tmp_path)
    root = make_voc(tmp_path / "VOC2012", ["a"], ["b"])
    save(root / "SegmentationClass/a.png", picture())
    refuses(r"a.png must be a palette PNG", "pascal_voc", root)
    (root / "SegmentationClass/b.png").unlink()
    refuses(r"name b, but .*b.png does not exist", "pascal_voc", root)
    for split in "train", "val", "test":
        (root / f"ImageSets/Segmentation/{split}.txt").unlink()
    refuses(r"neither train.txt nor val.txt", "pascal_voc", root)
    make_voc(tmp_path / "VOC2007", ["a"])
    refuses(r"several years \(VOC2007, VOC2012\)", "pascal_voc", tmp_path)


@pytest.mark.parametrize("named", ["", "dataset"])
def test_sbd(tmp_path, named):
    make_sbd(tmp_path, train=["2008_2", "2008_1"], val=["2009_1"])
    taxonomy, splits = load("sbd", tmp_path / named)
    assert taxonomy == pascal_voc.TAXONOMY
    assert ids(splits) == {"train": ["2008_2", "2008_1"], "val": ["2009_1"]}
    (sample,) = splits["val"]
    assert sample.label.dtype == np.uint8
    np.testing.assert_array_equal(sample.label, np.where(IDS == 255, 3, IDS))
    assert sample.encoded.startswith(b"\xff\xd8")


def test_trainaug(tmp_path):
    # c and d are in both: c is VOC's own to train on, d is VOC's to validate on.
    sbd = make_sbd(tmp_path / "sbd", train=["f", "c"], val=["d", "e"])
    voc = make_voc(tmp_path / "VOC2012", train=["c", "a"], val=["d", "b"])
    _, splits = load("sbd", sbd, voc=str(voc))
    assert ids(splits) == {"train": ["c", "a", "e", "f"], "val": ["d", "b"]}
    assert [255 in s.label for s in splits["train"]] == [True, True, False, False]
    assert all(255 in s.label for s in splits["val"])


def test_sbd_faults(tmp_path):
    pytest.importorskip("scipy.io")
    refuses("holds no dataset/cls", "sbd", tmp_path)
    root = make_sbd(tmp_path, train=["a"], val=["b"])
    whole = (root / "dataset/cls/a.mat").read_bytes()
    for damaged in b"", b"MATLAB 5.0 MAT-file" + bytes(200), whole[:-99]:
        (root / "dataset/cls/a.mat").write_bytes(damaged)
        refuses(r"a.mat is not a MAT file with GTcls.Segm", "sbd", tmp_path)
    (root / "dataset/cls/a.mat").unlink()
    refuses(r"name a, but .*a.mat does not exist", "sbd", tmp_path)
    (root / "dataset/val.txt").unlink()
    refuses(r"List .*val.txt does not exist", "sbd", tmp_path)


def test_trainaug_of_one_folder_is_train(tmp_path):
    """As DeepLab's users have it: gray masks of VOC and SBD, lists of pairs."""
    make_voc(tmp_path, train=["a"], val=["v"])
    for name in "a", "b":
        save(tmp_path / f"JPEGImages/{name}.jpg", picture(), quality=95)
        save(tmp_path / f"SegmentationClassAug/{name}.png", IDS)
    lines = [f"/JPEGImages/{n}.jpg /SegmentationClassAug/{n}.png" for n in "ab"]
    (tmp_path / "ImageSets/Segmentation/trainaug.txt").write_text("\n".join(lines))
    _, splits = load("pascal_voc", tmp_path)
    assert ids(splits) == {"train": ["a", "b"], "val": ["v"]}
    source = adapter("pascal_voc")(tmp_path)[1]["train"].source
    assert "train is trainaug.txt" in source["layout"]["line"]


def test_masks_in_colours_name_the_adapter_that_reads_them(tmp_path):
    make_voc(tmp_path, train=["a"])
    save(tmp_path / "SegmentationClass/a.png", BORDER[IDS])
    refuses("prepare voc_masks reads these", "pascal_voc", tmp_path)
