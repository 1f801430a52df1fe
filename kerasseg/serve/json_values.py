"""Arrays from TF Serving's JSON, and back.

https://www.tensorflow.org/tfx/serving/api_rest, "Predict API". Whatever does not fit is
a ServingError, INVALID_ARGUMENT.
"""

from __future__ import annotations

import base64
import gc
import re
from typing import Any, NamedTuple

import numpy as np
import orjson
import tensorflow as tf

from kerasseg.serve import casting
from kerasseg.serve.errors import ServingError, invalid_argument
from kerasseg.serve.model import DEFAULT, SERVE_BYTES, Model

BYTES = "_bytes"
"""Ending of the names of binary outputs, which are {"b64": ...} in JSON."""
KEYS = {"signature_name", "instances", "inputs", "output_filter"}


class Request(NamedTuple):
    """A predict request. outputs: names of those that are wanted, () for all.

    in_rows: whether it came as `instances`, and goes as `predictions`.
    """

    signature: str
    inputs: dict[str, np.ndarray]
    outputs: tuple[str, ...]
    in_rows: bool


def parsed(body: bytes, model: Model) -> Request:
    """The request in a body; see `_parsed`.

    A picture is a list for each of its pixels. They hold no circles, and looking for
    some among them, and all of TensorFlow, takes longer than all else here.
    """
    gc.disable()
    try:
        return _parsed(body, model)
    finally:
        gc.enable()


def answer(outputs: dict[str, np.ndarray], in_rows: bool, limit: int) -> bytes:
    """A REST predict response: predictions in rows, or outputs by name.

    Raises ServingError for NaN and infinity (INTERNAL), and for more than about `limit`
    bytes, before they are written.
    """
    numbers = sum(one.size for one in outputs.values() if one.dtype.kind == "f")
    if 10 * numbers > limit:
        raise invalid_argument(
            f"The answer would be about {numbers / 1e5:.0f} MB of JSON, more than "
            f'{limit / 1e6:g} MB. Ask for the class map alone: "output_filter": '
            '["class_map"], or signature serve_bytes; ask by gRPC; or start the server '
            "with a larger --limit."
        )
    values = {
        name: _listed(_encoded(one) if name.endswith(BYTES) else _plain(one))
        for name, one in outputs.items()
    }
    single = next(iter(values.values())) if len(values) == 1 else None
    if not in_rows:
        found: Any = {"outputs": values if single is None else single}
    elif single is not None:
        found = {"predictions": single}
    else:
        rows = zip(*values.values(), strict=True)
        found = {"predictions": [dict(zip(values, row, strict=True)) for row in rows]}
    return orjson.dumps(found, option=orjson.OPT_SERIALIZE_NUMPY)


def _parsed(body: bytes, model: Model) -> Request:
    """The request in a body.

    Encoded pictures without a signature_name are for serve_bytes, where there is one:
    serving_default takes pixels. `output_filter` is as in gRPC; TF Serving has it there
    only. Raises ServingError.
    """
    try:
        request = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        word = re.match(
            rb"-?(NaN|Infinity)", body[max(error.pos - 2, 0) :].lstrip(b"[ ,")
        )
        reason = f"{word[0].decode()} is not a number in JSON" if word else error
        raise invalid_argument(f"The body is not JSON: {reason}.") from error
    if not isinstance(request, dict):
        raise invalid_argument("The body must be a JSON object.")
    if set(request) - KEYS or ("instances" in request) == ("inputs" in request):
        raise invalid_argument("The body must have instances or inputs, one of them.")
    signature, in_rows = _signature(request, model), "instances" in request
    expected = model.inputs(signature)
    if in_rows:
        given: dict = _columns(request["instances"], expected)
    else:
        given = _by_name(request["inputs"], expected)
    outputs = request.get("output_filter") or []
    if not isinstance(outputs, list) or not all(isinstance(n, str) for n in outputs):
        raise invalid_argument("output_filter must be a list of names of outputs.")
    inputs = {n: _array(signature, n, one, model) for n, one in given.items()}
    return Request(signature, inputs, tuple(outputs), in_rows)


def _signature(request: dict, model: Model) -> str:
    asked = request.get("signature_name") or ""
    if not isinstance(asked, str):
        raise invalid_argument("signature_name must be a string.")
    if asked:
        return asked
    inputs = model.signatures.get(DEFAULT, ({}, {}))[0]
    has_text = any(spec.dtype == tf.string for spec in inputs.values())
    values = request.get("instances", request.get("inputs"))
    is_encoded = model.takes_bytes and not has_text and _holds_bytes(values)
    return SERVE_BYTES if is_encoded else DEFAULT


def _holds_bytes(values: Any) -> bool:
    """Whether a list, or what is named first, begins with {"b64": ...}."""
    for _ in range(3):
        if isinstance(values, dict):
            if set(values) == {"b64"}:
                return True
            values = next(iter(values.values()), None)
        elif isinstance(values, list):
            values = values[0] if values else None
    return False


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


def _array(signature: str, name: str, value, model: Model) -> np.ndarray:
    spec = model.inputs(signature).get(name)
    if spec is None:
        raise invalid_argument(
            f"The signature '{signature}' has no input '{name}'. It takes "
            f"{', '.join(sorted(model.inputs(signature)))}."
        )
    if spec.dtype == tf.string:
        if not isinstance(value, list):
            hint = " Put the one into a list." if _holds_bytes(value) else ""
            raise invalid_argument(f"Input '{name}' must be a list of strings.{hint}")
        out = np.empty(len(value), object)
        out[:] = [_bytes(name, one) for one in value]
        return out
    if _holds_bytes(value):
        raise invalid_argument(
            f"Input '{name}' is pixels, an array of numbers. "
            f"{model.bytes_hint(signature)}"
        )
    return casting.of_json(name, value, spec.dtype.as_numpy_dtype)


def _bytes(name: str, value) -> bytes:
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    if not isinstance(value, dict) or set(value) != {"b64"}:
        raise invalid_argument(f'Input \'{name}\' takes strings or {{"b64": "..."}}.')
    return casting.from_base64(name, value["b64"])


def _encoded(array: np.ndarray) -> np.ndarray:
    """Bytes as {"b64": ...}."""
    out = np.empty(array.shape, object)
    flat = [{"b64": base64.b64encode(one).decode()} for one in array.ravel().tolist()]
    out.ravel()[:] = flat
    return out


def _plain(array: np.ndarray) -> np.ndarray:
    """What JSON has: numbers and text. Raises ServingError for NaN and infinity."""
    if array.dtype == object:
        out = np.empty(array.shape, object)
        flat = [one.decode("utf-8", "replace") for one in array.ravel().tolist()]
        out.ravel()[:] = flat
        return out
    if array.dtype.kind not in "iufb":
        array = array.astype(np.float32)  # bfloat16
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ServingError("INTERNAL", "JSON has no number for NaN and infinity.")
    return array


def _listed(array: np.ndarray) -> Any:
    """What orjson writes: an array of numbers as it is, all else as lists."""
    simple = array.dtype.kind in "iufb" and array.ndim
    return np.ascontiguousarray(array) if simple else array.tolist()
