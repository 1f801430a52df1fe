"""Segmentation networks of torchvision.models.segmentation.

deeplabv3_resnet50/101, deeplabv3_mobilenet_v3_large, lraspp_mobilenet_v3_large and
fcn_resnet50/101, of torchvision 0.9 to 0.28: all have the same names of tensors.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from kerasseg import UserError
from kerasseg.models.encoders.mobilenet_v3 import LARGE, squeezes
from kerasseg.models.importing import (
    Channels,
    Match,
    Place,
    Request,
    Source,
    Tensors,
    torch_files,
    torchvision_encoders,
)

VOC = (
    *("background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car"),
    *("cat", "chair", "cow", "diningtable", "dog", "horse", "motorbike", "person"),
    *("pottedplant", "sheep", "sofa", "train", "tvmonitor"),
)
"""The 21 classes of all weights that torchvision offers: COCO with VOC's labels."""
LEFT_OUT = ("aux_classifier.*",)
"""The second classifier, on a map before the last, which only a training needs."""
FILTERS = 256
"""Of each branch of torchvision's ASPP."""
RATES = {"aspp_rate12": 1, "aspp_rate24": 2, "aspp_rate36": 3}
"""Dilated branch -> its number among ASPP's convolutions; 0 is the 1x1, 4 the pooled
one."""


class _Network(NamedTuple):
    model: str
    encoder: str
    head: Place


def _deeplab_head(layer: str) -> str | Channels:
    """Place in torchvision's DeepLabHead.

    Its projection is of all branches concatenated: ours is one of the local branches
    and one of the pooled branch, added.
    """
    if layer == "aspp_project_local":
        return Channels("classifier.0.project.0", 0, 4 * FILTERS)
    if layer == "aspp_project_context":
        return Channels("classifier.0.project.0", 4 * FILTERS, 5 * FILTERS)
    places = {
        "aspp_project_bn": "classifier.0.project.1",
        "head_conv": "classifier.1",
        "head_bn": "classifier.2",
        "logits": "classifier.4",
    }
    numbers = {"aspp_point": 0, **RATES, "aspp_context": 4}
    for branch, number in numbers.items():
        # The pooled branch begins with its pooling.
        first = 1 if branch == "aspp_context" else 0
        places[f"{branch}_conv"] = f"classifier.0.convs.{number}.{first}"
        places[f"{branch}_bn"] = f"classifier.0.convs.{number}.{first + 1}"
    return places.get(layer, "")


def _fcn_head(layer: str) -> str:
    places = {"head_conv": 0, "head_bn": 1, "logits": 4}
    return f"classifier.{places[layer]}" if layer in places else ""


def _lraspp_head(layer: str) -> str:
    places = {
        "head_conv": "cbr.0",
        "head_bn": "cbr.1",
        "gate_conv": "scale.1",
        "logits": "high_classifier",
        "logits_low_level": "low_classifier",
    }
    return f"classifier.{places[layer]}" if layer in places else ""


NETWORKS = {
    "deeplabv3_resnet50": _Network("deeplab_v3_resnet50", "resnet", _deeplab_head),
    "deeplabv3_resnet101": _Network("deeplab_v3_resnet101", "resnet", _deeplab_head),
    "deeplabv3_mobilenet_v3_large": _Network(
        "deeplab_v3_mobilenet_v3_large", "mobilenet_v3", _deeplab_head
    ),
    "lraspp_mobilenet_v3_large": _Network(
        "lraspp_mobilenet_v3_large", "mobilenet_v3", _lraspp_head
    ),
    "fcn_resnet50": _Network("fcn_resnet50", "resnet", _fcn_head),
    "fcn_resnet101": _Network("fcn_resnet101", "resnet", _fcn_head),
}
"""Name in torchvision -> name here, and where its layers are."""


def match(request: Request) -> Match:
    found = NETWORKS[request.name]
    encoder: Place = torchvision_encoders.resnet
    if found.encoder == "mobilenet_v3":
        encoder = torchvision_encoders.mobilenet_v3(squeezes(LARGE), prefix="")

    def place(layer: str) -> str | Channels:
        inside = encoder(layer)
        return f"backbone.{inside}" if inside else found.head(layer)

    tensors = torch_files.read(request.file)
    classes = _classes(tensors, request)
    names = VOC if classes == len(VOC) else ()
    options: dict[str, Any] = {"variant": "torchvision"}
    return Match(found.model, options, classes, tensors, place, LEFT_OUT, names)


def _classes(tensors: Tensors, request: Request) -> int:
    """The length of the last classifier's bias."""
    for key in ("classifier.4.bias", "classifier.high_classifier.bias"):
        if key in tensors and tensors[key].ndim == 1 and tensors[key].size:
            return len(tensors[key])
    first = next((key for key in tensors if not re.match(r"backbone\.", key)), "")
    raise UserError(
        f"{request.file.name} has no classifier of segmentation ('classifier.4.bias')"
        + (f" but '{first}'. " if first else ". ")
        + f"Is it a file of torchvision.models.segmentation.{request.name}? A "
        "classification network's file fills an encoder: --model.options "
        "variant=torchvision weights=FILE.pth."
    )


SOURCE = Source(names=tuple(NETWORKS), size=(520, 520), match=match)
