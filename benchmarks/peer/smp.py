"""segmentation-models-pytorch: DeepLabv3+ on EfficientNet-Lite0, and Torch's loader."""

from __future__ import annotations

import time
from collections import deque
from pathlib import Path

from albu import chain
from protocol import cores, serve


def build(work, what: str, *words: str):
    return {"step": step, "epoch": epoch, "reading": reading, "inference": inference}[
        what
    ](work, *words)


def step(work, form: str):
    """form: contiguous or channels_last memory, or compiled (and channels_last)."""
    import torch

    update, note = _training(work, form)
    image = torch.rand(work.batch, 3, *work.crop)
    label = torch.randint(0, work.classes, (work.batch, *work.crop))
    image = image if form == "contiguous" else _channels_last(image)

    def turn():
        update(image, label)

    return turn, note


def epoch(work, form: str = "channels_last"):
    """Reading, augmentation in the loader's workers, step and confusion matrix."""
    import torch

    update, note = _training(work, form)
    loader = _loader(work, chain(work.crop))
    steps = min(10, len(loader))
    mean = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1) * 255
    std = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1) * 255
    counts = torch.zeros(work.classes**2, dtype=torch.int64)

    def turn():
        source = iter(loader)
        for _ in range(steps):
            image, label = next(source)
            image = (_channels_last(image.permute(0, 3, 1, 2)).float() - mean) / std
            label = label.long()
            found = update(image, label).argmax(1)
            known = label != 255
            both = work.classes * label[known] + found[known]
            counts.add_(torch.bincount(both, minlength=work.classes**2))

    return turn, note


def reading(work):
    """From the first batch on, as kerasseg's side."""
    loader = _loader(work)

    def turn() -> float:
        source = iter(loader)
        next(source)
        began = time.perf_counter()
        deque(source, maxlen=0)
        return time.perf_counter() - began

    return turn, ""


def inference(work, form: str, threads: str):
    import torch

    torch.set_num_threads(cores() if threads == "all" else int(threads))
    network, note = _network(work)
    network.eval().to(memory_format=torch.channels_last)
    network = torch.compile(network) if form == "compiled" else network
    image = torch.randint(0, 256, (1, *work.size, 3), dtype=torch.uint8)
    high, wide = ((32 - length % 32) % 32 for length in work.size)

    def turn():
        with torch.inference_mode():
            pixels = image.permute(0, 3, 1, 2).float() / 255
            pixels = torch.nn.functional.pad(pixels, (0, wide, 0, high))
            network(_channels_last(pixels)).argmax(1).byte().numpy()

    return turn, f"{note}; another network of the same kind"


def _training(work, form: str):
    """Function (image, label) -> logits that makes one update: cross entropy, Dice."""
    import torch

    smp = _smp()
    torch.set_num_threads(cores())
    network, note = _network(work)
    network.train()
    if form != "contiguous":
        network = network.to(memory_format=torch.channels_last)
    network = torch.compile(network) if form == "compiled" else network
    entropy = torch.nn.CrossEntropyLoss(ignore_index=255)
    dice = smp.losses.DiceLoss("multiclass", ignore_index=255)
    optimizer = torch.optim.AdamW(network.parameters(), 1e-3)

    def update(image, label):
        logits = network(image)
        optimizer.zero_grad()
        (entropy(logits, label) + dice(logits, label)).backward()
        optimizer.step()
        return logits.detach()

    return update, note


def _network(work):
    import torch

    smp = _smp()
    network = smp.DeepLabV3Plus(
        "tu-tf_efficientnet_lite0",
        encoder_weights=None,
        decoder_atrous_rates=(6, 12, 18),
        classes=work.classes,
    )
    millions = sum(weight.numel() for weight in network.parameters()) / 1e6
    macs = _multiply_adds(network, work.crop) / 1e9
    version = f"torch {torch.__version__}, smp {smp.__version__}"
    return network, f"{version}; {millions:.2f} M parameters, {macs:.2f} GMAC"


def _multiply_adds(network, size) -> float:
    """Of convolutions for one image, counted as kerasseg.models.analysis.cost does."""
    import torch

    total = 0

    def count(layer, _, output):
        nonlocal total
        total += layer.weight.numel() * output.shape[-2] * output.shape[-1]

    hooks = [
        layer.register_forward_hook(count)
        for layer in network.modules()
        if isinstance(layer, torch.nn.Conv2d)
    ]
    with torch.inference_mode():
        network.eval()(torch.zeros(1, 3, *size))
    for hook in hooks:
        hook.remove()
    return total


def _loader(work, move=None):
    import torch

    files = sorted(Path(work.folder, "files").glob("*.jpg"))
    return torch.utils.data.DataLoader(
        Pictures(files, move),
        work.batch,
        shuffle=True,
        drop_last=True,
        num_workers=2,
        persistent_workers=True,
    )


class Pictures:
    """Decoded images and labels, moved by a chain where there is one."""

    def __init__(self, files: list[Path], move):
        self.files, self.move = files, move

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int):
        import cv2

        cv2.setNumThreads(1)
        file = self.files[index]
        image = cv2.cvtColor(cv2.imread(str(file)), cv2.COLOR_BGR2RGB)
        label = cv2.imread(str(file.with_suffix(".png")), cv2.IMREAD_UNCHANGED)
        if self.move:
            moved = self.move(image=image, mask=label)
            image, label = moved["image"], moved["mask"]
        return image, label


def _smp():
    """The package. PyPI's torchvision, which it imports, is built for CUDA: beside a
    CPU build of Torch its operators are missing. None is used here, but two must have
    a name for the import."""
    from torch import library as operators

    try:
        import torchvision  # noqa: F401
    except RuntimeError:
        added = operators.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            added.define(f"{name}(Tensor dets, Tensor scores, float most) -> Tensor")
    import segmentation_models_pytorch

    return segmentation_models_pytorch


def _channels_last(image):
    import torch

    return image.contiguous(memory_format=torch.channels_last)


if __name__ == "__main__":
    serve(build)
