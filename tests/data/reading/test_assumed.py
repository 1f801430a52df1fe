"""`--assume`: masks that would be refused are read as they most likely are."""

import re

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from kerasseg import UserError
from kerasseg.data.datasets.folder_legend import rule_and_legend
from kerasseg.data.reading.legends.legend import Legend
from kerasseg.data.reading.masks.mask_flags import MaskFlags
from kerasseg.data.reading.masks.mask_labels import label_of
from kerasseg.data.reading.masks.mask_rule import rule_for

IDS = np.zeros((60, 80), np.uint8)
IDS[8:40, 10:50] = 1
IDS[30:56, 40:75] = 2
DISC = (np.hypot(*(np.indices((90, 90)) - 45)) < 30).astype(np.uint8)
SOFT = cv2.GaussianBlur(DISC * 255, (0, 0), 1.2)
RGB = np.array([[0, 0, 0], [200, 30, 30], [30, 30, 200]], np.uint8)
ASSUME = MaskFlags(assume=True)


def saved(folder, *masks, ending=".png"):
    files = []
    for number, pixels in enumerate(masks):
        files.append(folder / f"m{number}{ending}")
        Image.fromarray(pixels).save(files[-1])
    return files


READ = {  # what is saved, the ending, the labels, what is said
    "0 and 255": (
        DISC * 255,
        ".png",
        DISC,
        "255 the foreground, 35 % of.*--binary",
    ),
    "0 and 128": (DISC * 128, ".png", DISC, "128 the foreground.*--binary"),
    "0 and 65535": (DISC * np.uint16(65535), ".png", DISC, "65535 the foreground"),
    "gray as RGB": (np.dstack([DISC * 255] * 3), ".png", DISC, "--binary"),
    "a JPEG": (DISC * 255, ".jpg", DISC, "smoothed borders.*--binary"),
    "soft borders": (SOFT, ".png", SOFT > 127, "smoothed borders.*--binary"),
    "gaps": (np.uint8([0, 90, 180])[IDS], ".png", IDS, "0, 90, 180 are 3 .*--compact"),
    "colours": (RGB[IDS], ".png", np.uint8([0, 2, 1])[IDS], "3 colours.*classes.txt"),
}


@pytest.mark.parametrize("case", READ)
def test_what_is_refused_is_read_and_said(tmp_path, case):
    pixels, ending, wanted, says = READ[case]
    files = saved(tmp_path, pixels, pixels, ending=ending)
    with pytest.raises(UserError):
        rule_and_legend(tmp_path, files, MaskFlags(), Legend())
    rule, _ = rule_and_legend(tmp_path, files, ASSUME, Legend())
    np.testing.assert_array_equal(label_of(files[1], rule), wanted)
    assert rule.notes[-1].startswith("Assumed: ")
    assert "\n" not in str(rule)
    assert re.search(says, rule.notes[-1])


def ramp():
    return np.resize(np.arange(256, dtype=np.uint8), (40, 256))


def objects(count):
    """Numbers with gaps, one for each object of a picture."""
    ids = np.arange(count, dtype=np.uint8) * (250 // count)
    return np.kron(ids.reshape(-1, 4), np.ones((6, 6), np.uint8))


OPEN = {  # what stays refused
    "trimap": [np.uint8([0, 128, 255])[IDS]] * 2,
    "gray levels": [ramp()] * 2,
    "numbers of objects": [objects(60)] * 2,
    "a number of one file": [np.uint8([0, 1, 99])[IDS], IDS],
    "16 bits": [np.uint16([0, 257, 258])[IDS]] * 2,
    "one value": [IDS * 0] * 2,
    "a photograph": [np.random.default_rng(0).integers(0, 256, (40, 40, 3), "u1")] * 2,
    "soft colours": [cv2.GaussianBlur(RGB[IDS], (0, 0), 0.6)] * 2,
}


@pytest.mark.parametrize("case", OPEN)
def test_what_may_mean_two_things_stays_refused(tmp_path, case):
    files = saved(tmp_path, *OPEN[case])
    messages = []
    for flags in (MaskFlags(), ASSUME):
        with pytest.raises(UserError) as error:
            rule_and_legend(tmp_path, files, flags, Legend())
        messages.append(str(error.value))
    assert messages[0] == messages[1]


def test_flags_and_legends_come_first(tmp_path):
    files = saved(tmp_path, DISC * 255, DISC * 255)
    two = Legend(("sky", "sun"))
    rule, _ = rule_and_legend(tmp_path, files, ASSUME, two)
    assert rule.taxonomy.names == two.names
    with pytest.raises(UserError, match=r"2 classes|only 0 and 255"):
        rule_and_legend(tmp_path, files, ASSUME, Legend(("a", "b", "c")))
    for flags in ({"threshold": 255.0}, {"ignore": (255,)}, {"read_as": "ids"}):
        plain, assuming = (_said(files, MaskFlags(assume=a, **flags)) for a in (0, 1))
        assert plain == assuming


def _said(files, flags):
    try:
        return rule_for(files, flags)
    except UserError as error:
        return str(error)


def test_a_table_that_names_the_colours_comes_first(tmp_path):
    files = saved(tmp_path, RGB[IDS], RGB[IDS])
    lines = (f"{n},{r},{g},{b}\n" for n, (r, g, b) in zip("xyz", RGB, strict=True))
    (tmp_path / "colours.csv").write_text("name,r,g,b\n" + "".join(lines))
    rule, legend = rule_and_legend(tmp_path, files, ASSUME, Legend())
    assert rule.taxonomy.names == ("x", "y", "z") and legend.file
    assert "Assumed" not in str(rule)


def test_the_border_of_voc_is_no_class(tmp_path):
    voc = np.uint8([[0, 0, 0], [128, 0, 0], [224, 224, 192]])
    files = saved(tmp_path, voc[IDS], voc[IDS])
    rule, _ = rule_and_legend(tmp_path, files, ASSUME, Legend())
    assert rule.taxonomy.names == ("colour_000000", "colour_800000")
    np.testing.assert_array_equal(label_of(files[0], rule), np.uint8([0, 1, 255])[IDS])


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 255), min_size=1, max_size=5), st.integers(1, 3))
def test_what_is_read_anyway_is_read_alike(tmp_path_factory, values, copies):
    """A value is never read as another one than it is without --assume."""
    folder = tmp_path_factory.mktemp("masks")
    pixels = np.kron(np.uint8([values]), np.ones((9, 9), np.uint8))
    files = saved(folder, *[pixels] * copies)
    plain, assuming = _said(files, MaskFlags()), _said(files, ASSUME)
    if not isinstance(plain, str) or isinstance(assuming, str):
        assert plain == assuming
        return
    found = label_of(files[0], assuming)
    pairs = {*zip(pixels.ravel().tolist(), found.ravel().tolist(), strict=True)}
    assert len(pairs) == len({*values}) == len({label for _, label in pairs})
