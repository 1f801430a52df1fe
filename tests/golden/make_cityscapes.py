"""Golden scores of the official Cityscapes evaluation (PyPI cityscapesscripts 2.3.0).

In an environment of its own: pip install cityscapesscripts==2.3.0, then
    python tests/golden/make_cityscapes.py
Label maps are random blobs of all 34 label ids, and predictions differ in a third of
the pixels, ids that the evaluation ignores among them.
"""

import tempfile
from pathlib import Path

import numpy as np
from cityscapesscripts.evaluation import evalPixelLevelSemanticLabeling as official
from cityscapesscripts.helpers.labels import labels
from PIL import Image

random = np.random.default_rng(7)
label = np.kron(random.integers(0, 33, (3, 6, 8)), np.ones((1, 4, 4))).astype(np.uint8)
other = random.integers(0, 33, label.shape).astype(np.uint8)
predicted = np.where(random.random(label.shape) < 0.33, other, label)

official.args.quiet = True
official.args.JSONOutput = False
official.args.evalInstLevelScore = False
official.args.evalPixelAccuracy = False
with tempfile.TemporaryDirectory() as folder:
    paths = {}
    for kind, images in {"true": label, "seen": predicted}.items():
        paths[kind] = [str(Path(folder) / f"{kind}{i}.png") for i in range(len(images))]
        for image, path in zip(images, paths[kind], strict=True):
            Image.fromarray(image).save(path)
    result = official.evaluateImgLists(paths["seen"], paths["true"], official.args)

evaluated = [x for x in labels if 0 <= x.id and not x.ignoreInEval]
np.savez_compressed(
    Path(__file__).with_name("cityscapes.npz"),
    label=label,
    predicted=predicted,
    evaluated=[x.id for x in evaluated],
    iou=[result["classScores"][x.name] for x in evaluated],
    miou=result["averageScoreClasses"],
)
print(result["averageScoreClasses"])
