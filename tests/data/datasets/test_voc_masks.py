"""VOC's folders with masks in colours: labelmaps, lists, what has no mask."""

import numpy as np
from pictures import counts, ids, load, picture, refuses, save

from kerasseg.data.datasets import adapter, pascal_voc

LABEL = np.array([[0, 1, 15, 15], [0, 0, 1, 15], [0, 0, 0, 1]])
COLOURS = np.array([pascal_voc.colour(i) for i in range(256)], np.uint8)


def make(root, name, pixels=None, folder="SegmentationClass", **options):
    save(root / f"{folder}/{name}.png", COLOURS[LABEL] if pixels is None else pixels)
    save(root / f"JPEGImages/{name}.jpg", picture(0, LABEL.shape))


def lists(root, **names):
    for split, words in names.items():
        file = root / f"ImageSets/Segmentation/{split}.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("\n".join(words))


def said(*args, **options):
    splits = adapter("voc_masks")(*args, **options)[1]
    return next(iter(splits.values())).source["layout"]["line"]


def test_colours_of_voc_without_a_labelmap(tmp_path):
    border = COLOURS[LABEL].copy()
    border[0, 0] = 224, 224, 192
    for name in "a b", "c/d":
        make(tmp_path / "x", name, border)
    taxonomy, splits = load("voc_masks", tmp_path)
    assert taxonomy == pascal_voc.TAXONOMY
    assert ids(splits) == {"train": ["a b", "c_d"]}
    expected = LABEL.copy()
    expected[0, 0] = 255
    np.testing.assert_array_equal(splits["train"][0].label, expected)
    assert "no lists" in said(tmp_path)
    lists(tmp_path / "x", train=["a b"], val=["c/d"], trainval=["a b", "c/d"])
    assert ids(load("voc_masks", tmp_path)[1]) == {"train": ["a b"], "val": ["c_d"]}


def test_lists_of_paths_and_of_other_words(tmp_path):
    for name in "a", "b", "c":
        make(tmp_path, name)
    pairs = ["/JPEGImages/a.jpg /SegmentationClass/a.png", "JPEGImages/b.jpg"]
    lists(tmp_path, train=pairs, test=["d"])
    save(tmp_path / "JPEGImages/d.png", picture(0, LABEL.shape))
    assert ids(load("voc_masks", tmp_path)[1]) == {"train": ["a", "b"]}
    assert "no image of test.txt has a mask: test is left out" in said(tmp_path)
    assert "1 masks that no list names are left out" in said(tmp_path)


def test_images_without_a_mask_are_asked_for(tmp_path):
    for name in "a", "b":
        make(tmp_path, name)
    (tmp_path / "SegmentationClass/b.png").unlink()
    lists(tmp_path, default=["a", "b"])
    refuses("1 of 2 images have no mask.*--negatives", "voc_masks", tmp_path)
    assert counts(load("voc_masks", tmp_path, negatives="skip")[1]) == {"train": 1}
    samples = load("voc_masks", tmp_path, negatives="background")[1]["train"]
    assert samples[1].label.max() == 0


def test_ids_keep_the_order_of_the_labelmap(tmp_path):
    make(tmp_path, "a", (LABEL // 15 + (LABEL == 1) * 2).astype(np.uint8))  # 0, 1, 2
    (tmp_path / "labelmap.txt").write_text(
        "cat:1,2,3::\nbackground:0,0,0::\nx:9,9,9::\n"
    )
    taxonomy, _ = load("voc_masks", tmp_path)
    assert taxonomy.names == ("cat", "background", "x")


def test_what_is_missing_is_named(tmp_path):
    refuses("holds no folder SegmentationClass", "voc_masks", tmp_path)
    make(tmp_path, "a")
    lists(tmp_path, train=["a", "b"])
    refuses("JPEGImages/b.* does not exist", "voc_masks", tmp_path)
    lists(tmp_path, train=["a"])
    save(tmp_path / "JPEGImages/a.jpg", picture(0, (5, 5)))
    refuses(r"Mask .*a.png has \(3, 4\) pixels", "voc_masks", tmp_path)
    make(tmp_path / "y/z", "a")
    (tmp_path / "SegmentationClass").rename(tmp_path / "masks")
    make(tmp_path / "y/w", "a")
    refuses("several data sets", "voc_masks", tmp_path / "y")
