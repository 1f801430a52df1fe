"""The crops on which statistics of batch normalisation are estimated: those of the
training, augmented as there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerasseg import UserError, augment, config
from kerasseg.data import pipeline
from kerasseg.data.records import describe
from kerasseg.fit import freezing, from_settings, places, statistics, streams
from kerasseg.fit.augmentation import augmentation

if TYPE_CHECKING:
    import keras

    from kerasseg.fit.networks import Networks
    from kerasseg.fit.training_data import TrainingData


def of_training(
    settings: config.Config, data: TrainingData, networks: Networks, trained: int
) -> statistics.Settle | None:
    """What gives the judged network of a training its statistics; None with
    --fit.statistics 0. trained: pixels that an epoch trains on."""
    if networks.looking is None:
        return None
    wanted = settings.fit.statistics
    read = statistics.batches_for(wanted, trained, data.crop)
    judged, twin = networks.judge.network, networks.looking
    return _settle(settings, data.records, judged, twin, networks.trainer.augment, read)


def again(settings: config.Config, network: keras.Model, images: int) -> None:
    """Estimates the statistics of a run's network on crops of so many images.

    settings: those of its run, which say the records, the crop and the augmentation.

    Raises UserError for a network that these settings do not build.
    """
    read, described = settings.data, describe(settings.data.records)
    kind, taxonomy = described.image_format, described.taxonomy
    size = pipeline.size_of(described, read.train, network.input_shape[1:-1])
    crop = from_settings.crop_of(read, size)
    twin = from_settings.network_of(
        settings.model,
        taxonomy.num_classes,
        crop,
        weights=False,
        image_format=kind,
        normalise=read.normalise,
    )
    if _shapes(twin) != _shapes(network):
        raise UserError(
            "--statistics needs the network that the run's config.toml builds, and "
            f"'{network.name}' is another. Leave --statistics out."
        )
    policy = augment.applicable(settings.augment, kind, False)[0]
    augmented = augmentation(policy, crop, kind, taxonomy.ignore)
    batches = statistics.batches_for(images, 2**62, crop)
    _settle(settings, read.records, network, twin, augmented, batches)()


def _shapes(network: keras.Model) -> dict[Any, Any]:
    return {k: tuple(v.shape) for k, v in places.variables_of(network).items()}


def _settle(
    settings: config.Config,
    records: str | Path,
    judged: keras.Model,
    twin: keras.Model,
    augmented: Callable[..., tuple],
    batches: tuple[int, int],
) -> statistics.Settle:
    """batches: their number, and the images in each."""
    count, together = batches
    stream = streams.labelled(settings, records, together)
    arrays = stream.take(count).map(
        lambda batch: (batch["image"], batch["label"], batch["numbers"])
    )
    return statistics.Settle(
        judged,
        arrays,
        see=lambda *batch: augmented(*batch)[0],
        twin=twin,
        still=freezing.still_layers(twin, settings.fit.freeze),
    )
