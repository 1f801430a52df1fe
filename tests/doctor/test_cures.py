"""The doctor's advice, followed to the letter, repairs each of its patients."""

from __future__ import annotations

import re
import shutil

import numpy as np
import patients
import pytest
from faults import FAULTS
from PIL import Image

from kerasseg import prepare
from kerasseg.doctor.__main__ import main


def found(source, *flags, capsys) -> list[tuple[str, str, str]]:
    """Severity, check and fix of what the command prints, blanks as they come."""
    try:
        main([str(source), "--out", str(source.parent / "doctor.html"), *flags])
    except SystemExit as stop:
        assert stop.code == 1
    text = capsys.readouterr().out.partition("\nno finding of")[0]
    parts = re.split(r"\n(error|warning) +(\S+) +", text)[1:]
    rows = zip(parts[::3], parts[1::3], parts[2::3], strict=True)
    return [(kind, check, " ".join(words.split())) for kind, check, words in rows]


def flags(words):
    """What the advice has to say, and is then given to the doctor (or `prepare`)."""
    return words.split()


def legend_from_advice(folder, fix):
    """ "Write one line for each colour ...: name 70 70 70; name 0 0 142" """
    lines = re.search(r"into classes\.txt: (.*?)\.", fix)[1].split("; ")
    named = [line.replace("name", f"class{i}") for i, line in enumerate(lines)]
    (folder / "classes.txt").write_text("\n".join(named))


def ids_into_the_legend(folder, fix):
    """ "Write the ids too (lines '1: ground')" """
    lines = [f"{i}: {name}" for i, name in enumerate(patients.NAMES, 1)]
    assert f"'{lines[0]}'" in fix
    (folder / "classes.txt").write_text("\n".join(lines))


def train_ids(folder, _):
    """Exports *_labelTrainIds.png, as Cityscapes' scripts do."""
    table = np.full(256, 255, np.uint8)
    known = {7: 0, 8: 1, 11: 2, 17: 5, 21: 8, 23: 10, 24: 11, 26: 13}
    table[list(known)] = list(known.values())
    for file in patients.masks(folder):
        patients.save(file, table[np.asarray(Image.open(file))])


def healthy_masks(folder, _):
    """Exports the masks again, as they should have been."""
    shutil.rmtree(folder / "masks")
    aside = patients.healthy(folder.parent / "again")
    shutil.copytree(aside / "masks", folder / "masks")
    if not (folder / "classes.txt").exists():
        return
    (folder / "classes.txt").write_text((aside / "classes.txt").read_text())


def undone(change, split="*"):
    """Does to the masks, all or of a split, what the advice says, one by one."""

    def cure(folder, _):
        for file in (folder / "masks").glob(f"{split}/*.png"):
            patients.save(file, change(np.asarray(Image.open(file))))

    return cure


def map_of_ids(folder, fix):
    """ "--map FILE with a line '255,background'": a table of all ids."""
    line = re.search(r"a line '(.*?)'", fix)[1]
    lines = [f"{i},{name}" for i, name in enumerate(patients.NAMES)]
    file = folder.parent / "map.csv"
    file.write_text("\n".join([*lines, line]))
    # The same patient's labels are coarse: "say --skip alignment" is the other advice.
    return ["--map", str(file), "--skip", "alignment"]


def again(plant):
    """A change that undoes itself when it is made twice."""
    return lambda folder, _: plant(folder)


def whole_videos(folder, _):
    """The first drive has 12 frames."""
    for file in [f for f in folder.rglob("*.png") if f.stem.startswith("film_")]:
        split = "train" if int(file.stem[-4:]) < 12 else "val"
        file.rename(file.parents[1] / split / file.name)


def without(*names):
    def cure(folder, _):
        gone = [f for f in folder.rglob("*") if f.stem in names]
        assert gone
        for file in gone:
            file.unlink()

    return cure


def upright(folder, _):
    """As exiftran -ai does: the pixels are turned and the tag is gone."""
    for file in (folder / "images").rglob("*.jpg"):
        with Image.open(file) as image:
            turn = image.getexif().get(0x0112)
            pixels = np.asarray(image)
        assert turn == 6
        patients.save(file, np.ascontiguousarray(np.rot90(pixels, -1)), quality=95)


def without_tags(folder, _):
    """As exiftool -Orientation=1 does."""
    for file in (folder / "images").rglob("*.jpg"):
        patients.save(file, np.asarray(Image.open(file)), quality=95)


