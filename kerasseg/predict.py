"""`python -m kerasseg.predict PICTURES... [--run RUN | --litert FILE]`: label maps.

Without --run and --litert it uses the road-scene network that comes with kerasseg.

For each picture it writes NAME.png (the stored bytes are the ids, as large as the
picture) and NAME_overlay.jpg with a legend, and for all of them contact_sheet.jpg; for
a map (GeoTIFF) NAME.tif at the same place on Earth; for a video or a camera
NAME_overlay.mp4 with the frame rate. Subfolders stay subfolders.
--litert needs ai-edge-litert, NumPy, OpenCV and Pillow only, so it also runs on a small
device.
"""

from __future__ import annotations

import argparse
import functools
import importlib.util
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import cv2
import numpy as np

from kerasseg import UserError, runs
from kerasseg.console import command, start_tensorflow
from kerasseg.data.reading.pictures.left_out import LeftOut
from kerasseg.drawing import bands
from kerasseg.files import atomic
from kerasseg.inference import arguments, inputs, maps, outlines
from kerasseg.inference.network_input import network_input
from kerasseg.inference.video import overlays
from kerasseg.inference.video.sources import Stream
from kerasseg.runs import foreign

Drawn: TypeAlias = tuple[str, np.ndarray, np.ndarray]
"""Name of a source, the picture that is seen of it, its overlay."""

SHEET = 24
"""The largest number of pictures on the contact sheet."""
ENDINGS = (".png", ".tif", "_overlay.jpg", "_overlay.mp4")
"""What is added to the name of a source for its results."""


@command
def main(argv: list[str]) -> None:
    asked = arguments.parser().parse_args(argv)
    if asked.run and asked.litert:
        raise UserError("Give --run or --litert, not both: they name the network.")
    asked_for = inputs.inputs_of(asked.inputs, asked.out)
    if not asked.run and not asked.litert:
        _choose_network(asked)
    network = (_litert if asked.litert else _network)(asked)
    image_format = bands.displaying(asked.bands, network.image_format)
    network = replace(network, image_format=image_format)
    sheet: list[Drawn] = []
    left_out, notes, done = LeftOut(), Counter[str](), 0
    incomplete = LeftOut("incomplete")
    for file, reason in asked_for.left_out:
        left_out.add(file, UserError(f"{file} {reason}"))
    sources, places = asked_for.sources, asked_for.places
    if asked.pages == "samples":
        sources, places = inputs.page_by_page(sources, places)
    targets = inputs.targets(sources, places, asked.out)
    results = [t.with_name(t.name + ending) for t in targets for ending in ENDINGS]
    inputs.refuse_replacing(sources, [*results, asked.out / "contact_sheet.jpg"])
    outlines.check(asked.vectors, sum(map(maps.is_map, sources)))
    for source, target in zip(sources, targets, strict=True):
        try:
            # Who says what the pages of a GIF are has pictures.
            gifs = asked.pages == "ask"
            if isinstance(source, int | Stream) or inputs.is_moving(source, gifs):
                _video(source, target, network, asked)
                done += 1
                continue
            if isinstance(source, Path) and maps.is_map(source):
                drawn, left = _map(source, target, network, asked)
            else:
                drawn, left = _picture(source, target, network, asked)
        except overlays.Incomplete as error:
            incomplete.add(source, error)
            done += 1
            continue
        except (UserError, OSError) as error:
            left_out.add(source, error)
            continue
        notes.update(left)
        sheet = [*sheet, drawn] if len(sheet) < SHEET else sheet
        done += 1
    if sheet and not asked.litert:
        _contact_sheet(sheet, asked.out / "contact_sheet.jpg")
    for note, count in notes.items():
        print(f"{count} of {done}: {note}")
    end = f"{done} predicted into {asked.out}"
    if left_out or incomplete:
        raise UserError(", ".join(filter(None, (end, str(left_out), str(incomplete)))))
    print(end)


def _choose_network(asked: argparse.Namespace) -> None:
    """The shipped network; where there is no TensorFlow, its file for devices."""
    shipped = runs.SHIPPED
    if not (shipped / "network.keras").is_file():  # installed without the sources
        asked.run = str(runs.newest())
    elif importlib.util.find_spec("tensorflow"):
        asked.run = str(shipped)
    else:
        asked.litert = str(shipped / "export" / "model_int8.tflite")
    print(f"Network: {asked.run or asked.litert} (another one: --run or --litert)")


def _litert(asked: argparse.Namespace) -> maps.Network:
    from kerasseg.inference import litert

    if asked.crf:
        raise UserError("--crf needs Keras and --run; --litert runs without it.")
    foreign.refuse_flags(asked, asked.litert)
    model = litert.Model(asked.litert, asked.threads)
    size = model.height, model.width
    overlap = _overlap(asked, size)

    def segment(pixels):
        return model.segment(pixels, overlap, asked.flip)

    return maps.Network(
        segment, size, model.taxonomy, model.image_format, asked.overlap
    )


