"""Lists the image and mask pairs the doctor examines, from a folder or from records."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from kerasseg import UserError
from kerasseg.data.datasets.folder_files import legend_for, mask_of, several
from kerasseg.data.format.description import Description
from kerasseg.data.reading.divide import check_share
from kerasseg.data.reading.found import divided, look
from kerasseg.data.reading.image import SUFFIXES
from kerasseg.data.reading.legend import Legend
from kerasseg.data.reading.mask_flags import MaskFlags
from kerasseg.data.reading.mask_rule import LeftOut, MaskFile, rule_for
from kerasseg.data.reading.matching import LOSSY
from kerasseg.data.reading.pair_flags import FilePair, Found, PairFlags
from kerasseg.doctor.facts import Bytes, Entry
from kerasseg.doctor.finding import Finding, error
from kerasseg.doctor.mask_ids import MaskFormat


@dataclass
class Source:
    """pairs: yields entries, each with a function that gives its bytes at once.

    masks: how the masks are to be understood. count: number of pairs.
    findings: faults of the source itself; those of records appear while reading.
    """

    path: Path
    masks: MaskFormat
    count: int
    pairs: Iterator[tuple[Entry, Callable[[], Bytes]]]
    findings: list[Finding] = field(default_factory=list)


def of_folder(
    src: Path,
    images: str = "",
    masks: str = "",
    legend: str = "",
    binary: bool = False,
    val_share: float = 0.2,
    flags: PairFlags | None = None,
    mask_flags: MaskFlags | None = None,
) -> Source:
    """A folder in a layout of `kerasseg.prepare folder`, split as that would split it.

    flags: more about names and lists of pairs; images and masks go before.
    mask_flags: what the masks mean; legend and binary go before.

    Unlike that adapter it goes on after a file that does not fit, and says so in the
    findings.

    Raises UserError if there is no such layout, no pair at all, or a wrong legend.
    """
    check_share(val_share)
    mask_flags = mask_flags or MaskFlags()
    legend, binary = legend or mask_flags.legend, binary or mask_flags.binary
    mask_flags = replace(mask_flags, legend=legend, binary=binary)
    lossless = not binary and mask_flags.threshold is None
    flags = flags or PairFlags()
    images, masks = images or flags.images, masks or flags.masks
    flags = replace(flags, images=images, masks=masks)
    found = look(src, flags, SUFFIXES, several(mask_flags))
    everything = [pair for pairs in found.pairs.values() for pair in pairs]
    known = legend_for(src, mask_flags, everything)
    findings = _unmatched(src, found, flags, not lossless)
    splits = {
        split: [pair for pair in pairs if not lossless or not _lossy(pair)]
        for split, pairs in found.pairs.items()
    }
    if flags.negatives == "background":
        for split, pairs in found.alone.items():
            splits.setdefault(split, []).extend(pairs)
    if not any(found.pairs.values()):
        raise UserError(f"No image in {src} has a mask of the same name.{found.hint}")
    if "train" in splits and "val" not in splits:
        try:
            splits |= divided(splits["train"], val_share, [])
        except UserError as reason:  # too few images
            fix = "Add images, or say --val-share 0 here and to prepare folder."
            findings.append(error("pairs", str(reason), fix))
    entries = [
        Entry(
            split,
            pair.id,
            _inside(src, pair.image),
            _inside(src, pair.masks[0]),
            partial(_bytes, pair.image, mask_of(pair, mask_flags.per_class)),
        )
        for split, pairs in splits.items()
        for pair in pairs
        if pair.masks
    ]
    files = [
        mask_of(pair, mask_flags.per_class)
        for pairs in splits.values()
        for pair in pairs
        if pair.masks
    ]
    understood = _understood(files, mask_flags, known)
    listed = ((entry, entry.read) for entry in entries)
    return Source(src, understood, len(entries), listed, findings)


def _inside(src: Path, file: Path) -> str:
    """The file's path from `src` on, if it lies there: lists of pairs name any."""
    return str(file.relative_to(src) if file.is_relative_to(src) else file)


def _lossy(pair: FilePair) -> bool:
    return any(mask.suffix.lower() in LOSSY for mask in pair.masks)


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
            f"{missing} Where such images show nothing: --negatives background.",
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
            "Export the masks again, as PNG.",
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


def _bytes(image: Path, mask: MaskFile) -> Bytes:
    return image.read_bytes(), mask.read_bytes() if isinstance(mask, Path) else mask


def _understood(files: list[MaskFile], flags: MaskFlags, legend: Legend) -> MaskFormat:
    """The rule by which `prepare` reads the masks, or why it would not."""
    left_out: LeftOut = []  # single files, which become findings when they are read
    try:
        rule = rule_for(files, flags, legend, left_out)
        return MaskFormat(rule.taxonomy, rule.kind == "colours", flags.binary, rule)
    except UserError as refusal:
        classes = legend.taxonomy() if legend.names else None
        said = refusal if files else None
        return MaskFormat(classes, bool(legend.colours), flags.binary, refusal=said)


def of_records(path: Path) -> Source:
    """Records of `kerasseg.prepare`; what is damaged becomes a finding.

    Raises UserError where there are none, or their description cannot be read.
    """
    from kerasseg.data.format.description import describe

    description = describe(path)
    findings: list[Finding] = []
    return Source(
        path,
        MaskFormat(description.taxonomy),
        sum(split.samples for split in description.splits.values()),
        _stream(description, findings),
        findings,
    )


def _stream(
    description: Description, findings: list[Finding]
) -> Iterator[tuple[Entry, Callable[[], Bytes]]]:
    """All records in their order; a shard is left at its first damaged record."""
    import tensorflow as tf

    for split, counts in description.splits.items():
        for shard in counts.shards:
            file = Path(description.path, shard.name)
            number = 0
            try:
                for number, serialised in enumerate(
                    tf.data.TFRecordDataset(str(file)), 1
                ):
                    features = _features(serialised.numpy())
                    name = f"{features[2]} in {shard.name}"
                    read_again = partial(_record, file, number - 1)
                    entry = Entry(split, features[2], name, name, read_again)
                    yield entry, partial(_pair_of, features)
                reason = "it ends there" if number < shard.samples else ""
            except tf.errors.OpError as broken:
                reason = broken.message.splitlines()[0]
            if reason:
                findings.append(
                    error(
                        "corrupt",
                        f"Shard {shard.name} is damaged at record {number} of "
                        f"{shard.samples}: {reason}.",
                        "Write the records again with python -m kerasseg.prepare.",
                    )
                )


def _features(serialised: Any) -> tuple[bytes, bytes, str]:
    import tensorflow as tf

    from kerasseg.data.format.encode import IMAGE, LABEL

    feature = tf.train.Example.FromString(serialised).features.feature
    image, label, name = (
        b"".join(feature[key].bytes_list.value[:1])
        for key in (IMAGE, LABEL, "image/filename")
    )
    return image, label, name.decode()


def _pair_of(features: tuple[bytes, bytes, str]) -> Bytes:
    return features[:2]


def _record(file: Path, number: int) -> Bytes:
    import tensorflow as tf

    dataset = tf.data.TFRecordDataset(str(file)).skip(number).take(1)
    return _features(next(iter(dataset)).numpy())[:2]
