"""Networks of segmentation_models_pytorch: equal logits, and which files are read."""

import json
from pathlib import Path

import numpy as np
import pytest
from golden import formulas
from networks import call
from torch_networks import answer, assert_equal, imported

from kerasseg.models.importing import Request, smp
from kerasseg.models.importing.convert import convert

pytestmark = pytest.mark.processes

GOLDEN = np.load(Path(__file__).parents[2] / "golden" / "smp.npz")
SIZE = (64, 96)


def tensors(case):
    """The state dictionary of one of the networks of golden/make_smp.py."""
    return formulas.tensors(json.loads(str(GOLDEN[f"{case}_shapes"])))


def write(path, tensors):
    """A .safetensors file: length of the header, header, numbers."""
    header, numbers, end = {}, [], 0
    for name, value in tensors.items():
        value = np.asarray(value)
        begin, end = end, end + value.nbytes
        header[name] = {
            "dtype": {"float32": "F32", "int64": "I64"}[value.dtype.name],
            "shape": value.shape,
            "data_offsets": [begin, end],
        }
        numbers.append(value.tobytes())
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + b"".join(numbers))
    return path


def trained(network):
    """A network of Torch with the weights of `formulas.tensors`, in inference."""
    import torch

    shapes = {name: tuple(t.shape) for name, t in network.state_dict().items()}
    values = formulas.tensors(shapes)
    network.load_state_dict({name: torch.tensor(v) for name, v in values.items()})
    return network.eval()


def match(file, name="", encoder=""):
    return smp.match(Request(file, name, SIZE, encoder))


# --- the numbers --------------------------------------------------------------------


@pytest.mark.parametrize(
    "case, name", [("unet", "Unet"), ("fpn", "FPN"), ("deeplab", "DeepLabV3Plus")]
)
def test_logits_equal(case, name, tmp_path):
    """Golden: tests/golden/make_smp.py (segmentation_models_pytorch 0.6.0)."""
    file = write(tmp_path / "weights.safetensors", tensors(case))
    made = convert("smp", Request(file, name, SIZE))
    logits = call(made.network, formulas.picture(*SIZE))
    assert logits.shape == (1, *SIZE, 3)
    assert_equal(logits[:, 1::6, 2::6], GOLDEN[f"{case}_logits"])


def test_a_folder_of_save_pretrained_says_what_it_is(tmp_path):
    """Its output stride is in config.json alone."""
    (tmp_path / "config.json").write_text(str(GOLDEN["dilated_config"]))
    write(tmp_path / "model.safetensors", tensors("dilated"))
    made = convert("smp", Request(tmp_path, "", SIZE))
    logits = call(made.network, formulas.picture(*SIZE))
    assert_equal(logits[:, 1::6, 2::6], GOLDEN["dilated_logits"])
    assert made.left_out == tuple(
        f"encoder.{name}"
        for name in (
            "_conv_head.weight",
            *(f"_bn1.{part}" for part in ("weight", "bias")),
            *(f"_bn1.running_{part}" for part in ("mean", "var")),
        )
    )


OTHERS = [
    *[("Unet", encoder) for encoder in ("resnet50", "efficientnet-b2")],
    *[("FPN", encoder) for encoder in ("resnet101", "mobilenet_v2")],
    *[("DeepLabV3Plus", encoder) for encoder in ("resnet34", "resnet50")],
    *[("DeepLabV3Plus", f"efficientnet-b{number}") for number in (0, 3, 4, 7)],
]


@pytest.mark.slow
@pytest.mark.parametrize("name, encoder", OTHERS)
def test_logits_equal_the_library_itself(name, encoder, tmp_path):
    library = imported("segmentation_models_pytorch")
    import torch

    network = trained(getattr(library, name)(encoder, encoder_weights=None, classes=2))
    torch.save(network.state_dict(), tmp_path / "weights.pth")
    made = convert("smp", Request(tmp_path / "weights.pth", name, SIZE, encoder))
    image = formulas.picture(*SIZE)
    assert_equal(call(made.network, image), answer(network, image))


@pytest.mark.slow
def test_unet_of_a_size_that_32_does_not_divide(tmp_path):
    library = imported("segmentation_models_pytorch")
    import torch

    network = trained(library.Unet("resnet18", encoder_weights=None))
    torch.save({"state_dict": network.state_dict()}, tmp_path / "weights.ckpt")
    made = convert("smp", Request(tmp_path / "weights.ckpt", "", (75, 101)))
    image = formulas.picture(75, 101)
    assert_equal(call(made.network, image), answer(network, image))


# --- what a file is -----------------------------------------------------------------

HEAD = {"segmentation_head.0.weight": np.zeros((2, 16, 3, 3), "float32")}


def small(**shapes):
    """Tensors by whose names and shapes a file is recognised: a U-Net on ResNet-18."""
    found = {
        "encoder.layer1.0.conv1.weight": (64, 64, 3, 3),
        "encoder.layer3.0.conv1.weight": (256, 128, 3, 3),
        "encoder.layer3.1.conv1.weight": (256, 256, 3, 3),
        **{f"decoder.blocks.{n}.conv1.0.weight": (16, 8, 3, 3) for n in range(5)},
    } | shapes
    return HEAD | {
        name: np.zeros(shape, "float32") for name, shape in found.items() if shape
    }


