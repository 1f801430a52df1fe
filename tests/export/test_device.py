"""pipelines/device: its requirements are all that a device needs."""

import re
import shutil
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import cv2
import jpeg_png
import pytest
from tiny import TAXONOMY

from kerasseg import UserError
from kerasseg.export.litert import conversion
from kerasseg.inference import litert_engine

DEVICE = Path(__file__).parents[2] / "pipelines" / "device"
REQUIREMENTS = DEVICE / "requirements.txt"
PREDICT = """
import sys
names, *words = sys.argv[1:]
sys.modules |= dict.fromkeys(names.split(","))  # an import of these fails
from kerasseg.predict import main
main(words)
"""


def name_of(requirement):
    return re.match(r"[\w.-]+", requirement)[0].lower().replace("_", "-")


def with_what_they_need(names):
    """Names of distributions, those that they require included."""
    found, left = set(), list(names)
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            needed = [r for r in metadata.requires(name) or [] if "extra ==" not in r]
            left += [n for n in map(name_of, needed) if installed(n)]
    return found


def installed(name):
    try:
        return bool(metadata.distribution(name))
    except metadata.PackageNotFoundError:
        return False


def listed():
    lines = (line.split(" #")[0].strip() for line in REQUIREMENTS.open())
    return [line for line in lines if line and not line.startswith("#")]


def test_the_distribution_requires_what_is_listed():
    project = tomllib.loads((DEVICE / "pyproject.toml").read_text())["project"]
    assert project["name"] == "kerasseg-device"
    assert sorted(project["dependencies"]) == sorted(listed())
    assert not [line for line in listed() if re.match("tensorflow|keras", line)]


def test_where_litert_has_no_wheel_tensorflow_lite_is_taken(monkeypatch):
    monkeypatch.setitem(sys.modules, "ai_edge_litert", None)
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    monkeypatch.setitem(sys.modules, "tflite_runtime", None)
    with pytest.raises(UserError, match="pip install ai-edge-litert"):
        litert_engine.interpreter_class()
    old = SimpleNamespace(Interpreter="old")
    monkeypatch.setitem(sys.modules, "tflite_runtime.interpreter", old)
    monkeypatch.setitem(sys.modules, "tflite_runtime", SimpleNamespace(interpreter=old))
    assert litert_engine.interpreter_class() == "old"


@pytest.mark.slow
def test_a_fresh_environment_has_no_tensorflow(tmp_path):
    """Installed from the checkout, as on a device; it needs a package registry."""
    python = tmp_path / "device" / "bin" / "python"
    uv = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
    subprocess.run([uv, "venv", "-q", "--python", sys.executable, python.parents[1]])
    subprocess.run([uv, "pip", "install", "-q", "--python", python, DEVICE], check=True)
    find = "import importlib.util as u; print([u.find_spec(n) for n in "
    find += "('tensorflow', 'keras', 'tensorboard', 'tyro')])"
    words = [str(python), "-c", find]
    found = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path)
    assert found.stdout.strip() == str([None] * 4)
    cv2.imwrite(str(tmp_path / "street.png"), jpeg_png.noise(40, 60))
    words = [str(python), "-m", "kerasseg.predict", "street.png", "--out", "out"]
    done = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "street_label.png").is_file()


@pytest.mark.processes
def test_predict_needs_no_more_than_the_requirements(tiny_litert, tmp_path):
    wanted = {name_of(line) for line in listed()}
    present = with_what_they_need(filter(installed, wanted)) | {"kerasseg"}
    absent = [
        package
        for package, owners in metadata.packages_distributions().items()
        if not present & set(map(name_of, owners))
    ]
    assert "tensorflow" in absent and "numpy" not in absent
    file = conversion.finish(tiny_litert, tmp_path / "a.tflite", "street", TAXONOMY)
    cv2.imwrite(str(tmp_path / "street.png"), jpeg_png.noise(40, 60))
    words = ["street.png", "--litert", str(file)]
    done = subprocess.run(
        [sys.executable, "-c", PREDICT, ",".join(absent), *words],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    label = next(tmp_path.rglob("predictions/street_label.png"))
    assert cv2.imread(str(label)) is not None
