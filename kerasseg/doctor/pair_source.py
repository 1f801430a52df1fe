"""Lists the image and mask pairs the doctor examines: those of a folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from kerasseg import UserError
from kerasseg.data.datasets.folder import background_of
from kerasseg.data.datasets.folder_files import (
    ImageFlags,
    image_of,
    kind_of_most,
    mask_of,
    paged,
    several,
)
from kerasseg.data.datasets.folder_legend import legend_for, rule_and_legend
from kerasseg.data.reading.legends.legend import Legend
from kerasseg.data.reading.masks.mask_flags import MaskFlags
from kerasseg.data.reading.masks.mask_map import read_map
from kerasseg.data.reading.masks.mask_rule import LeftOut, MaskFile
from kerasseg.data.reading.pairing.divide import check_share
from kerasseg.data.reading.pairing.found import divided, look
from kerasseg.data.reading.pairing.matching import LOSSY
from kerasseg.data.reading.pairing.pair_flags import FilePair, Found, PairFlags
from kerasseg.data.reading.pictures.fitted import format_of
from kerasseg.data.reading.pictures.image import SUFFIXES
from kerasseg.doctor.facts import Entry, Files
from kerasseg.doctor.finding import Finding, error, said_and_cure
from kerasseg.doctor.images import ImageSet
from kerasseg.doctor.mask_ids import MaskFormat

PAIRS, MASKS, IMAGES = PairFlags(), MaskFlags(), ImageFlags()


@dataclass
class Source:
    """pairs: yields entries, each with a function that gives image and mask at once.

    masks: how the masks are to be understood. images: how the images are to be read.
    count: number of pairs. findings: faults of the source itself; those of records
    appear while reading.
    """

    path: Path
    masks: MaskFormat
    count: int
    pairs: Iterator[tuple[Entry, Callable[[], Files]]]
    findings: list[Finding] = field(default_factory=list)
    images: ImageSet = field(default_factory=ImageSet)


def of_folder(
    src: Path,
    pairs: PairFlags = PAIRS,
    masks: MaskFlags = MASKS,
    images: ImageFlags = IMAGES,
    val_share: float = 0.2,
) -> Source:
    """A folder in a layout of `kerasseg.prepare folder`, split as that would split it.

    Unlike that adapter it goes on after a file that does not fit, and says so in the
    findings.

    Raises UserError for a folder that is not there, and for flags that fit nothing.
    """
    check_share(val_share)
    ImageSet(options=images.options)  # wrong flags end here
    if masks.map:
        read_map(Path(masks.map))
    try:
        found = look(src, pairs, SUFFIXES, several(masks))
    except UserError as reason:
        if pairs != PAIRS or not src.is_dir():
            raise
        return _nothing(src, "pairs", reason)
    lossless = not masks.binary and masks.threshold is None
    findings = _unmatched(src, found, pairs, not lossless)
    splits = {
        split: [pair for pair in listed if not lossless or not _lossy(pair)]
        for split, listed in found.pairs.items()
    }
    if pairs.negatives == "background":
        for split, alone in found.alone.items():
            splits.setdefault(split, []).extend(alone)
    if images.pages == "samples":
        splits = {split: paged(listed, skip=True) for split, listed in splits.items()}
    everything = [pair for listed in splits.values() for pair in listed]
    if not any(pair.masks for pair in everything):
        if not findings:
            findings = [error("pairs", f"No image in {src} has a mask.", PAIRS_CURE)]
        return Source(src, MaskFormat(), 0, iter(()), findings)
    known = _legend(src, masks, everything, findings)
    if "train" in splits and "val" not in splits:
        try:
            splits |= divided(splits["train"], val_share, [])
        except UserError as reason:  # too few images
            findings.append(_refused("pairs", reason))
    entries = [
        Entry(
            split,
            pair.id,
            _inside(src, pair.image, pair.page),
            _inside(src, pair.masks[0], pair.page) if pair.masks else "(no mask)",
            partial(_files, pair, masks),
        )
        for split, listed in splits.items()
        for pair in listed
    ]
    files = [mask_of(pair, masks.per_class) for pair in everything if pair.masks]
    understood = _understood(src, files, masks, known)
    if pairs.negatives == "background" and understood.rule is not None:
        try:
            background = background_of(understood.rule)
            understood = replace(understood, background=background)
        except UserError as reason:
            findings.append(_refused("pairs", reason))
    return Source(
        src,
        understood,
        len(entries),
        ((entry, entry.read) for entry in entries),
        findings,
        _images(everything, images),
    )


PAIRS_CURE = "See docs/labels.md, Pairs and splits."


def _refused(check: str, reason: UserError) -> Finding:
    """What `prepare folder` would stop with."""
    return error(check, *said_and_cure(str(reason), PAIRS_CURE))


def _nothing(src: Path, check: str, reason: UserError) -> Source:
    finding = _refused(check, reason)
    fix = f"{finding.fix} What annotation tools export becomes records first (python "
    fix += "-m kerasseg.prepare NAME SRC OUT), and the doctor looks at these."
    return Source(src, MaskFormat(), 0, iter(()), [replace(finding, fix=fix)])


def _legend(
    src: Path, masks: MaskFlags, pairs: list[FilePair], findings: list[Finding]
) -> Legend:
    """The legend of the folder; one that cannot be read becomes a finding."""
    try:
        return legend_for(src, masks, pairs)
    except UserError as reason:
        file = Path(masks.legend)
        if masks.legend and not (file.is_file() or (src / file).is_file()):
            raise
        says, fix = said_and_cure(str(reason), "See docs/labels.md, Legends.")
        findings.append(error("encoding", says, fix))
        return Legend()


def _images(pairs: list[FilePair], flags: ImageFlags) -> ImageSet:
    """The format of the images: of most of them, where `prepare` would refuse."""
    try:
        image_format, _ = format_of(map(image_of, pairs), flags.options)
        return ImageSet(image_format, flags.options, flags.mask_fit)
    except (UserError, OSError) as reason:
        refusal = reason if isinstance(reason, UserError) else UserError(str(reason))
    try:
        image_format, _ = kind_of_most(pairs, flags.options)
    except UserError:  # none can be read, as reading them will tell
        return ImageSet(options=flags.options, refusal=refusal)
    return ImageSet(image_format, flags.options, flags.mask_fit, refusal)


def _inside(src: Path, file: Path, page: int = -1) -> str:
    """The file's path from `src` on, if it lies there: lists of pairs name any."""
    name = str(file.relative_to(src) if file.is_relative_to(src) else file)
    return name if page < 0 else f"{name} page {page + 1}"


