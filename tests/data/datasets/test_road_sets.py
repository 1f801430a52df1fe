"""BDD100K, Mapillary Vistas, ApolloScape and CamVid's 32 colours, in small."""

import json

import numpy as np
import pytest
from pictures import IDS, counts, load, picture, refuses, save

from kerasseg.data.datasets import adapter, camvid_original


def test_bdd100k_of_today(tmp_path):
    root = tmp_path / "bdd100k"
    for split, name in ("train", "0a0a0b1a-7c39d841"), ("val", "7d2f7975-e0c1c5a7"):
        save(root / f"images/10k/{split}/{name}.jpg", picture())
        save(root / f"labels/sem_seg/masks/{split}/{name}.png", IDS)
        save(root / f"labels/sem_seg/colormaps/{split}/{name}.png", picture())
    save(root / "images/10k/test/ac6d4f42-00000000.jpg", picture())
    for src in (tmp_path, root):
        taxonomy, splits = load("bdd100k", src)
        assert list(splits) == ["train", "val"]
        assert taxonomy.names[13] == "car"
        np.testing.assert_array_equal(splits["val"][0].label, IDS)
        assert splits["val"][0].id == "7d2f7975-e0c1c5a7"


def test_bdd100k_of_2018(tmp_path):
    save(tmp_path / "seg/images/train/0a0a0b1a-7c39d841.jpg", picture())
    save(tmp_path / "seg/labels/train/0a0a0b1a-7c39d841_train_id.png", IDS)
    _, splits = load("bdd100k", tmp_path)
    np.testing.assert_array_equal(splits["train"][0].label, IDS)


def test_bdd100k_bitmasks(tmp_path):
    """Pixels as bdd100k.label.to_mask writes them: R category, G truncated << 3 +
    occluded << 2 + crowd << 1 + ignored, 256 B + A object."""
    stored = [[0, 0, 0, 0], [3, 4, 0, 1], [3, 8, 1, 44], [1, 2, 0, 3], [2, 1, 0, 4]]
    stored = np.array([stored, [[3, 0, 0, 1]] * 5], np.uint8)
    for kind in "ins_seg", "pan_seg":
        save(tmp_path / f"labels/{kind}/bitmasks/val/a.png", stored)
    for name in "ab":
        save(tmp_path / f"images/10k/val/{name}.jpg", picture(0, (2, 5)))
    taxonomy, splits = load("bdd100k", tmp_path, labels="instances")
    (sample,) = splits["val"]
    assert taxonomy.names[3] == "car"
    np.testing.assert_array_equal(sample.label, [[0, 3, 3, 1, 255], [3] * 5])
    np.testing.assert_array_equal(sample.instance, [[0, 1, 2, 0, 0], [1] * 5])
    stored[0, 1:3, 0] = 35
    save(tmp_path / "labels/pan_seg/bitmasks/val/a.png", stored)
    taxonomy, splits = load("bdd100k", tmp_path, labels="panoptic")
    (sample,) = splits["val"]
    assert taxonomy.names[34] == "car" and taxonomy.names[2] == "ground"
    np.testing.assert_array_equal(sample.label, [[255, 34, 34, 0, 255], [2] * 5])
    np.testing.assert_array_equal(sample.instance, [[0, 1, 2, 0, 0], [0] * 5])
    save(tmp_path / "labels/ins_seg/bitmasks/val/a.png", picture(0, (2, 5)))
    refuses("a.png is no bitmask", "bdd100k", tmp_path, labels="instances")


def test_bdd100k_faults(tmp_path):
    refuses("neither images/10k", "bdd100k", tmp_path)
    for name in "ab":
        save(tmp_path / f"seg/images/train/{name}.jpg", picture())
    save(tmp_path / "seg/labels/train/a_train_id.png", IDS + np.uint8(17))
    refuses(r"b.jpg has no label .*b_train_id.png", "bdd100k", tmp_path)
    (tmp_path / "seg/images/train/b.jpg").unlink()
    refuses(r"a_train_id.png holds id 19", "bdd100k", tmp_path)
    save(tmp_path / "seg/labels/train/a_train_id.png", picture())
    refuses(r"a_train_id.png holds colours", "bdd100k", tmp_path)


# --- mapillary ------------------------------------------------------------------------

CONFIG = [
    ("animal--bird", [165, 42, 42], True),
    ("nature--sky", [70, 130, 180], True),
    ("void--car-mount", [32, 32, 32], False),
    ("construction--flat--road", [128, 64, 128], True),
    ("void--unlabeled", [0, 0, 0], False),
]
STORED = np.array([[0, 1, 2, 3], [4, 3, 2, 1]], np.uint8)
CLASSES = [[0, 1, 255, 2], [255, 2, 255, 1]]


