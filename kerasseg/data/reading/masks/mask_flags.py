"""What a user says about the masks of a data set: the flags of `prepare folder`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from kerasseg import UserError
from kerasseg.console.flags import ANY

PerClass = Literal["", "suffix", "folders", "pages", "channels"]
ReadAs = Literal["auto", "ids", "colours"]


@dataclass(frozen=True)
class MaskFlags:
    """How masks are to be read, where their files alone do not settle it."""

    legend: str = ""
    """File of class names, if it is not classes.txt or legend.txt in the folder."""
    read_as: ReadAs = "auto"
    """ids: numbers and palette indices are the classes. colours: the colours are."""
    binary: bool = False
    """Two values: background and foreground (0 and 1, 0 and 255, white on black)."""
    threshold: Annotated[float | None, ANY] = None
    """Probabilities or gray levels: foreground from this value on, in the units of the
    files (0.5 for 0 to 1, 128 for 0 to 255)."""
    alpha: bool = False
    """The mask is the alpha channel: transparent is background."""
    bits: bool = False
    """Each bit of a number is a class of its own; no bit is background."""
    per_class: PerClass = ""
    """One layer for each class: x_car.png beside x_road.png (suffix), car/x.png and
    road/x.png (folders), the pages of a TIFF, or the channels of a picture."""
    overlap: bool = False
    """A pixel may be of several classes: each is asked for itself, and there is no
    background. Where layers overlap widely this is found out."""
    exclusive: bool = False
    """A pixel is of one class: where layers overlap it is ignored."""
    ignore: Annotated[tuple[int, ...], ANY] = ()
    """Ids that are ignored beside 255: --ignore 0, --ignore 254 65535."""
    ignore_colour: tuple[tuple[int, int, int], ...] = ()
    """Colours that are ignored: --ignore-colour 224 224 192."""
    map: str = ""
    """Table of lines "id,class", "name,class" or "R,G,B,class"; many to one, and
    "ignore" or nothing as the class for what is ignored."""
    compact: bool = False
    """Numbers the ids that occur 0, 1, 2, ... in their order."""
    assume: bool = False
    """What would be refused is read as it most likely is, and said: two values are
    background and foreground, colours without names are classes, numbers with gaps are
    numbered anew. Flags and legends come before it; `prepare auto` does it."""

    def __post_init__(self) -> None:
        said = {
            "--binary": self.binary,
            "--threshold": self.threshold is not None,
            "--alpha": self.alpha,
            "--bits": self.bits,
            "--per-class": bool(self.per_class),
        }
        kinds = [flag for flag, given in said.items() if given]
        if len(kinds) > 1:
            raise UserError(
                f"{' and '.join(kinds)} say two things about the same masks. Keep one."
            )
        if self.overlap and self.exclusive:
            raise UserError("--overlap and --exclusive exclude each other. Keep one.")
        if self.exclusive and not (self.bits or self.per_class):
            raise UserError(
                "--exclusive is for masks of layers (--per-class, --bits); all others "
                "say one class a pixel anyway. Leave it out."
            )
        for flag, given in (
            ("--map", bool(self.map)),
            ("--compact", self.compact),
            ("--read-as", self.read_as != "auto"),
        ):
            if kinds and given:
                raise UserError(
                    f"{flag} is for masks of ids or colours, {kinds[0]} says that "
                    "they are something else. Keep one."
                )
        if self.compact and self.map:
            raise UserError("--map already numbers the classes. Leave out --compact.")
        for colour in self.ignore_colour:
            if len(colour) != 3 or not all(0 <= value <= 255 for value in colour):
                raise UserError(
                    f"--ignore-colour takes three numbers 0 to 255, got {colour}."
                )
