"""`prepare auto` names the right kind of a miniature of each, or asks."""

import json
import re
import shutil

import numpy as np
import pytest
from pictures import picture, save
from small_sets import (
    BOXES,
    MINIATURES,
    classification,
    coco,
    panoptic,
    pictures_alone,
    two_sets,
    yolo,
)

from kerasseg import UserError, prepare
from kerasseg.data.datasets import DATASETS, adapter
from kerasseg.data.datasets.recognition.recognise import recognise
from kerasseg.data.reading.pairing.listing import expression

TOLD_ELSEWHERE = {"auto", "pictures", "synthetic", "synthetic_volumes", "tfds:NAME"}
"""Names without a folder of files that are theirs."""


def refusal(src) -> str:
    with pytest.raises(UserError) as error:
        recognise(src)
    (line,) = str(error.value).splitlines()
    return line


def test_each_adapter_has_a_miniature():
    assert DATASETS.keys() - TOLD_ELSEWHERE == {m.kind for m in MINIATURES.values()}


@pytest.mark.parametrize("name", MINIATURES)
def test_each_kind_is_recognised(tmp_path, name):
    made = MINIATURES[name]
    made.build(tmp_path)
    found = recognise(tmp_path)
    assert (found.kind, found.flags) == (made.kind, made.flags)
    file = found.line.partition(": ")[2].split(", ")[0].split(" and ")[0]
    assert any(tmp_path.rglob(file)) or re.search("30 slices|such as| with ", file)
    # The same in the one folder that an archive brings, beside what a Mac adds.
    outer = tmp_path.parent / f"{tmp_path.name} unpacked"
    (outer / "__MACOSX").mkdir(parents=True)
    shutil.move(tmp_path, outer / "inner")
    assert recognise(outer).kind == made.kind
    shutil.move(outer / "inner", tmp_path)


ONE_OF_EACH = {m.kind: name for name, m in reversed(MINIATURES.items())}


@pytest.mark.parametrize("kind", sorted(ONE_OF_EACH))
def test_each_kind_takes_division_and_classes(tmp_path, kind, capsys):
    made = MINIATURES[ONE_OF_EACH[kind]]
    src = tmp_path / "src"
    src.mkdir()
    made.build(src)

    def loaded(*flags):
        words = ["auto", str(src), str(tmp_path / "out"), *made.more, *flags]
        ((name, load),), _ = prepare._parse(words)
        assert name == kind
        return load()

    taxonomy, splits = loaded("--val-share", "0.5", "--group-by", "^(.+)$")
    assert splits["train"].entries and splits["val"].entries
    last = taxonomy.names[-1]
    merged, _ = loaded("--val-share", "0", "--merge", f"new={last}")
    assert merged.names == (*taxonomy.names[:-1], "new")
    kept, splits = loaded("--val-share", "0", "--keep", *taxonomy.names[-2:])
    assert kept.names == taxonomy.names[-2:]
    sample = splits["train"].read(splits["train"].entries[0])
    assert set(np.unique(sample.label)) <= {0, 1, 255}
    if taxonomy.num_classes > 2:
        dropped, _ = loaded("--val-share", "0", "--drop", last)
        assert dropped.names == taxonomy.names[:-1]
    capsys.readouterr()


# --- what is not sure -----------------------------------------------------------------


def test_several_kinds_are_asked_for(tmp_path):
    MINIATURES["coco"].build(tmp_path)
    MINIATURES["coco_panoptic"].build(tmp_path)
    line = refusal(tmp_path)
    assert "may be coco (annotations/instances_train2017.json); coco_panoptic" in line
    assert f"'python -m kerasseg.prepare coco_panoptic {tmp_path} OUT'" in line


def test_panoptic_files_of_a_set_are_that_set(tmp_path):
    MINIATURES["mapillary"].build(tmp_path)
    panoptic("training/v2.0/panoptic/panoptic_2020.json", "p", "training/images")(
        tmp_path
    )
    assert recognise(tmp_path).kind == "mapillary"
    MINIATURES["coco_panoptic"].build(tmp_path)
    assert "may be mapillary (" in refusal(tmp_path)


def test_masks_beside_drawings_are_asked_for(tmp_path):
    MINIATURES["via"].build(tmp_path)
    assert recognise(tmp_path).kind == "via"
    MINIATURES["folder"].build(tmp_path)
    assert "may be via (via_region_data.json); folder (images such as" in (
        refusal(tmp_path)
    )


