"""Trained networks of segmentation_models_pytorch 0.6: Unet, FPN, DeepLabV3Plus.

A file is a state dictionary, a checkpoint of Lightning around one, or the folder that
`save_pretrained` writes. The configuration in such a folder says what the network is.
Of others it is found from the names and shapes of the tensors; what these cannot say,
dilations and resizing, is taken to be the library's default.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from kerasseg import UserError
from kerasseg.models.importing import Match, Request, Source, Tensors, torch_files
from kerasseg.models.importing import smp_places as places

MARKS = {
    "Unet": "decoder.blocks.0.conv1.0.weight",
    "FPN": "decoder.p5.weight",
    "DeepLabV3Plus": "decoder.aspp.0.project.0.weight",
}
"""Name in the library -> a tensor that only such a network has."""
ENCODERS = (
    *places.RESNETS.values(),
    "mobilenet_v2",
    *(f"efficientnet_b{number}" for number in range(len(places.EFFICIENTNETS))),
)
HEAD = "segmentation_head.0.weight"
IN_FOLDER = ("model.safetensors", "pytorch_model.bin")
LEFT_OUT = (
    "classification_head.*",  # beside the mask: `aux_params`
    # What checkpoints of Lightning hold beside the network.
    *("mean", "std", "*.mean", "*.std", "loss*", "criterion*"),
)
AGREED: dict[str, tuple[Any, ...]] = {
    "encoder_depth": (5,),
    "in_channels": (3,),
    "upsampling": (4,),
    "decoder_attention_type": (None,),
    "decoder_interpolation": ("nearest",),
    "decoder_merge_policy": ("add",),
    "decoder_use_batchnorm": (True,),
    "decoder_use_norm": (True, "batchnorm", {"type": "batchnorm"}),
}
"""Arguments of the library's networks -> the values that have a counterpart here."""
READ = (
    *("encoder_name", "encoder_output_stride", "decoder_atrous_rates"),
    *("decoder_aspp_dropout", "decoder_dropout"),
    # These are seen from the shapes, or change no logits.
    *("encoder_weights", "classes", "activation", "aux_params", "decoder_channels"),
    *("decoder_aspp_separable", "decoder_pyramid_channels"),
    "decoder_segmentation_channels",
)
"""Arguments that may have any value."""


def match(request: Request) -> Match:
    """Which of our networks a file is; see `Source.match`."""
    file, config = _file_and_config(request.file)
    tensors = _of_network(torch_files.read(file), file.name)
    name = _architecture(request.name, tensors, config, file.name)
    encoder = _encoder(request.encoder, tensors, config, file.name)
    for key, value in config.items():
        if key not in READ and value not in AGREED.get(key, ()):
            raise UserError(
                f"The network of {file.name} has {key}={value!r}, which has no "
                f"counterpart here. Read are {AGREED.get(key, 'no such settings')}."
            )
    model, options, decoder = KINDS[name](tensors, config, file.name)
    found = dict(decoder) | {"logits": places.HEAD}
    of_encoder = places.encoder(encoder)
    options = {"encoder": encoder, "variant": "smp"} | options
    num_classes = len(tensors[HEAD])
    return Match(
        model,
        options,
        num_classes,
        tensors=tensors,
        place=lambda layer: found.get(layer) or of_encoder(layer),
        left_out=(*LEFT_OUT, *places.LEFT_OUT),
        exclusive=num_classes > 1 and config.get("activation") != "sigmoid",
    )


