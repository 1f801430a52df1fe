"""`python -m kerasseg.predict PICTURES... [--run RUN | --litert FILE]`: label maps.

Without --run and --litert it uses the road-scene network that comes with kerasseg.

For each picture it writes NAME.png (the stored bytes are the ids, as large as the
picture) and NAME_overlay.jpg with a legend, and for all of them contact_sheet.jpg; for
a video or a camera NAME_overlay.mp4 with the frame rate. --litert needs ai-edge-litert,
NumPy and OpenCV only, so it also runs on a small device.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import cv2
import numpy as np

from kerasseg import UserError, runs
from kerasseg.console import command, silenced, start_tensorflow
from kerasseg.files import atomic
from kerasseg.inference import inputs
from kerasseg.taxonomy import Taxonomy

Segment: TypeAlias = Callable[[np.ndarray], np.ndarray]
"""uint8 RGB image (H, W, 3) -> uint8 ids (H, W)."""

SHEET = 24
"""The largest number of pictures on the contact sheet."""


@command
def main(argv: list[str]) -> None:
    asked = _parser().parse_args(argv)
    if asked.run and asked.litert:
        raise UserError("Give --run or --litert, not both: they name the network.")
    sources = [source for word in asked.inputs for source in inputs.inputs_of(word)]
    if not asked.run and not asked.litert:
        _choose_network(asked)
    segment, taxonomy = _litert(asked) if asked.litert else _network(asked)
    sheet: list[tuple[str, np.ndarray, np.ndarray]] = []
    failed: list[str] = []
    for source, name in zip(sources, inputs.names(sources), strict=True):
        target = asked.out / name
        try:
            if isinstance(source, int) or inputs.is_video(source):
                _video(source, target, segment, taxonomy, asked)
            else:
                drawn = _picture(source, target, segment, taxonomy, asked)
                sheet = [*sheet, drawn] if len(sheet) < SHEET else sheet
        except UserError as error:
            failed.append(str(error))
            print(f"Left out: {error}", file=sys.stderr)
    if sheet and not asked.litert:
        _contact_sheet(sheet, asked.out / "contact_sheet.jpg")
    print(f"{len(sources) - len(failed)} of {len(sources)} predicted into {asked.out}")
    if failed:
        raise UserError(f"{len(failed)} of {len(sources)} inputs left out: {failed[0]}")


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


def _litert(asked: argparse.Namespace) -> tuple[Segment, Taxonomy]:
    from kerasseg.inference import litert

    if asked.crf:
        raise UserError("--crf needs Keras and --run; --litert runs without it.")
    model = litert.Model(asked.litert, asked.threads)
    overlap = _overlap(asked, (model.height, model.width))

    def segment(image):
        return model.segment(image, overlap, asked.flip)

    return segment, model.taxonomy


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


def _network(asked: argparse.Namespace) -> tuple[Segment, Taxonomy]:
    run = Path(asked.run)
    start_tensorflow()
    network = runs.load(run)
    taxonomy = runs.taxonomy(run if run.is_dir() else run.parent)

    from kerasseg.inference.class_maps import network_size, segmenter

    if taxonomy.num_classes != network.output_shape[-1]:
        raise UserError(
            f"{run} names {taxonomy.num_classes} classes but its network has "
            f"{network.output_shape[-1]}. taxonomy.json belongs to another network."
        )
    overlap = _overlap(asked, network_size(network))
    return segmenter(network, overlap, asked.flip, asked.crf), taxonomy


def _picture(
    file: Path,
    target: Path,
    segment: Segment,
    taxonomy: Taxonomy,
    asked: argparse.Namespace,
) -> tuple[str, np.ndarray, np.ndarray]:
    """Writes the label map and the overlay; returns name, picture and overlay."""
    from kerasseg.drawing import pictures, video_frames

    image = inputs.read_rgb(file)
    label = segment(image)
    if asked.litert:  # without Pillow and matplotlib
        drawn = video_frames.overlay(image, label, taxonomy, asked.alpha)
        shown = video_frames.captioned(drawn, taxonomy, label)
        data = cv2.imencode(".png", label)[1].tobytes()
    else:
        drawn = pictures.overlay(image, label, taxonomy, asked.alpha)
        shown = pictures.with_legend(drawn, taxonomy, label)
        data = pictures.label_png(label, taxonomy)
    atomic.write_bytes(target.with_name(f"{target.name}.png"), data)
    _write_jpeg(target.with_name(f"{target.name}_overlay.jpg"), shown)
    return file.name, image, drawn


def _video(
    source: Path | int,
    target: Path,
    segment: Segment,
    taxonomy: Taxonomy,
    asked: argparse.Namespace,
) -> None:
    """Segments frame by frame until the end, --frames, q in the window, or Ctrl-C."""
    from kerasseg.drawing import video_frames

    with silenced():  # the message for a missing camera comes below, in one line
        video = cv2.VideoCapture(source if isinstance(source, int) else str(source))
    rate = video.get(cv2.CAP_PROP_FPS) or 25.0
    good, frame = video.read()
    if not good:
        what = f"camera {source}" if isinstance(source, int) else source
        raise UserError(
            f"{what}: no frame can be read. Is it there, a video, and whole?"
        )
    target = target.with_name(f"{target.name}_overlay.mp4")
    done, began, speed = 0, time.perf_counter(), 0.0
    with atomic.replacing(target) as aside:
        size = frame.shape[1], frame.shape[0]
        # The name must end in .mp4 for the container to be chosen.
        codec = cv2.VideoWriter.fourcc(*"mp4v")
        writer = cv2.VideoWriter(str(aside), codec, rate, size)
        try:
            while good and (not asked.frames or done < asked.frames):
                start = time.perf_counter()
                image = cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
                label = segment(image)
                drawn = video_frames.overlay(image, label, taxonomy, asked.alpha)
                drawn = video_frames.captioned(drawn, taxonomy, label, speed)
                shown = cv2.cvtColor(drawn, cv2.COLOR_RGB2BGR)
                writer.write(shown)
                if asked.show and video_frames.show(target.stem, shown):
                    break
                done += 1
                now = 1 / (time.perf_counter() - start)
                speed = now if done < 3 else 0.9 * speed + 0.1 * now
                good, frame = video.read()
        except KeyboardInterrupt:
            print()  # What was seen until now is kept.
        finally:
            writer.release()
            video.release()
    seconds = max(time.perf_counter() - began, 1e-9)
    print(f"{target}: {done} frames, {done / seconds:.1f} a second")


def _contact_sheet(
    drawn: list[tuple[str, np.ndarray, np.ndarray]], target: Path
) -> None:
    from kerasseg.drawing import pictures

    rows, titles = [], []
    for start in range(0, len(drawn), 2):
        pair = drawn[start : start + 2]
        rows.append([one for _, image, shown in pair for one in (image, shown)])
        titles.append([text for name, _, _ in pair for text in (name, "")])
    _write_jpeg(target, pictures.contact_sheet(rows, titles, 1600))


def _write_jpeg(target: Path, picture: np.ndarray) -> None:
    good, data = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    if not good:
        raise UserError(f"{target}: the overlay could not be encoded as JPEG.")
    atomic.write_bytes(target, data.tobytes())


if __name__ == "__main__":
    main()
