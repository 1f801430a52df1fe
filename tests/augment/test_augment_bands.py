"""Augmentation of any bands and types; RGB of 8 bits is what it was, bit for bit."""

import dataclasses
import re
from pathlib import Path

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops
from scipy import ndimage
from test_augment import LIGHT, TRANSFORMS, apply, blocks, draw, put

from kerasseg import UserError
from kerasseg.augment import POLICIES, Policy, applicable, levels
from kerasseg.augment.random_parameters import slot
from kerasseg.image_format import GRAY, RGB, BandStatistics, ImageFormat
from kerasseg.taxonomy import IGNORE

pytestmark = pytest.mark.agnostic

SIZE = (24, 32)
PLAIN = {n: LIGHT[n] for n in ("brightness", "contrast", "gamma", "blur", "noise")}
"""The light that all bands have."""
FOUR = ("red", "green", "blue", "nir")
FORMATS = [
    GRAY,
    ImageFormat.of(("depth",), "float32"),
    ImageFormat.of(("dapi", "actin"), "uint16"),
    ImageFormat.of(FOUR, "uint16"),
    ImageFormat.of(FOUR, "uint8"),
    ImageFormat.of(("ct",), "int16"),
    ImageFormat.of(tuple(f"b{i}" for i in range(9)), "float32"),
]
WITHOUT_COLOUR = re.compile(
    r"Policy 'road' without saturation, hue and cast, which need RGB of 8 bits; the "
    r"images have 4 bands \(red, green, blue, nir\) of uint16\."
)


def known(image_format: ImageFormat, image) -> ImageFormat:
    """The format with the statistics of a batch."""
    bands = np.asarray(image, np.float64).reshape(-1, image_format.channels).T
    return image_format.with_statistics(
        tuple(
            BandStatistics(
                *map(float, (b.min(), b.max(), b.mean(), b.std())),
                *map(float, np.percentile(b, [0.5, 99.5])),
            )
            for b in bands
        )
    )


def picture(image_format: ImageFormat, batch: int = 2, seed: int = 0):
    """Smooth values of the type, (B, 24, 32, C), and the format with statistics."""
    noise = np.random.default_rng(seed).random((batch, *SIZE, image_format.channels))
    noise = ndimage.gaussian_filter(noise, (0, 3, 3, 0))
    noise = (noise - noise.min()) / np.ptp(noise)
    low, high = {
        "uint8": (0, 255),
        "uint16": (200, 4000),
        "int16": (-1024, 900),
        "float32": (-2.0, 7.5),
    }[image_format.type]
    image = (low + (high - low) * noise).astype(image_format.type)
    return image, known(image_format, image)


def lit(image, image_format, numbers=None, label=0, **values):
    numbers = draw(len(image)) if numbers is None else numbers
    label = np.full(image.shape[:3], label, "uint8")
    policy = Policy(**values)
    return apply(image, label, numbers, policy, SIZE, image_format=image_format)[0]


def test_rgb_is_what_it_was():
    """Values of the revision before other bands came, see golden/make_augment_rgb.py.

    Pixels that only move are equal to the bit. Exponentials and sums of products are
    rounded by the processor at hand. Hue turned the other way round then, so its number
    is mirrored; objects of the sample n places before had 65536 n added to their ids.
    """
    golden = np.load(Path(__file__).parents[1] / "golden" / "augment_rgb.npz")
    numbers = golden["numbers"].copy()
    hue = slot(numbers, "hue")
    hue[:] = 1 - hue
    given = golden["image"], golden["label"], numbers
    everything = dataclasses.replace(Policy(), **TRANSFORMS, **LIGHT)
    then = {name: POLICIES[name] for name in ("none", "flip", "road", "cells")}
    for name, policy in {**then, "everything": everything}.items():
        if name == "everything" and keras.backend.backend() != "tensorflow":
            continue  # a lookup on an edge may fall to the other side
        image, *ids = apply(*given, policy, (12, 15), golden["label"])
        difference = np.abs(image - golden[f"{name}_image"])
        assert difference.max() <= (0 if name in ("none", "flip") else 2e-3), name
        assert np.array_equal(ids[0], golden[f"{name}_label"])
        before, own = np.divmod(golden[f"{name}_instance"], 65536)
        assert np.array_equal(ids[1], before % len(numbers) * 2**28 + own)


