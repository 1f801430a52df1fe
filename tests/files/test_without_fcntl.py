"""What runs on a device must import where there is no `fcntl`: on Windows."""

import subprocess
import sys

MODULES = ["predict", "runs", "inference.litert"]
MODULES += [f"files.{name}" for name in ("atomic", "cache", "exif", "lock", "remote")]
IMPORT = """
import importlib, sys
sys.modules["fcntl"] = None
for name in sys.argv[1:]:
    importlib.import_module(f"kerasseg.{name}")
"""


def test_the_light_modules_import_without_fcntl():
    subprocess.run([sys.executable, "-c", IMPORT, *MODULES], check=True)
