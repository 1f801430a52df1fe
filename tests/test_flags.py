"""Flags of all commands: numbers have bounds, yes and no are written in one way."""

import dataclasses
import importlib
import typing
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pytest

from kerasseg import UserError, config, prepare
from kerasseg.__main__ import COMMANDS, PACKAGES
from kerasseg.console import flags
from kerasseg.console.flags import COUNT, SHARE, Number
from kerasseg.data.datasets import DATASETS, adapter
from kerasseg.data.preparing.classes import ClassChoice
from kerasseg.data.preparing.division import Division
from kerasseg.inference import arguments


def main_of(name: str):
    module = f"kerasseg.{name}" + ".__main__" * (name in PACKAGES)
    return importlib.import_module(module).main


WRONG = {
    "evaluate x --batch 0": "--batch must be 1 or more, got 0.",
    "evaluate x --trimap nan": "--trimap must be a finite number, got nan.",
    "evaluate x --surfaces --pixel-size 1 -1": "--pixel-size must be 0 or more, got -1",
    "finetune_int8 x --rate nan": "--rate must be a finite number, got nan.",
    "finetune_int8 x --rate 0": "--rate must be above 0, got 0.0.",
    "finetune_int8 x --limit=-1": "--limit must be in [0, 100], got -1.0.",
    "finetune_int8 x --calibration 0": "--calibration must be 1 or more",
    "export x --limits.int8 nan": "--limits.int8 must be a finite number",
    "export x --overlap=-2": "--overlap must be 0 or more",
    "serve x --port 99999": "--port must be at most 65535, got 99999.",
    "serve x --poll 0": "--poll must be above 0, got 0.0.",
    "serve.client a b --at-once 0": "--at-once must be in [1, 4096], got 0.",
    "doctor x --val-share 1": "--val-share must be in [0, 1), got 1.0.",
    "doctor x --threshold nan": "--threshold must be a finite number, got nan.",
    "plan x --minutes nan": "--minutes must be a finite number, got nan.",
    "plan x --parameters 0": "--parameters must be above 0, got 0.0.",
    "preview x y --count 0": "--count must be in [1, 10000], got 0.",
    "models --size 0 8": "--size must be 1 or more, got 0.",
    "demo x --port=-1": "--port must be 0 or more, got -1.",
    "predict x --alpha nan": "--alpha: must be a finite number, got nan.",
    "predict x --frames=-1": "--frames: must be 0 or more, got -1.",
    "predict x --size 0 8": "--size: must be 1 or more, got 0.",
    "predict x --threads x": "--threads: must be a whole number, got 'x'.",
    "prepare folder x y --shards=-1": "--shards must be 0 or more, got -1.",
    "prepare folder x y --size=-1 8": "--size must be 0 or more, got -1.",
    "prepare folder x y --folds=-1": "--folds must be 0 or more, got -1.",
    "prepare raster x y z --gap=-1": "--gap must be 0 or more, got -1.",
    "prepare synthetic y --width 0": "--width must be 1 or more, got 0.",
    "doctor x --out=": "--out must be a path, got ''.",
    "predict x --out=": "--out must be a path, got ''.",
    "evaluate x --flip=maybe": "--flip must be true or false, got 'maybe'.",
}


@pytest.mark.parametrize("line", WRONG)
def test_a_wrong_number_is_one_line_before_anything_is_read(capsys, line):
    name, *words = line.split(" ")
    with pytest.raises(SystemExit) as left:
        main_of(name)(words)
    assert left.value.code == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith("kerasseg ")
    assert WRONG[line] in said


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "train"])
def test_an_empty_path_is_refused(capsys, name):
    with pytest.raises(SystemExit) as left:
        main_of(name)(["folder", "", "out"] if name == "prepare" else [""])
    assert left.value.code == 2
    assert "An argument is empty" in capsys.readouterr().err


def unbounded(kind, prefix=""):
    """The numbers of a dataclass or a function that say no bounds."""
    for name, hint in typing.get_type_hints(kind, include_extras=True).items():
        extras = getattr(hint, "__metadata__", ())
        plain = hint.__origin__ if extras else hint
        if dataclasses.is_dataclass(plain):
            yield from unbounded(plain, f"{prefix}{name}.")
        numbers = {int, float} & {plain, *typing.get_args(plain)}
        if name != "return" and numbers:
            if not any(isinstance(one, Number) for one in extras):
                yield prefix + name


WITHOUT_FLAGS = ("train", "predict", "prepare")
"""Commands whose numbers stand elsewhere: in config/bounds.py, in argparse, below."""


@pytest.mark.parametrize("name", [n for n in COMMANDS if n not in WITHOUT_FLAGS])
def test_every_number_of_a_command_has_bounds(name, monkeypatch):
    def parse(kind, *_, **__):
        assert not list(unbounded(kind))
        raise KeyboardInterrupt

    monkeypatch.setattr(flags, "parse", parse)
    with pytest.raises(SystemExit):
        main_of(name)([])


def test_every_number_of_prepare_has_bounds():
    elsewhere = {"val_share", "cut"}  # see `prepare.FROM_OTHERS`
    for kind in (prepare.Target, Division, ClassChoice):
        assert set(unbounded(kind)) <= elsewhere
    for name in DATASETS:
        if name not in ("auto", "tfds:NAME"):
            assert set(unbounded(adapter(name))) <= elsewhere, name


@dataclass(frozen=True)
class Group:
    """A group."""

    sharp: bool = True
    share: Annotated[float, SHARE] = 0.5


@dataclass(frozen=True)
class Flags:
    """A command."""

    group: Group = Group()
    flip: bool = False
    text: str = ""
    out: Path = Path("out")
    many: Annotated[tuple[int, ...], COUNT] = ()


@pytest.mark.parametrize(
    ("words", "flip", "sharp"),
    [
        ("--flip --group.no-sharp", True, False),
        ("--flip=true --group.sharp=False", True, False),
        ("--flip=False --group.sharp=TRUE", False, True),
        ("--no-flip --group.sharp", False, True),
        ("--text=true --text false", False, True),
    ],
)
def test_yes_and_no(words, flip, sharp):
    found = flags.parse(Flags, words.split(), "test")
    assert (found.flip, found.group.sharp) == (flip, sharp)


def test_yes_and_no_of_a_training_as_in_earlier_versions():
    """Two words, and the recipes of earlier runs."""
    earlier = config.parse(["--fit.remat", "True", "--export=False"])
    assert earlier == config.parse(["--fit.remat", "--no-export"])
    assert earlier.fit.remat and not earlier.export
    assert not config.parse(["--fit.remat", "False", "--no-export"]).fit.remat


def test_yes_and_no_of_predict():
    asked = arguments.parse(["a.png", "--flip=true", "--no-recursive", "--crf=false"])
    assert (asked.flip, asked.recursive, asked.crf) == (True, False, False)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--group.share 2", r"--group.share must be in \[0, 1\], got 2"),
        ("--many 3 0", "--many must be 1 or more, got 0"),
        ("--out=", "--out must be a path"),
    ],
)
def test_what_is_refused(words, said):
    with pytest.raises(UserError, match=said):
        flags.parse(Flags, words.split(), "test")