def vistas(root, place, config, kinds=("labels", "instances")):
    labels = [
        {"name": n, "readable": n, "color": c, "evaluate": e, "instances": False}
        for n, c, e in CONFIG
    ]
    root.mkdir(exist_ok=True)
    (root / config).write_text(json.dumps({"labels": labels, "version": 1}))
    palette = np.zeros((256, 3), np.uint8)
    palette[: len(CONFIG)] = [c for _, c, _ in CONFIG]
    for split in "training", "validation":
        save(root / f"{split}/images/{split}.jpg", picture(0, (2, 4)))
        if "labels" in kinds:
            save(root / f"{split}/{place}labels/{split}.png", STORED, palette)
        if "instances" in kinds:
            instances = STORED * np.uint16(256) + np.arange(8, dtype="u2").reshape(2, 4)
            save(root / f"{split}/{place}instances/{split}.png", instances)
    save(root / "testing/images/t.jpg", picture(0, (2, 4)))


@pytest.mark.parametrize(
    ("place", "config", "kinds", "version"),
    [
        ("", "config.json", ["labels", "instances"], ""),
        ("", "config_v1.2.json", ["instances"], "v1.2"),
        ("v2.0/", "config_v2.0.json", ["labels"], ""),
        ("v1.2/", "config_v1.2.json", ["labels"], "v1.2"),
    ],
)
def test_mapillary(tmp_path, place, config, kinds, version):
    vistas(tmp_path, place, config, kinds)
    taxonomy, splits = load("mapillary", tmp_path, version=version)
    assert taxonomy.names == ("animal--bird", "nature--sky", "construction--flat--road")
    assert taxonomy.colours[1] == (70, 130, 180)
    assert list(splits) == ["train", "val"]
    assert splits["val"][0].label.tolist() == CLASSES
    assert splits["val"][0].instance is None or "instances" in kinds


def test_mapillary_objects(tmp_path):
    vistas(tmp_path, "v2.0/", "config_v2.0.json")
    config = json.loads((tmp_path / "config_v2.0.json").read_text())
    config["labels"][0]["instances"] = config["labels"][2]["instances"] = True
    (tmp_path / "config_v2.0.json").write_text(json.dumps(config))
    stored = np.array([[0, 0, 1, 256], [257, 512, 513, 768]], np.uint16)
    save(tmp_path / "training/v2.0/instances/training.png", stored)
    birds = np.array([[0, 0, 0, 1], [1, 2, 2, 3]], np.uint8)
    save(tmp_path / "training/v2.0/labels/training.png", birds)
    sample = load("mapillary", tmp_path)[1]["train"][0]
    # Two birds, the first of them number 0; sky has no objects, mounts are ignored.
    assert sample.instance.tolist() == [[1, 1, 2, 0], [0, 0, 0, 0]]


def test_mapillary_takes_the_newest(tmp_path):
    vistas(tmp_path, "v1.2/", "config_v1.2.json")
    vistas(tmp_path, "v2.0/", "config_v2.0.json")
    other = json.loads((tmp_path / "config_v2.0.json").read_text())
    other["labels"][0]["name"] = "new"
    (tmp_path / "config_v2.0.json").write_text(json.dumps(other))
    assert load("mapillary", tmp_path)[0].names[0] == "new"
    assert load("mapillary", tmp_path, version="v1.2")[0].names[0] == "animal--bird"


def test_mapillary_faults(tmp_path):
    refuses(r"has no folder training/v2.0/labels", "mapillary", tmp_path)
    refuses(r"--version must be v2.0 or v1.2", "mapillary", tmp_path, version="3")
    vistas(tmp_path, "", "config.json")
    save(tmp_path / "training/labels/training.png", STORED + np.uint8(1))
    refuses(r"training.png holds id 5, which", "mapillary", tmp_path)
    (tmp_path / "config.json").write_text('{"labels": [{"name": "a"}]}')
    refuses(r"config.json is not a config file.*evaluate", "mapillary", tmp_path)
    (tmp_path / "config.json").unlink()
    refuses(r"has no config_v1.2.json", "mapillary", tmp_path)


# --- apolloscape ----------------------------------------------------------------------

# others, sky, car, car_group, road, bridge, vegetation, unlabelled
APOLLO = np.array([[0, 17, 33, 161], [49, 98, 113, 255]], np.uint8)
APOLLO_CLASSES = [[255, 0, 1, 1], [9, 255, 21, 255]]
FRAMES = {
    "road01_ins/{}/Record001/Camera 5/170908_061502408_Camera_5": "Record001",
    "road01_ins/{}/Record001/Camera 6/170908_061502408_Camera_6": "Record001",
    "road01_ins/{}/Record002/Camera 5/170908_065421547_Camera_5": "Record002",
}


