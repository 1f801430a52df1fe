"""COCO instances in miniature: polygons, run lengths, crowds, the order of painting."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import load, picture, refuses, save

from kerasseg.data.reading.drawn.coco_masks import mask_of

coco = pytest.importorskip("pycocotools.mask")

SIZE = (6, 8)
CATEGORIES = [{"id": 18, "name": "dog"}, {"id": 1, "name": "person"}]


def box(left, top, right, bottom):
    """A polygon around pixels; the right and lower edges are outside."""
    return [left, top, right, top, right, bottom, left, bottom]


def annotation(number, category, segmentation, iscrowd=0, image=7):
    return {
        "id": number,
        "image_id": image,
        "category_id": category,
        "segmentation": segmentation,
        "iscrowd": iscrowd,
        "area": 1.0,  # not what decides
        "bbox": [0, 0, 1, 1],
    }


def make(root, annotations, split="train2017", folder="", size=SIZE, **more):
    save(root / (folder or split) / "000000000007.jpg", picture(0, size))
    document = {
        "info": {},
        "images": [{"id": 7, "file_name": "000000000007.jpg", "height": 6, "width": 8}],
        "annotations": annotations,
        "categories": CATEGORIES,
    } | more
    file = root / f"annotations/instances_{split}.json"
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(document))


def runs(mask):
    """Uncompressed COCO counts: down the columns, beginning with zeros."""
    counts, value = [0], False
    for pixel in np.asarray(mask, bool).T.ravel():
        if pixel != value:
            counts.append(0)
            value = pixel
        counts[-1] += 1
    return {"size": list(np.shape(mask)), "counts": counts}


@pytest.mark.parametrize("folder", ["train2017", "images/train2017", "images"])
def test_coco_paints_crowds_then_large_then_small(tmp_path, folder):
    crowd = np.zeros(SIZE, bool)
    crowd[3:, :5] = True
    make(
        tmp_path,
        [
            annotation(11, 18, [box(1, 1, 3, 3)]),  # a small dog, first in the file,
            annotation(12, 1, [box(0, 0, 4, 4), box(5, 0, 7, 1)]),  # before a person
            annotation(13, 1, runs(crowd), iscrowd=1),
        ],
        folder=folder,
    )
    taxonomy, splits = load("coco", tmp_path)
    assert taxonomy.names == ("background", "person", "dog")
    (sample,) = splits["train"]
    assert sample.id == "000000000007"
    assert sample.encoded.startswith(b"\xff\xd8")
    expected = np.zeros(SIZE, int)
    expected[3:, :5] = 255
    expected[:4, :4] = expected[:1, 5:7] = 1
    expected[1:3, 1:3] = 2
    np.testing.assert_array_equal(sample.label, expected)
    objects = np.select([expected == 2, expected == 1], [1, 2], 0)
    np.testing.assert_array_equal(sample.instance, objects)
    assert (sample.label.dtype, sample.instance.dtype) == (np.uint8, np.uint16)


@pytest.mark.parametrize("counts", [[1, 1, 1, 2, 1], "11110"])
def test_coco_run_lengths(tmp_path, counts):
    # By hand: 01 / 11 / 00 read down its columns is 0 1 0 1 1 0. As text: each count,
    # from the fourth on less the one before last, as the character 48 + count.
    segmentation = {"size": [3, 2], "counts": counts}
    image = {"id": 7, "file_name": "000000000007.jpg", "height": 3, "width": 2}
    make(tmp_path, [annotation(1, 18, segmentation)], size=(3, 2), images=[image])
    (sample,) = load("coco", tmp_path)[1]["train"]
    assert sample.label.tolist() == [[0, 2], [2, 2], [0, 0]]


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 1 << 30), st.integers(1, 70), st.integers(1, 70))
def test_run_lengths_are_those_of_pycocotools(seed, height, width):
    rng = np.random.default_rng(seed)
    mask = rng.random((height, width)) < rng.random() ** 3
    mask |= np.repeat(rng.random((height, 1)) < 0.1, width, axis=1)
    size = (height, width)
    encoded = coco.encode(np.asfortranarray(mask.astype(np.uint8)))
    np.testing.assert_array_equal(mask_of(encoded, size), mask)
    np.testing.assert_array_equal(mask_of(runs(mask), size), mask)
    polygons = [(rng.random(8) * 90 - 10).tolist() for _ in range(2)]
    drawn = coco.decode(coco.merge(coco.frPyObjects(polygons, *size)))
    np.testing.assert_array_equal(mask_of(polygons, size), drawn)


def test_coco_splits_and_empty_images(tmp_path):
    make(tmp_path, [])
    make(tmp_path, [], "val2017")
    _, splits = load("coco", tmp_path)
    assert list(splits) == ["train", "val"]
    assert not splits["val"][0].label.any()
    assert not splits["val"][0].instance.any()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            annotation(3, 18, [box(0, 0, 1, 1)], image=8),
            "image 8, of an annotation, is",
        ),
        (annotation(3, 2, [box(0, 0, 1, 1)]), "category 2, of annotation 3, is not"),
        (annotation(3, 1, [[0, 0, 5, 5]]), "a polygon is x, y, x, y, ... of at least"),
        (
            annotation(3, 1, runs(np.ones((8, 6)))),
            r"3 of 0+7.jpg .*for \[8, 6\] pixels",
        ),
        (annotation(3, 1, {"size": [6, 8], "counts": [9, 3]}), "cannot be decoded"),
        (annotation(3, 1, {"size": [6, 8], "counts": [9, 300]}), "cannot be decoded"),
        (annotation(3, 1, {"size": [6, 8], "counts": "zzzzzz"}), "cannot be decoded"),
        # Too short: pycocotools would leave the other pixels as memory happens to be.
        (annotation(3, 1, {"size": [6, 8], "counts": ""}), "not those of"),
        (annotation(3, 1, {"size": [6, 8], "counts": "99"}), "not those of"),
        (annotation(3, 1, {"size": [6, 8], "counts": [9, 9]}), "not those of"),
        (annotation(3, 1, {"size": [6, 8], "counts": "o"}), "are cut short"),
        (annotation(3, 1, {"size": [6, 8], "counts": "11~"}), "are not text of COCO's"),
        (annotation(3, 1, {"size": [6, 8]}), "cannot be decoded"),
        (annotation(3, 1, [[0, 0, 5, 5, 1e9, 0]]), "leaves the image too far"),
    ],
)
def test_coco_wrong_annotations_are_named(tmp_path, wrong, message):
    make(tmp_path, [wrong])
    refuses(f"instances_train2017.json: .*{message}", "coco", tmp_path)


def test_coco_wrong_files_are_named(tmp_path):
    refuses(r"no annotations/instances_\*.json", "coco", tmp_path)
    make(tmp_path, [], size=(8, 6))
    refuses(r"7.jpg has \(8, 6\) pixels .* \(6, 8\)", "coco", tmp_path)
    make(tmp_path, [], "val2017", categories=CATEGORIES[:1])
    refuses(r"val2017.json has other categories than", "coco", tmp_path)
    make(tmp_path, [], "train2014")
    refuses(r"train2017.json: there is another file", "coco", tmp_path)
    (tmp_path / "annotations/instances_train2017.json").unlink()
    (tmp_path / "annotations/instances_train2014.json").write_text('{"a":')
    refuses(r"train2014.json cannot be read as COCO's", "coco", tmp_path)
    make(tmp_path, [], "train2014", categories=[])
    refuses(r"train2014.json names no images or no cat", "coco", tmp_path)
    make(tmp_path, [], "train2014")
    (tmp_path / "train2014/000000000007.jpg").unlink()
    (tmp_path / "annotations/instances_val2017.json").unlink()
    # Images of another year do not take their place.
    refuses(r"2014.json names .*train2014.*7.jpg, which does", "coco", tmp_path)


def test_lvis_names_images_by_their_url(tmp_path):
    url = "http://images.cocodataset.org/train2017/000000000007.jpg"
    images = [{"id": 7, "coco_url": url, "height": 6, "width": 8}]
    make(tmp_path, [annotation(1, 1, [box(1, 1, 4, 4)])], images=images)
    instances = tmp_path / "annotations/instances_train2017.json"
    instances.rename(instances.with_name("lvis_v1_train.json"))
    assert len(load("coco", tmp_path)[1]["train"]) == 1
