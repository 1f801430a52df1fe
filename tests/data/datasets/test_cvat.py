"""CVAT's exports in miniature: the XML for images and for video, and masks."""

import numpy as np
import pytest
from pictures import counts, ids, load, picture, refuses, save

from kerasseg.data.datasets import adapter

SIZE = (10, 12)
LABELS = "".join(
    f"<label><name>{n}</name><color>{c}</color><type>{t}</type></label>"
    for n, c, t in (("dog", "#ff0000", "any"), ("head", "#00ff00", "points"))
) + ("<label><name>Background</name></label><label><name>cat</name></label>")
SQUARE = '<polygon label="dog" points="1,1;5,1;5,5;1,5" z_order="1"/>'
MASK = (
    '<mask label="cat" rle="1, 2, 0, 1" left="3" top="4" width="2" height="2" '
    'z_order="0"/>'
)


def make(root, body, name="annotations.xml", meta=LABELS, images=("a.png",)):
    file = root / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(
        f"<annotations><version>1.1</version><meta><task><labels>{meta}</labels></task>"
        f"</meta>{body}</annotations>"
    )
    for image in images:
        save(file.parent / "images" / image, picture(0, SIZE))
    return file


def image(*shapes, name="a.png", more=""):
    return (
        f'<image id="0" name="{name}" width="12" height="10" {more}>'
        f"{''.join(shapes)}</image>"
    )


def said(*args, **options):
    splits = adapter("cvat")(*args, **options)[1]
    return next(iter(splits.values())).source["objects"]["line"]


def test_shapes_are_painted_by_z_order(tmp_path):
    points = (
        '<points label="head" points="1,1"/><polyline label="dog" points="1,1;2,2"/>'
    )
    make(tmp_path, image(SQUARE, MASK, points))
    taxonomy, splits = load("cvat", tmp_path)
    assert taxonomy.names == ("background", "dog", "cat")
    (sample,) = splits["train"]
    expected = np.zeros(SIZE, int)
    expected[4, 4] = expected[5, 3] = expected[5, 4] = 2  # 0 1 / 1 1
    expected[1:5, 1:5] = 1  # above the mask; COCO's rule leaves the last row out
    np.testing.assert_array_equal(sample.label, expected)
    np.testing.assert_array_equal(sample.instance > 0, expected > 0)
    assert "1 of <polyline> are left out; 1 of <points> are left out" in said(tmp_path)


def test_boxes_are_turned_and_ellipses_drawn(tmp_path):
    box = '<box label="dog" xtl="2" ytl="4" xbr="8" ybr="6" rotation="90"/>'
    ellipse = '<ellipse label="cat" cx="10" cy="5" rx="1" ry="2"/>'
    make(tmp_path, image(box, ellipse))
    (sample,) = load("cvat", tmp_path)[1]["train"]
    expected = np.zeros(SIZE, int)
    expected[2:8, 4:6] = 1
    y, x = np.mgrid[:10, :12] + 0.5
    expected[(x - 10) ** 2 + ((y - 5) / 2) ** 2 <= 1] = 2
    np.testing.assert_array_equal(sample.label, expected)
    (sample,) = load("cvat", tmp_path, boxes="ignore")[1]["train"]
    assert (sample.label[2:8, 4:6] == 255).all()


def test_subsets_and_several_files_are_splits(tmp_path):
    names = ["Train/a.png", "Validation/sub/a.png"]
    body = image(SQUARE, more='subset="Train"')
    body += image(SQUARE, name="sub/a.png", more='subset="Validation"')
    make(tmp_path, body, "one/annotations.xml", images=names)
    make(tmp_path, image(SQUARE, name="b.png"), "two/val.xml", images=["b.png"])
    assert ids(load("cvat", tmp_path)[1]) == {"train": ["a"], "val": ["a", "b"]}
    make(tmp_path, image(SQUARE), "three/val.xml")
    expected = ["one_images_Validation_sub_a", "three_images_a", "two_images_b"]
    assert ids(load("cvat", tmp_path)[1])["val"] == expected


