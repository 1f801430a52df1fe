"""A run: one folder with everything to repeat, judge, load, export and serve it.

config.toml       every setting; `python -m kerasseg.train config.toml` repeats the run
environment.json  versions, device, command
taxonomy.json     class names and colours
image_format.json bands of an image, type and range of their numbers
network.keras     the best network by validation mIoU
state.weights.h5  where training stands, while it is not finished
health.json       what training saw: gradients, time spent waiting, dead classes
logit_bias.json   what `adjust` added to the logits of each class, if it made the run
int8_ranges.json  ranges for int8, if `finetune_int8` made the run
log.csv, tensorboard/, metrics.json, pictures/, report.html, export/
"""

from kerasseg.runs.folder import (
    derive,
    describe,
    discard,
    environment,
    lock,
    open_run,
    unlock,
)
from kerasseg.runs.reading import (
    SHIPPED,
    image_format,
    load,
    load_state,
    newest,
    require_kind,
    settings,
    settings_for,
    taxonomy,
)

__all__ = [
    "SHIPPED",
    "derive",
    "describe",
    "discard",
    "environment",
    "image_format",
    "load",
    "load_state",
    "lock",
    "newest",
    "open_run",
    "require_kind",
    "settings",
    "settings_for",
    "taxonomy",
    "unlock",
]
