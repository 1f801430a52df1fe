import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasseg.data.sample import Sample, masked
from kerasseg.data.writing.tiling import TiledSamples


def sample(height, width, instances=True):
    rng = np.random.default_rng(0)
    return Sample(
        "a",
        rng.integers(0, 256, (height, width, 3)).astype(np.uint8),
        rng.integers(0, 3, (height, width)).astype(np.uint8),
        rng.integers(0, 999, (height, width)).astype(np.uint16) if instances else None,
    )


@settings(deadline=None, max_examples=25)
@given(*[st.integers(1, 40)] * 2, *[st.integers(1, 20)] * 2)
def test_pieces_cover_every_pixel_and_invent_none(height, width, h, w):
    whole = sample(height, width)
    covered = np.zeros((height, width), bool)
    for piece in TiledSamples([whole], (h, w)):
        assert piece.label.shape == piece.instance.shape == (h, w)
        assert piece.image.shape == (h, w, 3)
        if (height, width) == (h, w):
            assert piece is whole
            return
        top, left = map(int, piece.id.split("-")[1:])
        inside = np.s_[: min(h, height - top), : min(w, width - left)]
        there = np.s_[top : top + h, left : left + w]
        for part, source in (
            (piece.image, whole.image),
            (piece.label, whole.label),
            (piece.instance, whole.instance),
        ):
            np.testing.assert_array_equal(part[inside], source[there])
        outside = np.ones((h, w), bool)
        outside[inside] = False
        assert (piece.label[outside] == 255).all()
        assert (piece.instance[outside] == 0).all()
        covered[there] = True
    assert covered.all()


@pytest.mark.parametrize("length, starts", [(32, [0]), (33, [0, 1]), (80, [0, 32, 48])])
def test_the_last_piece_moves_inwards(length, starts):
    ids = [piece.id for piece in TiledSamples([sample(32, length, False)], (32, 32))]
    assert ids == (["a"] if length == 32 else [f"a-0-{start}" for start in starts])


@settings(deadline=None, max_examples=15)
@given(st.integers(1, 12), st.integers(1, 12), st.integers(1, 7))
def test_any_bands_and_types_and_what_is_not_valid(height, width, bands):
    rng = np.random.default_rng(0)
    image = rng.standard_normal((height, width, bands)).astype(np.float32)
    valid = rng.random((height, width)) < 0.5
    label = np.zeros((height, width), np.uint8)
    whole = masked(Sample("a", image, label, encoded=b"x", valid=valid))
    for piece in map(masked, TiledSamples([whole], (5, 4))):
        if piece.id == "a":
            continue
        top, left = map(int, piece.id.split("-")[1:])
        there = np.s_[top : top + 5, left : left + 4]
        high, wide = valid[there].shape
        np.testing.assert_array_equal(piece.image[:high, :wide], whole.image[there])
        np.testing.assert_array_equal(piece.label[:high, :wide], whole.label[there])
        np.testing.assert_array_equal(piece.valid[:high, :wide], valid[there])
        assert piece.image.dtype == np.float32 and not piece.encoded


def test_a_huge_image_is_not_copied_as_a_whole():
    class Watched(np.ndarray):
        largest = 0

        def copy(self, *args):
            Watched.largest = max(Watched.largest, self.size)
            return super().copy(*args)

    image = np.broadcast_to(np.uint16(7), (40_000, 50_000, 8)).view(Watched)
    label = np.broadcast_to(np.uint8(1), (40_000, 50_000))
    tiles = iter(TiledSamples([Sample("a", image, label)], (64, 64)))
    assert next(tiles).image.shape == (64, 64, 8)
    assert 0 < Watched.largest <= 64 * 64 * 8
