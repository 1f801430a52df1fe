"""Networks of the user trial of exports: .keras files alone, or beside a list of names.

The right class maps are those of Keras alone, from the network's own scores.
"""

import os
from pathlib import Path

import keras
import numpy as np
import pytest

from kerasseg.inference import arguments
from kerasseg.runs import foreign

DATA = os.environ.get("KERASSEG_DATA", "")
CASES = Path(DATA) / "cases" / "export"
pytestmark = pytest.mark.skipif(
    not CASES.is_dir(), reason="needs the data of the user trials (KERASSEG_DATA)"
)


def of_scores(scores):
    return scores.argmax(-1)


def above_half(scores):
    return scores[..., 0] > 0.5


NETWORKS = {
    "keras-alone-no-taxonomy/mymodel.keras": ((64, 64, 3), of_scores),
    "keras-any-size/none": ((49, 71, 3), of_scores),
    "keras-any-size/gray1": ((64, 64, 1), of_scores),
    "keras-any-size/rgba4": ((64, 64, 4), of_scores),
    "keras-sigmoid-one-channel/sigmoid1": ((64, 64, 3), above_half),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_class_maps_are_those_of_keras(name, rng):
    shape, ids = NETWORKS[name]
    image = rng.integers(0, 256, shape, "u1")
    asked = arguments.parser().parse_args(["a.png"])
    network = foreign.network(CASES / name, asked, lambda size: 0)
    file = CASES / name
    file = file if file.suffix else file / "network.keras"
    scores = keras.saving.load_model(file)(image[None].astype("f4"))
    wanted = ids(keras.ops.convert_to_numpy(scores))[0]
    np.testing.assert_array_equal(network.segment(image), wanted)
    assert 0 < np.count_nonzero(wanted)
    assert network.taxonomy.num_classes == 2
    assert network.image_format.channels == shape[-1]
