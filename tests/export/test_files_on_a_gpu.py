"""Every network of MODELS on a GPU as on the CPU: LiteRT's accelerator, WebGPU.

A real GPU where LiteRT finds one, else the SwiftShader that Chromium brings (apt-get
install chromium), which computes as a GPU does on the processor.
"""

import os
from pathlib import Path

import numpy as np
import pytest
import tiny
from handmade_litert import run
from networks import CLASSES, SMALL, network

from kerasseg.export.litert import accelerators, conversion, edits, flatbuffer, gpu
from kerasseg.models import MODELS

pytestmark = pytest.mark.slow

CHROMIUM = Path("/usr/lib/chromium")

PARTLY = ("fcn16s", "fcn_alexnet", "residual_unet", "segnet", "segnet_basic")
"""Networks with tensors of five dimensions, which stay on the CPU; the card says so."""
FURTHER = ("residual_unet", "deeplab_v3_resnet101", "deeplab_v3plus_resnet101")
"""Networks whose int8 file is further from float32 on the GPU than on the CPU: mean
error of a probability 0.143, 0.044, 0.034 against 0.057, 0.008, 0.019. Why is open."""


@pytest.fixture(autouse=True)
def accelerator(monkeypatch):
    if "VK_ICD_FILENAMES" not in os.environ and CHROMIUM.is_dir():
        monkeypatch.setenv("VK_ICD_FILENAMES", f"{CHROMIUM}/vk_swiftshader_icd.json")
        monkeypatch.setenv("LD_LIBRARY_PATH", str(CHROMIUM))


def made(model, kind, images, exclusive=True):
    """Output -> the bytes of the file that an export writes for it."""
    data = conversion.convert(model, kind, images, exclusive=exclusive)
    names = ("class_map", "probabilities")
    return {n: edits.for_accelerators(flatbuffer.split(data, [n])) for n in names}


def both(file, images, output, whole=True):
    """What the CPU and the GPU give; skips where there is no GPU. whole: no operator
    may be left to the CPU."""
    done = gpu.run(file, images)
    if not done.adapter:
        pytest.skip("LiteRT finds no GPU here, and there is no SwiftShader of Chromium")
    if whole:
        assert (done.fault, done.delegated) == ("", done.operators)
    # Plain: XNNPACK of ai-edge-litert 2.3.0 ends the process (double free) on the small
    # ladder_efficientnet_lite0 in int8.
    expected = [run(file, image[None], output, plain=True) for image in images]
    expected = np.concatenate(expected)
    return expected, done.result


@pytest.mark.parametrize("kind", ["float32", "float16", "int8"])
@pytest.mark.parametrize("name", sorted(MODELS))
def test_a_gpu_gives_what_the_cpu_gives(name, kind):
    if name in FURTHER and kind == "int8":
        pytest.xfail("int8 is less exact on the GPU")
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (2, *SMALL[name][0]), np.uint8)
    files = made(network(name), kind, images)
    file, whole = files["class_map"], name not in PARTLY
    expected, found = both(file, images, "class_map", whole)
    assert found.max() < CLASSES
    assert (accelerators.missing(file)[accelerators.LITERT_GPU] == []) is whole
    if kind != "int8":
        assert (found == expected).mean() >= 0.999
        return
    # Both round, at other places: the GPU is no further from float32 than the CPU is.
    scores, on_gpu = both(files["probabilities"], images, "probabilities", whole)
    plain = made(network(name), "float32", images)["probabilities"]
    true = np.concatenate([run(plain, one[None], "probabilities") for one in images])
    error, allowed = (np.abs(one - true).mean() for one in (on_gpu, scores))
    assert error <= 1.25 * allowed + 1 / 256  # one step


@pytest.mark.parametrize("kind", ["float32", "float16", "int8"])
def test_classes_that_overlap(kind):
    images = np.random.default_rng(0).integers(0, 256, (4, *tiny.SIZE, 3), np.uint8)
    files = made(tiny.network(), kind, images, exclusive=False)
    expected, found = both(files["class_map"], images, "class_map")
    assert found.shape == (4, *tiny.SIZE, 3)
    assert (found == expected).mean() >= (0.98 if kind == "int8" else 0.999)


def test_the_edits_are_needed_and_the_faults_are_seen():
    """Logits below zero: without the edit the GPU names the fourth of three classes.
    It goes when LiteRT mends its ARG_MAX."""
    model = tiny.convolution()
    model.get_layer("logits").bias.assign([-90.0, -91.0, -92.0])
    images = np.random.default_rng(0).integers(0, 256, (2, *tiny.SIZE, 3), np.uint8)
    plain = flatbuffer.split(conversion.convert(model), ["class_map"])
    _, found = both(plain, images, "class_map")
    assert (found == 3).all()
    expected, found = both(edits.for_accelerators(plain), images, "class_map")
    np.testing.assert_array_equal(found, expected)
