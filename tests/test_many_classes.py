"""300 classes from records to a trained, scored, exported and predicted run."""

import json

import cv2
import keras
import numpy as np
import pytest
import tensorflow as tf
import tiny

from kerasseg import UserError, predict, train
from kerasseg.data import records
from kerasseg.data.sample import Sample
from kerasseg.export import __main__ as export
from kerasseg.export import formats
from kerasseg.export.litert import conversion
from kerasseg.export.saved_model import signatures
from kerasseg.inference import class_maps, litert
from kerasseg.taxonomy import Taxonomy

TAXONOMY = Taxonomy.numbered(300)


def label():
    """Strips of five classes, among them 255 and 256, over a strip that is ignored."""
    rows = np.repeat([1, 254, 255, 256, 299], 8).astype(np.uint16)
    out = np.repeat(rows[None], 32, 0)
    out[24:] = 65535
    return out


def image(seed):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (*label().shape, 3), np.uint8)


@pytest.mark.export
@pytest.mark.processes
def test_exported_files_give_ids_of_16_bits(tmp_path):
    network = tiny.convolution(300)
    rng = np.random.default_rng(0)
    weights = network.layers[-1].weights
    weights[0].assign(rng.normal(0, 1, weights[0].shape))
    pixels = rng.integers(0, 256, (*tiny.SIZE, 3), np.uint8)
    expected = np.asarray(network(pixels[None].astype("float32")))[0].argmax(-1)
    assert expected.max() > 255
    found = class_maps.segmenter(network)(pixels)
    assert found.dtype == np.uint16
    np.testing.assert_array_equal(found, expected)

    file = conversion.write(network, tmp_path / "m.tflite", taxonomy=TAXONOMY)
    model = litert.Model(file)
    found = model.class_map(pixels)
    assert (found.dtype, model.taxonomy.num_classes) == (np.uint16, 300)
    np.testing.assert_array_equal(found, expected)

    # Mirrored and in tiles the graph does not know how many classes there are.
    larger = rng.integers(0, 256, (40, 60, 3), np.uint8)
    folder = signatures.write(network, tmp_path / "s", TAXONOMY, overlap=8, flip=True)
    served = tf.saved_model.load(str(folder)).signatures
    wanted = class_maps.segmenter(network, overlap=8, flip=True)(larger)
    answer = served["serving_default"](image=tf.constant(larger[None], tf.float32))
    assert answer["class_map"].dtype == tf.uint16
    np.testing.assert_array_equal(answer["class_map"][0], wanted)
    png = served["serve_bytes"](image_bytes=tf.io.encode_png(larger)[None])
    png = np.frombuffer(png["class_map_png_bytes"][0].numpy(), np.uint8)
    np.testing.assert_array_equal(cv2.imdecode(png, cv2.IMREAD_UNCHANGED), wanted)


def test_mediapipe_is_refused():
    with pytest.raises(UserError, match="mediapipe gives at most 255 classes"):
        formats.check(["mediapipe"], num_classes=256)


@pytest.mark.export
@pytest.mark.slow
def test_train_export_predict(tmp_path):
    for split in "train", "val":
        samples = [Sample(f"{split}{i}", image(i), label()) for i in range(4)]
        records.write(samples, tmp_path / "records", split, taxonomy=TAXONOMY)
    words = "--data.batch 2 --model.name unet_small --model.options filters=4 depth=2"
    words += f" --data.records {tmp_path / 'records'} --out {tmp_path} --name run"
    words += " --augment.policy road --fit.epochs 1 --export False"
    train.main(words.split())
    run = tmp_path / "run-1"
    scores = json.loads((run / "metrics.json").read_text())
    matrix = np.array(scores["matrix"])
    assert matrix.shape == (300, 300)
    assert matrix.sum() == 4 * 24 * 40  # the ignored strip counts nowhere
    assert matrix[255].sum() == matrix[256].sum() == 4 * 24 * 8

    export.main([str(run), "--formats", "saved_model", "float32"])
    gate = json.loads((run / "export" / "gate.json").read_text())
    assert "float32" in json.dumps(gate)

    picture = tmp_path / "picture.png"
    cv2.imwrite(str(picture), image(9)[..., ::-1])
    predict.main([str(picture), "--run", str(run), "--out", str(tmp_path / "out")])
    stored = cv2.imread(
        str(tmp_path / "out" / "picture_label.png"), cv2.IMREAD_UNCHANGED
    )
    network = keras.models.load_model(run / "network.keras")
    ids = np.asarray(network(image(9)[None].astype("float32")))[0].argmax(-1)
    assert stored.dtype == np.uint16
    np.testing.assert_array_equal(stored, ids)