@pytest.mark.parametrize("image_format", FORMATS, ids=str)
def test_label_moves_with_the_image(image_format):
    three, label, flat = blocks(batch=4, seed=1)
    scale = np.arange(1, image_format.channels + 1)
    image = (three[..., :1] * scale % 256).astype(image_format.type)
    policy = dataclasses.replace(Policy(), **TRANSFORMS)
    got, moved, flat = apply(
        image, label, draw(4, 5), policy, (32, 40), flat, known(image_format, image)
    )
    assert got.dtype == np.float32
    sure = (flat > 0) & (moved != IGNORE)
    assert sure.mean() > 0.1
    assert np.array_equal(got[sure], moved[sure][:, None] * scale % 256)


@pytest.mark.parametrize("image_format", FORMATS, ids=str)
def test_outside_is_the_mean_of_each_band(image_format):
    image, image_format = picture(image_format, 1)
    label = np.zeros((1, *SIZE), "uint8")
    size = (SIZE[0] + 12, SIZE[1] + 12)
    means = image.mean((0, 1, 2), dtype=np.float64)
    expected = np.full_like(means, 114) if image_format.is_picture else means
    step = 1e-5 if image_format.type == "float32" else 0.5
    for policy in (Policy(), Policy(translation=1e-6)):
        got, ids = apply(image, label, draw(1), policy, size, image_format=image_format)
        assert ids[0, 0, 0] == IGNORE
        np.testing.assert_allclose(got[0, 0, 0], expected, atol=step + 1e-3)
    got = lit(image, image_format, put(draw(1), erasing=0.01), erasing=1.0)
    changed = np.any(got != image, axis=-1)
    assert changed.any()
    np.testing.assert_allclose(
        got[changed], np.tile(expected, (changed.sum(), 1)), atol=step + 1e-3
    )


@settings(deadline=None, max_examples=15)
@given(
    st.floats(0.01, 100),
    st.floats(-10, 10),
    st.integers(0, 10**6),
    st.sampled_from([1, 2, 6]),
)
def test_another_unit_of_the_data_is_only_another_unit(gain, offset, seed, channels):
    """data = gain (data + offset), with its statistics: the result likewise."""
    image_format = ImageFormat.of(tuple(f"b{i}" for i in range(channels)), "float32")
    image, image_format = picture(image_format, 2, seed)
    other = (gain * (image.astype(np.float64) + offset)).astype("float32")
    policy = Policy(
        scale=(0.7, 1.2), translation=0.3, band_dropout=float(channels > 1), **PLAIN
    )
    label = np.zeros(image.shape[:3], "uint8")
    numbers = draw(2, seed)
    one = apply(image, label, numbers, policy, SIZE, image_format=image_format)[0]
    two = apply(
        other, label, numbers, policy, SIZE, image_format=known(image_format, other)
    )[0]
    np.testing.assert_allclose(two / gain - offset, one, atol=5e-3)
    assert np.abs(one - image).max() > 0.1


def test_gray_is_lit_as_its_copy_in_three_bands():
    image, _ = picture(GRAY)
    three = np.repeat(image, 3, -1)
    light = {n: PLAIN[n] for n in ("brightness", "contrast", "gamma", "blur")}
    gray, colour = lit(image, GRAY, **light), lit(three, RGB, **light)
    np.testing.assert_allclose(np.repeat(gray, 3, -1), colour, atol=0.02)
    assert np.abs(gray - image).max() > 5


def test_bands_like_those_of_pictures_are_lit_like_pictures():
    """Mean 114 and deviation 57: a level is a number of the data."""
    image, _ = picture(ImageFormat.of(("gray", "other"), "float32"))
    image = 25 * (image + 1.8)
    band = BandStatistics(0.0, 255.0, 114.0, 57.0, 0.0, 255.0)
    two = ImageFormat.of(("gray", "other"), "float32").with_statistics((band, band))
    for light in ("brightness", "contrast", "gamma", "blur"):
        got = lit(image, two, **{light: PLAIN[light]})
        for i in range(2):
            gray = lit(image[..., i : i + 1], GRAY, **{light: PLAIN[light]})[..., 0]
            np.testing.assert_allclose(got[..., i].clip(0, 255), gray, atol=0.5)


