"""Label ids of drawn polygons by cityscapesscripts 2.3.0 with Pillow 13.0.0.

pip install cityscapesscripts; python tests/golden/make_cityscapes_polygons.py
"""

import json
import tempfile
from pathlib import Path

import numpy as np
from cityscapesscripts.helpers.annotation import Annotation
from cityscapesscripts.preparation.json2labelImg import createLabelImage

rng = np.random.default_rng(5)
LABELS = [
    *("sky", "road", "sidewalk", "cargroup", "car", "license plate", "polegroup"),
    *("out of roi", "persongroup", "bicycle", "static", "traffic sign", "ego vehicle"),
]


def polygon(label, centre, radius, corners, **more):
    angles = np.sort(rng.uniform(0, 2 * np.pi, corners))
    radii = radius * rng.uniform(0.5, 1, corners)
    points = np.stack([np.cos(angles), np.sin(angles)], 1) * radii[:, None] + centre
    return {"label": label, "polygon": np.round(points).astype(int).tolist(), **more}


objects = [
    polygon(label, rng.uniform(0, [64, 40]), rng.uniform(6, 22), rng.integers(3, 12))
    for label in [*LABELS, *LABELS]
]
objects[9]["deleted"] = 1
objects[-3]["deleted"] = 0
drawing = json.dumps({"imgHeight": 40, "imgWidth": 64, "objects": objects})
with tempfile.TemporaryDirectory() as folder:
    file = Path(folder, "drawing.json")
    file.write_text(drawing)
    annotation = Annotation()
    annotation.fromJsonFile(str(file))
    ids, train = (
        np.asarray(createLabelImage(annotation, k)) for k in ("ids", "trainIds")
    )
np.savez_compressed(
    Path(__file__).with_name("cityscapes_polygons.npz"),
    drawing=np.array(drawing),
    ids=ids,
    train_ids=train,
)
print(np.unique(ids), np.unique(train))
