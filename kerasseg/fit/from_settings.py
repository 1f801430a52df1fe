"""Builds what a training is made of (network, loss, optimizer, data) from settings.

`train`, `finetune_int8` and the benchmarks all build here, so a setting means the same
in each of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from kerasseg import UserError, config, models
from kerasseg.fit import devices
from kerasseg.fit.input_range import input_range_of
from kerasseg.image_format import RGB, ImageFormat
from kerasseg.taxonomy import label_type
from kerasseg.volume_format import VolumeFormat

if TYPE_CHECKING:
    import keras

    from kerasseg.data.format.splits import SplitDescription
    from kerasseg.fit.distillation import Distillation
    from kerasseg.fit.optimizer import Guard
    from kerasseg.fit.trainer import Trainer


def devices_of(settings: config.Config) -> devices.Devices:
    """Starts the backend on the devices of --fit.device and --fit.devices, seeded.

    Raises UserError where they cannot be had.
    """
    fit, batch = settings.fit, settings.data.batch
    used = devices.start(
        fit.device, fit.devices, batch, parts=fit.accumulate, xla=fit.xla
    )
    import keras

    keras.utils.set_random_seed(settings.seed)
    if fit.deterministic:
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
    return used


def uses_xla(fit: config.Fit, used: devices.Devices) -> bool:
    """Whether XLA compiles a step."""
    known = {"auto": used.uses_xla_by_default, "on": True, "off": False}
    return known[fit.xla]


def region_of(data: config.Data) -> tuple[int, ...]:
    """The size that samples are read at: --data.size; of volumes, where it is not
    given, the crop."""
    return data.crop if len(data.crop) == 3 and not any(data.size) else data.size


def crop_of(data: config.Data, size: tuple[int, ...]) -> tuple[int, ...]:
    """Height and width, of volumes depth too, of training crops of such images."""
    return data.crop if any(data.crop) else size


def borders_of(fit: config.Fit) -> tuple[float, float] | None:
    """(w0, sigma) of U-Net's border weights; None where there are none."""
    return (fit.border_weight, fit.border_sigma) if fit.border_weight else None


def loss_of(
    fit: config.Fit,
    split: SplitDescription,
    exclusive: bool = True,
    names: Sequence[str] = (),
    axes: int = 2,
) -> Callable:
    """The weighted sum of --fit.loss with --fit.options and --fit.class_weights:
    (target, logits, border weights) -> scalar.

    exclusive: see `Taxonomy`. names: of the classes. axes: 2 of images, 3 of volumes.

    Raises UserError for names and options that no loss has, values out of their range,
    and weights that reach no loss.
    """
    import numpy as np

    from kerasseg import losses
    from kerasseg.fit import class_weighting

    classes = len(split.pixels)
    names = names or [f"class_{i}" for i in range(classes)]
    parts = config.options(fit.loss, "--fit.loss")
    given = config.loss_options(fit.options, parts)
    weights = class_weighting.weights_of(fit.class_weights, split, names)
    try:
        loss = losses.total(parts, weights, given, exclusive)
        # Tried once, so that a value that makes no sense is found before the training.
        size = (1, *[2] * axes)
        border = (np.ones(size, "float32"),) if borders_of(fit) else ()
        zeros = np.zeros((*size, classes), "float32")
        loss(zeros, zeros, *border)
    except UserError as error:
        raise UserError(f"--fit.loss: {error}") from None
    return loss


def optimizer_of(fit: config.Fit, steps: int) -> Guard:
    """The optimizer with its schedule over `steps`, which keeps to --fit.minutes, see
    `pacing.Pace`."""
    import keras

    from kerasseg.fit import optimizer, schedules

    rate = schedules.schedule(fit.schedule, fit.learning_rate, steps, fit.warmup)
    if fit.minutes and fit.schedule != "constant" and keras.backend.backend() != "jax":
        rate = schedules.Paced(rate)
    return optimizer.optimizer(
        fit.optimizer,
        rate,
        weight_decay=fit.weight_decay,
        clip_norm=fit.clip_norm,
        ema=fit.ema,
        encoder_rate=fit.encoder_rate,
        loss_scale=fit.precision == "mixed_float16",
    )