@pytest.mark.parametrize("channels", [1, 2, 4, 9])
def test_noise_has_a_common_part_and_one_of_each_band(channels):
    image_format = ImageFormat.of(tuple(f"b{i}" for i in range(channels)), "float32")
    bands = (BandStatistics(-9.0, 9.0, 0.0, 57.0, -9.0, 9.0),) * channels
    image_format = image_format.with_statistics(bands)
    image = np.zeros((1, 96, 96, channels), "float32")
    numbers = put(draw(1), noise=np.array([0.0, 0.3]))
    policy, label = Policy(noise=1.0, noise_std=8.0), np.zeros((1, 96, 96), "uint8")
    got = apply(image, label, numbers, policy, (96, 96), image_format=image_format)[0]
    covariance = np.cov(got.reshape(-1, channels).T).reshape(channels, channels)
    own = 16.0 if channels > 1 else 0.0
    expected = 64 + own * np.eye(channels)
    np.testing.assert_allclose(covariance, expected, atol=5)


@pytest.mark.parametrize("image_format", FORMATS, ids=str)
def test_values_stay_in_the_type(image_format):
    image, image_format = picture(image_format)
    low, high = image_format.limits
    if image_format.type == "float32":
        low, high = -1e6, 1e6
    image[:, :8], image[:, 8:16] = low, high
    got = lit(image, image_format, brightness=0.9, noise=1.0, noise_std=60.0)
    bound = image_format.type != "float32"
    assert (got.min() >= low and got.max() <= high) == bound


def test_pixels_without_data_stay_zero_and_harm_no_others():
    """Half of the picture is 0 and ignored, far below the mean."""
    image_format = ImageFormat.of(FOUR, "uint16")
    image, image_format = picture(image_format, 2)
    image += 20000
    image_format = known(image_format, image)
    label = np.zeros(image.shape[:3], "uint8")
    label[:, :, :16] = IGNORE
    cut = np.where(label[..., None] == IGNORE, 0, image).astype("uint16")
    policy = Policy(band_dropout=0.5, **PLAIN)
    got = apply(cut, label, draw(2), policy, SIZE, image_format=image_format)[0]
    assert not got[:, :, :16].any()
    deviation = image.std((0, 1, 2), dtype=np.float64)
    assert np.all(np.abs(got - image)[:, :, 16:] < 4 * deviation)


@pytest.mark.parametrize("image_format", FORMATS[1:6], ids=str)
def test_pixels_without_data_take_no_neighbour_out_of_its_range(image_format):
    """Many holes of 0 in values far from 0, enlarged and bent."""
    image, _ = picture(image_format, 4)
    image = (image.astype("float64") / 50 + 170).astype(image_format.type)
    image_format = known(image_format, image)
    low, high = image.min(), image.max()
    label = (np.random.default_rng(0).random((4, *SIZE)) < 0.2) * np.uint8(IGNORE)
    image[label == IGNORE] = 0
    policy = Policy(scale=(0.5, 3.0), rotation=60.0, elastic=2.0, perspective=0.2)
    got, moved = apply(image, label, draw(4), policy, SIZE, image_format=image_format)
    ignored = got[moved == IGNORE]
    assert low - 1e-3 <= got[moved != IGNORE].min() and got.max() <= high + 1e-3
    assert np.all((ignored == 0) | (ignored >= low - 1e-3))
    assert 0.05 < np.mean(ignored == 0) < 1


def test_a_band_of_one_value_is_left_alone():
    image, image_format = picture(ImageFormat.of(("a", "b"), "float32"))
    image[..., 1] = 3.25
    got = lit(image, known(image_format, image), **PLAIN)
    assert np.all(got[..., 1] == 3.25) and np.isfinite(got).all()


