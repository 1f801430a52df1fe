"""Data sets of HuggingFace on disk: Parquet files, or what `save_to_disk` wrote.

huggingface.co/docs/datasets: columns of images are {bytes, path}. Read by pyarrow.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import tyro

from kerasseg import UserError
from kerasseg.data.reading.drawn.named_images import split_in
from kerasseg.data.reading.legends import legend_json
from kerasseg.data.reading.legends.legend import Legend, read_legend
from kerasseg.data.reading.masks.mask_flags import MaskFlags
from kerasseg.data.reading.masks.mask_labels import Rule, label_of
from kerasseg.data.reading.masks.mask_rule import rule_for
from kerasseg.data.reading.pairing.names import is_junk
from kerasseg.data.reading.pairing.splits import named, split_of
from kerasseg.data.reading.pictures.fitted import format_of, sample_image
from kerasseg.data.reading.tables import Cell, Column, Table, read_table, values
from kerasseg.data.sample import Sample, Samples
from kerasseg.image_format import ImageFormat
from kerasseg.taxonomy import Taxonomy

SHARD = re.compile(r"(?P<split>.*?)-?(?P<number>\d{5})-of-(?P<count>\d{5})")
IMAGES = ("image", "img", "pixel_values", "images", "photo", "input")
LABELS = (
    *("label", "annotation", "mask", "labels", "segmentation", "segmentation_mask"),
    *("semantic_segmentation", "seg", "gt", "masks", "annotations", "target"),
)
"""Usual names of the columns."""
LEGENDS = (
    "id2label.json",
    "label2id.json",
    "classes.txt",
    "labels.txt",
    "classes.json",
)
MASKS = MaskFlags()


@dataclass(frozen=True)
class Row:
    """A sample: its id, and the cells of its image and its mask."""

    id: str
    image: Cell
    label: Cell


def load(
    src: Path,
    /,
    *,
    image: str = "",
    label: str = "",
    masks: Annotated[MaskFlags, tyro.conf.arg(name="")] = MASKS,
) -> tuple[Taxonomy, dict[str, Samples]]:
    """HuggingFace: data/train-00000-of-00002.parquet, or a folder of save_to_disk.

    One row is a sample, with a column of images and one of masks (image files, or lists
    of numbers). The names of the files or of their folders are the splits; a test split
    without masks is left out. Classes are those of --legend, of id2label.json beside
    the files, or of the feature itself. Masks are read by the rules of prepare folder.
    Rows are read one after the other: the tables may be larger than memory.

    Args:
        src: Folder of the data set, or one file of it.
        image: Column of images, where it is not one called image, pixel_values, ...
        label: Column of masks, where it is not one called label, annotation, mask, ...
        masks: What the masks mean.

    Raises:
        UserError: files that are missing or are not laid out like this.
    """
    src = Path(src)
    files = _files(src)
    tables = {s: [read_table(f) for f in listed] for s, listed in files.items()}
    first = (tables.get("train") or next(iter(tables.values())))[0]
    columns = [_column(first, image, IMAGES, "--image", label)]
    columns.append(_column(first, label, LABELS, "--label", columns[0]))
    for table in (t for listed in tables.values() for t in listed):
        lost = [c for c in columns if c not in table.columns]
        if lost:
            raise UserError(f"{table.file} has no column {lost[0]}, {first.file} has.")
    readers = Column(columns[0]), Column(columns[1])
    said = [f"images are '{columns[0]}', masks '{columns[1]}'"]
    if len(tables) > 1 and _empty(tables.get("test", []), columns[1]):
        said.append("test has no masks and is left out")
        tables.pop("test")
    rows = {s: _rows(listed, readers) for s, listed in tables.items()}
    everything = [row for listed in rows.values() for row in listed]
    if not everything:
        raise UserError(f"{src} has no row. Download it again.")
    legend = _legend(src, masks, first.features.get(columns[1]))
    rule = rule_for([row.label for row in everything], masks, legend)
    image_format, notes = format_of(row.image for row in everything)
    source = {
        "columns": {"line": "; ".join((*said, *notes))},
        "masks": {**rule.to_json(), "line": str(rule)},
    }
    if legend.names:
        source["legend"] = {"line": f"{legend.file}:\n{legend}"}
    read_row = partial(_read, rule=rule, image_format=image_format)
    return rule.taxonomy, {
        split: Samples(listed, read_row, None, _id, image_format, source)
        for split, listed in rows.items()
    }


def _files(src: Path) -> dict[str, list[Path]]:
    """The files of each split, in the order of their numbers.

    Raises UserError for none, for several configurations, and for lost shards.
    """
    found = [src] if src.is_file() else sorted(src.rglob("*.parquet"))
    found = found or sorted(src.rglob("*.arrow"))
    found = [f for f in found if not is_junk(f) and not f.name.startswith("cache-")]
    if not found:
        raise UserError(
            f"{src} holds no .parquet nor .arrow file. Name the folder of a data set "
            "that was downloaded as files, or written by save_to_disk."
        )
    splits: dict[tuple[str, str], list[Path]] = {}
    for file in found:
        splits.setdefault(_place(file, src), []).append(file)
    configurations = sorted({place for place, _ in splits})
    if len(configurations) > 1:
        raise UserError(
            f"{src} holds several data sets ({', '.join(configurations)[:200]}). Name "
            "one of these folders as SRC."
        )
    names = named([split for _, split in splits])
    for (_, split), listed in splits.items():
        shards = [match for f in listed if (match := SHARD.fullmatch(_stem(f)))]
        count = max((int(match["count"]) for match in shards), default=0)
        lost = set(range(count)) - {int(match["number"]) for match in shards}
        if lost and src.is_dir():
            raise UserError(
                f"{listed[0].parent} lacks {len(lost)} of the {count} files of "
                f"{split}, such as number {min(lost):05}. Download them too."
            )
    return {names[split]: listed for (_, split), listed in splits.items()}


def _stem(file: Path) -> str:
    """Without the ending, and the hash that some writers add."""
    return re.sub(r"-[0-9a-f]{16}$", "", file.stem)


def _place(file: Path, src: Path) -> tuple[str, str]:
    """The folder of the configuration of a file, and its split."""
    match = SHARD.fullmatch(_stem(file))
    head = match["split"] if match else _stem(file)
    parent = file.parent
    if file.suffix == ".arrow" and head == "data":
        head = ""
    split = split_in(head) or (head if match or not head.isdigit() else "")
    if file != src and parent != src and (split_of(parent.name) or not split):
        split = split_in(split) or split_of(parent.name) or parent.name
        parent = parent.parent
    root = src if src.is_dir() else src.parent
    place = parent.relative_to(root).as_posix() if parent.is_relative_to(root) else "."
    return place, split or "train"


def _column(
    table: Table, given: str, usual: tuple[str, ...], flag: str, other: str
) -> str:
    """The column that is named, or the only one of images with a usual name, or the
    only one left."""
    pictures = [n for n, kind in table.columns.items() if _may_hold(kind)]
    if given:
        if given not in table.columns:
            raise UserError(
                f"{table.file} has no column {given}. {flag} may be "
                f"{', '.join(pictures) or 'none of them'}."
            )
        return given
    known = [n for n in pictures if n.casefold() in usual and n != other]
    rest = [n for n in pictures if n != other]
    choice = known if len(known) == 1 or flag == "--image" else known or rest
    if len(choice) != 1:
        raise UserError(
            f"{table.file} has the columns {', '.join(table.columns)}; of images may "
            f"be {', '.join(pictures) or 'none'}. Say {flag} NAME."
        )
    return choice[0]


def _may_hold(kind: Any) -> bool:
    """Whether cells of this Arrow type may be pictures: structs with bytes, bytes,
    lists of lists."""
    text = str(kind)
    nested = len(re.findall(r"list|Array2D", text)) > 1 or "Array2D" in text
    return ("bytes: binary" in text and text.startswith("struct")) or (
        text in ("binary", "large_binary") or (nested and "struct" not in text)
    )


def _empty(tables: list[Table], column: str) -> bool:
    """Whether there are tables, and no cell of the column has a value."""
    cells = (cell for table in tables for cell in values((table.file, column)))
    return bool(tables) and all(
        cell is None or (isinstance(cell, dict) and not any(cell.values()))
        for cell in cells
    )


def _rows(tables: list[Table], columns: tuple[Column, Column]) -> list[Row]:
    """The rows of a split; ids are the names of image files where they differ."""
    cells = [(t.file, row) for t in tables for row in range(t.rows)]
    names: list[str] = []
    for table in tables:
        if "path: string" in str(table.columns[columns[0].name]):
            found = values((table.file, columns[0].name), "path")
            names += [Path(str(path or "")).stem for path in found]
    if len(names) != len(cells) or len({*names} - {""}) < len(cells):
        names = [f"{_stem(file)}-{row:05}" for file, row in cells]
    return [
        Row(name, Cell(file, columns[0], row), Cell(file, columns[1], row))
        for name, (file, row) in zip(names, cells, strict=True)
    ]


def _legend(src: Path, masks: MaskFlags, feature: Any) -> Legend:
    """Class names: of the flag, of a file beside the data, of the feature of masks."""
    if masks.legend:
        return read_legend(Path(masks.legend))
    folder = src if src.is_dir() else src.parent
    for file in (f / n for f in (folder, folder.parent) for n in LEGENDS):
        if file.is_file():
            return read_legend(file)
    names = _names(feature)
    if not names:
        return Legend()
    entries = legend_json.entries(names, src)
    return Legend(tuple(e.name for e in entries), file=f"The feature of masks of {src}")


def _names(feature: Any) -> list[str]:
    """The names of a ClassLabel, which may be inside lists."""
    while isinstance(feature, (dict, list)) and feature:
        if isinstance(feature, dict) and "names" in feature:
            return list(feature["names"])
        feature = feature[0] if isinstance(feature, list) else feature.get("feature")
    return []


def _id(row: Row) -> str:
    return row.id


def _read(row: Row, rule: Rule, image_format: ImageFormat) -> Sample:
    pixels, valid, encoded = sample_image(row.image, image_format)
    label = label_of(row.label, rule)
    if label.shape[:2] != pixels.shape[:2]:
        raise UserError(
            f"{row.label} has {label.shape} pixels (height, width), its image has "
            f"{pixels.shape[:2]}. Export the data set again."
        )
    return Sample(row.id, pixels, label, encoded=encoded, valid=valid)
