"""Masks in the colours of PASCAL VOC or of a labelmap.txt, in the folders of VOC.

What CVAT ("Segmentation mask 1.1"), datumaro, labelme2voc, VOTT and others write: RGB
or palette PNG files in SegmentationClass, and object ids in SegmentationObject.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro

from kerasseg import UserError
from kerasseg.data.datasets import pascal_voc
from kerasseg.data.datasets.frames import numbered
from kerasseg.data.reading.drawn.polygons import BACKGROUND
from kerasseg.data.reading.legends.legend import Legend, read_legend
from kerasseg.data.reading.masks.mask import read_mask
from kerasseg.data.reading.masks.mask_flags import MaskFlags
from kerasseg.data.reading.masks.mask_labels import Rule, label_of
from kerasseg.data.reading.masks.mask_rule import rule_for
from kerasseg.data.reading.negatives import Negatives, negatives_note
from kerasseg.data.reading.pictures.fitted import format_of, sample_image
from kerasseg.data.reading.voc_folder import VocEntry, voc_entries, voc_root
from kerasseg.data.sample import Sample, Samples
from kerasseg.image_format import ImageFormat
from kerasseg.taxonomy import Taxonomy

BORDER = (224, 224, 192)
"""VOC's colour along borders and of what is difficult, which is ignored."""
LEGENDS = ("labelmap.txt", "label_map.txt", "class_names.txt", "classes.txt")
MASKS = MaskFlags()


def load(
    src: Path,
    /,
    *,
    masks: Annotated[MaskFlags, tyro.conf.arg(name="")] = MASKS,
    negatives: Negatives = "ask",
) -> tuple[Taxonomy, dict[str, Samples]]:
    """Masks in VOC's folders: JPEGImages, SegmentationClass, ImageSets/Segmentation.

    Classes and colours are those of labelmap.txt (or class_names.txt of labelme2voc);
    without one, VOC's 21. Masks are RGB or palette files; (224, 224, 192) and palette
    index 255 are ignored. Splits are the lists (default.txt is train); without
    lists all masks are train. Samples have object ids where SegmentationObject has.

    Args:
        src: Folder that holds SegmentationClass.
        masks: What the masks mean.
        negatives: Images that are listed and have no mask. background: nothing is on
            them. skip: they are left out. ask: refused.

    Raises:
        UserError: files that are missing or are not laid out like this.
    """
    src = Path(src)
    root = voc_root(src)
    if root is None:
        raise UserError(
            f"{src} holds no folder SegmentationClass. Name the unpacked export; for "
            "other names of folders there is python -m kerasseg.prepare folder."
        )
    splits, notes = voc_entries(root)
    legend, said = _legend(root, masks)
    entries = [e for listed in splits.values() for e in listed]
    files = [e.mask for e in entries if e.mask]
    legend = _with_border(legend, masks)
    rule = rule_for(files, masks, legend)
    first = _background_first(legend)
    if rule.kind == "colours" and first.names != legend.names:
        legend, rule = first, rule_for(files, masks, first)
    empty = [e.image for e in entries if not e.mask]
    notes.append(negatives_note(negatives, empty, len(entries), "mask"))
    first_class = rule.taxonomy.names[0].casefold()
    lacks = rule.taxonomy.exclusive and first_class not in BACKGROUND
    if empty and negatives == "background" and lacks:
        raise UserError(
            "--negatives background needs a class background, which is not in "
            f"{legend.file}. Add the line 'background:0,0,0::'."
        )
    kept = {
        split: [e for e in listed if e.mask or negatives == "background"]
        for split, listed in splits.items()
    }
    image_format, more = format_of(e.image for e in entries)
    source = {
        "legend": {"line": f"{said}\n{legend}"},
        "masks": {**rule.to_json(), "line": str(rule)},
        "layout": {"line": "; ".join(filter(None, (*notes, *more)))},
    }
    source = {key: value for key, value in source.items() if value["line"]}
    read_entry = partial(_read, rule=rule, image_format=image_format)
    return rule.taxonomy, {
        split: Samples(listed, read_entry, None, _id, image_format, source)
        for split, listed in kept.items()
    }


def _legend(root: Path, masks: MaskFlags) -> tuple[Legend, str]:
    """The legend, and where it is from."""
    if masks.legend:
        return read_legend(Path(masks.legend)), f"{masks.legend}:"
    for file in (folder / n for folder in (root, root.parent) for n in LEGENDS):
        if file.is_file():
            found = read_legend(file)
            if found.colours or file.name != "class_names.txt":
                return found, f"{file}:"
            return _coloured(found), f"{file}, in VOC's colours:"
    names, colours = pascal_voc.TAXONOMY.names, pascal_voc.TAXONOMY.colours
    return Legend(names, colours), "No labelmap.txt: classes and colours of VOC."


def _coloured(legend: Legend) -> Legend:
    """labelme2voc: names in the order of VOC's colours."""
    colours = tuple(pascal_voc.colour(i) for i in range(len(legend.names)))
    return replace(legend, colours=colours)


def _with_border(legend: Legend, masks: MaskFlags) -> Legend:
    known = (*legend.colours, *legend.ignored_colours, *masks.ignore_colour)
    if not legend.colours or BORDER in known:
        return legend
    return replace(legend, ignored_colours=(*legend.ignored_colours, BORDER))


def _background_first(legend: Legend) -> Legend:
    """The legend with the background as class 0, as all adapters of tools have it."""
    if not legend.colours or legend.ids:
        return legend
    order = sorted(
        range(len(legend.names)),
        key=lambda i: legend.names[i].casefold() not in BACKGROUND,
    )
    return replace(
        legend,
        names=tuple(legend.names[i] for i in order),
        colours=tuple(legend.colours[i] for i in order),
    )


def _id(entry: VocEntry) -> str:
    return entry.id


def _read(entry: VocEntry, rule: Rule, image_format: ImageFormat) -> Sample:
    pixels, valid, encoded = sample_image(entry.image, image_format)
    size = pixels.shape[:2]
    taxonomy, instance = rule.taxonomy, None
    label = np.zeros((*size, *taxonomy.planes), taxonomy.label_type)
    if entry.mask:
        label = label_of(entry.mask, rule)
        _check(entry.mask, label.shape[:2], entry.image, size)
        if entry.objects and rule.taxonomy.exclusive:
            instance = _objects(entry.objects, label)
            _check(entry.objects, instance.shape, entry.image, size)
    return Sample(entry.id, pixels, label, instance, encoded=encoded, valid=valid)


def _check(mask: Path, found: tuple, image: Path, size: tuple[int, int]) -> None:
    if found != size:
        raise UserError(
            f"Mask {mask} has {found} pixels (height, width), its image {image} has "
            f"{size}. Put the image back that was annotated."
        )


def _objects(file: Path, label: np.ndarray) -> np.ndarray:
    """(H, W) uint16 ids of the colours or palette indices of SegmentationObject.

    Objects are numbered 1, 2, ... by these; the border and ignored pixels are none.
    """
    pixels, _ = read_mask(file)
    none = 255  # palette index of the border
    if pixels.ndim == 3:
        pixels = pixels.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
        none = BORDER[0] << 16 | BORDER[1] << 8 | BORDER[2]
    if pixels.shape != label.shape:
        return pixels
    return numbered(np.where(pixels == none, 0, pixels), label)
