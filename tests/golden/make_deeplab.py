"""Writes deeplab.npz: outputs of somebody else's Xception-65 and LR-ASPP.

Made with timm 1.0.31 (XceptionAligned, a quarter of xception65's filters) and
torchvision 0.29.2 (lraspp_mobilenet_v3_large without dilation), torch 2.13.0. All
weights come from a formula of the Keras layer's name (formulas.py), so that no weights
need to be stored. torchvision pads symmetrically, which equals 'same'
padding on odd sizes only: its image is 65 x 97.
Run: python tests/golden/make_deeplab.py
"""

import re
from functools import partial
from pathlib import Path

import numpy as np
import timm
import torch
import torchvision
from formulas import picture, weights
from timm.models.xception_aligned import XceptionAligned
from torch import nn


def fill(network, rename):
    for name, module in network.named_modules():
        if isinstance(module, nn.BatchNorm2d):
            tensors = [
                module.weight,
                module.bias,
                module.running_mean,
                module.running_var,
            ]
            shapes = [tuple(tensor.shape) for tensor in tensors]
        elif isinstance(module, nn.Conv2d):
            depthwise = module.groups > 1
            order = (2, 3, 0, 1) if depthwise else (2, 3, 1, 0)
            shapes = [tuple(module.weight.permute(order).shape)]
            tensors = [module.weight]
            if module.bias is not None:
                tensors.append(module.bias)
                shapes.append(tuple(module.bias.shape))
        else:
            continue
        values = weights(rename(name), shapes)
        if isinstance(module, nn.Conv2d):
            values[0] = values[0].transpose((2, 3, 0, 1) if depthwise else (3, 2, 0, 1))
        with torch.no_grad():
            for tensor, value in zip(tensors, values, strict=True):
                tensor.copy_(torch.tensor(value))
    return network.eval()


def xception(output_stride):
    blocks = [
        {"in_chs": 16, "out_chs": 32, "stride": 2},
        {"in_chs": 32, "out_chs": 64, "stride": 2},
        {"in_chs": 64, "out_chs": 182, "stride": 2},
        *[{"in_chs": 182, "out_chs": 182, "stride": 1}] * 16,
        {"in_chs": 182, "out_chs": (182, 256, 256), "stride": 2},
        {
            "in_chs": 256,
            "out_chs": (384, 384, 512),
            "stride": 1,
            "no_skip": True,
            "start_with_relu": False,
        },
    ]
    norm = partial(nn.BatchNorm2d, eps=1e-3)
    network = XceptionAligned(blocks, output_stride=output_stride, norm_layer=norm)
    network.stem[0].conv = nn.Conv2d(3, 8, 3, 2, 1, bias=False)
    network.stem[0].bn = timm.layers.BatchNormAct2d(8, eps=1e-3)
    network.stem[1].conv = nn.Conv2d(8, 16, 3, 1, 1, bias=False)
    network.stem[1].bn = timm.layers.BatchNormAct2d(16, eps=1e-3)
    network.head = nn.Identity()
    return fill(network, xception_name)


def xception_name(name):
    part, number, *rest = name.split(".")
    number = int(number)
    if part == "stem":
        return f"encoder_entry_conv{number + 1}" + ("_bn" if rest[0] == "bn" else "")
    if number < 3:
        block = f"encoder_entry_block{number + 1}"
    elif number < 19:
        block = f"encoder_middle_unit{number - 2}"
    else:
        block = f"encoder_exit_block{number - 18}"
    if rest[0] == "shortcut":
        return f"{block}_shortcut" + ("_bn" if rest[1] == "bn" else "")
    kind, which = rest[2].split("_")
    layer = {"dw": "depthwise", "pw": "pointwise"}[which]
    end = "_bn" if kind == "bn" else ""
    return f"{block}_{rest[1].removeprefix('conv')}_{layer}{end}"


def lraspp():
    backbone = torchvision.models.mobilenet_v3_large(weights=None)
    network = torchvision.models.segmentation.lraspp._lraspp_mobilenetv3(backbone, 3)
    return fill(network, partial(lraspp_name, network))


def lraspp_name(network, name):
    head = {
        "classifier.cbr.0": "head_conv",
        "classifier.cbr.1": "head_bn",
        "classifier.scale.1": "gate_conv",
        "classifier.low_classifier": "logits_low_level",
        "classifier.high_classifier": "logits",
    }
    if name in head:
        return head[name]
    index, rest = re.fullmatch(r"backbone\.(\d+)\.(.*)", name).groups()
    if index in ("0", "16"):
        conv = "encoder_conv" if index == "0" else "encoder_conv_1"
        return conv + ("_bn" if rest == "1" else "")
    block = network.backbone[index].block
    layers = ["depthwise", "project"]
    if len(block) > 2 + any("Squeeze" in type(part).__name__ for part in block):
        layers.insert(0, "expand")
    if any("Squeeze" in type(part).__name__ for part in block):
        layers.insert(-1, "squeeze_excite")
    _, place, part = rest.split(".")
    layer = layers[int(place)]
    end = {"fc1": "_conv", "fc2": "_conv_1", "0": "", "1": "_bn"}[part]
    number = int(index) - 1
    return "encoder_expanded_conv_" + (f"{number}_" if number else "") + layer + end


def main():
    kept = {}
    x = torch.tensor(picture(64, 80) / 127.5 - 1, dtype=torch.float32)
    for output_stride in (8, 16, 32):
        with torch.no_grad():
            y = xception(output_stride)(x.permute(0, 3, 1, 2)).numpy()
        kept[f"xception65_{output_stride}"] = y[0, ::16].transpose(1, 2, 0)
        print(output_stride, y.shape, np.abs(y).mean())
    x = torch.tensor(picture(65, 97) / 127.5 - 1, dtype=torch.float32)
    with torch.no_grad():
        y = lraspp()(x.permute(0, 3, 1, 2))["out"].numpy()
    kept["lraspp"] = y[0, :, ::4, ::4].transpose(1, 2, 0)
    print(y.shape, y.mean((0, 2, 3)), y.std((0, 2, 3)))
    np.savez_compressed(Path(__file__).with_name("deeplab.npz"), **kept)


if __name__ == "__main__":
    main()
