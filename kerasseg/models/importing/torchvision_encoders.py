"""Where the layers of our encoders are in files of torchvision.models, by rule.

Weights of classification networks fill the encoders of `variant="torchvision"`; the
same names stand, behind a prefix, in files of segmentation networks.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kerasseg import UserError

if TYPE_CHECKING:
    import keras

    from kerasseg.models.importing import Place

PREFIX = "encoder_"
CLASSIFIERS = ("fc.*", "classifier.*")
"""Tensors behind the encoder in a file of a classification network."""


def resnet(layer: str) -> str:
    """Place of a layer of ResNet.

    >>> resnet("encoder_conv1_bn"), resnet("encoder_conv3_block2_1_conv")
    ('bn1', 'layer2.1.conv1')
    >>> resnet("encoder_conv5_block1_0_bn")
    'layer4.0.downsample.1'
    """
    found = re.fullmatch(r"encoder_conv1_(conv|bn)", layer)
    if found:
        return f"{found[1]}1"
    found = re.fullmatch(r"encoder_conv(\d)_block(\d+)_(\d)_(conv|bn)", layer)
    if not found:
        return ""
    block = f"layer{int(found[1]) - 1}.{int(found[2]) - 1}"
    if found[3] == "0":
        return f"{block}.downsample.{('conv', 'bn').index(found[4])}"
    return f"{block}.{found[4]}{found[3]}"


def mobilenet_v2(layer: str) -> str:
    """Place of a layer of MobileNetV2.

    >>> mobilenet_v2("encoder_block_1_project_BN"), mobilenet_v2("encoder_bn_Conv1")
    ('features.2.conv.3', 'features.0.1')
    """
    ends = {"Conv1": "0.0", "bn_Conv1": "0.1", "Conv_1": "18.0", "Conv_1_bn": "18.1"}
    bare = layer.removeprefix(PREFIX)
    if bare in ends:
        return f"features.{ends[bare]}"
    found = re.fullmatch(r"(?:block_(\d+)|expanded_conv)_(\w+?)(_BN)?", bare)
    if not found or found[2] not in ("expand", "depthwise", "project"):
        return ""
    part = ("expand", "depthwise", "project").index(found[2])
    number = int(found[1] or 0)
    part -= number == 0  # the first block has no expansion
    batch_norm = 1 if found[3] else 0
    inside = f"{part + batch_norm}" if found[2] == "project" else f"{part}.{batch_norm}"
    return f"features.{number + 1}.conv.{inside}"


def mobilenet_v3(squeezes: Sequence[bool], prefix: str = "features.") -> Place:
    """Places of the layers of MobileNetV3, whose blocks number their parts.

    Args:
        squeezes: whether each block has a squeeze and excitation.
        prefix: before the number of a block.

    >>> place = mobilenet_v3([False, True])
    >>> place("encoder_expanded_conv_project"), place("encoder_expanded_conv_1_expand")
    ('features.1.block.1.0', 'features.2.block.0.0')
    >>> place("encoder_expanded_conv_1_squeeze_excite_conv_1")
    'features.2.block.2.fc2'
    >>> place("encoder_conv_bn"), place("encoder_conv_1")
    ('features.0.1', 'features.3.0')
    """

    def place(layer: str) -> str:
        found = re.fullmatch(r"encoder_conv(_1)?(_bn)?", layer)
        if found:
            number = len(squeezes) + 1 if found[1] else 0
            return f"{prefix}{number}.{int(bool(found[2]))}"
        found = re.fullmatch(
            r"encoder_expanded_conv(?:_(\d+))?_(expand|depthwise|project)(_bn)?"
            r"|encoder_expanded_conv(?:_(\d+))?_squeeze_excite_conv(_1)?",
            layer,
        )
        if not found:
            return ""
        block = int(found[1] or found[4] or 0)
        # The first block is not expanded.
        parts = ["expand"] * (block > 0) + ["depthwise"]
        parts += ["squeeze"] * squeezes[block] + ["project"]
        start = f"{prefix}{block + 1}.block."
        if found[2]:
            return f"{start}{parts.index(found[2])}.{int(bool(found[3]))}"
        return f"{start}{parts.index('squeeze')}.fc{2 if found[5] else 1}"

    return place


def load(encoder: keras.Model, name: str, weights: str, place: Place) -> None:
    """Fills an encoder from a file of torchvision's classification network.

    Args:
        encoder: from the image to the deepest map.
        name: of the encoder, for messages.
        weights: path of the file; "imagenet" is refused: Keras has none of these.
        place: of its layers.

    Raises:
        UserError: for a file that is missing, damaged or does not fit.
    """
    if weights == "imagenet" or not Path(weights).is_file():
        raise UserError(
            f'weights="{weights}" is not a file. Encoder {name} of '
            'variant="torchvision" takes "none" (random) or the path of a file of '
            "torchvision's classification network (.pth)."
        )
    from kerasseg.models.encoders.weights import for_bands, stem_of
    from kerasseg.models.importing import torch_files, torch_layers

    tensors = dict(torch_files.read(Path(weights)))
    stem = f"{place(stem_of(encoder).name)}.weight"
    if stem in tensors and tensors[stem].ndim == 4:
        (kernel,) = for_bands(encoder, [tensors[stem].transpose(2, 3, 1, 0)])
        tensors[stem] = kernel.transpose(3, 2, 0, 1)
    torch_layers.fill(
        encoder,
        tensors,
        place,
        CLASSIFIERS,
        file=Path(weights).name,
        wanted=f"the encoder {name}",
    )
