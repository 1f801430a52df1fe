"""`python -m kerasseg.predict PICTURES... [--run RUN | --litert FILE]`: label maps.

Without --run and --litert it uses the road-scene network that comes with kerasseg.

For each picture it writes NAME.png (the stored bytes are the ids, as large as the
picture) and NAME_overlay.jpg with a legend, and for all of them contact_sheet.jpg; for
a video or a camera NAME_overlay.mp4 with the frame rate. Subfolders stay subfolders.
--litert needs ai-edge-litert, NumPy, OpenCV and Pillow only, so it also runs on a small
device.
"""

from __future__ import annotations

import argparse
import importlib.util
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import cv2
import numpy as np

from kerasseg import UserError, runs
from kerasseg.console import command, start_tensorflow
from kerasseg.data.reading.left_out import LeftOut
from kerasseg.drawing import bands
from kerasseg.files import atomic
from kerasseg.image_format import ImageFormat
from kerasseg.inference import inputs
from kerasseg.inference.network_input import network_input
from kerasseg.taxonomy import Taxonomy

Segment: TypeAlias = Callable[[np.ndarray], np.ndarray]
"""Image (H, W, C) of the network's bands and type -> uint8 ids (H, W)."""

SHEET = 24
"""The largest number of pictures on the contact sheet."""
ENDINGS = (".png", "_overlay.jpg", "_overlay.mp4")
"""What is added to the name of a source for its results."""


@command
def main(argv: list[str]) -> None:
    asked = _parser().parse_args(argv)
    if asked.run and asked.litert:
        raise UserError("Give --run or --litert, not both: they name the network.")
    asked_for = inputs.inputs_of(asked.inputs, asked.out)
    if not asked.run and not asked.litert:
        _choose_network(asked)
    segment, taxonomy, image_format = (_litert if asked.litert else _network)(asked)
    image_format = bands.displaying(asked.bands, image_format)
    sheet: list[tuple[str, np.ndarray, np.ndarray]] = []
    left_out, notes, done = LeftOut(), Counter[str](), 0
    for file, reason in asked_for.left_out:
        left_out.add(file, UserError(f"{file} {reason}"))
    sources, places = asked_for.sources, asked_for.places
    if asked.pages == "samples":
        sources, places = inputs.page_by_page(sources, places)
    targets = inputs.targets(sources, places, asked.out)
    results = [t.with_name(t.name + ending) for t in targets for ending in ENDINGS]
    inputs.refuse_replacing(sources, [*results, asked.out / "contact_sheet.jpg"])
    for source, target in zip(sources, targets, strict=True):
        try:
            if isinstance(source, int) or inputs.is_video(source):
                _video(source, target, segment, taxonomy, image_format, asked)
                done += 1
                continue
            pixels, left = network_input(source, image_format, asked.pages)
        except (UserError, OSError) as error:
            left_out.add(source, error)
            continue
        notes.update(left)
        drawn = _picture(source, pixels, target, segment, taxonomy, image_format, asked)
        sheet = [*sheet, drawn] if len(sheet) < SHEET else sheet
        done += 1
    if sheet and not asked.litert:
        _contact_sheet(sheet, asked.out / "contact_sheet.jpg")
    for note, count in notes.items():
        print(f"{count} of {done}: {note}")
    end = f"{done} predicted into {asked.out}"
    if left_out:
        raise UserError(f"{end}, {left_out}")
    print(end)


