"""A SavedModel that answers with the mean over several sizes of its network."""

import jpeg_png
import numpy as np
import pytest
import tensorflow as tf

from kerasseg import runs
from kerasseg.data import pipeline
from kerasseg.export import gate
from kerasseg.export.__main__ import main
from kerasseg.export.saved_model import signatures
from kerasseg.fit import other_sizes
from kerasseg.inference import class_maps

pytestmark = [pytest.mark.export, pytest.mark.processes]


@pytest.fixture(scope="module")
def written(shared_run, tmp_path_factory):
    network = runs.load(shared_run)
    passes = other_sizes.passes_of(shared_run, (0.5, 1, 1.5))(network)
    path = tmp_path_factory.mktemp("several") / "1"
    options = {"overlap": 8, "flip": True, "passes": passes}
    signatures.write(network, path, runs.taxonomy(shared_run), **options)
    return network, passes, path


def test_every_signature_gives_the_mean(written):
    network, passes, path = written
    served = tf.saved_model.load(str(path))
    image = jpeg_png.noise(32, 48)
    expected = class_maps.probabilities(network, image, flip=True, passes=passes)
    floats, data = tf.cast(image[None], tf.float32), jpeg_png.encoded(image, "PNG")
    asked = {
        "network_size": {"image": tf.constant(image[None])},
        "probabilities": {"image": floats},
        "serve_probabilities": {"image_bytes": tf.constant([data])},
    }
    for name, given in asked.items():
        found = served.signatures[name](**given)["probabilities"][0]
        np.testing.assert_allclose(found, expected, atol=1e-5, err_msg=name)
    # The weights are there once.
    assert len(served.variables_of_network) == len(network.variables)


def test_the_gate_holds_it_against_the_library(written, shared_records):
    """At the network's size, and of a larger picture, in tiles."""
    network, passes, path = written
    batches = pipeline.batches(shared_records, "val", batch_size=5)
    ways = {"overlap": 8, "flip": True, "passes": passes}
    _, row = gate.check(network, {"saved_model": path}, batches, **ways)
    assert row["agreement"] > 0.9999 and row["larger"] > 0.9999 and row["passed"]


def test_the_command_and_its_card(own_run, capsys):
    main([str(own_run), "--formats", "saved_model", "--scales", "0.5", "1"])
    assert "passed" in capsys.readouterr().out
    (card,) = own_run.glob("export/card.md")
    assert "the mean of the network at the sizes 16x24, 32x48." in card.read_text()