@pytest.mark.parametrize("image_format", [RGB, *FORMATS[2:5]], ids=str)
def test_band_dropout_sets_one_whole_band_to_its_mean(image_format):
    image, image_format = picture(image_format, 400)
    got = lit(image, image_format, band_dropout=0.3)
    lost = np.any(got != image, axis=(1, 2))  # (B, C)
    assert lost.sum(axis=1).max() == 1
    share = lost.mean(axis=0) * image_format.channels
    assert np.all(np.abs(share - 0.3) < 0.1) and abs(lost.any(1).mean() - 0.3) < 0.07
    means = image.mean((0, 1, 2), dtype=np.float64)
    expected = [114.0] * 3 if image_format.is_rgb8 else means
    for sample, band in zip(*np.nonzero(lost), strict=True):
        assert np.ptp(got[sample, ..., band]) == 0
        assert abs(got[sample, 0, 0, band] - expected[band]) < 1e-3 * expected[band]
    lost_at_one = np.any(lit(image[:20], image_format, band_dropout=1.0) != image[:20])
    assert lost_at_one


def test_what_needs_colours_is_refused_elsewhere_by_name():
    four = picture(ImageFormat.of(FOUR, "uint16"))[1]
    with pytest.raises(
        UserError, match=r"^--augment\.hue needs RGB .*Set it to 0"
    ) as e:
        applicable(Policy(hue=5.0, flip=0.5), four)
    assert "\n" not in str(e.value) and "4 bands" in str(e.value)
    with pytest.raises(UserError, match=r"--augment\.cast and --augment\.fog need"):
        applicable(Policy(fog=0.5, cast=0.1), GRAY)
    with pytest.raises(UserError, match=r"--augment\.hue"):
        applicable(dataclasses.replace(POLICIES["road"], hue=20.0), four)
    with pytest.raises(UserError, match="band_dropout needs images of two bands"):
        applicable(Policy(band_dropout=0.1), GRAY)
    with pytest.raises(UserError, match=r"contrast .* no statistics .*again"):
        applicable(Policy(contrast=0.1), ImageFormat.of(("ct",), "int16"))
    image = np.zeros((1, *SIZE, 4), "uint16")
    with pytest.raises(UserError, match=r"--augment\.saturation, --augment\.hue and"):
        apply(image, image[..., 0], draw(1), POLICIES["road"], SIZE, image_format=four)
    with pytest.raises(UserError, match=r"\(B, H, W, 4\)"):
        apply(image[..., :3], image[..., 0], draw(1), Policy(), SIZE, image_format=four)


def test_a_named_policy_says_which_parts_do_not_apply():
    four = picture(ImageFormat.of(FOUR, "uint16"))[1]
    policy, note = applicable(dataclasses.replace(POLICIES["road"], rotation=9.0), four)
    assert WITHOUT_COLOUR.fullmatch(note)
    assert policy == dataclasses.replace(
        POLICIES["road"], rotation=9.0, saturation=0.0, hue=0.0, cast=0.0
    )
    for name in ("none", "flip", "cells"):
        assert applicable(POLICIES[name], four) == (POLICIES[name], "")
    assert applicable(POLICIES["road"], RGB) == (POLICIES["road"], "")


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="tf.function")
@pytest.mark.parametrize(
    "image_format",
    [FORMATS[3], pytest.param(FORMATS[5], marks=pytest.mark.slow)],
    ids=str,
)
def test_xla_gives_the_same(image_format):
    from kerasseg.fit.augmentation import augmentation

    image, image_format = picture(image_format, 3)
    label, numbers = np.zeros(image.shape[:3], "uint8"), draw(3)
    policy = applicable(POLICIES["cells"], image_format)[0]
    eager = apply(image, label, numbers, policy, SIZE, image_format=image_format)
    compiled = augmentation(policy, SIZE, image_format)(image, label, numbers)
    away = np.abs(ops.convert_to_numpy(compiled[0]) - eager[0])
    assert np.mean(away > 1e-3 * image.std()) < 0.01
    assert np.mean(ops.convert_to_numpy(compiled[1]) != eager[1]) < 0.01


def test_levels_of_pictures_are_their_numbers():
    found = levels.Levels.of(ImageFormat.of(FOUR, "uint8"))
    assert np.array_equal(found.values(7), [7.0] * 4)
    assert levels.Levels.of(ImageFormat.of(FOUR, "uint16")) is None
