"""Batches go straight into `model.fit` of any Keras model."""

import keras
import numpy as np
import pytest

from kerasseg import UserError
from kerasseg.data import pipeline
from kerasseg.data.supervised import converter
from kerasseg.taxonomy import IGNORE, Taxonomy


def test_a_network_of_keras_fits(shared_records):
    keras.utils.set_random_seed(1)
    network = keras.Sequential(
        [keras.layers.Conv2D(4, 3, padding="same") for _ in range(2)]
        + [keras.layers.Conv2D(11, 1)]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    network.compile("sgd", loss)
    read = {"batch_size": 5, "as_supervised": True, "weights": True}
    batches = pipeline.batches(shared_records, "train", **read)
    history = network.fit(batches, epochs=1, verbose=0).history
    assert np.isfinite(history["loss"][0])
    assert network.layers[0].count_params() == 3 * 9 * 4 + 4


def test_they_are_the_same_images_and_labels(shared_records):
    read = {"batch_size": 2, "training": True, "seed": 3}
    plain = next(iter(pipeline.batches(shared_records, "train", **read)))
    read["as_supervised"] = True
    image, label = next(iter(pipeline.batches(shared_records, "train", **read)))
    assert image.dtype == "float32" and label.dtype == "int32"
    np.testing.assert_array_equal(image, plain["image"])
    np.testing.assert_array_equal(label, plain["label"])


def test_a_weight_is_0_where_the_label_is_ignored():
    pair = converter(Taxonomy.numbered(3), weights=True, others={"numbers": 0})
    label = np.array([[[0, 2], [IGNORE, 1]]], np.uint8)
    _, label, weight = pair({"image": np.zeros((1, 2, 2, 3), np.uint8), "label": label})
    assert np.array(label).tolist() == [[[0, 2], [0, 1]]]
    assert np.array(weight).tolist() == [[[1, 1], [0, 1]]]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"as_supervised": True, "instances": True}, "no place for what instances"),
        ({"as_supervised": True, "training": True, "numbers": 2}, "what numbers asks"),
        ({"weights": True}, "is for as_supervised=True"),
    ],
)
def test_what_a_pair_cannot_hold_is_refused(shared_records, options, said):
    with pytest.raises(UserError, match=said):
        pipeline.batches(shared_records, "train", **options)


def test_classes_that_overlap_have_no_weight_for_a_pixel():
    overlapping = Taxonomy(("a", "b"), ((0, 0, 0), (1, 1, 1)), exclusive=False)
    with pytest.raises(UserError, match="Classes overlap"):
        converter(overlapping, weights=True, others={})
    pair = converter(overlapping, weights=False, others={})
    planes = np.zeros((1, 2, 2, 2), np.uint8)
    _, label = pair({"image": np.zeros((1, 2, 2, 3), np.uint8), "label": planes})
    assert label.shape == (1, 2, 2, 2)
