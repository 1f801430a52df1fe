"""What the checks measure: on arrays whose answer is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasseg.data.reading.embedded_file import EmbeddedFile
from kerasseg.data.reading.masks.mask_decoders import Stored
from kerasseg.data.synthetic import scene
from kerasseg.doctor import edge_agreement, fingerprint
from kerasseg.doctor.class_balance import balance
from kerasseg.doctor.edge_agreement import agreement
from kerasseg.doctor.facts import Entry, Facts
from kerasseg.doctor.interpolation import in_between
from kerasseg.doctor.mask_ids import UNKNOWN, Mask, MaskFormat, ids_of
from kerasseg.labels.borders import borders
from kerasseg.taxonomy import Taxonomy


def test_agreement_by_hand():
    """One entry of the correlation, by slices."""
    sample = scene(0, 1, 96, 128)
    label = sample.label.astype(np.float32)
    sums = agreement(sample.image, label)
    gradient, marked = edge_agreement._gradient(sample.image), borders(label)
    expected = (gradient[3:, :-2] * marked[:-3, 2:]).sum() / marked.sum()
    down, right = 3, -2
    got = sums[edge_agreement.REACH + down, edge_agreement.REACH + right]
    assert got == pytest.approx(expected, abs=1e-3)


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 30), st.integers(-8, 8), st.integers(-8, 8))
def test_agreement_finds_any_shift(number, down, right):
    sample = scene(0, number, 96, 128)
    moved = np.roll(sample.label, (down, right), (0, 1)).astype(np.float32)
    row, column = edge_agreement.shift(agreement(sample.image, moved))
    assert max(abs(row + down), abs(column + right)) <= 2


def test_agreement_says_nothing_of_plain_labels_and_images():
    sample = scene(0, 1, 96, 128)
    assert agreement(sample.image, np.zeros((96, 128), np.float32)) is None
    flat = np.full_like(sample.image, 7)
    assert agreement(flat, sample.label.astype(np.float32)) is None


def test_in_between_by_hand():
    jump = np.tile(np.array([0, 0, 0, 9, 9, 9]), (60, 1))
    assert in_between(jump) == (0, 0)
    # Two places of each row have neighbours 9 apart or 5 and 4 apart: the 5 is between
    # in one of three.
    smooth = np.tile(np.array([0, 0, 5, 9, 9]), (60, 1))
    assert in_between(smooth) == (pytest.approx(1 / 3), 1)
    assert in_between(smooth[:10]) == (0, 0)  # too few to tell


def test_fingerprints():
    image = scene(0, 1, 96, 128).image
    thumbnails = np.stack([fingerprint.thumbnail(i) for i in (image, image // 2)])
    hashes, standard = fingerprint.hashes(thumbnails), fingerprint.standard(thumbnails)
    assert (256 - hashes[0] @ hashes[1]) / 2 < 32
    np.testing.assert_allclose(standard @ standard.T, 1, atol=0.01)
    assert fingerprint.digest(image) == fingerprint.digest(image.copy())
    assert fingerprint.digest(image) != fingerprint.digest(image[::-1])
    assert fingerprint.digest(image) != fingerprint.digest(image.reshape(128, 96, 3))


def mask(pixels, palette=None):
    return Mask(EmbeddedFile("a mask", b""), Stored(pixels, palette))


def test_ids_of_colours_palette_and_binary():
    classes = Taxonomy(("a", "b"), ((255, 0, 0), (0, 0, 255)))
    rgb = np.array([[[255, 0, 0], [0, 0, 255], [0, 0, 0], [1, 2, 3]]], np.uint8)
    ids, unknown = ids_of(mask(rgb), MaskFormat(classes, by_colour=True))
    assert ids.tolist() == [[0, 1, 255, UNKNOWN]] and unknown == [(1, 2, 3)]
    palette = np.array([[0, 0, 255], [255, 0, 0], [9, 9, 9]], np.uint8)
    indices = np.array([[0, 1, 2, 255]], np.uint8)
    ids, unknown = ids_of(mask(indices, palette), MaskFormat(classes, by_colour=True))
    assert ids.tolist() == [[1, 0, UNKNOWN, 255]] and unknown == [(9, 9, 9)]
    assert ids_of(mask(indices, palette), MaskFormat())[0].tolist() == [[0, 1, 2, 255]]
    gray = np.array([[0, 100, 200, 255]])
    assert ids_of(mask(gray), MaskFormat(binary=True))[0].tolist() == [[0, 0, 1, 1]]


def test_balance_by_hand():
    """Eigen & Fergus: of b 1 of 4 pixels where it occurs, of a 7 of 8: median 9/16."""
    entry = Entry("train", "a", "a", "a", lambda: (b"", b""))
    both = Facts(entry, ids=np.array([0, 1]), counts=np.array([3, 1]), area=4)
    one = Facts(entry, ids=np.array([0, 255]), counts=np.array([4, 0]), area=4)
    got = balance("train", [both, one], Taxonomy.numbered(2))
    np.testing.assert_allclose(got.share, [7 / 8, 1 / 8])
    assert got.images_with.tolist() == [2, 1]
    np.testing.assert_allclose(got.weights["median"], [9 / 14, 9 / 4])
    assert balance("train", [], Taxonomy.numbered(2)) is None
