"""Sets with the label ids of Cityscapes: KITTI, ACDC, GTA5, WildDash 2, IDD."""

import json

import numpy as np
import pytest
from pictures import counts, load, picture, refuses, save

from kerasseg.data.datasets import adapter, idd_labels
from kerasseg.data.datasets.cityscapes_labels import KNOWN, NAMES, TAXONOMY

EVERY = np.arange(34, dtype=np.uint8).reshape(2, 17)
SIZE = EVERY.shape
# trainId of labels.py in cityscapesscripts, ids 0 to 33
TRAIN_IDS = [255] * 7 + [0, 1, 255, 255, 2, 3, 4, 255, 255, 255, 5, 255]
TRAIN_IDS += [6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 255, 255, 16, 17, 18]
COLOUR_OF = [TAXONOMY.colours[t] if t < 19 else (0, 0, 0) for t in TRAIN_IDS]


def lines(name, *args, **options):
    _, splits = adapter(name)(*args, **options)
    return {s.source["layout"]["line"] for s in splits.values() if s.source}


# --- cityscapes -----------------------------------------------------------------------


def cityscapes(root, **files):
    save(
        root / "leftImg8bit/val/ulm/ulm_000000_000001_leftImg8bit.png", picture(0, SIZE)
    )
    for kind, pixels in files.items():
        save(root / f"gtFine/val/ulm/ulm_000000_000001_gtFine_{kind}.png", pixels)
    return load("cityscapes", root)[1]["val"][0]


def test_cityscapes_of_train_ids(tmp_path):
    ids = np.array(TRAIN_IDS, np.uint8).reshape(SIZE)
    assert cityscapes(tmp_path, labelTrainIds=ids).label.ravel().tolist() == TRAIN_IDS
    # Where there are label ids, they count: train ids are made by hand.
    sample = cityscapes(tmp_path, labelIds=EVERY, labelTrainIds=ids * 0)
    assert sample.label.ravel().tolist() == TRAIN_IDS


def test_cityscapes_objects(tmp_path):
    objects = EVERY.astype(np.uint16)
    objects[1, 7:10] = 24000, 24001, 25  # two persons; riders too many to tell
    objects[1, 12] = 29000  # a caravan, which is ignored
    sample = cityscapes(tmp_path, labelIds=EVERY, instanceIds=objects)
    expected = np.zeros(SIZE, int)
    expected[1, 7:9] = 1, 2
    assert sample.instance.tolist() == expected.tolist()
    assert sample.instance.dtype == np.uint16


def test_cityscapes_of_objects_alone(tmp_path):
    objects = np.where(EVERY > 23, EVERY * np.uint16(1000) + 3, EVERY).astype(np.uint16)
    sample = cityscapes(tmp_path, instanceIds=objects)
    assert sample.label.ravel().tolist() == TRAIN_IDS
    save(tmp_path / "leftImg8bit/val/ulm/ulm_000000_000002_leftImg8bit.png", picture())
    labels = tmp_path / "gtFine/val/ulm/ulm_000000_000002_gtFine_labelIds.png"
    save(labels, np.full((3, 4), 7, np.uint8))
    assert lines("cityscapes", tmp_path) == {
        f"Objects are left out: {tmp_path}/leftImg8bit/val/ulm/"
        "ulm_000000_000002_leftImg8bit.png has no file of them."
    }
    assert load("cityscapes", tmp_path)[1]["val"][0].instance is None


# --- kitti ----------------------------------------------------------------------------


def test_kitti(tmp_path):
    objects = EVERY * np.uint16(256)
    objects[1, 9:11] += np.uint16([1, 2])  # car and truck
    for name in "000000_10", "000001_10":
        save(tmp_path / f"training/image_2/{name}.png", picture(0, SIZE))
        save(tmp_path / f"training/instance/{name}.png", objects)
        save(tmp_path / f"training/semantic/{name}.png", EVERY)
    save(tmp_path / "testing/image_2/000000_10.png", picture())
    for _ in range(2):
        taxonomy, splits = load("kitti", tmp_path)
        assert (taxonomy, counts(splits)) == (TAXONOMY, {"train": 2})
        sample = splits["train"][1]
        assert (sample.id, sample.sequence) == ("000001_10", "000001")
        assert sample.label.ravel().tolist() == TRAIN_IDS
        assert np.argwhere(sample.instance).tolist() == [[1, 9], [1, 10]]
        for file in (tmp_path / "training/semantic").glob("*"):  # then without
            file.unlink()
        (tmp_path / "training/semantic").rmdir() if _ == 0 else None
    assert lines("kitti", tmp_path) == {
        "testing/ has no labels: 1 images are left out."
    }
    refuses("has no training/image_2", "kitti", tmp_path / "testing")


