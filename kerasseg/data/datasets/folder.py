"""A folder of images and masks that belong together by name: for data of your own."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import tyro

from kerasseg import UserError
from kerasseg.data.datasets.folder_files import (
    ImageFlags,
    check_size,
    fit,
    image_of,
    kind_of_most,
    mask_of,
    names,
    paged,
    refuse_other_size,
    several,
)
from kerasseg.data.datasets.folder_legend import legend_for, rule_and_legend
from kerasseg.data.reading.masks.mask_flags import MaskFlags
from kerasseg.data.reading.masks.mask_labels import Rule, label_of
from kerasseg.data.reading.masks.mask_rule import LeftOut
from kerasseg.data.reading.pairing.divide import check_share
from kerasseg.data.reading.pairing.found import divided, group_of, id_of, look
from kerasseg.data.reading.pairing.pair_flags import FilePair, Found, PairFlags
from kerasseg.data.reading.pairing.pairs import find_pairs
from kerasseg.data.reading.pictures.fitted import format_of, sample_image
from kerasseg.data.reading.pictures.image import SUFFIXES
from kerasseg.data.sample import Sample, Samples
from kerasseg.image_format import ImageFormat
from kerasseg.taxonomy import Taxonomy

Splits = dict[str, list[FilePair]]
PAIRS, MASKS, IMAGES = PairFlags(), MaskFlags(), ImageFlags()
USUAL_SHARE = 0.2
"""What is taken where nothing is said."""


def load(
    src: Path,
    /,
    *,
    pairs: Annotated[PairFlags, tyro.conf.arg(name="")] = PAIRS,
    masks: Annotated[MaskFlags, tyro.conf.arg(name="")] = MASKS,
    images: Annotated[ImageFlags, tyro.conf.arg(name="")] = IMAGES,
    val_share: float = USUAL_SHARE,
    on_error: Literal["stop", "skip"] = "stop",
) -> tuple[Taxonomy, dict[str, Samples]]:
    """A folder of images and masks, whatever made them and however it is laid out.

    images/x.jpg + masks/x.png; images/train/x.jpg + masks/train/x.png; train/images/
    + train/masks/; train/ + train_labels/; x.jpg beside x_mask.png. Folders of other
    names inside these are groups of images. Splits are told by folders (train,
    valid, dev, test, ...), else by lists (train.txt), else val is chosen by the hash of
    names. Masks hold class ids, colours, two values, alpha, or a layer for each class.
    What was understood is printed. More: docs/labels.md.

    Args:
        src: Folder of the dataset, SRC.
        pairs: Where images and masks are.
        masks: What the masks mean.
        images: How images are read.
        val_share: Share of the images to validate on, where there is no split val.
        on_error: "skip" leaves out what cannot be used.

    Raises:
        UserError: files that do not fit together, or that two rules could explain.
    """
    src = Path(src)
    check_share(val_share)
    skip = on_error == "skip"
    find = look if skip else find_pairs
    found = find(src, pairs, SUFFIXES, several(masks))
    splits = _entries(found, pairs, skip)
    if images.pages == "samples":
        splits = {split: paged(pairs, skip) for split, pairs in splits.items()}
    everything = [entry for entries in splits.values() for entry in entries]
    image_format, said = _format(everything, images, skip)
    with_mask = [entry for entry in everything if entry.masks]
    if images.mask_fit == "exact" and not skip:
        for entry in with_mask:
            check_size(entry, images.options)
    known = legend_for(src, masks, everything)
    left_out: LeftOut = []
    files = [mask_of(entry, masks.per_class) for entry in with_mask]
    rule, known = rule_and_legend(src, files, masks, known, left_out if skip else None)
    background = background_of(rule) if pairs.negatives == "background" else None
    if "train" in splits and "val" not in splits:
        splits |= divided(splits["train"], val_share, found.notes)
    elif "val" in splits and val_share not in (0, USUAL_SHARE):
        found.notes.append(
            "--val-share is not used, for there is a val; --split-by name divides anew."
        )
    source = {
        "images": {"line": "; ".join(said)} if said else {},
        "legend": {"line": f"{known.file}:\n{known}"} if known.file else {},
        "masks": {**rule.to_json(), "line": str(rule)},
        "pairs": {"line": "\n".join(found.notes)},
    }
    read_entry = partial(
        _read,
        images=images,
        image_format=image_format,
        masks=masks,
        rule=rule,
        background=background,
        unusable={str(file): why for file, why in left_out},
    )
    grouped = all(entry.group for entry in everything)
    return rule.taxonomy, {
        split: Samples(
            entries,
            read_entry,
            group_of if grouped else None,
            id_of,
            image_format,
            {key: value for key, value in source.items() if value},
        )
        for split, entries in splits.items()
    }


def _entries(found: Found, flags: PairFlags, skip: bool) -> Splits:
    """The pairs of each split; with them images without a mask, where these count."""
    alone = [pair.image for pairs in found.alone.values() for pair in pairs]
    if alone and flags.negatives == "background":
        found.notes.append(f"Without a mask, all background: {len(alone)} images.")
    if skip:
        if found.empty:
            found.notes.append(f"Folders without an image: {names(found.empty)}.")
        twice = [file for pair in found.clashes for file in pair]
        for files, why in (
            (found.masks_alone, "masks without an image"),
            (twice, "files that share a name"),
        ):
            if files:
                found.notes.append(f"Left out, {why}: {names(files)}.")
    counted = bool(alone) and (skip or flags.negatives == "background")
    splits: Splits = {}
    for pairs in (found.pairs, found.alone if counted else {}):
        for split, entries in pairs.items():
            splits.setdefault(split, []).extend(entries)
    if not any(entry.masks for entries in splits.values() for entry in entries):
        raise UserError(f"No image in {found.src} has a mask.{found.hint}")
    return {s: sorted(e, key=lambda entry: str(entry.image)) for s, e in splits.items()}


def _format(
    entries: list[FilePair], flags: ImageFlags, skip: bool
) -> tuple[ImageFormat, tuple[str, ...]]:
    if skip:
        found, said = kind_of_most(entries, flags.options)
    else:
        found, said = format_of(map(image_of, entries), flags.options)
    alpha = "valid" if flags.image_alpha == "valid" else "drop"
    return replace(found, chosen=flags.options.bands, alpha=alpha), said


def background_of(rule: Rule) -> int:
    """The class of images that show nothing; 0 where classes overlap, for none.

    Raises UserError where no class is called background.
    """
    if not rule.taxonomy.exclusive:
        return 0
    folded = [name.casefold() for name in rule.taxonomy.names]
    for name in ("background", "_background_", "class_0", "bg"):
        if name in folded:
            return folded.index(name)
    raise UserError(
        f"--negatives background needs a class background; the classes are "
        f"{names(rule.taxonomy.names)}. Name it so in the legend."
    )


def _read(
    entry: FilePair,
    images: ImageFlags,
    image_format: ImageFormat,
    masks: MaskFlags,
    rule: Rule,
    background: int | None,
    unusable: dict[str, str],
) -> Sample:
    """The sample of a pair. unusable: why, by the mask's file, for those left out."""
    if not entry.masks and background is None:
        raise UserError(f"Image {entry.image} has no mask of that name. Add it.")
    pixels, valid, encoded = sample_image(image_of(entry), image_format, images.options)
    size = pixels.shape[:2]
    if entry.masks:
        mask = mask_of(entry, masks.per_class)
        if str(mask) in unusable:
            raise UserError(unusable[str(mask)])
        label = fit(label_of(mask, rule), size, images.mask_fit, rule.taxonomy.ignore)
        refuse_other_size(mask, label.shape[:2], entry.image, size)
    else:
        shape = *size, *rule.taxonomy.planes
        label = np.full(shape, background, rule.taxonomy.label_type)
    return Sample(
        entry.id,
        pixels,
        label,
        encoded=encoded,
        sequence=entry.group,
        valid=valid,
    )
