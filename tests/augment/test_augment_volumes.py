"""Volumes: labels follow images, and voxels go where they should.

Oracles: numpy for mirrors, turns and crops; scipy.ndimage for lookups between voxels;
rotations by hand in millimetres.
"""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops
from scipy import ndimage

from kerasseg import augment
from kerasseg.augment import NUMBERS, POLICIES, Policy, random_parameters
from kerasseg.augment.volume_geometry import coarse_axis, coordinates
from kerasseg.image_format import GRAY, BandStatistics, ImageFormat
from kerasseg.taxonomy import IGNORE

pytestmark = pytest.mark.agnostic

TRANSFORMS = {
    "crop": True,
    "flip": 0.5,
    "vertical_flip": 0.5,
    "depth_flip": 0.5,
    "quarter_turns": True,
    "scale": (0.5, 2.0),
    "rotation": 40.0,
    "translation": 0.2,
    "elastic": 2.0,
    "elastic_fine": 1.0,
}
LIGHT = {
    "brightness": 0.3,
    "contrast": 0.3,
    "gamma": (0.5, 2.0),
    "blur": 1.0,
    "low_resolution": 1.0,
    "noise": 1.0,
}
MIRRORS = ("depth_flip", "vertical_flip", "flip")
STATISTICS = BandStatistics(-3, 9, 0, 1, -2, 3)
MR = ImageFormat.of(("t1", "t2"), "float32").with_statistics((STATISTICS,) * 2)
CUBES, SLICES = (1.0, 1.0, 1.0), (5.0, 1.0, 0.8)
SPACINGS = [CUBES, SLICES, (1.0, 1.0, 4.0)]


def draw(batch, seed=0):
    return np.random.default_rng(seed).random((batch, NUMBERS)).astype("float32")


def put(numbers, **values):
    numbers, start = numbers.copy(), 0
    for name, count in random_parameters.SLOTS.items():
        if name in values:
            numbers[:, start : start + count] = values[name]
        start += count
    return numbers


def blocks(batch=2, size=(14, 18, 20), seed=0):
    """Labels in blocks, the volume that shows them, and where 3 x 3 x 3 are equal."""
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 12, (batch, 2, 3, 3)).astype("uint8")
    label = label.repeat(7, 1).repeat(6, 2).repeat(7, 3)
    label = label[:, : size[0], : size[1], : size[2]].copy()
    label[:, :3, :4, :5] = IGNORE
    near = (1, 3, 3, 3)
    flat = ndimage.minimum_filter(label, near) == ndimage.maximum_filter(label, near)
    return label[..., None], label, flat.astype("uint16")


def apply(*arguments, **options):
    return [ops.convert_to_numpy(x) for x in augment.apply(*arguments, **options)]


policies = st.builds(
    lambda names: Policy(**{n: TRANSFORMS[n] for n in names}),
    st.sets(st.sampled_from(sorted(TRANSFORMS)), min_size=1),
)


@settings(deadline=None, max_examples=12)
@given(policies, st.integers(0, 10**6), st.sampled_from(SPACINGS))
def test_label_follows_volume(policy, seed, spacing):
    image, label, flat = blocks(seed=seed)
    size, options = (10, 16, 22), {"image_format": GRAY, "spacing": spacing}
    numbers = draw(2, seed)
    image, moved, flat = apply(image, label, numbers, policy, size, flat, **options)
    assert image.shape == (2, *size, 1) and moved.shape == flat.shape == (2, *size)
    assert image.dtype == np.float32 and moved.dtype == flat.dtype == np.int32
    assert set(np.unique(moved)) <= {*np.unique(label), IGNORE}
    sure = (flat > 0) & (moved != IGNORE)
    assert sure.any()
    assert np.array_equal(image[sure][:, 0], moved[sure])


@pytest.mark.parametrize("name", TRANSFORMS)
def test_each_transform_moves_something(name):
    image, label, _ = blocks(seed=1)
    policy = dataclasses.replace(Policy(), **{name: TRANSFORMS[name]})
    numbers = put(draw(2, 5), flip=0.1, vertical_flip=0.1, depth_flip=0.1)
    _, moved = apply(image, label, numbers, policy, (12, 16, 18), image_format=GRAY)
    assert not np.array_equal(moved, label[:, 1:-1, 1:-1, 1:-1])


