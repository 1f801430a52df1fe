"""Writes the files of an export aside; nobody sees them before the gate has."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kerasseg import runs
from kerasseg.console import counting
from kerasseg.export.formats import ARTEFACTS, LITERT
from kerasseg.image_format import ImageFormat
from kerasseg.taxonomy import Taxonomy
from kerasseg.volume_format import VolumeFormat

if TYPE_CHECKING:
    import keras

MAY_NOT_FIT = ("opencv", "gpu", "edgetpu")
"""Artefacts that some networks have not got. They are written first: a refusal ends the
export, and then costs least."""


@dataclass
class Writer:
    """Writes artefacts of a run's network.

    images: that int8 is calibrated on; keep_float: names of layers that it leaves in
    float32; ways, passes: options of `saved_model.signatures.write`.
    """

    run: Path
    network: keras.Model
    images: Sequence[np.ndarray]
    keep_float: tuple[str, ...]
    ways: dict[str, Any]
    passes: Sequence[Any] = ()

    def __post_init__(self) -> None:
        self.taxonomy: Taxonomy = runs.taxonomy(self.run)
        self.image_format: ImageFormat = runs.image_format(self.run)
        self.volume: VolumeFormat | None = runs.volume_format(self.run)
        self._converted: dict[str, bytes] = {}

    def write(self, wanted: dict[str, tuple[str, ...]], aside: Path) -> dict[str, Path]:
        """Artefact -> the file it was written to. wanted: of `formats.artefacts`."""
        files = {n: aside / (ARTEFACTS[n].file or "saved_model") for n in wanted}
        for name in sorted(wanted, key=lambda one: one not in MAY_NOT_FIT):
            with counting(f"{ARTEFACTS[name].title}: writing"):
                self._write(name, files[name], wanted[name])
        return files

    def _write(self, name: str, file: Path, gives: tuple[str, ...]) -> None:
        network, about = self.network, (self.taxonomy, self.image_format)
        if name == "saved_model" and self.volume:
            from kerasseg.export.saved_model import volumes

            flip = self.ways["flip"]
            volumes.write(network, file, *about, self.volume, flip)
        elif name == "saved_model":
            from kerasseg.export.saved_model import signatures

            title = self.run.resolve().name
            signatures.write(
                network,
                file,
                self.taxonomy,
                name=title,
                image_format=self.image_format,
                passes=self.passes,
                **self.ways,
            )
        elif name in LITERT:
            from kerasseg.export.litert import conversion

            data = self._litert(name)
            gives = gives or ("logits",)
            title = self.run.name
            about_it = self.taxonomy, gives, self.image_format, self.volume
            conversion.finish(data, file, title, *about_it)
        else:
            from kerasseg.export import engines

            engine = name.removesuffix("_probabilities")
            engines.write(network, engine, file, *about, gives, self.volume)

    def _litert(self, name: str) -> bytes:
        """The converted network; each kind is converted once for all its files."""
        from kerasseg.export.litert import compatible, conversion

        if name == "opencv":
            return conversion.convert_plain(self.network)
        kind = ARTEFACTS[name].kind
        if kind not in self._converted:
            int8 = kind == "int8"
            made = self._int8() if int8 else self._convert(self.network, kind)
            self._converted[kind] = made
        made = self._converted[kind]
        if name == "gpu":
            return compatible.for_gpu_delegate(made)
        return compatible.for_edge_tpu(made) if name == "edgetpu" else made

    def _int8(self) -> bytes:
        """In the ranges that `python -m kerasseg.finetune_int8` found, if it made the
        run; else in those of the images."""
        from kerasseg.export.litert import fake_quantisation

        learnt = self.run / fake_quantisation.FILE
        if self.keep_float or not learnt.is_file():
            kept = {"images": self.images, "keep_float": self.keep_float}
            return self._convert(self.network, "int8", **kept)
        ranges = json.loads(learnt.read_text())
        copy = fake_quantisation.with_ranges(self.network, ranges)
        return self._convert(copy, "learnt")

    def _convert(self, network: keras.Model, kind: str, **kept: Any) -> bytes:
        from kerasseg.export.litert import conversion

        return conversion.convert(
            network,
            kind,
            image_format=self.image_format,
            exclusive=self.taxonomy.exclusive,
            **kept,
        )


def needs_images(wanted: dict[str, tuple[str, ...]]) -> bool:
    """Whether one of the artefacts is int8."""
    return any(ARTEFACTS[name].kind == "int8" for name in wanted)
