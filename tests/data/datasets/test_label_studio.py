"""Label Studio's exports in miniature: percent, brushes, annotators, names."""

import base64
import io
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import counts, load, picture, refuses, save
from PIL import Image

from kerasseg.data.datasets import adapter
from kerasseg.data.reading.drawn.label_studio_brush import brush_mask
from kerasseg.data.reading.drawn.label_studio_tasks import file_name

SIZE = (10, 20)
SQUARE = {"points": [[10, 20], [25, 20], [25, 50], [10, 50]]}
BOX = {"x": 50, "y": 40, "width": 20, "height": 30, "rotation": 0}

GOLDEN = [0, 0, 0, 32, 57, 27, 252, 224, 17, 4, 128, 15, 16, 72, 0, 247, 192, 0]
"""What brush.encode_rle of label-studio-converter 0.0.59 makes of [0] * 8 + [9, 9, 9,
7] * 2 + [0] * 16: 8 pixels RGBA, of which the third and fourth have alpha 7."""


def region(kind, value, label="cat", number="r1", **more):
    return {
        "id": number,
        "type": f"{kind}labels",
        "value": value | {f"{kind}labels": [label]},
        "original_width": 20,
        "original_height": 10,
        "image_rotation": 0,
        "from_name": "label",
        "to_name": "image",
    } | more


def annotation(*regions, by=1, at="2024-01-01", cancelled=False):
    return {
        "completed_by": by,
        "was_cancelled": cancelled,
        "created_at": at,
        "result": [r | {"id": f"{r['id']}{i}"} for i, r in enumerate(regions)],
    }


def make(root, *annotations, image="/data/upload/1/0a1b2c3d-a%20b.png", **data):
    tasks = [{"id": 7, "data": {"image": image} | data, "annotations": annotations}]
    (root / "project-1.json").write_text(json.dumps(tasks))
    save(root / "images/a b.png", picture(0, SIZE))
    return tasks


def packed(values, widths=(3, 4, 8, 16)):
    """Bytes of rle-pack, by the text of its format: as literal and repeated blocks."""
    bits = f"{len(values):032b}{7:05b}" + "".join(f"{w - 1:04b}" for w in widths)
    start = 0
    while start < len(values):
        end = start + 1
        while end < len(values) and values[end] == values[start]:
            end += 1
        repeated = end - start > 1
        if not repeated:
            while end < min(len(values), start + 9) and values[end] != values[end - 1]:
                end += 1
        end = min(end, start + (1 << widths[-1]))
        length = end - start - 1
        which = next(i for i, w in enumerate(widths) if length < 1 << w)
        bits += f"{int(repeated)}{which:02b}{length:0{widths[which]}b}"
        shown = values[start : start + 1] if repeated else values[start:end]
        bits += "".join(f"{value:08b}" for value in shown)
        start = end
    bits += "0" * (-len(bits) % 8)
    return [int(bits[i : i + 8], 2) for i in range(0, len(bits), 8)]


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 1 << 30), st.integers(1, 20), st.integers(1, 20))
def test_brushes(seed, height, width):
    rng = np.random.default_rng(seed)
    rgba = rng.integers(0, 256, (height, width, 4))
    rgba[rng.random((height, width, 4)) < 0.7] = 0
    mask = brush_mask(packed(rgba.ravel().tolist()), (height, width))
    np.testing.assert_array_equal(mask, rgba[..., 3] > 0)


def test_a_brush_of_label_studio_converter():
    expected = [[False, False, True, True], [False] * 4]
    assert brush_mask(GOLDEN, (2, 4)).tolist() == expected
    for wrong, message in [
        (GOLDEN[:-4], "cut short"),
        ([], "cut short"),
        ([*GOLDEN[:-1], 291], "not a list of bytes"),
    ]:
        with pytest.raises(ValueError, match=message):
            brush_mask(wrong, (2, 4))
    with pytest.raises(ValueError, match="has 8 pixels, not 15"):
        brush_mask(GOLDEN, (3, 5))


def png(alpha):
    rgba = np.zeros((*SIZE, 4), np.uint8)
    rgba[..., 3] = alpha
    encoded = io.BytesIO()
    Image.fromarray(rgba).save(encoded, "png")
    text = base64.b64encode(encoded.getvalue()).decode()
    return {"imageDataURL": f"data:image/png;base64,{text}"}


def test_regions_are_painted_in_their_order(tmp_path):
    rgba = np.zeros((*SIZE, 4), int)
    rgba[8:, :3, 3] = 90
    alpha = np.zeros(SIZE, np.uint8)
    alpha[0, 15:] = 255
    make(
        tmp_path,
        annotation(
            region("polygon", SQUARE),
            region("rectangle", BOX, "dog"),
            region("brush", {"format": "rle", "rle": packed(rgba.ravel().tolist())}),
            region("ellipse", {"x": 80, "y": 80, "radiusX": 10, "radiusY": 10}, "dog"),
            region("bitmask", png(alpha), "Background"),
        ),
    )
    taxonomy, splits = load("label_studio", tmp_path)
    assert taxonomy.names == ("background", "cat", "dog")
    (sample,) = splits["train"]
    assert sample.id == "a b"
    expected = np.zeros(SIZE, int)
    expected[2:6, 2:6] = 1  # corners (2, 2) to (5, 5)
    expected[4:7, 10:14] = 2
    expected[8:, :3] = 1
    y, x = np.mgrid[:10, :20] + 0.5
    expected[((x - 16) / 2) ** 2 + (y - 8) ** 2 <= 1] = 2
    np.testing.assert_array_equal(sample.label, expected)
    assert sorted(np.unique(sample.instance)) == [0, 1, 2, 3, 4]