def apollo(root, frames=FRAMES):
    for frame in frames:
        save(root / f"{frame.format('ColorImage')}.jpg", picture(0, (2, 4)))
        save(root / f"{frame.format('Label')}_bin.png", APOLLO)


def test_apolloscape(tmp_path):
    apollo(tmp_path)
    taxonomy, splits = load("apolloscape", tmp_path)
    assert (taxonomy.num_classes, taxonomy.names[9]) == (22, "road")
    assert [s.sequence for s in splits["train"]] == [
        f"road01_ins/{record}" for record in FRAMES.values()
    ]
    assert all(s.label.tolist() == APOLLO_CLASSES for s in splits["train"])
    assert splits["train"][0].id == "road01_ins_Record001_170908_061502408_Camera_5"


def test_apolloscape_of_the_other_order_and_of_16_bits(tmp_path):
    frame = "{}/road02_seg/Record001/Camera 5/171206_025742608_Camera_5"
    save(tmp_path / f"{frame.format('ColorImage')}.jpg", picture(0, (2, 4)))
    stored = np.array([[33001, 36012, 65535, 255], [40000, 17000, 49000, 0]], np.uint16)
    save(tmp_path / f"{frame.format('Label')}_instanceIds.png", stored)
    (sample,) = load("apolloscape", tmp_path)[1]["train"]
    assert sample.label.tolist() == [[1, 4, 255, 255], [8, 0, 9, 255]]
    assert sample.instance.tolist() == [[1, 2, 0, 0], [3, 0, 0, 0]]
    # As in label_apollo.py, where it is 0xc080c0.
    assert load("apolloscape", tmp_path)[0].colours[9] == (192, 128, 192)
    assert sample.sequence == "road02_seg/Record001"


def test_apolloscape_lists(tmp_path):
    apollo(tmp_path)
    names = list(FRAMES)

    def line(frame, root=""):
        image, label = f"{frame.format('ColorImage')}.jpg", frame.format("Label")
        return f"{root}{image}\t{root}{label}_bin.png\n"

    lists = tmp_path / "public_image_lists"
    lists.mkdir()
    (lists / "road01_ins_train.lst").write_text(line(names[0]) + line(names[2]))
    (lists / "road01_ins_val.lst").write_text(line(names[1]))
    (lists / "road09_ins_val.lst").write_text(line("road09_ins/{}/a/b/c"))  # not here
    _, splits = load("apolloscape", tmp_path)
    assert counts(splits) == {"train": 2, "val": 1}
    (lists / "road01_ins_val.lst").write_text("one\n")
    refuses(r"val.lst line 1: expected 'image<tab>label'", "apolloscape", tmp_path)
    (lists / "road01_ins_val.lst").write_text(line("road01_ins/{}/a/b/c"))
    refuses(r"val.lst names .*c.jpg, which does not exist", "apolloscape", tmp_path)


def test_apolloscape_faults(tmp_path):
    refuses("nowhere does not exist", "apolloscape", tmp_path / "nowhere")
    refuses("has no labels road01_ins/Label", "apolloscape", tmp_path)
    apollo(tmp_path)
    next(tmp_path.rglob("*Camera_6.jpg")).unlink()
    refuses(r"Label .*has no image .*Camera_6.jpg", "apolloscape", tmp_path)


# --- camvid, 32 colours ---------------------------------------------------------------

NAMES = list(camvid_original.COLOURS)


def original(root, names=("0001TP_006690", "Seq05VD_f00000")):
    colours = np.array(list(camvid_original.COLOURS.values()), np.uint8)
    for name in names:
        save(root / f"701_StillsRaw_full/{name}.png", picture(0, (4, 8)))
        label = colours.reshape(4, 8, 3)
        save(root / f"LabeledApproved_full/{name}_L.png", label)


@pytest.mark.parametrize("legend", [False, True])
def test_camvid_32(tmp_path, legend):
    original(tmp_path)
    if legend:  # as published: "R G B", tabs, name
        lines = [
            f"{r} {g} {b}\t\t{n}" for n, (r, g, b) in camvid_original.COLOURS.items()
        ]
        (tmp_path / "label_colors.txt").write_text("\n".join(lines))
    taxonomy, splits = load("camvid", tmp_path, classes=32)
    assert len(NAMES) == 32
    assert list(taxonomy.names) == [n for n in NAMES if n != "Void"]
    first, last = splits["train"]
    # Void is the last but one of the table, Wall the last.
    assert first.label.ravel().tolist() == [*range(30), 255, 30]
    assert (first.sequence, last.sequence) == ("0001TP", "Seq05VD")


