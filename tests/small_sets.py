"""A small data set of each kind, in the layout and with the names of the real one.

Each has two training samples or more. Most are built by the makers of the adapters'
own tests.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import test_ade20k
import test_aerial_sets
import test_carvana
import test_cityscapes
import test_cityscapes_family as family
import test_coco_exports
import test_coco_stuff
import test_cvat
import test_dsb2018
import test_dstl
import test_isbi2012
import test_label_studio
import test_labelme
import test_pascal_voc
import test_road_sets
import test_supervisely
import test_via
import test_voc_masks
import test_yolo
import volume_files
from pictures import IDS, pair, picture, save


class Miniature(NamedTuple):
    """kind: the adapter. build: writes it into a folder. flags: those that this form
    of it needs. more: flags with which it can be read."""

    kind: str
    build: Callable[[Path], object]
    flags: tuple[str, ...] = ()
    more: tuple[str, ...] = ()


def frames(images: str, labels: str, names: tuple[str, ...], ids=IDS, palette=None):
    """Writes images and labels of one size at these places."""

    def build(root: Path) -> None:
        for seed, name in enumerate(names):
            size = np.shape(ids)[:2]
            save(root / images.format(name), picture(seed, size))
            save(root / labels.format(name), ids, palette)

    return build


def text(name: str, content: str, build: Callable[[Path], object]):
    def both(root: Path) -> None:
        build(root)
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)

    return both


def acdc(root):
    for name in "GOPR0475_frame_000041", "GOPR0476_frame_000042":
        family.acdc(root, "fog", "train", name)


def cityscapes(kind):
    def build(root):
        for name in "aachen_000000_000019", "ulm_000001_000019":
            test_cityscapes.frame(root, "train", name, kind)

    return build


def carvana(*parts):
    def build(root):
        for part in parts:
            part(root)

    return build


def coco(file, folder=None):
    def build(root):
        names = ("a.png", "b.png")
        drawn = [test_coco_exports.annotation(i, 1, image=i) for i in (1, 2)]
        test_coco_exports.write(
            root / file,
            drawn,
            names=names,
            images=names,
            folder=folder and root / folder,
        )

    return build


def panoptic(name, masks, images, end="jpg"):
    """Two pictures of two segments."""

    def build(root):
        names = "us0000_100000", "us0001_100000"
        document = {
            "images": [{"id": n, "file_name": f"{n}.{end}"} for n in names],
            "categories": [
                {"id": 7, "name": "road", "isthing": 0},
                {"id": 9, "name": "car", "isthing": 1},
            ],
            "annotations": [
                {
                    "image_id": n,
                    "file_name": f"{n}.png",
                    "segments_info": [
                        {"id": 1, "category_id": 7},
                        {"id": 2, "category_id": 9},
                    ],
                }
                for n in names
            ],
        }
        segments = np.zeros((3, 4, 3), np.uint8)
        segments[..., 0] = np.where(IDS == 2, 2, 1)
        for n in names:
            save(root / images / f"{n}.{end}", picture(0, (3, 4)))
            save(root / masks / f"{n}.png", segments)
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(json.dumps(document))

    return build


STUFF = ("000000000009", "000000000025")


def stuff_json(root):
    frames("train2017/{}.jpg", "unused/{}.png", STUFF)(root)
    drawn = [
        test_coco_stuff.annotation(92, {"size": [3, 4], "counts": [2, 10]})
        | {"image_id": i}
        for i in (1, 2)
    ]
    listed = [{"id": i, "file_name": f"{n}.jpg"} for i, n in enumerate(STUFF, 1)]
    test_coco_stuff.document(root, drawn, listed)


def cvat(root):
    shapes = [test_cvat.image(test_cvat.SQUARE, name=f"{n}.png") for n in "ab"]
    test_cvat.make(root, "".join(shapes), images=("a.png", "b.png"))


def cvat_masks(root):
    for name in "a", "b":
        test_voc_masks.make(root, name)
    test_voc_masks.lists(root, default=["a", "b"])
    (root / "labelmap.txt").write_text(
        "# label:color_rgb:parts:actions\nbackground:0,0,0::\n"
        "aeroplane:128,0,0::\nperson:192,128,128::\n"
    )


def shards(root):
    import test_deeplab_records as made  # it needs TensorFlow

    for number, name in enumerate("ab"):  # its samples are divided by shards
        file = root / f"train-{number:05}-of-00002.tfrecord"
        made.write(file, made.deeplab(name))


def dsb2018(masks):
    def build(root):
        for name in "abc":
            test_dsb2018.image(root, name, masks=masks)
        if not masks:
            rows = [f"{n},{runs}" for n in "abc" for runs in test_dsb2018.RUNS]
            test_dsb2018.table(root / "stage1_train_labels.csv", rows)

    return build


def huggingface(root):
    """Parquet as `datasets` writes it: pictures are structs of bytes and a path."""
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    frames("{}.jpg", "{}.png", ("x", "y"))(root)
    columns: dict[str, list] = {
        column: [
            {"bytes": file.read_bytes(), "path": file.name}
            for file in sorted(root.glob(pattern))
        ]
        for column, pattern in (("image", "*.jpg"), ("label", "*.png"))
    }
    for file in "x.jpg", "y.jpg", "x.png", "y.png":
        (root / file).unlink()
    (root / "data").mkdir()
    parquet.write_table(
        pyarrow.table(columns), root / "data/train-00000-of-00001.parquet"
    )


def isbi2012(root):
    test_isbi2012.stack(root / "train-volume.tif", test_isbi2012.GRAY)
    test_isbi2012.stack(root / "train-labels.tif", test_isbi2012.CELLS)


def volumes(root):
    """Two cases of the Medical Decathlon."""
    label = np.arange(60, dtype=np.uint8).reshape(3, 4, 5) % 3
    for case in ("mr_001", "mr_002"):
        volume_files.nifti(root / f"imagesTr/{case}.nii.gz", label * np.float32(9))
        volume_files.nifti(root / f"labelsTr/{case}.nii.gz", label)
    names = {"0": "background", "1": "anterior", "2": "posterior"}
    told = {"modality": {"0": "MRI"}, "labels": names}
    (root / "dataset.json").write_text(json.dumps(told))


def isbi2012_png(root):
    """The 30 slices as many repositories have them."""
    for number in range(30):
        gray = np.zeros((512, 512), np.uint8)
        save(root / f"image/{number}.png", gray)
        gray[::2] = 255
        save(root / f"label/{number}.png", gray)


def label_studio(root):
    box = test_label_studio.region("rectangle", test_label_studio.BOX)
    oval = test_label_studio.region(
        "ellipse", {"x": 50, "y": 50, "radiusX": 10, "radiusY": 20, "rotation": 0}
    )
    annotation = test_label_studio.annotation(box, oval)
    (task,) = test_label_studio.make(root, annotation)
    other = task | {"id": 8, "data": {"image": "/data/upload/1/1a1b2c3d-c.png"}}
    save(root / "images/c.png", picture(0, test_label_studio.SIZE))
    (root / "project-1.json").write_text(json.dumps([task, other]))


def labelme(root):
    for name in "abc":
        shapes = [test_labelme.box("cat", 1, 1, 5, 5)]
        test_labelme.annotate(root, name, shapes)


def mapillary(root):
    test_road_sets.vistas(root, "v2.0/", "config_v2.0.json")
    frames(
        "training/images/{}.jpg",
        "training/v2.0/labels/{}.png",
        ("x",),
        test_road_sets.STORED,
    )(root)
    instances = test_road_sets.STORED * np.uint16(256)
    save(root / "training/v2.0/instances/x.png", instances)


def raster(root):
    maps = pytest.importorskip("geotiffs", reason="rasterio is missing")
    pyogrio = pytest.importorskip("pyogrio")
    shapely = pytest.importorskip("shapely")
    maps.geotiff(root / "area.tif", maps.noise(64, 64))
    square = shapely.box(500_100, 4_999_500, 500_300, 4_999_900)
    pyogrio.raw.write(
        root / "fields.gpkg",
        np.array([shapely.to_wkb(square)], object),
        [np.array(["wheat"], object)],
        ["crop"],
        geometry_type="Polygon",
        crs=maps.CRS,
    )


def supervisely(root):
    shapes = [test_supervisely.SQUARE, test_supervisely.RECT]
    test_supervisely.make(root, {f"{name}.png": shapes for name in TWO})


def via(name="via_region_data.json"):
    def build(root):
        drawn = test_via.regions(test_via.SQUARE, test_via.CIRCLE)
        file = test_via.make(root, {"a.png": drawn, "b.png": drawn})
        if name.endswith("csv"):
            test_via.as_csv(file)

    return build


SQUARE = "0 0.1 0.1 0.6 0.1 0.6 0.6\n1 0.7 0.7 0.9 0.7 0.9 0.9\n"
BOXES = "0 0.5 0.5 0.2 0.2\n"


def yolo(**places):
    def build(root):
        test_yolo.make(root, {"train": {"a": SQUARE, "b": SQUARE}}, **places)

    return build


def yolo_of_label_studio(root):
    test_yolo.make(
        root,
        {"": {"a": SQUARE, "b": SQUARE}},
        yaml="",
        images="images",
        labels="labels",
    )
    (root / "classes.txt").write_text("cat\ndog\n")


GTA = np.arange(34, dtype=np.uint8).reshape(2, 17)
STORED = np.array([[0, 2, 1], [91, 181, 255]], np.uint8)
PIXELMAP = np.array([[0, 92, 182], [183, 149, 0]], np.uint8)
ROAD = ("000000_10", "000001_10")
VOC = ("2007_000032", "2007_000033")
TWO = ("x", "y")

MINIATURES = {
    "acdc": Miniature("acdc", acdc),
    "ade20k": Miniature("ade20k", test_ade20k.make),
    "apolloscape": Miniature("apolloscape", test_road_sets.apollo),
    "bdd100k": Miniature(
        "bdd100k",
        frames(
            "images/10k/train/{}.jpg", "labels/sem_seg/masks/train/{}.png", ("a", "b")
        ),
    ),
    "bdd100k of 2018": Miniature(
        "bdd100k",
        frames("seg/images/train/{}.jpg", "seg/labels/train/{}_train_id.png", TWO),
    ),
    "bdd100k drivable": Miniature(
        "bdd100k",
        frames("images/100k/train/{}.jpg", "labels/drivable/masks/train/{}.png", TWO),
        ("--labels", "drivable"),
    ),
    "camvid": Miniature(
        "camvid",
        frames(
            "train/{}.png",
            "trainannot/{}.png",
            ("0001TP_006690", "0006R0_f02910"),
            np.where(IDS == 255, 11, IDS).astype(np.uint8),
        ),
    ),
    "camvid 32": Miniature("camvid", test_road_sets.original, (), ("--classes", "32")),
    "carvana": Miniature("carvana", carvana(test_carvana.images, test_carvana.masks)),
    "carvana runs": Miniature(
        "carvana", carvana(test_carvana.images, test_carvana.table)
    ),
    "cityscapes": Miniature("cityscapes", cityscapes("gtFine")),
    "cityscapes coarse": Miniature("cityscapes", cityscapes("gtCoarse"), ("--coarse",)),
    "coco": Miniature(
        "coco", coco("annotations/instances_train2017.json", "train2017")
    ),
    "coco roboflow": Miniature("coco", coco("train/_annotations.coco.json")),
    "coco cvat": Miniature(
        "coco", coco("annotations/instances_default.json", "images")
    ),
    "coco label studio": Miniature("coco", coco("result.json", "images")),
    "coco labelme2coco": Miniature("coco", coco("annotations.json", "JPEGImages")),
    "coco_panoptic": Miniature(
        "coco_panoptic",
        panoptic(
            "annotations/panoptic_train2017.json",
            "annotations/panoptic_train2017",
            "train2017",
        ),
    ),
    "coco_stuff maps": Miniature(
        "coco_stuff",
        frames("train2017/{}.jpg", "stuffthingmaps/train2017/{}.png", STUFF, STORED),
    ),
    "coco_stuff annotations": Miniature(
        "coco_stuff",
        frames(
            "images/train2017/{}.jpg", "annotations/train2017/{}.png", STUFF, STORED
        ),
    ),
    "coco_stuff pixelmaps": Miniature(
        "coco_stuff",
        frames(
            "images/train2017/{}.jpg",
            "annotations/stuff_train2017_pixelmaps/{}.png",
            STUFF,
            PIXELMAP,
        ),
    ),
    "coco_stuff json": Miniature("coco_stuff", stuff_json),
    "cvat": Miniature("cvat", cvat),
    "deeplab_records": Miniature("deeplab_records", shards),
    "dsb2018": Miniature("dsb2018", dsb2018(True)),
    "dsb2018 runs": Miniature("dsb2018", dsb2018(False)),
    "dstl": Miniature(
        "dstl",
        lambda root: test_dstl.make(
            root,
            {1: test_dstl.wkt([test_dstl.ring(1, 1, 4, 4)])},
            ("6010_1_2", "6020_1_2"),
        ),
    ),
    "folder": Miniature("folder", frames("images/{}.png", "masks/{}.png", TWO)),
    "folder of splits": Miniature(
        "folder", frames("train/images/{}.jpg", "train/masks/{}.png", TWO)
    ),
    "folder of suffixes": Miniature(
        "folder", frames("train/{}.jpg", "train/{}_mask.png", TWO)
    ),
    "folder, one": Miniature("folder", frames("{}.jpg", "{}.png", TWO)),
    "folder as mmsegmentation": Miniature(
        "folder", frames("img_dir/train/{}.jpg", "ann_dir/train/{}.png", TWO)
    ),
    "gta5": Miniature(
        "gta5",
        frames(
            "images/{}.png", "labels/{}.png", ("00001", "00002"), GTA, family.COLOUR_OF
        ),
    ),
    "huggingface": Miniature("huggingface", huggingface),
    "idd": Miniature(
        "idd",
        frames(
            "leftImg8bit/train/7/{}_leftImg8bit.png",
            "gtFine/train/7/{}_gtFine_labellevel3Ids.png",
            ("000123", "000124"),
        ),
    ),
    "isaid": Miniature(
        "isaid",
        frames(
            "train/images/{}.png",
            "train/Semantic_masks/images/{}_instance_color_RGB.png",
            ("P0002", "P0003"),
            np.array([[[0, 0, 63], [0, 0, 0]]] * 2, np.uint8),
        ),
    ),
    "isaid tiles": Miniature(
        "isaid",
        frames(
            "img_dir/train/{}.png",
            "ann_dir/train/{}_instance_color_RGB.png",
            ("P0003_0_896_0_896", "P0004_0_896_0_896"),
        ),
    ),
    "isbi2012": Miniature("isbi2012", isbi2012),
    "isbi2012 png": Miniature("isbi2012", isbi2012_png),
    "kitti": Miniature(
        "kitti",
        frames("training/image_2/{}.png", "training/semantic/{}.png", ROAD, GTA),
    ),
    "label_studio": Miniature("label_studio", label_studio),
    "labelme": Miniature("labelme", labelme),
    "loveda": Miniature(
        "loveda",
        frames(
            "Train/Rural/images_png/{}.png",
            "Train/Rural/masks_png/{}.png",
            ("0", "1"),
            test_aerial_sets.LOVEDA,
        ),
    ),
    "mapillary": Miniature("mapillary", mapillary),
    "pascal_context": Miniature(
        "pascal_context",
        text(
            "ImageSets/SegmentationContext/val.txt",
            "",
            text(
                "ImageSets/SegmentationContext/train.txt",
                "\n".join(VOC),
                frames(
                    "JPEGImages/{}.jpg",
                    "SegmentationClassContext/{}.png",
                    VOC,
                    np.arange(60, dtype=np.uint8).reshape(6, 10),
                ),
            ),
        ),
    ),
    "pascal_voc": Miniature(
        "pascal_voc", lambda root: test_pascal_voc.make_voc(root, train=VOC)
    ),
    "pascal_voc devkit": Miniature(
        "pascal_voc",
        lambda root: test_pascal_voc.make_voc(
            root / "VOCdevkit/VOC2007", train=("000032", "000033")
        ),
    ),
    "raster": Miniature("raster", raster, (), ("--binary", "--cut", "32", "32")),
    "sbd": Miniature(
        "sbd", lambda root: test_pascal_voc.make_sbd(root, train=VOC, val=())
    ),
    "supervisely": Miniature("supervisely", supervisely),
    "via": Miniature("via", via()),
    "via csv": Miniature("via", via("via.csv")),
    "voc_masks": Miniature("voc_masks", cvat_masks),
    "volumes": Miniature("volumes", volumes),
    "wilddash": Miniature(
        "wilddash",
        frames(
            "images/{}.jpg",
            "labels/{}.png",
            ("us0000_100000", "us0001_100000"),
            GTA,
        ),
    ),
    "wilddash panoptic": Miniature(
        "wilddash", panoptic("panoptic.json", "panoptic", "images")
    ),
    "yolo": Miniature("yolo", yolo()),
    "yolo roboflow": Miniature("yolo", yolo(images="{}/images", labels="{}/labels")),
    "yolo label studio": Miniature("yolo", yolo_of_label_studio),
}
"""Forms of each adapter's data, by name."""


def pictures_alone(root):
    for name in TWO:
        save(root / f"{name}.jpg", picture())


def classification(root):
    for name in "cat/1", "dog/2":
        save(root / f"{name}.jpg", picture())


def two_sets(root):
    """Images and masks, and in another folder polygons."""
    pair(root / "one", "a")
    yolo()(root / "two")
