"""LiteRT (TFLite) files for devices: raw pixels in, class map out.

Only operators that every LiteRT interpreter has built in ("builtins") are used.
"""

from __future__ import annotations

import contextlib
import re
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kerasseg import UserError
from kerasseg.console import counting, silenced
from kerasseg.export.formats import device_type
from kerasseg.export.litert import edits, flatbuffer, layer_errors, metadata
from kerasseg.export.litert.flattened import flattened
from kerasseg.export.litert.range_layers import range_layers
from kerasseg.files import atomic
from kerasseg.frameworks.private_hooks import tflite_convert
from kerasseg.image_format import RGB, ImageFormat
from kerasseg.inference.class_maps import device_class_map, probabilities_of
from kerasseg.taxonomy import Taxonomy
from kerasseg.volume_format import VolumeFormat

SIGNATURES = ("class_map", "probabilities")
"""What a converted network can be asked for; a file has one of them, or both."""
KINDS = ("float32", "float16", "int8", "learnt")
"""How a network can be stored; see `convert`."""
INSTEAD = {
    "MaxPoolWithArgmax": "kerasseg.upsampling.max_pool_with_indices",
    "ResizeBicubic": "kerasseg.upsampling.bilinear",
    "ScaleAndTranslate": "a resize without antialiasing: kerasseg.upsampling.bilinear",
    "BitwiseAnd": "tf.argmax in place of keras.ops.argmax",
    "Bitcast": "tf.argmax in place of keras.ops.argmax",
}
"""TensorFlow operators that LiteRT lacks -> what gives the same without them."""


def write(
    network: keras.Model,
    path: str | Path,
    kind: str = "float32",
    images: Sequence[np.ndarray] | np.ndarray = (),
    taxonomy: Taxonomy | None = None,
    image_format: ImageFormat = RGB,
    signatures: Sequence[str] = SIGNATURES[:1],
) -> Path:
    """Converts and writes: `convert` and `finish` in one, with what they raise."""
    if taxonomy is None and not image_format.is_rgb8:
        # What the images are stands beside the classes.
        taxonomy = Taxonomy.numbered(network.output_shape[-1])
    exclusive = taxonomy is None or taxonomy.exclusive
    data = convert(
        network, kind, images, image_format=image_format, exclusive=exclusive
    )
    return finish(data, path, network.name, taxonomy, signatures, image_format)


def convert(
    network: keras.Model,
    kind: str = "float32",
    images: Sequence[np.ndarray] | np.ndarray = (),
    keep_float: Sequence[str] = (),
    image_format: ImageFormat = RGB,
    exclusive: bool = True,
) -> bytes:
    """A LiteRT file of a network at its size (h, w), for `finish`.

    Networks of volumes are written with the operators of pictures (`flattened`).

    kind: one of KINDS. float32; float16: weights are stored as float16; int8: weights
        and activations are quantised, calibrated on `images`: arrays (h, w, C) in the
        type of the data, as in validation; learnt: int8 of a network that
        `fake_quantisation.with_ranges` gave, in its own ranges, where the image is
        rescaled in float32, because int8 would do it less exactly.
    keep_float: names of layers that int8 leaves in float32, beside `range_layers`.
    image_format: bands and type of the images; see `formats.device_type`.
    exclusive: whether a pixel has one class, see `kerasseg.taxonomy.Taxonomy`.

    Raises UserError when the network needs an operator that LiteRT does not have
    itself, naming the layer and what to use instead; for an unknown kind or layer; and
    for int8 without images.
    """
    if kind not in KINDS:
        raise UserError(f"Unknown kind '{kind}'. Known: {', '.join(KINDS)}.")
    if kind == "int8" and not len(images):
        raise UserError("int8 needs images to calibrate on, got none.")
    network, kept = flattened(network), [*keep_float]
    if kind == "int8":
        kept += range_layers(network, image_format)
    with converter(network, kind, images, image_format, exclusive) as litert:
        return converted(network, litert, kind, kept)


def convert_plain(network: keras.Model) -> bytes:
    """A LiteRT file for OpenCV's importer: image float32 -> logits.

    It knows no argmax, and takes a softmax over the wrong axis. Raises UserError where
    the network has transposed convolutions, which it does not know either.
    """

    def serve(image):
        return {"logits": network(image, training=False)}

    with archived(network, serve, "float32") as litert:
        data = converted(network, litert, "float32")
    if "TRANSPOSE_CONV" in flatbuffer.operators(data):
        raise UserError(
            f"OpenCV reads no LiteRT file of '{network.name}', which has transposed "
            "convolutions. Use --formats onnx and cv2.dnn.readNetFromONNX."
        )
    return data


def converted(
    network: keras.Model,
    litert: tf.lite.TFLiteConverter,
    kind: str,
    keep_float: Sequence[str] = (),
) -> bytes:
    """What a converter gives. Raises UserError as `convert`, of which `kind` is."""
    data, failure = _converted(network, litert, keep_float)
    if failure is not None:
        raise UserError(_refusal(network, kind, str(failure))) from failure
    custom = [name for name in flatbuffer.operators(data) if name.startswith("CUSTOM")]
    if custom:
        raise UserError(
            f"'{network.name}' needs {', '.join(custom)}, which no LiteRT interpreter "
            "has built in. Build the network from other layers."
        )
    if "READ_VARIABLE" in flatbuffer.operators(data):
        raise UserError(
            f"The LiteRT file of '{network.name}' reads variables that are not in it: "
            "it would answer with noise. Report this with the network."
        )
    return data


