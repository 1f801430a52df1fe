"""Light, colour, noise and weather; the drawn numbers; compiled and on all backends."""

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops
from PIL import Image
from scipy import ndimage, special
from test_augment import LIGHT, TRANSFORMS, apply, blocks, draw, put

from kerasseg import augment
from kerasseg.augment import NUMBERS, POLICIES, Policy, hashing, random_parameters

pytestmark = pytest.mark.agnostic

SIZE = (24, 32)


def picture(batch=2, seed=0, low=0, high=255):
    """Smooth random colours."""
    noise = np.random.default_rng(seed).random((batch, *SIZE, 3))
    noise = ndimage.gaussian_filter(noise, (0, 3, 3, 0))
    noise = (noise - noise.min()) / np.ptp(noise)
    return (low + (high - low) * noise).astype("float32")


def lit(image, numbers=None, **values):
    numbers = draw(len(image)) if numbers is None else numbers
    label = np.zeros(image.shape[:3], "uint8")
    image, label = apply(image, label, numbers, Policy(**values), SIZE)
    assert not label.any()
    return image


def test_every_transform_owns_its_own_numbers():
    assert sum(random_parameters.SLOTS.values()) <= NUMBERS
    numbers = np.arange(NUMBERS)[None]
    seen = np.concatenate(
        [random_parameters.slot(numbers, n)[0] for n in random_parameters.SLOTS]
    )
    assert np.array_equal(seen, np.arange(len(seen)))


@settings(deadline=None, max_examples=25)
@given(st.floats(0.1, 1.0), st.floats(1.0, 9.0), st.floats(0.05, 1.0))
def test_numbers_become_parameters_in_range_and_in_order(low, high, probability):
    u = np.sort(np.random.default_rng(0).random(500)).astype("float32")
    u[[0, -1]] = 0, np.nextafter(np.float32(1), np.float32(0))
    for values, least, most in (
        (random_parameters.uniform(u, low, high), low, high),
        (random_parameters.log_uniform(u, low, high), low, high),
        (random_parameters.around(u, high), -high, high),
    ):
        values = ops.convert_to_numpy(values)
        assert np.all(np.diff(values) >= -1e-6)
        np.testing.assert_allclose(values[[0, -1]], [least, most], rtol=1e-4)
    share = ops.convert_to_numpy(random_parameters.amount(u, probability))
    assert np.all((share > 0) == (u < np.float32(probability)))
    assert share.max() <= 1 and share.min() >= 0


def test_normal_numbers_are_scipys():
    u = np.linspace(0.001, 0.999, 99, dtype="float32")
    got = ops.convert_to_numpy(random_parameters.normal(u, 3.0))
    np.testing.assert_allclose(got, 3 * special.ndtri(u.astype(float)), atol=1e-3)
    assert np.all(
        np.isfinite(ops.convert_to_numpy(random_parameters.normal(u * 0, 1.0)))
    )


def test_hash_is_lowbias32():
    """Against the same hash in numpy's unsigned arithmetic."""
    x = np.random.default_rng(0).integers(-(2**31), 2**31, 1000).astype("int32")
    got = ops.convert_to_numpy(hashing.scramble(ops.convert_to_tensor(x)))
    assert np.array_equal(got.astype("uint32"), lowbias32(x.astype("uint32")))


def lowbias32(x):
    x = (x ^ (x >> np.uint32(16))) * np.uint32(0x7FEB352D)
    x = (x ^ (x >> np.uint32(15))) * np.uint32(0x846CA68B)
    return x ^ (x >> np.uint32(16))


@settings(deadline=None, max_examples=20)
@given(st.sets(st.sampled_from(sorted(LIGHT)), min_size=1), st.integers(0, 9999))
def test_light_leaves_labels_alone_and_stays_in_range(names, seed):
    image = picture(2, seed)
    out = lit(image, draw(2, seed), **{n: LIGHT[n] for n in names})
    assert np.all(np.isfinite(out)) and out.min() >= 0 and out.max() <= 255


def test_colour_is_the_chain_of_its_parts():
    """Against the parts one after the other, in float64."""
    image, numbers = picture(4, low=80, high=150), draw(4, 1)
    policy = {k: LIGHT[k] for k in ("brightness", "contrast", "saturation", "hue")}
    got = lit(image, numbers, **policy, cast=0.1)
    for i in range(4):
        u = {
            n: 2.0 * random_parameters.slot(numbers, n)[i].astype(float) - 1
            for n in random_parameters.SLOTS
        }
        x = image[i].astype("float64")
        luma = x @ [0.299, 0.587, 0.114]
        blue = x @ [0.5959, -0.2746, -0.3213]
        violet = x @ [0.2115, -0.5227, 0.3112]
        angle, stretch = np.radians(30 * u["hue"]), 1 + 0.5 * u["saturation"]
        turned = (np.cos(angle) * blue + np.sin(angle) * violet) * stretch
        other = (np.cos(angle) * violet - np.sin(angle) * blue) * stretch
        to_yiq = [
            [0.299, 0.587, 0.114],
            [0.5959, -0.2746, -0.3213],
            [0.2115, -0.5227, 0.3112],
        ]
        x = np.linalg.solve(to_yiq, np.stack([luma, turned, other], -1)[..., None])
        x = x[..., 0] * (1 + 0.3 * u["brightness"]) * (1 + 0.1 * u["cast"])
        x = x.mean() + (x - x.mean()) * (1 + 0.3 * u["contrast"])
        np.testing.assert_allclose(got[i], np.clip(x, 0, 255), atol=0.05)


