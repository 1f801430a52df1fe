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
    """A network of Torch in inference, offsets, scales and statistics at random as if
    it had been trained, such that its answers are neither tiny nor huge."""
    torch = pytest.importorskip("torch")
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            shape = tensor.shape
            if name.endswith(("running_mean", "bias")):
                tensor.copy_(0.1 * torch.randn(shape, generator=generator))
            elif name.endswith("running_var") or tensor.ndim == 1:
                tensor.copy_(0.7 + 0.6 * torch.rand(shape, generator=generator))
            elif tensor.ndim > 1:
                inputs = tensor[0].numel()
                noise = torch.randn(shape, generator=generator)
                tensor.copy_(noise * (1.4 / inputs**0.5))
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
