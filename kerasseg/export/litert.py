"""LiteRT (TFLite) files for devices: raw pixels in, class map out, builtins only."""

from __future__ import annotations

import tempfile
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from kerasseg import atomic
from kerasseg.inference import class_map, network_size
from kerasseg.quiet import silenced


def write(network, path: str | Path) -> Path:
    """Writes a float32 LiteRT file at the network's size (h, w), batch 1.

    Signatures: class_map: image uint8 (1, h, w, 3), RGB -> class_map uint8 (1, h, w);
    probabilities: the same image -> probabilities float32 (1, h, w, C).

    Raises ValueError when the network needs an operator that LiteRT does not have
    itself, naming the operators.
    """
    spec = [tf.TensorSpec((1, *network_size(network), 3), tf.uint8, name="image")]
    # A static batch: otherwise dilated convolutions become SPACE_TO_BATCH and batch
    # normalisation is not folded.
    archive = keras.export.ExportArchive()
    archive.track(network)

    def logits(image):
        return network(tf.cast(image, tf.float32), training=False)

    archive.add_endpoint(
        "class_map", lambda image: {"class_map": class_map(logits(image))}, spec
    )
    archive.add_endpoint(
        "probabilities",
        lambda image: {"probabilities": tf.nn.softmax(logits(image))},
        spec,
    )
    with tempfile.TemporaryDirectory() as folder, silenced():
        archive.write_out(folder, verbose=False)
        converter = tf.lite.TFLiteConverter.from_saved_model(
            folder, signature_keys=["class_map", "probabilities"]
        )
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        try:
            data = converter.convert()
        except Exception as error:
            raise ValueError(
                f"The network does not convert to LiteRT builtins: {error}"
            ) from error
    atomic.write_bytes(path, data)
    return Path(path)


def reader(path: str | Path, threads: int = 2):
    """Function: uint8 image (h, w, 3) -> class map uint8 (h, w), run by LiteRT."""
    from ai_edge_litert.interpreter import Interpreter

    with silenced():
        interpreter = Interpreter(model_path=str(path), num_threads=threads)
    run = interpreter.get_signature_runner("class_map")
    return lambda image: run(image=np.ascontiguousarray(image[None]))["class_map"][0]