def test_labels_of_one_set_in_three_ways_are_asked_for(tmp_path):
    save(tmp_path / "images/100k/train/a.jpg", picture())
    save(tmp_path / "labels/lane/masks/train/a.png", picture()[..., 0])
    assert "OUT --labels lane-directions'" in refusal(tmp_path)


def test_two_sets_in_one_folder_are_asked_for(tmp_path):
    two_sets(tmp_path)
    line = refusal(tmp_path)
    assert "two is yolo (data.yaml" in line
    assert f"auto {tmp_path / 'two'} OUT', or 'python" in line


def test_exports_of_two_tools_are_asked_for(tmp_path):
    coco("roboflow/train/_annotations.coco.json")(tmp_path)
    assert recognise(tmp_path).kind == "coco"
    coco("more/_annotations.coco.json")(tmp_path)
    assert recognise(tmp_path).kind == "coco"
    yolo()(tmp_path / "polygons")
    assert "polygons is yolo (data.yaml" in refusal(tmp_path)


@pytest.mark.parametrize(
    "names", [("x", "y"), ("00001", "00002"), ("000000000009", "000000000025")]
)
@pytest.mark.parametrize(
    "places",
    [
        ("images/{}.png", "labels/{}.png"),
        ("train/{}.png", "trainannot/{}.png"),
        ("train/{}.jpg", "train_masks/{}_mask.png"),
        ("image/{}.png", "label/{}.png"),
        ("img_dir/train/{}.png", "ann_dir/train/{}.png"),
        ("images/training/{}.jpg", "annotations/training/{}.png"),
        ("JPEGImages/{}.jpg", "SegmentationClass/{}.png"),
        ("images/train2017/{}.jpg", "annotations/train2017/{}.png"),
        ("Train/Rural/images/{}.png", "Train/Rural/masks/{}.png"),
    ],
)
def test_layouts_that_many_have_are_no_set_of_a_name(tmp_path, places, names):
    for name in names:
        for place in places:
            save(tmp_path / place.format(name), picture()[..., 0] % 80)
    assert recognise(tmp_path).kind == "folder"


def test_of_several_kinds_one_can_be_said(tmp_path, capsys):
    """Masks in pictures beside the drawings that they were made of."""
    coco("annotations.json")(tmp_path)
    for file in [*tmp_path.rglob("*.png")]:
        save(tmp_path / "images" / file.name, picture())
        save(tmp_path / "masks" / file.name, picture()[..., 0] // 128)
        file.unlink()
    assert "or add --as coco or --as folder to this command" in refusal(tmp_path)
    assert recognise(tmp_path, "coco").kind == "coco"
    assert recognise(tmp_path, "folder").kind == "folder"
    with pytest.raises(UserError, match=r"--as says yolo\. Leave it out"):
        recognise(tmp_path, "yolo")
    for words in (["--as", "pictures of cats"], ["--as=auto"], ["--as"]):
        with pytest.raises(SystemExit):
            prepare.main(["auto", str(tmp_path), str(tmp_path / "out"), *words])
        assert "--as takes the name of a kind" in capsys.readouterr().err
    prepare.main(["auto", str(tmp_path), str(tmp_path / "out"), "--as=folder"])
    assert "Recognised as folder" in capsys.readouterr().out


# --- what is none ---------------------------------------------------------------------


def records(root):
    (root / "train-00000-of-00001.tfrecord").write_bytes(b"x")
    (root / "dataset.json").write_text('{"splits": {}}')


def run(root):
    (root / "taxonomy.json").write_text("{}")
    (root / "best.keras").write_bytes(b"x")


def saved_model(root):
    (root / "1").mkdir()
    (root / "1" / "saved_model.pb").write_bytes(b"x")


def tfds(root):
    for name in "features.json", "dataset_info.json", "x-train.tfrecord-00000-of-00001":
        (root / name).write_text("{}")


def archive(root):
    (root / "a.tar.gz").write_bytes(b"x")
    (root / "b.zip").write_bytes(b"x")


def voc_boxes(root):
    pictures_alone(root)
    (root / "x.xml").write_text("<annotation><object><bndbox></bndbox></object>")


def text_only(root):
    (root / "readme.txt").write_text("no data\n")


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda root: None, "is empty"),
        (pictures_alone, "no masks beside the pictures"),
        (classification, "folders as for classification"),
        (records, "holds records that kerasseg has written. Train with them"),
        (run, "holds a network"),
        (saved_model, "holds a SavedModel"),
        (tfds, "tfds:NAME"),
        (archive, r"Unpack it \(mkdir -p .*/a && tar -xf .*a.tar.gz -C .*/a\)"),
        (voc_boxes, "x.xml holds boxes of PASCAL VOC"),
        (text_only, "and no picture"),
    ],
)
def test_what_is_no_set_is_refused_in_one_line(tmp_path, build, message):
    build(tmp_path)
    assert re.search(message, refusal(tmp_path))


