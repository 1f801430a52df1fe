"""Environments of the packages that kerasseg is compared with, and who runs in which.

    python benchmarks/peers.py FOLDER
    python -m benchmarks.speed --peers FOLDER

Makes the virtual environments FOLDER/torch and FOLDER/keras from the pinned lists
beside this file (a few GB), and FOLDER/peers.json, which names the sides they add to
each part. An environment that is there is kept; one that cannot be made is told, and
its sides are then left out of the benchmark by name.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).parent.resolve()
SMP, HUB = "segmentation-models-pytorch", "KerasHub DeepLabv3+"
ENGINES = {
    "ONNX Runtime": ("keras", "engines.py", "onnx"),
    "OpenVINO, float32": ("torch", "engines.py", "openvino", "f32"),
    "OpenVINO, its default precision": ("torch", "engines.py", "openvino", "default"),
    f"{SMP}, channels_last": ("torch", "smp.py", "inference", "channels_last"),
    f"{SMP}, compiled": ("torch", "smp.py", "inference", "compiled"),
}
PEERS = {
    "read": {
        "Torch DataLoader, 2 workers": ("torch", "smp.py", "reading"),
    },
    "augment": {
        "albumentations, a thread a core": ("torch", "albu.py"),
    },
    "step": {
        f"{SMP}, contiguous": ("torch", "smp.py", "step", "contiguous"),
        f"{SMP}, channels_last": ("torch", "smp.py", "step", "channels_last"),
        f"{SMP}, compiled": ("torch", "smp.py", "step", "compiled"),
        f"{HUB}, fit, defaults": ("keras", "hub.py"),
    },
    "epoch": {
        f"{SMP}, albumentations, DataLoader": ("torch", "smp.py", "epoch"),
    },
    "inference": {name: (*words, "all") for name, words in ENGINES.items()},
    "inference1": {name: (*words, "1") for name, words in ENGINES.items()},
}
"""part -> side -> environment, script in benchmarks/peer, its words"""


def main() -> None:
    flags = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    flags.add_argument("folder", type=Path)
    folder = flags.parse_args().folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    made = [built(folder / name) for name in ("torch", "keras")]
    file = folder / "peers.json"
    file.write_text(json.dumps(commands(folder), indent=2))
    print(f"{file}: now python -m benchmarks.speed --peers {folder}")
    sys.exit(0 if all(made) else 1)


def commands(folder: Path) -> dict[str, dict[str, list[str]]]:
    """part -> side -> command."""
    return {
        part: {
            name: [
                str(_python(folder / environment)),
                str(HERE / "peer" / script),
                *words,
            ]
            for name, (environment, script, *words) in sides.items()
        }
        for part, sides in PEERS.items()
    }


def built(environment: Path) -> bool:
    """Makes the environment; False, and why, where that fails."""
    done = environment / "requirements.txt"
    wanted = (HERE / f"requirements-{environment.name}.txt").read_text()
    if done.is_file() and done.read_text() == wanted:
        print(f"{environment}: there")
        return True
    venv.create(environment, with_pip=True)
    words = ["-m", "pip", "install", "-q", "-r"]
    file = HERE / f"requirements-{environment.name}.txt"
    code = subprocess.run([_python(environment), *words, file], check=False).returncode
    if code:
        print(f"{environment}: pip ended with {code}; its sides will be left out")
        return False
    done.write_text(wanted)
    print(f"{environment}: made")
    return True


def _python(environment: Path) -> Path:
    windows = sys.platform == "win32"
    return environment / ("Scripts/python.exe" if windows else "bin/python")


if __name__ == "__main__":
    main()