def network_of(
    model: config.Model,
    classes: int,
    size: tuple[int, ...],
    weights: bool = True,
    image_format: ImageFormat = RGB,
    normalise: Sequence[str] = ("auto",),
    volume: VolumeFormat | None = None,
) -> keras.Model:
    """The network for images of `size`; without `weights`, at random.

    image_format, normalise: what the images are, and --data.normalise. volume: of
    volumes; a network with an option `spacing` gets the median of theirs.

    Raises UserError for unknown names and options, where --model.start is another
    network, and as `input_range_of`.
    """
    from kerasseg.fit import warm_start

    options = config.options(model.options, "--model.options")
    if volume and "spacing" in models.options_of(model.name):
        options = {"spacing": volume.median_spacing} | options
    images: dict[str, Any] = {
        "input_range": input_range_of(image_format, normalise, volume),
        "bands": image_format.bands,
    }
    given = model.name, classes, (*size, image_format.channels), options
    if not weights:
        return warm_start.without_weights(*given, **images)
    return warm_start.build(*given, model.start, **images)


def trainer_of(
    settings: config.Config,
    build: Callable[[], Any],
    loss: Callable,
    crop: tuple[int, ...],
    steps: int,
    used: devices.Devices,
    image_format: ImageFormat = RGB,
    exclusive: bool = True,
    volume: VolumeFormat | None = None,
    teaching: Distillation | None = None,
) -> Trainer:
    """A compiled Trainer with all its variables, so that a state can be loaded.

    build: function () -> network for `crop`; it runs on the training's devices and in
    its precision. steps: of the whole training, for the schedule. image_format: what
    the images are; a named policy loses the parts that mean nothing for them
    (`kerasseg.augment.applicable`). exclusive: see `Taxonomy`. volume: of volumes.
    teaching: of `teachers.distillation_of`.
    """
    import keras

    from kerasseg import augment
    from kerasseg.fit.trainer import Trainer

    fit, xla = settings.fit, uses_xla(settings.fit, used)
    with used.building():
        keras.config.set_dtype_policy(fit.precision)
        try:
            network = build()
        finally:
            # Judged, saved and exported in float32, whatever the training computes in.
            keras.config.set_dtype_policy("float32")
        trainer = Trainer(
            network,
            loss,
            augment.applicable(settings.augment, image_format, bool(volume))[0],
            crop,
            borders_of(fit),
            parts=fit.accumulate,
            remat=fit.remat,
            image_format=image_format,
            exclusive=exclusive,
            deep=fit.deep_supervision,
            **({"spacing": volume.median_spacing} if volume else {}),
            teaching=teaching,
        )
        trainer.compile(optimizer=optimizer_of(fit, steps), jit_compile=xla)
        _make_variables(trainer, crop, image_format)
    return trainer


def judge_of(
    settings: config.Config,
    network: Any,
    loss: Callable,
    used: devices.Devices,
    exclusive: bool = True,
) -> Trainer:
    """A compiled Trainer that scores a network on whole images, of its own size."""
    from kerasseg.fit.trainer import Trainer

    size = network.input_shape[1:-1]
    judge = Trainer(network, loss, settings.augment, size, exclusive=exclusive)
    judge.compile(jit_compile=uses_xla(settings.fit, used))
    return judge


def _make_variables(
    trainer: Trainer, crop: tuple[int, ...], image_format: ImageFormat
) -> None:
    import numpy as np

    image = np.zeros((1, *crop, image_format.channels), image_format.type)
    planes = () if trainer.exclusive else (trainer.num_classes,)
    label = np.zeros((1, *crop, *planes), label_type(trainer.num_classes))
    trainer({"image": image, "label": label}, training=False)
    trainer.optimizer.build(trainer.trainable_variables)