def test_frames_for_images_have_no_ending(tmp_path):
    make(tmp_path, image(SQUARE, name="frame_000001"), images=["frame_000001.PNG"])
    assert ids(load("cvat", tmp_path)[1]) == {"train": ["frame_000001"]}


def test_tracks_lie_on_their_frames(tmp_path):
    square = SQUARE.replace("<polygon label", '<polygon frame="{}" outside="{}" label')
    shapes = square.format(3, 0) + square.format(6, 1)
    body = f'<track id="0" label="dog">{shapes}</track>'
    frames = ("frame_000003.png", "frame_000006.png", "frame_000009.png")
    make(tmp_path, body, images=frames)
    refuses("2 of 3 images have no shape", "cvat", tmp_path)
    samples = load("cvat", tmp_path, negatives="background")[1]["train"]
    assert [s.label.max() for s in samples] == [1, 0, 0]
    assert counts(load("cvat", tmp_path, negatives="skip")[1]) == {"train": 1}
    (tmp_path / "images" / frames[0]).unlink()
    refuses(r"names frame_000003.png", "cvat", tmp_path)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        (MASK.replace("1, 2", "1, 3"), "shape 1 of a.png cannot be drawn.*do not fill"),
        (SQUARE.replace("5,5", "5"), "shape 1 of a.png cannot be drawn"),
        (SQUARE.replace("dog", "cow"), "label 'cow', which is not listed"),
        ('<blob label="dog"/>', "shape <blob> is unknown"),
        ('<tag label="dog"/>', "no shape with an inside, but 1 tag"),
        ('<box label="dog" xtl="1" ytl="1" xbr="2" ybr="2"/>', "all of them boxes"),
    ],
)
def test_what_cannot_be_drawn_is_named(tmp_path, shape, message):
    make(tmp_path, image(shape))
    refuses(message, "cvat", tmp_path)


def test_files_that_are_none_are_named(tmp_path):
    refuses("neither an XML file of CVAT nor SegmentationClass", "cvat", tmp_path)
    file = make(tmp_path, image(SQUARE, name="b.png"))
    refuses(r"names b.png, which is not in .*Save images", "cvat", tmp_path)
    file.write_text(file.read_text()[:-30])
    refuses("is not XML that can be read", "cvat", file)
    file.write_text("<annotation/>")
    refuses("is not XML of CVAT", "cvat", file)


def test_masks_are_read_as_voc_masks(tmp_path):
    colours = np.array([[0, 0, 0], [250, 50, 83], [224, 224, 192]], np.uint8)
    label = np.array([[0, 1, 1, 2], [0, 0, 1, 1], [0, 0, 0, 1]])
    for name in "a", "b":
        save(tmp_path / "SegmentationClass" / f"{name}.png", colours[label])
        save(tmp_path / "SegmentationObject" / f"{name}.png", colours[label])
        save(tmp_path / "JPEGImages" / f"{name}.png", picture(0, (3, 4)))
    (tmp_path / "labelmap.txt").write_text(
        "# label:color_rgb:parts:actions\ntool:250,50,83::\nbackground:0,0,0::\n"
    )
    lists = tmp_path / "ImageSets" / "Segmentation"
    lists.mkdir(parents=True)
    (lists / "default.txt").write_text("a\nb\n")
    taxonomy, splits = load("cvat", tmp_path)
    assert taxonomy.names == ("background", "tool")
    assert taxonomy.colours == ((0, 0, 0), (250, 50, 83))
    assert ids(splits) == {"train": ["a", "b"]}
    expected = np.where(label == 2, 255, label)
    np.testing.assert_array_equal(splits["train"][0].label, expected)
    np.testing.assert_array_equal(splits["train"][0].instance, label == 1)
