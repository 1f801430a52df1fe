"""Pictures: exact colours, exact sizes, and every taxonomy from 1 to 150 classes."""

import io

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from kerasseg.drawing import pictures
from kerasseg.taxonomy import IGNORE, Taxonomy

THREE = Taxonomy(("sky", "road", "car"), ((10, 20, 30), (40, 50, 60), (70, 80, 90)))


def noise(rng, height, width):
    return rng.integers(0, 256, (height, width, 3), np.uint8)


def test_overlay_at_alpha_one_is_the_colour(rng):
    label = rng.integers(0, 3, (20, 30)).astype(np.uint8)
    drawn = pictures.overlay(noise(rng, 20, 30), label, THREE, alpha=1, outline=False)
    np.testing.assert_array_equal(drawn, THREE.colourise(label))


def test_overlay_blends_by_hand():
    image = np.full((2, 2, 3), 100, np.uint8)
    drawn = pictures.overlay(image, np.zeros((2, 2), int), THREE, alpha=0.5)
    np.testing.assert_array_equal(drawn, np.full((2, 2, 3), (55, 60, 65)))


def test_overlay_darkens_only_borders():
    label = np.zeros((4, 6), np.uint8)
    label[:, 3:] = 1
    image = np.full((4, 6, 3), 200, np.uint8)
    plain = pictures.overlay(image, label, THREE, outline=False)
    drawn = pictures.overlay(image, label, THREE)
    changed = (plain != drawn).any(-1)
    assert changed[:, 2].all()
    assert changed.sum() == 4
    assert (drawn <= plain).all()
    turned = pictures.overlay(image.swapaxes(0, 1), label.T, THREE)
    np.testing.assert_array_equal(turned, drawn.swapaxes(0, 1))


def test_overlay_hatches_ignored_pixels_and_keeps_the_rest_of_the_image(rng):
    image, label = noise(rng, 40, 40), np.full((40, 40), IGNORE)
    drawn = pictures.overlay(image, label, THREE, alpha=1)
    untouched = (drawn == image).all(-1)
    assert 0.7 < untouched.mean() < 0.8


OVERLAPPING = Taxonomy(("heart", "lung"), ((200, 0, 0), (0, 100, 40)), exclusive=False)


def planes():
    """A heart and a lung that share a part, and a pixel that is ignored."""
    label = np.zeros((12, 20, 2), np.uint8)
    label[2:8, 2:12, 0] = label[4:11, 6:18, 1] = 1
    label[0, 0] = 255
    return label


def test_overlapping_classes_by_hand():
    image = np.full((12, 20, 3), 100, np.uint8)
    drawn = pictures.overlay(image, planes(), OVERLAPPING, alpha=0.5)
    assert drawn[3, 3].tolist() == [150, 50, 50]
    assert drawn[5, 8].tolist() == [100, 75, 60]  # the mean of both
    assert drawn[9, 14].tolist() == [50, 100, 70]
    assert drawn[11, 0].tolist() == [100, 100, 100]  # no class
    assert drawn[2, 11].tolist() == [200, 0, 0]  # outlines
    assert drawn[5, 11].tolist() == [200, 0, 0]
    assert drawn[10, 9].tolist() == [0, 100, 40]
    assert drawn[0, 0].tolist() == [40, 40, 40]  # ignored


def test_large_pictures_are_drawn_in_strips(rng, monkeypatch):
    image = noise(rng, 12, 20)
    label = rng.integers(0, 4, (12, 20)).astype(np.uint8)
    label[label == 3] = IGNORE
    whole = [pictures.overlay(image, label, THREE)]
    whole += [pictures.overlay(image, planes(), OVERLAPPING)]
    monkeypatch.setattr("kerasseg.drawing.blending.AT_ONCE", 50)
    np.testing.assert_array_equal(pictures.overlay(image, label, THREE), whole[0])
    found = pictures.overlay(image, planes(), OVERLAPPING)
    np.testing.assert_array_equal(found, whole[1])


def test_a_legend_of_overlapping_classes():
    """Shares are of the pixels where that class is not ignored."""
    image, label = np.zeros((12, 20, 3), np.uint8), planes()
    label[:, 10:, 0] = 255
    both = pictures.with_legend(image, OVERLAPPING, label)
    other = pictures.legend(OVERLAPPING, 12, [0, 1], [48 / 119, 84 / 239])
    np.testing.assert_array_equal(both[:, 20:], other)
    with pytest.raises(ValueError, match=r"\(H, W, 2\) of 0, 1 and 255.*got id 2"):
        pictures.overlay(image, np.full_like(label, 2), OVERLAPPING)
    with pytest.raises(ValueError, match=r"got shape \(12, 20\)"):
        pictures.overlay(image, label[..., 0], OVERLAPPING)


@pytest.mark.parametrize(
    ("image", "label", "what"),
    [
        (np.zeros((4, 4, 3)), np.zeros((4, 5), int), "as large as its label"),
        (np.zeros((4, 4)), np.zeros((4, 4), int), "RGB image"),
        (np.zeros((4, 4, 3)), np.full((4, 4), 3), "id 3"),
        (np.zeros((4, 4, 3)), np.full((4, 4), -1), "id -1"),
        (np.zeros((4, 4, 3)), np.zeros((1, 4, 4), int), "shape"),
    ],
)
def test_overlay_refuses_what_does_not_fit(image, label, what):
    with pytest.raises(ValueError, match=what):
        pictures.overlay(image, label, THREE)


