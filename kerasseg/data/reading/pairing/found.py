"""Looks at a folder of images and masks: what belongs together, what does not fit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import replace
from itertools import takewhile
from pathlib import Path

from kerasseg import UserError
from kerasseg.data.reading.pairing.affixes import Rule
from kerasseg.data.reading.pairing.divide import divide
from kerasseg.data.reading.pairing.folders import PictureFile, stem_of
from kerasseg.data.reading.pairing.matching import Matched, Names, match
from kerasseg.data.reading.pairing.names import folded, nearest
from kerasseg.data.reading.pairing.pair_flags import FilePair, Found, PairFlags
from kerasseg.data.reading.pairing.pair_lists import ids_of, read_pair_lists
from kerasseg.data.reading.pairing.roles import images_and_masks
from kerasseg.data.reading.pairing.splits import SPLITS, list_files, listed

ORDER = list(SPLITS)
"""In which splits come."""


def look(
    src: Path, flags: PairFlags, endings: Collection[str], several: str = ""
) -> Found:
    """All images and masks below `src`, by their lists or folders and names.

    endings: of pictures. several: see `matching.match`.

    Raises UserError where folders do not tell which files are images and which are
    masks, where there is none, and for wrong lists.
    """
    if not src.is_dir():
        raise UserError(f"Folder {src} does not exist. Check the path.")
    if flags.pairs:
        return _of_lists(src, flags)
    names = Names(flags.suffix, flags.strip)
    roles = images_and_masks(src, flags, names, endings)
    stems = {names.stem(mask): mask.path.name for mask in roles.masks}
    if not any(stem.endswith(folded(flags.suffix)) for stem in stems):
        raise UserError(
            f"No mask in {src} ends with {flags.suffix} before its ending; one is "
            f"called {next(iter(stems.values()))}. Correct --suffix."
        )
    matched = match(roles.images, roles.masks, names, endings, several)
    if matched.images_alone and matched.masks_alone:  # img_1.jpg and img_01.png
        plain = replace(names, plain_numbers=True)
        other = match(roles.images, roles.masks, plain, endings, several)
        if other.pairs and not (
            other.images_alone or other.masks_alone or other.clashes or other.loose
        ):
            matched = other
            roles.notes.append("Zeros at the start of numbers do not count in names.")
    found = Found(
        src,
        masks_alone=[m.path for m in matched.masks_alone],
        clashes=[(one.path, other.path) for one, other in matched.clashes],
        notes=roles.notes,
        empty=roles.empty,
    )
    samples = [(i, tuple(m.path for m in masks)) for i, masks in matched.pairs]
    samples += [(image, ()) for image in matched.images_alone]
    _say_pairs(found, matched)
    found.hint = _hint(matched, names)
    _into_splits(found, samples)
    return found


# ---- Splits ------------------------------------------------------------------------


def _into_splits(
    found: Found, samples: list[tuple[PictureFile, tuple[Path, ...]]]
) -> None:
    """Puts pairs and lone images into splits: by folders, else by list files."""
    src = found.src
    lists = list_files(_folders_above(src, [p.path for p, _ in samples[:1]]))
    ids = {p.path: "/".join((*p.group, stem_of(p.path.name))) for p, _ in samples}
    splits = {p.path: p.split for p, _ in samples}
    said = {split for split in splits.values() if split}
    outside = [p for p, masks in samples if said and not p.split and masks]
    if outside:
        raise UserError(
            f"{outside[0].path} lies outside the folders of {', '.join(sorted(said))} "
            f"({len(outside)} such pairs). Move them into one of these, or away."
        )
    lone = [p for p, _ in samples if said and not p.split]
    if lone:
        folder = lone[0].path.parent.relative_to(src)
        found.notes.append(
            f"Left aside, of no split and without masks: {len(lone)} images in {folder}"
        )
        samples = [(p, masks) for p, masks in samples if p.split]
    if said:
        found.by = "folders"
        if lists:
            names = ", ".join(str(f.relative_to(src)) for f in lists.values())
            found.notes.append(f"Not used, as folders tell the splits: {names}.")
    elif lists:
        found.by = "lists"
        by_id = listed(lists, [(ids[p.path], p.path) for p, _ in samples])
        splits = {path: by_id.get(name, "") for path, name in ids.items()}
        left = [path for path, split in splits.items() if not split]
        if left and "train" not in lists:
            found.notes.append(f"In no list, so train: {len(left)} images.")
            splits |= dict.fromkeys(left, "train")
            left = []
        samples = [(p, masks) for p, masks in samples if splits[p.path]]
        if left or found.masks_alone:
            found.notes.append(
                f"In no list, left out: {len(left)} images and "
                f"{len(found.masks_alone)} masks without one."
            )
            found.masks_alone = []
    for picture, masks in samples:
        pair = FilePair(picture.path, masks, ids[picture.path], "/".join(picture.group))
        where = found.pairs if masks else found.alone
        where.setdefault(splits[picture.path] or "train", []).append(pair)
    if found.alone.get("test") and not found.pairs.get("test"):
        count = len(found.alone.pop("test"))
        found.notes.append(f"Left out: test, {count} images without any mask.")
    found.pairs = {s: found.pairs[s] for s in ORDER if s in found.pairs}
    found.alone = {s: found.alone[s] for s in ORDER if s in found.alone}
    _say_splits(found, lists)


def _folders_above(src: Path, images: list[Path]) -> list[Path]:
    """The source's folder, and those between it and an image: a zip file's own."""
    inner = [f for i in images for f in reversed(i.parents) if f.is_relative_to(src)]
    return list(dict.fromkeys([src, *inner]))


def _say_splits(found: Found, lists: dict[str, Path]) -> None:
    counts = ", ".join(f"{s} {len(p)}" for s, p in found.pairs.items())
    groups = {p.group for pairs in found.pairs.values() for p in pairs if p.group}
    if found.by == "folders":
        found.notes.append(f"Splits by folders: {counts}.")
    elif found.by == "lists":
        names = ", ".join(str(f.relative_to(found.src)) for f in lists.values())
        found.notes.append(f"Splits by {names}: {counts}.")
    if groups:
        some = ", ".join(sorted(groups)[:3]) + (", ..." if len(groups) > 3 else "")
        found.notes.append(f"Folders that are groups of images, no splits: {some}.")


def _of_lists(src: Path, flags: PairFlags) -> Found:
    """The pairs that the lists of `--pairs` name."""
    lines = read_pair_lists(src, flags.pairs)
    found = Found(src, by="pairs" if any(line[0] for line in lines) else "")
    names = ids_of(src, [line[1] for line in lines])
    for name, (split, image, mask, _) in zip(names, lines, strict=True):
        pair = FilePair(image, (mask,) if mask else (), name, name.rpartition("/")[0])
        where = found.pairs if mask else found.alone
        where.setdefault(split or "train", []).append(pair)
    used = Counter(p.masks for pairs in found.pairs.values() for p in pairs)
    shared = [masks for masks, count in used.items() if count > 1]
    if shared:
        found.notes.append(
            f"{len(shared)} masks have several images, such as {shared[0][0].name} "
            f"with {used[shared[0]]}."
        )
    counts = ", ".join(f"{s} {len(p)}" for s, p in found.pairs.items())
    found.notes.append(f"Pairs of {', '.join(flags.pairs)}: {counts}.")
    return found


# ---- What is said ------------------------------------------------------------------


def _say_pairs(found: Found, matched: Matched) -> None:
    if not matched.pairs:
        return
    image, masks = matched.pairs[0]
    shown = [str(file.path.relative_to(found.src)) for file in (image, *masks)]
    rule = "".join(f"; {rule}" for rule in matched.rules if rule != Rule())
    loose = "; folders did not count" if matched.loose else ""
    found.notes.insert(
        0, f"Pairs: {len(matched.pairs)}, such as {' + '.join(shown)}{rule}{loose}."
    )


def _hint(matched: Matched, names: Names) -> str:
    """The nearest name for the first image or mask alone, and flags that would help."""
    if not (matched.images_alone and matched.masks_alone):
        return ""
    image = matched.images_alone[0]
    stems = {m.path.name: names.stem(m) for m in matched.masks_alone}
    longer = [s for s in stems.values() if s.startswith(names.stem(image))]
    close = min(longer, key=len, default="")
    close = close or nearest(names.stem(image), stems.values())
    if not close:
        return ""
    file = next(name for name, stem in stems.items() if stem == close)
    said = f" The nearest name is {file}"
    one, other = names.stem(image), close
    lone = [names.stem(i) for i in matched.images_alone]
    alike = _alike(one, other)
    ends = one[alike:], other[alike:]
    having = [stem for stem in stems.values() if stem.endswith(ends[1])]
    paired = [names.stem(mask) for _, masks in matched.pairs for mask in masks]
    if alike and not ends[0] and 2 * len(having) >= len(stems):
        sign = "=" if ends[1].startswith("-") else " "  # else it looks like a flag
        others = any(not stem.endswith(ends[1]) for stem in paired)
        flag = "--strip" if others else "--suffix"  # which takes no other masks
        if len(longer) > 1 and len(stems) > len(lone):  # x_car.png, x_road.png
            said += ", one of several of this image: say --per-class suffix if each is "
            return f"{said}a class, {flag}{sign}{ends[1]} if this is the mask."
        return f"{said}: say {flag}{sign}{ends[1]}."
    tail = _alike(one[::-1], other[::-1])
    heads = one[: len(one) - tail], other[: len(other) - tail]
    for same, parts, fits in (
        (alike, ends, str.endswith),
        (tail, heads, str.startswith),
    ):
        if same and all(
            fits(stem, part)
            for listed, part in zip((lone, stems.values()), parts, strict=True)
            for stem in listed
        ):
            return f"{said}: say --strip {' '.join(part for part in parts if part)}."
    return f"{said}."


def _alike(one: str, other: str) -> int:
    """How many letters at the start of both are the same."""
    equal = (a == b for a, b in zip(one, other, strict=False))
    return sum(takewhile(bool, equal))


# ---- Train and val -----------------------------------------------------------------


def divided(
    entries: list[FilePair], share: float, notes: list[str]
) -> dict[str, list[FilePair]]:
    """Train and val of the pairs of a source without val; says so in `notes`.

    Pages of a stack stay together, and so do the images of a folder where there are
    five folders or more, and none has a larger part of the images than val.

    Raises UserError for too few images.
    """
    if not share:
        return {"train": entries}
    stacks = any(entry.page >= 0 for entry in entries)
    sizes = Counter(map(group_of, entries))
    enough = all(sizes) and len(sizes) >= max(5, 1 / share)
    folders = enough and max(sizes.values()) <= share * len(entries)
    name = group_of if stacks or folders else id_of
    splits = divide(entries, share, name)
    what = "stacks" if stacks else "folders" if folders else "images"
    count, all_of_them = (len(set(map(name, e))) for e in (splits["val"], entries))
    notes.append(
        f"Val: {count} of {all_of_them} {what}, chosen by the hash of their names "
        f"(--val-share {share:g})."
    )
    return splits


def id_of(pair: FilePair) -> str:
    """The name of its sample."""
    return pair.id


def group_of(pair: FilePair) -> str:
    """The folder or stack that it is one of; "" for none."""
    return pair.group
