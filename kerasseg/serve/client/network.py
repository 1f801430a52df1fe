"""What a server says of the network behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kerasseg.image_format import ImageFormat
from kerasseg.serve.errors import ServingError
from kerasseg.taxonomy import Taxonomy


@dataclass(frozen=True)
class Network:
    """A network behind a server.

    bands: of its images; classes: how many, 0 where the server does not say; exclusive:
    whether a pixel has one class, otherwise class maps are (H, W, classes) of 0 and 1;
    takes_bytes: whether encoded pictures can be sent (signature serve_bytes).
    outputs: names of the outputs of each signature.
    taxonomy, image_format: names of the classes and types of the pixels.
    `kerasseg.serve` sends both, TF Serving neither: then they are None.
    """

    bands: int
    classes: int
    exclusive: bool
    takes_bytes: bool
    outputs: dict[str, tuple[str, ...]]
    taxonomy: Taxonomy | None = None
    image_format: ImageFormat | None = None

    @classmethod
    def of_metadata(cls, metadata: dict[str, Any]) -> Network:
        """From the JSON of TF Serving's metadata: signature_def, and what
        `kerasseg.serve` adds. Raises ServingError."""
        try:
            signatures = metadata["signature_def"]["signature_def"]
            taxonomy, image_format = _assets(metadata)
        except (KeyError, TypeError, ValueError) as error:
            raise ServingError(
                "INTERNAL", f"The server's metadata cannot be read: {error}"
            ) from error
        images = _shapes(signatures, "inputs", "image")
        maps = _shapes(signatures, "outputs", "class_map")
        scores = _shapes(signatures, "outputs", "probabilities")
        exclusive = not any(len(shape) == 4 for shape in maps)
        known = [s[-1] for s in [*scores, *([] if exclusive else maps)] if s[-1] > 0]
        classes = known[0] if known else 0
        if taxonomy:
            classes, exclusive = taxonomy.num_classes, taxonomy.exclusive
        bands = images[0][-1] if images and images[0] else 0
        takes_bytes = "serve_bytes" in signatures
        outputs = {
            n: tuple(sorted(one.get("outputs", ()))) for n, one in signatures.items()
        }
        return cls(
            bands, classes, exclusive, takes_bytes, outputs, taxonomy, image_format
        )


def _assets(
    metadata: dict[str, Any],
) -> tuple[Taxonomy | None, ImageFormat | None]:
    if "taxonomy" not in metadata:
        return None, None
    taxonomy = Taxonomy.from_json(metadata["taxonomy"])
    # An export writes the image format only where it is not RGB of 8 bits.
    return taxonomy, ImageFormat.from_json(metadata.get("image_format"))


def _shapes(signatures: dict, side: str, name: str) -> list[list[int]]:
    """Shapes of an input or output in all signatures that have it."""
    found = []
    for one in signatures.values():
        shape = one.get(side, {}).get(name, {}).get("tensor_shape", {})
        sizes = [int(dim["size"]) for dim in shape.get("dim", [])]
        found += [sizes] if sizes else []
    return found