def _file_and_config(path: Path) -> tuple[Path, dict[str, Any]]:
    """The weights, and what `save_pretrained` wrote beside them, or {}."""
    file = path
    if path.is_dir():
        there = [path / name for name in IN_FOLDER if (path / name).is_file()]
        if not there:
            raise UserError(
                f"{path} has no {' or '.join(IN_FOLDER)}. Expected a folder that "
                "save_pretrained wrote, or the path of a weight file."
            )
        file = there[0]
    description = file.parent / "config.json"
    if file.name not in IN_FOLDER or not description.is_file():
        return file, {}
    try:
        config = json.loads(description.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise UserError(f"{description} is no JSON: {error}.") from error
    if not isinstance(config, dict):
        raise UserError(f"{description} holds no settings, but {config!r:.60}.")
    kind = {"_model_class"} if "_model_class" in config else set()
    return file, {k: v for k, v in config.items() if k in kind or k[:1] != "_"}


def _of_network(tensors: Tensors, file: str) -> dict[str, np.ndarray]:
    """The tensors by the library's own names, which a module around it lengthened."""
    heads = [name for name in tensors if name.endswith(HEAD)]
    if len(heads) != 1 or tensors[heads[0]].ndim != 4:
        raise UserError(
            f"{file} has no '{HEAD}' with four axes. Expected weights of one of "
            f"{', '.join(MARKS)} of segmentation_models_pytorch."
        )
    prefix = heads[0].removesuffix(HEAD)
    return {name.removeprefix(prefix): value for name, value in tensors.items()}


def _architecture(
    asked: str, tensors: Tensors, config: dict[str, Any], file: str
) -> str:
    found = [name for name, mark in MARKS.items() if mark in tensors]
    said = config.pop("_model_class", found[0] if found else "")
    if found != [said]:
        raise UserError(
            f"{file} is of {said or 'another network'}. Expected one of "
            f"{', '.join(MARKS)} of segmentation_models_pytorch."
        )
    if asked and asked != said:
        raise UserError(f"{file} is of {said}, and not of {asked}. Give NAME {said}.")
    return str(said)


def _encoder(asked: str, tensors: Tensors, config: dict[str, Any], file: str) -> str:
    """Name of the encoder in `kerasseg.models.encoders`."""
    found = places.encoder_of(tensors)
    for whose, name in (
        ("its config.json says", config.get("encoder_name", found)),
        ("--encoder says", asked or found),
    ):
        if not found or str(name).replace("-", "_") != found:
            what = f"the encoder {found}" if found else "an encoder that is not read"
            but = f", and {whose} {name}" if name else ""
            raise UserError(f"{file} has {what}{but}. Read are {', '.join(ENCODERS)}.")
    return found


def _unet(tensors: Tensors, config: dict[str, Any], file: str) -> tuple:
    if any(".attention" in name for name in tensors):
        raise UserError(
            f"{file} has decoder_attention_type='scse', which has no counterpart here. "
            "Read are networks without it."
        )
    kernels = [f"decoder.blocks.{index}.conv1.0.weight" for index in range(9)]
    filters = tuple(len(tensors[kernel]) for kernel in kernels if kernel in tensors)
    if len(filters) != 5:
        raise UserError(
            f"{file} has encoder_depth={len(filters)}, which has no counterpart here. "
            "Read is 5."
        )
    return "unet_resnet34", {"filters": filters}, places.unet()


def _fpn(tensors: Tensors, config: dict[str, Any], file: str) -> tuple:
    filters = len(tensors["decoder.seg_blocks.0.block.0.block.0.weight"])
    if tensors[HEAD].shape[1] != filters:
        raise UserError(
            f"{file} has decoder_merge_policy='cat', which has no counterpart here. "
            "Read is 'add'."
        )
    options = {
        "pyramid_filters": len(tensors[MARKS["FPN"]]),
        "filters": filters,
        "dropout": config.get("decoder_dropout", 0.2),
    }
    return "fpn_resnet50", options, places.fpn()


def _deeplab_v3plus(tensors: Tensors, config: dict[str, Any], file: str) -> tuple:
    filters = len(tensors[MARKS["DeepLabV3Plus"]])
    rates = config.get("decoder_atrous_rates", [12, 24, 36])
    whole = isinstance(rates, list) and all(isinstance(rate, int) for rate in rates)
    if not whole or len(rates) != 3:
        raise UserError(
            f"The network of {file} has decoder_atrous_rates={rates!r:.60}. Expected "
            "three whole numbers."
        )
    separable = "decoder.aspp.0.convs.1.0.0.weight" in tensors
    options = {
        "output_stride": config.get("encoder_output_stride", 16),
        "rates": tuple(rates),
        "separable": separable,
        "aspp_filters": filters,
        "decoder_filters": filters,
        "dropout": config.get("decoder_aspp_dropout", 0.5),
    }
    decoder = places.deeplab_v3plus(rates, separable, filters)
    return "deeplab_v3plus_resnet34", options, decoder


KINDS: dict[str, Callable[..., tuple]] = {
    "Unet": _unet,
    "FPN": _fpn,
    "DeepLabV3Plus": _deeplab_v3plus,
}
"""Name in the library -> the name here, its options, places of the decoder's layers."""
SOURCE = Source(
    names=tuple(MARKS),
    size=(512, 512),
    match=match,
    encoders=tuple(name.replace("efficientnet_", "efficientnet-") for name in ENCODERS),
)
