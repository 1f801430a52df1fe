"""The smallest walk that is real: tiny synthetic records and a tiny network."""

from pathlib import Path

from kerasseg import prepare, train

NETWORK = ["--model.name", "unet", "--model.options", "filters=4", "depth=2"]
NETWORK += ["batch_norm=true", "dropout=0.0"]


def records(out: Path) -> Path:
    size = ["--height", "32", "--width", "48"]
    prepare.main(["synthetic", str(out), "--train", "10", "--val", "5", *size])
    return out


def flags(records: Path, out: Path, **settings) -> list[str]:
    """Flags of a training; `fit__epochs=3` becomes `--fit.epochs 3`.

    The running statistics of batch normalisation are kept: those of ten images leave a
    network that has hardly learnt with classes so close together that a file for
    devices, which rounds otherwise, may say another one.
    """
    small = {"fit__epochs": 2, "data__batch": 4, "name": "walk", "fit__statistics": 0}
    settings = small | settings
    words = ["--data.records", str(records), "--out", str(out), *NETWORK]
    for key, value in settings.items():
        words += [f"--{key.replace('__', '.')}", *str(value).split()]
    return words


def trained(records: Path, out: Path, **settings) -> Path:
    before = set(out.glob("*")) if out.exists() else set()
    train.main(flags(records, out, **settings))
    (run,) = set(out.glob("*")) - before
    return run
