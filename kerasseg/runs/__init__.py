"""A run: one folder with everything to repeat, judge, load, export and serve it.

config.toml       every setting; `python -m kerasseg.train config.toml` repeats the run
environment.json  versions, device, command
taxonomy.json     class names and colours
image_format.json bands of an image, type and range of their numbers
volume_format.json of volumes: normalisation and spacing
network.keras     the best network by validation mIoU
state.weights.h5  where training stands; the last act of a run removes it
tracker.json      where --track has this run
done.json         which acts after the training are done, while one is left
health.json       what training saw: gradients, time spent waiting, dead classes
logit_bias.json   what `adjust` added to the logits of each class, if it made the run
folds/            of --fit.folds: records of the folds, and a run for each
int8_ranges.json  ranges for int8, if `finetune_int8` made the run
log.csv, tensorboard/, metrics.json, pictures/, report.html, export/
"""

from kerasseg.runs.folder import (
    STATE,
    derive,
    describe,
    discard,
    environment,
    is_finished,
    lock,
    open_run,
    unlock,
)
from kerasseg.runs.network_file import network_file
from kerasseg.runs.reading import (
    SHIPPED,
    asked_for,
    comes_along,
    folder_of,
    image_format,
    load,
    load_state,
    named,
    newest,
    refuse_volumes,
    require_kind,
    save,
    settings,
    settings_for,
    taxonomy,
    volume_format,
)

__all__ = [
    "SHIPPED",
    "STATE",
    "asked_for",
    "comes_along",
    "derive",
    "describe",
    "discard",
    "environment",
    "folder_of",
    "image_format",
    "is_finished",
    "load",
    "load_state",
    "lock",
    "named",
    "network_file",
    "newest",
    "open_run",
    "refuse_volumes",
    "require_kind",
    "save",
    "settings",
    "settings_for",
    "taxonomy",
    "unlock",
    "volume_format",
]
