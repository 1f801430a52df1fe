"""The settings of a training, as a frozen tree; a recipe is one TOML file of them.

The defaults are the embedded training on synthetic scenes that `python -m
kerasseg.train` runs with no argument: a few minutes on two cores.
A recipe is a list of flags written down: it is put before the user's own flags, the
later wins, and one parser checks both.
"""

from __future__ import annotations

import dataclasses
import math
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from kerasseg import UserError
from kerasseg.augment.policies import POLICIES, Policy


@dataclass(frozen=True)
class Data:
    """Where samples come from and how they are read."""

    records: str = ""
    """Folder of records (see `prepare`); empty: synthetic road scenes, made now."""
    train: str = "train"
    """Name of the split to train on."""
    val: str = "val"
    """Name of the split to validate on and choose the best network by."""
    size: tuple[int, int] = (0, 0)
    """Height and width for the network, pixels; 0 0: that of the records."""
    crop: tuple[int, int] = (0, 0)
    """Height and width of a training crop, pixels; 0 0: the whole size."""
    batch: int = 4
    """Samples in a training step."""
    shuffle: int = 512
    """Samples that are mixed with each other (held in memory, encoded)."""
    threads: int = 0
    """Parallel reads and decodes, 0 chooses; the batches are the same for any."""
    service: str = ""
    """Address of a tf.data service that decodes the training split, grpc://HOST:PORT
    (pipelines/distributed); empty: this process decodes it."""


@dataclass(frozen=True)
class Model:
    """The network: a name of `kerasseg.models.MODELS` and its options."""

    name: str = "unet_fast"
    """`python -m kerasseg.models` lists them."""
    options: tuple[str, ...] = ()
    """Options of that network's function as key=value, for instance filters=16."""
    start: str = ""
    """Run folder or .keras file of such a network, whose weights it starts from; with
    other classes, all but the last layer."""


@dataclass(frozen=True)
class Fit:
    """Optimisation."""

    epochs: int = 8
    """Passes over the training split."""
    optimizer: Literal["adamw", "sgd", "rmsprop"] = "adamw"
    """SGD has Nesterov momentum 0.9."""
    learning_rate: float = 4e-3
    """Peak learning rate."""
    encoder_rate: float = 1.0
    """Share of the learning rate for the encoder, whose weights are pretrained."""
    schedule: Literal["warmup_cosine", "poly", "constant"] = "warmup_cosine"
    """How the rate falls: to zero along a cosine, as (1 - t)^0.9, or not."""
    warmup: float = 0.05
    """Share of all steps in which the rate rises from zero (warmup_cosine)."""
    weight_decay: float = 1e-2
    """Decoupled decay of kernels; biases and normalisation are left alone."""
    clip_norm: float = 0.0
    """Largest norm of the whole gradient; 0: no limit."""
    loss: tuple[str, ...] = ("cross_entropy=1", "soft_dice=1")
    """Losses of `kerasseg.losses.LOSSES` with their weights."""
    class_weights: Literal["none", "median", "sqrt_median", "inverse_log"] = (
        "sqrt_median"
    )
    """Weights of classes in losses that take them, from the records' frequencies."""
    border_weight: float = 0.0
    """Most that a pixel between two objects weighs more than others (w0 of U-Net's
    equation 2, 10 there); 0: no such weights. Records without objects: the connected
    pieces of each class."""
    border_sigma: float = 5.0
    """Width of that weight's fall with the distance to the objects, pixels."""
    ema: float = 0.98
    """Decay of the running mean of weights that is validated and kept; 0: none."""
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = "float32"
    """Type of the network's arithmetic; weights and losses stay float32. float16 has
    its loss scaled."""
    accumulate: int = 1
    """Parts of a batch that are worked through one after the other, each in its share
    of the memory, for one update. It must divide the batch."""
    remat: bool = False
    """Keep fewer activations for the backward pass and compute the rest again: less
    memory, about a third more time."""
    save_every: int = 250
    """Steps between two saves of the training state (besides each epoch's end)."""
    device: Literal["auto", "cpu", "gpu"] = "auto"
    """Where to train; `gpu` stops with an error when there is none."""
    devices: int = 0
    """Devices of this host that share each batch; 0: every GPU, or one CPU. With
    --fit.device cpu, more than one are parts of the CPU."""
    xla: Literal["auto", "on", "off"] = "auto"
    """Compile the step with XLA; auto: with JAX, and on one GPU (on a CPU TensorFlow is
    slower with it)."""
    deterministic: bool = False
    """Same seed, same weights to the bit (slower on a GPU)."""


@dataclass(frozen=True)
class Config:
    """Train a segmentation network, score it, export it."""

    data: Data = field(default_factory=Data)
    model: Model = field(default_factory=Model)
    augment: Policy = field(default_factory=lambda: POLICIES["flip"])
    fit: Fit = field(default_factory=Fit)
    seed: int = 0
    """Decides initial weights, order of samples and augmentation."""
    name: str = ""
    """Name of the run folder, a number is added; empty: made from the recipe."""
    out: str = "saved_models"
    """Folder of runs."""
    export: bool = True
    """Write SavedModel and LiteRT files at the end, and score them."""


def parse(argv: list[str], default: Config | None = None, prog: str = "") -> Config:
    """Reads `[recipe.toml] [--key value ...]`; later settings win.

    `--augment.policy NAME`, in the recipe or after it, chooses the policy whose numbers
    the other augment settings then change.

    default: the settings that are changed; None: `Config()`. prog: the command's name
    in messages.

    Raises UserError for a recipe that is missing or not TOML and for an unknown policy;
    leaves with exit code 2 and a message for unknown keys and values of a wrong type.
    What fits the types and still makes no sense is found by `check`.
    """
    default = default or Config()
    recipe: list[str] = []
    if argv and argv[0].endswith(".toml"):
        path, argv = Path(argv[0]), argv[1:]
        recipe = list(_flags(_table_of(path), path))
        default = dataclasses.replace(default, name=default_name(path))
        # The file's own mistakes are reported under the file's name.
        _cli(recipe, default, f"{path}:")
    return _cli([*recipe, *argv], default, prog or "python -m kerasseg.train")


