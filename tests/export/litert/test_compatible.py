"""Files for older accelerators, made of small ones by hand."""

import numpy as np
import pytest
from handmade_litert import run
from test_edits import SIZE, Net, images, random

from kerasseg import UserError
from kerasseg.export.litert import accelerators, compatible, flatbuffer


def converted(net, image, scores):
    """A file as the converter gives it: class map, and scores as probabilities."""
    data = net.class_map(scores)
    model = flatbuffer.unpack(data)
    (graph,), (signature,) = model.subgraphs, model.signatureDefs
    graph.inputs, signature.inputs[0].tensorIndex = [image], image
    more = flatbuffer.schema.TensorMapT()
    more.name, more.tensorIndex = "probabilities", scores
    graph.outputs = [*graph.outputs, scores]
    signature.outputs = [*signature.outputs, more]
    return flatbuffer.pack(model)


@pytest.mark.parametrize("kind", ["float32", "float16"])
def test_the_gpu_delegate_gets_floats_and_gives_scores(kind):
    net = Net(kind)
    pixels = net.tensor(SIZE, "uint8")
    net.operator("CAST", [pixels], net.image)
    net.graph.operators.insert(0, net.graph.operators.pop())
    data = converted(net, pixels, net.conv(net.image, 3))
    made = compatible.for_gpu_delegate(data)
    assert accelerators.missing(made)[accelerators.GPU_DELEGATE] == []
    image = random(*SIZE, kind="uint8", seed=3)
    plain = flatbuffer.split(data, ["probabilities"])
    expected = run(plain, image, "probabilities")
    found = run(made, image.astype("float32"), "probabilities")
    np.testing.assert_array_equal(found, expected)


def test_an_edge_tpu_gets_the_logits_before_they_are_enlarged():
    net = Net("int8")
    logits = net.conv(net.image, 3)
    data = converted(net, net.image, net.bilinear(logits, 12, 16))
    made = compatible.for_edge_tpu(data)
    assert accelerators.missing(made)[accelerators.EDGE_TPU] == []
    found = run(made, images(net), compatible.LOGITS)
    assert (found.shape, found.dtype) == ((1, 6, 8, 3), np.int8)
    small = flatbuffer.split(converted(net, net.image, logits), ["class_map"])
    np.testing.assert_array_equal(found.argmax(-1), run(small, images(net)))


def test_what_does_not_fit_is_refused_with_the_reasons():
    net = Net("int8")
    small = net.conv(net.bilinear(net.image, 12, 16), 3)
    with pytest.raises(
        UserError, match="RESIZE_BILINEAR at half-pixel centres"
    ) as told:
        compatible.for_edge_tpu(converted(net, net.image, small))
    assert "unet_small" in str(told.value)
    net = Net("float32")
    with pytest.raises(UserError, match="int8 alone"):
        compatible.for_edge_tpu(converted(net, net.image, net.conv(net.image, 3)))
