"""VIA's files in miniature: shapes, attributes, projects, CSV."""

import csv
import json

import numpy as np
from pictures import counts, load, picture, refuses, save

from kerasseg.data.datasets import adapter

SIZE = (12, 16)
SQUARE = {"name": "polygon", "all_points_x": [2, 5, 5, 2], "all_points_y": [1, 1, 4, 4]}
RECT = {"name": "rect", "x": 8, "y": 2, "width": 3, "height": 2}
CIRCLE = {"name": "circle", "cx": 10.5, "cy": 8.5, "r": 2.1}
OPEN = {"name": "polyline", "all_points_x": [9, 14, 14], "all_points_y": [1, 1, 5]}


def regions(*shapes, key="class", values=("cat", "dog", "cat", "dog")):
    return [
        {"shape_attributes": s, "region_attributes": {key: v} if key else {}}
        for s, v in zip(shapes, values, strict=False)
    ]


def make(root, images, name="via_region_data.json", project=False, size=-1):
    """images: {"a.png": regions}."""
    document = {
        f"{image}{size}": {
            "filename": image,
            "size": size,
            "regions": drawn,
            "file_attributes": {},
        }
        for image, drawn in images.items()
    }
    file = root / name
    file.parent.mkdir(parents=True, exist_ok=True)
    if project:
        document = {"_via_settings": {}, "_via_img_metadata": document}
    file.write_text(json.dumps(document))
    for image in images:
        save(file.parent / image, picture(0, SIZE))
    return file


def said(*args, **options):
    return adapter("via")(*args, **options)[1]["train"].source["objects"]["line"]


def test_shapes_are_painted_in_their_order(tmp_path):
    ellipse = {"name": "ellipse", "cx": 4, "cy": 8, "rx": 3, "ry": 1, "theta": 1.5708}
    inner = {"name": "rect", "x": 3, "y": 2, "width": 1, "height": 2}
    make(tmp_path, {"a.png": regions(SQUARE, inner, CIRCLE, ellipse)})
    taxonomy, splits = load("via", tmp_path)
    assert taxonomy.names == ("background", "cat", "dog")
    (sample,) = splits["train"]
    expected = np.zeros(SIZE, int)
    expected[1:5, 2:6] = 1  # the outline belongs to it
    expected[2:4, 3:4] = 2
    y, x = np.mgrid[:12, :16] + 0.5
    expected[(x - 10.5) ** 2 + (y - 8.5) ** 2 <= 2.1**2] = 1
    expected[((x - 4) / 1) ** 2 + ((y - 8) / 3) ** 2 <= 1] = 2  # turned by a quarter
    np.testing.assert_array_equal(sample.label, expected)
    assert sorted(np.unique(sample.instance)) == [0, 1, 2, 3, 4]
    assert said(tmp_path) == (
        "classes are the values of 'class'; 1 of 4 objects have only a box: their "
        "boxes are filled as objects (--boxes object|ignore|background)"
    )


def as_csv(file):
    """What VIA exports as CSV of its own JSON."""
    rows = []
    for image in json.loads(file.read_text()).values():
        common = [image["filename"], image["size"], "{}", len(image["regions"])]
        for number, region in enumerate(image["regions"]):
            attributes = region["shape_attributes"], region["region_attributes"]
            rows.append([*common, number, *map(json.dumps, attributes)])
        if not image["regions"]:
            rows.append([*common, 0, "{}", "{}"])
    with file.with_suffix(".csv").open("w", newline="") as opened:
        written = csv.writer(opened)
        written.writerow(
            "filename file_size file_attributes region_count region_id "
            "region_shape_attributes region_attributes".split()
        )
        written.writerows(rows)
    file.unlink()


def test_all_forms_of_the_file_say_the_same(tmp_path):
    images = {"a.png": regions(SQUARE, CIRCLE), "b.png": []}
    make(tmp_path / "json", images)
    numbered = {"a.png": dict(enumerate(images["a.png"])), "b.png": {}}
    make(tmp_path / "via1", numbered)
    make(tmp_path / "project", images, "via_project_1Jan2020.json", project=True)
    as_csv(make(tmp_path / "csv", images, "via_export_csv.json"))
    first = None
    for form in "json", "via1", "project", "csv":
        taxonomy, splits = load("via", tmp_path / form, negatives="background")
        assert counts(splits) == {"train": 2}
        first = first or (taxonomy, splits["train"])
        assert taxonomy == first[0]
        for sample, other in zip(splits["train"], first[1], strict=True):
            np.testing.assert_array_equal(sample.label, other.label)