def check(config: Config) -> None:
    """Raises UserError for settings that fit their types and still make no sense."""
    for flag, value in _settings(dataclasses.asdict(config)):
        for one in value if isinstance(value, tuple) else (value,):
            if isinstance(one, float) and not math.isfinite(one):
                hint = " 0 means no limit." if flag == "--fit.clip_norm" else ""
                raise UserError(f"{flag} must be a finite number, got {one}.{hint}")
            if isinstance(one, str) and not _is_writable(one):
                raise UserError(
                    f"{flag} must be text that can be written in UTF-8, without the "
                    f"character NUL, got {one!a}."
                )
    positive = {
        "--data.batch": config.data.batch,
        "--fit.epochs": config.fit.epochs,
        "--fit.learning_rate": config.fit.learning_rate,
        "--fit.encoder_rate": config.fit.encoder_rate,
        "--fit.save_every": config.fit.save_every,
        "--fit.accumulate": config.fit.accumulate,
    }
    for flag, value in positive.items():
        if value <= 0:
            raise UserError(f"{flag} must be above 0, got {value}.")
    if config.fit.devices < 0:
        raise UserError(f"--fit.devices must be 0 or more, got {config.fit.devices}.")
    if config.fit.border_weight < 0:
        raise UserError(
            f"--fit.border_weight must be 0 or more, got {config.fit.border_weight}."
        )
    if not 0 <= config.fit.ema < 1:
        raise UserError(f"--fit.ema must be in [0, 1), got {config.fit.ema}.")
    if config.data.batch % config.fit.accumulate:
        raise UserError(
            f"--fit.accumulate {config.fit.accumulate} does not divide --data.batch "
            f"{config.data.batch}: the batch is split into that many equal parts."
        )


def to_toml(config: Config) -> str:
    """Every setting, so that a run can be repeated from its own folder."""
    import tomli_w

    return tomli_w.dumps(dataclasses.asdict(config))


def values_of(text: str) -> dict[str, Any]:
    """Flag -> value of the settings in a TOML text, in no order.

    Raises tomllib.TOMLDecodeError for a text that is not TOML.
    """
    return dict(_settings(tomllib.loads(text)))


def default_name(recipe: Path) -> str:
    """The name of a recipe's runs: pipelines/camvid/unet.toml -> camvid-unet; of
    RUN-1/config.toml it is RUN."""
    folder = recipe.resolve().parent.name
    if recipe.stem == "config":
        return folder.rsplit("-", 1)[0]
    return f"{folder}-{recipe.stem}"


def options(pairs: tuple[str, ...], where: str) -> dict[str, Any]:
    """("filters=16", 'encoder="none"') -> {"filters": 16, "encoder": "none"}.

    Values are TOML; a bare word is a string.

    where: the flag that the pairs were given to, for messages.

    Raises UserError for a text that is not key=value.
    """
    values = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals or not key.strip().isidentifier():
            raise UserError(f"{where}: expected key=value, got '{pair}'.")
        try:
            values[key.strip()] = tomllib.loads(f"v = {text}")["v"]
        except tomllib.TOMLDecodeError:
            values[key.strip()] = text.strip()
    return values


def _cli(flags: list[str], default: Config, prog: str) -> Config:
    import tyro

    flags, policies = _without_policies(flags)
    for name in policies:
        if name not in POLICIES:
            raise UserError(
                f"{prog} --augment.policy: unknown '{name}'. "
                f"Known: {', '.join(POLICIES)}."
            )
        default = dataclasses.replace(default, augment=POLICIES[name])
    return tyro.cli(
        Config,
        args=flags,
        default=default,
        prog=prog,
        config=(tyro.conf.FlagConversionOff,),
    )


def _without_policies(flags: list[str]) -> tuple[list[str], list[str]]:
    """The flags without `--augment.policy NAME` or `--augment.policy=NAME`, which is
    no setting of its own, and those names in their order."""
    others: list[str] = []
    names: list[str] = []
    words = iter(flags)
    for word in words:
        flag, equals, name = word.partition("=")
        if flag == "--augment.policy":
            names.append(name if equals else next(words, ""))
        else:
            others.append(word)
    return others, names


def _table_of(path: Path) -> dict:
    if not path.is_file():
        raise UserError(f"No recipe {path}. See the folder pipelines/ for recipes.")
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"Recipe {path} is not valid TOML: {error}.") from error


def _flags(table: dict, recipe: Path) -> Iterator[str]:
    """A recipe's settings as the flags that a user would type."""
    for flag, value in _settings(table):
        if not isinstance(value, list):
            yield f"{flag}={value}"  # also a text that begins with a dash
            continue
        yield flag
        for one in value:
            if isinstance(one, str) and one.startswith("-"):
                raise UserError(
                    f"Recipe {recipe}: a text in {flag} must not begin with a dash, "
                    f"got '{one}'."
                )
            yield str(one)


def _settings(table: dict, prefix: str = "--") -> Iterator[tuple[str, Any]]:
    """The flag and the value of every setting of a nested table."""
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _settings(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _is_writable(text: str) -> bool:
    """Whether a text can stand in a UTF-8 file and in a path: bytes that were no UTF-8
    on the command line are lone surrogates in Python."""
    return "\0" not in text and not any("\ud800" <= c <= "\udfff" for c in text)
