"""One version of a SavedModel: checks inputs against its signatures, and runs them.

Uses TensorFlow alone, no Keras.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis import prediction_log_pb2

from kerasseg import UserError
from kerasseg.export.saved_model import warmup
from kerasseg.serve.errors import ServingError, invalid_argument


@dataclass(frozen=True)
class Spec:
    """An input or output of a signature; shape has None where any length will do."""

    shape: tuple[int | None, ...]
    dtype: tf.DType


class Model:
    """A loaded version, warmed up. folder: its name is the number of the version.

    signatures: name -> (inputs, outputs), dicts of `Spec`; definitions: name ->
    SignatureDef as stored. Raises UserError for a folder that cannot be loaded.
    """

    def __init__(self, folder: Path):
        self.version = int(folder.name)
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
        self._warm_up(folder / warmup.FILE)

    def inputs(self, signature: str) -> dict[str, Spec]:
        """Inputs of a signature by name; ServingError for an unknown signature."""
        return self._signature(signature)[0]

    def outputs(self, signature: str) -> dict[str, Spec]:
        """Outputs of a signature by name; ServingError for an unknown signature."""
        return self._signature(signature)[1]

    def check(self, signature: str, values: dict[str, np.ndarray]) -> int:
        """The number of rows of the inputs; ServingError for what does not fit."""
        specs = self.inputs(signature)
        if set(values) != set(specs):
            raise invalid_argument(
                f"Signature '{signature}' takes {', '.join(sorted(specs))}; got "
                f"{', '.join(sorted(values)) or 'no input'}.",
            )
        for name, spec in specs.items():
            value = values[name]
            dtype = spec.dtype.as_numpy_dtype
            right = value.dtype == (object if spec.dtype == tf.string else dtype)
            if not right or not tf.TensorShape(spec.shape).is_compatible_with(
                value.shape
            ):
                raise invalid_argument(
                    f"Input '{name}' of signature '{signature}' is {spec.dtype.name} "
                    f"{_sizes(spec.shape)}; got {_dtype(value)} {_sizes(value.shape)}.",
                )
        rows = {len(value) for value in values.values()}
        if len(rows) != 1 or not all(value.size for value in values.values()):
            raise invalid_argument("The request has no rows.")
        return rows.pop()

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
        for record in tf.data.TFRecordDataset(str(file)).take(1000):
            log = prediction_log_pb2.PredictionLog.FromString(record.numpy())
            request = log.predict_log.request
            values = {key: tf.make_ndarray(one) for key, one in request.inputs.items()}
            self.run(request.model_spec.signature_name, values)


def _specs(tensors) -> dict[str, Spec]:
    return {
        name: Spec(tuple(one.shape.as_list()), one.dtype)
        for name, one in sorted(tensors.items())
    }


def _reason(error) -> str:
    """The assertion in a TensorFlow error, without the stack of the graph."""
    found = re.search(r"assertion failed: \[(.*?)\]\n", error.message + "\n", re.DOTALL)
    return found[1] if found else _first_line(error)


def _first_line(error) -> str:
    text = getattr(error, "message", None) or str(error)
    return re.sub(r"\{\{.*?\}\}", "", text).strip().split("\n")[0]


def _sizes(shape) -> str:
    return f"({', '.join('any' if n is None else str(n) for n in shape)})"


def _dtype(value) -> str:
    return "string" if value.dtype == object else value.dtype.name
