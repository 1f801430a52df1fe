"""Folders that are no data sets to prepare, though they may look so: what to do."""

from __future__ import annotations

import re

from kerasseg.data.datasets.recognition.tool_marks import words
from kerasseg.data.reading.pairing.folders import word_of
from kerasseg.data.reading.pairing.listing import Listing, is_picture
from kerasseg.data.reading.pictures.signatures import OTHERS

ARCHIVE = re.compile(r"\.(zip|tar|tgz|tar\.gz|tar\.bz2|tar\.xz|7z|rar)$", re.IGNORECASE)

BOXES = (
    ("**/*.xml", b"<bndbox>", "boxes of PASCAL VOC"),
    ("**/_annotations.createml.json", b"coordinates", "boxes of CreateML"),
    ("**/label_2/*.txt", b"", "boxes of KITTI"),
)
"""Files of boxes, a word that is in them, and what they are."""


def what_else(found: Listing) -> str:
    """What a folder is instead, with the cure; "" where it may be a data set.

    found: also of one file.
    """
    src = found.root
    archives = [name for name in found.names if ARCHIVE.search(name)]
    if archives and len(archives) == len(found.names):
        file = src / archives[0]
        folder = ARCHIVE.sub("", str(file))
        ending = str(file)[len(folder) :].lower()
        unpack = f"tar -xf {file} -C {folder}"
        if ending in (".7z", ".rar"):
            unpack = f"7z x {file} -o{folder}"
        elif ending == ".zip":
            unpack = f"unzip {file} -d {folder}"
        also = f" ({len(archives)} archives)" if len(archives) > 1 else ""
        return (
            f"{file} is an archive{also}. Unpack it (mkdir -p {folder} && {unpack}), "
            "and name the folder."
        )
    if found.first("dataset.json") and found.first("*-#####-of-#####.tfrecord"):
        if b'"splits"' in words(src / "dataset.json"):
            return (
                f"{src} holds records that kerasseg has written. Train with them: "
                f"python -m kerasseg.train --data.records {src}."
            )
    parts = found.first("{training,validation}/**/*_parts_#.png")
    if parts and found.first("{training,validation}/**/*_seg.png"):
        return (
            f"{src} is the full ADE20K ({parts}), which is not read. Use "
            "ADEChallengeData2016 of the SceneParsing benchmark."
        )
    if found.first("taxonomy.json"):
        return (
            f"{src} holds a network (taxonomy.json), not a data set. Name the folder "
            "of images and labels."
        )
    if found.first("{,#/,##/}saved_model.pb"):
        return (
            f"{src} holds a SavedModel, not a data set. Name the folder of images and "
            "labels."
        )
    built = found.first("{,#.#.#/,*/#.#.#/}features.json")
    if built and found.first("{,#.#.#/,*/#.#.#/}dataset_info.json"):
        return (
            f"{src} is a set of tensorflow-datasets ({built}). Read it by its name "
            "there: python -m kerasseg.prepare tfds:NAME OUT --data-dir FOLDER."
        )
    return ""


def lacking(found: Listing) -> str:
    """What a folder has instead of masks, in words to go on with; "" for no idea."""
    packed = [name for name in found.names if ARCHIVE.search(name)]
    if packed:
        return f"; if the data are in {packed[0]}, unpack it"
    for kind, (cure, endings) in OTHERS.items():
        if any(found.counts[ending] for ending in endings):
            return f"; {kind} files are not read. {cure}"
    for pattern, word, what in BOXES:
        file = found.first(pattern)
        if file and word in words(found.root / file):
            return f"; {file} holds {what}, and boxes are no masks"
    if not any(map(is_picture, found.names)):
        return ", and no picture"
    folders = {n.rpartition("/")[0] for n in found.names if is_picture(n)}
    if len(folders) > 1 and not any(word_of(f.split("/")[-1]).role for f in folders):
        return ", pictures in folders as for classification, and no masks"
    return ", and no masks beside the pictures, nor a tool's file of what is drawn"
