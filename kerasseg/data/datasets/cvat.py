"""CVAT's own formats: "Segmentation mask 1.1" and the XML "for images" and "for video".

docs.cvat.ai, formats. Its other exports are those of other tools: adapters coco, yolo.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from functools import partial
from glob import escape
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tyro

from kerasseg import UserError
from kerasseg.data.datasets import voc_masks
from kerasseg.data.reading.drawn.coco_masks import mask_of
from kerasseg.data.reading.drawn.cvat_xml import OTHERS, CvatFile, CvatImage, read_cvat
from kerasseg.data.reading.drawn.drawings import Drawing, Painted, samples_of
from kerasseg.data.reading.drawn.json_errors import drawn
from kerasseg.data.reading.drawn.named_images import (
    NamedImages,
    images_below,
    is_image,
    sample_ids,
    split_in,
)
from kerasseg.data.reading.drawn.polygons import (
    VOID,
    Boxes,
    box_rule,
    class_ids,
    class_of_box,
    ellipse,
)
from kerasseg.data.reading.legends.legend_entry import colour_of
from kerasseg.data.reading.masks.mask_flags import MaskFlags
from kerasseg.data.reading.negatives import Negatives, negatives_note
from kerasseg.data.reading.optional_packages import require
from kerasseg.data.reading.pairing.names import is_junk
from kerasseg.data.reading.pairing.splits import named, split_of
from kerasseg.data.reading.voc_folder import voc_root
from kerasseg.data.sample import Samples
from kerasseg.taxonomy import Taxonomy

PATTERNS = ("*.xml", "*/*.xml", "*/*/*.xml")
MASKS = MaskFlags()


def load(
    src: Path,
    /,
    *,
    masks: Annotated[MaskFlags, tyro.conf.arg(name="")] = MASKS,
    negatives: Negatives = "ask",
    boxes: Boxes = "ask",
) -> tuple[Taxonomy, dict[str, Samples]]:
    """CVAT: "Segmentation mask 1.1", "CVAT for images 1.1" or "CVAT for video 1.1".

    Masks: SegmentationClass/*.png in the colours of labelmap.txt, read as the dataset
    voc_masks. XML: annotations.xml with images/ beside it, or several such files below
    SRC. Class 0 is the background, the others are CVAT's labels in their order, but
    those of points and tags. Shapes are painted from the lowest z_order up, as CVAT
    exports them to masks: polygons and boxes by COCO's rule. Lines, points, cuboids and
    tags are left out and counted. Subsets are the splits. Tracks of a video need its
    frames as images. Samples have object ids: the position of the shape.

    Args:
        src: Folder of the unpacked export; or the XML file.
        masks: What masks mean; only for "Segmentation mask 1.1", but for --overlap.
        negatives: Images without a mask or a shape. background: nothing is on them.
            skip: they are left out, as not yet annotated. ask: refused.
        boxes: Boxes. ask: filled as objects, but refused where all shapes are boxes.
            ignore: ignored inside. background: they are left out.

    Raises:
        UserError: files that are missing or are not laid out like this.
    """
    src = Path(src)
    files = [src] if src.is_file() else _files(src)
    if not files and voc_root(src):
        return voc_masks.load(src, masks=masks, negatives=negatives)
    if not files:
        raise UserError(
            f"{src} holds neither an XML file of CVAT nor SegmentationClass. Export "
            "'CVAT for images 1.1' or 'Segmentation mask 1.1' and unpack it."
        )
    if masks not in (MASKS, MaskFlags(overlap=True)):
        raise UserError(f"{files[0]} holds shapes: flags on masks have no use here.")
    require("pycocotools.mask")
    found = {file: read_cvat(file) for file in files}
    taxonomy, ids = _classes(found)
    counts: Counter[str] = sum((f.counts for f in found.values()), Counter())
    areas = sum(counts.values()) - sum(counts[kind] for kind in OTHERS)
    if not areas:
        seen = ", ".join(f"{n} {kind}" for kind, n in counts.items()) or "nothing"
        raise UserError(f"{files[0]} has no shape with an inside, but {seen}.")
    rule, note = box_rule(boxes, counts["box"], areas, "object", files[0])
    notes = [note]
    notes += [f"{counts[k]} of <{k}> are left out" for k in OTHERS if counts[k]]
    splits = _drawings({file: _listed(file, src, found[file]) for file in files})
    empty = [d.image for listed in splits.values() for d in listed if not d.shapes]
    images = sum(map(len, splits.values()))
    notes.append(negatives_note(negatives, empty, images, "shape"))
    names = named(splits)
    kept = {
        names[split]: [d for d in listed if d.shapes or negatives == "background"]
        for split, listed in splits.items()
    }
    painted = partial(_masks, ids=ids, boxes=rule)
    return samples_of(
        kept,
        painted,
        small_on_top=False,
        notes=notes,
        taxonomy=taxonomy,
        overlap=masks.overlap,
    )


def _files(src: Path) -> list[Path]:
    """The XML files of CVAT that lie least deep."""
    for pattern in PATTERNS:
        files = [f for f in sorted(src.glob(pattern)) if not is_junk(f)]
        fitting = [f for f in files if f.is_file() and _is_cvat(f)]
        if fitting:
            return fitting
    return []


def _is_cvat(file: Path) -> bool:
    with file.open("rb") as opened:
        return b"<annotations>" in opened.read(4096)


def _classes(found: dict[Path, CvatFile]) -> tuple[Taxonomy, dict[str, int]]:
    """The labels of all files, in CVAT's colours where these tell them apart."""
    labels: dict[str, str] = {}
    for content in found.values():
        labels |= {k: v for k, v in content.labels.items() if k not in labels}
    taxonomy, ids = class_ids(labels)
    colours = [colour_of(labels[name]) for name in taxonomy.names[1:]]
    if len({c for c in colours if c and any(c)}) == len(colours):
        all_colours = ((0, 0, 0), *(c for c in colours if c))
        return Taxonomy(taxonomy.names, all_colours), ids
    return taxonomy, ids


Listed = list[tuple[str, CvatImage, Path]]
"""Split, image and its file."""


def _drawings(found: dict[Path, Listed]) -> dict[str, list[Drawing]]:
    """The images of all files by split."""
    splits: dict[str, list[tuple[CvatImage, Path, Path]]] = {}
    for file, listed in found.items():
        for split, image, path in listed:
            splits.setdefault(split, []).append((image, path, file))
    return {
        split: [
            Drawing(name, path, file, image.size, image.painted)
            for name, (image, path, file) in zip(
                sample_ids([path for _, path, _ in listed]), listed, strict=True
            )
        ]
        for split, listed in splits.items()
    }


def _listed(file: Path, src: Path, found: CvatFile) -> Listed:
    """The images of a file; its name or folder may say the split, else the subset."""
    root = src if src.is_dir() else file.parent
    own = split_in(file.stem)
    if file.parent != root:
        own = own or split_of(file.parent.name)
    listed, missing = [], []
    for image, path in _paths(file, root, found):
        if path is None:
            missing.append(image.name)
        else:
            split = own or split_of(image.subset) or image.subset or "default"
            listed.append((split, image, path))
    if missing:
        more = f" ({len(missing)} such images)" if len(missing) > 1 else ""
        raise UserError(
            f"{file} names {missing[0]}, which is not in {file.parent / 'images'} nor "
            f"below {root}{more}. Put it there (CVAT exports it with 'Save images')."
        )
    return listed


def _paths(
    file: Path, root: Path, found: CvatFile
) -> Iterator[tuple[CvatImage, Path | None]]:
    base = file.parent
    if found.video:
        yield from _frames(base, found)
        return
    finders: dict[str, NamedImages] = {}
    for image in found.images:
        of = image.subset
        folders = [base / "images" / of, base / "images", base / of, base]
        finder = finders.setdefault(of, NamedImages(folders, root, of))
        yield image, finder.find(image.name) or _of_stem(folders, image.name)


def _of_stem(folders: list[Path], name: str) -> Path | None:
    """Frames of a video "for images" have no ending: frame_000000."""
    for folder in folders:
        found = sorted((folder / name).parent.glob(f"{escape(Path(name).name)}.*"))
        found = [path for path in found if is_image(path)]
        if found:
            return found[0] if len(found) == 1 else None
    return None


def _frames(base: Path, found: CvatFile) -> Iterator[tuple[CvatImage, Path | None]]:
    """The frames of a video, by the last number of the names of images."""
    files: dict[int, Path] = {}
    for path in images_below(base):
        digits = re.findall(r"\d+", path.stem)
        if digits and files.setdefault(int(digits[-1]), path) != path:
            raise UserError(
                f"{path} and {files[int(digits[-1])]} are both frame {digits[-1]}. "
                "Move one of them away."
            )
    for image in found.images:
        image.name = f"frame_{image.frame:06}.png"
        yield image, files.pop(image.frame, None)
    size = found.images[0].size if found.images else (0, 0)
    for number, path in sorted(files.items()):
        yield CvatImage(path.name, found.images[0].subset, size, number), path


def _masks(
    drawing: Drawing, size: tuple[int, int], ids: dict[str, int], boxes: Boxes
) -> Iterator[Painted]:
    for number, shape in enumerate(map(json.loads, drawing.shapes), 1):
        where = f"{drawing.source}: shape {number} of {drawing.image.name}"
        label = shape.get("label", "")
        if label and label not in ids:
            raise UserError(
                f"{where} has the label '{label}', which is not listed. Export it "
                "again."
            )
        class_id = ids[label] if label else VOID
        if shape["kind"] == "box":
            if boxes == "background":
                continue
            class_id = class_of_box(class_id, boxes)
        with drawn(where):
            mask = _mask(shape, size)
        yield class_id, mask


def _mask(shape: dict[str, Any], size: tuple[int, int]) -> np.ndarray:
    kind, degrees = shape["kind"], float(shape.get("rotation") or 0)
    if kind == "mask":
        return _bitmap(shape, size)
    if kind == "ellipse":
        cx, cy, rx, ry = (float(shape[key]) for key in ("cx", "cy", "rx", "ry"))
        return ellipse((cx, cy), (rx, ry), degrees, size)
    if kind == "polygon":
        points = [pair.split(",") for pair in shape["points"].split(";")]
        return mask_of([[float(v) for pair in points for v in pair]], size)
    x0, y0, x1, y1 = (float(shape[key]) for key in ("xtl", "ytl", "xbr", "ybr"))
    corners = np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])
    turn, centre = np.radians(degrees), corners.mean(0)
    cosine, sine = np.cos(turn), np.sin(turn)
    corners = (corners - centre) @ np.array([[cosine, sine], [-sine, cosine]]) + centre
    return mask_of([corners.ravel().tolist()], size)


def _bitmap(shape: dict[str, Any], size: tuple[int, int]) -> np.ndarray:
    """Runs of zeros and ones in turn, row by row, inside the box of the mask."""
    runs = np.array([int(run) for run in shape["rle"].split(",")])
    left, top, width, height = (
        int(float(shape[key])) for key in ("left", "top", "width", "height")
    )
    inside = min(left, top) >= 0 and left + width <= size[1] and top + height <= size[0]
    if (runs < 0).any() or runs.sum() != width * height or not inside:
        raise UserError(
            f"its runs of {runs.sum()} pixels do not fill {width} x {height} pixels at "
            f"{left}, {top} in an image of {size}"
        )
    mask = np.zeros(size, bool)
    part = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    mask[top : top + height, left : left + width] = part.reshape(height, width)
    return mask
