"""Networks of Torch with random weights, and what they answer: oracle of imports."""

import sys

import numpy as np
import pytest

TOLERANCE = 1e-4


def imported(name):
    """A package on top of torch, such as "torchvision"; the test is skipped without.

    Triton, which torch looks for, is hidden meanwhile: its library holds an LLVM that
    ends the process where TensorFlow's has been loaded before.
    """
    pytest.importorskip("torch")
    hidden = "triton" not in sys.modules
    if hidden:
        sys.modules["triton"] = None
    try:
        return pytest.importorskip(name)
    finally:
        if hidden:
            del sys.modules["triton"]


def randomised(network, seed=0):
    """A network of Torch in inference with random weights and with the statistics of a
    random batch, so that its answers have the size of a trained one's.

    Its residual branches are weak: with strong ones a deep network is chaotic, and
    Torch's own float32 differs from its float64 by more than 1e-4.
    """
    torch = pytest.importorskip("torch")
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in network.named_parameters():
            noise = torch.randn(tensor.shape, generator=generator)
            if tensor.ndim > 1:
                tensor.copy_(noise * (2 / tensor[0].numel()) ** 0.5)
            elif name.endswith("bias"):
                tensor.copy_(0.2 * noise)
            else:
                tensor.copy_((0.2 if "bn3" in name else 1) * (1 + 0.2 * noise))
        norms = [m for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d)]
        for layer in norms:
            layer.momentum = 1.0
        images = np.random.default_rng(seed).uniform(0, 255, (4, 64, 96, 3))
        network.train()(standardised(images.astype("float32")))
        for layer in norms:  # pooled maps of noise are almost alike
            layer.running_var.clamp_(min=0.1)
    return network.eval()


def standardised(image):
    """(B, H, W, 3) 0..255 -> what torchvision's networks take, (B, 3, H, W)."""
    import torch

    mean = np.array([0.485, 0.456, 0.406], "float32")
    deviation = np.array([0.229, 0.224, 0.225], "float32")
    scaled = (image / np.float32(255) - mean) / deviation
    return torch.from_numpy(scaled.transpose(0, 3, 1, 2).copy())


def answer(network, image):
    """Torch's answer (B, H, W, C) for (B, H, W, 3) 0..255."""
    import torch

    with torch.no_grad():
        found = network(standardised(image))
    found = found["out"] if isinstance(found, dict) else found
    return found.permute(0, 2, 3, 1).numpy()


def assert_equal(found, expected):
    """Equal to 1e-4 of their size, which must not be tiny."""
    size = np.abs(expected).max()
    assert 0.1 < size < 1e4
    np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE * max(1, size))
