"""Writes smp.npz: answers of networks of segmentation_models_pytorch.

Made with segmentation_models_pytorch 0.6.0, torch 2.13.0. All weights come from a
formula of their names (formulas.py); beside the answers stand the names and shapes of
the tensors, and the configuration that save_pretrained writes of one of them.
Run: python tests/golden/make_smp.py
"""

import json
import tempfile
from pathlib import Path

import numpy as np
import segmentation_models_pytorch as smp
import torch
from formulas import picture, tensors

CASES = {
    "unet": ("Unet", "resnet18", {}),
    # Its padding is that of images of 240 pixels, with odd maps.
    "fpn": ("FPN", "efficientnet-b1", {}),
    "deeplab": ("DeepLabV3Plus", "mobilenet_v2", {}),
    # Dilated from the second block of a stage on.
    "dilated": ("DeepLabV3Plus", "efficientnet-b0", {"encoder_output_stride": 8}),
}


def answer(network):
    mean = np.array([0.485, 0.456, 0.406], "float32")
    deviation = np.array([0.229, 0.224, 0.225], "float32")
    image = (picture(64, 96) / np.float32(255) - mean) / deviation
    with torch.no_grad():
        logits = network(torch.tensor(image).permute(0, 3, 1, 2))
    return logits.permute(0, 2, 3, 1).numpy()


golden = {}
for case, (architecture, encoder, options) in CASES.items():
    network = getattr(smp, architecture)(
        encoder, encoder_weights=None, classes=3, **options
    ).eval()
    shapes = {name: tuple(t.shape) for name, t in network.state_dict().items()}
    values = tensors(shapes)
    network.load_state_dict({name: torch.tensor(v) for name, v in values.items()})
    golden[f"{case}_shapes"] = np.array(json.dumps(shapes))
    golden[f"{case}_logits"] = answer(network)[:, 1::6, 2::6]
with tempfile.TemporaryDirectory() as folder:
    network.save_pretrained(folder)
    golden["dilated_config"] = np.array(Path(folder, "config.json").read_text())
np.savez_compressed(Path(__file__).with_name("smp.npz"), **golden)
