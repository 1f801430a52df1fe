"""Hooks of mkdocs: files beside docs/ join the site, and commands print their help.

A page may point to a file outside this folder (`../pipelines/camvid/result.jpg`), so
that the link works in the repository, too. On the site that file lies below the root.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parents[1]
OUTSIDE = (
    "CHANGELOG.md",
    "README.md",
    "pipelines/device/README.md",
    "pipelines/distributed/README.md",
    "pipelines/serving/README.md",
    "pipelines/water/README.md",
    "saved_models/README.md",
    "pipelines/camvid/result.jpg",
    "pipelines/dsb2018/border_weights.jpg",
    "pipelines/synthetic/result.jpg",
    "saved_models/road_scene/export/card.md",
    "saved_models/road_scene_fast/export/card.md",
)
HELP = re.compile(r"<!-- help: ([\w.]+) -->")


def on_files(files, config):
    for name in OUTSIDE:
        # README.md at the root would be the site's front page, which is index.md.
        uri = "first-steps.md" if name == "README.md" else name
        path = str(ROOT / name)
        files.append(File.generated(config, uri, abs_src_path=path))
    return files


def on_page_markdown(markdown, page, config, files):
    if page.file.src_uri == "first-steps.md":
        return markdown.replace("](docs/", "](")
    markdown = markdown.replace("](../README.md)", "](first-steps.md)")
    markdown = re.sub(r"\]\(\.\./(?=pipelines|saved_models|CHANGELOG)", "](", markdown)
    return HELP.sub(lambda found: _help(found[1]), markdown)


def _help(command: str) -> str:
    """What `python -m kerasseg.COMMAND --help` prints, as a block."""
    words = [sys.executable, "-m", f"kerasseg.{command}", "--help"]
    environment = os.environ | {"COLUMNS": "92", "NO_COLOR": "1"}
    done = subprocess.run(
        words, cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    return f"```text\n{done.stdout.rstrip()}\n```"
