"""Test-time augmentation: the mean over sizes of an image, and over its mirror image.

Probabilities are averaged, not logits, as DeepLab (Chen et al. 2018, section 4) and
mmsegmentation do: the logits of each size are brought to the size of the answer,
bilinear, then softmax (where classes overlap sigmoid), then the mean.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tensorflow as tf

from kerasseg.image_format import RGB, ImageFormat
from kerasseg.inference.class_maps import probabilities_of, stretched
from kerasseg.inference.mirror import mirrored_mean
from kerasseg.inference.scales import Sized
from kerasseg.taxonomy import Tensor


def mean_predictor(
    passes: Sequence[Sized],
    flip: bool = False,
    image_format: ImageFormat = RGB,
    exclusive: bool = True,
) -> Callable[[Tensor], Tensor]:
    """Function: images (B, H, W, bands) of any size, of the data's type ->
    probabilities float32 (B, H, W, C) at that size, the mean over all passes.

    flip: each of them also over the mirror image. exclusive: see `Taxonomy`.
    """

    def of_pass(one: Sized) -> Callable[[Tensor], Tensor]:
        def probabilities(image: Tensor) -> Tensor:
            logits = one.run(stretched(image, one.size, image_format))
            logits = tf.image.resize(logits, tf.shape(image)[1:3], method="bilinear")
            return probabilities_of(logits, exclusive)

        return probabilities

    def predict(image: Tensor) -> Tensor:
        each = map(of_pass, passes)
        found = [mirrored_mean(one, image) if flip else one(image) for one in each]
        return tf.add_n(found) / len(found)

    spec = tf.TensorSpec((None, None, None, image_format.channels), image_format.type)
    return tf.function(predict, input_signature=[spec])
