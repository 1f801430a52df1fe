"""A package with the files of LiteRT.js, small and without use."""

import json

from kerasseg.demo import litertjs

CONTENTS = {name: f"contents of {name}".encode() for name in litertjs.FILES}


def install(folder, version=litertjs.VERSION):
    for name, data in CONTENTS.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    about = {"name": "@litertjs/core", "version": version}
    (folder / "package.json").write_text(json.dumps(about))
