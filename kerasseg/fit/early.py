"""What can be judged before TensorFlow is loaded, which takes ten seconds."""

from __future__ import annotations

import itertools
import os
import sys
from pathlib import Path

from kerasseg import UserError, config, models, runs
from kerasseg.data.format.description import Description, describe
from kerasseg.data.format.joined import trains_on
from kerasseg.files import remote
from kerasseg.fit import folds, own_callbacks, teachers, unlabelled
from kerasseg.fit.devices import NO_GPU, require_enough
from kerasseg.fit.tracking import tracker
from kerasseg.models.options import check_bounds

GPUS = Path("/proc/driver/nvidia/gpus")
"""Linux: a folder for each GPU that NVIDIA's driver has found."""
OTHERS = (Path("/dev/dxg"), Path("/dev/kfd"))
"""GPUs that stand elsewhere: of Windows' Linux, and of AMD."""


def check(settings: config.Config) -> None:
    """Raises UserError for a network that is not known, options out of their bounds, a
    --model.start without a network, records or splits that are not there, teachers
    that do not fit, a package that --track needs, a module of --callbacks that is not
    found, and more devices than there are."""
    own_callbacks.check(settings.callbacks)
    tracker.check(settings.track)
    model, data = settings.model, settings.data
    check_devices(settings.fit)
    models.check_known(model.name)
    given = config.options(model.options, "--model.options")
    check_bounds(given, "--model.options")
    if model.start:
        runs.network_file(runs.named(model.start))
    folds.check(settings)
    whole = trains_on(data.train, data.val) and not settings.fit.folds
    if whole and settings.fit.patience:
        raise UserError(
            f"--fit.patience goes by the split '{data.val}', which --data.train "
            f"{data.train} trains on: its score only rises. Set --fit.epochs to the "
            "number that a training on the others chose."
        )
    if whole and settings.adjust:
        raise UserError(
            f"--adjust looks for the balance of classes on the split '{data.val}', "
            f"which --data.train {data.train} trains on. Leave it out."
        )
    if data.records and not remote.is_remote(data.records):
        described = describe(data.records)
        for split in (data.train, data.val):
            described.split(split)
        if described.volume and data.val_images:
            raise UserError(
                "--data.val_images is for pictures, not for volumes. Leave it out."
            )
        check_teaching(settings, described)


def check_teaching(settings: config.Config, records: Description) -> None:
    """Raises UserError for teachers, and for images without labels, that do not fit to
    the records, and for options of teachers without any."""
    fit, images = settings.fit, records.image_format
    if not fit.teacher and (fit.teacher_scales or fit.teacher_flip):
        raise UserError(
            "--fit.teacher_scales and --fit.teacher_flip are of teachers. Name them "
            "with --fit.teacher RUN, or leave these out."
        )
    if records.volume and (fit.teacher or settings.data.unlabelled):
        flag = "--fit.teacher" if fit.teacher else "--data.unlabelled"
        raise UserError(f"{flag} is for pictures, not for volumes. Leave it out.")
    teachers.check(fit, records.taxonomy, images, records.path)
    unlabelled.check(settings, images)


def check_devices(fit: config.Fit) -> None:
    """Raises UserError where there surely are not so many GPUs. There may be fewer that
    TensorFlow can use: that it says itself."""
    loaded = "tensorflow" in sys.modules  # by a program that may have its own devices
    gpus = most_gpus()
    if fit.device == "cpu" or loaded or gpus is None:
        return
    if fit.device == "gpu" and not gpus:
        raise UserError(NO_GPU)
    require_enough(fit.devices, max(gpus, 1), bool(gpus))


def most_gpus() -> int | None:
    """The most GPUs that TensorFlow can find here; None where that cannot be told."""
    other = os.environ.get("KERAS_BACKEND", "tensorflow") != "tensorflow"
    if other or not sys.platform.startswith("linux") or any(p.exists() for p in OTHERS):
        return None
    found = len(list(GPUS.iterdir())) if GPUS.is_dir() else 0
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return found
    # As CUDA reads it: what follows -1, or what is no device, does not count.
    names = itertools.takewhile(
        lambda n: n.strip() not in ("", "-1"), visible.split(",")
    )
    return min(found, len(list(names)))
