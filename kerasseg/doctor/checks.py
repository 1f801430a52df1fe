"""All checks of the doctor: their names, what they look for, and running them."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from kerasseg import UserError
from kerasseg.doctor import (
    check_alignment,
    check_bands,
    check_classes,
    check_duplicates,
    check_files,
    check_ids,
    check_labels,
    check_volumes,
)
from kerasseg.doctor.finding import Finding
from kerasseg.doctor.survey import Survey


@dataclass(frozen=True)
class Check:
    """A pure function of the survey, and how it is called.

    what: what it looks for, as the page says it. needs_ids: left out after an error of
    `IDS_MEANINGLESS`.
    """

    name: str
    what: str
    run: Callable[[Survey], list[Finding]]
    needs_ids: bool = False


CHECKS = (
    Check("pairs", "each image has one mask, in a lossless format", lambda survey: []),
    Check("corrupt", "every file can be read to its end", check_files.corrupt),
    Check("format", "images have the same bands and type", check_files.formats),
    Check("swapped", "images are pictures, masks are masks", check_files.swapped),
    Check("size", "a mask is as large as its image", check_files.sizes),
    Check("exif", "no camera tag turns an image away from its mask", check_files.exif),
    Check("blank", "images show something", check_bands.blank),
    Check("bands", "every band of every image says something", check_bands.constant),
    Check("saturated", "bright values are not cut off", check_bands.saturated),
    Check("order", "bands come in one order", check_bands.exchanged),
    Check("nodata", "pixels were measured, or said not to be", check_bands.nodata),
    Check("labelIds", "trainIds, not Cityscapes' labelIds", check_ids.label_ids),
    Check("encoding", "ids, not gray levels or colours", check_ids.encoding, True),
    Check("range", "ids and colours are those of the classes", check_ids.outside, True),
    Check("interpolated", "masks were never smoothed", check_ids.interpolated, True),
    Check("alignment", "labels lie on what they show", check_alignment.alignment),
    Check("classes", "classes occur, in train too", check_classes.classes, True),
    Check("ignored", "labels teach something", check_labels.unlabelled, True),
    Check("splits", "there is something to train and to judge on", check_labels.splits),
    Check("duplicates", "no image occurs twice", check_duplicates.duplicates),
    Check("leakage", "no near copy in another split", check_duplicates.near),
    Check("sequence", "no video dealt to several splits", check_duplicates.sequence),
    Check("spacing", "voxels are about as large as others", check_volumes.spacing),
)

IDS_MEANINGLESS = ("swapped", "labelIds", "encoding")
"""Errors after which the ids of masks are not those of classes."""


def require_known(names: Collection[str]) -> None:
    """Raises UserError for a name that no check has."""
    unknown = set(names) - {check.name for check in CHECKS}
    if unknown:
        names = ", ".join(dict.fromkeys(check.name for check in CHECKS))
        raise UserError(f"Unknown check '{min(unknown)}' to skip. Known: {names}.")


def run(
    survey: Survey, found: list[Finding], skip: Collection[str] = ()
) -> list[Finding]:
    """All findings, those of the source (`found`) too; errors first.

    skip: names of checks to leave out.
    """
    findings = [finding for finding in found if finding.check not in skip]
    for check in CHECKS:
        meaningless = any(f.check in IDS_MEANINGLESS for f in findings)
        if check.name not in skip and not (check.needs_ids and meaningless):
            findings += check.run(survey)
        if any(finding.check == "swapped" for finding in findings):
            break  # what follows would take masks for images
    return sorted(findings, key=lambda finding: finding.severity)  # "error" first


def left_out(findings: list[Finding], skip: Collection[str] = ()) -> set[str]:
    """Names of the checks that `run` did not do: skipped, or useless after an error."""
    found = {finding.check for finding in findings}
    names = set(skip)
    if found & set(IDS_MEANINGLESS):
        names |= {check.name for check in CHECKS if check.needs_ids}
    if "swapped" in found:
        order = [check.name for check in CHECKS]
        names |= set(order[order.index("swapped") :])
    return names - found
