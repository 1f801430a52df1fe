"""Finds the legend of a folder of images and masks, and the rule of its masks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from kerasseg import UserError
from kerasseg.data.reading.legends.legend import FILES, Legend, legend_of, read_legend
from kerasseg.data.reading.legends.legend_entry import Colour
from kerasseg.data.reading.masks import assumed
from kerasseg.data.reading.masks.mask_flags import MaskFlags
from kerasseg.data.reading.masks.mask_labels import Rule
from kerasseg.data.reading.masks.mask_layers import MaskFile
from kerasseg.data.reading.masks.mask_rule import LeftOut, rule_for
from kerasseg.data.reading.masks.unknown_value import UnnamedColoursError
from kerasseg.data.reading.pairing.pair_flags import FilePair

TABLES = (".csv", ".tsv", ".txt", ".json", ".yaml", ".yml")
"""Endings of files that may name colours, whatever they are called."""
LARGEST = 1 << 20
"""Bytes of such a file at most."""
BLACK = 0, 0, 0


def legend_for(src: Path, flags: MaskFlags, entries: Iterable[FilePair]) -> Legend:
    """The legend that is named, or that lies in the source's folder or above images.

    Raises UserError where two of these differ.
    """
    file = flags.legend
    if file and not Path(file).is_file() and (src / file).is_file():
        file = str(src / file)
    if not file and not any((src / name).is_file() for name in FILES):
        inner = {folder for e in entries for folder in e.image.parents}
        inner = {folder for folder in inner if folder.is_relative_to(src)}
        known = sorted(f / n for f in inner for n in FILES if (f / n).is_file())
        if len({legend.read_bytes() for legend in known}) > 1:
            raise UserError(
                f"{known[0]} and {known[1]} differ. Name the right one with --legend."
            )
        file = str(known[0]) if known else ""
    return legend_of(src, file)


def rule_and_legend(
    src: Path,
    files: Sequence[MaskFile],
    flags: MaskFlags,
    known: Legend,
    left_out: LeftOut | None = None,
) -> tuple[Rule, Legend]:
    """The rule of masks, and the legend that it rests on: the known one or, where masks
    hold colours that nothing names, the table in the folder that names them all; at
    last, with `flags.assume`, a class for each colour.

    Raises UserError as `rule_for`, and where several tables name them differently.
    """
    before = list(left_out or ())
    try:
        return rule_for(files, flags, known, left_out), known
    except UnnamedColoursError as error:
        if known.names:
            raise
        found = _naming(src, error.colours)
        if found is None and flags.assume:
            bad = [file for file, _ in left_out or ()]
            usable = [file for file in files if file not in bad]
            found = assumed.legend_for(error.colours, usable)
        if found is None:
            raise
        if left_out is not None:
            left_out[:] = before
        rule = rule_for(files, flags, found, left_out)
        notes = () if found.file else found.notes
        return replace(rule, notes=(*rule.notes, *notes)), found


def _naming(src: Path, colours: set[Colour]) -> Legend | None:
    """The legend of the one file in `src` that names all these colours, but for black;
    None where there is none."""
    found: list[Legend] = []
    for file in sorted(src.iterdir()):
        small = file.suffix.lower() in TABLES and file.is_file()
        if not small or file.stat().st_size > LARGEST:
            continue
        try:
            legend = read_legend(file)
        except (UserError, OSError):
            continue
        if colours - {BLACK} <= {*legend.colours, *legend.ignored_colours}:
            found.append(legend)
    if len({(legend.names, legend.colours) for legend in found}) > 1:
        raise UserError(
            f"{found[0].file} and {found[1].file} both name the colours of the masks, "
            "differently. Say which counts with --legend FILE."
        )
    return found[0] if found else None