# --- acdc -----------------------------------------------------------------------------


def acdc(root, condition, split, name, kind="labelTrainIds", images="", labels=""):
    place = f"{condition}/{split}/{name.split('_')[0]}/{name}"
    save(root / f"{images}rgb_anon/{place}_rgb_anon.png", picture(0, SIZE))
    ids = np.array(TRAIN_IDS, np.uint8).reshape(SIZE) if "Train" in kind else EVERY
    if split in ("train", "val"):
        save(root / f"{labels}gt/{place}_gt_{kind}.png", ids)


@pytest.mark.parametrize(
    "folders", [("", ""), ("rgb_anon_trainvaltest/", "gt_trainval/")]
)
def test_acdc(tmp_path, folders):
    acdc(tmp_path, "fog", "train", "GOPR0475_frame_000041", "labelIds", *folders)
    acdc(tmp_path, "night", "train", "GOPR0351_frame_000159", "labelTrainIds", *folders)
    acdc(tmp_path, "snow", "val", "GOPR0122_frame_000161", "labelTrainIds", *folders)
    acdc(tmp_path, "snow", "test", "GOPR0122_frame_000001", "labelTrainIds", *folders)
    acdc(tmp_path, "fog", "train_ref", "GOPR0475_frame_000001", "", *folders)
    _, splits = load("acdc", tmp_path)
    assert [(s.id, s.sequence) for s in splits["train"]] == [
        ("fog_GOPR0475_frame_000041", "fog/GOPR0475"),
        ("night_GOPR0351_frame_000159", "night/GOPR0351"),
    ]
    for sample in (*splits["train"], *splits["val"]):
        assert sample.label.ravel().tolist() == TRAIN_IDS
    assert counts(load("acdc", tmp_path, condition="snow")[1]) == {"val": 1}
    assert lines("acdc", tmp_path) == {
        "2 images of test and *_ref have no labels and are left out."
    }
    refuses("--condition must be one of fog, ", "acdc", tmp_path, condition="mist")
    refuses("has no rgb_anon/rain/", "acdc", tmp_path, condition="rain")
    next(tmp_path.rglob("*0161_gt*")).unlink()
    refuses("000161_rgb_anon.png has no label", "acdc", tmp_path)


# --- gta5 -----------------------------------------------------------------------------


def gta5(root, number, label, palette=None):
    save(root / f"images/{number:05d}.png", picture(0, SIZE))
    save(root / f"labels/{number:05d}.png", label, palette)


def test_gta5_palettes_and_colours(tmp_path):
    plates = EVERY.copy()
    plates[0, 0] = 34  # license plate: ignored, though its colour is that of cars
    gta5(tmp_path, 1, plates, [*COLOUR_OF, (0, 0, 142)])
    gta5(tmp_path, 2, plates)
    gta5(tmp_path, 3, np.array(COLOUR_OF, np.uint8)[EVERY])
    gta5(tmp_path, 4, 33 - EVERY, COLOUR_OF[::-1])  # other indices, the same colours
    _, splits = load("gta5", tmp_path)
    assert counts(splits) == {"train": 4}
    for sample in splits["train"]:
        assert sample.label.ravel().tolist() == TRAIN_IDS, sample.id
    gta5(tmp_path, 4, np.full((*SIZE, 3), 9, np.uint8))
    refuses(r"00004.png: Colour \(9, 9, 9\)", "gta5", tmp_path)
    gta5(tmp_path, 4, np.full(SIZE, 35, np.uint8))
    refuses("00004.png holds id 35", "gta5", tmp_path)