def _parser() -> argparse.ArgumentParser:
    """argparse, not tyro as in the other commands: devices need no package more."""
    parser = argparse.ArgumentParser(
        prog="python -m kerasseg.predict",
        description="Draw label maps and overlays of pictures, folders of pictures, "
        "videos, or what a camera sees.",
    )
    add = parser.add_argument
    add(
        "inputs",
        nargs="+",
        metavar="INPUT",
        help="picture or video file, folder of pictures, or a camera's number",
    )
    add(
        "--run",
        default="",
        help="run folder or .keras file; default: the road-scene network that comes "
        "with kerasseg",
    )
    add("--litert", default="", metavar="FILE", help="a .tflite file of an export")
    add("--out", type=Path, default=Path("predictions"), help="folder to write to")
    add("--alpha", type=_opacity, default=0.5, help="opacity of the colours, 0 to 1")
    add(
        "--tiles",
        action="store_true",
        help="cut pictures larger than the network into tiles, do not shrink them",
    )
    add(
        "--pages",
        choices=("ask", "samples", "bands"),
        default="ask",
        help="what the pages of a TIFF, GIF or DICOM file are: pictures of their own "
        "(samples), or bands of one picture",
    )
    add(
        "--bands",
        default="",
        metavar="R,G,B",
        help="the bands that overlays show as red, green and blue, by name or number "
        "from 1, or a single one as gray",
    )
    add(
        "--overlap",
        type=int,
        default=0,
        help="pixels that tiles share, even; default: a quarter of the network's side",
    )
    add("--flip", action="store_true", help="average with the mirror image")
    add("--crf", action="store_true", help="sharpen with a dense CRF; slow")
    add(
        "--threads",
        type=_count,
        default=0,
        help="threads of --litert; 0: as many as there are cores, up to 4",
    )
    add("--frames", type=_count, default=0, help="frames of a video or camera; 0: all")
    add("--show", action="store_true", help="show frames in a window too; q ends it")
    return parser


def _opacity(word: str) -> float:
    value = float(word)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"must be from 0 to 1, is {word}")
    return value


def _count(word: str) -> int:
    value = int(word)
    if value < 0:
        raise argparse.ArgumentTypeError(f"must be 0 or more, is {word}")
    return value


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


def _litert(asked: argparse.Namespace) -> tuple[Segment, Taxonomy, ImageFormat]:
    from kerasseg.inference import litert

    if asked.crf:
        raise UserError("--crf needs Keras and --run; --litert runs without it.")
    model = litert.Model(asked.litert, asked.threads)
    overlap = _overlap(asked, (model.height, model.width))

    def segment(pixels):
        return model.segment(pixels, overlap, asked.flip)

    return segment, model.taxonomy, model.image_format


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


def _network(asked: argparse.Namespace) -> tuple[Segment, Taxonomy, ImageFormat]:
    run = Path(asked.run)
    start_tensorflow()
    network = runs.load(run)
    folder = run if run.is_dir() else run.parent
    taxonomy, image_format = runs.taxonomy(folder), runs.image_format(folder)

    from kerasseg.inference.class_maps import network_size, segmenter

    if taxonomy.num_classes != network.output_shape[-1]:
        raise UserError(
            f"{run} names {taxonomy.num_classes} classes but its network has "
            f"{network.output_shape[-1]}. taxonomy.json belongs to another network."
        )
    overlap = _overlap(asked, network_size(network))
    segment = segmenter(network, overlap, asked.flip, asked.crf, image_format)
    return segment, taxonomy, image_format


def _picture(
    source: inputs.Source,
    pixels: np.ndarray,
    target: Path,
    segment: Segment,
    taxonomy: Taxonomy,
    image_format: ImageFormat,
    asked: argparse.Namespace,
) -> tuple[str, np.ndarray, np.ndarray]:
    """Writes the label map and the overlay; returns name, picture and overlay."""
    from kerasseg.drawing import pictures, video_frames

    label = segment(pixels)
    seen = bands.shown(pixels, image_format)
    if asked.litert:  # without matplotlib
        drawn = video_frames.overlay(seen, label, taxonomy, asked.alpha)
        shown = video_frames.captioned(drawn, taxonomy, label)
        data = cv2.imencode(".png", label)[1].tobytes()
    else:
        drawn = pictures.overlay(seen, label, taxonomy, asked.alpha)
        shown = pictures.with_legend(drawn, taxonomy, label)
        data = pictures.label_png(label, taxonomy)
    atomic.write_bytes(target.with_name(f"{target.name}.png"), data)
    _write_jpeg(target.with_name(f"{target.name}_overlay.jpg"), shown)
    return Path(str(source)).name, seen, drawn


def _video(
    source: Path | int,
    target: Path,
    segment: Segment,
    taxonomy: Taxonomy,
    image_format: ImageFormat,
    asked: argparse.Namespace,
) -> None:
    from kerasseg.inference import video

    if not image_format.is_rgb8:
        raise UserError(
            f"{source} is a video, RGB of 8 bits; the network takes {image_format}."
        )
    options = asked.alpha, asked.frames, asked.show
    video.write_overlay(source, target, segment, taxonomy, *options)


def _contact_sheet(
    drawn: list[tuple[str, np.ndarray, np.ndarray]], target: Path
) -> None:
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
