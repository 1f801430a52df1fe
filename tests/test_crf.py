"""The dense CRF against all pairs in float64 and against Kraehenbuehl's own program."""

from pathlib import Path

import numpy as np
import pytest

from kerasseg import UserError, crf
from kerasseg.crf import lattice
from kerasseg.image_format import GRAY, BandStatistics, ImageFormat

pytestmark = pytest.mark.agnostic


@pytest.fixture(scope="module")
def golden():
    """pydensecrf2 1.1, see golden/make_crf.py."""
    return dict(np.load(Path(__file__).with_name("golden") / "crf.npz"))


def softmax(x):
    x = np.exp(x - x.max(-1, keepdims=True))
    return x / x.sum(-1, keepdims=True)


def all_pairs(probabilities, image, w1, sa, sb, w2, sg, iterations):
    """The definition, in float64, with a matrix over all pairs of pixels."""
    height, width, classes = probabilities.shape
    place = np.argwhere(np.ones((height, width))).astype(float)
    colour = image.reshape(-1, 3).astype(float)
    far = ((place[:, None] - place[None]) ** 2).sum(-1)
    unlike = ((colour[:, None] - colour[None]) ** 2).sum(-1)
    kernel = 0
    for weight, part in (
        (w1, np.exp(-far / (2 * sa**2) - unlike / (2 * sb**2))),
        (w2, np.exp(-far / (2 * sg**2))),
    ):
        degree = part.sum(1)
        kernel = kernel + weight * part / np.sqrt(np.outer(degree, degree))
    unary = np.log(np.clip(probabilities.reshape(-1, classes), 1e-5, 1)).astype(float)
    found = softmax(unary)
    for _ in range(iterations):
        found = softmax(unary + kernel @ found)
    return found.reshape(probabilities.shape)


@pytest.mark.parametrize(
    "options",
    [
        {"w1": 4.0, "sa": 67.0, "sb": 3.0, "w2": 3.0, "sg": 1.0},
        {"w1": 5.0, "sa": 4.0, "sb": 13.0, "w2": 3.0, "sg": 3.0},
        {"w1": 10.0, "sa": 80.0, "sb": 13.0, "w2": 0.0, "sg": 3.0},
        {"w1": 0.0, "sa": 80.0, "sb": 13.0, "w2": 3.0, "sg": 2.0},
    ],
)
def test_exact_equals_all_pairs(rng, options):
    image = rng.integers(0, 40, (9, 12, 3))
    probabilities = softmax(rng.normal(size=(9, 12, 4)))
    expected = all_pairs(probabilities, image, **options, iterations=5)
    result = crf.dense_crf(probabilities, image, **options, iterations=5, exact=True)
    np.testing.assert_allclose(result, expected, atol=1e-5)


def test_fast_equals_pydensecrf(golden):
    """Both filter on the permutohedral lattice; 16-bit rounding remains."""
    given = golden["probabilities"], golden["image"]
    once = crf.dense_crf(*given, w2=0, iterations=1)
    np.testing.assert_allclose(once, golden["bilateral_once"] / 65535, atol=5e-5)
    result = crf.dense_crf(*given, w1=5, sa=12, sb=13, w2=0)
    np.testing.assert_allclose(result, golden["bilateral"] / 65535, atol=5e-4)


def test_both_kernels_agree_with_pydensecrf_in_the_class(golden):
    """pydensecrf approximates the plain Gaussian too, here it is exact."""
    result = crf.dense_crf(golden["probabilities"], golden["image"])
    difference = np.abs(result - golden["both"] / 65535)
    assert difference.mean() < 1e-3
    assert (result.argmax(-1) == golden["both"].argmax(-1)).all()


@pytest.mark.parametrize("options", [{}, {"sa": 12, "sb": 13}])
def test_fast_is_near_exact_and_helps(golden, options):
    given = golden["probabilities"], golden["image"]
    fast = crf.dense_crf(*given, **options).argmax(-1)
    exact = crf.dense_crf(*given, **options, exact=True).argmax(-1)
    assert (fast == exact).mean() > 0.99
    before = (golden["probabilities"].argmax(-1) == golden["label"]).mean()
    assert before < 0.7
    assert (fast == golden["label"]).mean() > 0.99


def test_logits_are_another_way_to_say_it(golden):
    logits = np.log(golden["probabilities"]) + 7
    given = golden["image"]
    np.testing.assert_allclose(
        crf.dense_crf(logits, given, from_logits=True, iterations=3),
        crf.dense_crf(golden["probabilities"], given, iterations=3),
        atol=1e-4,
    )


def test_no_iteration_changes_nothing(golden):
    result = crf.dense_crf(golden["probabilities"], golden["image"], iterations=0)
    np.testing.assert_allclose(result, golden["probabilities"], atol=1e-5)


