"""Arrays from TF Serving's JSON and TensorProto, and back, within a limit of bytes.

JSON: https://www.tensorflow.org/tfx/serving/api_rest, "Predict API". Whatever does not
fit is a ServingError, INVALID_ARGUMENT.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from kerasseg import UserError
from kerasseg.serve.errors import ServingError, invalid_argument
from kerasseg.serve.model import Spec

BYTES = "_bytes"
"""Ending of the names of binary outputs, which are {"b64": ...} in JSON."""


def from_proto(tensor: Any, limit: int) -> np.ndarray:
    """The array of a TensorProto of at most `limit` bytes.

    The bytes are counted before it is unpacked: a proto of few bytes can name any size,
    its last value is then repeated. Raises ServingError.
    """
    sizes = [dim.size for dim in tensor.tensor_shape.dim]
    if tensor.tensor_shape.unknown_rank or any(size < 0 for size in sizes):
        raise invalid_argument("The shape of a tensor must be known and not negative.")
    try:
        dtype = tf.as_dtype(tensor.dtype)
        if math.prod(sizes) * max(dtype.size or 8, 1) > limit:
            raise invalid_argument(
                f"A tensor of shape {sizes} is larger than {limit} bytes."
            )
        return tf.make_ndarray(tensor)
    except (TypeError, ValueError, KeyError) as error:
        raise invalid_argument(f"A tensor cannot be read: {error}") from error


def from_json(
    body: bytes, specs: Callable[[str], dict[str, Spec]]
) -> tuple[str, dict[str, np.ndarray], bool]:
    """(signature, inputs, whether in rows) of a REST predict request.

    specs: function: name of a signature -> its inputs. Raises ServingError.
    """
    try:
        request = json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise invalid_argument(f"The body is not JSON: {error}") from error
    if not isinstance(request, dict):
        raise invalid_argument("The body must be a JSON object.")
    signature = request.get("signature_name") or "serving_default"
    if not isinstance(signature, str):
        raise invalid_argument("signature_name must be a string.")
    unknown = set(request) - {"signature_name", "instances", "inputs"}
    if unknown or ("instances" in request) == ("inputs" in request):
        raise invalid_argument("The body must have instances or inputs, one of them.")
    expected, in_rows = specs(signature), "instances" in request
    if in_rows:
        given: dict = _columns(request["instances"], expected)
    else:
        given = _by_name(request["inputs"], expected)
    return (
        signature,
        {name: _array(name, one, expected.get(name)) for name, one in given.items()},
        in_rows,
    )


def to_json(outputs: dict[str, np.ndarray], in_rows: bool) -> bytes:
    """A REST predict response: predictions in rows, or outputs by name.

    Raises ServingError (INTERNAL) for NaN and infinity.
    """
    values = {
        name: _encoded(one) if name.endswith(BYTES) else _listed(one)
        for name, one in outputs.items()
    }
    single = next(iter(values.values())) if len(values) == 1 else None
    if not in_rows:
        answer = {"outputs": values if single is None else single}
    elif single is not None:
        answer = {"predictions": single}
    else:
        rows = zip(*values.values(), strict=True)
        answer = {"predictions": [dict(zip(values, row, strict=True)) for row in rows]}
    return json.dumps(answer).encode()


def _refuse_constant(word: str):
    raise invalid_argument(f"{word} is not a number in JSON.")


def _columns(instances, expected) -> dict[str, list]:
    if not isinstance(instances, list) or not instances:
        raise invalid_argument("instances must be a list that is not empty.")
    named = [isinstance(one, dict) and set(one) != {"b64"} for one in instances]
    if not any(named):
        return {_only(expected): instances}
    if not all(named) or any(set(one) != set(instances[0]) for one in instances):
        raise invalid_argument("All instances must name the same inputs.")
    return {name: [one[name] for one in instances] for name in instances[0]}


def _by_name(inputs, expected) -> dict[str, list]:
    if isinstance(inputs, dict) and set(inputs) != {"b64"}:
        return inputs
    return {_only(expected): inputs}


def _only(expected) -> str:
    if len(expected) != 1:
        raise invalid_argument(
            f"Name the inputs: the signature takes {', '.join(expected)}."
        )
    return next(iter(expected))


def _array(name: str, value, spec) -> np.ndarray:
    if spec is None:
        raise invalid_argument(f"The signature has no input '{name}'.")
    if spec.dtype == tf.string:
        if not isinstance(value, list):
            raise invalid_argument(f"Input '{name}' must be a list of strings.")
        out = np.empty(len(value), object)
        out[:] = [_bytes(name, one) for one in value]
        return out
    dtype = spec.dtype.as_numpy_dtype
    try:
        array = np.array(value)
        if array.dtype.kind not in "iuf":
            raise UserError("it holds something else than numbers")
        if np.issubdtype(dtype, np.integer):
            limits = np.iinfo(dtype)
            whole = array.dtype.kind in "iu" and array.size
            if not whole or array.min() < limits.min or array.max() > limits.max:
                raise UserError(f"it holds something else than {spec.dtype.name}")
        return array.astype(dtype)
    except (ValueError, TypeError, OverflowError) as error:
        reason = str(error).split(". ")[0]
        raise invalid_argument(
            f"Input '{name}' is not an array of numbers: {reason}."
        ) from error


def _bytes(name: str, value) -> bytes:
    if isinstance(value, str):
        return value.encode()
    if not isinstance(value, dict) or set(value) != {"b64"}:
        raise invalid_argument(f'Input \'{name}\' takes strings or {{"b64": "..."}}.')
    try:
        return base64.b64decode(value["b64"], validate=True)
    except (binascii.Error, TypeError, ValueError) as error:
        raise invalid_argument(
            f"Input '{name}' holds text that is not base64."
        ) from error


def _encoded(array) -> list:
    return [{"b64": base64.b64encode(one).decode()} for one in array.tolist()]


def _listed(array) -> list:
    if array.dtype == object:
        return [one.decode("utf-8", "replace") for one in array.tolist()]
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ServingError("INTERNAL", "JSON has no number for NaN and infinity.")
    return array.tolist()
