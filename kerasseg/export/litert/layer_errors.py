"""Finds the layers that lose most when a network is quantised to int8."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kerasseg import UserError
from kerasseg.console import silenced
from kerasseg.export.litert import flatbuffer
from kerasseg.frameworks.private_hooks import quantization_debugger

Debugger, Options = quantization_debugger()


def report(
    network: keras.Model,
    converter: tf.lite.TFLiteConverter,
    images: Sequence[np.ndarray],
    keep_float: Sequence[str] = (),
) -> list[dict]:
    """The quantised layers, the worst first, a dict each: layer, tensor, error.

    tensor: the name of the operator's result in the file. error: root of the mean
    squared difference between a layer's float and its quantised result, both from the
    same quantised input, over the root mean square of the float result; the mean of the
    images. `converter` is one for int8 with its calibration images; `images` are
    (h, w, C). keep_float: names of layers that are not quantised.
    """
    options = Options(layer_direct_compare_metrics={"error": _relative_error})
    first = next(iter(converter.representative_dataset()))[0]
    batches = [image[None].astype(first.dtype) for image in images]
    with silenced(), warnings.catch_warnings():
        # The debugger uses tf.lite's interpreter, which is deprecated.
        warnings.simplefilter("ignore")
        partly = _debugger(network, converter, keep_float)
        made = partly.get_debug_quantized_model()
        # From a finished file: only then does it keep the results of all layers.
        debugger = Debugger(
            quant_debug_model_content=made,
            debug_dataset=lambda: ([batch] for batch in batches),
            debug_options=options,
        )
        debugger.run()
    rows = []
    for key, values in debugger.layer_statistics.items():
        tensor = re.sub(r"^NumericVerify/|:\d+$", "", key)
        layer = ", ".join(layers_of(network, tensor)) or tensor
        rows.append({"layer": layer, "tensor": tensor, "error": float(values["error"])})
    return sorted(rows, key=lambda row: -row["error"])


def partly_quantised(
    network: keras.Model,
    converter: tf.lite.TFLiteConverter,
    keep_float: Sequence[str],
) -> bytes:
    """An int8 file in which the layers named in `keep_float` stay float32.

    Raises UserError when the network has no layer of such a name.
    """
    known = [layer.name for layer in network.layers]
    for name in set(keep_float) - set(known):
        raise UserError(
            f"'{network.name}' has no layer '{name}' to keep in float. Take names from "
            "the table of layer errors, or from network.summary()."
        )
    debugger = _debugger(network, converter, keep_float)
    data = debugger.get_nondebug_quantized_model()
    # Else the graph takes the type of its image from the start.
    quantises = converter.inference_input_type == tf.uint8
    return flatbuffer.take_raw_pixels(data) if quantises else data


def layers_of(network: keras.Model, tensor: str) -> list[str]:
    """The names of the layers whose operators were fused into a tensor of that name."""
    known, found = [layer.name for layer in network.layers], set()
    for part in re.split(r"[/;]", tensor):
        # The graph has a layer's name with a number behind it.
        bare = re.sub(r"_\d+$", "", part)
        found.add(bare if bare in known else part)
    return [name for name in known if name in found]


def _debugger(network, converter, keep_float) -> Any:
    """One that leaves the named layers in float."""
    debugger = Debugger(converter=converter, debug_options=Options())
    if keep_float:
        (graph,) = flatbuffer.unpack(debugger.calibrated_model).subgraphs
        made = {int(i) for operator in graph.operators for i in operator.outputs}
        names = [graph.tensors[i].name.decode() for i in sorted(made)]
        kept = [n for n in names if set(layers_of(network, n)) & set(keep_float)]
        debugger.options = Options(denylisted_nodes=kept)
    return debugger


def _relative_error(exact, quantised, scale, zero_point) -> float:
    difference = (np.float32(quantised) - zero_point) * scale - exact
    size = np.sqrt(np.mean(np.square(exact)))
    return float(np.sqrt(np.mean(np.square(difference))) / max(size, 1e-12))