def test_a_module_around_the_network_is_taken_off(tmp_path):
    """As checkpoints of Lightning have it, with what the module holds beside it."""
    longer = {f"model.{name}": value for name, value in small().items()}
    longer |= {"mean": np.zeros((1, 3, 1, 1), "float32")}
    found = match(write(tmp_path / "weights.safetensors", longer))
    assert set(found.tensors) == {*small(), "mean"}
    assert "mean" in found.left_out
    assert (found.model, found.num_classes) == ("unet_resnet34", 2)
    assert found.options["encoder"] == "resnet18"
    assert found.options["filters"] == (16,) * 5


def test_a_named_encoder_must_be_known_and_agree(tmp_path):
    file = write(tmp_path / "weights.safetensors", small())
    with pytest.raises(
        ValueError, match=r"'vgg16' of smp is known here\. Known: resnet18"
    ):
        convert("smp", Request(file, "Unet", SIZE, "vgg16"))
    with pytest.raises(ValueError, match="and --encoder says efficientnet-b0"):
        convert("smp", Request(file, "Unet", SIZE, "efficientnet-b0"))


def test_one_class_has_a_sigmoid(tmp_path):
    one = {"segmentation_head.0.weight": (1, 16, 3, 3)}
    assert not match(write(tmp_path / "w.safetensors", small(**one))).exclusive
    assert match(write(tmp_path / "w.safetensors", small())).exclusive


FPN = {
    "decoder.blocks.0.conv1.0.weight": None,
    "decoder.p5.weight": (64, 512, 1, 1),
    "decoder.seg_blocks.0.block.0.block.0.weight": (4, 64, 3, 3),
}
WRONG = {
    "no head": ({"segmentation_head.0.weight": None}, {}, "has no 'segmentation_head"),
    "network": (
        {"decoder.blocks.0.conv1.0.weight": None},
        {},
        "is of another network. Expected one of Unet, FPN, DeepLabV3Plus",
    ),
    "name": ({}, {"name": "FPN"}, "is of Unet, and not of FPN"),
    "blocks": (
        {"encoder.layer3.2.conv1.weight": (256, 256, 3, 3)},
        {},
        "an encoder that is not read. Read are resnet18, ",
    ),
    "encoder": (
        {},
        {"encoder": "resnet34"},
        "the encoder resnet18, and --encoder says resnet34",
    ),
    "attention": (
        {"decoder.blocks.0.attention1.attention.cSE.1.weight": (4, 8, 1, 1)},
        {},
        "decoder_attention_type='scse', which has no counterpart",
    ),
    "depth": ({"decoder.blocks.4.conv1.0.weight": None}, {}, "encoder_depth=4"),
    "merging": (FPN, {}, "decoder_merge_policy='cat'"),
}


@pytest.mark.parametrize("shapes, asked, message", WRONG.values(), ids=WRONG)
def test_other_files_are_refused(shapes, asked, message, tmp_path):
    made = small(**shapes)
    if "segmentation_head.0.weight" in shapes:
        del made["segmentation_head.0.weight"]
    with pytest.raises(ValueError, match=message):
        match(write(tmp_path / "weights.safetensors", made), **asked)


CONFIG = {"_model_class": "Unet", "encoder_name": "resnet18", "encoder_depth": 5}
CONFIGS = {
    "network": ({"_model_class": "Linknet"}, "is of Linknet. Expected one of Unet, "),
    "encoder": ({"encoder_name": "resnet34"}, "its config.json says resnet34"),
    "depth": ({"encoder_depth": 4}, "has encoder_depth=4, which"),
    "resizing": ({"decoder_interpolation": "bilinear"}, "='bilinear'.*'nearest'"),
    "unknown": ({"decoder_magic": 3}, "has decoder_magic=3, which has no"),
}


@pytest.mark.parametrize("changes, message", CONFIGS.values(), ids=CONFIGS)
def test_other_configurations_are_refused(changes, message, tmp_path):
    write(tmp_path / "model.safetensors", small())
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    assert match(tmp_path).model == "unet_resnet34"
    (tmp_path / "config.json").write_text(json.dumps(CONFIG | changes))
    with pytest.raises(ValueError, match=message):
        match(tmp_path)


def test_rates_are_three_numbers(tmp_path):
    write(tmp_path / "model.safetensors", tensors("dilated"))
    config = json.loads(str(GOLDEN["dilated_config"])) | {"decoder_atrous_rates": "12"}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match=r"='12'\. Expected three whole numbers"):
        match(tmp_path)


@pytest.mark.parametrize("text, message", [("{", "is no JSON"), ("[]", "no settings")])
def test_a_damaged_configuration_is_one_line(text, message, tmp_path):
    write(tmp_path / "model.safetensors", small())
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(ValueError, match=message):
        match(tmp_path)


def test_an_empty_folder_says_what_is_expected(tmp_path):
    with pytest.raises(ValueError, match=r"has no model\.safetensors or pytorch"):
        match(tmp_path)
