"""Names of results: none twice, none too long, none of an input."""

import pytest

from kerasseg.data.reading.pictures.image import Page
from kerasseg.inference import inputs
from kerasseg.inference.results import names


def touch(folder, *files):
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")


def test_results_have_names_of_their_own(tmp_path):
    touch(tmp_path, "a.jpg", "a.png", "A.tif", "s/a.jpg", "t/a.jpg")
    long = "ü" * 123
    sources = [*sorted(tmp_path.rglob("*.*")), 0, Page(tmp_path / "s.tif", 1)]
    sources += [tmp_path / f"{long}{end}.jpg" for end in "ab"]
    places = [inputs.Path()] * len(sources)
    found = [t.name for t in names.targets(sources, places, tmp_path)]
    assert len({name.casefold() for name in found}) == len(sources)
    assert {"A", "a_2", "a_3", "camera0", "s_page2"} <= set(found)
    assert max(len(name.encode()) for name in found) <= names.LONGEST


def test_a_result_never_replaces_an_input(tmp_path):
    touch(tmp_path, "x/a.png", "x/b.jpg")
    sources = sorted((tmp_path / "x").iterdir())
    for out, wrong in (("x", True), ("y", False)):
        results = [
            target.with_suffix(".png")
            for target in names.targets(sources, [inputs.Path()] * 2, tmp_path / out)
        ]
        if wrong:
            with pytest.raises(ValueError, match=r"a\.png would replace the input"):
                names.refuse_replacing(sources, results)
        else:
            names.refuse_replacing(sources, results)
    (tmp_path / "y").mkdir()
    (tmp_path / "y" / "a.png").hardlink_to(tmp_path / "x" / "a.png")
    with pytest.raises(ValueError, match="would replace"):
        names.refuse_replacing(sources, [tmp_path / "y" / "a.png"])


def test_names_of_classes_are_names_of_files():
    given = ["left lung", "Left/lung", "../..", "", "心臓", "x" * 99, "con:?*"]
    found = names.class_names(given)
    assert found[:5] == ["left_lung", "Left_lung_2", "class", "class_2", "心臓"]
    assert found[6] == "con"
    assert len(found[5]) == names.LONGEST_CLASS
    assert len({name.casefold() for name in found}) == len(given)
