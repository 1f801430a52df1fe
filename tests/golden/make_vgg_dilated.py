"""Logits of Dilation8 and DeepLab on a VGG16 of 1/32 of the width, by torch.

python tests/golden/make_vgg_dilated.py, with torch 2.13.0 and opencv-python-headless
5.0.0.93 (its BORDER_REFLECT_101 pads the image, as in the authors' predict.py). Every
layer is written out here with Caffe's paddings; torch's ceil_mode follows Caffe.
"""

from pathlib import Path

import cv2
import numpy as np
import torch
from torch.nn import functional

CLASSES = 3
MEAN = (123.68, 116.779, 103.939)
BLOCKS = ((2, 2), (4, 2), (8, 3), (16, 3), (16, 3))


class Convolutions:
    """Draws the weights of one layer after the other: kernel in Keras' order, bias."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def __call__(self, x, filters, kernel, dilation=1, padding=0, relu=True):
        shape = (kernel, kernel, x.shape[1], filters)
        scale = np.sqrt(2 / np.prod(shape[:3]))
        weight = self.rng.normal(0, scale, shape).transpose(3, 2, 0, 1)
        bias = self.rng.normal(0, 0.1, filters)
        x = functional.conv2d(
            x,
            torch.tensor(weight),
            torch.tensor(bias),
            dilation=dilation,
            padding=padding,
        )
        return functional.relu(x) if relu else x


def picture(height, width):
    return np.random.default_rng(7).uniform(0, 255, (height, width, 3))


def tensor(image):
    return torch.tensor((image - np.array(MEAN)).transpose(2, 0, 1)[None])


def dilation8(image, context, reflect):
    height, width = image.shape[:2]
    conv = Convolutions(seed=3)
    if reflect:
        after = [186 + -length % 8 for length in (height, width)]
        border = (186, after[0], 186, after[1])
        image = cv2.copyMakeBorder(image, *border, cv2.BORDER_REFLECT_101)
    x = tensor(image)
    for number, (filters, count) in enumerate(BLOCKS, 1):
        for _ in range(count):
            x = conv(x, filters, 3, dilation=2 if number == 5 else 1)
        if number <= 3:
            x = functional.max_pool2d(x, 2, 2)
    x = conv(x, 128, 7, dilation=4)
    x = conv(x, 128, 1)
    x = conv(x, CLASSES, 1, relu=False)
    widths = (2, 2, 4, 8, 16, 32, 32) if context == "large" else (1,) * 7
    if context == "large":
        x = functional.pad(x, (33, 33, 33, 33))
    for width_, rate in zip(widths, (1, 1, 2, 4, 8, 16, 1), strict=True):
        padding = 0 if context == "large" else rate
        x = conv(x, width_ * CLASSES, 3, dilation=rate, padding=padding)
    x = conv(x, CLASSES, 1, relu=False)
    if reflect:
        size = [8 * length for length in x.shape[2:]]
        x = functional.interpolate(x, size, mode="bilinear", align_corners=False)
        x = x[:, :, :height, :width]
    return x.numpy().transpose(0, 2, 3, 1)


def deeplab(image, classifiers):
    """classifiers: (kernel, rate, padding, filters) of fc6; their logits are summed."""
    height, width = image.shape[:2]
    conv = Convolutions(seed=1)
    x = tensor(image)
    for number, (filters, count) in enumerate(BLOCKS, 1):
        for _ in range(count):
            rate = 2 if number == 5 else 1
            x = conv(x, filters, 3, dilation=rate, padding=rate)
        stride = 2 if number <= 3 else 1
        x = functional.max_pool2d(x, 3, stride, padding=1, ceil_mode=True)
    # Weights are drawn level by level: fc6 of all branches, then fc7, then fc8.
    branches = [
        conv(x, filters, kernel, dilation=rate, padding=padding)
        for kernel, rate, padding, filters in classifiers
    ]
    branches = [conv(y, y.shape[1], 1) for y in branches]
    logits = sum(conv(y, CLASSES, 1, relu=False) for y in branches)
    size = [8 * (length - 1) + 1 for length in logits.shape[2:]]
    x = functional.interpolate(logits, size, mode="bilinear", align_corners=True)
    return x[:, :, :height, :width].numpy().transpose(0, 2, 3, 1)


def main():
    small = picture(24, 19)
    wide = picture(21, 18)
    arrays = {
        "dilation8_basic": dilation8(small, "basic", reflect=True),
        "dilation8_large": dilation8(picture(388, 404), "large", reflect=False),
        "deeplab_v1_large_fov": deeplab(wide, [(3, 12, 12, 32)]),
        "deeplab_v1_4x4_r8": deeplab(wide, [(4, 8, 12, 128)]),
        "deeplab_v2_aspp_s": deeplab(wide, [(3, r, r, 32) for r in (2, 4, 8, 12)]),
    }
    path = Path(__file__).with_name("vgg_dilated.npz")
    np.savez_compressed(path, **{k: v.astype("float32") for k, v in arrays.items()})


if __name__ == "__main__":
    main()
