"""`python -m kerasseg.predict PICTURES... [--run RUN]`: label maps and overlays.

For each picture: NAME.png (8-bit palette, ids as stored bytes, size of the picture) and
NAME_overlay.jpg with a legend; for all of them contact_sheet.jpg; for a video
NAME_overlay.mp4.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import tyro

from kerasseg import atomic, runs
from kerasseg.command import command
from kerasseg.quiet import start_tensorflow

PICTURES = {".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"}
VIDEOS = {".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v"}
SHEET = 24
"""Pictures on the contact sheet, at most."""


@dataclass(frozen=True)
class Predict:
    """Draw label maps and overlays of pictures, folders of pictures, or videos."""

    inputs: tyro.conf.Positional[tuple[Path, ...]]
    """Picture or video files, or folders of pictures."""
    run: str = ""
    """Run folder, or a .keras file beside its taxonomy.json; empty: the newest run."""
    out: Path = Path("predictions")
    """Folder to write to."""
    alpha: float = 0.5
    """Opacity of the class colours in overlays, 0 to 1."""


@command
def main(argv: list[str]) -> None:
    asked = tyro.cli(Predict, args=argv, prog="python -m kerasseg.predict")
    if not asked.inputs:
        raise ValueError("Name at least one picture, folder or video to predict.")
    files = [file for path in asked.inputs for file in _files(path)]
    run = Path(asked.run) if asked.run else runs.newest()
    start_tensorflow()
    network = runs.load(run)
    taxonomy = runs.taxonomy(run if run.is_dir() else run.parent)

    from kerasseg.inference import segmenter

    segment = segmenter(network)
    if taxonomy.num_classes != network.output_shape[-1]:
        raise ValueError(
            f"{run} names {taxonomy.num_classes} classes but its network has "
            f"{network.output_shape[-1]}. taxonomy.json belongs to another network."
        )
    names, sheet, failed = _names(files), [], []
    for file, name in zip(files, names, strict=True):
        try:
            if file.suffix.lower() in VIDEOS:
                _video(
                    file, asked.out / f"{name}_overlay.mp4", segment, taxonomy, asked
                )
            else:
                drawn = _picture(file, asked.out / name, segment, taxonomy, asked)
                sheet = [*sheet, drawn] if len(sheet) < SHEET else sheet
        except ValueError as error:
            failed.append(str(error))
            print(f"Left out: {error}", file=sys.stderr)
    if sheet:
        _contact_sheet(sheet, asked.out / "contact_sheet.jpg")
    print(f"{len(files) - len(failed)} of {len(files)} predicted into {asked.out}")
    if failed:
        raise ValueError(f"{len(failed)} of {len(files)} inputs left out: {failed[0]}")


def _picture(file: Path, target: Path, segment, taxonomy, asked):
    from kerasseg import picture

    image = read_rgb(file)
    label = segment(image)
    atomic.write_bytes(
        target.with_name(f"{target.name}.png"), picture.label_png(label, taxonomy)
    )
    drawn = picture.overlay(image, label, taxonomy, asked.alpha)
    shown = picture.with_legend(drawn, taxonomy, label)
    _write_jpeg(target.with_name(f"{target.name}_overlay.jpg"), shown)
    return file.name, image, drawn


def _video(file: Path, target: Path, segment, taxonomy, asked) -> None:
    import cv2
    from tqdm import tqdm

    from kerasseg import picture

    video = cv2.VideoCapture(str(file))
    rate = video.get(cv2.CAP_PROP_FPS) or 25.0
    count = int(video.get(cv2.CAP_PROP_FRAME_COUNT))
    good, frame = video.read()
    if not good:
        raise ValueError(
            f"{file}: no frame can be read. Is it a video file, and whole?"
        )
    with atomic.replacing(target) as aside, tqdm(total=count, unit="frame") as progress:
        size = frame.shape[1], frame.shape[0]
        codec = cv2.VideoWriter_fourcc(*"mp4v")
        writer = cv2.VideoWriter(str(aside), codec, rate, size)
        while good:
            image = cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
            drawn = picture.overlay(image, segment(image), taxonomy, asked.alpha)
            writer.write(cv2.cvtColor(drawn, cv2.COLOR_RGB2BGR))
            progress.update()
            good, frame = video.read()
        writer.release()
    video.release()


def read_rgb(file: Path):
    """uint8 (H, W, 3) RGB of a picture file, turned upright as its EXIF says."""
    import cv2
    import numpy as np

    data = np.frombuffer(file.read_bytes(), np.uint8)
    image = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    if image is None:
        raise ValueError(
            f"{file}: not a picture that can be read (empty, cut short or of an "
            f"unknown format). Expected {', '.join(sorted(PICTURES))}."
        )
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        files = sorted(f for f in path.iterdir() if f.suffix.lower() in PICTURES)
        if not files:
            raise ValueError(
                f"Folder {path} holds no pictures ({', '.join(sorted(PICTURES))})."
            )
        return files
    if not path.is_file():
        raise ValueError(f"{path} does not exist. Expected a picture, folder or video.")
    if path.suffix.lower() not in PICTURES | VIDEOS:
        raise ValueError(
            f"{path}: unknown kind of file. Expected a picture "
            f"({', '.join(sorted(PICTURES))}) or a video ({', '.join(sorted(VIDEOS))})."
        )
    return [path]


def _names(files: list[Path]) -> list[str]:
    """A name of its own for each file, so that no result overwrites another."""
    names: list[str] = []
    for file in files:
        name, number = file.stem, 2
        while name in names:
            name, number = f"{file.stem}_{number}", number + 1
        names.append(name)
    return names


def _contact_sheet(drawn, target: Path) -> None:
    from kerasseg import picture

    rows, titles = [], []
    for start in range(0, len(drawn), 2):
        pair = drawn[start : start + 2]
        rows.append([one for _, image, shown in pair for one in (image, shown)])
        titles.append([text for name, _, _ in pair for text in (name, "")])
    _write_jpeg(target, picture.contact_sheet(rows, titles, 1600))


def _write_jpeg(target: Path, picture) -> None:
    import cv2

    good, data = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    if not good:
        raise ValueError(f"{target}: the overlay could not be encoded as JPEG.")
    atomic.write_bytes(target, data.tobytes())


if __name__ == "__main__":
    main()
