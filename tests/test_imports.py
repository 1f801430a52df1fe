"""The law of the house: imports point down only. And what must be light is light."""

import ast
import functools
import graphlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

import kerasseg

ROOT = Path(kerasseg.__file__).parent

LEVEL = {
    # What everybody may import.
    "": 0,  # kerasseg/__init__.py
    "console": 1,
    "frameworks": 1,
    "files": 2,
    "image_format": 3,
    "taxonomy": 2,
    "volume_format": 1,
    "slice_format": 2,
    "labels": 3,
    # Mathematics, on keras.ops only; drawing, on NumPy only.
    "border": 4,
    "upsampling": 4,
    "crf": 4,
    "tiles": 4,
    "drawing": 4,
    "addons": 5,
    "augment": 5,
    "losses": 5,
    "metrics": 5,
    "config": 6,
    # Data, from a sample to batches; TensorFlow begins here.
    "data.sample": 6,
    "data.resize": 6,
    "data.supervised": 6,
    "data.class_weights": 6,
    "models": 7,
    "data.format": 7,
    "data.reading": 7,
    "data.synthetic": 7,
    "data.writing": 8,
    "data.datasets": 8,
    "data.records": 9,
    "data.patches": 9,
    "data.stream": 9,
    "data.pipeline": 10,
    "data.smaller": 11,
    "data.preparing": 10,
    "data.damage": 10,
    # What is made of a network.
    "inference": 11,
    "runs": 12,
    "fit": 13,
    "export": 14,
    "doctor": 15,
    "serve": 15,
    "demo": 15,
    "plan": 16,
}
"""Part of kerasseg -> level. An import points to a lower level or stays in its part."""
COMMAND, LIST_OF_COMMANDS = 20, 21

WITHOUT_TENSORFLOW = {
    *("", "console", "files", "image_format", "taxonomy", "labels", "border"),
    *("slice_format", "volume_format"),
    *("upsampling", "crf", "tiles", "drawing", "addons", "augment", "losses"),
    *("metrics", "config", "models", "data.sample", "data.reading"),
}
"""Parts that run under every Keras backend, or without any."""


@functools.cache
def modules(root: Path) -> dict[str, ast.Module]:
    """Dotted name without `kerasseg.` -> syntax tree; a package's own name for its
    `__init__`. Read once for all tests: copy to change."""
    trees = {}
    for path in root.rglob("*.py"):
        parts = path.relative_to(root).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        trees[name] = ast.parse(path.read_text(encoding="utf-8"))
    return trees


@functools.cache
def imported(name: str, tree: ast.Module) -> list[str]:
    """Full dotted names that a module imports: at its top, inside functions, relative
    ones, and those that `import_module` is given as a text."""
    return list(found_imports(name, tree))


def found_imports(name: str, tree: ast.Module):
    is_package = (ROOT / name.replace(".", "/") / "__init__.py").is_file()
    package = name.split(".") if is_package else name.split(".")[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package[: len(package) - node.level + 1]
                base = ".".join(filter(None, ["kerasseg", *above, node.module]))
            yield from (f"{base}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and node.args:
            called = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if called in ("import_module", "__import__"):
                first = node.args[0]
                if isinstance(first, ast.JoinedStr):
                    first = first.values[0]
                if isinstance(first, ast.Constant):
                    yield str(first.value).rstrip(".")


def is_command(name: str, tree: ast.Module) -> bool:
    functions = {n.name for n in tree.body if isinstance(n, ast.FunctionDef)}
    return "main" in functions and ("." not in name or name.endswith("__main__"))


def part_of(name: str) -> str:
    """The longest entry of LEVEL that a module belongs to."""
    parts = name.split(".")
    heads = [".".join(parts[:i]) for i in range(len(parts), 0, -1)]
    for head in heads:
        if head in LEVEL:
            return head
    return ""


def violations(trees: dict[str, ast.Module]) -> list[str]:
    commands = {name for name, tree in trees.items() if is_command(name, tree)}
    wrong = []

    def level(name: str) -> int:
        if name == "__main__":
            return LIST_OF_COMMANDS
        return COMMAND if name in commands else LEVEL[part_of(name)]

    for name, tree in trees.items():
        for target in imported(name, tree):
            if target != "kerasseg" and not target.startswith("kerasseg."):
                continue
            found = target.removeprefix("kerasseg").lstrip(".")
            while found and found not in trees:  # a name inside a module
                found = found.rpartition(".")[0]
            if found == name or is_inside(name, found, commands):
                continue
            if level(name) <= level(found):
                wrong.append(
                    f"{name or '__init__'} (level {level(name)}) imports "
                    f"{found or '__init__'} (level {level(found)})"
                )
    return wrong


def is_inside(name: str, found: str, commands: set[str]) -> bool:
    """Whether both belong to one part of the house, and neither is a command."""
    same = part_of(name) == part_of(found) != ""
    return same and not {name, found} & commands


def test_every_part_has_a_level():
    names = modules(ROOT)
    homeless = [
        name
        for name, tree in names.items()
        if name
        and not part_of(name)
        and not is_command(name, tree)
        and name not in ("__main__", "data")
    ]
    assert not homeless
    assert not [part for part in LEVEL if part and part not in names]


def test_imports_point_down():
    assert not violations(modules(ROOT))


PLANTED = {
    "relative": ("losses.overlap", "from ..data import pipeline"),
    "root": ("drawing.pictures", "from kerasseg import train, adjust, serve"),
    "commands": ("data.writing.statistics", "from kerasseg import adjust, doctor"),
    "lazy": ("taxonomy", "def f():\n    import kerasseg.runs.scores"),
    "main": ("doctor.__main__", "from kerasseg import train"),
    "command": ("evaluate", "from kerasseg.predict import main as other"),
    "text": ("models.unet", "import_module('kerasseg.export.gate')"),
}


@pytest.mark.parametrize("name, line", PLANTED.values(), ids=PLANTED)
def test_an_import_that_points_up_is_found(name, line):
    trees = dict(modules(ROOT))
    more = ast.parse(line).body
    trees[name] = ast.Module([*trees[name].body, *more], type_ignores=[])
    found = violations(trees)
    assert found
    assert all(text.startswith(f"{name} (level") for text in found)


def test_no_circles_of_files():
    trees = modules(ROOT)
    arrows = {}
    for name, tree in trees.items():
        targets = set()
        for target in imported(name, tree):
            found = target.removeprefix("kerasseg").lstrip(".")
            while found and found not in trees:
                found = found.rpartition(".")[0]
            if target.startswith("kerasseg") and found and found != name:
                targets.add(found)
        arrows[name] = targets
    graphlib.TopologicalSorter(arrows).prepare()  # CycleError names the circle


def test_mathematics_does_not_import_tensorflow():
    wrong = [
        f"{name} imports {target}"
        for name, tree in modules(ROOT).items()
        if part_of(name) in WITHOUT_TENSORFLOW and not is_command(name, tree)
        for target in imported(name, tree)
        if target.split(".")[0] == "tensorflow"
        and name != "console"  # `start_tensorflow`
    ]
    assert not wrong


def test_the_root_holds_the_commands_and_what_everybody_must_know():
    assert len(list(ROOT.glob("*.py"))) <= 15


def run(code: str, **environment) -> str:
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


@pytest.mark.processes
def test_training_under_jax_does_not_import_tensorflow():
    pytest.importorskip("jax")
    code = """
import sys, kerasseg.models, kerasseg.fit.trainer
print("tensorflow" in sys.modules)
"""
    assert run(code, KERAS_BACKEND="jax").strip() == "False"