def test_overlapping_classes_move_as_one():
    image, label, _ = blocks(seed=2)
    planes = np.stack([label == 3, label == 5], -1).astype("uint8")
    planes[label == IGNORE] = IGNORE
    policy = POLICIES["volume"]
    policy = dataclasses.replace(policy, brightness=0, contrast=0, gamma=(1, 1))
    given = draw(2, 3), policy, (10, 16, 16)
    _, ids = apply(image, label, *given, image_format=GRAY)
    _, moved = apply(image, planes, *given, image_format=GRAY)
    assert np.array_equal(moved[..., 1] == 1, ids == 5)
    assert np.array_equal(moved[..., 0] == IGNORE, ids == IGNORE)


@settings(deadline=None, max_examples=8)
@given(policies, st.integers(0, 10**6))
def test_lookup_is_scipys(policy, seed):
    rng = np.random.default_rng(seed)
    image = rng.normal(size=(1, 9, 12, 13, 2)).astype("float32")
    label = rng.integers(0, 12, (1, 9, 12, 13)).astype("uint8")
    size, numbers = (8, 10, 11), draw(1, seed)
    places = coordinates(
        ops.convert_to_tensor(numbers), policy, label.shape[1:], size, CUBES
    )
    places = [ops.convert_to_numpy(place)[0] for place in places]
    moved, ids = apply(image, label, numbers, policy, size, image_format=MR)
    frame, ring = [(1, 1)] * 3, [(2, 2)] * 3
    fill = MR.statistics[0].mean
    at = np.stack(np.broadcast_arrays(*places)).astype("float64") + 2
    for band in range(2):
        source = np.pad(image[0, ..., band], frame, "edge")
        source = np.pad(source, frame, constant_values=fill)
        expected = ndimage.map_coordinates(source, at, order=1, mode="nearest")
        np.testing.assert_allclose(moved[0, ..., band], expected, atol=2e-4)
    source = np.pad(label[0], ring, constant_values=IGNORE)
    nearest = ndimage.map_coordinates(source, at, order=0, mode="nearest")
    tie = np.abs(at % 1 - 0.5).min(0) < 1e-4
    assert np.array_equal(ids[0][~tie], nearest[~tie])


@pytest.mark.parametrize("size", [(8, 9, 10), (5, 6, 12), (11, 9, 4)])
def test_none_is_the_centred_crop_to_the_bit(size):
    image = np.random.default_rng(0).normal(size=(2, 8, 9, 10, 2)).astype("float32")
    label = np.random.default_rng(1).integers(0, 9, (2, 8, 9, 10)).astype("uint8")
    got, ids = apply(image, label, draw(2), Policy(), size, image_format=MR)
    starts = [
        (have - want) // 2 for have, want in zip(label.shape[1:], size, strict=True)
    ]
    for place in np.ndindex(*size):
        at = tuple(np.add(place, starts))
        inside = all(0 <= i < n for i, n in zip(at, label.shape[1:], strict=True))
        voxel = image[(slice(None), *at)] if inside else 0.0
        assert np.all(got[(slice(None), *place)] == voxel)
        id_ = label[(slice(None), *at)] if inside else IGNORE
        assert np.all(ids[(slice(None), *place)] == id_)


def test_mirrors_and_quarter_turns_are_numpys():
    image = np.random.default_rng(0).integers(0, 256, (1, 4, 8, 8, 1)).astype("uint8")
    label = image[..., 0]
    policy = Policy(flip=0.5, vertical_flip=0.5, depth_flip=0.5, quarter_turns=True)
    for number in range(32):
        bits, turn = f"{number // 4:03b}", number % 4
        numbers = put(
            draw(1),
            quarter_turn=turn / 4 + 0.1,
            **{
                name: 0.1 if bit == "1" else 0.9
                for name, bit in zip(MIRRORS, bits, strict=True)
            },
        )
        axes = [axis for axis, bit in enumerate(bits) if bit == "1"]
        expected = np.rot90(np.flip(label[0], axes), turn, (1, 2))
        got, ids = apply(image, label, numbers, policy, (4, 8, 8), image_format=GRAY)
        assert np.array_equal(got[0, ..., 0], expected)
        assert np.array_equal(ids[0], expected)


