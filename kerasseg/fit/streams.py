"""The batches of a training, addressed by the number of a step."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerasseg import config
from kerasseg.fit import unlabelled
from kerasseg.fit.from_settings import borders_of, region_of

if TYPE_CHECKING:
    import tensorflow as tf

    from kerasseg.data.format.splits import SplitDescription


def stream_of(
    settings: config.Config,
    records: str | Path,
    start: int = 0,
    share: tuple[int, int] = (0, 1),
) -> tf.data.Dataset:
    """Endless batches of the training split, and of --data.unlabelled among them, as a
    Trainer takes them, from sample `start` on: a multiple of the batch. share: (index
    of this process, processes)."""
    data, step = settings.data, start // settings.data.batch
    instances = borders_of(settings.fit) is not None
    stream = labelled(
        settings,
        records,
        labelled_of(data),
        start=step * labelled_of(data),
        share=share,
        service=data.service,
        instances=instances,
    )
    options = _options(settings) | {"instances": instances}
    return unlabelled.mixed(settings, records, stream, step, share, **options)


def labelled(
    settings: config.Config, records: str | Path, batch: int, **options: Any
) -> tf.data.Dataset:
    """Endless batches of so many images of the training split, with the numbers that
    augment them. options: others of `pipeline.batches`."""
    from kerasseg.data import pipeline, smaller

    data = settings.data
    records, size = smaller.instead(records, data.train, region_of(data), data.smaller)
    return pipeline.batches(
        records,
        data.train,
        batch_size=batch,
        size=size,
        crop=data.crop,
        foreground=data.foreground,
        seed=settings.seed,
        **_options(settings),
        **options,
    )


def _options(settings: config.Config) -> dict[str, Any]:
    """Those of `pipeline.batches` for labelled and unlabelled images alike."""
    from kerasseg import augment

    data = settings.data
    read = {"shuffle": data.shuffle, "threads": data.threads}
    return read | {"training": True, "numbers": augment.NUMBERS}


def labelled_of(data: config.Data) -> int:
    """Labelled images of a batch."""
    return data.batch - unlabelled.count(data)


def sample_ids_of(
    settings: config.Config, records: str | Path
) -> Callable[[int], list[str]]:
    """Function from the number of a step of `stream_of`, the first is 0, to the ids of
    its samples."""
    from kerasseg.fit import not_finite

    data = settings.data
    if data.service:
        return lambda step: ["unknown (a tf.data service gave them)"]
    first = records, data.train, labelled_of(data), settings.seed
    sources = [(*first, data.shuffle)]
    if data.unlabelled:
        other = settings.seed ^ unlabelled.OTHER_SEED, data.shuffle
        place = data.unlabelled, data.unlabelled_split, unlabelled.count(data)
        sources.append((*place, *other))
    return lambda step: [
        name for source in sources for name in not_finite.sample_ids(*source, step)
    ]


def steps_of(data: config.Data, split: SplitDescription) -> int:
    """Steps of an epoch, in which each labelled image comes once."""
    return max(1, round(split.samples / labelled_of(data)))
