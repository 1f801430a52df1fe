"""NaN or Inf stops the training, which says where it began."""

import re

import keras
import numpy as np
import pytest
import walk

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="the walk reads with TensorFlow"
)


@pytest.mark.processes  # trains: costly beside the rest
def test_too_high_a_rate_stops_with_one_line(shared_records, tmp_path, capsys):
    # The largest rate that is allowed, in a network that nothing normalises.
    settings = {"fit__optimizer": "sgd", "fit__learning_rate": "1e6"}
    settings |= {"model__options": "filters=4 depth=2 batch_norm=false"}
    settings |= {"fit__epochs": 9}
    settings |= {"fit__schedule": "constant", "fit__save_every": 1, "export": False}
    with pytest.raises(SystemExit) as left:
        walk.trained(shared_records, tmp_path, **settings)
    assert left.value.code == 2
    (line,) = [
        line
        for line in capsys.readouterr().err.splitlines()
        if line.startswith("kerasseg train: error:")
    ]
    assert re.search(r"Step \d+ went wrong: the (activation|weight|gradient) ", line)
    assert "lower --fit.learning_rate (the rate was 1e+06)" in line
    assert "--fit.clip_norm 1.0" in line
    (state,) = tmp_path.glob("*/state.weights.h5")
    assert str(state) in line
    samples = line.split("Samples of the batch: ")[1].split(". ")[0].split(", ")
    assert len(set(samples)) == 4


def test_the_samples_of_a_step(shared_records):
    from kerasseg.data import pipeline
    from kerasseg.data import records as shards
    from kerasseg.fit import not_finite

    known = {s.id: s.image for s in shards.read(shared_records, "train")}
    stream = pipeline.batches(
        shared_records, "train", batch_size=4, training=True, seed=3, shuffle=6
    )
    for step, batch in enumerate(stream.take(5)):
        names = not_finite.sample_ids(shared_records, "train", 4, 3, 6, step)
        for name, image in zip(names, batch["image"].numpy(), strict=True):
            assert (known[name] == image).all()


def test_where_it_began():
    from kerasseg import augment, losses
    from kerasseg.fit import not_finite
    from kerasseg.fit.trainer import Trainer

    image = keras.Input((8, 8, 3), name="image")
    x = keras.layers.Conv2D(2, 1, name="first")(image)
    x = keras.layers.Conv2D(2, 1, name="second")(x)
    network = keras.Model(image, x)
    loss = losses.total({"cross_entropy": 1})
    trainer = Trainer(network, loss, augment.POLICIES["none"], (8, 8))
    trainer.last_batch.batch = {
        "image": np.full((1, 8, 8, 3), 200, np.uint8),
        "label": np.zeros((1, 8, 8), np.uint8),
        "numbers": np.zeros((1, augment.NUMBERS), np.float32),
    }
    fine, second = np.ones(4, np.float32), np.array([np.nan, 1, np.inf, 1], np.float32)
    assert "the loss is not finite" in not_finite.origin(trainer, fine)
    found = not_finite.origin(trainer, second)
    assert "gradient of 'second/kernel' is the first" in found
    assert "2 of 4" in found
    network.get_layer("second").kernel.assign(np.full((1, 1, 2, 2), 3e38))
    assert "layer 'second'" in not_finite.origin(trainer, second)
    network.get_layer("first").bias.assign([np.nan, 0])
    assert "weight 'first/bias'" in not_finite.origin(trainer, second)