def _overlap(asked: argparse.Namespace, size: tuple[int, int]) -> int:
    """Pixels that tiles share; 0 for no tiles."""
    if not asked.tiles and not asked.overlap:
        return 0
    overlap = asked.overlap or 2 * (min(size) // 8)
    if not 0 < overlap < min(size) or overlap % 2:
        raise UserError(
            f"--overlap must be even, from 2 to {min(size) - 1} pixels for a network "
            f"of {size[0]} x {size[1]} (height x width), got {overlap}."
        )
    return overlap


def _network(asked: argparse.Namespace) -> maps.Network:
    run = Path(asked.run)
    start_tensorflow()
    if foreign.is_foreign(run):
        return foreign.network(run, asked, functools.partial(_overlap, asked))
    foreign.refuse_flags(asked, asked.run)
    network = runs.load(run)
    folder = run if run.is_dir() else run.parent
    taxonomy, image_format = runs.taxonomy(folder), runs.image_format(folder)

    from kerasseg.inference.class_maps import network_size, segmenter

    if taxonomy.num_classes != network.output_shape[-1]:
        raise UserError(
            f"{run} names {taxonomy.num_classes} classes but its network has "
            f"{network.output_shape[-1]}. taxonomy.json belongs to another network."
        )
    size = network_size(network)
    overlap = _overlap(asked, size)
    segment = segmenter(network, overlap, asked.flip, asked.crf, image_format)
    return maps.Network(segment, size, taxonomy, image_format, asked.overlap)


def _picture(
    source: Path | inputs.Page,
    target: Path,
    network: maps.Network,
    asked: argparse.Namespace,
) -> tuple[Drawn, tuple[str, ...]]:
    """Writes label map and overlay; what is drawn of it, and what was left out."""
    pixels, left = network_input(source, network.image_format, asked.pages)
    label = network.segment(pixels)
    if asked.litert:  # without matplotlib
        data = cv2.imencode(".png", label)[1].tobytes()
    else:
        from kerasseg.drawing import pictures

        data = pictures.label_png(label, network.taxonomy)
    atomic.write_bytes(target.with_name(f"{target.name}.png"), data)
    return _overlay(source, pixels, label, target, network, asked), left


def _map(
    source: Path, target: Path, network: maps.Network, asked: argparse.Namespace
) -> tuple[Drawn, tuple[str, ...]]:
    """The same of a GeoTIFF: a GeoTIFF of class ids, a small overlay, polygons."""
    if asked.crf:
        raise UserError(f"{source} is a map, and --crf is for pictures. Leave it out.")
    result = target.with_name(f"{target.name}.tif")
    quick, left = maps.predict(source, result, network)
    if asked.vectors:
        file = outlines.file_of(asked.vectors, result)
        print(outlines.write(result, file, network.taxonomy, asked.sieve))
    pixels, label = quick.pixels, quick.label
    return _overlay(source, pixels, label, target, network, asked), left


def _overlay(
    source: inputs.Source,
    pixels: np.ndarray,
    label: np.ndarray,
    target: Path,
    network: maps.Network,
    asked: argparse.Namespace,
) -> Drawn:
    """Writes the overlay with its legend."""
    from kerasseg.drawing import pictures, video_frames

    seen = bands.shown(pixels, network.image_format)
    taxonomy, draw = network.taxonomy, video_frames if asked.litert else pictures
    drawn = draw.overlay(seen, label, taxonomy, asked.alpha)
    if asked.litert:  # without matplotlib
        shown = video_frames.captioned(drawn, taxonomy, label)
    else:
        shown = pictures.with_legend(drawn, taxonomy, label)
    _write_jpeg(target.with_name(f"{target.name}_overlay.jpg"), shown)
    return Path(str(source)).name, seen, drawn


def _video(
    source: Path | Stream | int,
    target: Path,
    network: maps.Network,
    asked: argparse.Namespace,
) -> None:
    if not network.image_format.is_rgb8:
        raise UserError(
            f"{source} is a video, RGB of 8 bits; the network takes "
            f"{network.image_format}."
        )
    options = overlays.Options(asked.alpha, asked.frames, asked.show, asked.labels)
    overlays.write_overlay(source, target, network.segment, network.taxonomy, options)


def _contact_sheet(drawn: list[Drawn], target: Path) -> None:
    from kerasseg.drawing import pictures

    rows, titles = [], []
    for start in range(0, len(drawn), 2):
        pair = drawn[start : start + 2]
        rows.append([one for _, seen, shown in pair for one in (seen, shown)])
        titles.append([text for name, _, _ in pair for text in (name, "")])
    _write_jpeg(target, pictures.contact_sheet(rows, titles, 1600))


def _write_jpeg(target: Path, picture: np.ndarray) -> None:
    good, data = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    if not good:
        raise UserError(f"{target}: the overlay could not be encoded as JPEG.")
    atomic.write_bytes(target, data.tobytes())


if __name__ == "__main__":
    main()
