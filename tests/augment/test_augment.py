"""Geometry and mixing: labels follow images exactly, and pixels go where they should.

Oracles: numpy for flips, turns and crops; scipy.ndimage.map_coordinates (SciPy) for
lookups between pixels; Torch 2.13's bicubic interpolation for elastic fields (golden).
"""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops
from scipy import ndimage

from kerasseg import augment
from kerasseg.augment import (
    NUMBERS,
    POLICIES,
    Policy,
    geometry,
    random_parameters,
)
from kerasseg.taxonomy import IGNORE

pytestmark = pytest.mark.agnostic

TRANSFORMS = {
    "crop": True,
    "flip": 0.5,
    "vertical_flip": 0.5,
    "quarter_turns": True,
    "scale": (0.5, 2.0),
    "aspect": 0.3,
    "rotation": 40.0,
    "shear": 0.3,
    "translation": 0.2,
    "perspective": 0.3,
    "elastic": 3.0,
    "elastic_fine": 1.5,
    "cutmix": 0.7,
    "classmix": 0.7,
    "mosaic": 0.7,
    "erasing": 0.7,
}
MIXERS = ("cutmix", "classmix", "mosaic")
LIGHT = {
    "brightness": 0.3,
    "contrast": 0.3,
    "saturation": 0.5,
    "hue": 30.0,
    "cast": 0.1,
    "gamma": (0.5, 2.0),
    "blur": 0.5,
    "noise": 0.5,
    "jpeg": 0.5,
    "shadow": 0.5,
    "rain": 0.5,
    "fog": 0.5,
}


