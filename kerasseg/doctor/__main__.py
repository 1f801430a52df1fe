"""`python -m kerasseg.doctor RECORDS|FOLDER`: what would ruin a training.

Looks through records, or through a folder of images and masks before it becomes
records. Prints the findings, each with its fix, the frequencies of the classes with
weights for a recipe, and writes an HTML page with pictures.

Exit code: 0 healthy, also with warnings; 1 errors were found; 2 wrong usage.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from kerasseg import UserError
from kerasseg.console import command, flags
from kerasseg.console.flags import Number
from kerasseg.data.datasets.folder_files import ImageFlags
from kerasseg.data.reading.masks.mask_flags import MaskFlags
from kerasseg.data.reading.pairing.pair_flags import PairFlags

if TYPE_CHECKING:
    from kerasseg.doctor.pair_source import Source


PLAIN, PAIRS, IMAGES = MaskFlags(), PairFlags(), ImageFlags()


@dataclass(frozen=True)
class Doctor:
    """Find what would ruin a training, each with its fix.

    Exit code: 0 healthy, also with warnings; 1 errors were found; 2 wrong usage.
    """

    source: tyro.conf.Positional[Path]
    """Records, or a folder of images and masks as for `prepare folder`."""
    out: Path = Path("doctor.html")
    """HTML page to write."""
    pair_flags: Annotated[PairFlags, tyro.conf.arg(name="")] = PAIRS
    """Where images and masks are, as for `prepare folder`."""
    mask_flags: Annotated[MaskFlags, tyro.conf.arg(name="")] = PLAIN
    """What the masks of a folder mean, as for `prepare folder`."""
    image_flags: Annotated[ImageFlags, tyro.conf.arg(name="")] = IMAGES
    """How the images of a folder are read, as for `prepare folder`."""
    bands: str = ""
    """The bands to show as red, green and blue, by name or number from 1 (nir,red,green
    or 4,1,2), or a single one as gray."""
    val_share: Annotated[float, Number(0, 1, below=True)] = 0.2
    """Share that `prepare folder` would choose for val, if there is no such folder."""
    skip: tuple[str, ...] = ()
    """Checks to leave out, by their names in the table."""


@command
def main(argv: list[str]) -> None:
    """The command; ends with exit code 1 where there are errors."""
    from kerasseg.data.writing.remote_records import fetched

    asked = flags.parse(Doctor, argv, prog="python -m kerasseg.doctor")
    asked = replace(asked, source=fetched(asked.source))
    if doctor(asked):
        sys.exit(1)


def doctor(asked: Doctor) -> bool:
    """Prints the findings and writes the page; True where there are errors.

    Raises UserError for a source that cannot be looked through, or unknown checks.
    """
    from kerasseg.doctor import checks
    from kerasseg.doctor.examination import examine

    checks.require_known(asked.skip)
    findings = examine(asked.source, _source(asked), asked.out, asked.skip)
    return any(finding.severity == "error" for finding in findings)


def _source(asked: Doctor) -> Source:
    from kerasseg.data.format.description import FILE
    from kerasseg.doctor import pair_source, record_source
    from kerasseg.drawing.bands import displaying

    if (asked.source / FILE).is_file():
        from kerasseg.console import start_tensorflow

        start_tensorflow()
        if (asked.pair_flags, asked.mask_flags, asked.image_flags, asked.val_share) != (
            *(PAIRS, PLAIN, IMAGES),
            Doctor.val_share,
        ):
            raise UserError(
                f"{asked.source} holds records, which were understood when they were "
                "written: flags for pairs, masks and images are for folders. Leave "
                "them out, or give the folder."
            )
        source = record_source.of_records(asked.source)
    else:
        source = pair_source.of_folder(
            asked.source,
            asked.pair_flags,
            asked.mask_flags,
            asked.image_flags,
            asked.val_share,
        )
    shown = displaying(asked.bands, source.images.format)
    return replace(source, images=replace(source.images, format=shown))


if __name__ == "__main__":
    main()
