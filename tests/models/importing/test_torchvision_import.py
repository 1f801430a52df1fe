"""torchvision's segmentation networks: the same logits here, and the way onwards."""

import importlib
import os
import pickle

import keras
import numpy as np
import pytest
from networks import call, chosen, random_images
from torch_networks import answer, assert_equal, imported, randomised

from kerasseg import runs
from kerasseg.models.importing import Request, torchvision
from kerasseg.models.importing.convert import convert

pytestmark = pytest.mark.processes

torch = pytest.importorskip("torch")
library = imported("torchvision")
main = importlib.import_module("kerasseg.models.import.__main__").main
SIZE, CLASSES = (64, 97), 5
LRASPP = "lraspp_mobilenet_v3_large"
FAST = ("deeplabv3_resnet50", LRASPP)
"""One on each encoder; the others are slow."""


def theirs(name, classes=CLASSES):
    aux = {} if name == LRASPP else {"aux_loss": True}
    build = getattr(library.models.segmentation, name)
    return randomised(
        build(weights=None, weights_backbone=None, num_classes=classes, **aux)
    )


@pytest.mark.parametrize("name", chosen(torchvision.NETWORKS, FAST))
def test_equal_logits(tmp_path, name):
    model, path = theirs(name), tmp_path / "weights.pth"
    torch.save(model.state_dict(), path)
    made = convert("torchvision", Request(path, name, SIZE))
    assert made.network.output_shape == (None, *SIZE, CLASSES)
    image = random_images(1, *SIZE, 3)
    assert_equal(call(made.network, image), answer(model, image))
    aux = [key for key in model.state_dict() if key.startswith("aux_classifier")]
    counts = [key for key in aux if key.endswith("num_batches_tracked")]
    assert sorted(made.left_out) == sorted(set(aux) - set(counts))


# --- the command -------------------------------------------------------------------


@pytest.fixture(scope="module")
def lraspp(tmp_path_factory):
    """A network of torchvision with VOC's 21 classes, and its file."""
    model = theirs(LRASPP, 21)
    path = tmp_path_factory.mktemp("lraspp") / "lraspp.pth"
    torch.save(model.state_dict(), path)
    return model, path


def refused(capsys, *argv):
    with pytest.raises(SystemExit) as left:
        main([str(word) for word in argv])
    assert left.value.code == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    return lines[0]


def test_a_file_that_plain_keras_opens(lraspp, tmp_path, capsys):
    model, path = lraspp
    out = tmp_path / "network.keras"
    main(["torchvision", str(path), LRASPP, str(out), "--size", "64", "97"])
    image = random_images(1, *SIZE, 3)
    found = keras.models.load_model(out)
    assert_equal(call(found, image), answer(model, image))
    assert runs.taxonomy(tmp_path).names == torchvision.VOC
    assert "21 classes, background to tvmonitor" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.export
def test_onwards_to_servers_devices_and_trainings(lraspp, tmp_path):
    """A run folder is what all commands take."""
    tf = pytest.importorskip("tensorflow")
    from ai_edge_litert.interpreter import Interpreter

    from kerasseg.export import __main__ as export
    from kerasseg.fit import warm_start

    model, path = lraspp
    run = tmp_path / "run"
    main(["torchvision", str(path), LRASPP, str(run), "--size", "64", "97"])
    image = random_images(1, *SIZE, 3).round()
    expected = answer(model, image)
    assert_equal(call(runs.load(run), image), expected)

    settings = runs.settings(run)
    assert settings.data.size == SIZE
    options = {"variant": "torchvision"}
    started = warm_start.build(LRASPP, 2, (*SIZE, 3), options, str(run))
    for layer in ("encoder_conv", "head_conv", "gate_conv"):
        for one, other in zip(
            started.get_layer(layer).get_weights(),
            runs.load(run).get_layer(layer).get_weights(),
            strict=True,
        ):
            np.testing.assert_array_equal(one, other)

    export.main([str(run), "--no-gate", "--formats", "saved_model", "float32"])
    ids = expected.argmax(-1)
    served = tf.saved_model.load(str(run / "export" / "1"))
    found = served.signatures["serving_default"](image=tf.constant(image))
    assert (found["class_map"].numpy() == ids).mean() > 0.999
    device = Interpreter(str(run / "export" / "model.tflite"), num_threads=1)
    device.allocate_tensors()
    device.set_tensor(device.get_input_details()[0]["index"], image.astype("uint8"))
    device.invoke()
    found = device.get_tensor(device.get_output_details()[0]["index"])
    assert (found == ids).mean() > 0.999


class Malicious:
    def __reduce__(self):
        return os.mkdir, ("it_ran",)


def test_wrong_files_are_one_line_and_nothing_is_written(
    lraspp, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    _, whole = lraspp
    out = tmp_path / "out"
    cut, code = tmp_path / "cut.pth", tmp_path / "code.pth"
    cut.write_bytes(whole.read_bytes()[:100_000])
    code.write_bytes(pickle.dumps(Malicious()))
    other = tmp_path / "other.pth"
    torch.save(library.models.mobilenet_v3_small(weights=None).state_dict(), other)
    size = ("--size", 64, 97)
    for argv, message in {
        ("torchvision", whole, "unet"): "No network 'unet' of torchvision is known",
        ("torchvision", whole, "fcn_resnet50"): "has no 'backbone.conv1.weight', which",
        ("torchvision", other, LRASPP): "has no classifier of segmentation",
        ("torchvision", cut, LRASPP): "cut.pth is cut or damaged",
        ("torchvision", code, LRASPP): "it was not run",
        ("torchvision", tmp_path / "no.pth", LRASPP): "No file",
        ("torchvision", whole, LRASPP, "--classes", 3): "tells 21 classes apart",
        ("torchvision", whole, LRASPP, "--encoder", "x"): "leave --encoder out",
        ("caffe", whole, LRASPP): "Unknown source 'caffe'. Known: torchvision",
    }.items():
        library_, file, name, *flags = argv
        line = refused(capsys, library_, file, name, out, *size, *flags)
        assert message in line
    line = refused(capsys, "torchvision", whole, LRASPP, out, "--size", 0, 5)
    assert "--size must be 1 or more, got 0" in line
    assert "is there already" in refused(
        capsys, "torchvision", whole, LRASPP, whole.parent, *size
    )
    assert not out.exists()
    assert not (tmp_path / "it_ran").exists()