def draw(batch: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((batch, NUMBERS)).astype("float32")


def put(numbers, **values):
    """Numbers with the places of some transforms overwritten."""
    numbers, start = numbers.copy(), 0
    for name, count in random_parameters.SLOTS.items():
        if name in values:
            numbers[:, start : start + count] = values[name]
        start += count
    return numbers


def blocks(batch=3, height=36, width=44, seed=0):
    """Labels in blocks, the image that shows them, and where a 3 x 3 area is equal."""
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 12, (batch, -(-height // 9), -(-width // 11)))
    label = label.repeat(9, 1).repeat(11, 2)[:, :height, :width].astype("uint8")
    label[:, :5, :7] = IGNORE
    image = np.repeat(label[..., None], 3, -1)
    size = (1, 3, 3)
    flat = ndimage.minimum_filter(label, size) == ndimage.maximum_filter(label, size)
    return image, label, flat.astype("uint16")


def apply(*arguments, **options):
    return [ops.convert_to_numpy(x) for x in augment.apply(*arguments, **options)]


def coordinates(numbers, policy, source, size):
    numbers = ops.convert_to_tensor(numbers)
    return map(
        ops.convert_to_numpy, geometry.coordinates(numbers, policy, source, size)
    )


policies = st.builds(
    lambda names: dataclasses.replace(Policy(), **{n: TRANSFORMS[n] for n in names}),
    st.sets(st.sampled_from(sorted(TRANSFORMS)), min_size=1),
)


@settings(deadline=None, max_examples=25)
@given(policies, st.integers(0, 10**6), st.sampled_from([(20, 28), (36, 44), (50, 41)]))
def test_label_follows_image(policy, seed, size):
    image, label, flat = blocks(seed=seed)
    image, moved, flat = apply(image, label, draw(3, seed), policy, size, instance=flat)
    assert image.shape == (3, *size, 3) and moved.shape == flat.shape == (3, *size)
    assert image.dtype == np.float32 and moved.dtype == flat.dtype == np.int32
    assert set(np.unique(moved)) <= {*np.unique(label), IGNORE}
    sure = (flat > 0) & (moved != IGNORE)
    assert np.array_equal(image[sure], np.repeat(moved[sure][:, None], 3, 1))


@pytest.mark.parametrize("name", TRANSFORMS)
def test_each_transform_keeps_image_and_label_together(name):
    image, label, flat = blocks(batch=4, seed=1)
    policy = dataclasses.replace(Policy(), **{name: TRANSFORMS[name]})
    centre = label[:, 2:-2, 2:-2]
    image, label, flat = apply(
        image, label, draw(4, 5), policy, (32, 40), instance=flat
    )
    assert not np.array_equal(label, centre), "it should do something"
    sure = (flat > 0) & (label != IGNORE)
    assert sure.mean() > 0.1
    assert np.array_equal(image[sure], np.repeat(label[sure][:, None], 3, 1))


@settings(deadline=None, max_examples=25)
@given(policies, st.integers(0, 10**6))
def test_lookup_is_scipys(policy, seed):
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (2, 30, 37, 3)).astype("uint8")
    label = rng.integers(0, 12, (2, 30, 37)).astype("uint8")
    policy = dataclasses.replace(policy, erasing=0.0, **dict.fromkeys(MIXERS, 0.0))
    size, numbers = (24, 31), draw(2, seed)
    if not policy.moves:
        return
    rows, columns = coordinates(numbers, policy, (30, 37), size)
    moved, ids = apply(image, label, numbers, policy, size)
    frame = (0, 0), (1, 1), (1, 1)
    image = np.pad(
        np.pad(image, (*frame, (0, 0)), "edge"),
        (*frame, (0, 0)),
        constant_values=policy.fill,
    )
    label = np.pad(label, ((0, 0), (2, 2), (2, 2)), constant_values=IGNORE)
    for i in range(2):
        at = np.stack([rows[i], columns[i]]).astype("float64") + 2
        expected = [
            ndimage.map_coordinates(image[i, ..., c] * 1.0, at, order=1, mode="nearest")
            for c in range(3)
        ]
        np.testing.assert_allclose(moved[i], np.stack(expected, -1), atol=0.3)
        nearest = ndimage.map_coordinates(label[i], at, order=0, mode="nearest")
        tie = np.abs(at % 1 - 0.5).min(0) < 1e-4
        assert np.array_equal(ids[i][~tie], nearest[~tie])


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@pytest.mark.parametrize("size", [(20, 30), (17, 27), (25, 34), (12, 40)])
def test_none_is_the_centred_crop_to_the_bit(dtype, size):
    image = np.random.default_rng(0).uniform(0, 255, (2, 20, 30, 3)).astype(dtype)
    label = np.random.default_rng(1).integers(0, 9, (2, 20, 30)).astype("uint8")
    got, ids = apply(image, label, draw(2), POLICIES["none"], size)
    top, left = (20 - size[0]) // 2, (30 - size[1]) // 2
    for row in range(size[0]):
        for column in range(size[1]):
            inside = 0 <= row + top < 20 and 0 <= column + left < 30
            pixel = image[:, row + top, column + left] if inside else 114.0
            assert np.all(got[:, row, column] == pixel)
            id_ = label[:, row + top, column + left] if inside else IGNORE
            assert np.all(ids[:, row, column] == id_)


def test_flips_and_quarter_turns_are_numpys():
    image = np.random.default_rng(0).integers(0, 256, (1, 24, 24, 3)).astype("uint8")
    label = image[..., 0]
    for turn in range(4):
        for flip in (False, True):
            for upset in (False, True):
                policy = Policy(flip=0.5, vertical_flip=0.5, quarter_turns=True)
                numbers = put(
                    draw(1),
                    flip=0.1 if flip else 0.9,
                    vertical_flip=0.1 if upset else 0.9,
                    quarter_turn=turn / 4 + 0.1,
                )
                expected = image[0, :, ::-1] if flip else image[0]
                expected = expected[::-1] if upset else expected
                expected = np.rot90(expected, turn)
                got, ids = apply(image, label, numbers, policy, (24, 24))
                assert np.array_equal(got[0], expected)
                assert np.array_equal(ids[0], expected[..., 0])


def test_flip_of_an_odd_crop_is_a_window_of_the_source():
    image = np.arange(21 * 32).reshape(1, 21, 32, 1).repeat(3, -1).astype("float32")
    for seed in range(20):
        got, _ = apply(image, image[..., 0], draw(1, seed), POLICIES["flip"], (16, 25))
        steps = np.diff(got[0, :, :, 0], axis=1)
        assert np.all(np.diff(got[0, :, :, 0], axis=0) == 32)
        assert np.all(steps == 1) or np.all(steps == -1)


def test_every_crop_position_occurs_and_stays_inside():
    label = np.arange(12 * 10).reshape(1, 12, 10).repeat(2000, 0)
    image = np.zeros((2000, 12, 10, 3), "uint8")
    _, ids = apply(image, label, draw(2000), Policy(crop=True), (9, 8))
    corners, counts = np.unique(ids[:, 0, 0], return_counts=True)
    assert corners.tolist() == [10 * r + c for r in range(4) for c in range(3)]
    assert counts.min() > 120  # 167 expected
    ends = np.array([0.0, np.nextafter(np.float32(1), np.float32(0))])
    _, ids = apply(
        image[:2],
        label[:2],
        put(draw(2), position=ends[:, None]),
        Policy(crop=True),
        (9, 8),
    )
    assert ids[:, 0, 0].tolist() == [0, 32]


def test_magnified_window_stays_inside_and_source_stays_inside_a_large_window():
    image, label, _ = blocks(batch=60)
    label[:] = 1
    large = Policy(crop=True, scale=(1.5, 2.0))
    assert np.all(apply(image, label, draw(60), large, (36, 44))[1] == 1)
    small = Policy(crop=True, scale=(0.5, 0.5))
    moved, ids = apply(image, label, draw(60), small, (36, 44))
    assert np.all((ids == 1).sum((1, 2)) == 18 * 22)
    far = ndimage.binary_erosion(ids == IGNORE, np.ones((1, 3, 3)), border_value=1)
    assert np.all(moved[far] == small.fill)


def test_map_is_the_product_of_its_parts():
    linear = list(TRANSFORMS)[: list(TRANSFORMS).index("elastic")]
    policy = dataclasses.replace(Policy(), **{n: TRANSFORMS[n] for n in linear})
    numbers, (h, w), (height, width) = draw(6, 3), (20, 26), (40, 31)
    rows, columns = coordinates(numbers, policy, (height, width), (h, w))
    for i in range(6):
        u = {
            n: np.float64(random_parameters.slot(numbers, n)[i])
            for n in random_parameters.SLOTS
        }
        down, right = 1 - 2 * (u["vertical_flip"] < 0.5), 1 - 2 * (u["flip"] < 0.5)
        matrix = np.diag([down[0], right[0]])
        angle = int(u["quarter_turn"][0] * 4) * np.pi / 2
        angle += np.radians(40) * (2 * u["rotation"][0] - 1)
        c, s = np.cos(angle), np.sin(angle)
        matrix = matrix @ [[c, s], [-s, c]]
        slope = 0.3 * (2 * u["shear"] - 1)
        matrix = matrix @ [[1, slope[0]], [slope[1], 1]]
        scale = np.exp(np.log(0.5) + np.log(4) * u["scale"][0])
        squeeze = 1.3 ** (u["aspect"][0] - 0.5)
        matrix = matrix @ np.diag([squeeze / scale, 1 / squeeze / scale])
        at = np.stack(np.mgrid[:h, :w], -1) - [(h - 1) / 2, (w - 1) / 2]
        tilt = 0.3 * (2 * u["perspective"] - 1)
        depth = 1 + at @ (tilt * 2 / np.array([h, w]))
        extent = np.abs(matrix) @ [h, w]
        shift = (u["position"] - 0.5) * np.abs(np.array([height, width]) - extent)
        shift = shift + 0.2 * (2 * u["translation"] - 1) * extent
        expected = at @ matrix.T / depth[..., None]
        expected = expected + shift + [(height - 1) / 2, (width - 1) / 2]
        got = np.stack([rows[i], columns[i]], -1)
        np.testing.assert_allclose(got, expected, atol=2e-3)


def test_bicubic_field_is_torchs():
    golden = np.load(Path(__file__).parents[1] / "golden" / "augment.npz")
    for name in ("coarse", "fine"):
        nodes, field = golden[f"{name}_nodes"], golden[f"{name}_field"]
        down, across = (
            geometry.bicubic(n, s)
            for n, s in zip(nodes.shape[2:], field.shape[2:], strict=True)
        )
        np.testing.assert_allclose(down @ nodes @ across.T, field, atol=1e-4)


@pytest.mark.parametrize("name", ["elastic", "elastic_fine"])
def test_elastic_moves_pixels_down_and_right_independently(name):
    policy = dataclasses.replace(Policy(), **{name: 10.0})
    size, numbers = (65, 97), draw(400)
    rows, columns = coordinates(numbers, policy, size, size)
    down = (rows - np.arange(65)[:, None])[:, ::32, ::48]
    right = (columns - np.arange(97))[:, ::32, ::48]
    for field in (down, right):
        assert abs(field.mean()) < 1
        if name == "elastic":  # the nodes themselves
            np.testing.assert_allclose(field.std((0, 1, 2)), 10, rtol=0.05)
    assert abs(np.corrcoef(down.ravel(), right.ravel())[0, 1]) < 0.06


def test_elastic_displaces_by_the_stated_field():
    numbers = draw(1, 4)
    nodes = ops.convert_to_numpy(
        random_parameters.normal(random_parameters.slot(numbers, "elastic"), 4.0)
    )
    nodes = nodes.reshape(2, 3, 3)
    field = geometry.bicubic(3, 40) @ nodes @ geometry.bicubic(3, 52).T
    image = np.random.default_rng(0).uniform(0, 255, (1, 40, 52, 3)).astype("float32")
    got, _ = apply(image, image[..., 0], numbers, Policy(elastic=4.0), (40, 52))
    at = np.mgrid[:40, :52] + field
    expected = ndimage.map_coordinates(image[0, ..., 1], at, order=1, mode="nearest")
    size = np.array([40, 52])[:, None, None]
    inside = np.all((at > -0.5) & (at < size - 0.5), 0)
    np.testing.assert_allclose(got[0, ..., 1][inside], expected[inside], atol=0.05)
    outside = np.any((at <= -2) | (at >= size + 1), 0)
    assert outside.any() and np.all(got[0][outside] == 114)


def test_samples_do_not_depend_on_each_other():
    image, label, flat = blocks(batch=3)
    policy = dataclasses.replace(Policy(), **TRANSFORMS, **LIGHT)
    policy = dataclasses.replace(policy, **dict.fromkeys(MIXERS, 0.0))
    numbers = draw(3)
    whole = apply(image, label, numbers, policy, (24, 32), instance=flat)
    for i in range(3):
        part = slice(i, i + 1)
        alone = apply(
            image[part], label[part], numbers[part], policy, (24, 32), flat[part]
        )
        np.testing.assert_allclose(alone[0], whole[0][part], atol=0.05)
        assert np.array_equal(alone[1], whole[1][part])
        assert np.array_equal(alone[2], whole[2][part])


@pytest.mark.parametrize("name", MIXERS)
def test_mixing_chooses_whole_pixels_of_the_batch(name):
    batch, size = 5, (32, 40)
    label = np.random.default_rng(0).integers(0, 4, (batch, 8, 10))
    label = label.repeat(4, 1).repeat(4, 2)
    label[:, :3] = IGNORE
    owner = np.arange(batch)[:, None, None] + np.zeros_like(label)
    image = np.stack([owner * 20, label, 0 * label], -1).astype("float32")
    policy = dataclasses.replace(Policy(), **{name: 1.0})
    got, ids, instance = apply(
        image, label, draw(batch, 8), policy, size, instance=owner + 1
    )
    seen = (got[..., 0] / 20).astype(int)
    rows, columns = np.indices(size)
    assert np.array_equal(ids, label[seen, rows, columns])
    assert np.array_equal(got[..., 1].astype(int), ids)
    step = (np.arange(batch)[:, None, None] - seen) % batch
    assert np.array_equal(instance, seen + 1 + 2**28 * step)
    assert set(np.unique(step)) == ({0, 1, 2, 3} if name == "mosaic" else {0, 1})
    if name == "classmix":
        pasted = step == 1
        assert not np.any(ids[pasted] == IGNORE)
        for i in range(batch):  # a class is pasted as a whole or not at all
            mask = np.roll(label, 1, 0)[i]
            for c in range(4):
                assert len(np.unique(pasted[i][mask == c])) <= 1


@pytest.mark.parametrize("batch", [1, 2, 5])
def test_instances_keep_their_borders_when_they_are_mixed(batch):
    """Each object is known by its sample and its id, however often it was pasted."""
    size, grid = (32, 40), np.arange(32)[:, None] // 8 * 5 + np.arange(40) // 8
    instance = np.stack([np.where(grid % 2, grid + 1, 0)] * batch).astype("int32")
    owner = np.arange(batch)[:, None, None] + np.zeros_like(instance)
    image = np.stack([owner * 20] * 3, -1).astype("float32")
    policy = Policy(cutmix=1.0, classmix=1.0, mosaic=1.0)
    label = (instance > 0).astype("uint8")
    got, _, mixed = apply(image, label, draw(batch, 3), policy, size, instance=instance)
    names = np.where(mixed > 0, (got[..., 0] / 20).round() * 100 + mixed % 2**28, 0)
    for renamed, name in zip(mixed, names, strict=True):  # one to one
        pairs = {(int(a), int(b)) for a, b in zip(renamed.flat, name.flat, strict=True)}
        assert len(pairs) == len(np.unique(renamed)) == len(np.unique(name))