@pytest.mark.parametrize("height", [8, 64, 360, 2000])
@pytest.mark.parametrize("classes", [1, 11, 150])
def test_legend_has_the_height_and_all_colours(classes, height):
    taxonomy = Taxonomy.numbered(classes)
    panel = pictures.legend(taxonomy, height, shares=np.full(classes, 1 / classes))
    assert panel.shape[0] == height
    assert panel.dtype == np.uint8
    drawn = {tuple(colour) for colour in np.unique(panel.reshape(-1, 3), axis=0)}
    assert set(taxonomy.colours) <= drawn


def test_legend_lists_only_what_is_present():
    shown = pictures.legend(THREE, 100, present=[1])
    assert (shown == THREE.colours[1]).all(-1).any()
    assert not (shown == THREE.colours[0]).all(-1).any()


def test_with_legend_stands_beside_the_picture(rng):
    drawn, label = noise(rng, 90, 120), np.full((90, 120), IGNORE)
    label[:40] = 2
    both = pictures.with_legend(drawn, THREE, label)
    np.testing.assert_array_equal(both[:, :120], drawn)
    assert both.shape[0] == 90
    assert both.shape[1] > 150
    assert (both[:, 120:] == THREE.colours[2]).all(-1).any()
    assert not (both[:, 120:] == THREE.colours[0]).all(-1).any()
    ignored = np.full((90, 120), IGNORE)
    assert pictures.with_legend(drawn, THREE, ignored).shape[0] == 90


@settings(deadline=None, max_examples=15)
@given(
    sizes=st.lists(
        st.lists(st.tuples(st.integers(1, 60), st.integers(1, 60)), max_size=4),
        min_size=1,
        max_size=4,
    ).filter(lambda rows: any(rows)),
    width=st.integers(100, 400),
)
def test_contact_sheet_has_the_width_and_room_for_all(sizes, width):
    rows = [[np.zeros((h, w, 3), np.uint8) for h, w in row] for row in sizes]
    sheet = pictures.contact_sheet(rows, [], width)
    assert sheet.shape[1:] == (width, 3)
    assert sheet.dtype == np.uint8


def test_contact_sheet_captions(rng):
    rows = [[noise(rng, 30, 40), noise(rng, 50, 20)], [noise(rng, 30, 40)]]
    bare = pictures.contact_sheet(rows, width=300)
    above = pictures.contact_sheet(rows, ["image", "truth" * 50], width=300)
    each = pictures.contact_sheet(rows, [["a", "b"], ["c"]], width=300)
    assert len(bare) < len(above) < len(each)


@pytest.mark.parametrize(
    ("rows", "titles", "width", "what"),
    [
        ([], [], 100, "at least one picture"),
        ([[]], [], 100, "at least one picture"),
        ([[np.zeros((4, 4, 3))]], ["a", "b"], 100, "at most 1 titles"),
        ([[np.zeros((4, 4, 3))]], [["a"], ["b"]], 100, "each of the 1 rows"),
        ([[np.zeros((4, 4, 3))] * 20], [], 100, "do not fit"),
    ],
)
def test_contact_sheet_refuses(rows, titles, width, what):
    with pytest.raises(ValueError, match=what):
        pictures.contact_sheet(rows, titles, width)


def test_error_map_by_hand():
    label = np.array([[0, 1, IGNORE]])
    drawn = pictures.error_map(label, np.array([[0, 0, 0]]))
    right, wrong, ignored = drawn[0].astype(int)
    assert len(set(right)) == 1
    assert wrong[0] > 2 * max(wrong[1:])
    assert not ignored.any()
    with pytest.raises(ValueError, match="differ in size"):
        pictures.error_map(label, label.T)


@pytest.mark.parametrize("classes", [1, 2, 11, 150])
def test_label_png_stores_the_ids(rng, classes):
    taxonomy = Taxonomy.numbered(classes)
    label = rng.integers(0, classes, (33, 47)).astype(np.uint8)
    label[:5] = IGNORE
    data = pictures.label_png(label, taxonomy)
    depth, kind = data[24], data[25]  # of the IHDR chunk; kind 3 is a palette
    assert (depth, kind) == (8, 3)
    with Image.open(io.BytesIO(data)) as image:
        assert image.mode == "P"
        np.testing.assert_array_equal(np.asarray(image), label)
    colours = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    colours = colours[..., ::-1]
    np.testing.assert_array_equal(colours, taxonomy.colourise(label))
    np.testing.assert_array_equal(taxonomy.from_colours(colours), label)


@pytest.mark.parametrize("classes", [2, 300])
def test_a_gray_label_png_is_the_ids_to_every_reader(rng, classes):
    taxonomy = Taxonomy.numbered(classes)
    label = rng.integers(0, classes, (33, 47)).astype(taxonomy.label_type)
    data = np.frombuffer(pictures.label_png(label, taxonomy, palette=False), np.uint8)
    np.testing.assert_array_equal(cv2.imdecode(data, cv2.IMREAD_UNCHANGED), label)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(data))), label)


def test_png_round_trip(rng):
    drawn = noise(rng, 12, 17)
    read = Image.open(io.BytesIO(pictures.png(drawn)))
    np.testing.assert_array_equal(np.asarray(read), drawn)
