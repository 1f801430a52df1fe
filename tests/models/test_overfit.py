"""Every network can learn: at reduced width it learns eight scenes by heart.

Run with `pytest -m slow tests/models/test_overfit.py`. Scored as a user would predict,
with the moving statistics of the batch normalizations: their momentum is low here, so
that they are those of the last steps (each step has the same batch).

A network that ends in a bilinear enlargement has one free logit for each 4 x 4 to
32 x 32 pixels and cannot draw finer things: it is trained and scored at the pixels
nearest to where those logits lie.
"""

import gc
from functools import partial

import keras
import numpy as np
import pytest

from kerasseg.data.synthetic import scene
from kerasseg.losses import cross_entropy
from kerasseg.metrics import count, scores
from kerasseg.models import MODELS, build

pytestmark = pytest.mark.slow
CLASSES = 11
SCENES = (0, 1, 2, 7, 13, 18, 40, 59)  # at 96 x 96 of all 11 classes, at 64 of 9
ENOUGH = 0.95  # mIoU
STEPS, BETWEEN = 600, 10  # of Adam at most; between two scores

BN = {"batch_norm_momentum": 0.5}
UNET = {"filters": 8, "depth": 3, "dropout": 0.0}
VGG = {"width": 1 / 8, "dropout": 0.0}
TIRAMISU = {"growth_rate": 8, "first_filters": 16, "dropout": 0.0} | BN
DEEPLAB = {"aspp_filters": 32, "weights": "none", "dropout": 0.0} | BN
PLUS = {"decoder_filters": 32} | DEEPLAB
LADDER = {"aspp_filters": 32, "filters": (32,) * 4, "dropout": 0.0} | BN
LADDER |= {"weights": "none"}
QUARTER = {"encoder_options": {"width": 0.25}}
LRASPP = {"encoder_options": {"width": 0.5}, "weights": "none"} | BN
DILATED = {"width": 1 / 16, "dropout": 0.0}

# Deep and without normalisation: these diverge at the rate of the others.
SLOW = {"vnet": 1e-3, "dilation10": 1e-3}

# name -> (height and width, first pixel of the logits' grid, its step, options)
SMALL = {
    "naive": (64, 0, 1, {"depth": 6, "filters": 24}),
    "fcn32s": (192, 12, 32, VGG),
    "fcn16s": (96, 4, 16, VGG),
    "fcn8s": (96, 0, 8, VGG),
    "fcn_alexnet": (192, 13, 32, VGG),
    "segnet": (64, 0, 1, {"width": 1 / 8} | BN),
    "segnet_basic": (64, 0, 1, {"filters": 16} | BN),
    "unet": (64, 0, 1, UNET),
    "unet_small": (64, 0, 1, UNET | BN),
    "unet_fast": (64, 0, 1, UNET | BN),
    "unet_valid": (108, 0, 1, UNET),
    "unet_reflect": (64, 0, 1, UNET),
    "unet_efficientnet_lite0": (64, 0, 1, {"filters": 8, "weights": "none"} | BN),
    "deeplab_v3plus_efficientnet_lite0": (64, 2, 4, PLUS),
    "deeplab_v3plus_efficientnet_lite1": (64, 2, 4, PLUS),
    "deeplab_v3plus_efficientnet_lite2": (64, 2, 4, PLUS),
    "deeplab_v3plus_mobilenet_v2": (64, 2, 4, PLUS | QUARTER),
    "deeplab_v3plus_resnet50": (64, 2, 4, PLUS | QUARTER),
    "deeplab_v3plus_resnet101": (64, 2, 4, PLUS | QUARTER),
    "deeplab_v3plus_xception65": (64, 2, 4, PLUS | QUARTER),
    "deeplab_v3_resnet50": (96, 8, 16, DEEPLAB | QUARTER),
    "deeplab_v3_resnet101": (96, 8, 16, DEEPLAB | QUARTER),
    "deeplab_v3_mobilenet_v2": (96, 8, 16, DEEPLAB | QUARTER),
    "deeplab_v2_resnet101": (96, 0, 8, {"weights": "none"} | QUARTER | BN),
    "ladder_efficientnet_lite0": (64, 1, 2, LADDER),
    "ladder_efficientnet_lite2": (64, 1, 2, LADDER),
    "lraspp_mobilenet_v3_large": (96, 4, 8, LRASPP),
    "lraspp_mobilenet_v3_small": (96, 4, 8, LRASPP),
    "fc_densenet56": (64, 0, 1, TIRAMISU),
    "fc_densenet67": (64, 0, 1, TIRAMISU),
    "fc_densenet103": (64, 0, 1, TIRAMISU),
    "residual_unet": (64, 0, 1, {"filters": 8, "dropout": 0.0} | BN),
    "vnet": (64, 0, 1, {"filters": 8}),
    "dilated_frontend": (96, 4, 8, DILATED),
    "dilation7": (96, 4, 8, DILATED),
    "dilation8": (96, 4, 8, DILATED),
    "dilation10": (96, 4, 8, DILATED | {"width": 1 / 8}),
    "deeplab_v1": (96, 0, 8, VGG),
    "deeplab_v2_vgg16": (96, 0, 8, VGG),
}


@pytest.fixture(autouse=True)
def freed():
    yield
    keras.utils.clear_session(free_memory=True)
    gc.collect()


def test_every_name_is_tested():
    assert sorted(SMALL) == sorted(MODELS)


@pytest.mark.parametrize("name", SMALL)
def test_learns_eight_scenes_by_heart(name):
    size, first, step, options = SMALL[name]
    keras.utils.set_random_seed(0)
    network = build(name, CLASSES, (size, size, 3), **options)
    logits = network.output[:, first::step, first::step] if step > 1 else network.output
    model = keras.Model(network.input, logits)
    images, labels = scenes(size)
    margin = (size - network.output_shape[1]) // 2
    labels = labels[:, margin : size - margin, margin : size - margin]
    labels = labels[:, first::step, first::step]
    target = np.eye(256, dtype="float32")[labels][..., :CLASSES]

    normalized = any("moving_mean" in weight.path for weight in network.weights)
    rate = 1e-2 if normalized else 3e-3
    model.compile(
        keras.optimizers.Adam(SLOW.get(name, rate)), loss(target), jit_compile=False
    )
    for _ in range(STEPS // BETWEEN):
        model.fit(images, target, batch_size=8, epochs=BETWEEN, verbose=0)
        predicted = model.predict(images, verbose=0).argmax(-1)
        found = scores(count(labels, predicted, CLASSES))["miou"]
        if found >= ENOUGH:
            return
    pytest.fail(f"{name}: mIoU {found:.3f} after {STEPS} steps")


def loss(target):
    """Cross entropy; a class a hundred times rarer counts ten times as much."""
    pixels = target.sum((0, 1, 2))
    weights = np.where(pixels > 0, pixels.sum() / np.maximum(pixels, 1), 0) ** 0.5
    return partial(cross_entropy, class_weights=weights)


def scenes(size):
    """Eight images, float32 0..255, and their labels."""
    found = [scene(0, index, size, size) for index in SCENES]
    images = np.stack([one.image for one in found]).astype("float32")
    return images, np.stack([one.label for one in found])
