"""Imports point down only, and what must be light is light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import kerasseg

ROOT = Path(kerasseg.__file__).parent

AGNOSTIC = {
    "addons",
    "augment",
    "border",
    "boundary",
    "config",
    "crf",
    "exif",
    "frames",
    "lite",
    "losses",
    "metrics",
    "models",
    "page",
    "picture",
    "plots",
    "report",
    "runs",
    "schedules",
    "taxonomy",
    "tiles",
    "trainer",
    "untrusted",
    "upsampling",
}
"""Parts that never import TensorFlow: they run under every Keras backend."""

MATHS = {"augment", "border", "boundary", "crf", "losses", "metrics", "taxonomy"}
MATHS |= {"models", "schedules", "tiles", "untrusted", "upsampling"}
COMMANDS = {"__main__", "config", "evaluate", "predict", "prepare", "preview", "train"}


def modules():
    for path in ROOT.rglob("*.py"):
        relative = path.relative_to(ROOT).with_suffix("")
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            else:
                continue
            for name in names:
                yield relative, name


def test_mathematics_does_not_import_tensorflow():
    wrong = [
        f"{path} imports {name}"
        for path, name in modules()
        if path.parts[0] in AGNOSTIC and name.split(".")[0] == "tensorflow"
    ]
    assert not wrong


def test_imports_point_down():
    wrong = []
    for path, name in modules():
        if not name.startswith("kerasseg.") or path.name == "__main__":
            continue  # a __main__ is a command
        part, target = path.parts[0], name.split(".")[1]
        if part in MATHS and target not in MATHS:
            wrong.append(f"{path} imports {name}")
        if part == "data" and target in COMMANDS | {"models", "export", "trainer"}:
            wrong.append(f"{path} imports {name}")
        if part == "models" and target in {"augment", "losses", "metrics"}:
            wrong.append(f"{path} imports {name}")
    assert not wrong


def run(code: str, **environment) -> str:
    import os

    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_package_import_is_light():
    code = "import kerasseg, sys; print('keras' in sys.modules, 'numpy' in sys.modules)"
    assert run(code).split() == ["False", "False"]


def test_command_line_help_needs_no_framework():
    code = """
import sys
from kerasseg import evaluate, predict, prepare, preview, train
from kerasseg.doctor import __main__
from kerasseg.export import __main__
print([name for name in ("tensorflow", "keras", "matplotlib") if name in sys.modules])
"""
    assert run(code).strip() == "[]"


def test_models_under_jax_do_not_import_tensorflow():
    pytest.importorskip("jax")
    code = """
import sys, kerasseg.models, kerasseg.fit.trainer
print("tensorflow" in sys.modules)
"""
    assert run(code, KERAS_BACKEND="jax").strip() == "False"