def test_hue_and_saturation_keep_luma_and_grey():
    image = picture(3, low=100, high=150)
    out = lit(image, saturation=0.5, hue=30.0)
    weights = [0.299, 0.587, 0.114]
    np.testing.assert_allclose(out @ weights, image @ weights, atol=0.05)
    assert np.abs(out - image).max() > 1
    grey = np.repeat(image[..., :1], 3, -1)
    np.testing.assert_allclose(lit(grey, saturation=0.5, hue=30.0), grey, atol=0.05)


def test_hue_turns_as_in_pil_and_torchvision():
    """Pillow's HSV, whose hue torchvision's adjust_hue raises; 256 steps are a turn."""
    colours = [[160, 96, 96], [96, 160, 96], [96, 96, 160], [150, 140, 90]]
    image = np.broadcast_to(np.reshape(colours, (4, 1, 1, 3)), (4, *SIZE, 3))
    numbers = draw(4)
    drawn = 2 * random_parameters.single(numbers, "hue") - 1
    for most in (20.0, 60.0):
        out = lit(image.astype("float32"), numbers, hue=most)[:, 0, 0]
        for colour, got, u in zip(colours, out, drawn, strict=True):
            hsv = np.array(Image.new("RGB", (1, 1), tuple(colour)).convert("HSV"))
            hsv[..., 0] += np.uint8(round(most * float(u) * 256 / 360) % 256)
            want = np.array(Image.fromarray(hsv, "HSV").convert("RGB"))[0, 0]
            if abs(u) > 0.2:  # the circle of YIQ is not quite that of HSV
                step, right = got - colour, want - np.array(colour, float)
                aligned = step @ right / np.linalg.norm(step) / np.linalg.norm(right)
                assert aligned > 0.8


def test_gamma_bends_and_keeps_the_ends():
    image, numbers = picture(3), draw(3)
    image[:, 0], image[:, 1] = 0, 255
    exponent = 0.5 * 4 ** random_parameters.single(numbers, "gamma").astype(float)
    expected = 255 * (image / 255.0) ** exponent[:, None, None, None]
    np.testing.assert_allclose(
        lit(image, numbers, gamma=(0.5, 2.0)), expected, atol=0.6
    )


def test_blur_is_a_share_of_scipys_binomial():
    image, numbers = picture(2), put(draw(2), blur=np.array([[0.0], [0.25]]))
    soft = image
    for axis in (1, 2):
        soft = ndimage.correlate1d(
            soft, np.array([1, 4, 6, 4, 1]) / 16, axis, mode="mirror"
        )
    got = lit(image, numbers, blur=0.5)
    np.testing.assert_allclose(got[0], soft[0], atol=0.01)
    np.testing.assert_allclose(got[1], (soft[1] + image[1]) / 2, atol=0.01)


def test_noise_is_nearly_normal_and_numpys():
    image = np.full((3, 200, 300, 3), 128.0, "float32")
    strength, seed = np.array([0, 0.5, 0.99999]), np.array([0.1, 0.2, 0.7])
    numbers = put(draw(3), noise=np.stack([strength, seed], -1))
    policy = Policy(noise=1.0, noise_std=8.0)
    got, _ = apply(image, image[..., 0] * 0, numbers, policy, (200, 300))
    extra = got - 128
    np.testing.assert_allclose(
        extra.std((1, 2)), np.outer([8, 4, 0], [5**0.5 / 2] * 3), atol=0.06
    )
    assert np.abs(extra.mean((1, 2))).max() < 0.2
    first = extra[0].reshape(-1, 3)
    np.testing.assert_allclose(np.corrcoef(first.T)[0, 1], 1 / 1.25, atol=0.02)
    kurtosis = (first**4).mean(0) / (first**2).mean(0) ** 2
    assert np.all(np.abs(kurtosis - 3) < 0.6)
    beside = np.corrcoef(extra[0, :, 1:, 0].ravel(), extra[0, :, :-1, 0].ravel())
    assert abs(beside[0, 1]) < 0.02
    assert abs(np.corrcoef(extra[0].ravel(), extra[1].ravel())[0, 1]) < 0.02


