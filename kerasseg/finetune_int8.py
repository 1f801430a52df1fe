"""`python -m kerasseg.finetune_int8 RUN`: a run whose int8 file loses less.

Goes on training the run's best network for an epoch at a small rate while it computes
as the int8 file will (see kerasseg/export/litert/fake_quantisation.py), into a new run
folder RUN-int8-1 with int8_ranges.json, in whose ranges the export then quantises.

Exit code 3: int8 still loses more than the limit.
"""

from __future__ import annotations

import dataclasses
import math
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from kerasseg import UserError, config, runs
from kerasseg.console import command, flags, say
from kerasseg.console.flags import COUNT, Number
from kerasseg.data.damage import naming_damage
from kerasseg.export.calibration import of_records as calibration_images
from kerasseg.export.formats import Limits
from kerasseg.export.run import Export, export_run
from kerasseg.files import atomic
from kerasseg.fit import from_settings, streams, teachers
from kerasseg.fit.devices import Devices
from kerasseg.fit.places import same_order
from kerasseg.image_format import ImageFormat
from kerasseg.taxonomy import Taxonomy

if TYPE_CHECKING:
    import keras

    from kerasseg.fit.trainer import Trainer


@dataclass(frozen=True)
class FinetuneInt8:
    """Teach a run's network to lose less when it is quantised to int8."""

    run: tyro.conf.Positional[str] = ""
    """Run folder; empty: the one trained last."""
    epochs: Annotated[int, Number(1, 10**6)] = 1
    """Passes over the training split; the best one by validation mIoU is kept."""
    rate: Annotated[float, Number(0, 10**6, above=True)] = 0.05
    """Highest learning rate, as a share of the recipe's."""
    records: str = ""
    """Records to train and score on; empty: those of the training."""
    teacher: tuple[str, ...] = ()
    """Run folders that teach it beside the labels, for instance the run itself; the
    other settings of teachers are the run's (--fit.temperature, ...)."""
    calibration: Annotated[int, COUNT] = 32
    """Images of the training split, not augmented, that set the ranges of int8."""
    limit: Annotated[float, Number(0, 100)] = 1.0
    """mIoU that the new int8 file may lose against the run's network, points."""


@command
def main(argv: list[str]) -> None:
    asked = flags.parse(FinetuneInt8, argv, prog="python -m kerasseg.finetune_int8")
    run = runs.asked_for(asked.run)
    records = runs.settings_for(run, asked.records).data.records
    with naming_damage(records):
        passed = finetune(run, asked)
    if not passed:
        sys.exit(3)


def finetune(run: Path, asked: FinetuneInt8) -> bool:
    """Writes the new run; whether its int8 file keeps to the limit.

    Raises UserError for a run or records that cannot be read, for settings of the run
    that a quantised network cannot train with, and when the loss is NaN or Inf.
    """
    # ---- The run, and what its int8 file loses -------------------------------------
    runs.refuse_volumes(run, "finetune_int8")
    settings = runs.settings_for(run, asked.records)
    tuned = settings_of_finetuning(settings, asked.rate, asked.teacher)
    used = from_settings.devices_of(tuned)
    import keras

    from kerasseg.data import pipeline
    from kerasseg.data import records as shards
    from kerasseg.export.litert.fake_quantisation import FILE
    from kerasseg.inference.class_maps import network_size

    network, image_format = runs.load(run), runs.image_format(run)
    data, records = settings.data, settings.data.records
    runs.require_kind(run, records, shards.describe(records).image_format)
    size = network_size(network)
    val = pipeline.batches(records, data.val, batch_size=data.batch, size=size)
    images = calibration_images(records, data.train, size, asked.calibration)
    before = _scores(network, images, val, image_format, runs.taxonomy(run))
    print(_line(run, before, before[0]["miou"]))

    # ---- Fine-tune the copy that computes as int8 will -----------------------------
    keras.utils.set_random_seed(settings.seed)
    out = runs.derive(run, "int8", settings)
    ranges = _train(network, image_format, tuned, asked.epochs, val, out, used)
    atomic.write_json(out / FILE, ranges)
    runs.save(network, out / "network.keras")

    # ---- Judge, export, report -----------------------------------------------------
    from kerasseg.runs import report, scores

    scores.evaluate(out, records, data.val, out, data.batch)
    limits = Limits(int8=asked.limit)
    wanted = Export(formats=("int8",), calibration=asked.calibration, limits=limits)
    after = export_run(out, records, data.val, wanted)
    report.write(out)
    print(_line(run, before, before[0]["miou"]))
    print(_line(out, after, before[0]["miou"]))
    _, passed = limits.of("int8", 1.0, before[0]["miou"] - after[1]["miou"])
    if not passed:
        print(
            f"int8 still loses more than {asked.limit:g} points against the network "
            f"of {run}. Try more --epochs, another --rate, or python -m "
            "kerasseg.export --keep-float LAYER.",
            file=sys.stderr,
        )
    return passed and after[1]["passed"]


