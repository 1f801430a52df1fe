"""The network that trains, and its twin that is judged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kerasseg import UserError, config
from kerasseg.fit import freezing, from_settings, teachers
from kerasseg.fit.devices import Devices
from kerasseg.fit.training_data import TrainingData
from kerasseg.models.pieces.sizes import SizeError

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

    def network_of(size: tuple[int, ...], weights: bool = True) -> keras.Model:
        try:
            return from_settings.network_of(
                settings.model,
                classes,
                size,
                weights,
                images,
                settings.data.normalise,
                volume,
            )
        except SizeError as error:
            raise UserError(f"{error} {_another(size, data)}") from None

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


def _another(size: tuple[int, ...], data: TrainingData) -> str:
    """How a training gets another size than this one, which its network cannot take."""
    if data.volume:
        return "--data.crop DEPTH HEIGHT WIDTH is the size of the patches."
    if size != data.size:
        return "--data.crop HEIGHT WIDTH is the size of the crops."
    return (
        "--data.size HEIGHT WIDTH resizes the images for the training, and "
        f"`python -m kerasseg.train {data.records} --minutes 15` chooses a network and "
        "a size by itself."
    )
