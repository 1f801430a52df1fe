"""Predicts one source, and writes all that is asked for of it."""

from __future__ import annotations

import argparse
import contextlib
import functools
from collections.abc import Sequence
from pathlib import Path

from kerasseg import UserError
from kerasseg.data.reading.optional_packages import require
from kerasseg.inference import inputs, maps, outlines
from kerasseg.inference.answers import Each
from kerasseg.inference.network_input import network_input
from kerasseg.inference.results import drawings, names, probabilities
from kerasseg.inference.results.labels import LABEL, Labels
from kerasseg.inference.results.made import Made
from kerasseg.inference.video import overlays
from kerasseg.inference.video.sources import Stream

MAP = f"{LABEL}.tif"
"""What is added to the name of a map."""


class Results:
    """What the command line asks for of each source.

    Raises UserError for flags that do not fit the network.
    """

    def __init__(
        self, network: maps.Network, made: Made, asked: argparse.Namespace
    ) -> None:
        self._network, self._made, self._asked = network, made, asked
        # Who says what the pages of a GIF are has pictures.
        self._gifs = asked.pages == "ask"
        taxonomy = network.taxonomy
        if asked.crf and not taxonomy.exclusive:
            raise UserError(
                "--crf gives each pixel one class, and the classes of this network "
                "overlap. Leave it out."
            )
        self._labels = Labels(taxonomy, asked.palette, asked.format == "tiff")
        if asked.probabilities == "tiff":
            require("tifffile", "--probabilities tiff")
        light = bool(asked.litert)
        self.drawings = drawings.Drawings(network, made, asked.alpha, light)

    def check(self, sources: Sequence[inputs.Source], targets: Sequence[Path]) -> None:
        """Raises UserError, before anything is written, where a result would replace
        what predict did not make, and for flags that do not fit the sources."""
        outlines.check(self._asked.vectors, sum(map(maps.is_map, sources)))
        files = [self._asked.out / name for name in (drawings.SHEET, drawings.LEGEND)]
        for source, target in zip(sources, targets, strict=True):
            files += self._files(source, target)
        names.refuse_replacing(sources, files)
        self._made.refuse_others(files)

    def write(self, source: inputs.Source, target: Path) -> tuple[str, ...]:
        """Predicts a source; what of it was left out.

        Raises UserError where it cannot be read, CannotWrite where a result cannot be
        written, and Incomplete for a video that breaks off.
        """
        if isinstance(source, int | Stream) or inputs.is_moving(source, self._gifs):
            self._video(source, target)
            return ()
        if maps.is_map(source):
            return self._map(source, target)
        return self._picture(source, target)

    def _files(self, source: inputs.Source, target: Path) -> list[Path]:
        """What will be written of a source."""
        if isinstance(source, int | Stream) or inputs.is_moving(source, self._gifs):
            return [self._beside(target, overlays.OVERLAY)]
        drawn = self._beside(target, drawings.OVERLAY)
        if maps.is_map(source):
            result, vectors = self._beside(target, MAP), self._asked.vectors
            file = outlines.file_of(vectors, result)
            return [drawn, result, *(outlines.parts_of(file) if vectors else ())]
        kind = self._asked.probabilities
        scores = [probabilities.file_of(target, kind)] if kind else []
        return [drawn, *self._labels.files(target), *scores]

    def _picture(self, source: Path | inputs.Page, target: Path) -> tuple[str, ...]:
        image_format = self._network.image_format
        pixels, left = network_input(source, image_format, self._asked.pages)
        with contextlib.ExitStack() as stack:
            each: Each | None = None
            if self._asked.probabilities:
                size = pixels.shape[0], pixels.shape[1]
                options = self._asked.probabilities, size, self._network.taxonomy
                file = probabilities.written(target, *options, source, self._made)
                each = stack.enter_context(file)
            label = self._network.segment(pixels, each)
        self._labels.write(label, target, source, self._made)
        self.drawings.overlay(source, pixels, label, target)
        return left

    def _map(self, source: Path, target: Path) -> tuple[str, ...]:
        """A GeoTIFF of class ids, a small overlay, polygons."""
        self._refuse(source, "map", "crf", "probabilities", "palette")
        result = self._beside(target, MAP)
        with self._made.replacing(result, source) as aside:
            quick, left = maps.predict(source, aside, self._network)
        vectors = self._asked.vectors
        if vectors:
            file, taxonomy = outlines.file_of(vectors, result), self._network.taxonomy
            print(outlines.write(result, file, taxonomy, self._asked.sieve))
            for part in filter(Path.exists, outlines.parts_of(file)):
                self._made.add(part, source)
        self.drawings.overlay(source, quick.pixels, quick.label, target)
        return left

    def _video(self, source: Path | Stream | int, target: Path) -> None:
        self._refuse(source, "video", "probabilities", "palette")
        if not self._network.image_format.is_rgb8:
            raise UserError(
                f"{source} is a video, RGB of 8 bits; the network takes "
                f"{self._network.image_format}."
            )
        asked, network = self._asked, self._network
        options = overlays.Options(asked.alpha, asked.frames, asked.show, asked.labels)
        overlays.write_overlay(
            source,
            target,
            network.segment,
            network.taxonomy,
            options,
            functools.partial(self._made.listing, source=source),
        )

    def _refuse(self, source: object, kind: str, *flags: str) -> None:
        for flag in flags:
            if getattr(self._asked, flag):
                raise UserError(
                    f"{source} is a {kind}, and --{flag} is for pictures. Leave it out."
                )

    @staticmethod
    def _beside(target: Path, ending: str) -> Path:
        return target.with_name(f"{target.name}{ending}")
