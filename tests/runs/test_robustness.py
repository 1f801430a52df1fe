"""Corruptions of pictures, against ImageNet-C's own code, and how they are scored."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kerasseg import UserError
from kerasseg.image_format import GRAY, RGB, BandStatistics, ImageFormat
from kerasseg.runs import corruptions
from kerasseg.runs.robustness import Robustness
from kerasseg.taxonomy import Taxonomy

GOLDEN = Path(__file__).parents[1] / "golden" / "corruptions.npz"
"""Of imagecorruptions 1.1.2, see make_corruptions.py."""


@pytest.mark.parametrize("name", ["brightness", "contrast", "blur", "jpeg"])
@pytest.mark.parametrize("strength", [0, 2])
def test_pictures_are_those_of_imagenet_c(name, strength):
    """It cuts decimals off where we round; JPEG is of the same library."""
    with np.load(GOLDEN) as known:
        picture, expected = known["picture"], known[f"{name}_{strength}"]
    value = corruptions.STRENGTHS[name][strength]
    found = corruptions.corrupted(picture, name, value, RGB)
    assert found.dtype == np.uint8
    assert np.abs(found.astype(int) - expected).max() <= 1


def test_gamma_and_noise_by_hand():
    picture = np.full((200, 200, 3), 128, np.uint8)
    dark = corruptions.corrupted(picture, "gamma", 2.2, RGB)
    assert (dark == round(255 * (128 / 255) ** 2.2)).all()
    noisy = [corruptions.corrupted(picture, "noise", 0.08, RGB, n) for n in (0, 0, 1)]
    assert (noisy[0] == noisy[1]).all() and (noisy[0] != noisy[2]).any()
    assert noisy[0].std() == pytest.approx(0.08 * 255, rel=0.02)


@pytest.mark.parametrize("name", corruptions.STRENGTHS)
def test_each_is_worse_than_the_one_before(name, rng):
    picture = rng.integers(40, 200, (4, 5, 1)).repeat(8, 0).repeat(8, 1)
    picture = picture.astype(np.uint8)
    made = [
        corruptions.corrupted(picture, name, strength, GRAY).astype(float)
        for strength in corruptions.STRENGTHS[name]
    ]
    lost = [np.abs(one - picture).mean() for one in made]
    assert 0 < lost[0] < lost[1] < lost[2]


def test_other_bands_are_seen_between_their_percentiles():
    """0 is no measurement, 1000 is seen as 0 and 5000 as 1."""
    band = BandStatistics(500, 9000, 3000, 800, low=1000, high=5000)
    depth = replace(ImageFormat.of(("depth",), "uint16"), nodata=0, statistics=(band,))
    image = np.array([[[0], [1000], [3000], [9000]]], np.uint16)
    found = corruptions.corrupted(image, "gamma", 2.0, depth)
    assert found.dtype == np.uint16
    assert found.ravel().tolist() == [0, 1000, 2000, 5000]
    dim = replace(ImageFormat.of(("a", "b"), "float32"), statistics=(band, band))
    image = np.array([[[np.nan, 3000], [3000, 2000]]], np.float32)
    found = corruptions.corrupted(image, "brightness", 0.1, dim)
    assert np.isnan(found[0, 0, 0]) and found[0, 0, 1] == 3000
    np.testing.assert_allclose(found[0, 1], [3400, 2200])


def test_no_statistics_no_robustness():
    with pytest.raises(UserError, match="--robustness needs the statistics of each"):
        corruptions.names_for(ImageFormat.of(("depth",), "uint16"))
    assert "jpeg" not in corruptions.names_for(ImageFormat.of(("a", "b"), "uint8"))


@pytest.mark.parametrize("exclusive", [True, False])
def test_scores_by_hand(exclusive):
    """A network that answers by the brightness alone, above 150: 200 on one half of the
    picture, 20 on the other. Where all of it is called dark, dark has IoU 1/2."""
    taxonomy = Taxonomy(("dark", "bright"), ((1, 1, 1), (2, 2, 2)), exclusive)
    label = np.zeros((1, 16, 16), np.uint8)
    label[:, :, 8:] = 1
    images = np.where(label, 200, 20).astype(np.uint8)[..., None].repeat(3, -1)
    planes = label if exclusive else np.stack([1 - label, label], -1)

    def predict(images):
        bright = (np.asarray(images)[..., 0] > 150).astype(np.float32)
        return np.stack([1 - bright, bright], -1)

    robust = Robustness(predict, taxonomy, RGB)
    robust.add(images, planes)
    found = robust.to_json()
    each = found["corruptions"]
    assert each["contrast"]["miou"] == [0.25, 0.25, 0.25]
    assert each["brightness"]["miou"] == [1, 1, 1]  # 20 becomes 147 at most
    assert each["gamma"]["miou"] == [1, 0.25, 0.25]  # 200 becomes 177, 149 and 114
    means = [row["mean"] for row in each.values()]
    assert found["mean_miou"] == pytest.approx(np.mean(means))
    assert list(each) == list(corruptions.STRENGTHS)
