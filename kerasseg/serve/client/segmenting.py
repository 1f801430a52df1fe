"""What RestClient and GrpcClient have in common: pictures in, class maps out."""

from __future__ import annotations

import abc
import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import cv2
import numpy as np

from kerasseg.inference.network_input import network_input
from kerasseg.serve.client.network import Network
from kerasseg.serve.errors import ServingError, invalid_argument
from kerasseg.serve.picture_files import as_png, encoded

SERVE_BYTES, DEFAULT = "serve_bytes", "serving_default"
"""Signatures: of encoded pictures, and of pixels."""
CLASS_MAPS = "class_map_png_bytes"
"""The output of signature serve_bytes that holds the class maps."""


class Client(abc.ABC):
    """What RestClient and GrpcClient have in common. To be used in a `with` block."""

    def segment(self, pictures: Sequence[bytes | Path]) -> list[np.ndarray]:
        """Files, or JPEG or PNG bytes, of any sizes -> an (H, W) class map each: uint8,
        of more than 255 classes uint16. Where classes overlap (H, W, C) of 0 and 1.

        Files are read as `predict` reads them; what is no JPEG or PNG is sent as PNG,
        and what no PNG holds as pixels, one picture at a time.

        Raises ServingError: INVALID_ARGUMENT with "image_bytes[INDEX]" where a picture
        cannot be read, see also `predict`.
        """
        sent = [p if isinstance(p, bytes) else self._sent(p) for p in pictures]
        if any(isinstance(one, np.ndarray) for one in sent):
            return [self._map_of(one) for one in sent]
        inputs = np.empty(len(sent), object)
        inputs[:] = sent
        answer = self.predict(SERVE_BYTES, {"image_bytes": inputs}, (CLASS_MAPS,))
        return [_class_map(png) for png in answer[CLASS_MAPS].tolist()]

    def predict(
        self,
        signature: str,
        inputs: Mapping[str, np.ndarray],
        outputs: Sequence[str] = (),
    ) -> dict[str, np.ndarray]:
        """Outputs of a signature by name, those named in `outputs`; empty: all of them.

        Raises ServingError with gRPC's code: INVALID_ARGUMENT where the request does
        not fit, UNAVAILABLE where no server answers, DEADLINE_EXCEEDED where one is
        too slow.
        """
        return self._predict(signature, inputs, outputs)

    @functools.cached_property
    def network(self) -> Network:
        """What the server says of the network; asked once. Raises ServingError."""
        return Network.of_metadata(self._metadata())

    def version(self) -> int:
        """The newest version that is served. Raises ServingError when there is none."""
        ready = self._ready_versions()
        if not ready:
            raise ServingError("UNAVAILABLE", "No version is ready.")
        return max(ready)

    @abc.abstractmethod
    def close(self) -> None:
        """Closes the connections."""

    def _sent(self, file: Path) -> bytes | np.ndarray:
        """A picture file as the network takes it: a JPEG or PNG, or else pixels."""
        network, image_format = self.network, self.network.image_format
        if image_format is None or image_format.is_rgb8:
            return encoded(file)
        pixels, _ = network_input(file, image_format)
        return as_png(pixels, file) if network.takes_bytes else pixels

    def _map_of(self, picture: bytes | np.ndarray) -> np.ndarray:
        if isinstance(picture, bytes):
            raise invalid_argument("This network takes pixels only, no JPEG and PNG.")
        image = {"image": picture[None].astype(np.float32)}
        return self.predict(DEFAULT, image, ("class_map",))["class_map"][0]

    @abc.abstractmethod
    def _predict(self, signature: str, inputs, outputs) -> dict[str, np.ndarray]: ...

    @abc.abstractmethod
    def _ready_versions(self) -> list[int]: ...

    @abc.abstractmethod
    def _metadata(self) -> dict[str, Any]: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_) -> None:
        self.close()


def _class_map(png: bytes | list[bytes]) -> np.ndarray:
    """The pixels of a gray PNG; of one for each class, all of them (H, W, C)."""
    if isinstance(png, list):
        return np.stack([_class_map(one) for one in png], -1)
    ids = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED)
    if ids is None or ids.ndim != 2:
        raise ServingError("INTERNAL", "The server's class map is not a gray PNG.")
    return ids
