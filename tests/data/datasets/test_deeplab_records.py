"""Records as DeepLab's build_data.py writes them, and with Model Garden's features."""

import io

import cv2
import numpy as np
import tensorflow as tf
from pictures import IDS, ids, load, picture, refuses
from PIL import Image
from tf_examples import tf_example

from kerasseg.data.datasets import adapter

LABEL = "image/segmentation/class/encoded"


def encoded(pixels, kind):
    opened = io.BytesIO()
    Image.fromarray(pixels).save(opened, kind)
    return opened.getvalue()


def deeplab(name, ids=IDS):
    return {
        "image/encoded": encoded(picture(), "JPEG"),
        "image/filename": name.encode(),
        "image/format": b"jpeg",
        "image/height": ids.shape[0],
        "image/width": ids.shape[1],
        "image/channels": 3,
        LABEL: encoded(ids, "PNG"),
        "image/segmentation/class/format": b"png",
    }


def model_garden(ids=IDS):
    """What official/vision asks of a record for segmentation."""
    return {
        "image/encoded": encoded(picture(), "PNG"),
        "image/height": ids.shape[0],
        "image/width": ids.shape[1],
        LABEL: encoded(ids, "PNG"),
    }


def write(file, *examples, compression=""):
    with tf.io.TFRecordWriter(str(file), compression) as writer:
        for values in examples:
            writer.write(tf_example(values).SerializeToString())


def test_records_of_deeplab(tmp_path):
    write(tmp_path / "train_fine-00000-of-00002.tfrecord", deeplab("a"), deeplab("b"))
    write(tmp_path / "train_fine-00001-of-00002.tfrecord", deeplab("x/c.jpg"))
    write(tmp_path / "val_fine-00000-of-00001.tfrecord", deeplab("d.5"))
    write(tmp_path / "other.tfrecord", deeplab("e"))
    taxonomy, splits = load("deeplab_records", tmp_path)
    assert taxonomy.num_classes == 3
    assert ids(splits) == {
        "train_fine": ["a", "b", "c"],
        "val_fine": ["d.5"],
    }
    (sample,) = splits["val_fine"]
    np.testing.assert_array_equal(sample.label, IDS)
    assert sample.encoded == deeplab("")["image/encoded"]
    assert sample.image.shape == (*IDS.shape, 3)


def test_records_of_model_garden(tmp_path):
    write(tmp_path / "train-00000-of-00001.tfrecord", model_garden(), model_garden())
    (tmp_path / "names.txt").write_text("sky\nroad\ncar\ntree\n")
    legend = str(tmp_path / "names.txt")
    taxonomy, splits = load("deeplab_records", tmp_path, legend=legend)
    assert taxonomy.names == ("sky", "road", "car", "tree")
    one, other = splits["train"]
    assert one.id != other.id
    np.testing.assert_array_equal(one.image, picture())


def test_other_ignored_id(tmp_path):
    write(tmp_path / "train-00000-of-00001.tfrecord", deeplab("a"))
    _, splits = load("deeplab_records", tmp_path, ignore=0)
    label = splits["train"][0].label
    np.testing.assert_array_equal(label, np.where(IDS == 0, 255, IDS))
    assert label.dtype == np.uint8


def test_labels_of_a_palette_are_its_indices(tmp_path):
    """PASCAL VOC's own colours: index 1 is dark red, gray level 38."""
    opened = io.BytesIO()
    picture = Image.fromarray(IDS)
    picture.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0] + [0] * 756 + [224, 224, 192])
    picture.save(opened, "PNG")
    file = tmp_path / "train-00000-of-00001.tfrecord"
    write(file, deeplab("a") | {LABEL: opened.getvalue()})
    _, splits = load("deeplab_records", tmp_path)
    np.testing.assert_array_equal(splits["train"][0].label, IDS)
    colours = encoded(np.dstack([IDS] * 3), "PNG")
    write(file, deeplab("a") | {LABEL: colours})
    refuses("record 0: its label holds colours", "deeplab_records", tmp_path)


def test_compressed_shards(tmp_path):
    names = "train-00000-of-00003", "train-00001-of-00003", "train-00002-of-00003"
    for name, kind in zip(names, ("GZIP", "", "ZLIB"), strict=True):
        examples = [deeplab(f"{kind}{i}") for i in range(3)]
        write(tmp_path / name, *examples, compression=kind)
    _, splits = load("deeplab_records", tmp_path)
    assert sorted(sample.id for sample in splits["train"]) == sorted(
        f"{kind}{i}" for kind in ("GZIP", "", "ZLIB") for i in range(3)
    )
    for name in names[0], names[2]:
        whole = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(whole[: len(whole) // 2])
        refuses(f"{name} is cut, or no TFRecord", "deeplab_records", tmp_path)
        (tmp_path / name).write_bytes(whole)


def test_entries_are_read_in_any_order(tmp_path):
    names = [f"n{i}" for i in range(5)]
    file = tmp_path / "train-00000-of-00001.tfrecord"
    write(file, *[deeplab(name) for name in names])
    _, splits = adapter("deeplab_records")(tmp_path)
    samples = splits["train"]
    ids = [samples.read(entry).id for entry in reversed(samples.entries)]
    assert ids == names[::-1]


def test_faults_are_named(tmp_path):
    refuses("holds no shards such as train-00000-of", "deeplab_records", tmp_path)
    refuses(
        "--ignore is an id of 0 to 255, got 256",
        "deeplab_records",
        tmp_path,
        ignore=256,
    )
    file = tmp_path / "train-00000-of-00001.tfrecord"
    write(file, deeplab("a"), {"image/encoded": b"x"})
    refuses(r"of-00001.tfrecord, record 1: ", "deeplab_records", tmp_path)
    write(file, deeplab("a"), deeplab("b"))
    whole = file.read_bytes()
    file.write_bytes(whole[:300] + bytes([whole[300] ^ 1]) + whole[301:])
    refuses(r"of-00001.tfrecord, record 0: ", "deeplab_records", tmp_path)
    for damaged in whole[:-1], whole[:-40], whole + b"more", b"<html>no records</html>":
        file.write_bytes(damaged)
        refuses(r"00001.tfrecord is cut, or no TFRecord", "deeplab_records", tmp_path)


def test_more_than_eight_bits_and_alpha_are_not_dropped_in_silence(tmp_path):
    deep = cv2.imencode(".png", picture().astype(np.uint16) * 257)[1].tobytes()
    clear = np.dstack([picture(), np.full(picture().shape[:2], 255, np.uint8)])
    hidden = clear.copy()
    hidden[0, 0, 3] = 0
    for number, (data, message) in enumerate(
        [
            (deep, "of 16 bits, whose low bytes would be lost"),
            (encoded(hidden, "PNG"), "with an alpha channel that hides pixels"),
        ]
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        file = folder / "train-00000-of-00001.tfrecord"
        write(file, deeplab("a") | {"image/encoded": data})
        refuses(f"{file.name}, record 0: .*{message}", "deeplab_records", folder)
    write(file, deeplab("a") | {"image/encoded": encoded(clear, "PNG")})
    (sample,) = load("deeplab_records", folder)[1]["train"]
    np.testing.assert_array_equal(sample.image, picture())
