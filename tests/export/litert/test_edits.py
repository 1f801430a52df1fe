"""Edits of LiteRT files: the interpreter of the CPU answers as before, and what GPUs do
wrong or refuse is gone. Files made by hand; test_files_on_a_gpu.py runs real ones."""

import numpy as np
import pytest
from handmade_litert import Graph, run
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasseg.export.litert import accelerators, edits, flatbuffer

SIZE = (1, 6, 8, 5)
RELU, RELU6 = 1, 3


def names(data):
    model = flatbuffer.unpack(data)
    return [(one.name, one.version) for one in accelerators.operations(model)]


def random(*shape, kind="float32", seed=0):
    rng = np.random.default_rng(seed)
    if kind == "float32":
        return rng.normal(0, 2, shape).astype(kind)
    return rng.integers(-128, 128, shape).astype(kind)


class Net(Graph):
    """Operators of networks, in float32, int8 or with weights of float16."""

    def __init__(self, kind="float32"):
        super().__init__()
        self.kind = kind
        self.type = "int8" if kind == "int8" else "float32"
        self.image = self.map(SIZE[1:])

    def map(self, shape, zero=3, scale=0.05):
        scale = scale if self.type == "int8" else None
        return self.tensor((1, *shape), self.type, scale=scale, zero=zero)

    def shape(self, number):
        return [int(n) for n in self.graph.tensors[number].shape[1:]]

    def held(self, values, scale=None):
        """Weights; of float16 behind a DEQUANTIZE."""
        if self.kind == "float16":
            stored = self.tensor(values.shape, "float16", values)
            return self.operator("DEQUANTIZE", [stored], self.tensor(values.shape))
        return self.tensor(values.shape, str(values.dtype), values, scale)

    def conv(self, x, filters, kernel=1, seed=0):
        depth = self.shape(x)[-1]
        weights = random(filters, kernel, kernel, depth, kind=self.type, seed=seed)
        scales = np.linspace(0.01, 0.02, filters)
        inputs = [x, self.held(weights, scales), self.bias(filters, scales)]
        out = self.map((*self.shape(x)[:2], filters))
        how = {"strideH": 1, "strideW": 1, "dilationHFactor": 1, "dilationWFactor": 1}
        return self.operator("CONV_2D", inputs, out, 3, "Conv2DOptions", **how)

    def bias(self, filters, scales):
        values = np.linspace(-2, 1, filters)
        if self.type == "float32":
            return self.held(values.astype("float32"))
        return self.held((values / 0.001).astype("int32"), 0.05 * scales)

    def transposed(
        self, x, filters, activation=0, zero=3, bias=True, version=3, scale=0.05
    ):
        height, width, depth = self.shape(x)
        shape = (1, 2 * height, 2 * width, filters)
        size = self.tensor((4,), "int32", shape)
        weights = random(filters, 2, 2, depth, kind=self.type)
        inputs = [size, self.held(weights, np.full(filters, 0.02)), x]
        if bias:
            inputs.append(self.bias(filters, np.full(filters, 0.02)))
        how = {"strideH": 2, "strideW": 2, "fusedActivationFunction": activation}
        out = self.map(shape[1:], zero, scale)
        name, options = "TRANSPOSE_CONV", "TransposeConvOptions"
        return self.operator(name, inputs, out, version, options, **how)

    def bilinear(self, x, height, width):
        size = self.tensor((2,), "int32", (height, width))
        out = self.map((height, width, self.shape(x)[-1]))
        how = {"options": "ResizeBilinearOptions", "halfPixelCenters": True}
        return self.operator("RESIZE_BILINEAR", [x, size], out, 3, **how)

    def two(self, name, x, y, **how):
        shape = np.broadcast_shapes(self.shape(x), self.shape(y))
        options = f"{name.title()}Options"
        return self.operator(name, [x, y], self.map(shape), 2, options, **how)

    def class_map(self, x):
        """The bytes of the file whose class map comes from logits."""
        shape = (1, *self.shape(x)[:2])
        axis, ids = self.tensor((), "int32", 3), self.tensor(shape, "int32")
        self.operator("ARG_MAX", [x, axis], ids, 2, "ArgMaxOptions", outputType=2)
        out = self.tensor(shape, "uint8")
        return self.file(self.image, self.operator("CAST", [ids], out))


def images(net):
    return random(*SIZE, kind=net.type, seed=7)


