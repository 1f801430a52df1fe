"""`python -m kerasseg.demo RUN`: the network in your browser, on pictures or camera.

The page is served to this machine only and loads nothing from elsewhere; pictures stay
in the browser. LiteRT.js runs the same LiteRT file there as devices run.
"""

from __future__ import annotations

import signal
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from kerasseg import UserError, runs
from kerasseg.console import command, flags
from kerasseg.console.flags import PORT
from kerasseg.demo import litertjs
from kerasseg.demo.server import Server, site
from kerasseg.export.formats import ARTEFACTS
from kerasseg.inference import litert_engine
from kerasseg.taxonomy import Taxonomy

_KINDS = ("float32", "int8", "float16")
ORDER = (*_KINDS, *(f"{kind}_probabilities" for kind in _KINDS))
"""Artefacts that the page can run, the first at hand is taken."""


@dataclass(frozen=True)
class Demo:
    """Serve a page that runs a LiteRT file in your browser, until Ctrl-C."""

    run: tyro.conf.Positional[str] = ""
    """Run folder, or a .tflite file of an export; empty: the newest run."""
    port: Annotated[int, PORT] = 8080
    """Port of 127.0.0.1; 0: any that is free."""
    litertjs: str = ""
    """LiteRT.js, for machines without internet: the archive made by npm pack
    @litertjs/core, or a folder where npm install ran; empty: fetched once."""


@command
def main(argv: list[str]) -> None:
    asked = flags.parse(Demo, argv, prog="python -m kerasseg.demo")
    file = _network(runs.asked_for(asked.run))
    if litert_engine.is_of_volumes(file):
        raise UserError(f"{file} takes volumes, and the demo is for pictures.")
    about = describe(file)
    files = site(file.read_bytes(), about, litertjs.load(asked.litertjs))
    with Server(files, asked.port) as server:
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(f"{file}: open {server.url} in a browser. Ctrl-C ends.", flush=True)
        stop.wait()
        print("Stopping.", flush=True)
        server.shutdown()


def describe(file: Path) -> dict:
    """What the page shows of a LiteRT file: name, size, classes.

    Raises UserError when it is not a LiteRT file, takes other images than RGB of 8
    bits, or its classes have no names.
    """
    from kerasseg.inference import litert

    model = litert.Model(file, threads=1)
    if not model.image_format.is_rgb8:
        raise UserError(
            f"{file} takes {model.image_format}; a browser has pictures of RGB of 8 "
            f"bits only. Use python -m kerasseg.predict PICTURES --litert {file}"
        )
    taxonomy = _taxonomy(model)
    inside = file.resolve().parent
    scores = "class_map" not in model.signatures
    return {
        "name": inside.parent.name if inside.name == "export" else file.stem,
        "file": file.name,
        "bytes": file.stat().st_size,
        "height": model.height,
        "width": model.width,
        "signature": "probabilities" if scores else "class_map",
        "names": list(taxonomy.names),
        "colours": [list(colour) for colour in taxonomy.colours],
        "exclusive": taxonomy.exclusive,
    }


def _network(path: Path) -> Path:
    """The LiteRT file of a run, or the file itself."""
    if not path.is_dir():
        return path
    names = [ARTEFACTS[name].file for name in ORDER]
    for folder in (path / "export", path):
        for name in names:
            if (folder / name).is_file():
                return folder / name
    raise UserError(
        f"{path} holds no LiteRT file ({', '.join(names)}). Write one with python -m "
        f"kerasseg.export {path}"
    )


def _taxonomy(model) -> Taxonomy:
    """The classes in the file; those of its run where the file has none."""
    run = model.path.resolve().parent.parent
    try:
        return model.taxonomy
    except ValueError:
        if not (run / "taxonomy.json").is_file():
            raise
    return runs.taxonomy(run)


if __name__ == "__main__":
    main()
