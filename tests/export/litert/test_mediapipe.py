"""The real MediaPipe ImageSegmenter reads our file, labels and all.

MediaPipe may be installed beside us, or KERASSEG_MEDIAPIPE names a Python that has it.
"""

import os
import subprocess
import sys

import cv2
import numpy as np
import pytest
import tiny

from kerasseg.export.litert import conversion
from kerasseg.inference import litert
from kerasseg.taxonomy import Taxonomy

pytestmark = pytest.mark.processes
PYTHON = os.environ.get("KERASSEG_MEDIAPIPE", sys.executable)

SEGMENT = """
import sys, cv2, mediapipe, numpy
from mediapipe.tasks.python import BaseOptions, vision
options = vision.ImageSegmenterOptions(
    base_options=BaseOptions(model_asset_path=sys.argv[1]), output_category_mask=True
)
segmenter = vision.ImageSegmenter.create_from_options(options)
picture = cv2.cvtColor(cv2.imread(sys.argv[2]), cv2.COLOR_BGR2RGB)
image = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=picture)
mask = segmenter.segment(image).category_mask.numpy_view().squeeze()
cv2.imwrite(sys.argv[3], mask)
print(",".join(segmenter.labels))
segmenter.close()
"""


@pytest.mark.parametrize("kind", ["float32", "int8"])
def test_the_task_runs_with_our_labels(kind, tmp_path, rng):
    if subprocess.run(
        [PYTHON, "-c", "import mediapipe"], capture_output=True
    ).returncode:
        pytest.skip("mediapipe is not installed; see KERASSEG_MEDIAPIPE")
    network = tiny.network()
    picture = cv2.resize(rng.integers(0, 256, (4, 6, 3), np.uint8), (48, 32))
    cv2.imwrite(str(tmp_path / "picture.png"), picture)
    rgb = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
    taxonomy = Taxonomy.named(["road", "sky", "tree"])
    data = conversion.convert(network, kind, [rgb])
    file = tmp_path / "mediapipe.tflite"
    conversion.finish(data, file, "net", taxonomy, ["probabilities"])
    paths = [str(tmp_path / name) for name in ("picture.png", "mask.png")]
    done = subprocess.run(
        [PYTHON, "-c", SEGMENT, str(file), *paths], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip() == "road,sky,tree"
    mask = cv2.imread(paths[1], cv2.IMREAD_UNCHANGED)
    ours = litert.Model(file, threads=1).segment(rgb)
    assert (mask == ours).mean() > 0.98