def test_camvid_32_with_the_lists_of_segnet(tmp_path):
    original(tmp_path)
    for split, name in ("train", "Seq05VD_f00000"), ("val", "0001TP_006690"):
        line = (
            f"/SegNet/CamVid/{split}/{name}.png /SegNet/CamVid/{split}annot/{name}.png"
        )
        (tmp_path / f"{split}.txt").write_text(f"{line}\n")
    _, splits = load("camvid", tmp_path, classes=32)
    assert [s.id for s in splits["val"]] == ["0001TP_006690"]
    (tmp_path / "test.txt").write_text("test/0016E5_00390.png x\n")
    refuses(r"test.txt names 0016E5_00390.png, which", "camvid", tmp_path, classes=32)


def test_camvid_32_faults(tmp_path):
    refuses("holds none of train/.*701_StillsRaw_full", "camvid", tmp_path, classes=32)
    refuses("holds none of train/.*701_StillsRaw_full", "camvid", tmp_path)
    original(tmp_path)
    file = tmp_path / "LabeledApproved_full/0001TP_006690_L.png"
    save(file, np.full((4, 8, 3), 7, np.uint8))
    refuses(
        r"6690_L.png: Colour \(7, 7, 7\) is not a cl", "camvid", tmp_path, classes=32
    )
    save(file, np.zeros((4, 8), np.uint8))
    refuses(r"6690_L.png: It holds no colours", "camvid", tmp_path, classes=32)
    file.unlink()
    refuses(r"6690.png has no label", "camvid", tmp_path, classes=32)


# MATLAB's camvidPixelLabelIDs, in the order of our 32 names; Void is ignored.
OF_32 = [9, 1, 10, 1, 1, 8, 9, 9, 2, 7, 3, 3, 6, 10, 8, 4, 9, 3, 4, 4, 6, 0, 8, 2, 6, 8]
OF_32 += [5, 8, 1, 5, 255, 1]


def test_camvid_32_grouped_to_11(tmp_path):
    original(tmp_path)
    taxonomy, splits = load("camvid", tmp_path)
    assert taxonomy.num_classes == 11
    assert splits["train"][0].label.ravel().tolist() == OF_32
    (line,) = {
        s.source["classes"]["line"] for s in adapter("camvid")(tmp_path)[1].values()
    }
    assert line.endswith("--classes 32 keeps them.")
    (tmp_path / "label_colors.txt").write_text("64 128 64 Cow\n")
    refuses("The legend names 'Cow'.*--classes 32", "camvid", tmp_path)


@pytest.mark.parametrize("label", ["trainannot/{}.png", "train_labels/{}_L.png"])
def test_camvid_colours_in_the_folders_of_segnet(tmp_path, label):
    colours = np.array(list(camvid_original.COLOURS.values()), np.uint8)
    save(tmp_path / "train/0001TP_1.png", picture(0, (4, 8)))
    save(tmp_path / label.format("0001TP_1"), colours.reshape(4, 8, 3))
    assert load("camvid", tmp_path)[1]["train"][0].label.ravel().tolist() == OF_32
    taxonomy, splits = load("camvid", tmp_path, classes=32)
    assert taxonomy.num_classes == 31
    assert splits["train"][0].label.ravel().tolist() == [*range(30), 255, 30]
    save(tmp_path / label.format("0001TP_1"), np.zeros((4, 8), np.uint8))
    refuses("Leave out --classes 32", "camvid", tmp_path, classes=32)


@pytest.mark.parametrize("name", ["camvid", "cityscapes", "apolloscape", "mapillary"])
def test_nothing_is_read_before_it_is_needed(name, tmp_path, monkeypatch):
    if name == "mapillary":
        vistas(tmp_path, "", "config.json")
    elif name == "apolloscape":
        apollo(tmp_path)
    elif name == "camvid":
        original(tmp_path)
    else:
        save(tmp_path / "leftImg8bit/val/ulm/ulm_0_0_leftImg8bit.png", picture())
        save(tmp_path / "gtFine/val/ulm/ulm_0_0_gtFine_labelIds.png", IDS)
    for file in [*tmp_path.rglob("*.png"), *tmp_path.rglob("*.jpg")]:
        file.write_bytes(b"")
    options = {"classes": 32} if name == "camvid" else {}
    _, splits = adapter(name)(tmp_path, **options)
    with pytest.raises(ValueError, match="cannot be read as an image"):
        next(iter(next(iter(splits.values()))))
