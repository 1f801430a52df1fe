"""Lists the image and mask pairs the doctor examines, from a folder or from records."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from kerasseg import UserError
from kerasseg.data.format.description import Description
from kerasseg.data.reading.divide import check_share, divide
from kerasseg.data.reading.legend import legend_of
from kerasseg.data.reading.pairs import Matched, Pair, layout, match
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
    images: str = "images",
    masks: str = "masks",
    legend: str = "",
    binary: bool = False,
    val_share: float = 0.2,
) -> Source:
    """A folder in a layout of `kerasseg.prepare folder`, split as that would split it.

    Unlike that adapter it goes on after a file that does not fit, and says so in the
    findings.

    Raises UserError if there is no such layout, no pair at all, or a wrong legend.
    """
    check_share(val_share)
    known = legend_of(src, legend, binary)
    findings: list[Finding] = []
    splits = {}
    for split, folders in layout(src, images, masks).items():
        found = match(*folders)
        findings += _unmatched(src, found, binary)
        splits[split] = _usable(found, binary)
    if not any(splits.values()):
        raise UserError(
            f"No image in {src} has a mask of the same name. Expected {images}/x.jpg "
            f"beside {masks}/x.png; name the folders with --images and --masks."
        )
    if "train" in splits and "val" not in splits:
        try:
            splits |= divide(splits["train"], val_share, lambda pair: pair[0].stem)
        except UserError as reason:  # too few images
            fix = "Add images, or say --val-share 0 here and to prepare folder."
            findings.append(error("pairs", str(reason), fix))
    entries = [
        Entry(
            split,
            image.stem,
            str(image.relative_to(src)),
            str(mask.relative_to(src)),
            partial(_bytes, image, mask),
        )
        for split, pairs in splits.items()
        for image, mask in pairs
    ]
    understood = MaskFormat(
        known.taxonomy() if known.names else None, bool(known.colours), binary
    )
    pairs = ((entry, entry.read) for entry in entries)
    return Source(src, understood, len(entries), pairs, findings)


def _usable(found: Matched, binary: bool) -> list[Pair]:
    if binary:
        return found.pairs
    return [pair for pair in found.pairs if pair[1] not in found.lossy]


def _unmatched(src: Path, found: Matched, binary: bool) -> list[Finding]:
    """A finding for each reason for which `prepare folder` would stop."""
    doubled = [file for _, file in found.same_stem]
    missing = "Add what is missing, or remove them; names must be equal up to the last "
    missing += "dot."
    empty = [] if found.pairs or found.images_alone else [found.images]
    faults = (
        (found.images_alone, "Images without a mask", missing),
        (found.masks_alone, "Masks without an image", missing),
        (
            doubled,
            "Files that share their name with another",
            "Rename or remove them: a mask is found by its image's name.",
        ),
        (
            [] if binary else found.lossy,
            "Masks that are JPEG, which changes ids and colours",
            "Export the masks again, as PNG.",
        ),
        (empty, "Folders without an image", "Add images, or remove the folder."),
    )
    return [
        error("pairs", _some(src, files, what), fix)
        for files, what, fix in faults
        if files
    ]


def _some(src: Path, found: list[Path], what: str) -> str:
    names = ", ".join(str(file.relative_to(src)) for file in found[:3])
    return f"{what}: {len(found)} ({names}{', ...' if len(found) > 3 else ''})."


def _bytes(image: Path, mask: Path) -> Bytes:
    return image.read_bytes(), mask.read_bytes()


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
