"""Names of splits, as people write them, and files that list what is in a split."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from kerasseg import UserError
from kerasseg.data.reading.pairing.names import folded
from kerasseg.data.reading.text_file import text_of

SPLITS = {
    "train": ("train", "training", "trainset", "trn", "tr"),
    "val": (
        *("val", "valid", "validation", "validate", "validating", "valset"),
        *("dev", "devel", "development", "eval", "evaluation"),
    ),
    "test": ("test", "testing", "tests", "testset", "tst", "ts", "holdout"),
}
"""What splits are called here, and elsewhere, in any case. A hold-out set is test: it
is neither trained upon nor chosen by."""
NAMES = {name: split for split, names in SPLITS.items() for name in names}
SHORT = {"tr", "ts"}
"""Only with another word beside them, as nnU-Net's imagesTr."""
LISTS = ("", "ImageSets/Segmentation", "ImageSets", "splits", "lists", "list", "split")
"""Folders in which the lists of a data set lie."""
DEPTH = 4
"""How many parts at the end of an image's path a list may name."""
FILLERS = {
    *("list", "lists", "set", "split", "images", "image", "ids", "id", "files", "file"),
    *("names", "aug", "data", "samples"),
}
"""Words beside a split's name in the name of a list: train_list.txt, val_ids.txt."""


def split_of(name: str) -> str:
    """train, val or test for the name of a folder or of a source's split; else "".

    Any case, and with a year: Training, VALID, hold-out, train2017.
    """
    word = re.sub(r"[\s_.-]+", "", folded(name))
    word = re.sub(r"(?<=\D)(19|20)\d\d$", "", word)
    return "" if word in SHORT else NAMES.get(word, "")


def named(splits: Iterable[str]) -> dict[str, str]:
    """Our name of each split of a source: train, val and test, else its own.

    A source with one split of another name (CVAT's "default") is all train.

    Raises UserError where two splits would have one name.
    """
    names = {split: split_of(split) or split for split in splits}
    if len(names) == 1 and not split_of(next(iter(names))):
        return dict.fromkeys(names, "train")
    for split, name in names.items():
        same = [other for other in names if names[other] == name]
        if len(same) > 1:
            raise UserError(
                f"Splits {same[0]} and {same[1]} would both be {name}. Rename or move "
                f"one of them, such as {split}."
            )
    return names


def list_files(places: Iterable[Path]) -> dict[str, Path]:
    """The list of each split: train.txt, val.txt, test.txt and the like.

    They lie in one of these folders or in one of `LISTS` below; the first that has any
    counts. Empty where none has.

    A list that is called by the split alone goes before train_list.txt, trainaug.txt.

    Raises UserError for two other lists of one split.
    """
    for folder in (place / name for place in places for name in LISTS):
        found: dict[str, Path] = {}
        for file in sorted(folder.glob("*.txt")) if folder.is_dir() else ():
            split = _split_of_list(file.stem)
            if split in found and not split_of(file.stem):
                if split_of(found[split].stem):
                    continue
                raise UserError(
                    f"{found[split]} and {file} both list {split}. Move one of them "
                    "away."
                )
            if split:
                found[split] = file
        if found:
            return found
    return {}


def _split_of_list(name: str) -> str:
    words = [w for w in re.split(r"[\s_.-]+", folded(name)) if w]
    for word in words:  # trainaug
        head = next((n for n in ("train", "val", "test") if word.startswith(n)), "")
        if word[len(head) :] in FILLERS:
            words = [head, *(w for w in words if w != word)]
    splits = [split_of(word) for word in words]
    others = [w for w, split in zip(words, splits, strict=True) if not split]
    found = {split for split in splits if split}
    return found.pop() if len(found) == 1 and set(others) <= FILLERS else ""


def lines_of(file: Path) -> list[tuple[int, list[str]]]:
    """Number and words of each line; empty lines and # comments are left out.

    Words are parted by tabs where a line has any, else by semicolons, commas or blanks;
    those with blanks in them stand in quotes. Backslashes are read as slashes.

    Raises UserError for a file that is missing or no text.
    """
    if not file.is_file():
        raise UserError(f"List {file} does not exist. Check its path.")
    lines = []
    for number, line in enumerate(text_of(file).splitlines(), 1):
        line = line.strip()
        if line and not line.startswith("#"):
            lines.append((number, _words(line, file, number)))
    return lines


def _words(line: str, file: Path, number: int) -> list[str]:
    line = line.replace("\\", "/")
    if "\t" in line:
        words = line.split("\t")
    elif ";" in line and '"' not in line:
        words = line.split(";")
    elif "," in line and '"' not in line:
        words = line.split(",")
    elif '"' not in line:
        words = line.split()
    else:
        lexer = shlex.shlex(line, posix=True, punctuation_chars="")
        lexer.whitespace, lexer.whitespace_split, lexer.commenters = " ,", True, ""
        lexer.quotes = '"'
        try:
            words = list(lexer)
        except ValueError as error:
            raise UserError(f"{file} line {number}: {error}.") from error
    return [word.strip().strip('"') for word in words if word.strip()]


def listed(lists: dict[str, Path], known: Iterable[tuple[str, Path]]) -> dict[str, str]:
    """Split of each sample that the lists name; known: id and image file of each.

    A line names a sample by its stem, its id, the name of its file, or the end of its
    path; further words of the line (a mask) are not looked at here. A line that has
    blanks in it may be one name.

    Raises UserError for a line that fits no sample or several, and for a sample in two
    splits.
    """
    by_end: dict[str, set[str]] = {}
    for name, image in known:
        for whole in (PurePosixPath(name), PurePosixPath(*image.parts[-DEPTH:])):
            parts = folded(whole.as_posix()).split("/")
            for i in range(len(parts)):
                end = "/".join(parts[i:])
                by_end.setdefault(end, set()).add(name)
                by_end.setdefault(_without_ending(end), set()).add(name)
    found: dict[str, str] = {}
    for split, file in lists.items():
        for number, words in lines_of(file):
            name = _sample(words, by_end, file, number)
            if found.setdefault(name, split) != split:
                raise UserError(
                    f"{name} is listed for {found[name]} and again in {file} (line "
                    f"{number}). Take it out of one list."
                )
    return found


def _sample(
    words: list[str], by_end: dict[str, set[str]], file: Path, number: int
) -> str:
    for text in dict.fromkeys((" ".join(words), words[0])):
        end = folded(text.removeprefix("./")).strip("/")
        while end:
            for key in (end, _without_ending(end)):
                fits = by_end.get(key, set())
                if len(fits) == 1:
                    return next(iter(fits))
                if fits:
                    some = " and ".join(sorted(fits)[:2])
                    raise UserError(
                        f"{file} line {number}: {text} may be {some}. Write the path."
                    )
            end = end.partition("/")[2]  # a path on the machine that made the list
    raise UserError(
        f"{file} line {number}: no image is called {words[0]}. Correct the list, or "
        "move it away to have splits chosen."
    )


def _without_ending(name: str) -> str:
    folder, slash, last = name.rpartition("/")
    stem, dot, ending = last.rpartition(".")
    short = dot and stem and len(ending) <= 5
    return f"{folder}{slash}{stem}" if short else name