def checked(net, logits):
    """The operators of the edited file, which answers as before."""
    data = net.class_map(logits)
    edited = edits.for_accelerators(data)
    expected = run(data, images(net))
    assert len(np.unique(expected)) > 1
    np.testing.assert_array_equal(run(edited, images(net)), expected)
    assert accelerators.missing(edited)[accelerators.LITERT_GPU] == []
    assert edits.for_accelerators(edited) == edited
    return names(edited)


def added(net, logits, of=3):
    """What the edits add in front, by name; `of`: of how many operators they are."""
    before = [name for name, _ in names(net.class_map(logits))]
    del net.graph.operators[-2:]
    after = [name for name, _ in checked(net, logits)]
    return sorted(set(after)), len(after) - len(before)


KINDS = ("float32", "float16", "int8")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("classes", [1, 3, 5, 11])
def test_the_last_convolution_gives_the_copies(kind, classes):
    net = Net(kind)
    logits = net.conv(net.image, classes)
    data = net.class_map(net.bilinear(logits, 12, 16))
    edited = edits.for_accelerators(data)
    np.testing.assert_array_equal(run(edited, images(net)), run(data, images(net)))
    assert names(edited) == names(data)
    before = flatbuffer.unpack(data).subgraphs[0]
    after = flatbuffer.unpack(edited).subgraphs[0]
    wide = [g.tensors[g.operators[-2].inputs[0]].shape[-1] for g in (before, after)]
    assert wide == [classes, 4 * -(-classes // 4)]
    assert len(edited) < len(data) + 1500  # the narrow weights are gone


def test_four_classes_stay_as_they_are():
    net = Net()
    data = net.class_map(net.conv(net.image, 4))
    assert names(edits.for_accelerators(data)) == names(data)
    before, after = (
        accelerators.missing(d) for d in (data, edits.for_accelerators(data))
    )
    assert before == after


@pytest.mark.parametrize("kind", KINDS)
def test_two_heads_that_are_added_and_resized(kind):
    net = Net(kind)
    low = net.bilinear(net.conv(net.image, 3, seed=1), 12, 16)
    high = net.conv(net.bilinear(net.image, 12, 16), 3, seed=2)
    _, more = added(net, net.two("ADD", low, high))
    assert more == 0


@pytest.mark.parametrize("kind", ["float32", "int8"])
def test_a_transposed_convolution_is_the_head(kind):
    net = Net(kind)
    checked(net, net.transposed(net.image, 3))


@pytest.mark.parametrize("kind", ["float32", "int8"])
def test_pixel_shuffle_gets_copies_behind_it(kind):
    net = Net(kind)
    x = net.conv(net.image, 12)
    out = net.map((12, 16, 3))
    net.operator("DEPTH_TO_SPACE", [x], out, 2, "DepthToSpaceOptions", blockSize=2)
    used, more = added(net, out)
    assert {"SLICE", "CONCATENATION"} <= set(used)
    assert more == 2


def test_copies_come_behind_what_others_read_and_behind_the_image():
    net = Net()
    scores = net.conv(net.image, 5)
    both = net.two("ADD", scores, net.image)  # the image has five channels too
    assert "SLICE" in dict(checked(net, both))


def test_slices_gathers_paddings_reshapes_and_maxima():
    net = Net()
    x = net.conv(net.image, 3)
    begin, end = net.tensor((4,), "int32", (0, 1, 1, 0)), (0, 6, 8, 3)
    inputs = [x, begin, net.tensor((4,), "int32", end), net.tensor((4,), "int32", 1)]
    how = {"options": "StridedSliceOptions", "beginMask": 1, "endMask": 1}
    x = net.operator("STRIDED_SLICE", inputs, net.map((5, 7, 3)), **how)
    rows = net.tensor((9,), "int32", np.arange(9) // 2)
    out = net.map((9, 7, 3))
    x = net.operator("GATHER", [x, rows], out, options="GatherOptions", axis=1)
    wide = net.tensor((4, 2), "int32", [[0, 0], [1, 0], [0, 1], [0, 0]])
    x = net.operator("PAD", [x, wide], net.map((10, 8, 3)), options="PadOptions")
    flat = net.tensor((4,), "int32", (1, 8, 10, 3))
    x = net.operator("RESHAPE", [x, flat], net.map((8, 10, 3)))
    sizes = net.tensor((4,), "int32", (1, 6, 10, 3))
    inputs = [x, begin, sizes]
    begin = net.tensor((4,), "int32", (0, 2, 0, 0))
    x = net.operator("SLICE", [x, begin, sizes], net.map((6, 10, 3)))
    x = net.two("MUL", x, net.held(np.asarray([[[0.5, 1, 2]]], np.float32)))
    factor = net.held(np.full((10, 1), 0.5, np.float32))
    x = net.operator("MUL", [x, factor], net.map((6, 10, 3)), options="MulOptions")
    y = net.operator("LOGISTIC", [x], net.map((6, 10, 3)))
    out = net.map((6, 10, 3))
    x = net.operator("MAXIMUM", [x, y], out, options="MaximumMinimumOptions")
    _, more = added(net, x)
    assert more == 0


def test_single_channels_that_are_joined():
    net = Net()
    parts = [net.conv(net.image, 1, seed=seed) for seed in range(3)]
    x = net.map((6, 8, 3))
    net.operator("CONCATENATION", parts, x, options="ConcatenationOptions", axis=3)
    _, more = added(net, x)
    assert more == 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_vector_that_is_added_to_a_map_keeps_four_dimensions(kind):
    net = Net(kind)
    pooled, axes = net.map((1, 1, 5)), net.tensor((2,), "int32", (1, 2))
    how = {"options": "ReducerOptions", "keepDims": True}
    net.operator("MEAN", [net.image, axes], pooled, 2, **how)
    flat = net.tensor((5,), net.type, scale=0.05 if kind == "int8" else None, zero=3)
    net.operator("RESHAPE", [pooled, net.tensor((1,), "int32", 5)], flat)
    total = net.operator("ADD", [net.image, flat], net.map(SIZE[1:]), 2, "AddOptions")
    done = checked(net, net.conv(total, 4))
    assert "RESHAPE" not in dict(done)


def test_a_vector_out_of_a_dense_layer_is_reshaped_to_four_dimensions():
    net = Net()
    dense = net.tensor((1, 5))
    weights = net.tensor((5, 240), data=random(5, 240))
    net.operator(
        "FULLY_CONNECTED", [net.image, weights, -1], dense, 1, "FullyConnectedOptions"
    )
    flat = net.operator(
        "RESHAPE", [dense, net.tensor((1,), "int32", 5)], net.tensor((5,))
    )
    total = net.operator("ADD", [net.image, flat], net.map(SIZE[1:]), 1, "AddOptions")
    data = net.class_map(net.conv(total, 4))
    edited = edits.for_accelerators(data)
    np.testing.assert_array_equal(run(edited, images(net)), run(data, images(net)))
    graph = flatbuffer.unpack(edited).subgraphs[0]
    (add,) = (
        o for o in graph.operators if len(o.inputs) == 2 and o.builtinOptionsType == 11
    )
    assert list(graph.tensors[add.inputs[1]].shape) == [1, 1, 1, 5]


def test_an_activation_becomes_an_operator_in_float():
    net = Net()
    x = net.transposed(net.image, 4, RELU, version=4)
    y = net.transposed(net.image, 4, version=4)  # bare: lifted by the fused one
    done = checked(net, net.two("ADD", x, y))
    assert [one for one in done if one[0] in ("TRANSPOSE_CONV", "RELU")] == [
        ("TRANSPOSE_CONV", 3),
        ("RELU", 1),
        ("TRANSPOSE_CONV", 3),
    ]


@pytest.mark.parametrize(
    ("activation", "zero", "scale", "needed"),
    [
        (RELU, -128, 0.05, False),
        (RELU, -100, 0.05, True),  # the range begins below 0
        (RELU6, -128, 0.05, True),  # 255 steps of 0.05 reach 12.75
        (RELU6, -128, 6 / 255, False),
    ],
)
def test_int8_needs_an_operator_only_where_its_range_is_larger(
    activation, zero, scale, needed
):
    net = Net("int8")
    x = net.transposed(net.image, 4, activation, zero, version=4, scale=scale)
    done = dict(checked(net, x))
    assert done["TRANSPOSE_CONV"] == 3
    assert bool({"RELU", "RELU6"} & set(done)) is needed


def test_a_version_is_no_higher_than_it_must_be():
    net = Net()
    done = checked(net, net.transposed(net.image, 4, bias=False, version=4))
    assert ("TRANSPOSE_CONV", 1) in done
    codes = flatbuffer.unpack(edits.for_accelerators(net.class_map(net.image)))
    assert all(code.version < 4 for code in codes.operatorCodes)


@given(st.integers(1, 40), st.integers(0, 2**31), st.sampled_from(KINDS))
@settings(max_examples=10, deadline=None)
def test_any_number_of_classes(classes, seed, kind):
    net = Net(kind)
    data = net.class_map(net.conv(net.image, classes, seed=seed))
    edited = edits.for_accelerators(data)
    np.testing.assert_array_equal(run(edited, images(net)), run(data, images(net)))
    assert accelerators.missing(edited)[accelerators.LITERT_GPU] == []
