"""What can be judged before TensorFlow is loaded, which takes ten seconds."""

from __future__ import annotations

from kerasseg import UserError, config, models, runs
from kerasseg.data.format.description import Description, describe
from kerasseg.data.format.joined import trains_on
from kerasseg.files import remote
from kerasseg.fit import own_callbacks, teachers, unlabelled
from kerasseg.fit.tracking import tracker
from kerasseg.models.options import check_bounds


def check(settings: config.Config) -> None:
    """Raises UserError for a network that is not known, options out of their bounds, a
    --model.start without a network, records or splits that are not there, teachers
    that do not fit, a package that --track needs, and a module of --callbacks that is
    not found."""
    own_callbacks.check(settings.callbacks)
    tracker.check(settings.track)
    model, data = settings.model, settings.data
    models.check_known(model.name)
    given = config.options(model.options, "--model.options")
    check_bounds(given, "--model.options")
    if model.start:
        runs.network_file(runs.named(model.start))
    if trains_on(data.train, data.val) and settings.fit.patience:
        raise UserError(
            f"--fit.patience goes by the split '{data.val}', which --data.train "
            f"{data.train} trains on: its score only rises. Set --fit.epochs to the "
            "number that a training on the others chose."
        )
    if data.records and not remote.is_remote(data.records):
        described = describe(data.records)
        for split in (data.train, data.val):
            described.split(split)
        check_teaching(settings, described)


def check_teaching(settings: config.Config, records: Description) -> None:
    """Raises UserError for teachers, and for images without labels, that do not fit to
    the records, and for options of teachers without any."""
    fit, images = settings.fit, records.image_format
    if fit.teacher and records.volume:
        raise UserError("--fit.teacher is for pictures, not for volumes. Leave it out.")
    if not fit.teacher and (fit.teacher_scales or fit.teacher_flip):
        raise UserError(
            "--fit.teacher_scales and --fit.teacher_flip are of teachers. Name them "
            "with --fit.teacher RUN, or leave these out."
        )
    teachers.check(fit, records.taxonomy, images, records.path)
    unlabelled.check(settings, images)
