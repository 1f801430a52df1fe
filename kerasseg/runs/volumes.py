"""The network of a run, or of a file for devices, as volumes are predicted with it."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from kerasseg import UserError
from kerasseg.inference import maps
from kerasseg.inference.volumes.results import VolumeNetwork
from kerasseg.runs import reading
from kerasseg.volume_format import VolumeFormat


def network(
    asked: argparse.Namespace,
    of_pictures: Callable[[argparse.Namespace], maps.Network],
) -> VolumeNetwork:
    """asked: the flags of `predict`. of_pictures: makes the network for --slices.

    Raises UserError for a network of pictures without --slices, and of volumes with.
    """
    mirror = tuple(sorted({"zyx".index(axis) for axis in asked.mirror}))
    mirror = tuple(sorted({*mirror, 2})) if asked.flip else mirror
    if asked.litert:
        return _of_device(asked, of_pictures, mirror)
    folder = reading.folder_of(asked.run)
    volume = reading.volume_format(folder)
    if asked.slices:
        _refuse_slices(asked.run, volume)
        return _of_slices(of_pictures(asked))
    from kerasseg.console import start_tensorflow

    start_tensorflow()
    from kerasseg.inference.volumes.networks import volume_segmenter

    taxonomy, images = reading.taxonomy(folder), reading.image_format(folder)
    loaded = reading.load(asked.run)
    segment = volume_segmenter(loaded, volume, images, taxonomy.exclusive, mirror)
    return VolumeNetwork(taxonomy, images, volume or VolumeFormat(), segment)


def _of_device(
    asked: argparse.Namespace,
    of_pictures: Callable[[argparse.Namespace], maps.Network],
    mirror: tuple[int, ...],
) -> VolumeNetwork:
    from kerasseg.inference import litert

    if asked.slices:
        _refuse_slices(asked.litert, litert.Model(asked.litert).volume_format)
        return _of_slices(of_pictures(asked))
    model = litert.Model(asked.litert, asked.threads)
    segment = model.volume_segmenter(mirror)
    volume = model.volume_format or VolumeFormat()
    return VolumeNetwork(model.taxonomy, model.image_format, volume, segment)


def _of_slices(found: maps.Network) -> VolumeNetwork:
    """What the pictures were cut from, the run knows; of other runs volumes are taken
    as they are."""
    cut = found.image_format.slices
    plain = cut.volume if cut else VolumeFormat("none")
    return VolumeNetwork(
        found.taxonomy, found.image_format, plain, of_slices=found.segment
    )


def _refuse_slices(name: str, volume: VolumeFormat | None) -> None:
    if volume:
        raise UserError(
            f"--slices is for networks of pictures; {name} takes volumes as they are. "
            "Leave it out."
        )
