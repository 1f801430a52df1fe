"""What can be judged before TensorFlow is loaded, which takes ten seconds."""

from __future__ import annotations

from kerasseg import config, models, runs
from kerasseg.data.format.description import describe
from kerasseg.files import remote
from kerasseg.models.options import check_bounds


def check(settings: config.Config) -> None:
    """Raises UserError for a network that is not known, options out of their bounds, a
    --model.start without a network, and records or splits that are not there."""
    model, data = settings.model, settings.data
    models.check_known(model.name)
    given = config.options(model.options, "--model.options")
    check_bounds(given, "--model.options")
    if model.start:
        runs.network_file(runs.named(model.start))
    if data.records and not remote.is_remote(data.records):
        described = describe(data.records)
        for split in (data.train, data.val):
            described.split(split)
