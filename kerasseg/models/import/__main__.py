"""`python -m kerasseg.models.import SOURCE FILE NAME OUT`: trained networks of others.

OUT is a .keras file, or a run folder where it ends otherwise: with the classes, the
settings and the network, for `python -m kerasseg.export`, `serve` and all the rest.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from kerasseg import UserError, config, runs
from kerasseg.console import command, flags, start_tensorflow
from kerasseg.console.flags import SIDE, Number
from kerasseg.files import atomic
from kerasseg.image_format import RGB
from kerasseg.models import importing
from kerasseg.models.importing import Request
from kerasseg.taxonomy import Taxonomy

if TYPE_CHECKING:
    from kerasseg.models.importing.convert import Imported

SHOWN = 4
"""Names of tensors that a line shows, of those that were left out."""


@dataclass(frozen=True)
class Import:
    """Make a network of kerasseg of a trained one of another library.

    torchvision: weights (.pth, .safetensors) of torchvision.models.segmentation.
    smp: those of Unet, FPN or DeepLabV3Plus of segmentation_models_pytorch, a
    checkpoint of Lightning around them, or a folder that save_pretrained wrote.
    applications: weights of a network of keras.applications, for the encoder of a
    network of ours; its last layers begin at random.
    """

    source: tyro.conf.Positional[str]
    """torchvision, smp or applications."""
    file: tyro.conf.Positional[Path]
    """The file of weights."""
    name: tyro.conf.Positional[str]
    """Of the network there, such as deeplabv3_resnet50 or Unet; for applications the
    name of one of ours, such as deeplab_v3plus_mobilenet_v2."""
    out: tyro.conf.Positional[Path]
    """NAME.keras, or a folder: a run with classes and settings, for all commands."""
    size: Annotated[tuple[int, int] | None, Number(1, SIDE)] = None
    """Height and width of the images, pixels; default: what the library trains with."""
    encoder: str = ""
    """Of the network there, where its name does not say it. smp's is found from the
    file, which must agree."""
    classes: Annotated[int, Number(0, 2**16)] = 0
    """Number of classes, where the file does not say it."""


@command
def main(argv: list[str]) -> None:
    asked = flags.parse(Import, argv, prog="python -m kerasseg.models.import")
    known = importing.source(asked.source)
    size = asked.size or known.size
    request = Request(asked.file, asked.name, size, asked.encoder, asked.classes)
    _check_free(asked.out)
    start_tensorflow()
    from kerasseg.models.importing.convert import convert

    made = convert(asked.source, request)
    taxonomy = _taxonomy(made)
    print(f"{asked.file.name}: {asked.source}'s {asked.name}")
    for line in _lines(made, request, taxonomy):
        print(f"  {line}")
    if asked.out.suffix == ".keras":
        _write_file(made, asked.out, taxonomy)
    else:
        _write_run(made, asked.out, taxonomy, request)


def _check_free(out: Path) -> None:
    """Raises UserError where something else is at `out`."""
    if out.suffix == ".keras":
        if out.is_dir():
            raise UserError(f"{out} is a folder. Name a file that is not there yet.")
    elif out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(
            f"{out} is there already. Name a new folder, or a file NAME.keras."
        )


def _taxonomy(made: Imported) -> Taxonomy:
    match = made.match
    names = match.class_names
    found = Taxonomy.named(names) if names else Taxonomy.numbered(match.num_classes)
    return dataclasses.replace(found, exclusive=match.exclusive)


def _options(made: Imported) -> list[str]:
    """As --model.options takes them."""
    return [
        f"{key}={json.dumps(value) if not isinstance(value, str) else value}"
        for key, value in made.options.items()
    ]


def _lines(made: Imported, request: Request, taxonomy: Taxonomy) -> list[str]:
    options = " ".join(_options(made))
    height, width = request.size
    said = [
        f"here {made.match.model} {options}".rstrip()
        + f", {made.network.count_params():,} parameters, images of {height} x {width}"
    ]
    first, last = taxonomy.names[0], taxonomy.names[-1]
    said.append(f"{taxonomy.counted()}, {first} to {last}")
    if made.left_out:
        more = len(made.left_out) - SHOWN
        said.append(
            f"left out: {', '.join(made.left_out[:SHOWN])}"
            + (f" and {more} more" if more > 0 else "")
        )
    return said


def _write_file(made: Imported, out: Path, taxonomy: Taxonomy) -> None:
    beside = out.parent / "taxonomy.json"
    runs.save(made.network, out)
    print(f"Written: {out}")
    known = made.match.class_names or not made.match.exclusive
    if known and not beside.exists():
        atomic.write_json(beside, taxonomy.to_json())
        print(f"Written: {beside}, the classes")
    if made.match.place:
        print(f"Next: python -m kerasseg.predict PICTURES --run {out}")
    else:
        print(f"Next: {_training(made, out)}")


def _write_run(made: Imported, out: Path, taxonomy: Taxonomy, request: Request) -> None:
    model = config.Model(made.match.model, tuple(_options(made)))
    data = config.Data(size=request.size, crop=request.size)
    settings = config.Config(model=model, data=data, name=out.name)
    with atomic.replacing(out) as aside:
        aside.mkdir()
        atomic.write_text(aside / "config.toml", config.to_toml(settings))
        atomic.write_json(aside / "environment.json", runs.environment())
        runs.describe(aside, taxonomy, RGB)
        runs.save(made.network, aside / "network.keras")
    print(f"Written: {out}, a run folder")
    if made.match.place:
        print(f"Next: python -m kerasseg.export {out} --no-gate --formats saved_model")
    else:
        print(f"Next: {_training(made, out)}")


def _training(made: Imported, out: Path) -> str:
    options = " ".join(_options(made))
    options = f" --model.options {options}" if options else ""
    return (
        f"python -m kerasseg.train --data.records RECORDS --model.name "
        f"{made.match.model}{options} --model.start {out}"
    )


if __name__ == "__main__":
    main()