def test_gta5_splits(tmp_path):
    for number in range(1, 5):
        gta5(tmp_path, number, EVERY)
    (tmp_path / "train.txt").write_text("00001.png\n3\n99\n")
    (tmp_path / "val.txt").write_text("2\n")
    _, splits = load("gta5", tmp_path)
    assert {k: [s.id for s in v] for k, v in splits.items()} == {
        "train": ["00001", "00003"],
        "val": ["00002"],
    }
    assert lines("gta5", tmp_path) == {"1 images of the lists are not in images/."}
    scipy_io = pytest.importorskip("scipy.io")
    numbers = {"trainIds": [[4]], "valIds": [[1], [2]], "testIds": [[3]]}
    scipy_io.savemat(tmp_path / "split.mat", numbers)
    assert counts(load("gta5", tmp_path)[1]) == {"train": 1, "val": 2, "test": 1}
    (tmp_path / "split.mat").write_bytes(b"no")
    refuses("split.mat does not hold trainIds", "gta5", tmp_path)
    refuses("has no images/", "gta5", tmp_path / "labels")


# --- wilddash -------------------------------------------------------------------------

WILD = np.arange(39, dtype=np.uint8).reshape(3, 13)
# pickup, van, billboard, street light, road marking: wd2_unified_label_policy.json
WILD_CLASSES = [*TRAIN_IDS, 14, 13, 255, 255, 0]


def test_wilddash_labels(tmp_path):
    save(tmp_path / "images/us0000_100000.jpg", picture(0, WILD.shape))
    save(tmp_path / "labels/us0000_100000.png", WILD)
    objects = np.where((WILD > 33) & (WILD < 36), WILD * np.uint16(1000), WILD)
    save(tmp_path / "instances/us0000_100000.png", objects.astype(np.uint16))
    ((sample,),) = load("wilddash", tmp_path)[1].values()
    assert sample.label.ravel().tolist() == WILD_CLASSES
    assert sample.instance.ravel().tolist() == [0] * 34 + [1, 2, 0, 0, 0]


def test_wilddash_panoptic(tmp_path):
    names = [
        "ego vehicle",
        "road",
        "street-light",
        "road-marking",
        "van",
        "motorcyclist",
    ]
    ids = np.array([[0, 1, 2, 3, 4, 5, 6]], np.uint8)
    save(tmp_path / "images/us0000_100000.jpg", picture(0, ids.shape))
    segments = np.stack([ids, ids * 0, ids * 0], -1)
    save(tmp_path / "panoptic/us0000_100000.png", segments)
    document = {
        "images": [{"id": 7, "file_name": "us0000_100000.jpg"}],
        "categories": [
            {"id": i, "name": n, "isthing": int(i > 3)} for i, n in enumerate(names)
        ],
        "annotations": [
            {
                "image_id": 7,
                "file_name": "us0000_100000.png",
                "segments_info": [{"id": i + 1, "category_id": i} for i in range(6)],
            }
        ],
    }
    (tmp_path / "panoptic.json").write_text(json.dumps(document))
    taxonomy, splits = load("wilddash", tmp_path)
    assert (taxonomy, counts(splits)) == (TAXONOMY, {"train": 1})
    sample = splits["train"][0]
    assert sample.label.tolist() == [[255, 255, 0, 255, 0, 13, 12]]
    assert sample.instance.tolist() == [[0, 0, 0, 0, 0, 1, 2]]
    document["categories"][0]["name"] = "cow"
    (tmp_path / "panoptic.json").write_text(json.dumps(document))
    refuses("has a category 'cow'", "wilddash", tmp_path)
    refuses("neither labels/ nor panoptic.json", "wilddash", tmp_path / "images")


# --- idd ------------------------------------------------------------------------------


def idd(root, kind, pixels, split="train", ending="png"):
    save(root / f"leftImg8bit/{split}/7/000123_leftImg8bit.{ending}", picture(0, SIZE))
    save(root / f"gtFine/{split}/7/000123_gtFine_{kind}.png", pixels)


def first(root, **options):
    return load("idd", root, **options)[1]["train"][0]


