"""Writes unet_3d.npz: logits of nnU-Net's own networks.

Made with dynamic_network_architectures 0.4.4 and torch 2.13.0. The weights are drawn in
the order of the Keras network, so none need to be stored; kernels are mirrored (see
tests/models/test_unet_3d.py).
Run: PYTHONPATH=tests:tests/models python tests/golden/make_unet_3d.py
"""

from pathlib import Path

import numpy as np
import torch
from dynamic_network_architectures.architectures.unet import (
    PlainConvUNet,
    ResidualEncoderUNet,
)
from test_unet_3d import drawn, made, normal
from torch import nn

COMMON = {
    "input_channels": 2,
    "n_stages": 3,
    "features_per_stage": (4, 8, 12),
    "conv_op": nn.Conv3d,
    "num_classes": 3,
    "norm_op": nn.InstanceNorm3d,
    "norm_op_kwargs": {"eps": 1e-5, "affine": True},
    "nonlin": nn.LeakyReLU,
    "nonlin_kwargs": {"negative_slope": 0.01},
    "conv_bias": True,
    "deep_supervision": False,
}


def torchs(name):
    if name == "plain":
        return PlainConvUNet(
            kernel_sizes=[(1, 3, 3), (1, 3, 3), (3, 3, 3)],
            strides=[(1, 1, 1), (1, 2, 2), (1, 2, 2)],
            n_conv_per_stage=2,
            n_conv_per_stage_decoder=2,
            **COMMON,
        )
    return ResidualEncoderUNet(
        kernel_sizes=3,
        strides=[1, 2, 2],
        n_blocks_per_stage=(1, 2, 2),
        n_conv_per_stage_decoder=1,
        **COMMON,
    )


def fill(network, model):
    """Layer by layer of the Keras model, the module of the same kind and shape that
    comes next in nnU-Net's order of use."""
    rng = np.random.default_rng(0)
    values = {w.path: drawn(rng, w.path, w.shape) for w in model.weights}
    used = []
    for module in network.modules():
        if isinstance(module, nn.Conv3d | nn.ConvTranspose3d | nn.InstanceNorm3d):
            module.register_forward_hook(lambda m, *_: used.append(m))
    network(torch.zeros(1, *(model.input_shape[-1:] + model.input_shape[1:-1])))
    waiting, layer = [la for la in model.layers if la.weights], None
    for module in used:
        layer = next(la for la in waiting if fits(module, la, layer))
        waiting.remove(layer)
        with torch.no_grad():
            if getattr(module, "bias", None) is not None:
                module.bias.zero_()
            for weight in layer.weights:
                value = values[weight.path]
                if weight.path.endswith("kernel"):
                    value = value[::-1, ::-1, ::-1].transpose(4, 3, 0, 1, 2).copy()
                    module.weight.copy_(torch.tensor(value))
                elif weight.path.endswith("gamma"):
                    module.weight.copy_(torch.tensor(value))
                else:
                    module.bias.copy_(torch.tensor(value))
    if waiting:
        raise SystemExit(f"Not used: {[la.name for la in waiting]}")
    return network.eval()


def fits(module, layer, before):
    """Whether they are of one kind and shape; a normalisation follows its convolution,
    the layer `before`."""
    if isinstance(module, nn.InstanceNorm3d):
        return layer.input is before.output
    kind = "Conv3DTranspose" if isinstance(module, nn.ConvTranspose3d) else "Conv3D"
    kernel = tuple(layer.weights[0].shape)
    same = tuple(module.weight.shape) == (*kernel[:2:-1], *kernel[:3])
    return type(layer).__name__ == kind and same


def main():
    found = {}
    for name in ("plain", "residual"):
        model = made(name)
        network = fill(torchs(name), model)
        volume = torch.tensor(normal(model.input_shape[1:]).transpose(0, 4, 1, 2, 3))
        with torch.no_grad():
            found[name] = network(volume).numpy().transpose(0, 2, 3, 4, 1)
    np.savez_compressed(Path(__file__).with_name("unet_3d.npz"), **found)
    print("Parameters of nnU-Net's network for the hippocampus:", parameters())


def parameters():
    big = PlainConvUNet(
        1,
        4,
        (32, 64, 128, 256),
        nn.Conv3d,
        3,
        [1, 2, 2, 2],
        2,
        3,
        2,
        True,
        nn.InstanceNorm3d,
        {"affine": True},
        None,
        None,
        nn.LeakyReLU,
    )
    return sum(p.numel() for p in big.parameters())


if __name__ == "__main__":
    main()