def test_boxes_alone_are_refused_by_the_adapter(tmp_path, capsys):
    yolo()(tmp_path)
    for file in tmp_path.rglob("*.txt"):
        file.write_text(BOXES)
    with pytest.raises(SystemExit):
        prepare.main(["auto", str(tmp_path), str(tmp_path / "out")])
    printed = capsys.readouterr()
    assert printed.out.startswith("Recognised as yolo: data.yaml, labels/train/a.txt")
    assert len(printed.err.splitlines()) == 1 and "--boxes" in printed.err


def test_nothing_there(tmp_path):
    assert "nowhere does not exist" in refusal(tmp_path / "nowhere")


# --- files, damage, size --------------------------------------------------------------


def test_single_files(tmp_path):
    coco("annotations.json")(tmp_path)
    yolo()(tmp_path)
    MINIATURES["via"].build(tmp_path)
    MINIATURES["labelme"].build(tmp_path)
    for name, kind in {
        "annotations.json": "coco",
        "data.yaml": "yolo",
        "via_region_data.json": "via",
    }.items():
        found = recognise(tmp_path / name)
        assert (found.kind, found.sources) == (kind, (tmp_path / name,))
    assert "Name its folder" in refusal(tmp_path / "a.json")
    assert "no kind that is known" in refusal(tmp_path / "a.png")
    (tmp_path / "x.zip").write_bytes(b"")
    assert "unzip" in refusal(tmp_path / "x.zip")


def test_damaged_files_are_no_reason_to_fail(tmp_path):
    for name in "a.json", "b.csv", "c.xml", "data.yaml", "labels/00001.png", "x.txt":
        for content in b"", b"\xff\xfe\x00", b'{"images": [', b"[[[":
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_bytes(content)
            (tmp_path / "images").mkdir(exist_ok=True)
            (tmp_path / "images/00001.png").write_bytes(content)
            try:
                recognise(tmp_path)
            except UserError as error:
                assert len(str(error).splitlines()) == 1


def test_a_large_json_file_is_not_read(tmp_path):
    """The words of COCO's file may be far apart; labelme's are at its beginning."""
    picture = {"id": 1, "file_name": "a.png", "height": 6, "width": 8}
    document = {"images": [picture] * 20000, "annotations": [], "categories": []}
    save(tmp_path / "a.png", np.zeros((6, 8, 3), np.uint8))
    (tmp_path / "annotations.json").write_text(json.dumps(document))
    assert recognise(tmp_path).kind == "coco"
    (tmp_path / "annotations.json").write_text(json.dumps({"x": document}))
    assert recognise(tmp_path).kind == "coco"


def test_patterns():
    def fits(pattern, path):
        return expression(pattern).search(path) is not None

    assert fits("{a,b/c}/##_*.png", "b/c/07_x.png")
    assert not fits("{a,b/c}/##_*.png", "b/c/7_x.png")
    assert not fits("*.png", "a/b.png") and fits("**/*.png", "a/b.png")
    assert fits("**/*.png", "b.png") and not fits("a.png", "axpng")
    assert fits("[a-z]#.txt", "q4.txt") and not fits("[a-z]#.txt", "Q4.txt")


def test_the_flags_of_a_user_count_more(tmp_path, capsys):
    MINIATURES["cityscapes coarse"].build(tmp_path)
    MINIATURES["bdd100k drivable"].build(tmp_path / "bdd")
    words = ["auto", str(tmp_path / "bdd"), "OUT", "--labels", "lanes"]
    ((_, load),), _ = prepare._parse(words)
    with pytest.raises(UserError, match="labels/lane"):
        load()
    with pytest.raises(UserError, match="SRC right after auto"):
        prepare._parse(["auto", "--val-share", "0", str(tmp_path), "OUT"])
    said = capsys.readouterr().out
    assert "Recognised as bdd100k --labels drivable: images/100k/train/x.jpg" in said


def test_auto_from_python(tmp_path):
    MINIATURES["cityscapes coarse"].build(tmp_path)
    assert len(adapter("auto")(tmp_path)[1]["train"]) == 2
    MINIATURES["bdd100k drivable"].build(tmp_path / "bdd")
    assert adapter("auto")(tmp_path / "bdd")[0].names[0] == "direct"
