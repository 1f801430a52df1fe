"""Class ids of masks by the rule of their data set, that `mask_rule.rule_for` finds."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from kerasseg import UserError
from kerasseg.data.reading.masks.class_table import lookup
from kerasseg.data.reading.masks.mask_decoders import File, Stored
from kerasseg.data.reading.masks.mask_flags import PerClass
from kerasseg.data.reading.masks.mask_layers import (
    Layers,
    MaskFile,
    Page,
    layers_of,
    stored,
)
from kerasseg.data.reading.masks.mask_survey import own_colour_255, packed, unpacked
from kerasseg.data.reading.masks.overlap import (
    ids_of_layers,
    planes_of_bits,
    planes_of_ids,
    planes_of_layers,
)
from kerasseg.data.reading.masks.two_values import Foreground
from kerasseg.taxonomy import IGNORE, Taxonomy

Kind = Literal["ids", "colours", "values", "alpha", "bits", "layers"]


@dataclass(frozen=True)
class Rule:
    """How the masks of a data set become class ids; `label_of` follows it.

    kind: ids (numbers, palette indices), colours (also those of palettes), values (two
        of them), alpha, bits (one for each class), layers (a file, page or channel for
        each class).
    codes: class id of each number or packed colour; `taxonomy.ignore` where it is
        ignored.
    foreground: of two values and of alpha. ignored: numbers that are ignored there.
    nodata: values that files may call nodata, and that are ignored.
    layers: the class id of each layer, by its name or its position; where classes
        overlap the number of its plane.
    crossing: what a pixel of two layers of exclusive classes is.
    summary: one line for the user. notes: further lines.
    """

    kind: Kind
    taxonomy: Taxonomy
    codes: tuple[tuple[int, int], ...] = ()
    foreground: Foreground = field(default_factory=lambda: Foreground(0))
    ignored: tuple[int, ...] = ()
    nodata: tuple[float, ...] = ()
    per_class: PerClass = ""
    layers: tuple[tuple[str, int], ...] = ()
    crossing: Literal["refuse", "ignore"] = "refuse"
    summary: str = ""
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        return " ".join((self.summary, *self.notes))

    def to_json(self) -> dict[str, Any]:
        """Lists and numbers, for `dataset.json`: what was understood."""
        codes = [
            [list(unpacked(code)) if self.kind == "colours" else code, class_id]
            for code, class_id in self.codes
        ]
        return {
            "kind": self.kind,
            "says": str(self),
            "codes": codes,
            "foreground_above": self.foreground.above,
            "ignored": list(self.ignored),
            "nodata": [float(value) for value in self.nodata],
            "layers": [list(layer) for layer in self.layers],
        } | ({} if self.taxonomy.exclusive else {"overlap": True})


def label_of(file: MaskFile, rule: Rule) -> np.ndarray:
    """(H, W) class ids of a mask, upright, of the type of `rule.taxonomy`; where
    classes overlap uint8 (H, W, K).

    Raises UserError that names the file where it cannot be read, or holds what the rule
    has no class for.
    """
    if rule.kind == "layers" and rule.taxonomy.exclusive:
        return ids_of_layers(
            layers_of(file, rule.per_class),
            dict(rule.layers),
            rule.taxonomy,
            rule.foreground.above,
            rule.ignored,
            rule.crossing,
            file,
        )
    if rule.kind == "layers":
        return planes_of_layers(
            layers_of(file, rule.per_class),
            dict(rule.layers),
            rule.taxonomy.num_classes,
            rule.foreground.above,
            rule.ignored,
        )
    if isinstance(file, Layers):
        raise UserError(f"{file} is one layer of several. Say --per-class.")
    return label_of_stored(stored(file), file, rule)


def label_of_stored(found: Stored, file: File | Page, rule: Rule) -> np.ndarray:
    """The same for a mask that has been decoded; `file` is for messages.

    Raises UserError that names the file where the rule does not explain it.
    """
    if rule.taxonomy.exclusive:
        return _ids_of_stored(found, file, rule)
    if rule.kind == "bits":
        return _planes_of_bits(found, file, rule)
    # A rule of exclusive classes, asked one by one: class 0 is where none is.
    background = ((0, 0, 0), *rule.taxonomy.colours)
    ids = Taxonomy(("background", *rule.taxonomy.names), background)
    label = _ids_of_stored(found, file, replace(rule, taxonomy=ids))
    return planes_of_ids(label, [[i] for i in range(1, ids.num_classes)])


def _planes_of_bits(found: Stored, file: File | Page, rule: Rule) -> np.ndarray:
    if found.pixels.ndim == 3:
        _require_colours(found.pixels, file, rule)
    invalid, pixels = _invalid(found, rule), numbers_of(found)
    if invalid is not None:
        pixels = np.where(invalid, 0, pixels)
    if pixels.dtype.kind == "f":
        pixels = _whole(pixels, file)
    named = np.isin(pixels, rule.ignored)
    most = 1 << max(int(layer) for layer, _ in rule.layers)
    other = pixels[~named & ((pixels < 0) | (pixels >= most))]
    if other.size:
        raise UserError(
            f"Mask {file} holds {other[0]}, which is not a class of this data set: it "
            "was changed while it was read. Start again."
        )
    planes = planes_of_bits(
        pixels, dict(rule.layers), rule.taxonomy.num_classes, rule.ignored
    )
    if invalid is not None:
        planes[invalid] = IGNORE
    return planes


def _ids_of_stored(found: Stored, file: File | Page, rule: Rule) -> np.ndarray:
    if found.pages > 1 and not isinstance(file, Page):
        raise UserError(
            f"Mask {file} has {found.pages} pages. Say --per-class pages if each "
            "is a class, or --pages samples if each is the mask of another image."
        )
    if rule.kind == "alpha":
        if found.alpha is None:
            raise UserError(
                f"Mask {file} has no alpha channel, others have. Export it again."
            )
        return (found.alpha > rule.foreground.above).astype(np.uint8)
    if rule.kind == "values":
        return _of_values(found, rule)
    if found.pixels.ndim == 3:
        _require_colours(found.pixels, file, rule)
    invalid = _invalid(found, rule)
    pixels = colours_of(found, file) if rule.kind == "colours" else numbers_of(found)
    if invalid is not None:
        pixels = np.where(invalid, 0, pixels)
    if pixels.dtype.kind == "f":
        pixels = _whole(pixels, file)
    if rule.kind == "colours":
        table = _colour_table(rule.codes)
        ids = table[pixels]
        if found.palette is not None:
            ids = _index_255(found.pixels, found.palette, ids, rule)
        unknown = int(pixels[ids < 0][0]) if ids.min() < 0 else None
        ids = ids.astype(rule.taxonomy.label_type)
    else:
        ids, unknown = lookup(pixels, dict(rule.codes), rule.taxonomy.label_type)
    if invalid is not None:
        ids[invalid] = rule.taxonomy.ignore
    if unknown is not None:
        value = f"colour {unpacked(unknown)}" if rule.kind == "colours" else unknown
        raise UserError(
            f"Mask {file} holds {value}, which is not a class of this data set: it was "
            "changed while it was read. Start again."
        )
    return ids


def _require_colours(pixels: np.ndarray, file: File | Page, rule: Rule) -> None:
    """Raises UserError for other than 8-bit RGB, and for colours where ids belong."""
    if pixels.shape[-1] != 3 or pixels.dtype != np.uint8:
        raise UserError(
            f"Mask {file} has {pixels.shape[-1]} channels of {pixels.dtype}, others "
            "have not. Export it again."
        )
    if rule.kind != "colours" and (pixels != pixels[..., :1]).any():
        raise UserError(f"Mask {file} holds colours, others hold ids. Export it again.")


def numbers_of(found: Stored) -> np.ndarray:
    """(H, W) numbers: as stored, palette indices, or one channel of gray colours."""
    return found.pixels if found.pixels.ndim == 2 else found.pixels[..., 0]


def colours_of(found: Stored, file: File | Page) -> np.ndarray:
    """(H, W) packed colours; numbers are gray levels.

    Raises UserError for a palette index that has no colour, and for numbers that are
    no gray levels of 8 bits.
    """
    if found.palette is not None:
        table = packed(found.palette[None])[0]
        used = found.pixels[found.pixels != IGNORE]
        if used.size and used.max() >= len(table):
            raise UserError(
                f"Mask {file} holds index {used.max()}, its palette has {len(table)} "
                "colours. Save the mask again with its whole palette."
            )
        table = np.append(table, np.zeros(max(0, 256 - len(table)), np.uint32))
        return table[found.pixels]
    if found.pixels.ndim == 3:
        return packed(found.pixels)
    if found.pixels.min() < 0 or found.pixels.max() > 255:
        raise UserError(
            f"Mask {file} holds numbers, others hold colours. Export it again."
        )
    return found.pixels.astype(np.uint32) * 0x010101


def _index_255(
    pixels: np.ndarray, palette: np.ndarray, ids: np.ndarray, rule: Rule
) -> np.ndarray:
    """Index 255 of a palette is ignore, unless it has the colour of a class, and no
    other index has that colour."""
    ignore = rule.taxonomy.ignore
    if own_colour_255(palette):
        code = int(packed(palette[None, IGNORE:])[0, 0])
        if dict(rule.codes).get(code, ignore) != ignore:
            return ids
    return np.where(pixels == IGNORE, np.int32(ignore), ids)


def _of_values(found: Stored, rule: Rule) -> np.ndarray:
    pixels = found.pixels
    if found.palette is not None and rule.foreground.by == "colours":
        pixels = np.append(found.palette, np.zeros((256, 3), np.uint8), 0)[pixels]
    values = pixels if pixels.ndim == 2 else pixels.max(-1)
    with np.errstate(invalid="ignore"):
        ids = (values > rule.foreground.above).astype(np.uint8)
    if rule.ignored:
        ids[np.isin(values, rule.ignored)] = IGNORE
    invalid = _invalid(found, rule)
    if invalid is not None:
        ids[invalid] = IGNORE
    return ids


def _invalid(found: Stored, rule: Rule) -> np.ndarray | None:
    """(H, W) bool: pixels that are no number, or nodata; None where there is none."""
    if found.pixels.ndim != 2 or found.palette is not None:
        return None
    invalid = None
    if found.pixels.dtype.kind == "f":
        invalid = np.isnan(found.pixels)
    if found.nodata is not None and found.nodata in rule.nodata:
        nodata = found.pixels == np.asarray(found.nodata).astype(found.pixels.dtype)
        invalid = nodata if invalid is None else invalid | nodata
    return invalid if invalid is not None and invalid.any() else None


def _whole(pixels: np.ndarray, file: File | Page) -> np.ndarray:
    out = pixels.astype(np.int64)
    if (out != pixels).any():
        raise UserError(
            f"Mask {file} holds {pixels[out != pixels][0]}; class ids are whole "
            "numbers. Export it again, resized by nearest neighbour."
        )
    return out


@functools.lru_cache(maxsize=2)
def _colour_table(codes: tuple[tuple[int, int], ...]) -> np.ndarray:
    """(2 ** 24,): the class of every colour, -1 where it has none."""
    wide = max((class_id for _, class_id in codes), default=0) > np.iinfo(np.int16).max
    table = np.full(1 << 24, -1, np.int32 if wide else np.int16)
    for code, class_id in codes:
        table[code] = class_id
    return table
