"""The data sets of the recipes in small: true layouts, pictures of 64 x 96 pixels."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from pictures import picture, save

SIZE = (64, 96)
TRAIN, VAL = ("a0", "a1", "a2", "a3"), ("b0", "b1")
SPLITS = [("train", name) for name in TRAIN] + [("val", name) for name in VAL]


def scene(values) -> np.ndarray:
    """(64, 96) blocks of 32 x 32 pixels, one for each of six class ids."""
    return np.kron(np.uint8(values).reshape(2, 3), np.ones((32, 32), np.uint8))


def cityscapes(root: Path) -> None:
    for split, name in SPLITS:
        frame = f"{split}/ulm/ulm_00000{name[1]}_000019"
        save(root / f"leftImg8bit/{frame}_leftImg8bit.png", picture(0, SIZE))
        ids = scene([7, 8, 11, 21, 23, 26])
        save(root / f"gtFine/{frame}_gtFine_labelIds.png", ids)


def bdd100k(root: Path) -> None:
    for split, name in SPLITS:
        save(root / f"images/10k/{split}/{name}.jpg", picture(0, SIZE))
        ids = scene([0, 1, 2, 8, 10, 255])
        save(root / f"labels/sem_seg/masks/{split}/{name}.png", ids)


def mapillary(root: Path) -> None:
    names = ["bird", "sky", "road", "car", "tree", "unlabeled"]
    labels = [
        {
            "name": name,
            "readable": name,
            "color": [40 * i, 9, 9],
            "evaluate": name != "unlabeled",
            "instances": False,
        }
        for i, name in enumerate(names)
    ]
    root.mkdir()
    (root / "config_v1.2.json").write_text(json.dumps({"labels": labels}))
    palette = np.zeros((256, 3), np.uint8)
    palette[:6, 0] = 40 * np.arange(6)
    for split, name in SPLITS:
        folder = root / {"train": "training", "val": "validation"}[split]
        save(folder / f"images/{name}.jpg", picture(0, SIZE))
        save(folder / f"v1.2/labels/{name}.png", scene(range(6)), palette)


def apolloscape(root: Path) -> None:
    root.mkdir()
    for split, name in SPLITS:
        frame = f"road01_ins/{{}}/Record001/Camera 5/{name}_Camera_5"
        image, label = f"{frame.format('ColorImage')}.jpg", frame.format("Label")
        save(root / image, picture(0, SIZE))
        save(root / f"{label}_bin.png", scene([17, 33, 49, 97, 113, 255]))
        with (root / f"road01_ins_{split}.lst").open("a") as listing:
            listing.write(f"{image}\t{label}_bin.png\n")


def coco_stuff(root: Path) -> None:
    for split, name in SPLITS:
        size = SIZE if name != "a1" else (48, 64)
        ids = scene([0, 2, 91, 148, 181, 255])[: size[0], : size[1]]
        save(root / f"images/{split}2017/{name}.jpg", picture(0, size))
        save(root / f"stuffthingmaps_trainval2017/{split}2017/{name}.png", ids)


def carvana(root: Path) -> None:
    for car in "0a", "1b", "2c", "3d", "4e":
        save(root / f"train/{car}_01.jpg", picture(0, SIZE))
        mask = scene([0, 1, 0, 0, 1, 0])
        save(root / f"train_masks/{car}_01_mask.gif", mask, [[0, 0, 0], [255] * 3])


def dstl(root: Path) -> None:
    tifffile = pytest.importorskip("tifffile")
    pytest.importorskip("shapely")
    rng = np.random.default_rng(0)
    names = [f"60{place}_1_1" for place in range(10, 15)]
    (root / "three_band").mkdir(parents=True)
    (root / "sixteen_band").mkdir()
    for name in names:
        for file, bands, part in (
            (f"three_band/{name}.tif", 3, 1),
            (f"sixteen_band/{name}_M.tif", 8, 4),
            (f"sixteen_band/{name}_A.tif", 8, 16),
        ):
            shape = (bands, SIZE[0] // part, SIZE[1] // part)
            pixels = rng.integers(1, 2048, shape).astype(np.uint16)
            tifffile.imwrite(root / file, pixels, photometric="minisblack")
    with (root / "grid_sizes.csv").open("w", newline="") as opened:
        rows = [[name, 0.0096, -0.0064] for name in names]
        csv.writer(opened).writerows([["", "Xmax", "Ymin"], *rows])
    half = "(0 0, 0.0048 0, 0.0048 -0.0064, 0 -0.0064, 0 0)"
    with (root / "train_wkt_v4.csv").open("w", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerow(["ImageId", "ClassType", "MultipolygonWKT"])
        for name in names:
            for kind in range(1, 11):
                drawn = f"MULTIPOLYGON (({half}))" if kind == 6 else ""
                writer.writerow([name, kind, drawn or "MULTIPOLYGON EMPTY"])


def kitti(root: Path) -> None:
    for i in range(5):
        size = (SIZE[0], SIZE[1] - i)  # they differ by a few pixels
        ids = scene([7, 8, 11, 21, 23, 26])[:, : size[1]]
        save(root / f"training/image_2/{i:06}_10.png", picture(0, size))
        save(root / f"training/semantic/{i:06}_10.png", ids)


def ade20k(root: Path) -> None:
    for split, name in SPLITS:
        folder = {"train": "training", "val": "validation"}[split]
        size = SIZE if name != "a1" else (48, 64)
        ids = scene([0, 1, 2, 3, 4, 150])[: size[0], : size[1]]
        save(root / f"images/{folder}/{name}.jpg", picture(0, size))
        save(root / f"annotations/{folder}/{name}.png", ids)


def sbd(root: Path) -> None:
    """SBD in `root`, and VOCdevkit/VOC2012 beside it."""
    io = pytest.importorskip("scipy.io")
    voc = root.parent / "VOCdevkit/VOC2012"
    ids = scene([0, 1, 15, 255, 0, 20])
    palette = np.arange(768).reshape(256, 3) % 256
    for _, name in SPLITS:
        save(voc / f"JPEGImages/{name}.jpg", picture(0, SIZE))
        save(voc / f"SegmentationClass/{name}.png", ids, palette)
    (voc / "ImageSets/Segmentation").mkdir(parents=True)
    for split, names in ("train", TRAIN[:2]), ("val", VAL):
        listing = voc / f"ImageSets/Segmentation/{split}.txt"
        listing.write_text("\n".join(names))
    (root / "dataset/cls").mkdir(parents=True)
    for split, names in ("train", TRAIN[2:3]), ("val", TRAIN[3:]):
        (root / f"dataset/{split}.txt").write_text("\n".join(names))
        for name in names:
            save(root / f"dataset/img/{name}.jpg", picture(0, SIZE))
            struct = {"Segmentation": np.where(ids == 255, 3, ids).astype(np.uint8)}
            io.savemat(root / f"dataset/cls/{name}.mat", {"GTcls": struct})


def folder(root: Path) -> None:
    """The water patches: 12 bands of int16, masks of 0 and 1."""
    tifffile = pytest.importorskip("tifffile")
    rng = np.random.default_rng(0)
    (root / "images").mkdir(parents=True)
    for i in range(10):
        bands = rng.integers(-300, 9000, (*SIZE, 12)).astype(np.int16)
        file = root / f"images/{i}.tif"
        tifffile.imwrite(file, bands, photometric="minisblack", planarconfig="contig")
        save(root / f"labels/{i}.png", scene([0, 1, 0, 0, 1, 1]))
