"""Files of Torch as programs write them: wrapped, prefixed, .safetensors, damaged."""

import json
import struct
import zipfile
from collections import OrderedDict

import numpy as np
import pytest

from kerasseg import UserError
from kerasseg.models.importing import torch_files

STATE = {"a.weight": np.arange(6, dtype="float32").reshape(2, 3), "b": np.ones(2, "f4")}


def assert_state(found):
    assert sorted(found) == sorted(STATE)
    for name, array in STATE.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


def tensors():
    torch = pytest.importorskip("torch")
    return OrderedDict((name, torch.tensor(array)) for name, array in STATE.items())


def prefixed(prefix):
    return {f"{prefix}{name}": tensor for name, tensor in tensors().items()}


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize(
    "wrap",
    [
        lambda: tensors(),
        lambda: prefixed("module."),
        lambda: {"epoch": 3, "state_dict": prefixed("model."), "loss": [0.5, None]},
        lambda: {
            "model": tensors(),
            "optimizer": {"state": {0: {"step": tensors()["b"]}}, "lr": 0.1},
            "args": ("x", True),
        },
    ],
    ids=["plain", "data parallel", "lightning", "checkpoint"],
)
def test_finds_the_state_dictionary(tmp_path, wrap, zipped):
    torch = pytest.importorskip("torch")
    path = tmp_path / "a.pth"
    torch.save(wrap(), path, _use_new_zipfile_serialization=zipped)
    assert_state(torch_files.read(path))


def test_other_widths_of_floats_come_as_float32(tmp_path):
    torch = pytest.importorskip("torch")
    path = tmp_path / "a.pth"
    state = {"half": torch.ones(2).half(), "brain": torch.full((2,), 1.5).bfloat16()}
    torch.save(state | {"count": torch.tensor(7)}, path)
    found = torch_files.read(path)
    assert found["half"].dtype == found["brain"].dtype == np.float32
    assert found["brain"].tolist() == [1.5, 1.5]
    assert found["count"].dtype == np.int64


def test_a_small_file_cannot_become_a_large_one(tmp_path):
    path = tmp_path / "bomb.pth"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/data.pkl", b"")
        archive.writestr("a/data/0", bytes(10**7))
    with pytest.raises(UserError, match="entries are compressed"):
        torch_files.read(path)


def test_a_file_without_a_state_dictionary_says_what_it_holds(tmp_path):
    torch = pytest.importorskip("torch")
    path = tmp_path / "a.pth"
    torch.save({"epoch": 3, "weights": {"x": tensors()}}, path)
    with pytest.raises(ValueError, match=r"a\.pth holds epoch, weights, and no state"):
        torch_files.read(path)
    torch.save(tensors() | {"epoch": 3}, path)
    with pytest.raises(ValueError, match=r"Entry 'epoch' of a\.pth is a int, not a"):
        torch_files.read(path)


# --- .safetensors: after the format's description, written by hand here ------------


def safetensors(header, numbers):
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + numbers


def entry(dtype, shape, begin, end):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def state_file():
    first, second = STATE.values()
    header = {
        "__metadata__": {"format": "pt"},
        "a.weight": entry("F32", [2, 3], 0, 24),
        "b": entry("F32", [2], 24, 32),
    }
    return safetensors(header, first.tobytes() + second.tobytes())


def test_reads_safetensors(tmp_path):
    path = tmp_path / "a.safetensors"
    path.write_bytes(state_file())
    assert_state(torch_files.read(path))
    path.write_bytes(safetensors({"x": entry("BF16", [1], 0, 2)}, b"\xc0\x3f"))
    assert torch_files.read(path)["x"].tolist() == [1.5]


def test_reads_what_the_safetensors_package_writes(tmp_path):
    package = pytest.importorskip("safetensors.numpy")
    package.save_file(STATE, tmp_path / "a.safetensors")
    assert_state(torch_files.read(tmp_path / "a.safetensors"))


@pytest.mark.parametrize(
    "content, message",
    [
        (b"", "is cut"),
        (b"\xff" * 20, "is cut"),
        (state_file()[:50], "is cut"),
        (state_file()[:-1], "'b' ends behind the file"),
        (safetensors([1], b""), "is damaged"),
        (safetensors({"x": {}}, b""), "is damaged"),
        (safetensors({"x": entry("F32", [2], 0, 4)}, b"1234"), "another length"),
        (safetensors({"x": entry("F32", [-1], 4, 0)}, b"1234"), "another length"),
        (safetensors({"x": entry("F8", [1], 0, 1)}, b"1"), "numbers of type F8"),
    ],
)
def test_refuses_damaged_safetensors(tmp_path, content, message):
    path = tmp_path / "a.safetensors"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        torch_files.read(path)
