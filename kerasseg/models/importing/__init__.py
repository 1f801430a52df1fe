"""Trained networks of other libraries, as networks of `kerasseg.models`.

A source is a module here with an attribute `SOURCE`, and a line in `SOURCES`. It says
which of our networks a file is (`Match`): a name of MODELS, its options, the tensors of
the file, and for each of our layers where its numbers lie in it. `convert` builds that
network, fills it and checks that each layer is filled and that each tensor has its
place. To add a source:

    def match(request: Request) -> Match:
        tensors = torch_files.read(request.file)
        ...
        return Match("unet", {"variant": "smp"}, classes, tensors, place, LEFT_OUT)

    SOURCE = Source(names=("Unet", "FPN"), size=(512, 512), match=match)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from kerasseg import UserError

if TYPE_CHECKING:
    import numpy as np

Tensors: TypeAlias = "Mapping[str, np.ndarray]"
"""The tensors of a Torch file by name, axes in Torch's order."""


class Channels(NamedTuple):
    """Input channels first..last-1 of the kernel of one Torch layer: of a convolution
    over maps that are concatenated there and added here."""

    prefix: str
    first: int
    last: int


Place: TypeAlias = Callable[[str], "str | Channels"]
"""Name of a Keras layer -> how the names of its tensors begin in the file, without the
last dot: "encoder_conv1_bn" -> "backbone.bn1". "" for a layer that has none."""


@dataclass(frozen=True)
class Request:
    """What is to be imported."""

    file: Path
    name: str
    """Of the network in its library; "" where the file is to say it."""
    size: tuple[int, int]
    """Height and width of the images, pixels."""
    encoder: str = ""
    """Of the network in its library, where the name does not say it."""
    classes: int = 0
    """How many, where the file does not say it."""


@dataclass(frozen=True)
class Match:
    """Which of our networks a file is."""

    model: str
    """Name in `kerasseg.models.MODELS`."""
    options: dict[str, Any]
    num_classes: int
    tensors: Tensors = field(default_factory=dict)
    place: Place | None = None
    """None: the options alone fill the network."""
    left_out: Sequence[str] = ()
    """Patterns (`fnmatch`) of tensors that are known to have no place here."""
    class_names: tuple[str, ...] = ()
    """(): the file does not say them."""
    exclusive: bool = True
    """Whether a pixel has one class; False: each class has a sigmoid of its own."""


@dataclass(frozen=True)
class Source:
    """A library whose files are read."""

    names: tuple[str, ...]
    """Its networks that have a counterpart here; (): `match` tells."""
    size: tuple[int, int]
    """Height and width where the user names none."""
    match: Callable[[Request], Match]
    """Raises UserError for a file that is none of its own, damaged or would run code,
    and for what the request must say beside the file."""
    encoders: tuple[str, ...] = ()
    """Its encoders that have a counterpart here, where a name does not say one."""


SOURCES = {"torchvision": "torchvision", "smp": "smp", "applications": "applications"}
"""Name on the command line -> module in this package."""


def source(name: str) -> Source:
    """The source called `name`. Raises UserError, with those that are known."""
    if name not in SOURCES:
        raise UserError(f"Unknown source '{name}'. Known: {', '.join(SOURCES)}.")
    module = import_module(f"kerasseg.models.importing.{SOURCES[name]}")
    found: Source = module.SOURCE
    return found
