"""GeoTIFFs of any size and labels as rasters or polygons, cut into pieces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import Annotated, Literal

import tyro

from kerasseg import UserError
from kerasseg.console.flags import COUNT, PIXELS
from kerasseg.data.datasets.raster_pieces import (
    LabelRule,
    Piece,
    block_of,
    hidden,
    id_of,
    look_at_features,
    look_at_rasters,
    pieces_of,
    place_of,
    read_piece,
)
from kerasseg.data.reading.legends.legend import legend_of
from kerasseg.data.reading.maps import (
    raster,
    raster_labels,
    regions,
    vector_rule,
    vectors,
)
from kerasseg.data.reading.maps.raster import Raster
from kerasseg.data.reading.masks.mask_flags import MaskFlags
from kerasseg.data.reading.masks.mask_labels import Rule
from kerasseg.data.reading.masks.mask_map import read_map
from kerasseg.data.reading.masks.mask_rule import rule_of
from kerasseg.data.reading.pairing.divide import check_share
from kerasseg.data.reading.pairing.splits import split_of
from kerasseg.data.reading.pictures.fitted import format_of
from kerasseg.data.reading.pictures.picture import ReadOptions
from kerasseg.data.sample import Samples
from kerasseg.taxonomy import Taxonomy

MASKS = MaskFlags()
CUT, USUAL_SHARE = (512, 512), 0.2
"""What is taken where nothing is said."""


def load(
    src: Annotated[Path, tyro.conf.arg(metavar="IMAGES")],
    label_files: Annotated[Path, tyro.conf.arg(metavar="LABELS")],
    /,
    *,
    attribute: str = "",
    layer: str = "",
    uncovered: Literal["background", "ignore"] = "background",
    masks: Annotated[MaskFlags, tyro.conf.arg(name="")] = MASKS,
    image_bands: Annotated[tuple[int, ...], COUNT] = (),
    image_alpha: Literal["drop", "band", "valid"] = "drop",
    gap: Annotated[int, PIXELS] = 64,
    val_share: float = 0.2,
    cut: tuple[int, int] = (0, 0),
) -> tuple[Taxonomy, dict[str, Samples]]:
    """GeoTIFFs of any size, read in windows: IMAGES LABELS OUT --cut 512 512.

    IMAGES and LABELS are files, or folders of files that belong together by name; one
    label file may serve for all images. Labels are rasters of ids, in the coordinate
    system of the images, or polygons (GeoPackage, GeoJSON, shapefile) in any. Pixels
    that are nodata in the image or the label are ignored; pieces of nothing else are
    left out. Val is made of blocks of neighbouring pieces, and labels of train within
    --gap pixels of them are ignored. Folders train, val and test in IMAGES are splits.
    More: docs/images.md.

    Args:
        src: GeoTIFF (also .vrt, .img, .jp2), or a folder of them.
        label_files: Raster of ids or file of polygons, or a folder of them.
        attribute: Polygons: the field that names the class.
        layer: Polygons: the layer, of files with several.
        uncovered: Polygons: what pixels without any are.
        masks: What label rasters mean; polygons take --legend and --binary of these.
        image_bands: Numbers of the bands to keep, from 1 and in this order.
        image_alpha: Alpha channel of images. band: keep it as the last one. valid:
            ignore pixels where it is 0.
        gap: Pixels around val where labels of train are ignored.
        val_share: Share of the pieces for val, where there is no folder val.
        cut: Height and width of the pieces.

    Raises:
        UserError: files that do not fit together, or that two rules could explain.
    """
    check_share(val_share)
    if gap < 0 or any(band < 1 for band in image_bands):
        raise UserError("--gap is 0 or more, and --image-bands are counted from 1.")
    cut = CUT if tuple(cut) == (0, 0) else cut
    options = ReadOptions(image_alpha, "ask", tuple(band - 1 for band in image_bands))
    rasters = [Raster.of(file, options) for file in _files(src, raster.SUFFIXES)]
    image_format, said = format_of(rasters, options, header=lambda one, _: one.header)
    files = _together([one.file for one in rasters], src, label_files)
    known: dict[Path, Raster | Path] = {
        file: file if file.suffix.lower() in vectors.SUFFIXES else Raster.of(file)
        for file in dict.fromkeys(files)
    }
    pieces = [
        piece
        for one, file in zip(rasters, files, strict=True)
        for piece in pieces_of(one, known[file], src, cut)
    ]
    notes = [f"{len(pieces)} pieces of {cut[0]} x {cut[1]} pixels", *said]
    legend = legend_of(label_files, masks.legend)
    rule: LabelRule
    if all(isinstance(label, Path) for label in known.values()):
        if masks != MaskFlags(legend=masks.legend, binary=masks.binary):
            raise UserError(
                "Of the flags of masks, polygons take --legend and --binary alone. "
                "Leave out the others."
            )
        rule = vector_rule.rule(
            list(known),
            attribute,
            masks.binary,
            layer,
            legend,
            uncovered == "ignore",
        )
        seen = look_at_features(pieces, rule, image_format)
        line = "; ".join(rule.notes)
    else:
        asked = {
            "--attribute": attribute,
            "--layer": layer,
            "--uncovered": uncovered == "ignore",
            "--per-class": masks.per_class,
        }
        _refuse(asked, next(iter(known)))
        grids = {
            raster_labels.check(label, one)
            for one, file in zip(rasters, files, strict=True)
            if isinstance(label := known[file], Raster)
        }
        notes += sorted(grids - {""})
        looks, seen = look_at_rasters(pieces, image_format)
        mapping = read_map(Path(masks.map)) if masks.map else None
        rule = rule_of(looks, masks, legend, mapping)
        seen, line = seen.without_class(rule), str(rule)
    for count, what in (
        (seen.invalid, "of nodata alone"),
        (seen.empty, "without a label"),
    ):
        if count:
            notes.append(f"left out: {count} pieces {what}")
    splits = _divided(seen.used, src, cut, val_share, gap, notes)
    known_rule = rule.to_json() if isinstance(rule, Rule) else {}
    source = {
        "raster": {"line": "; ".join(notes)},
        "masks": {**known_rule, "line": line},
    }
    read = partial(read_piece, cut=cut, rule=rule, image_format=image_format)
    return rule.taxonomy, {
        split: Samples(some, read, block_of, id_of, image_format, source)
        for split, some in splits.items()
    }


def _refuse(asked: dict[str, object], label: Path) -> None:
    """Raises UserError for a flag that labels as rasters do not take."""
    for flag, value in asked.items():
        if value:
            raise UserError(f"{flag} is not for rasters, as {label} is. Leave it out.")


def _files(place: Path, endings: Sequence[str]) -> list[Path]:
    """The files of a folder and its subfolders, sorted; or the one file."""
    if place.is_file():
        return [place]
    if not place.is_dir():
        raise UserError(f"{place} does not exist. Name a file or a folder.")
    found = sorted(
        file
        for file in place.rglob("*")
        if file.suffix.lower() in endings and not file.name.startswith(".")
    )
    if not found:
        raise UserError(f"{place} holds no file of {', '.join(endings)}.")
    return found


def _together(images: list[Path], src: Path, labels: Path) -> list[Path]:
    """The label file of each image: the only one; that of its name; or that of its
    name without what the names of all images, and of all labels, begin and end with.

    Raises UserError for an image without one.
    """
    files = _files(labels, (*raster.SUFFIXES, ".png", *vectors.SUFFIXES))
    files = [file for file in files if file not in images]
    if not files:
        raise UserError(f"{labels} holds the images alone. Name the labels of {src}.")
    if len(files) == 1:
        return files * len(images)
    found: list[Path] = []
    for keys in (lambda names: names, _cores):
        named: dict[str, list[Path]] = {}
        stems = keys([file.stem for file in files])
        for stem, file in zip(stems, files, strict=True):
            named.setdefault(stem, []).append(file)
        wanted = keys([image.stem for image in images])
        if all(len(named.get(stem, ())) == 1 for stem in wanted):
            found = [named[stem][0] for stem in wanted]
            if len(set(found)) == len(found):
                return found
    names = {file.stem for file in files}
    alone = next((i for i in images if i.stem not in names), images[0])
    raise UserError(
        f"{alone} has no label of its name in {labels} ({len(files)} files, such as "
        f"{files[0].name}). Give both the same name, or name one file for all."
    )


def _cores(names: list[str]) -> list[str]:
    """Names without what all begin and end with, but for digits."""
    before = _beginning(names).rstrip("0123456789")
    after = _beginning([name[::-1] for name in names])[::-1].lstrip("0123456789")
    return [name[len(before) : len(name) - len(after)] for name in names]


def _beginning(names: list[str]) -> str:
    columns = takewhile(lambda letters: len({*letters}) == 1, zip(*names, strict=False))
    return "".join(letters[0] for letters in columns)


def _divided(
    pieces: Sequence[Piece],
    images: Path,
    cut: tuple[int, int],
    share: float,
    gap: int,
    notes: list[str],
) -> dict[str, list[Piece]]:
    """The pieces of each split: by the folders that are called so, else by region.

    Pieces of train know what lies near the others. `notes` takes what is said.
    """
    places = [place_of(piece) for piece in pieces]
    names = regions.blocks(places, cut, share or USUAL_SHARE)
    systems = {place.system for place in places}
    if len(systems) > 1:
        notes.append(
            f"{len(systems)} coordinate systems: overlap from one to another is not "
            "looked for"
        )
    own = [_split_of(piece.image.file, images) for piece in pieces]
    if any(own):
        if not all(own):
            file = pieces[own.index("")].image.file
            raise UserError(
                f"{file} lies in no folder of a split, others do (train, val, test). "
                "Move it to one."
            )
        splits = own
    else:
        val = regions.val_blocks(names, share)
        splits = ["val" if name in val else "train" for name in names]
        if val:
            notes.append(
                f"val: {len(val)} of {len(set(names))} blocks of neighbouring pieces, "
                "by the hash of their place"
            )
    train = [i for i, split in enumerate(splits) if split == "train"]
    others = [places[i] for i, split in enumerate(splits) if split != "train"]
    near = regions.near([places[i] for i in train], others, gap)
    boxes = dict(zip(train, near, strict=True))
    found: dict[str, list[Piece]] = {split: [] for split in sorted(set(splits))}
    lost = 0
    for i, (piece, split) in enumerate(zip(pieces, splits, strict=True)):
        piece = replace(piece, block=names[i], near=boxes.get(i, ()))
        if piece.near and hidden(piece).all():
            lost += 1
        else:
            found[split].append(piece)
    if others and train:
        notes.append(
            f"labels of train less than {gap} pixels from val are ignored (--gap)"
            + (f", {lost} pieces wholly" if lost else "")
        )
    if train and not found["train"]:
        raise UserError(
            f"All pieces of train lie less than --gap {gap} pixels from val. Say a "
            "smaller --cut or --gap, or --val-share 0."
        )
    return found


def _split_of(file: Path, images: Path) -> str:
    parts = file.relative_to(images).parts[:-1] if images.is_dir() else ()
    return next(filter(None, map(split_of, parts)), "")
