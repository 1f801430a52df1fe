"""The SavedModel of volumes: its window and its z-score are those of kerasseg."""

import json

import numpy as np
import pytest
import tensorflow as tf
import volume_runs

from kerasseg.data.synthetic.volumes import IMAGES, TAXONOMY
from kerasseg.export.saved_model import volumes
from kerasseg.inference.volumes import window
from kerasseg.inference.volumes.networks import volume_segmenter
from kerasseg.serve.model import Model
from kerasseg.volume_format import VolumeFormat, standardised


@pytest.mark.parametrize("shape", [(9, 7, 12), (4, 6, 5), (3, 20, 4), (13, 5, 8)])
def test_the_window_of_the_graph_is_that_of_numpy(rng, shape):
    volume = rng.normal(size=(*shape, 2)).astype(np.float32)
    ramp = np.arange(5, dtype=np.float32)[:, None]
    options = (4, 6, 5), 0.5, (0.3, -0.4)
    wanted = np.concatenate(list(window.slabs(lambda x: x * ramp, volume, *options)))
    asked = tf.function(
        lambda x: volumes.window(lambda y: y * ramp, 2, x, options[0], options[2]),
        input_signature=[tf.TensorSpec((None, None, None, 2))],
    )
    np.testing.assert_allclose(asked(volume), wanted, atol=2e-5)


@pytest.mark.export
def test_signatures(tmp_path, rng):
    network = volume_runs.network()
    made = VolumeFormat("zscore")
    options = TAXONOMY, IMAGES, made
    path = volumes.write(network, tmp_path / "1", *options, flip=True)
    served = tf.saved_model.load(str(path))
    image = (300 + 50 * rng.normal(size=(2, 11, 17, 20, 1))).astype(np.float32)
    image[1, 3, 3, 3] = np.nan
    segment = volume_segmenter(network, made, IMAGES, mirror=(2,))
    found = served.signatures["serving_default"](image=image)["class_map"].numpy()
    shares = served.signatures["probabilities"](image=image)["probabilities"].numpy()
    valid = np.isfinite(image[..., 0])
    for number in range(2):
        given = standardised(np.nan_to_num(image[number]), valid[number])
        (slabs,) = [np.concatenate(list(segment.slabs(given)))]
        np.testing.assert_allclose(shares[number], slabs, atol=1e-4)
        assert (found[number] == slabs.argmax(-1)).mean() > 0.999
    patch = standardised(np.nan_to_num(image[0]))[None, :8, :16, :16]
    own = served.signatures["network_size"](image=patch)
    assert own["class_map"].shape == (1, 8, 16, 16)
    held = json.loads((path / "assets" / "volume_format.json").read_text())
    assert held["normalise"] == "zscore"
    share = volumes.agreement(network, path, patch, IMAGES, made, flip=True)
    assert share > 0.999
    served_by = Model(path)  # requests of any SavedModel
    assert served_by.by_rows("serving_default")
