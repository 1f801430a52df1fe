"""COCO's files, read element by element: as in one go; faults are named."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasseg.data.reading.drawn.coco_json import read_coco

values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 1 << 40) | st.floats(-9, 9) | st.text(),
    lambda some: st.lists(some) | st.dictionaries(st.text(), some),
    max_leaves=10,
)
DOCUMENT = {
    "info": {"images": [1, 2]},
    "images": [{"id": 7, "file_name": "ü.jpg", "height": 1, "width": 2}],
    "annotations": [
        {"id": 1, "image_id": 7, "category_id": 3, "segmentation": [[0.5, 1e3]]},
        {"id": 2, "image_id": 8, "category_id": 4, "area": 1.5, "iscrowd": 1},
        {"id": 3, "image_id": 7, "category_id": 3, "segmentation": {"counts": "12"}},
    ],
    "categories": [{"id": 3, "name": "dog", "supercategory": "pet"}],
}


@settings(deadline=None, max_examples=25)
@given(
    st.permutations(list(DOCUMENT)), values, st.sampled_from([None, 2]), st.booleans()
)
def test_as_in_one_go(tmp_path_factory, order, other, indent, mark):
    document = {key: DOCUMENT[key] for key in order} | {"other": other}
    text = json.dumps(document, ensure_ascii=False, indent=indent)
    path = tmp_path_factory.mktemp("json") / "x.json"
    path.write_text(text, encoding="utf-8-sig" if mark else "utf-8")
    found = read_coco(path)
    assert found.images == {7: DOCUMENT["images"][0]}
    assert found.categories == {3: "dog"}
    assert found.used == {3: 1, 4: 2}
    kept = {i: [json.loads(text) for text in t] for i, t in found.annotations.items()}
    first, second, third = (dict(a) for a in DOCUMENT["annotations"])
    for annotation in first, second, third:
        del annotation["image_id"]
    del second["area"]
    assert kept == {7: [first, third], 8: [second]}


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "?",
        "[1]",
        '{"images": [1, 2',
        '{"images": 1',
        '{"images" 1}',
        '{"images": x}',
        '{"images": []} more',
        '{"images": [{"file_name": "a"}]}',
        '{"annotations": [{"id": 1, "category_id": 1}]}',
        '{"categories": ["dog"]}',
    ],
)
def test_wrong_files_are_named(tmp_path, wrong):
    (tmp_path / "x.json").write_text(wrong)
    with pytest.raises(ValueError, match=r"x.json cannot be read as COCO's JSON"):
        read_coco(tmp_path / "x.json")