def _lossy(pair: FilePair) -> bool:
    return any(
        mask.suffix.lower() in LOSSY and _loses_values(mask) for mask in pair.masks
    )


def _loses_values(file: Path) -> bool:
    """Whether it is a JPEG, an AVIF or a WebP with loss, whatever its ending."""
    with file.open("rb") as opened:
        head = opened.read(64)
    if head[8:12] == b"WEBP":
        return b"VP8 " in head
    return head.startswith(b"\xff\xd8") or head[4:12] == b"ftypavif"


def _unmatched(
    src: Path, found: Found, flags: PairFlags, binary: bool
) -> list[Finding]:
    """A finding for each reason for which `prepare folder` would stop."""
    pairs = [pair for pairs in found.pairs.values() for pair in pairs]
    alone = [pair.image for pairs in found.alone.values() for pair in pairs]
    missing = f"Add what is missing, or remove them.{found.hint}"
    faults = (
        (
            [] if flags.negatives == "background" else alone,
            "Images without a mask",
            f"{missing} Where such images show nothing: --negatives background (the "
            "classes need one called background).",
        ),
        (found.masks_alone, "Masks without an image", missing),
        (
            [file for _, file in found.clashes],
            "Files that share their name with another",
            "Rename or remove them: a mask is found by its image's name.",
        ),
        (
            [] if binary else [pair.masks[0] for pair in pairs if _lossy(pair)],
            "Masks that are JPEG, which changes ids and colours",
            "Export the masks again, as PNG. Only masks of two values may be JPEG: say "
            "--binary, or --threshold 128 (here and to prepare folder).",
        ),
        (found.empty, "Folders without an image", "Add images, or remove the folder."),
    )
    return [
        error("pairs", _some(src, files, what), fix)
        for files, what, fix in faults
        if files
    ]


def _some(src: Path, found: list[Path], what: str) -> str:
    names = ", ".join(_inside(src, file) for file in found[:3])
    return f"{what}: {len(found)} ({names}{', ...' if len(found) > 3 else ''})."


def _files(pair: FilePair, masks: MaskFlags) -> Files:
    mask = mask_of(pair, masks.per_class) if pair.masks else None
    return Files(image_of(pair), mask)


def _understood(
    src: Path, files: Sequence[MaskFile], flags: MaskFlags, legend: Legend
) -> MaskFormat:
    """The rule by which `prepare` reads the masks, or why it would not."""
    left_out: LeftOut = []  # single files, which become findings when they are read
    try:
        rule, legend = rule_and_legend(src, files, flags, legend, left_out)
        return MaskFormat(rule.taxonomy, rule.kind == "colours", flags.binary, rule)
    except UserError as refused:
        refusal = refused
        if len(left_out) == len(files):  # not one can be used: say why
            refusal = UserError(left_out[0][1])
        classes = legend.taxonomy() if legend.names else None
        return MaskFormat(classes, bool(legend.colours), flags.binary, refusal=refusal)