def test_turned_rectangles(tmp_path):
    # Turned by a quarter around its upper left corner (14, 2): 6 wide, 4 high there.
    turned = {"x": 70, "y": 20, "width": 20, "height": 60, "rotation": 90}
    make(tmp_path, annotation(region("rectangle", turned), region("polygon", SQUARE)))
    (sample,) = load("label_studio", tmp_path)[1]["train"]
    ys, xs = np.nonzero(sample.label[:, 6:])
    assert (ys.min(), ys.max(), xs.min() + 6, xs.max() + 6) == (2, 6, 8, 14)


def test_labels_beside_their_shapes(tmp_path):
    shape = region("polygon", SQUARE) | {"type": "polygon", "value": SQUARE}
    label = shape | {"type": "labels", "value": SQUARE | {"labels": ["dog"]}}
    rating = {"id": "x", "type": "choices", "value": {"choices": ["good"]}}
    point = region("keypoint", {"x": 1, "y": 1})
    drawn = annotation()
    drawn["result"] = [shape, label, rating, point]
    make(tmp_path, drawn)
    taxonomy, splits = load("label_studio", tmp_path)
    assert taxonomy.names == ("background", "dog")
    assert splits["train"][0].label.sum() == 16
    source = adapter("label_studio")(tmp_path)[1]["train"].source
    assert source["objects"]["line"] == "1 points and lines are left out"


@pytest.mark.parametrize(
    ("image", "name"),
    [
        ("/data/upload/3/0a1b2c3d-x.jpg", "data/upload/3/0a1b2c3d-x.jpg"),
        ("/data/local-files/?d=set/b%20c/x.jpg", "set/b c/x.jpg"),
        ("s3://bucket/folder/x%20y.jpg", "folder/x y.jpg"),
        ("https://host/f/x.jpg?token=a/b", "f/x.jpg"),
        ("images\\x.jpg", "images/x.jpg"),
        ("x.jpg", "x.jpg"),
    ],
)
def test_names_of_images(image, name):
    assert file_name(image) == name


def test_annotators(tmp_path):
    ann = annotation(region("polygon", SQUARE, "cat"), by=1, at="2024-02-01")
    bob = annotation(region("polygon", SQUARE, "dog"), by={"id": 2, "email": "b@x.org"})
    gone = annotation(region("polygon", SQUARE, "elk"), cancelled=True)
    make(tmp_path, ann, bob, gone)
    refuses(
        "task 7 has 2 annotations, by 1, b@x.org. .*--annotator",
        "label_studio",
        tmp_path,
    )
    for who, name in {"1": "cat", "2": "dog", "b@x.org": "dog", "last": "cat"}.items():
        taxonomy, _ = load("label_studio", tmp_path, annotator=who)
        assert taxonomy.names == ("background", name)
    _, splits = adapter("label_studio")(tmp_path, annotator="first")
    assert splits["train"].source["objects"]["line"] == (
        "1 cancelled annotations are left out; 1 further annotations of the same task "
        "are left out"
    )
    refuses("no task with an annotation", "label_studio", tmp_path, annotator="nobody")


def test_tasks_without_regions(tmp_path):
    tasks = make(tmp_path, annotation(region("polygon", SQUARE)))
    save(tmp_path / "c.png", picture(0, SIZE))
    tasks.append({"id": 8, "data": {"image": "c.png"}, "annotations": [annotation()]})
    tasks.append({"id": 9, "data": {"image": "d.png"}, "annotations": []})
    (tmp_path / "project-1.json").write_text(json.dumps(tasks))
    _, splits = load("label_studio", tmp_path)
    assert counts(splits) == {"train": 2}
    assert not splits["train"][1].label.any()


def test_boxes_only(tmp_path):
    make(tmp_path, annotation(region("rectangle", BOX)))
    refuses("1 objects, all of them boxes", "label_studio", tmp_path)
    (sample,) = load("label_studio", tmp_path, boxes="ignore")[1]["train"]
    assert np.count_nonzero(sample.label == 255) == 12


def test_wrong_exports_are_named(tmp_path):
    refuses("must hold one JSON export .*holds none", "label_studio", tmp_path)
    good = region("polygon", SQUARE)
    for wrong, message in [
        (good | {"original_width": 21}, r"has \(10, 20\) pixels .*\(10, 21\)"),
        (good | {"image_rotation": 90}, "turned by 90 degrees"),
        (
            region("polygon", {"points": [[1, 2]]}),
            r"region 1 \(cat\) of a b.png cannot",
        ),
        (region("brush", {"rle": GOLDEN}), "brush has 8 pixels, not 200"),
        (good | {"value": SQUARE | {"polygonlabels": ["a", "b"]}}, "has a and b"),
        (good | {"value": SQUARE}, "has no label"),
        ({"id": "x", "type": "polygonlabels"}, "has a region that cannot be read"),
    ]:
        make(tmp_path, annotation(wrong))
        refuses(message, "label_studio", tmp_path)
    make(tmp_path, annotation(good), image="/data/upload/1/other.png")
    refuses("task 7 names the image .*other.png; no file in", "label_studio", tmp_path)
    make(tmp_path, annotation(good), second="b.png")
    refuses(r"several images .*\(image, second\)", "label_studio", tmp_path)
    assert load("label_studio", tmp_path, image="image")[1]["train"]
    file = tmp_path / "project-1.json"
    file.write_text('[{"image": "x.png", "label": []}]')
    refuses("seems to be JSON-MIN. Export as JSON", "label_studio", tmp_path)
    file.write_text("[{")
    refuses("project-1.json is not JSON", "label_studio", file)
