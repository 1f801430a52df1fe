"""`python -m kerasseg.predict PICTURES... [--run RUN | --litert FILE]`: label maps.

Without --run and --litert it uses the road-scene network that comes with kerasseg.

For each picture it writes NAME_label.png (gray levels are the ids) and
NAME_overlay.jpg, both as large as the picture, and for all of them overlay_legend.png
and contact_sheet.jpg; for a map (GeoTIFF) NAME_label.tif at the same place on Earth;
for a video or a camera NAME_overlay.mp4 with the frame rate; for a volume, of a network
of volumes or with --slices, NAME_label in its own format and on its voxels. Where
classes overlap NAME_label_CLASS.png for each. Subfolders stay subfolders. Nothing is
written over that predict did not make: predicted.jsonl lists what it made. From Python
`predict_model` does it with any Keras model.
--litert needs ai-edge-litert, NumPy, OpenCV and Pillow only, so it also runs on a small
device.
"""

from __future__ import annotations

import argparse
import errno
import functools
import importlib.util
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from kerasseg import UserError, runs
from kerasseg.console import command, say, start_tensorflow
from kerasseg.data.reading.pictures.left_out import LeftOut
from kerasseg.drawing import bands
from kerasseg.inference import arguments, inputs, maps
from kerasseg.inference.own_models import predict_model
from kerasseg.inference.results import names
from kerasseg.inference.results.made import CannotWrite, Made
from kerasseg.inference.results.writing import Results
from kerasseg.inference.video import overlays
from kerasseg.runs import foreign, volumes

__all__ = ["main", "predict_model"]

NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}
"""What goes wrong with one result goes wrong with all that follow."""


@command
def main(argv: list[str]) -> None:
    asked = arguments.parse(argv)
    if asked.run and asked.litert:
        raise UserError("Give --run or --litert, not both: they name the network.")
    _know_names(asked)
    asked.slices = asked.slices or _is_of_slices(asked)
    if asked.slices or _is_of_volumes(asked):
        _predict_volumes(asked)
        return
    _refuse_flags_of_volumes(asked)
    found = inputs.inputs_of(asked.inputs, asked.out, asked.recursive)
    left_out, incomplete = LeftOut(), LeftOut("incomplete")
    for file, reason in found.left_out:
        left_out.add(file, UserError(f"{file} {reason}"))
    for line in found.notes():
        say(line)
    if not found.sources:
        raise UserError(str(left_out))
    made = Made(asked.out)
    if not asked.run and not asked.litert:
        _choose_network(asked)
    network = (_litert if asked.litert else _network)(asked)
    image_format = bands.displaying(asked.bands, network.image_format)
    results = Results(replace(network, image_format=image_format), made, asked)
    sources, places = found.sources, found.places
    if asked.pages == "samples":
        sources, places = inputs.page_by_page(sources, places)
    targets = names.targets(sources, places, asked.out)
    results.check(sources, targets)
    notes, done = Counter[str](), 0
    for source, target in zip(sources, targets, strict=True):
        try:
            notes.update(results.write(source, target))
        except overlays.Incomplete as error:
            incomplete.add(source, error)
        except CannotWrite:
            raise
        except (UserError, OSError, MemoryError) as error:
            if isinstance(error, OSError) and error.errno in NO_ROOM:
                raise
            left_out.add(source, _told(source, error))
            continue
        done += 1
    results.drawings.finish(asked.out)
    for note, count in notes.items():
        say(f"{count} of {done}: {note}")
    end = f"{done} predicted into {asked.out}"
    if left_out or incomplete:
        raise UserError(", ".join(filter(None, (end, str(left_out), str(incomplete)))))
    print(end)


def _is_of_volumes(asked: argparse.Namespace) -> bool:
    """Whether a run or a file for devices says that it is for volumes."""
    if asked.litert:
        from kerasseg.inference import litert_engine

        return litert_engine.is_of_volumes(Path(asked.litert))
    return bool(asked.run) and runs.volume_format(runs.folder_of(asked.run)) is not None


def _is_of_slices(asked: argparse.Namespace) -> bool:
    """Whether the pictures of a run, or of a file, were slices of volumes."""
    if asked.litert:
        from kerasseg.inference import litert_engine

        return litert_engine.is_of_slices(Path(asked.litert))
    folder = runs.folder_of(asked.run)
    return bool(asked.run) and runs.image_format(folder).slices is not None


