"""Any Keras model is scored and predicts, of any input size and any end."""

import csv
import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasseg import UserError
from kerasseg.evaluate import evaluate_model
from kerasseg.predict import predict_model
from kerasseg.runs import image_table
from kerasseg.runs.labelled import labelled
from kerasseg.taxonomy import Taxonomy

TWO = Taxonomy.named(["dark", "bright"])


def model(activation=None, outputs=2, size=(None, None), stride=1):
    """Red above 0.5 is class 1; of one output its logit, of two both."""
    image = keras.Input((*size, 3))
    x = keras.layers.AveragePooling2D(stride)(image) if stride > 1 else image
    layer = keras.layers.Conv2D(outputs, 1, activation=activation)
    network = keras.Model(image, layer(x))
    kernel = np.zeros((1, 1, 3, outputs), "float32")
    kernel[..., 0, -1] = 8
    layer.set_weights([kernel, np.array([0] * (outputs - 1) + [-4], "float32")])
    return network


@pytest.fixture(scope="module")
def pictures():
    """Two images of 20 x 28 and their labels, a tenth of them wrong."""
    rng = np.random.default_rng(0)
    seen = np.zeros((2, 20, 28), np.int64)
    seen[:, 4:12, 8:20] = 1
    image = np.repeat(np.where(seen, 0.9, 0.1)[..., None], 3, -1).astype("float32")
    return image, np.where(rng.random(seen.shape) < 0.1, 1 - seen, seen), seen


ENDS = {
    "one sigmoid": lambda: model("sigmoid", outputs=1),
    "logits of a stride": lambda: model(stride=4),
    "fixed size": lambda: model(size=(20, 28)),
}


@pytest.mark.parametrize("end", ENDS)
def test_models_of_any_end_and_size(end, pictures):
    image, label, seen = pictures
    network = ENDS[end]()
    found = predict_model(network, image)
    assert np.mean(np.stack(found) == seen) > (0.95 if "stride" in end else 0.999)
    given = predict_model(network, image[0], probabilities=True, flip=True)
    assert given[0].shape == (20, 28, 2) and given[0].sum(-1) == pytest.approx(1)
    result = evaluate_model(network, (image, label), TWO)
    matrix = np.array(result["matrix"])
    right = np.mean(np.stack(found) == label)
    assert result["pixel_accuracy"] == pytest.approx(right, abs=1e-6)
    assert matrix.sum() == label.size and result["classes"] == ["dark", "bright"]


def test_labels_in_every_form(pictures):
    image, label, _ = pictures

    def ids(data):
        images = labelled(data, TWO, "val").images
        return np.stack([one.ids(TWO) for one in images])

    hot = np.eye(2, dtype="float32")[label]
    dataset = tf.data.Dataset.from_tensor_slices((image, hot))
    ways = [
        (image, hot),
        [(image[:1], label[:1]), (image[1:], label[1:, ..., None])],
        dataset.batch(2),
        dataset,
        [{"image": image, "label": label}],
    ]
    for way in ways:
        np.testing.assert_array_equal(ids(way), label)
    ignored = label.copy()
    ignored[:, :3], hot[:, :3] = -1, 0
    weight = np.ones_like(image[..., 0])
    weight[:, :3] = 0
    for way in [(image, ignored), (image, hot), (image, label, weight)]:
        np.testing.assert_array_equal(ids(way), np.where(ignored < 0, 255, label))


def test_classes_that_overlap(pictures):
    """One sigmoid as one class of its own, and two sigmoids."""
    image, label, seen = pictures
    one = Taxonomy(("bright",), ((255, 0, 0),), exclusive=False)
    planes = predict_model(model("sigmoid", 1), image, taxonomy=one)
    np.testing.assert_array_equal(np.stack(planes)[..., 0], seen)
    for target in (label, label[..., None]):
        result = evaluate_model(model("sigmoid", 1), (image, target), one)
        hits = np.sum((seen == 1) & (label == 1))
        assert result["counts"]["tp"] == [hits]
    planes = predict_model(model("sigmoid"), image)
    np.testing.assert_array_equal(np.stack(planes)[..., 1], seen)


def test_records_are_scored_at_their_own_size(shared_records, tmp_path):
    network = keras.Sequential(
        [keras.Input((None, None, 3)), keras.layers.Conv2D(11, 1)]
    )
    result = evaluate_model(network, shared_records, folder=tmp_path)
    assert result["split"] == "val" and result["samples"] == 5
    written = json.loads((tmp_path / "metrics.json").read_text())
    assert written == json.loads(json.dumps(result))
    rows = list(csv.DictReader((tmp_path / image_table.FILE).open()))
    assert len(rows) == 5 and rows[0]["image"].startswith("synthetic")
    assert (tmp_path / "pictures" / "worst.png").is_file()


def test_pictures_of_files_and_of_several_sizes(tmp_path, pictures):
    image = (255 * pictures[0][0]).astype(np.uint8)
    file = tmp_path / "a.png"
    tf.io.write_file(str(file), tf.io.encode_png(image))
    network = keras.Sequential(
        [keras.Input((None, None, 3)), keras.layers.Rescaling(1 / 255), model()]
    )
    found = predict_model(network, [file, image, image[:9, :13]])
    assert [one.shape for one in found] == [(20, 28), (20, 28), (9, 13)]
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], pictures[2][0])


def test_what_does_not_fit_is_said_in_one_line(pictures):
    image, label, _ = pictures
    network = model()
    three = Taxonomy.numbered(3)
    overlapping = Taxonomy(TWO.names, TWO.colours, exclusive=False)
    classifier = keras.Sequential(
        [keras.Input((20, 28, 3)), keras.layers.Flatten(), keras.layers.Dense(2)]
    )
    calls = [
        (lambda: evaluate_model(network, (image, label), three), "2 classes apart"),
        (lambda: evaluate_model(network, [image]), "batches"),
        (lambda: evaluate_model(network, []), "no images"),
        (lambda: evaluate_model(network, (image, label[:, :9])), "Expected a label"),
        (lambda: evaluate_model(network, (image, label[:1])), "as many labels"),
        (lambda: evaluate_model(network, (image, label), trimap=-1), "trimap must"),
        (lambda: evaluate_model(network, 7), "Expected the path of records"),
        (lambda: evaluate_model(classifier, (image, label)), "a classifier"),
        (lambda: predict_model(model("tanh", 1), image), 'activation="sigmoid"'),
        (lambda: predict_model(network, image[..., :2]), r"takes 3 channels|bands"),
        (lambda: predict_model(network, 3), "Expected pictures"),
        (
            lambda: predict_model(model("softmax"), image, taxonomy=overlapping),
            "softmax",
        ),
    ]
    for call, words in calls:
        with pytest.raises(UserError, match=words) as told:
            call()
        assert "\n" not in str(told.value) and " --" not in str(told.value)