def test_jpeg_is_pillows():
    """Against Pillow's encoder without colour subsampling, at quality 30."""
    import io

    from PIL import Image

    image = np.round(picture(1))
    image += np.random.default_rng(0).integers(-20, 20, image.shape)
    image = np.clip(image, 0, 255).astype("uint8")
    buffer = io.BytesIO()
    Image.fromarray(image[0]).save(buffer, "JPEG", quality=30, subsampling=0)
    expected = np.asarray(Image.open(buffer)).astype("float32")
    numbers = put(draw(1), jpeg=0.0)
    got = lit(image, numbers, jpeg=1.0, jpeg_quality=30.0)[0]
    loss = np.abs(expected - image[0]).mean()
    assert loss > 5
    # Pillow rounds the table and the colours to whole numbers on the way.
    assert np.abs(got - expected).mean() < 0.15 * loss
    untouched = lit(image, put(draw(1), jpeg=0.9), jpeg=0.5)
    np.testing.assert_allclose(untouched, image, atol=1e-4)


def test_weather_goes_one_way():
    image = picture(6, low=20, high=200)
    shadow = lit(image, shadow=1.0)
    assert np.all(shadow <= image + 1e-3) and np.all(shadow >= 0.35 * image - 1e-3)
    for name in ("rain", "fog"):
        veiled = lit(image, **{name: 1.0})
        assert np.all(veiled >= image - 1e-3) and np.all(veiled <= 215.001)
    for out in (shadow, veiled, lit(image, rain=1.0)):
        assert np.all(np.abs(out - image).max((1, 2, 3)) > 0.1)


def test_erasing_hides_a_rectangle_from_the_loss():
    image, label = picture(8), np.ones((8, *SIZE), "uint8")
    out, ids = apply(image, label, draw(8), Policy(erasing=1.0), SIZE)
    for i in range(8):
        rows, columns = np.nonzero(ids[i] == 255)
        if len(rows):
            high, wide = np.ptp(rows) + 1, np.ptp(columns) + 1
            assert len(rows) == high * wide and high <= 9 and wide <= 12
    assert np.all(out[ids == 255] == 114) and (ids == 255).any()
    assert np.array_equal(out[ids == 1], image[ids == 1])


def everything():
    return dataclasses.replace(Policy(), **TRANSFORMS, **LIGHT)


# XLA compiles all transforms at once for a minute on a CPU.
COMPILED = (
    POLICIES if keras.backend.backend() == "jax" else ("none", "flip", "everything")
)


@pytest.mark.skipif(keras.backend.backend() == "torch", reason="Torch runs eagerly")
@pytest.mark.parametrize("name", COMPILED)
def test_compiled_is_eager(name):
    policy = {**POLICIES, "everything": everything()}[name]
    image, label, flat = blocks()
    arguments = image, label, draw(3), flat

    def run(image, label, numbers, instance):
        return augment.apply(image, label, numbers, policy, SIZE, instance)

    eager = [
        ops.convert_to_numpy(x) for x in run(*map(ops.convert_to_tensor, arguments))
    ]
    compiled = compiler(arguments)(run)
    got = [ops.convert_to_numpy(x) for x in compiled(*arguments)]
    assert got[0].shape == (3, *SIZE, 3)
    assert np.mean(np.abs(got[0] - eager[0]) > 0.255) < 0.01
    for one, other in zip(got[1:], eager[1:], strict=True):
        assert np.mean(one != other) < 0.01


def compiler(arguments):
    if keras.backend.backend() == "jax":
        import jax

        return jax.jit
    import tensorflow as tf

    unknown = [tf.TensorSpec((None, *a.shape[1:]), a.dtype) for a in arguments]
    return tf.function(input_signature=unknown)


@pytest.mark.slow
def test_backends_agree(tmp_path):
    """The other two backends, each in its own process, give the same pixels."""
    code = (
        "import sys, numpy as np\n"
        "from test_augment import apply, draw, blocks\n"
        "from test_augment_light import everything, picture\n"
        "image, (_, label, flat) = picture(4), blocks(4, 24, 32)\n"
        "out = apply(image, label, draw(4, 2), everything(), (24, 32), flat)\n"
        "np.savez(sys.argv[1], *out)\n"
    )
    results, folder = [], Path(__file__).parent
    path = os.pathsep.join([str(folder), str(folder.parents[1])])
    for backend in ("tensorflow", "jax", "torch"):
        if backend != "tensorflow":
            pytest.importorskip(backend)
        file = tmp_path / f"{backend}.npz"
        subprocess.run(
            [sys.executable, "-c", code, file],
            env={**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": path},
            check=True,
            capture_output=True,
        )
        results.append(list(np.load(file).values()))
    for other in results[1:]:
        away = np.abs(other[0] - results[0][0]) > 0.255
        assert away.mean() < 0.005  # a lookup on an edge, or a rounded cosine
        for one, two in zip(results[0][1:], other[1:], strict=True):
            assert np.mean(one != two) < 0.005


@pytest.mark.parametrize(
    ("image", "numbers", "message"),
    [((2, 8, 8, 1), (2, NUMBERS), "images"), ((2, 8, 8, 3), (2, 7), "numbers")],
)
def test_wrong_shapes_are_named(image, numbers, message):
    with pytest.raises(ValueError, match=message):
        augment.apply(
            np.zeros(image), np.zeros(image[:3]), np.zeros(numbers), Policy(), (8, 8)
        )
    with pytest.raises(ValueError, match=r"scale.*got \(2, 1\)"):
        Policy(scale=(2, 1))
