"""The network that trains, and its twin that is judged."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kerasseg import config
from kerasseg.fit import freezing, from_settings, teachers
from kerasseg.fit.devices import Devices
from kerasseg.fit.training_data import TrainingData

if TYPE_CHECKING:
    import keras

    from kerasseg.fit.trainer import Trainer


@dataclass(frozen=True)
class Networks:
    """The network that trains on crops, and its twin that is judged on whole images.

    looking: as the judged one, for crops: the statistics of batch normalisation are
    estimated with it (`kerasseg.fit.statistics`). None where none are.
    """

    trainer: Trainer
    judge: Trainer
    looking: keras.Model | None = None


def networks_of(settings: config.Config, data: TrainingData, used: Devices) -> Networks:
    """Both, built and compiled for these records and devices."""
    # The weights that a training begins with are the first of these that exist:
    # 1. those of this run when it was stopped, in its state;
    # 2. those of the network that --model.start names;
    # 3. ImageNet's, in encoders that have them (--model.options weights=none: not);
    # 4. random ones, from --seed.
    images, classes = data.image_format, data.taxonomy.num_classes
    exclusive = data.taxonomy.exclusive
    names = data.taxonomy.names
    axes, volume = len(data.size), data.volume
    loss = from_settings.loss_of(settings.fit, data.split, exclusive, names, axes)
    network_of = functools.partial(
        from_settings.network_of,
        settings.model,
        classes,
        image_format=images,
        normalise=settings.data.normalise,
        volume=volume,
    )

    def build() -> keras.Model:
        network = network_of(data.crop)
        freezing.freeze(network, settings.fit.freeze)
        xla = from_settings.uses_xla(settings.fit, used)
        return used.as_trained_here(network, xla)

    total = data.steps * settings.fit.epochs
    sizes = data.size, data.crop
    teaching = teachers.distillation_of(settings.fit, data.taxonomy, *sizes, used)
    trainer = from_settings.trainer_of(
        settings,
        build,
        loss,
        data.crop,
        total,
        used,
        images,
        exclusive,
        volume,
        teaching,
    )
    whole = network_of(data.size, weights=False)
    judge = from_settings.judge_of(settings, whole, loss, used, exclusive)
    if not settings.fit.statistics:
        return Networks(trainer, judge)
    alike = data.crop == data.size
    looking = whole if alike else network_of(data.crop, weights=False)
    return Networks(trainer, judge, looking)
