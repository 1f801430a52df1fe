"""A small network as a LiteRT file, and the demo as a user starts it."""

import os
import re
import signal
import subprocess
import sys

import pytest
import tiny

from kerasseg.export.litert import conversion
from kerasseg.taxonomy import Taxonomy

TAXONOMY = Taxonomy.named(["road", "sky", "tree & <b>bush</b>", "a" * 70, "car"])


@pytest.fixture(scope="session")
def network():
    return tiny.network((48, 64), classes=5)


@pytest.fixture(scope="session")
def converted(network):
    return conversion.convert(network)


@pytest.fixture(scope="session")
def run(converted, tmp_path_factory):
    """A run folder with a LiteRT file."""
    folder = tmp_path_factory.mktemp("demo") / "street-1"
    file = folder / "export" / "model.tflite"
    conversion.finish(converted, file, folder.name, TAXONOMY)
    return folder


class Demo:
    """`python -m kerasseg.demo` on a free port; url: its page."""

    def __init__(self, run, package):
        words = [sys.executable, "-m", "kerasseg.demo", str(run), "--port", "0"]
        self.process = subprocess.Popen(
            [*words, "--litertjs", str(package)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )
        line = self.process.stdout.readline()
        found = re.search(r"open (http://127\.0\.0\.1:\d+/)", line)
        if not found:
            raise RuntimeError(line + self.process.communicate(timeout=60)[0])
        self.url = found[1]

    def stop(self, number=signal.SIGTERM):
        """Exit code and what was printed last."""
        self.process.send_signal(number)
        words = self.process.communicate(timeout=60)[0]
        return self.process.returncode, words


@pytest.fixture(scope="session")
def start():
    """start(run, package) -> Demo, stopped at the end."""
    started = []

    def one(run, package):
        started.append(Demo(run, package))
        return started[-1]

    yield one
    for demo in started:
        if demo.process.poll() is None:
            demo.stop()
