"""benchmarks/gpu.py: its Torch networks are the Keras ones, and the script runs."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from kerasseg import models

torch = pytest.importorskip("torch")
BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def twins():
    # By its file: tests/ has a module of the same name.
    file = BENCHMARKS / "peer" / "networks.py"
    spec = importlib.util.spec_from_file_location("twin_networks", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.NETWORKS


@pytest.mark.parametrize(
    "name",
    [
        "unet",
        pytest.param("fc_densenet103", marks=pytest.mark.slow),
        pytest.param("deeplab_v3plus_resnet50", marks=pytest.mark.slow),
    ],
)
def test_the_torch_network_is_the_same(twins, name):
    # 72 is odd after three halvings: FC-DenseNet crops what it brought up.
    size = (64, 72) if name != "unet" else (64, 80)
    options = {"weights": "none"} if name.startswith("deeplab") else {}
    network = models.build(name, 11, (*size, 3), **options)
    twin = twins[name](11).eval()
    assert sum(p.numel() for p in twin.parameters()) == sum(
        int(np.prod(v.shape)) for v in network.trainable_variables
    )
    copy_weights(network, twin)
    image = np.random.default_rng(0).uniform(0, 255, (2, *size, 3)).astype("float32")
    expected = np.asarray(network(image, training=False))
    with torch.inference_mode():
        found = twin(torch.from_numpy(image.transpose(0, 3, 1, 2))).numpy()
    found = found.transpose(0, 2, 3, 1)
    np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max())


def copy_weights(network, twin) -> None:
    """By the layers' names where both have them, else by their order."""
    ours = {layer.name: layer for layer in network.layers if layer.weights}
    theirs = dict(getattr(twin, "parts", {}))
    if not theirs:
        leaves = [m for m in twin.modules() if list(m.parameters(recurse=False))]
        theirs = dict(zip(ours, leaves, strict=True))
    assert set(ours) == set(theirs)
    rng = np.random.default_rng(1)
    for name, layer in ours.items():
        if "bn" in name:  # others than the first ones, 0 and 1
            values = [rng.uniform(0.5, 1.5, w.shape) for w in layer.weights]
            layer.set_weights(values)
        state = theirs[name].state_dict()
        for key, value in zip(keys(layer), layer.get_weights(), strict=True):
            value = value.transpose(3, 2, 0, 1) if value.ndim == 4 else value
            assert state[key].shape == value.shape, f"{name}: {key}"
            state[key].copy_(torch.from_numpy(np.ascontiguousarray(value)))


def keys(layer) -> list[str]:
    if type(layer).__name__ == "BatchNormalization":
        return ["weight", "bias", "running_mean", "running_var"]
    return ["weight", "bias"][: len(layer.weights)]


@pytest.mark.processes
def test_the_script_runs_without_a_gpu():
    pytest.importorskip("jax")
    done = subprocess.run(
        [
            sys.executable,
            BENCHMARKS / "gpu.py",
            "--quick",
            "--only",
            "unet,augmentation",
        ],
        env=os.environ | {"CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.returncode, done.stderr[-2000:]
    assert "| Torch, compiled |" in done.stdout
    assert "left out" not in done.stdout
    assert "Torch / bare step: " in done.stdout
    assert "31,032,395 trainable" in done.stdout  # of both sides
