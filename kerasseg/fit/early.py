"""What can be judged before TensorFlow is loaded, which takes ten seconds."""

from __future__ import annotations

from kerasseg import config, models, runs
from kerasseg.data.format.description import describe
from kerasseg.files import remote
from kerasseg.fit import own_callbacks
from kerasseg.fit.tracking import tracker
from kerasseg.models.options import check_bounds


def check(settings: config.Config) -> None:
    """Raises UserError for a network that is not known, options out of their bounds, a
    --model.start without a network, records or splits that are not there, a package
    that --track needs, and a module of --callbacks that is not found."""
    own_callbacks.check(settings.callbacks)
    tracker.check(settings.track)
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