def test_splits_have_a_file_each(tmp_path):
    for split in "train", "val":
        make(tmp_path / split, {"a.png": regions(SQUARE)})
        (tmp_path / split / "copy.json").write_text("{}")
    assert counts(load("via", tmp_path)[1]) == {"train": 1, "val": 1}
    (tmp_path / "val/a.png").unlink()  # is not taken from train/
    refuses(r"val.via_region_data.json names .*a.png, which", "via", tmp_path)


def test_images_without_a_region(tmp_path):
    make(tmp_path, {"a.png": regions(SQUARE), "b.png": []})
    refuses("1 of 2 images have no region, such as b.png of", "via", tmp_path)
    assert counts(load("via", tmp_path, negatives="background")[1]) == {"train": 2}
    assert counts(load("via", tmp_path, negatives="skip")[1]) == {"train": 1}
    assert "1 of 2 images have no region and are left out" in said(
        tmp_path, negatives="skip"
    )


def test_which_attribute_is_the_class(tmp_path):
    both = regions(SQUARE, CIRCLE)
    for region in both:
        region["region_attributes"] |= {"quality": {"good": True, "sharp": True}}
    make(tmp_path, {"a.png": both})
    refuses("attributes class, quality. Say which .*--attribute", "via", tmp_path)
    refuses(
        "'name'. --attribute may be class, quality", "via", tmp_path, attribute="name"
    )
    taxonomy, _ = load("via", tmp_path, attribute="class")
    assert taxonomy.names == ("background", "cat", "dog")
    refuses(
        "region 1 of a.png is ticked as good and sharp",
        *("via", tmp_path),
        attribute="quality",
    )
    make(tmp_path, {"a.png": regions(SQUARE, CIRCLE, key="")})
    assert load("via", tmp_path)[0].names == ("background", "object")
    ticked = regions(SQUARE, CIRCLE, values=({"x": True}, {"y": True, "x": False}))
    make(tmp_path, {"a.png": ticked})
    assert load("via", tmp_path)[0].names == ("background", "x", "y")


def test_a_region_without_a_value_is_ignored(tmp_path):
    make(tmp_path, {"a.png": regions(SQUARE, CIRCLE, values=("", "dog"))})
    taxonomy, splits = load("via", tmp_path)
    assert taxonomy.names == ("background", "dog")
    assert (splits["train"][0].label[1:5, 2:6] == 255).all()
    assert "1 regions without a value of it are ignored" in said(tmp_path)


def test_lines_points_and_boxes(tmp_path):
    point = {"name": "point", "cx": 1, "cy": 1}
    make(tmp_path, {"a.png": regions(SQUARE, OPEN, point)})
    refuses("1 regions that are open lines.*--polylines object", "via", tmp_path)
    (filled,) = load("via", tmp_path, polylines="object")[1]["train"]
    assert filled.label[2, 12] == 2
    (out,) = load("via", tmp_path, polylines="background")[1]["train"]
    assert set(np.unique(out.label)) == {0, 1}
    assert said(tmp_path, polylines="background").endswith(
        "1 open lines are left out; 1 points are left out"
    )
    make(tmp_path, {"a.png": regions(RECT, RECT)})
    refuses("2 objects, all of them boxes", "via", tmp_path)
    (sample,) = load("via", tmp_path, boxes="ignore")[1]["train"]
    assert (sample.label[2:4, 8:11] == 255).all()


def test_images_that_have_changed_since_are_counted(tmp_path):
    make(tmp_path, {"a.png": regions(SQUARE)}, size=12)
    assert "1 of 1 images of via_region_data.json have another size" in said(tmp_path)


def test_wrong_files_are_named(tmp_path):
    refuses("has no JSON or CSV file of VIA", "via", tmp_path)
    file = make(tmp_path, {"a.png": regions(SQUARE)})
    file.write_text('{"x": {"filename": "a.png", "regions": 3}}')
    refuses("via_region_data.json has no regions of VIA 1 or 2", "via", tmp_path)
    file.write_text('{"metadata": {}, "view": {}}')
    refuses("via_region_data.json is of VIA 3", "via", file)
    make(tmp_path, {"a.png": []})
    refuses("via_region_data.json has no region", "via", tmp_path)
    for shape, message in [
        (SQUARE | {"all_points_x": [1, 2]}, "region 1 of a.png cannot be drawn"),
        (SQUARE | {"all_points_x": [1, 2, 3, None]}, "region 1 of a.png cannot be"),
        (CIRCLE | {"r": -1}, "cannot have the radii"),
        ({"name": "cube"}, "the shape 'cube' is unknown"),
    ]:
        make(tmp_path, {"a.png": regions(shape)})
        refuses(message, "via", tmp_path)
