"""Makes labelme.npz: shapes of every type as labelme itself rasterises them.

Run in an environment of its own:

    pip install labelme==6.3.1 pillow==13.0.0
    QT_QPA_PLATFORM=offscreen python tests/golden/make_labelme.py

`shapes` is the JSON text of the list of shapes; `label` and `instance` are what
labelme.utils.shapes_to_label makes of it, with ids 1, 2, 3 for a, b, c; `alone` holds
the mask of each shape drawn alone.
"""

import base64
import io
import json
from pathlib import Path

import numpy as np
from labelme import utils
from PIL import Image

SIZE = (60, 80)
IDS = {"a": 1, "b": 2, "c": 3}


def shape(label, kind, points, group=None, mask=None):
    return {
        "label": label,
        "points": points,
        "group_id": group,
        "shape_type": kind,
        "flags": {},
        "mask": mask,
    }


def png(pixels):
    opened = io.BytesIO()
    Image.fromarray(pixels).save(opened, "PNG")
    return base64.b64encode(opened.getvalue()).decode()


BITMAP = np.random.default_rng(5).random((9, 14)) < 0.6
SHAPES = [
    shape("a", "polygon", [[3.2, 4.7], [30.5, 2.1], [41.9, 33.3], [12.4, 40.6]]),
    shape("b", "rectangle", [[60.3, 30.8], [35.5, 10.2]]),
    shape("c", "circle", [[20.5, 40.25], [27.75, 44.5]], group=1),
    shape("b", "line", [[5.5, 55.1], [70.2, 41.3]]),
    shape("a", "linestrip", [[50.1, 50.2], [60.6, 20.3], [75.4, 5.5]], group=7),
    shape("c", "point", [[70.4, 50.6]], group=1),
    shape("b", "mask", [[44.0, 3.0], [57.0, 11.0]], mask=png(BITMAP)),
    shape("a", None, [[62.0, 2.0], [78.0, 2.0], [70.0, 15.0]], group=7),
    shape(
        "c",
        "oriented_rectangle",
        [[10.0, 20.0], [20.0, 15.0], [25.0, 25.0], [15.0, 30.0]],
    ),
    shape("b", "polygon", [[-8.5, 50.5], [10.0, 48.0], [6.0, 66.0]]),
]

loaded = [
    s | {"mask": utils.img_b64_to_arr(s["mask"]).astype(bool)} if s["mask"] else s
    for s in SHAPES
]
label, instance = utils.shapes_to_label(SIZE, loaded, IDS)
alone = [utils.shapes_to_label(SIZE, [s], IDS)[1].astype(bool) for s in loaded]
np.savez_compressed(
    Path(__file__).with_name("labelme.npz"),
    shapes=np.array(json.dumps(SHAPES)),
    label=label.astype(np.uint8),
    instance=instance.astype(np.uint16),
    alone=np.array(alone),
)
