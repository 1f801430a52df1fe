"""Where the layers of our networks are in files of segmentation_models_pytorch, by
rule: name of a Keras layer -> how the names of its tensors begin.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TypeAlias

from kerasseg.models.encoders import efficientnet
from kerasseg.models.importing import Channels, Tensors, torchvision_encoders

Where: TypeAlias = "str | Channels"
HEAD = "segmentation_head.0"
LEFT_OUT = ("encoder._conv_head.weight", "encoder._bn1.*")
"""EfficientNet's last convolution, which the library keeps and does not use."""
RESNETS = {
    ("basic", 2): "resnet18",
    ("basic", 6): "resnet34",
    ("bottleneck", 6): "resnet50",
    ("bottleneck", 23): "resnet101",
}
"""Kind of block, number of blocks in the third stage -> encoder."""
EFFICIENTNETS = (
    *((16, 320), (23, 320), (23, 352), (26, 384)),
    *((32, 448), (39, 512), (45, 576), (55, 640)),
)
"""Number of blocks and channels of the last, B0 to B7."""
PARTS = {
    "expand_conv": "_expand_conv",
    "expand_bn": "_bn0",
    "depthwise_conv": "_depthwise_conv",
    "depthwise_bn": "_bn1",
    "squeeze_excite_reduce": "_se_reduce",
    "squeeze_excite_expand": "_se_expand",
    "project_conv": "_project_conv",
    "project_bn": "_bn2",
}
"""Layers of a block of EfficientNet."""


def encoder_of(tensors: Tensors) -> str:
    """Our name of the encoder of a file, found by its shapes; "" for one that is not
    here."""
    if "encoder.layer1.0.conv1.weight" in tensors:
        bottleneck = "encoder.layer1.0.conv3.weight" in tensors
        kind = "bottleneck" if bottleneck else "basic"
        return RESNETS.get((kind, _count(tensors, r"encoder\.layer3\.(\d+)\..*")), "")
    if "encoder.features.18.0.weight" in tensors:
        return "mobilenet_v2"
    blocks = _count(tensors, r"encoder\._blocks\.(\d+)\..*")
    last = tensors.get(f"encoder._blocks.{blocks - 1}._project_conv.weight", ())
    found = (blocks, len(last))
    return (
        f"efficientnet_b{EFFICIENTNETS.index(found)}" if found in EFFICIENTNETS else ""
    )


def _count(tensors: Tensors, pattern: str) -> int:
    return len({m[1] for name in tensors if (m := re.fullmatch(pattern, name))})


def encoder(name: str) -> Callable[[str], str]:
    """Place of a layer of the encoder called `name`; "" for one of a decoder."""
    inside: Callable[[str], str] = torchvision_encoders.resnet
    if name == "mobilenet_v2":
        inside = torchvision_encoders.mobilenet_v2
    elif name.startswith("efficientnet_b"):
        inside = partial(_efficientnet, int(name.removeprefix("efficientnet_b")))

    def place(layer: str) -> str:
        found = inside(layer)
        return found and f"encoder.{found}"

    return place


def _efficientnet(number: int, layer: str) -> str:
    """Place of a layer of EfficientNet-B`number`.

    >>> _efficientnet(0, "encoder_block2b_expand_bn")
    '_blocks.2._bn0'
    """
    if layer in ("encoder_stem_conv", "encoder_stem_bn"):
        return {"conv": "_conv_stem", "bn": "_bn0"}[layer.removeprefix("encoder_stem_")]
    names = [block.name for block in efficientnet.blocks(number)]
    found = re.fullmatch(r"encoder_(block\d[a-z])_(\w+)", layer)
    if not found or found[1] not in names or found[2] not in PARTS:
        return ""
    return f"_blocks.{names.index(found[1])}.{PARTS[found[2]]}"


def unet() -> Iterator[tuple[str, Where]]:
    for index, stride in enumerate((16, 8, 4, 2, 1)):
        for number in (1, 2):
            theirs = f"decoder.blocks.{index}.conv{number}"
            yield f"decoder_{stride}_{number}_conv", f"{theirs}.0"
            yield f"decoder_{stride}_{number}_bn", f"{theirs}.1"


def fpn() -> Iterator[tuple[str, Where]]:
    for index, stride in enumerate((32, 16, 8, 4)):
        skip = ".skip_conv" if index else ""
        yield f"pyramid_{stride}_lateral", f"decoder.p{5 - index}{skip}"
        for number in range(max(1, 3 - index)):
            theirs = f"decoder.seg_blocks.{index}.block.{number}.block"
            yield f"branch_{stride}_{number}_conv", f"{theirs}.0"
            yield f"branch_{stride}_{number}_norm", f"{theirs}.1"


def deeplab_v3plus(
    rates: Sequence[int], separable: bool, filters: int
) -> Iterator[tuple[str, Where]]:
    aspp = "decoder.aspp.0"
    yield from _conv("aspp_point", f"{aspp}.convs.0")
    for index, rate in enumerate(rates, 1):
        make = _separable if separable else _conv
        yield from make(f"aspp_rate{rate}", f"{aspp}.convs.{index}")
    yield from _conv("aspp_context", f"{aspp}.convs.4", first=1)
    # Theirs is one convolution of all branches, the pooled one last.
    local, all_ = (len(rates) + 1) * filters, (len(rates) + 2) * filters
    project = f"{aspp}.project.0"
    yield "aspp_project_local", Channels(project, 0, local)
    yield "aspp_project_context", Channels(project, local, all_)
    yield "aspp_project_bn", f"{aspp}.project.1"
    yield from _separable("decoder_deep", "decoder.aspp", first=1)
    yield from _conv("decoder_low_level", "decoder.block1")
    yield from _separable("decoder_0", "decoder.block2")


def _conv(ours: str, theirs: str, first: int = 0) -> Iterator[tuple[str, Where]]:
    """A convolution, the `first` layer of a sequence, and its batch normalization."""
    yield f"{ours}_conv", f"{theirs}.{first}"
    yield f"{ours}_bn", f"{theirs}.{first + 1}"


def _separable(ours: str, theirs: str, first: int = 0) -> Iterator[tuple[str, Where]]:
    yield f"{ours}_depthwise_conv", f"{theirs}.{first}.0"
    yield f"{ours}_conv", f"{theirs}.{first}.1"
    yield f"{ours}_bn", f"{theirs}.{first + 1}"
