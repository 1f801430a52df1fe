"""A client of TF Serving's REST."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np

from kerasseg import UserError
from kerasseg.serve.client.options import Options
from kerasseg.serve.client.segmenting import DEFAULT, SERVE_BYTES, Client
from kerasseg.serve.errors import ServingError, from_http_status, invalid_argument


class RestClient(Client):
    """A client of TF Serving's REST.

    address: "http://HOST:PORT" or "https://HOST:PORT"; model: its name there. Numbers
    come as JSON has them: int64 and float64. TF Serving sends all outputs anyway, and
    `kerasseg.serve` those that are asked for.
    """

    def __init__(self, address: str, model: str, options: Options | None = None):
        import urllib3

        self._options = options = options or Options()
        self._url = f"{address.rstrip('/')}/v1/models/{model}"
        retry = urllib3.Retry(
            options.retries,
            allowed_methods=None,  # also POST: a prediction changes nothing
            status_forcelist=(429, 503),
            backoff_factor=options.backoff,
            backoff_max=5,
            backoff_jitter=options.backoff,
            raise_on_status=False,
            redirect=0,
        )
        self._pool = urllib3.PoolManager(
            maxsize=32,
            retries=retry,
            timeout=urllib3.Timeout(total=options.timeout),
            ca_certs=options.ca or None,
        )

    def _predict(self, signature, inputs, outputs):
        body: dict[str, Any] = {"signature_name": signature}
        body["inputs"] = {name: _listed(value) for name, value in inputs.items()}
        if outputs and signature != SERVE_BYTES and self._of_kerasseg():
            body["output_filter"] = list(outputs)
        data = json.dumps(body).encode()
        found = self._ask("outputs", "POST", f"{self._url}:predict", data)
        if not isinstance(found, dict):  # the only output comes without its name
            found = {self._only_output(signature, outputs): found}
        missing = set(outputs) - set(found)
        if missing:
            raise invalid_argument(f"No output '{min(missing)}'.")
        try:
            return {name: _array(found[name]) for name in outputs or found}
        except (KeyError, TypeError, ValueError) as error:
            raise ServingError(
                "INTERNAL", f"The server sent no arrays: {error}"
            ) from error

    def _of_kerasseg(self) -> bool:
        """Whether the server is `kerasseg.serve`, as its metadata tells."""
        try:
            return self.network.taxonomy is not None
        except ServingError:
            return False

    def _only_output(self, signature: str, outputs) -> str:
        """The name of the only output of a signature, as the metadata tells."""
        try:
            (name,) = self.network.outputs[signature or DEFAULT]
        except (ServingError, KeyError, ValueError):
            name = outputs[0] if outputs else "output"
        return name

    def _ready_versions(self):
        states = self._ask("model_version_status", "GET", self._url)
        return [int(one["version"]) for one in states if one["state"] == "AVAILABLE"]

    def _metadata(self):
        return self._ask("metadata", "GET", f"{self._url}/metadata")

    def close(self) -> None:
        self._pool.clear()

    def _ask(self, key: str, method: str, url: str, body: bytes | None = None):
        """The value of `key` in the JSON object that comes back."""
        import urllib3

        self._options.check_size(len(body or b""))
        try:
            answer = self._pool.request(
                method,
                url,
                body=body,
                headers={"Content-Type": "application/json"},
                preload_content=False,
            )
            with answer:
                data = answer.read(self._options.limit + 1)
        except urllib3.exceptions.TimeoutError as error:
            raise ServingError("DEADLINE_EXCEEDED", str(error)) from error
        except urllib3.exceptions.HTTPError as error:
            late = isinstance(
                getattr(error, "reason", None), urllib3.exceptions.ReadTimeoutError
            )
            code = "DEADLINE_EXCEEDED" if late else "UNAVAILABLE"
            raise ServingError(code, str(error)) from error
        self._options.check_size(len(data))
        try:
            values = json.loads(data)
        except ValueError:
            values = None
        values = values if isinstance(values, dict) else {}
        if answer.status != 200 or key not in values:
            text = data[:200].decode("utf-8", "replace") or answer.reason
            raise from_http_status(answer.status, str(values.get("error", text)))
        return values[key]


def _listed(value) -> list:
    """An array as a list for JSON; bytes as {"b64": ...}."""
    value = np.asarray(value)
    if value.dtype != object:
        return value.tolist()
    return [{"b64": base64.b64encode(one).decode()} for one in value.tolist()]


def _array(value) -> np.ndarray:
    """The array of a list of JSON: bytes where it holds {"b64": ...}, else numbers."""
    if not isinstance(value, list):
        raise UserError(f"a list was expected, not {value!r}")
    first = value[0] if value else None
    if isinstance(first, list) and first and isinstance(first[0], dict):
        return np.stack([_array(one) for one in value])
    if not isinstance(first, dict):
        return np.asarray(value)
    out = np.empty(len(value), object)
    out[:] = [base64.b64decode(one["b64"]) for one in value]
    return out