def _refuse_flags_of_volumes(asked: argparse.Namespace) -> None:
    for name in ("mirror", "largest", "fill_holes"):
        if getattr(asked, name):
            raise UserError(
                f"--{name.replace('_', '-')} is for volumes, and this network takes "
                "pictures. Leave it out, or say --slices."
            )


def _predict_volumes(asked: argparse.Namespace) -> None:
    from kerasseg.inference.volumes import results, sources

    results.check_flags(asked)
    if not asked.run and not asked.litert:
        _choose_network(asked)
    made = Made(asked.out)
    network = volumes.network(asked, _litert if asked.litert else _network)
    channels = network.image_format.of_volumes.channels
    found, lines = sources.sources_of(
        asked.inputs, asked.out, channels, asked.recursive
    )
    for line in lines:
        print(line)
    made_of = results.VolumeResults(network, made, asked)
    targets = made_of.targets(found)
    made_of.check(found, targets)
    left_out, done = LeftOut(), 0
    for source, target in zip(found, targets, strict=True):
        try:
            made_of.write(source, target)
        except CannotWrite:
            raise
        except (UserError, OSError, MemoryError) as error:
            if isinstance(error, OSError) and error.errno in NO_ROOM:
                raise
            left_out.add(source.files[0], _told(source, error))
            continue
        done += 1
    made_of.drawings.finish(asked.out)
    end = f"{done} predicted into {asked.out}"
    if left_out:
        raise UserError(f"{end}, {left_out}")
    print(end)


def _told(source: object, error: Exception) -> Exception:
    if isinstance(error, MemoryError):
        return UserError(f"{source} needs more memory than there is")
    return error


def _know_names(asked: argparse.Namespace) -> None:
    """The names of networks that come with kerasseg become their paths."""
    asked.run = asked.run and str(runs.named(asked.run))
    if asked.litert and runs.comes_along(runs.named(asked.litert)):
        asked.litert = _file_for_devices(runs.named(asked.litert))


def _file_for_devices(shipped: Path) -> str:
    return str(shipped / "export" / "model_int8.tflite")


def _choose_network(asked: argparse.Namespace) -> None:
    """The shipped network; where there is no TensorFlow, its file for devices."""
    shipped = runs.SHIPPED
    if not (shipped / "network.keras").is_file():  # installed without the sources
        asked.run = str(runs.newest())
    elif importlib.util.find_spec("tensorflow"):
        asked.run = str(shipped)
    else:
        asked.litert = _file_for_devices(shipped)
    print(f"Network: {asked.run or asked.litert} (another one: --run or --litert)")


def _litert(asked: argparse.Namespace) -> maps.Network:
    from kerasseg.inference import litert

    if asked.crf:
        raise UserError("--crf needs Keras and --run; --litert runs without it.")
    if asked.scales:
        raise UserError(
            "--scales needs Keras and --run: a LiteRT file has one size. Leave it out."
        )
    foreign.refuse_flags(asked, asked.litert)
    model = litert.Model(asked.litert, asked.threads)
    size = model.height, model.width
    overlap = _overlap(asked, size)
    if overlap or asked.flip or asked.probabilities:
        model.require("probabilities")

    def segment(image, each=None):
        return model.segment(image, overlap, asked.flip, each)

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
    folder = runs.folder_of(run)
    passes = _passes(folder, asked.scales)
    network = runs.load(run)
    taxonomy, image_format = runs.taxonomy(folder), runs.image_format(folder)

    from kerasseg.inference.class_maps import network_size, segmenter

    if taxonomy.num_classes != network.output_shape[-1]:
        raise UserError(
            f"{run} names {taxonomy.num_classes} classes but its network has "
            f"{network.output_shape[-1]}. taxonomy.json belongs to another network."
        )
    size = network_size(network)
    overlap = _overlap(asked, size)
    options = overlap, asked.flip, asked.crf, image_format, taxonomy.exclusive
    segment = segmenter(network, *options, passes(network) if passes else ())
    return maps.Network(segment, size, taxonomy, image_format, asked.overlap)


def _passes(run: Path, scales: Sequence[float]) -> Any:
    """See `other_sizes.passes_of`, which needs more packages than a device has."""
    if not scales:
        return None
    from kerasseg.fit import other_sizes

    return other_sizes.passes_of(run, scales)


if __name__ == "__main__":
    main()