def test_permuted_classes_permute_the_probabilities(golden):
    order = [2, 0, 1]
    probabilities, image = golden["probabilities"], golden["image"]
    result = crf.dense_crf(probabilities[..., order], image, iterations=3)
    expected = crf.dense_crf(probabilities, image, iterations=3)[..., order]
    np.testing.assert_allclose(result, expected, atol=1e-5)


def test_the_result_is_probabilities_and_ignorance_stays(golden):
    result = crf.dense_crf(golden["probabilities"], golden["image"])
    np.testing.assert_allclose(result.sum(-1), 1, atol=1e-5)
    even = crf.dense_crf(np.full((20, 28, 4), 0.25), golden["image"])
    np.testing.assert_allclose(even, 0.25, atol=1e-6)


def test_lattice_reproduces_each_point(rng):
    """Barycentric: weights sum to 1 and average the vertices to the point itself."""
    features = rng.normal(size=(50, 5)) * 10
    vertices, weights = lattice.simplices(features)
    assert weights.min() > -1e-9
    np.testing.assert_allclose(weights.sum(1), 1)
    assert (vertices.sum(-1) == 0).all()
    middle = (weights[..., None] * vertices).sum(1)
    distance = np.linalg.norm(middle[:, None] - middle[None], axis=-1)
    expected = np.linalg.norm(features[:, None] - features[None], axis=-1)
    # A rotation times (d + 1) sqrt(2 / 3): distances keep their ratio.
    np.testing.assert_allclose(distance, 6 * np.sqrt(2 / 3) * expected, rtol=1e-9)


@pytest.mark.parametrize(
    ("probabilities", "image", "options", "message"),
    [
        ((4, 5, 2), (4, 6, 3), {}, "H, W, C"),
        ((1, 4, 5, 2), (4, 5, 3), {}, "H, W, C"),
        ((130, 130, 2), (130, 130, 3), {"exact": True}, "all pairs"),
    ],
)
def test_errors_say_what_to_do(probabilities, image, options, message):
    with pytest.raises(ValueError, match=message):
        crf.dense_crf(np.full(probabilities, 0.5), np.zeros(image), **options)


def test_more_than_fits_into_memory_is_refused_before():
    crf.check_memory(2000, 3000, 11)
    with pytest.raises(UserError, match=r"3000 x 4000 pixels and 150 .* up to 1,6"):
        crf.check_memory(3000, 4000, 150)


def test_too_fine_a_lattice_is_refused(rng):
    image = rng.integers(0, 255, (4, 5, 3))
    with pytest.raises(ValueError, match="enlarge"):
        crf.dense_crf(np.full((4, 5, 2), 0.5), image, sa=1e-3, sb=1e-3)


def test_gray_is_sharpened_as_its_copy_in_three_bands(rng):
    image = rng.integers(0, 60, (9, 12, 1))
    given = softmax(rng.normal(size=(9, 12, 4)))
    expected = crf.dense_crf(given, np.repeat(image, 3, -1), sb=13, exact=True)
    result = crf.dense_crf(given, image, sb=13, exact=True, image_format=GRAY)
    np.testing.assert_allclose(result, expected, atol=1e-5)


@pytest.mark.parametrize("bands", [1, 2, 3, 4, 8])
@pytest.mark.parametrize("counted", [True, False])
def test_any_bands_in_any_unit_sharpen_along_their_edges(golden, bands, counted):
    """Uneven units and a few wild values; the label is made of the image's classes."""
    label, given = golden["label"], golden["probabilities"]
    rng = np.random.default_rng(3)
    image = rng.normal(label[..., None] * 3.0, 0.2, (*label.shape, bands))
    image[0, :3] += 1e4
    names = tuple(f"b{i}" for i in range(bands))
    results = []
    for gain, offset in ((1.0, 0.0), (250.0, -1000.0)):
        data, image_format = gain * image + offset, ImageFormat.of(names, "float32")
        if counted:
            low, high = np.percentile(data, [0.5, 99.0], axis=(0, 1))
            of = zip(low, high, data.clip(low, high).std((0, 1)), strict=True)
            image_format = image_format.with_statistics(
                tuple(BandStatistics(0.0, 0.0, 0.0, s, a, b) for a, b, s in of)
            )
        results.append(
            crf.dense_crf(given, data, sb=13, iterations=5, image_format=image_format)
        )
    np.testing.assert_allclose(results[1], results[0], atol=2e-3)
    before = (given.argmax(-1) == label).mean()
    if counted:  # wild values hide the deviation of an image of its own
        assert (results[0].argmax(-1) == label).mean() > max(0.95, before)


def test_bands_that_are_not_there_are_named():
    four = ImageFormat.of(("a", "b", "c", "d"), "uint16")
    with pytest.raises(ValueError, match=r"\(H, W, 4\)"):
        crf.dense_crf(np.full((4, 5, 2), 0.5), np.zeros((4, 5, 3)), image_format=four)