def test_idd_labels_agree_with_those_of_cityscapes():
    """Names of both sets are the same classes, but for terrain, which IDD lacks."""
    common = [label for label in idd_labels.LABELS if label.name in NAMES]
    assert len(common) == 30
    for label in common:
        assert label.train_id == KNOWN[NAMES.index(label.name)], label
    own = [(x.name, x.train_id) for x in idd_labels.LABELS if x not in common]
    assert [name for name, train_id in own if train_id != 255] == [
        "non-drivable fallback"
    ]


@pytest.mark.parametrize("ending", ["png", "jpg"])
def test_idd_kinds_of_labels(tmp_path, ending):
    level3 = np.minimum(EVERY, 25)
    idd(tmp_path, "labellevel3Ids", level3, ending=ending)
    sample = first(tmp_path)
    assert (sample.id, sample.sequence) == ("7_000123", "7")
    # anue_labels.py: csTrainId of the labels of each level3Id
    of_level3 = [
        0,
        255,
        1,
        9,
        11,
        12,
        17,
        18,
        255,
        13,
        14,
        15,
        255,
        255,
        3,
        4,
        255,
        255,
    ]
    of_level3 += [7, 6, 5, 255, 2, 255, 8, 10]
    assert sample.label.ravel().tolist() == [of_level3[i] for i in level3.ravel()]
    assert first(tmp_path, classes=26).label.tolist() == level3.tolist()
    assert first(tmp_path, classes=7).label.max() == 6
    idd(tmp_path, "labelids", EVERY)
    _ = [f.unlink() for f in tmp_path.rglob("*.jpg")]
    of_id = [label.train_id for label in idd_labels.LABELS]
    assert first(tmp_path).label.ravel().tolist() == of_id[:34]


def test_idd_polygons(tmp_path):
    save(tmp_path / "leftImg8bit/train/7/000123_leftImg8bit.png", picture(0, (4, 6)))
    square = [[0, 0], [2, 0], [2, 3], [0, 3]]
    drawing = {
        "imgHeight": 4,
        "imgWidth": 6,
        "objects": [
            {"label": "cargroup", "polygon": square, "deleted": 0},
            {"label": "autorickshaw", "polygon": [[4, 0], [5, 0], [5, 3], [4, 3]]},
            {"label": "person", "polygon": [[3, 3]]},
        ],
    }
    file = tmp_path / "gtFine/train/7/000123_gtFine_polygons.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(drawing))
    row = [13, 13, 13, 255, 255, 255]
    assert first(tmp_path).label.tolist() == [row] * 4
    row = [9, 9, 9, 255, 8, 8]
    taxonomy, splits = load("idd", tmp_path, classes=26)
    assert splits["train"][0].label.tolist() == [row] * 4
    assert taxonomy.names[8] == "autorickshaw"


def test_idd_faults(tmp_path):
    refuses("has no image leftImg8bit/train", "idd", tmp_path)
    idd(tmp_path, "labelcsTrainIds", np.array(TRAIN_IDS, np.uint8).reshape(SIZE))
    assert first(tmp_path).label.ravel().tolist() == TRAIN_IDS
    refuses("--classes 26 needs the polygons", "idd", tmp_path, classes=26)
    next(tmp_path.rglob("*csTrainIds.png")).unlink()
    refuses("has no label .*polygons.json", "idd", tmp_path)
    idd(tmp_path, "labellevel1Ids", EVERY % 7)
    refuses("say --classes 7", "idd", tmp_path)
    assert first(tmp_path, classes=7).label.max() == 6


def test_hidden_files_are_not_read(tmp_path):
    """macOS writes ._x.png beside x.png on foreign disks."""
    gta5(tmp_path, 1, EVERY)
    sample = cityscapes(tmp_path, labelIds=EVERY)
    for file in [*tmp_path.rglob("*.png")]:
        file.with_name(f"._{file.name}").write_bytes(b"no picture")
    for name, of in ("gta5", "00001"), ("cityscapes", sample.id):
        _, splits = load(name, tmp_path)
        assert [s.id for samples in splits.values() for s in samples] == [of]
