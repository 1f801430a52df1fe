"""DeepLabv2 on ResNet (Chen et al. 2017, arXiv 1606.00915).

Dilated ResNet-101 at stride 8 -> four 3x3 convolutions straight to the classes, summed
(ASPP) -> bilinear to the image's size. After deeplabv2_resnet101/train.prototxt.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from kerasseg import UserError
from kerasseg.models.deeplab_v1 import ASPP_L, interpolate
from kerasseg.models.encoders import encode, freeze
from kerasseg.taxonomy import Tensor


def deeplab_v2_resnet(
    num_classes: int,
    input_shape: tuple[int, ...],
    encoder: str = "resnet101",
    output_stride: int = 8,
    rates: Sequence[int] = ASPP_L,
    scales: Sequence[float] = (1.0,),
    batch_norm_momentum: float = 0.9,
    freeze_batch_norm: bool = False,
    weights: str = "imagenet",
    encoder_options: dict[str, Any] | None = None,
) -> keras.Model:
    """DeepLabv2 with a ResNet: no 1024-channel layers as in its VGG16 form.

    Args:
        num_classes: C, of the logits (B, H, W, C).
        input_shape: (H, W, channels), any size; the logits are resized to it, value k
            of them on pixel output_stride * k. The paper's crop is 321: 161, 81 and 41
            wide after the strides. (Caffe rounds 320 up to 41 as well, this network
            takes 40.)
        encoder: a name of `kerasseg.models.encoders.ENCODERS`.
        output_stride: pixels from one logit to the next before the resizing.
        rates: dilations of the four branches, ASPP-L; (2, 4, 8, 12) is ASPP-S.
        scales: factors on the image; the same network looks at each, and the largest
            logit wins. The paper's best: (1, 0.75, 0.5).
        freeze_batch_norm: all batch normalizations keep their statistics, scale and
            offset, as in the paper's training.
        weights: of the encoder: "imagenet", "none" (random) or a file.
        encoder_options: what else the encoder knows, such as {"width": 0.5}.

    Raises:
        UserError: for scales that are not positive, and what the encoder raises.
    """
    if not scales or min(scales) <= 0:
        raise UserError(f"scales must be positive factors, got {scales!r}.")
    image = keras.Input(input_shape, name="image")
    single_scale = tuple(scales) == (1.0,)
    # Several scales share one network, which then must not know the image's size.
    source = image if single_scale else keras.Input((None, None, input_shape[2]))
    given = (output_stride, weights, batch_norm_momentum)
    features = encode(encoder, source, *given, **(encoder_options or {}))
    branches = [
        layers.Conv2D(
            num_classes,
            3,
            dilation_rate=rate,
            padding="same",
            kernel_initializer=keras.initializers.RandomNormal(stddev=0.01),
            dtype="float32",
            name=f"logits_rate{rate}",
        )(features[32])
        for rate in rates
    ]
    x = layers.Add(dtype="float32", name="logits")(branches)
    network = keras.Model(source, x, name="single_scale")
    if freeze_batch_norm:
        freeze(network)
    if not single_scale:
        x = _largest(network, image, scales, output_stride)
    # ResNet's windows are centred: value k is on pixel output_stride * k.
    x = interpolate(x, input_shape[:2], (1 / output_stride, 1 / output_stride))
    return keras.Model(image, x, name="deeplab_v2_resnet")


def _largest(
    network: keras.Model, image: Tensor, scales: Sequence[float], output_stride: int
) -> Tensor:
    """The logits of `network` on every scale, brought to one size, their maximum. First
    pixels lie on each other, and last ones: 321 becomes 241 and 161."""
    sides = image.shape[1:3]
    size = [-(-side // output_stride) for side in sides]
    logits = []
    for scale in scales:
        scaled = [round((side - 1) * scale) + 1 for side in sides]
        x = network(interpolate(image, scaled, (1 / scale, 1 / scale)))
        logits.append(interpolate(x, size, (scale, scale)))
    return layers.Maximum(dtype="float32", name="max_over_scales")(logits)