def test_a_turn_is_one_in_millimetres():
    """Distances between any two voxels are the same before and behind it."""
    spacing, size = np.array([2.0, 0.7, 1.1]), (6, 9, 8)
    policy = Policy(rotation=90.0)
    places = coordinates(
        ops.convert_to_tensor(draw(3, 4)), policy, (20, 20, 20), size, tuple(spacing)
    )
    shape = (3, *size)
    found = [np.broadcast_to(ops.convert_to_numpy(p), shape) for p in places]
    found = np.stack(found, -1).reshape(3, -1, 3) * spacing
    grid = np.stack(np.meshgrid(*map(np.arange, size), indexing="ij"), -1)
    grid = grid.reshape(-1, 3) * spacing
    rng = np.random.default_rng(0)
    one, other = rng.integers(0, len(grid), (2, 200))
    before = np.linalg.norm(grid[one] - grid[other], axis=-1)
    for sample in found:
        behind = np.linalg.norm(sample[one] - sample[other], axis=-1)
        np.testing.assert_allclose(behind, before, rtol=1e-4, atol=1e-3)
    assert np.abs(found[0] - found[1]).max() > 1


@pytest.mark.parametrize("spacing, thick", [(SLICES, 0), ((1.0, 1.0, 4.0), 2)])
def test_nothing_crosses_thick_slices(spacing, thick):
    assert coarse_axis(spacing) == thick and coarse_axis(CUBES) is None
    image, label = np.zeros((2, 12, 12, 12, 2), "float32"), np.zeros((2, 12, 12, 12))
    index = [slice(None)] * 5
    index[thick + 1] = 6
    image[tuple(index)] = 1.0
    policy = Policy(
        rotation=45.0, scale=(0.8, 1.2), elastic=1.0, blur=1.0, low_resolution=1.0
    )
    size, options = (12, 12, 12), {"image_format": MR, "spacing": spacing}
    for one in (policy, dataclasses.replace(policy, low_resolution=0.0)):
        moved, _ = apply(image, label.astype("uint8"), draw(2), one, size, **options)
        others = np.delete(moved, 6, thick + 1)
        np.testing.assert_allclose(others, 0, atol=1e-5)


@pytest.mark.parametrize("name", LIGHT)
def test_light_changes_values_and_no_label(name):
    rng = np.random.default_rng(0)
    image = rng.normal(size=(2, 8, 9, 10, 2)).astype("float32")
    label = rng.integers(0, 3, (2, 8, 9, 10)).astype("uint8")
    image[:, :2], label[:, :2] = 0, IGNORE  # padding
    policy = dataclasses.replace(Policy(), **{name: LIGHT[name]})
    lit, ids = apply(image, label, draw(2, 8), policy, label.shape[1:], image_format=MR)
    assert np.array_equal(ids, label)
    assert np.all(lit[:, :2] == 0)
    assert 1e-3 < np.abs(lit - image).mean() < 1
    grey = (40 * image[..., :1] + 120).clip(0, 255).astype("uint8")
    lit, _ = apply(grey, label, draw(2, 8), policy, label.shape[1:], image_format=GRAY)
    assert 0.1 < np.abs(lit - grey).mean() < 60


def test_low_resolution_is_nearest_down_and_linear_up():
    """At half the size: each coarse voxel is the one behind its centre."""
    image = np.arange(8.0, dtype="float32")[:, None, None].repeat(8, 1).repeat(8, 2)
    image = (image**2)[None, ..., None].repeat(2, -1)
    policy = Policy(low_resolution=1.0)
    numbers = put(draw(1), low_resolution=[0.5, 0.0])
    label = np.zeros((1, 8, 8, 8), "uint8")
    lit, _ = apply(image, label, numbers, policy, (8, 8, 8), image_format=MR)
    coarse = np.array([0, 2, 4, 6]) ** 2  # ties of 0.5, 2.5, ... go to the even voxel
    place = (np.arange(8) + 0.5) / 2 - 0.5
    expected = np.interp(place, np.arange(4), coarse)
    np.testing.assert_allclose(lit[0, :, 3, 4, 0], expected, rtol=1e-4, atol=1e-4)


def test_what_is_for_images_alone_is_left_out_or_refused():
    rest, line = augment.applicable(POLICIES["general"], MR, volumes=True)
    assert not rest.aspect and not rest.hue and rest.rotation == 10.0
    assert line.startswith("Policy 'general' without") and "images alone" in line
    assert augment.applicable(POLICIES["volume"], MR, volumes=True)[1] == ""
    with pytest.raises(ValueError, match=r"--augment\.shear: only for images"):
        augment.applicable(Policy(shear=0.1), MR, volumes=True)
    with pytest.raises(ValueError, match=r"--augment\.depth_flip: only for volumes"):
        augment.applicable(Policy(depth_flip=0.1), MR)
    image, label, _ = blocks()
    with pytest.raises(ValueError, match=r"expects images \(B, H, W, 1\)"):
        augment.apply(image, label, draw(2), Policy(), (8, 8), image_format=GRAY)
