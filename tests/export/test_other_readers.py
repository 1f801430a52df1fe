"""The SavedModel read by others: a TF1 session, TensorFlow's C API, OpenVINO.

They stand in for tensorflow_model_server, which no package registry carries: it loads
the tag "serve" through the same C++ loader as the first two.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import jpeg_png
import numpy as np
import pytest
import tensorflow as tf
from tiny import SIZE

pytestmark = pytest.mark.processes
PROGRAM = Path(__file__).parent / "predict.c"


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    camera = jpeg_png.encoded(jpeg_png.noise(40, 60), orientation=6)
    (folder / "camera.jpg").write_bytes(camera)
    screen = jpeg_png.encoded(jpeg_png.noise(70, 33), "PNG")
    (folder / "screen.png").write_bytes(screen)
    (folder / "bad.png").write_bytes(screen[:500])
    return folder


def answers(served, *data):
    served = served.signatures["serve_bytes"]
    return served(image_bytes=tf.constant(data))["class_map_png_bytes"].numpy().tolist()


SESSION = """
import json, sys
for name in ("keras", "tf_keras", "kerasseg"):
    sys.modules[name] = None  # any import of it fails
from pathlib import Path
import tensorflow as tf
folder, out, *files = sys.argv[1:]
data = [Path(file).read_bytes() for file in files]
tf1 = tf.compat.v1
with tf1.Session(graph=tf.Graph()) as session:
    graph = tf1.saved_model.load(session, ["serve"], folder)
    signature = graph.signature_def["serve_bytes"]
    assert signature.method_name == "tensorflow/serving/predict"
    image = signature.inputs["image_bytes"].name
    fetch = signature.outputs["class_map_png_bytes"].name
    given = session.run(fetch, {image: data})
    Path(out).write_text(json.dumps([one.hex() for one in given]))
    try:
        session.run(fetch, {image: [data[0], data[1][:500]]})
    except tf.errors.InvalidArgumentError as error:
        print(error.message)
"""


def test_a_tf1_session_without_keras(tiny_saved_model, served, files, tmp_path):
    out = tmp_path / "answer.json"
    given = [str(files / "camera.jpg"), str(files / "screen.png")]
    done = subprocess.run(
        [sys.executable, "-c", SESSION, str(tiny_saved_model), str(out), *given],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    read = [bytes.fromhex(one) for one in json.loads(out.read_text())]
    assert read == answers(served, *(Path(file).read_bytes() for file in given))
    assert "image_bytes[1] cannot be decoded" in done.stdout


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """predict.c, compiled against the TensorFlow that is installed."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    library = Path(tf.sysconfig.get_lib())
    found = sorted(library.glob("libtensorflow_cc.so*"))
    if not compiler or not found:
        pytest.skip("needs a C compiler and the wheel's libtensorflow_cc")
    out = tmp_path_factory.mktemp("c") / "predict"
    include = library / "include"
    words = [compiler, PROGRAM, "-o", out, f"-I{include}", found[-1]]
    framework = sorted(library.glob("libtensorflow_framework.so*"))[-1]
    words += [framework, f"-Wl,-rpath,{library}"]
    done = subprocess.run([*map(str, words)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return out


def names(folder):
    """The graph's names of input and output of serve_bytes, "operation:number"."""
    from tensorflow.core.protobuf import saved_model_pb2

    data = (folder / "saved_model.pb").read_bytes()
    graph = saved_model_pb2.SavedModel.FromString(data).meta_graphs[0]
    signature = graph.signature_def["serve_bytes"]
    return (
        signature.inputs["image_bytes"].name,
        signature.outputs["class_map_png_bytes"].name,
    )


def test_a_c_program(tiny_saved_model, served, files, program, tmp_path):
    """Written in C: no Python, no Keras, no package of this project."""
    where, out = (
        [str(tiny_saved_model), *names(tiny_saved_model)],
        tmp_path / "answer.png",
    )
    for name in ("camera.jpg", "screen.png"):
        words = [program, *where, files / name, out]
        done = subprocess.run([*map(str, words)], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        expected = answers(served, (files / name).read_bytes())
        assert out.read_bytes() == expected[0]
    words = [program, *where, files / "bad.png", out]
    done = subprocess.run([*map(str, words)], capture_output=True, text=True)
    assert done.returncode == 3  # TF_INVALID_ARGUMENT
    assert "image_bytes[0] cannot be decoded" in done.stdout


def test_openvino(tiny_saved_model, served):
    """Another company's engine reads the folder and agrees, at any size.

    It takes the default signature only.
    """
    openvino = pytest.importorskip("openvino")
    exact = {"INFERENCE_PRECISION_HINT": "f32"}
    model = openvino.convert_model(tiny_saved_model)
    run = openvino.compile_model(model, "CPU", exact)
    for size in (SIZE, (70, 101)):
        image = np.stack([jpeg_png.noise(*size, seed) for seed in (1, 2)])
        (ids,) = run(image.astype(np.float32)).values()
        image = tf.constant(image, tf.float32)
        expected = served.signatures["serving_default"](image=image)["class_map"]
        assert ids.dtype == np.uint8
        assert (ids == expected.numpy()).mean() > 0.999
