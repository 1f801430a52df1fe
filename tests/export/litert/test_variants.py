"""Files for OpenCV, the classic GPU delegate and the Edge TPU; overlapping classes."""

import keras
import numpy as np
import pytest
import tiny
from keras import layers

from kerasseg import UserError
from kerasseg.export import engines, formats, runners
from kerasseg.export.litert import accelerators, compatible, conversion, flatbuffer

pytestmark = [pytest.mark.export, pytest.mark.processes]


@pytest.fixture(scope="module")
def images():
    import cv2

    coarse = np.random.default_rng(0).integers(0, 256, (4, 8, 12, 3), np.uint8)
    return np.stack([cv2.resize(one, tiny.SIZE[::-1]) for one in coarse])


def ids(network, images):
    return network(images.astype("float32"), training=False).numpy().argmax(-1)


def edge_tpu(network, images):
    return compatible.for_edge_tpu(conversion.convert(network, "int8", images))


def written(data, path, output):
    return conversion.finish(data, path, "net", tiny.TAXONOMY, [output])


def test_the_classic_gpu_delegate(tiny_network, images, tmp_path):
    data = conversion.convert(tiny_network, "float16")
    data = compatible.for_gpu_delegate(data)
    file = written(data, tmp_path / "gpu.tflite", "probabilities")
    assert accelerators.missing(file)[accelerators.GPU_DELEGATE] == []
    count = flatbuffer.operators(file.read_bytes())
    assert (count["CAST"], count["ARG_MAX"], count["SOFTMAX"]) == (0, 0, 1)
    found = runners.runner("gpu", file)(images)
    assert (found == ids(tiny_network, images)).mean() > 0.995


def test_opencv_has_logits_of_floats(tiny_network, images, tmp_path):
    import cv2

    with pytest.raises(UserError, match=r"transposed .*readNetFromONNX"):
        conversion.convert_plain(tiny_network)
    plain = enlarged(inner=False)
    data = conversion.convert_plain(plain)
    file = written(data, tmp_path / "opencv.tflite", "logits")
    expected = ids(plain, images)
    found = runners.runner("opencv", file)(images)
    assert (found == expected).mean() > 0.999
    network = cv2.dnn.readNetFromTFLite(str(file))
    for image, wanted in zip(images, expected, strict=True):
        network.setInput(cv2.dnn.blobFromImage(image.astype(np.float32)))
        assert (network.forward()[0].argmax(0) == wanted).mean() > 0.95
    if formats.missing("onnx"):
        return
    for gives in ("class_map", "probabilities"):
        file = tmp_path / f"{gives}.onnx"
        engines.write(tiny_network, "onnx", file, tiny.TAXONOMY, gives=(gives,))
        network = cv2.dnn.readNetFromONNX(str(file))
        network.setInput(images[:1])
        found = network.forward()[0]
        found = found if gives == "class_map" else found.argmax(-1)
        assert (found == ids(tiny_network, images[:1])[0]).mean() > 0.999


def test_the_edge_tpu_takes_transposed_convolutions(tiny_network, images, tmp_path):
    data = edge_tpu(tiny_network, images)
    file = written(data, tmp_path / "tpu.tflite", "logits")
    found = runners.runner("edgetpu", file)(images)
    assert (found == ids(tiny_network, images)).mean() > 0.95


def enlarged(inner):
    """Logits at stride 4, enlarged at the end; with `inner` also on the way."""
    image = keras.Input((*tiny.SIZE, 3), name="image")
    x = layers.Rescaling(1 / 127.5, -1)(image)
    x = layers.Conv2D(8, 3, strides=8 if inner else 4, padding="same")(x)
    if inner:
        x = layers.UpSampling2D(2, interpolation="bilinear")(layers.ReLU()(x))
    x = layers.Conv2D(3, 1)(layers.ReLU()(x))
    x = layers.UpSampling2D(4, interpolation="bilinear")(x)
    return keras.Model(image, x, name="net")


def test_the_edge_tpu_gives_logits_before_the_last_enlargement(images, tmp_path):
    keras.utils.set_random_seed(0)
    network = enlarged(inner=False)
    file = written(edge_tpu(network, images), tmp_path / "a.tflite", "logits")
    (graph,) = flatbuffer.unpack(file.read_bytes()).subgraphs
    assert list(graph.tensors[graph.outputs[0]].shape) == [1, 8, 12, 3]
    found = runners.runner("edgetpu", file)(images)
    assert (found == ids(network, images)).mean() > 0.95


def test_what_the_edge_tpu_cannot_do_is_refused(images):
    with pytest.raises(UserError, match=r"RESIZE_BILINEAR at half-pixel centres \(1\)"):
        edge_tpu(enlarged(inner=True), images)


def test_classes_that_overlap(images, tmp_path):
    """class_map is 0 and 1, probabilities are sigmoids, in int8 too."""
    from kerasseg.inference import litert
    from kerasseg.taxonomy import Taxonomy

    classes = Taxonomy(tiny.TAXONOMY.names, tiny.TAXONOMY.colours, exclusive=False)
    network = tiny.convolution()
    logits = network(images.astype("float32"), training=False).numpy()
    for kind, share in (("float32", 0.9999), ("int8", 0.95)):
        file = conversion.write(
            network,
            tmp_path / f"{kind}.tflite",
            kind,
            images,
            classes,
            signatures=conversion.SIGNATURES,
        )
        model = litert.Model(file, threads=1)
        found = np.stack([model.class_map(image) for image in images])
        assert found.dtype == np.uint8 and found.shape == logits.shape
        assert (found == (logits > 0)).mean() > share
        scores = np.stack([model.probabilities(image) for image in images])
        assert np.abs(scores - 1 / (1 + np.exp(-logits))).max() < 0.15