def finish(
    data: bytes,
    path: str | Path,
    name: str,
    taxonomy: Taxonomy | None = None,
    signatures: Sequence[str] = SIGNATURES[:1],
    image_format: ImageFormat = RGB,
    volume: VolumeFormat | None = None,
) -> Path:
    """Writes the file that `convert` gave, with signatures and metadata; returns PATH.

    Signatures: class_map: image (1, h, w, bands) of `formats.device_type` -> class_map
    uint8 (1, h, w), of more than 255 classes int32; where classes overlap uint8 (1, h,
    w, C) of 0 and 1; probabilities: the same image -> probabilities float32 (1, h, w,
    C). MediaPipe and OpenCV refuse files of two. The first of `signatures` is what runs
    where none is named.
    name: of the network, for the metadata; taxonomy: classes whose names and colours
    are put into the file, and with them `image_format`, unless it is RGB of 8 bits, and
    `volume`, of volumes: of these all (h, w) are (d, h, w).
    """
    data = edits.for_accelerators(flatbuffer.split(data, signatures))
    if taxonomy is not None:
        data = metadata.attach(data, name, taxonomy, image_format, volume)
    atomic.write_bytes(path, data)
    return Path(path)


@contextlib.contextmanager
def converter(
    network: keras.Model,
    kind: str,
    images: Sequence[np.ndarray] | np.ndarray,
    image_format: ImageFormat = RGB,
    exclusive: bool = True,
) -> Iterator[tf.lite.TFLiteConverter]:
    """TensorFlow's converter, set for a kind, of one signature that gives class map and
    probabilities. It works inside the `with` block only."""
    pixels = device_type(image_format)
    # Pixels of 0..255 are what int8 holds: they are quantised as they come.
    quantises = (
        kind == "int8" and pixels == "uint8" and not range_layers(network, image_format)
    )
    pixels = "float32" if quantises else pixels

    def serve(image):
        logits = network(tf.cast(image, tf.float32), training=False)
        ids = device_class_map(logits, exclusive)
        return {"class_map": ids, "probabilities": probabilities_of(logits, exclusive)}

    with archived(network, serve, pixels) as litert:
        if kind != "float32":
            litert.optimizations = [tf.lite.Optimize.DEFAULT]
        if kind == "float16":
            litert.target_spec.supported_types = [tf.float16]
        if kind == "int8":
            litert.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
            ready = [image[None].astype(pixels) for image in images]
            if quantises:
                litert.inference_input_type = tf.uint8
                # The input's quantisation then has step 1: callers pass raw pixels,
                # also where no calibration image reaches from 0 to 255.
                ready[0][:, 0, 0], ready[0][:, 0, -1] = 0, 255
            litert.representative_dataset = lambda: _counted(ready)
        yield litert


def _counted(images: Sequence[np.ndarray]) -> Iterator[list[np.ndarray]]:
    """The calibration images as the converter takes them."""
    with counting("int8: calibrating on image", len(images)) as one_more:
        for image in images:
            yield one_more([image])


@contextlib.contextmanager
def archived(
    network: keras.Model, serve: Callable[[Any], dict[str, Any]], pixels: str
) -> Iterator[tf.lite.TFLiteConverter]:
    """TensorFlow's converter of a function of an image of the network's size."""
    # A static batch: otherwise dilated convolutions become SPACE_TO_BATCH and batch
    # normalisation is not folded.
    shape = (1, *network.input_shape[1:])
    archive: Any = keras.export.ExportArchive()
    archive.track(network)
    archive.add_endpoint("serve", serve, [tf.TensorSpec(shape, pixels, name="image")])
    with tempfile.TemporaryDirectory() as folder:
        with silenced():
            archive.write_out(folder, verbose=False)
        litert = tf.lite.TFLiteConverter.from_saved_model(
            folder, signature_keys=["serve"]
        )
        litert.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        yield litert


def _converted(network, litert, keep_float) -> tuple[bytes, Exception | None]:
    """The bytes of the file, or the converter's error.

    Not raised here: `silenced` would then print the pages that the converter writes.
    """
    with silenced(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            if keep_float:
                return layer_errors.partly_quantised(network, litert, keep_float), None
            return litert.convert(), None
        except (tflite_convert().ConverterError, RuntimeError) as error:
            return b"", error


def _refusal(network, kind: str, error: str) -> str:
    """One line that says why a conversion failed, out of the converter's many."""
    problem = f"'{network.name}' does not convert to LiteRT {kind} with builtins only"
    pattern = r'"([^"@]*)@[^\n]*\'tf\.(\w+)\' op is neither a custom op nor a flex op'
    found = dict.fromkeys(re.findall(pattern, error))
    if not found:
        return f"{problem}: {' '.join(error.split())[:300]}"
    parts = []
    for place, operator in found:
        layer = ", ".join(layer_errors.layers_of(network, place)) or place
        instead = INSTEAD.get(operator, "layers made of other operators")
        parts.append(f"{operator} in layer '{layer}': use {instead}")
    return f"{problem}. LiteRT lacks {'; '.join(parts)}."
