"""README and docs/: Python blocks run, command lines parse, or they say why not."""

from __future__ import annotations

import argparse
import importlib
import os
import re
import runpy
import shlex
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest
import tyro

from kerasseg import __main__ as commands
from kerasseg import config
from kerasseg.data.preparing import run as preparing
from kerasseg.plan.folder import budget_of
from kerasseg.train import LR_FIND, RESTART

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BESIDE_CODE = sorted((ROOT / "pipelines").rglob("README.md"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
FENCE = re.compile(
    r"(?:<!-- not run: (?P<reason>.*?) -->\n\s*)?"
    r"^```(?P<language>\w*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


class Parsed(BaseException):
    """Raised where a command has parsed its line, in place of what it would do."""


@dataclass(frozen=True)
class Block:
    page: Path
    line: int
    language: str
    text: str
    reason: str | None

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    return [
        Block(
            page,
            text[: found.start("language")].count("\n") + 1,
            found["language"],
            found["text"],
            found["reason"],
        )
        for found in FENCE.finditer(text)
    ]


def with_blocks(language: str, pages=PAGES) -> list:
    return [
        pytest.param(here, id=str(page.relative_to(ROOT)))
        for page in pages
        if (here := [b for b in blocks(page) if b.language == language])
    ]


def command_lines(text: str) -> list[list[str]]:
    """Words of each command of a shell block; "&&" divides, "\\" goes on."""
    lines = [line for line in text.replace("\\\n", " ").splitlines() if line.strip()]
    found = []
    for line in lines:
        words = shlex.split(line, comments=True)
        while "&&" in words:
            i = words.index("&&")
            found.append(words[:i])
            words = words[i + 1 :]
        if words:
            found.append(words)
    return found


def parse(words: list[str], monkeypatch) -> None:
    """Fails where a command does not exist or does not know a flag."""
    monkeypatch.chdir(ROOT)
    match words:
        case ["pip", "install", *wanted]:
            installs(wanted)
        case ["mkdocs", "serve" | "build", *_]:
            assert (ROOT / "mkdocs.yml").is_file()
        case ["python", "-m", "pytest", *flags]:
            pytest_takes(flags)
        case ["python", "-m", "kerasseg", *words]:
            monkeypatch.setattr(sys, "argv", ["kerasseg", *words])
            parses(lambda _: commands.main(), words)
        case ["python", "-m", module, *flags] if module.startswith("kerasseg."):
            kerasseg_takes(module.removeprefix("kerasseg."), flags, monkeypatch)
        case ["python", "-m", "benchmarks.speed", *flags]:
            parses(importlib.import_module("benchmarks.speed.__main__").main, flags)
        case ["python", "-m", module, *flags] if module.startswith("benchmarks."):
            parses(importlib.import_module(module).main, flags)
        case ["python", file, *flags] if file.endswith(".py"):
            script_takes(file, flags, monkeypatch)
        case _:
            pytest.fail(f"unknown command '{words[0]}': mark the block as not run")


def kerasseg_takes(name: str, flags: list[str], monkeypatch) -> None:
    assert name in commands.COMMANDS, f"no command {name}"
    if name == "prepare" and flags[0] == "auto":  # which looks at what is there
        flags = ["folder", *flags[1:]]
    if name == "train":  # parses its recipe, and then all of the line
        if flags and not flags[0].startswith("-") and not flags[0].endswith(".toml"):
            _, flags = budget_of(flags[1:])  # a folder of data
        flags = [word for word in flags if word not in (RESTART, LR_FIND)]
        with monkeypatch.context() as whole:
            whole.setattr(tyro, "cli", REAL)
            config.check(config.parse(flags))
        return
    inside = f"{name}.__main__" if name in commands.PACKAGES else name
    module = importlib.import_module(f"kerasseg.{inside}")
    if name == "prepare":  # asks each of its sources, and then goes on
        with monkeypatch.context() as whole:
            whole.setattr(tyro, "cli", REAL)
            whole.setattr(preparing, "prepare", stop)
            parses(module.main, flags)
        return
    parses(module.main, flags)


def parses(main, flags: list[str]) -> None:
    try:
        main(flags)
    except Parsed:
        return
    except SystemExit as end:
        pytest.fail(f"{main.__module__} does not take {shlex.join(flags)}: {end.code}")
    pytest.fail(f"{main.__module__} {shlex.join(flags)} parsed nothing")


def script_takes(file: str, flags: list[str], monkeypatch) -> None:
    assert (ROOT / file).is_file(), f"no script {file}"
    if not flags:
        return
    monkeypatch.setattr(sys, "argv", [file, *flags])
    parses(lambda _: runpy.run_path(file, run_name="__main__"), flags)


def installs(wanted: list[str]) -> None:
    extras = PROJECT["project"]["optional-dependencies"]
    for word in wanted:
        if word == "-e":
            continue
        name, _, asked = word.rstrip("]").partition("[")
        assert name in (".", "kerasseg"), f"{word}: mark the block as not run"
        for extra in filter(None, asked.split(",")):
            assert extra in extras, f"no extra {extra}"


def pytest_takes(flags: list[str]) -> None:
    markers = [
        line.split(":")[0]
        for line in PROJECT["tool"]["pytest"]["ini_options"]["markers"]
    ]
    if flags[:1] == ["-m"]:
        assert flags[1] in markers
        flags = flags[2:]
    command = [sys.executable, "-m", "pytest", "--markers", *flags]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert not done.returncode, done.stderr


REAL = tyro.cli


def stop(*_, **__):
    raise Parsed


@pytest.fixture
def parsing_only(monkeypatch):
    """Every command stops where its line is parsed."""
    arguments = argparse.ArgumentParser.parse_args

    def after(parser):
        def parse_and_stop(*args, **kwargs):
            parser(*args, **kwargs)
            raise Parsed

        return parse_and_stop

    monkeypatch.setattr(tyro, "cli", after(REAL))
    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", after(arguments))
    # Scripts may choose a backend for themselves.
    monkeypatch.setitem(
        os.environ, "KERAS_BACKEND", os.getenv("KERAS_BACKEND", "tensorflow")
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory, shared_records, shared_run):
    """Where a reader of the README stands: records/mine and saved_models/mine-1."""
    folder = tmp_path_factory.mktemp("reader")
    for link, real in (
        ("records/mine", shared_records),
        ("saved_models/mine-1", shared_run),
    ):
        (folder / link).parent.mkdir()
        (folder / link).symlink_to(real, target_is_directory=True)
    return folder


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_block_is_python_or_bash_or_says_why_not(page):
    fences = page.read_text(encoding="utf-8").count("\n```")
    assert fences == 2 * len(blocks(page)), f"{page}: a block is not closed or indented"
    for block in blocks(page):
        known = block.language in ("python", "bash")
        assert known or block.reason, f"{block} is neither run nor marked as not run"
        assert block.reason is None or block.reason.strip(), f"{block}: no reason given"


@pytest.mark.parametrize("page", with_blocks("python"))
@pytest.mark.processes
def test_python_blocks_run(page, folder, monkeypatch):
    """Blocks of one page share their names, as a reader's session does."""
    monkeypatch.chdir(folder)
    names: dict = {"__name__": "block"}
    for block in page:
        if not block.reason:
            exec(compile(block.text, str(block), "exec"), names)


@pytest.mark.parametrize("page", with_blocks("bash"))
def test_command_lines_parse(page, parsing_only, monkeypatch):
    for block in page:
        for words in command_lines(block.text):
            if not block.reason or words[:2] == ["python", "-m"]:
                parse(words, monkeypatch)


@pytest.mark.parametrize(
    "page", with_blocks("bash", BESIDE_CODE) + with_blocks("sh", BESIDE_CODE)
)
def test_command_lines_beside_the_pipelines_parse(page, parsing_only, monkeypatch):
    """Their other lines (docker, ssh, curl) are for other machines."""
    for block in page:
        for words in command_lines(re.sub(r"\\$", "", block.text)):
            if words[:2] == ["python", "-m"] and "kerasseg" in words[2]:
                parse(words, monkeypatch)


def test_a_block_that_would_not_work_is_found(parsing_only, monkeypatch):
    for line in (
        "python -m kerasseg.evaluate RUN --flop",
        "python -m kerasseg.nothing",
        "python -m kerasseg.train pipelines/camvid/none.toml",
        "python -m kerasseg.prepare camvid SRC OUT --classes 12",
        "python benchmarks/growth.py --least 3",
        "pip install 'kerasseg[none]'",
        "make",
    ):
        with pytest.raises(
            (pytest.fail.Exception, AssertionError, SystemExit, ValueError)
        ):
            parse(shlex.split(line), monkeypatch)
