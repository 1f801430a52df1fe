"""What the lists of accelerators lack, in files made by hand and in the shipped one."""

import pytest
from handmade_litert import Graph

from kerasseg import UserError
from kerasseg.export.litert.accelerators import (
    EDGE_TPU,
    GPU_DELEGATE,
    LITERT_GPU,
    NNAPI,
    missing,
)

SHAPE = (1, 4, 4, 8)


def one(name, kind="float32", output=None, second=None, **how):
    """What `missing` says of a file of one operator; output: type, default the same."""
    graph = Graph()
    image = graph.tensor(SHAPE, kind)
    inputs = [image] if second is None else [image, graph.tensor(**second)]
    if name == "TRANSPOSE_CONV":
        inputs = [image] * 3
    out = graph.tensor(SHAPE, output or kind)
    graph.operator(name, inputs, out, **how)
    return missing(graph.file(image, out))


@pytest.mark.parametrize("name", ["RELU", "ADD", "LOGISTIC"])
def test_what_everybody_lists_is_missing_nowhere(name):
    second = {"shape": SHAPE, "kind": "int8"} if name == "ADD" else None
    assert not any(one(name, "int8", second=second).values())


def test_half_pixels():
    options = {"options": "ResizeBilinearOptions", "halfPixelCenters": True}
    size = {"shape": (2,), "kind": "int32", "data": 4}
    found = one("RESIZE_BILINEAR", "int8", second=size, version=3, **options)
    assert found[NNAPI] == [
        "RESIZE_BILINEAR at half-pixel centres, not before Android 11 (1)"
    ]
    assert found[EDGE_TPU] == ["RESIZE_BILINEAR at half-pixel centres (1)"]
    assert found[GPU_DELEGATE] == found[LITERT_GPU] == []


def test_versions_and_types():
    found = one("TRANSPOSE_CONV", "int8", version=4)
    assert found[GPU_DELEGATE] == ["TRANSPOSE_CONV of version 4, at most 3 (1)"]
    assert found[LITERT_GPU] == found[GPU_DELEGATE]
    assert found[NNAPI] == []
    assert one("RELU", "float32")[EDGE_TPU] == ["RELU of float32: only 8 bits (1)"]
    found = one("CAST", "uint8", "float32")
    assert found[GPU_DELEGATE] == ["CAST from uint8 to float32 (1)"]
    assert found[EDGE_TPU] == ["CAST is not in its list (1)"]
    assert one("CAST", "bool", "float32")[GPU_DELEGATE] == []


def test_defects_of_the_gpu_of_litert():
    axis = {"shape": (), "kind": "int32", "data": 3}
    assert one("ARG_MAX", "float32", "int32", second=axis)[LITERT_GPU] == []
    vector = {"shape": (8,), "kind": "int8"}
    assert one("ADD", "int8", second=vector | {"data": 1})[LITERT_GPU] == []
    (found,) = one("ADD", "int8", second=vector)[LITERT_GPU]
    assert "vector that is computed" in found


def test_a_convolution_without_a_bias_and_one_of_two_dilations():
    graph = Graph()
    image, out = graph.tensor(SHAPE, "int8"), graph.tensor(SHAPE, "int8")
    kernel = graph.tensor((8, 3, 3, 8), "int8", 1)
    how = {"dilationHFactor": 1, "dilationWFactor": 2}
    graph.operator("CONV_2D", [image, kernel, -1], out, 3, "Conv2DOptions", **how)
    found = missing(graph.file(image, out))
    assert found[NNAPI] == ["CONV_2D without a bias (1)"]
    assert found[EDGE_TPU] == ["CONV_2D with another dilation across than down (1)"]
    assert found[GPU_DELEGATE] == []


def test_two_graphs_and_unknown_operators_are_counted(tmp_path):
    graph = Graph()
    image = graph.tensor(SHAPE)
    one, two = graph.tensor(SHAPE), graph.tensor(SHAPE)
    graph.operator("HARD_SWISH", [image], one)
    graph.operator("HARD_SWISH", [one], two)
    graph.model.subgraphs = [graph.graph, graph.graph]
    path = tmp_path / "two.tflite"
    path.write_bytes(graph.file(image, two))
    assert missing(str(path))[EDGE_TPU] == [
        "2 graphs in one file: its compiler takes one",
        "HARD_SWISH is not in its list (2)",
    ]


def test_other_files_are_refused():
    with pytest.raises(UserError, match="no LiteRT file"):
        missing(b"GIF89a, and so on")
