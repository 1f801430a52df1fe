"""One version of a SavedModel: checks inputs against its signatures, and runs them.

Uses TensorFlow alone, no Keras.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis import prediction_log_pb2

from kerasseg import UserError
from kerasseg.export.saved_model import warmup
from kerasseg.serve.casting import exactly
from kerasseg.serve.errors import ServingError, invalid_argument

SERVE_BYTES, DEFAULT = "serve_bytes", "serving_default"
"""The signature that takes encoded pictures, and the one that is asked without a name.
"""
ASSETS = ("taxonomy", "image_format")
"""What an export says of its network, in assets/NAME.json."""


@dataclass(frozen=True)
class Spec:
    """An input or output of a signature; shape has None where any length will do."""

    shape: tuple[int | None, ...]
    dtype: tf.DType


class Model:
    """A loaded version, warmed up. folder: its name is the number of the version; name:
    of the model.

    signatures: name -> (inputs, outputs), dicts of `Spec`; definitions: name ->
    SignatureDef as stored; assets: name -> what its JSON file says. Raises UserError
    for a folder that cannot be loaded.
    """

    def __init__(self, folder: Path, name: str = ""):
        self.version, self.name = int(folder.name), name
        try:
            self._loaded = tf.saved_model.load(str(folder))
        except (OSError, ValueError, tf.errors.OpError) as error:
            raise UserError(
                f"{folder} is not a SavedModel, or is damaged: {_first_line(error)} "
                "Write it again with python -m kerasseg.export."
            ) from error
        functions = self._loaded.signatures
        self.signatures = {
            name: (
                _specs(function.structured_input_signature[1]),
                _specs(function.structured_outputs),
            )
            for name, function in functions.items()
        }
        if not self.signatures:
            raise UserError(f"{folder} has no signature that could be served.")
        data = (folder / "saved_model.pb").read_bytes()
        stored = saved_model_pb2.SavedModel.FromString(data).meta_graphs[0]
        self.definitions = {
            name: stored.signature_def[name] for name in self.signatures
        }
        files = {name: folder / "assets" / f"{name}.json" for name in ASSETS}
        self.assets = {n: _read(file) for n, file in files.items() if file.is_file()}
        self._warm_up(folder / warmup.FILE)

    @property
    def takes_bytes(self) -> bool:
        """Whether signature serve_bytes takes encoded pictures, and nothing else."""
        inputs = list(self.signatures.get(SERVE_BYTES, ({}, {}))[0].values())
        return len(inputs) == 1 and inputs[0].dtype == tf.string

    @property
    def takes_levels(self) -> bool:
        """Whether pixels are whole numbers: 0..255, or as assets/image_format.json
        says."""
        kind = self.assets.get("image_format", {}).get("type", "uint8")
        return "taxonomy" in self.assets and kind.startswith("uint")

    def by_rows(self, signature: str) -> bool:
        """Whether each row of the outputs is the answer to one row of the inputs, so
        that requests can be put together and taken apart."""
        inputs, outputs = self._signature(signature)
        specs = [*inputs.values(), *outputs.values()]
        return all(spec.shape[:1] == (None,) for spec in specs)

    def inputs(self, signature: str) -> dict[str, Spec]:
        """Inputs of a signature by name; ServingError for an unknown signature."""
        return self._signature(signature)[0]

    def outputs(self, signature: str) -> dict[str, Spec]:
        """Outputs of a signature by name; ServingError for an unknown signature."""
        return self._signature(signature)[1]

    def fitted(
        self, signature: str, values: dict[str, np.ndarray]
    ) -> dict[str, np.ndarray]:
        """The inputs in the types that the signature takes, and as many rows of each.

        Numbers are cast where the other type holds them exactly. Raises ServingError
        for what does not fit.
        """
        specs = self.inputs(signature)
        if set(values) != set(specs):
            raise invalid_argument(
                f"Signature '{signature}' takes {', '.join(sorted(specs))}; got "
                f"{', '.join(sorted(values)) or 'no input'}.",
            )
        values = {name: self._cast(signature, name, values[name]) for name in specs}
        rows = {len(value) for value in values.values() if value.ndim}
        if len(rows) > 1 or not all(value.size for value in values.values()):
            raise invalid_argument("The request has no rows.")
        return values

    def _cast(self, signature: str, name: str, value: np.ndarray) -> np.ndarray:
        spec = self.inputs(signature)[name]
        is_text = spec.dtype == tf.string
        cast: np.ndarray | None = value
        if is_text != (value.dtype == object):
            cast = None
        elif not is_text:
            cast = exactly(value, spec.dtype.as_numpy_dtype)
        if cast is not None and tf.TensorShape(spec.shape).is_compatible_with(
            value.shape
        ):
            return cast
        raise invalid_argument(
            f"Input '{name}' of signature '{signature}' is {spec.dtype.name} "
            f"{_sizes(spec.shape)}; got {_dtype(value)} {_sizes(value.shape)}."
            f"{self._hint(signature, spec, value)}"
        )

    def _hint(self, signature: str, spec: Spec, value: np.ndarray) -> str:
        """What to do about a value that does not fit, or ""."""
        if value.dtype == object and spec.dtype != tf.string:
            return f" {self.bytes_hint(signature)}"
        if spec.dtype != tf.string and value.ndim + 1 == len(spec.shape):
            return " Pixels come in batches: put the image into a list."
        if value.dtype.kind == "f" and tf.TensorShape(spec.shape).is_compatible_with(
            value.shape
        ):
            return f" Not all of these numbers are {spec.dtype.name}: convert them."
        return ""

    def bytes_hint(self, asked: str = "") -> str:
        """Where encoded pictures are to be sent, in place of the signature `asked`."""
        if self.takes_bytes:
            twin = f"serve_{asked}"  # serve_probabilities for probabilities
            name = twin if twin in self.signatures else SERVE_BYTES
            return f'Encoded pictures go to "signature_name": "{name}".'
        return "This network takes pixels only, no encoded pictures."

    def run(
        self, signature: str, values: dict[str, np.ndarray]
    ) -> dict[str, np.ndarray]:
        """All outputs of a signature, by name. Raises ServingError."""
        inputs = {
            name: tf.constant(value, self.inputs(signature)[name].dtype)
            for name, value in values.items()
        }
        try:
            answers = self._loaded.signatures[signature](**inputs)
            return {name: answer.numpy() for name, answer in answers.items()}
        except tf.errors.InvalidArgumentError as error:
            raise invalid_argument(_reason(error)) from error
        except tf.errors.ResourceExhaustedError as error:
            raise ServingError("RESOURCE_EXHAUSTED", "Out of memory.") from error
        except tf.errors.OpError as error:
            raise ServingError("INTERNAL", _reason(error)) from error

    def _signature(self, signature: str):
        if signature not in self.signatures:
            raise invalid_argument(
                f'Serving signature name: "{signature}" not found. There are '
                f"{', '.join(self.signatures)}.",
            )
        return self.signatures[signature]

    def _warm_up(self, file: Path) -> None:
        if not file.is_file():
            return
        try:
            records = list(tf.data.TFRecordDataset(str(file)).take(1000))
            read = sum(len(one.numpy()) + 16 for one in records)  # length and checksums
            if len(records) < 1000 and read != file.stat().st_size:
                raise UserError("it is damaged or cut short.")
            for record in records:
                log = prediction_log_pb2.PredictionLog.FromString(record.numpy())
                request = log.predict_log.request
                values = {n: tf.make_ndarray(one) for n, one in request.inputs.items()}
                signature = request.model_spec.signature_name or DEFAULT
                self.run(signature, self.fitted(signature, values))
        except Exception as error:  # whatever a damaged file makes of itself
            raise UserError(
                f"{file} cannot be run, so that this version is not served: "
                f"{_first_line(error)} Write it again with python -m kerasseg.export."
            ) from error


def _read(file: Path) -> dict:
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{file} is not JSON: {error}") from error
    return values if isinstance(values, dict) else {}


def _specs(tensors) -> dict[str, Spec]:
    return {
        name: Spec(tuple(one.shape.as_list()), one.dtype)
        for name, one in sorted(tensors.items())
    }


def _reason(error) -> str:
    """The assertion in a TensorFlow error, without the stack of the graph."""
    found = re.search(r"assertion failed: \[(.*?)\]\n", error.message + "\n", re.DOTALL)
    text = found[1] if found else _first_line(error)
    if re.search(r"more than the \d+ allowed$", text):
        text += ". Make it smaller, or export again with a larger --max-pixels"
    return text


def _first_line(error) -> str:
    text = getattr(error, "message", None) or str(error)
    return re.sub(r"\{\{.*?\}\}", "", text).strip().split("\n")[0]


def _sizes(shape) -> str:
    return f"({', '.join('any' if n is None else str(n) for n in shape)})"


def _dtype(value) -> str:
    return "string" if value.dtype == object else value.dtype.name
