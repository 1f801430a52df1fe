"""LiteRT (TFLite) files for devices: raw pixels in, class map out, builtins only."""

from __future__ import annotations

import contextlib
import re
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from kerasseg import UserError
from kerasseg.console import silenced
from kerasseg.export.litert import flatbuffer, layer_errors, metadata
from kerasseg.files import atomic
from kerasseg.frameworks.private_hooks import tflite_convert
from kerasseg.inference.class_maps import class_map, network_size

SIGNATURES = ("class_map", "probabilities")
KINDS = ("float32", "float16", "int8", "learnt")

INSTEAD = {
    "MaxPoolWithArgmax": "kerasseg.upsampling.max_pool_with_indices",
    "ResizeBicubic": "kerasseg.upsampling.bilinear",
    "ScaleAndTranslate": "a resize without antialiasing: kerasseg.upsampling.bilinear",
    "BitwiseAnd": "tf.argmax in place of keras.ops.argmax",
    "Bitcast": "tf.argmax in place of keras.ops.argmax",
    "Conv3D": "a network of 2-D layers",
    "Conv3DBackpropInputV2": "a network of 2-D layers",
    "MaxPool3D": "a network of 2-D layers",
}
"""TensorFlow operators that LiteRT lacks -> what gives the same without them."""


def write(network, path: str | Path, kind: str = "float32", images=(), **options):
    """Converts and writes: `convert` and `finish` in one."""
    keep_float = options.pop("keep_float", ())
    data = convert(network, kind, images, keep_float)
    return finish(data, path, network.name, **options)


def convert(network, kind: str = "float32", images=(), keep_float=()) -> bytes:
    """A LiteRT file of a network at its size (h, w), for `finish`.

    kind: float32; float16: weights are stored as float16; int8: weights and activations
        are quantised, calibrated on `images`: uint8 arrays (h, w, 3), as in validation.
    kind "learnt": int8 of a network that `qat.with_ranges` gave, in its own ranges;
        the image is rescaled in float32, which int8 would do less exactly.
    keep_float: names of layers that int8 leaves in float32.

    Raises ValueError when the network needs an operator that LiteRT does not have
    itself, naming the layer and what to use.
    """
    if kind not in KINDS:
        raise UserError(f"Unknown kind '{kind}'. Known: {', '.join(KINDS)}.")
    if kind == "int8" and not len(images):
        raise UserError("int8 needs images to calibrate on, got none.")
    with converter(network, kind, images) as made:
        data, failure = _converted(network, made, keep_float)
    if failure is not None:
        raise UserError(_refusal(network, kind, str(failure))) from failure
    custom = [name for name in flatbuffer.operators(data) if name.startswith("CUSTOM")]
    if custom:
        raise UserError(
            f"'{network.name}' needs {', '.join(custom)}, which no LiteRT interpreter "
            "has built in. Build the network from other layers."
        )
    return data


def finish(
    data: bytes, path: str | Path, name: str, taxonomy=None, signatures=SIGNATURES
) -> Path:
    """Writes what `convert` gave, with signatures and metadata, batch 1.

    Signatures: class_map: image uint8 (1, h, w, 3), RGB -> class_map uint8 (1, h, w);
    probabilities: the same image -> probabilities float32 (1, h, w, C). The first of
    `signatures` is what runs where none is named.
    taxonomy: classes whose names and colours are put into the file.
    """
    data = flatbuffer.split(data, signatures)
    if taxonomy is not None:
        data = metadata.attach(data, name, taxonomy)
    atomic.write_bytes(path, data)
    return Path(path)


@contextlib.contextmanager
def converter(network, kind: str, images) -> Iterator[tf.lite.TFLiteConverter]:
    """A converter of one signature that gives class map and probabilities."""
    # A static batch: otherwise dilated convolutions become SPACE_TO_BATCH and batch
    # normalisation is not folded.
    pixels = tf.float32 if kind == "int8" else tf.uint8
    spec = [tf.TensorSpec((1, *network_size(network), 3), pixels, name="image")]

    def serve(image):
        logits = network(tf.cast(image, tf.float32), training=False)
        return {"class_map": class_map(logits), "probabilities": tf.nn.softmax(logits)}

    archive = keras.export.ExportArchive()
    archive.track(network)
    archive.add_endpoint("serve", serve, spec)
    with tempfile.TemporaryDirectory() as folder:
        with silenced():
            archive.write_out(folder, verbose=False)
        made = tf.lite.TFLiteConverter.from_saved_model(
            folder, signature_keys=["serve"]
        )
        made.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        if kind != "float32":
            made.optimizations = [tf.lite.Optimize.DEFAULT]
        if kind == "float16":
            made.target_spec.supported_types = [tf.float16]
        if kind == "int8":
            made.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
            made.inference_input_type = tf.uint8
            ready = [np.float32(image[None]) for image in images]
            # The input's quantisation then has step 1: callers pass raw pixels, also
            # where no calibration image reaches from 0 to 255.
            ready[0][:, 0, 0], ready[0][:, 0, -1] = 0, 255
            made.representative_dataset = lambda: ([image] for image in ready)
        yield made


def _converted(network, made, keep_float):
    """The file's bytes, or the converter's error; the pages it prints are held back."""
    with silenced(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            if keep_float:
                return layer_errors.partly_quantised(network, made, keep_float), None
            return made.convert(), None
        except (tflite_convert().ConverterError, RuntimeError) as error:
            return b"", error


def _refusal(network, kind: str, error: str) -> str:
    """One line on why a conversion failed, from the converter's pages."""
    words = f"'{network.name}' does not convert to LiteRT {kind} with builtins only"
    pattern = r'"([^"@]*)@[^\n]*\'tf\.(\w+)\' op is neither a custom op nor a flex op'
    found = dict.fromkeys(re.findall(pattern, error))
    if not found:
        return f"{words}: {' '.join(error.split())[:300]}"
    parts = []
    for place, operator in found:
        layer = ", ".join(layer_errors.layers_of(network, place)) or place
        instead = INSTEAD.get(operator, "layers made of other operators")
        parts.append(f"{operator} in layer '{layer}': use {instead}")
    return f"{words}. LiteRT lacks {'; '.join(parts)}."
