"""Where images and masks come from: a folder of files, or records."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from kerasseg import UserError
from kerasseg.data.datasets import folder as files
from kerasseg.data.datasets.reading.divide import divide
from kerasseg.doctor.facts import Bytes, Entry
from kerasseg.doctor.finding import Finding, error
from kerasseg.doctor.ids import Reading


@dataclass
class Source:
    """pairs: yields entries with a function that gives their bytes at once.

    findings: faults of the source itself; those of records appear while reading.
    """

    path: Path
    reading: Reading
    count: int
    pairs: Iterator[tuple[Entry, object]]
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
    findings. Raises ValueError if there is no such layout or no pair at all.
    """
    known = files._legend(src, legend, binary)
    reading = Reading(
        known.taxonomy() if known.names else None, bool(known.colours), binary
    )
    findings: list[Finding] = []
    splits = {}
    for split, folders in files._layout(src, images, masks).items():
        splits[split] = _pairs(src, *folders, binary, findings)
    if "train" in splits and "val" not in splits and val_share:
        if len(splits["train"]) > 1:
            splits |= divide(splits["train"], val_share, lambda pair: pair[0].stem)
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
    if not entries:
        raise UserError(
            f"No image in {src} has a mask of the same name. Expected {images}/x.jpg "
            f"beside {masks}/x.png; name the folders with --images and --masks."
        )
    pairs = ((entry, entry.read) for entry in entries)
    return Source(src, reading, len(entries), pairs, findings)


def _pairs(
    src: Path, images: Path, masks: Path, binary: bool, findings: list[Finding]
) -> list[tuple[Path, Path]]:
    kinds = files.IMAGES, files.IMAGES | files.MASKS
    found: tuple[dict, dict] = ({}, {})
    twice, unknown = [], []
    for folder, suffixes, by_stem in zip((images, masks), kinds, found, strict=True):
        for file in sorted(folder.iterdir()):
            if file.name.startswith(".") or file.is_dir():
                continue
            if file.suffix.lower() not in suffixes:
                unknown.append(file)
            elif file.stem in by_stem:
                twice.append(file)
            else:
                by_stem[file.stem] = file
    for one, other, what in (
        (found[0], found[1], "images have no mask"),
        (found[1], found[0], "masks have no image"),
    ):
        alone = [one[stem] for stem in one if stem not in other]
        if alone:
            fix = "Add what is missing, or remove them; names must be equal up to the"
            findings.append(error("pairs", _some(src, alone, what), f"{fix} last dot."))
    if twice:
        findings.append(
            error(
                "pairs",
                _some(src, twice, "files have the name of another"),
                "Rename or remove them: a mask is found by its image's name.",
            )
        )
    jpegs = [f for f in found[1].values() if f.suffix.lower() not in files.MASKS]
    lossy = [] if binary else jpegs
    if lossy:
        findings.append(
            error(
                "pairs",
                _some(src, lossy, "masks are JPEG, which changes ids and colours"),
                "Export the masks again, as PNG.",
            )
        )
    stems = (set(found[0]) & set(found[1])) - {file.stem for file in lossy}
    return [(found[0][stem], found[1][stem]) for stem in sorted(stems)]


def _some(src: Path, found: list[Path], what: str) -> str:
    names = ", ".join(str(file.relative_to(src)) for file in found[:3])
    return f"{len(found)} {what} ({names}{', ...' if len(found) > 3 else ''})."


def _bytes(image: Path, mask: Path) -> Bytes:
    return image.read_bytes(), mask.read_bytes()


def of_records(path: Path) -> Source:
    """Records of `kerasseg.prepare`; what is damaged becomes a finding."""
    from kerasseg.data.format.description import describe

    description = describe(path)
    findings: list[Finding] = []
    return Source(
        path,
        Reading(description.taxonomy),
        sum(split.samples for split in description.splits.values()),
        _stream(description, findings),
        findings,
    )


def _stream(description, findings: list[Finding]):
    import tensorflow as tf

    for split, counts in description.splits.items():
        for shard in counts.shards:
            file = description.path / shard.name
            number = 0
            try:
                for number, serialised in enumerate(
                    tf.data.TFRecordDataset(str(file)), 1
                ):
                    features = _features(serialised.numpy())
                    name = f"{features[2]} in {shard.name}"
                    again = partial(_record, file, number - 1)
                    entry = Entry(split, features[2], name, name, again)
                    yield entry, partial(_of, features)
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


def _features(serialised: bytes) -> tuple[bytes, bytes, str]:
    import tensorflow as tf

    from kerasseg.data.format.example import IMAGE, LABEL

    feature = tf.train.Example.FromString(serialised).features.feature
    image, label, name = (
        b"".join(feature[key].bytes_list.value[:1])
        for key in (IMAGE, LABEL, "image/filename")
    )
    return image, label, name.decode()


def _of(features) -> Bytes:
    return features[:2]


def _record(file: Path, number: int) -> Bytes:
    import tensorflow as tf

    dataset = tf.data.TFRecordDataset(str(file)).skip(number).take(1)
    return _features(next(iter(dataset)).numpy())[:2]
