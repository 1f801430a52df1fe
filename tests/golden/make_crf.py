"""Probabilities of Kraehenbuehl's own dense CRF (PyPI pydensecrf2 1.1).

In an environment of its own: pip install cython numpy pydensecrf2==1.1, then
    python tests/golden/make_crf.py
The image has three flat regions with noise, the probabilities are wrong in many pixels.
"""

from pathlib import Path

import numpy as np
from pydensecrf.densecrf import DenseCRF2D
from pydensecrf.utils import unary_from_softmax

random = np.random.default_rng(3)
height, width, classes = 20, 28, 3
y, x = np.mgrid[:height, :width]
label = np.where(x + y < 20, 0, np.where(x > 18, 1, 2))
colours = np.array([[60, 60, 70], [90, 150, 80], [200, 90, 60]])
image = np.clip(colours[label] + random.normal(0, 4, (height, width, 3)), 0, 255)
image = np.ascontiguousarray(image.astype(np.uint8))
logits = 1.2 * np.eye(classes)[label] + random.normal(0, 1, (height, width, classes))
probabilities = np.exp(logits)
probabilities /= probabilities.sum(-1, keepdims=True)
probabilities = probabilities.astype(np.float32)


def refined(gaussian, bilateral, iterations):
    crf = DenseCRF2D(width, height, classes)
    unary = unary_from_softmax(probabilities.transpose(2, 0, 1))
    crf.setUnaryEnergy(np.ascontiguousarray(unary))
    if gaussian:
        crf.addPairwiseGaussian(sxy=gaussian[1], compat=gaussian[0])
    if bilateral:
        weight, sxy, srgb = bilateral
        crf.addPairwiseBilateral(sxy=sxy, srgb=srgb, rgbim=image, compat=weight)
    result = np.array(crf.inference(iterations)).reshape(classes, height, width)
    return np.round(result.transpose(1, 2, 0) * 65535).astype(np.uint16)


np.savez_compressed(
    Path(__file__).with_name("crf.npz"),
    label=label.astype(np.uint8),
    image=image,
    probabilities=probabilities,
    bilateral_once=refined(None, (4, 67, 3), 1),
    bilateral=refined(None, (5, 12, 13), 10),
    both=refined((3, 1), (4, 67, 3), 10),
)
