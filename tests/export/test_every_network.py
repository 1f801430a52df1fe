"""Every network of MODELS becomes a LiteRT file of builtins only, float and int8."""

import keras
import numpy as np
import pytest
from networks import SMALL, network

from kerasseg.export.litert import conversion, flatbuffer, layer_errors
from kerasseg.models import MODELS

pytestmark = pytest.mark.slow

CONVOLUTIONS = (
    keras.layers.Conv2D,
    keras.layers.DepthwiseConv2D,
    keras.layers.Conv2DTranspose,
)


@pytest.mark.parametrize("kind", ["float32", "int8"])
@pytest.mark.parametrize("name", sorted(MODELS))
def test_builtins_only_and_nothing_left_unfolded(name, kind):
    model, (shape, _) = network(name), SMALL[name]
    images = np.random.default_rng(0).integers(0, 256, (2, *shape), np.uint8)
    data = conversion.convert(model, kind, images)
    count = flatbuffer.operators(data)
    assert not [
        n for n in count if n.startswith(("CUSTOM", "SPACE_TO_B", "BATCH_TO_S"))
    ]
    foldable = {
        layer.name
        for layer in model.layers
        if isinstance(layer, keras.layers.BatchNormalization)
        and isinstance(layer.input._keras_history.operation, CONVOLUTIONS)
        # Else the convolution's own output is needed too, as in a dense block.
        and len(layer.input._keras_history.operation._outbound_nodes) == 1
    }
    unpacked = flatbuffer.unpack(data)
    for operator in unpacked.subgraphs[0].operators:
        code = unpacked.operatorCodes[operator.opcodeIndex]
        if flatbuffer.name(code) == "MUL":
            tensor = unpacked.subgraphs[0].tensors[operator.outputs[0]]
            left = layer_errors.layers_of(model, flatbuffer.text(tensor.name))
            assert not foldable.intersection(left), tensor.name