def settings_of_finetuning(
    settings: config.Config, rate: float, teacher: tuple[str, ...] = ()
) -> config.Config:
    """Those of a run's training, as its network is fine-tuned at a share of the rate,
    by these teachers; without any, on labelled images alone.

    Raises UserError for settings that a quantised network cannot train with.
    """
    fit = settings.fit
    if fit.devices > 1:
        # A convolution reads the batch normalisation behind it; a copy of the network
        # for several devices, made layer by layer, would lose that.
        raise UserError(
            f"The run was trained with --fit.devices {fit.devices}, and fine-tuning "
            "for int8 runs on one device only. Write devices = 1 into the [fit] table "
            "of its config.toml to fine-tune on one."
        )
    fit = dataclasses.replace(
        fit,
        learning_rate=rate * fit.learning_rate,
        weight_decay=0.0,
        ema=0.0,
        precision="float32",
        devices=1,
        xla="off",  # which has no kernel for rounded channels
        teacher=teacher,
    )
    data = settings.data
    if not teacher:
        data = dataclasses.replace(data, unlabelled="")
    return dataclasses.replace(settings, data=data, fit=fit)


def _train(
    network: Any,
    image_format: ImageFormat,
    settings: config.Config,
    epochs: int,
    val,
    out: Path,
    used: Devices,
) -> dict[str, list[float]]:
    """Fine-tunes; `network` then has the weights of the best epoch. Its ranges."""
    from kerasseg.data import records as shards
    from kerasseg.export.litert.fake_quantisation import quantised
    from kerasseg.fit import callbacks
    from kerasseg.fit.progress import Progress
    from kerasseg.inference.class_maps import network_size

    data, size = settings.data, network_size(network)
    described = shards.describe(data.records)
    known, exclusive = described.split(data.train), described.taxonomy.exclusive
    crop = from_settings.crop_of(data, size)
    steps = streams.steps_of(data, known)
    names = described.taxonomy.names
    loss = from_settings.loss_of(settings.fit, known, exclusive, names)
    whole = quantised(network)
    classes = network.output_shape[-1]

    def of_crop():
        return from_settings.network_of(
            settings.model, classes, crop, False, image_format, data.normalise
        )

    if crop != size and not same_order(network, of_crop()):
        say(
            "The layers of this network stand in the order of an earlier version: it "
            "is trained on whole images, not on crops."
        )
        crop = size

    def build():
        if crop == size:
            return whole
        small = of_crop()
        small.set_weights(network.get_weights())
        return quantised(small)

    total = steps * epochs
    teachers.check(settings.fit, described.taxonomy, image_format, data.records)
    sizes = size, crop
    teaching = teachers.distillation_of(settings.fit, described.taxonomy, *sizes, used)
    log = callbacks.Log(out / "log.csv", out / "tensorboard", 0)
    trainer = from_settings.trainer_of(
        settings,
        build,
        loss,
        crop,
        total,
        used,
        image_format,
        exclusive,
        teaching=teaching,
    )
    judge = from_settings.judge_of(settings, whole, loss, used, exclusive)
    best = _best(judge, val, network)
    print(f"Fine-tuning: {epochs} epochs of {steps} steps, into {out}")
    trainer.fit(
        streams.stream_of(settings, data.records),
        epochs=epochs,
        steps_per_epoch=steps,
        callbacks=[best, log, Progress(log, epochs)],
        shuffle=False,
        verbose=0,
    )
    return best.ranges


def _best(judge: Trainer, val, network: Any) -> Any:
    """Gives `network` the weights of the epoch that scores best as int8 computes."""
    import keras

    from kerasseg.export.litert.fake_quantisation import give_back, ranges

    class Best(keras.callbacks.Callback):
        best = -1.0

        def on_epoch_end(self, epoch, logs):
            if not math.isfinite(logs["loss"]):
                raise UserError(f"The loss became {logs['loss']}. Lower --rate.")
            judge.network.set_weights(self.model.network.get_weights())
            scores = judge.evaluate(val, verbose=0, return_dict=True)
            logs |= {f"val_{name}": value for name, value in scores.items()}
            if scores["miou"] > self.best:
                self.best = scores["miou"]
                give_back(judge.network, network)
                self.ranges = ranges(judge.network)

    return Best()


def _scores(
    network: keras.Model, images, val, image_format: ImageFormat, taxonomy: Taxonomy
) -> list[dict]:
    """The gate's rows of a network and of its int8 file."""
    from kerasseg.export import gate
    from kerasseg.export.litert import conversion

    with tempfile.TemporaryDirectory() as folder:
        file = conversion.write(
            network,
            Path(folder, "int8.tflite"),
            "int8",
            images,
            taxonomy=taxonomy,
            image_format=image_format,
        )
        return gate.check(
            network,
            {"int8": file},
            val,
            image_format=image_format,
            exclusive=taxonomy.exclusive,
        )


def _line(run: Path, rows: list[dict], reference: float) -> str:
    network, int8 = (row["miou"] for row in rows[:2])
    lost = 100 * (reference - int8)
    return f"{run}: network {network:.4f}, int8 {int8:.4f}, lost {lost:.2f} points"


if __name__ == "__main__":
    main()
