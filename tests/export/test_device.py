"""pipelines/device: its requirements are all that a device needs."""

import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import cv2
import jpeg_png
import pytest
from tiny import TAXONOMY

from kerasseg.export.litert import conversion

REQUIREMENTS = Path(__file__).parents[2] / "pipelines" / "device" / "requirements.txt"
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


@pytest.mark.processes
def test_predict_needs_no_more_than_the_requirements(tiny_litert, tmp_path):
    lines = REQUIREMENTS.read_text().splitlines()
    wanted = {name_of(line) for line in lines if line and not line.startswith("#")}
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