CURES = {
    "0 and 255": ("say --binary", flags("--binary")),
    "gray levels": ("say --compact", flags("--compact")),
    "RGB": ("Write one line for each colour", legend_from_advice),
    "labelIds": ("Use *_labelTrainIds.png", train_ids),
    "ids out of range": ("say --ignore 4", flags("--ignore 4")),
    "ids from 1": ("Write the ids too", ids_into_the_legend),
    "interpolated": ("export them again", healthy_masks),
    "smoothed colours": ("export the masks again", healthy_masks),
    "moved by 5 and -4": ("do it to both", undone(patients.moved(-5, 4))),
    "mirrored": ("Turn the masks so", undone(lambda ids: ids[:, ::-1].copy())),
    "two labels exchanged": ("Exchange the masks", again(patients.labels_exchanged)),
    "labels off by one": ("Check how images and masks are paired", healthy_masks),
    "folders swapped": ("Swap the two folders", again(patients.folders_swapped)),
    "folders swapped, named": (
        "name them with --images and --masks",
        flags("--images masks --masks images"),
    ),
    "mask of another size": ("--mask-fit stretch", flags("--mask-fit stretch")),
    "mask cropped": ("--mask-fit crop", flags("--mask-fit crop")),
    "EXIF turns, mask does not": ("remove the tag", without_tags),
    "EXIF turns, mask too": ("store the pixels upright", upright),
    "few labels moved": ("do it to both", undone(patients.moved(-5, 4), "val")),
    "EXIF turns over": (
        "Turn the masks so",
        undone(lambda ids: ids[::-1, ::-1].copy()),
    ),
    "labelIds, with a legend": ("Use *_labelTrainIds.png", healthy_masks),
    "instance ids": (
        "convert to class ids",
        undone(lambda ids: (ids - 26000).astype(np.uint8)),
    ),
    "mostly ignored": ("--map FILE with a line", map_of_ids),
    "val ignored": ("label or remove them", healthy_masks),
    "val of one class": ("check how the masks were written", healthy_masks),
    "all masks 0": ("check how the masks were written", healthy_masks),
    "image and mask file exchanged": (
        "exchange the two files",
        again(patients.files_exchanged),
    ),
    "one image ignored": ("remove them", without("000")),
    "copy in another split": ("Remove them from one", without("copy")),
    "copy in one split": ("Remove the copies", without("copy")),
    "near copy in another split": ("Remove copies from one", without("copy")),
    "video dealt to splits": ("Put whole videos", whole_videos),
    "image cut short": ("remove the pairs", without("000")),
    "mask cut short": ("remove the pairs", without("000")),
    "no image": ("remove the pairs", without("000")),
    "blank image": ("Remove them", without("000")),
    "image without mask": ("remove them", without("000")),
    "JPEG mask": ("Export the masks again", healthy_masks),
}
"""Fault: the words of the advice, and what is done then: flags, or a function."""
SAME = {
    "folders swapped, named": "folders swapped",
    "mask cropped": "mask of another size",
}
PREPARED = {
    "images of several sizes": ("prepare with --size", "--size 96 128"),
    "no train": ("--split-by name", "--split-by name"),
    "class only in val": ("--folds 5", "--folds 5"),
    "class only in train": ("--split-by name", "--split-by name --val-share 0.3"),
    "class nowhere": ("--drop", "--drop unicorn"),
    "class rare": ("--merge", "--merge ground=ground,unicorn"),
    "image cut short": ("--on-error skip", "--on-error skip"),
}
"""Fault: the words of the advice, and flags for `prepare folder`."""
ALONE = ("--workers", "1", "--shards", "1")
"""No processes: to start them takes longer than the work."""


def test_every_patient_has_a_cure():
    assert set(FAULTS) == {SAME.get(one, one) for one in (*CURES, *PREPARED)}


def patient(folder, fault, capsys):
    """Plants a fault; its check, severity and advice as the command prints it."""
    plant, (severity, check, _) = FAULTS[fault]
    plant(folder)
    rows = found(folder, capsys=capsys)
    advice = " ".join(fix for *which, fix in rows if which == [severity, check])
    return severity, check, advice


@pytest.mark.parametrize("cure", CURES)
def test_advice_repairs(folder, cure, capsys):
    words, way = CURES[cure]
    severity, check, advice = patient(folder, SAME.get(cure, cure), capsys)
    assert words in advice
    given = (way(folder, advice) or []) if callable(way) else way
    rows = found(folder, *given, capsys=capsys)
    assert (severity, check) not in [row[:2] for row in rows], rows
    assert "error" not in [kind for kind, *_ in rows], rows


@pytest.mark.parametrize("cure", PREPARED)
def test_advice_for_prepare_repairs(folder, cure, capsys):
    words, way = PREPARED[cure]
    severity, check, advice = patient(folder, cure, capsys)
    assert words in advice
    records = folder.parent / "records"
    prepare.main(["folder", str(folder), str(records), *way.split(), *ALONE])
    capsys.readouterr()
    rows = found(records, capsys=capsys)
    assert (severity, check) not in [row[:2] for row in rows], rows
