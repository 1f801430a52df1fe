"""From a file of another library to a filled network of this one."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kerasseg import UserError, models
from kerasseg.models.importing import Match, Request, source

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Imported:
    """A network of ours with the weights of another library's."""

    network: keras.Model
    match: Match
    left_out: tuple[str, ...]
    """Names of the tensors that have no place, as is known."""

    @property
    def options(self) -> dict[str, Any]:
        """Those of the network, without its weights' file, which lie in it now."""
        return {key: v for key, v in self.match.options.items() if key != "weights"}


def convert(library: str, request: Request) -> Imported:
    """Reads the file and gives the network that it is of.

    Args:
        library: a name of `SOURCES`.
        request: the file, the network's name there and the size.

    Raises:
        UserError: for an unknown library or network, a file that is missing, damaged,
            of another network or that would run code, and a size that the network
            cannot take.
    """
    found = _match(library, request)
    options = dict(found.options)
    if found.place:
        known = inspect.signature(models.function(found.model)).parameters
        options |= {"weights": "none"} if "weights" in known else {}
    shape = (*request.size, 3)
    network = models.build(found.model, found.num_classes, shape, **options)
    if not found.place:
        return Imported(network, found, ())
    from kerasseg.models.importing import torch_layers

    left_out = torch_layers.fill(
        network,
        found.tensors,
        found.place,
        found.left_out,
        file=request.file.name,
        wanted=f"{library}'s {request.name}" if request.name else found.model,
    )
    return Imported(network, found, tuple(left_out))


def _match(library: str, request: Request) -> Match:
    """What the library says of the file, and whether it is what was asked for."""
    known = source(library)
    for what, asked, names in (
        ("network", request.name, known.names),
        ("encoder", request.encoder, known.encoders),
    ):
        if asked and names and asked not in names:
            raise UserError(
                f"No {what} '{asked}' of {library} is known here. Known: "
                f"{', '.join(names)}."
            )
    if request.encoder and not known.encoders:
        raise UserError(f"The names of {library} say the encoder; leave --encoder out.")
    if min(request.size) < 1:
        raise UserError(f"Expected a size of two positive numbers, got {request.size}.")
    found = known.match(request)
    if request.classes not in (0, found.num_classes):
        raise UserError(
            f"{request.file.name} tells {found.num_classes} classes apart, and "
            f"--classes says {request.classes}. Leave it out."
        )
    return found
