"""More than 255 classes: uint16 labels, ignore is 65535; 255 and 256 are classes."""

import io
import json

import cv2
import numpy as np
import pytest
from PIL import Image

from kerasseg import UserError, metrics
from kerasseg.data import pipeline, records
from kerasseg.data.datasets import coco
from kerasseg.data.format.encode import LABEL, serialise
from kerasseg.data.format.example import deserialise
from kerasseg.data.preparing import classes
from kerasseg.data.reading.legends.legend import Legend
from kerasseg.data.reading.masks.mask_flags import MaskFlags
from kerasseg.data.reading.masks.mask_labels import label_of
from kerasseg.data.reading.masks.mask_map import read_map
from kerasseg.data.reading.masks.mask_rule import rule_for
from kerasseg.data.sample import Sample, Samples, masked
from kerasseg.data.writing.tiling import TiledSamples
from kerasseg.drawing import pictures
from kerasseg.taxonomy import Taxonomy, ignore_in, one_hot

TAXONOMY = Taxonomy.numbered(300)
IDS = np.array([[0, 1, 254, 255], [256, 257, 299, 65535]], np.uint16)


def sample(label=IDS, **options):
    image = np.zeros((*label.shape, 3), np.uint8)
    return Sample("a", image, label, **options)


@pytest.mark.parametrize(
    ("count", "ignore", "kind"),
    [(1, 255, "uint8"), (255, 255, "uint8"), (256, 65535, "uint16")],
)
def test_the_type_is_that_of_the_number_of_classes(count, ignore, kind):
    taxonomy = Taxonomy.numbered(count)
    assert (taxonomy.ignore, np.dtype(taxonomy.label_type)) == (ignore, kind)
    assert taxonomy.palette().shape == (ignore + 1, 3)
    assert taxonomy.to_json()["ignore"] == ignore
    label = np.array([[0, ignore]], taxonomy.label_type)
    assert ignore_in(label) == ignore
    target = np.asarray(one_hot(label, count))
    assert target[0, 0].sum() == 1 and target[0, 1].sum() == 0


def test_too_many_classes_are_refused_in_one_line():
    with pytest.raises(UserError, match=r"1 to 65535 classes, got 65536"):
        Taxonomy.numbered(65536)
    most = r"of 4097 classes is too large: 4096"
    with pytest.raises(UserError, match=most):
        metrics.ConfusionMatrix(4097)
    with pytest.raises(UserError, match=most):
        metrics.count([0], [0], 4097)


def test_colours_lead_back_to_the_ids():
    few = Taxonomy(
        tuple(f"c{i}" for i in range(300)),
        tuple((i % 256, i // 256, 9) for i in range(300)),
    )
    np.testing.assert_array_equal(few.from_colours(few.colourise(IDS)), IDS)


@pytest.mark.parametrize("bands", [3, 5])  # PNG, and raw under ZSTD
def test_records_hold_the_ids(tmp_path, bands):
    from kerasseg.image_format import RGB, ImageFormat

    kind = RGB if bands == 3 else ImageFormat.of(tuple("abcde"), "uint8")
    given = Sample("a", np.zeros((2, 4, bands), np.uint8), IDS)
    records.write(
        [given], tmp_path / "r", "train", taxonomy=TAXONOMY, image_format=kind
    )
    described = records.verify(tmp_path / "r", progress=False).splits["train"]
    assert (described.ignored, sum(described.pixels)) == (1, 7)
    assert [described.pixels[i] for i in (254, 255, 256, 257, 298)] == [1, 1, 1, 1, 0]
    (read,) = records.read(tmp_path / "r", "train")
    assert read.label.dtype == np.uint16
    np.testing.assert_array_equal(read.label, IDS)
    (batch,) = pipeline.batches(
        tmp_path / "r", "train", batch_size=1, size=(4, 8), instances=True
    )
    twice = IDS.repeat(2, 0).repeat(2, 1)
    np.testing.assert_array_equal(batch["label"][0], twice)
    objects = batch["instance"][0].numpy()
    np.testing.assert_array_equal(objects > 0, (twice > 0) & (twice < 65535))


def test_the_label_is_a_png_of_16_bits_that_8_would_cut():
    import tensorflow as tf

    serialised = serialise(sample())
    example = tf.train.Example.FromString(serialised)
    (png,) = example.features.feature[LABEL].bytes_list.value
    np.testing.assert_array_equal(cv2.imdecode(np.frombuffer(png, np.uint8), -1), IDS)
    with pytest.raises(UserError, match="PNG of 16 bits"):
        deserialise(serialised, instances=False)


@pytest.mark.parametrize(
    ("label", "says"),
    [
        (IDS.astype(np.int32), "label must be uint16"),
        (IDS[:, :3].astype(np.uint8), "label must be uint16"),
        (IDS + np.uint16(60), "label holds id 314"),
    ],
)
def test_wrong_labels_are_named(tmp_path, label, says):
    with pytest.raises(UserError, match=says):
        records.write([sample(label)], tmp_path / "r", "train", taxonomy=TAXONOMY)


def test_what_is_added_is_ignored():
    valid = np.ones(IDS.shape, bool)
    valid[0, 3] = False
    assert masked(sample(valid=valid)).label[0, 3] == 65535
    (tile,) = TiledSamples([sample()], (3, 5))
    assert (tile.label[2] == 65535).all() and (tile.label[:, 4] == 65535).all()
    np.testing.assert_array_equal(tile.label[:2, :4], IDS)


def test_classes_are_chosen_and_brought_together():
    splits = {"train": Samples([0], lambda _: sample())}
    choice = classes.ClassChoice(drop=("class_255",))
    taxonomy, mapped = classes.choose(TAXONOMY, splits, choice)
    (one,) = mapped["train"]
    expected = [[0, 1, 254, 65535], [255, 256, 298, 65535]]
    assert taxonomy.names[255] == "class_256" and one.label.dtype == np.uint16
    np.testing.assert_array_equal(one.label, expected)
    choice = classes.ClassChoice(merge=("rest=*",), keep=("rest", "class_256"))
    taxonomy, mapped = classes.choose(TAXONOMY, splits, choice)
    (one,) = mapped["train"]
    assert taxonomy.names == ("rest", "class_256") and one.label.dtype == np.uint8
    np.testing.assert_array_equal(one.label, [[0, 0, 0, 0], [1, 0, 0, 255]])


def png(file, pixels):
    assert cv2.imwrite(str(file), pixels)
    return file


def test_masks_of_ids_with_a_legend(tmp_path):
    file = png(tmp_path / "m.png", IDS)
    rule = rule_for([file], MaskFlags(), Legend(TAXONOMY.names))
    np.testing.assert_array_equal(label_of(file, rule), IDS)
    assert "ignored: 65535" in str(rule)
    # A number without a name is no void because it is 255.
    names = tuple(f"class {i}" for i in range(400) if i != 255)
    legend = Legend(names, ids=tuple(i for i in range(400) if i != 255))
    with pytest.raises(UserError, match="holds id 255"):
        rule_for([file], MaskFlags(), legend)
    ignored = rule_for([file], MaskFlags(ignore=(255,)), legend)
    expected = [[0, 1, 254, 65535], [255, 256, 298, 65535]]
    np.testing.assert_array_equal(label_of(file, ignored), expected)


def test_masks_of_colours_with_a_legend(tmp_path):
    colours = tuple((i % 256, 1 + i // 256, 0) for i in range(300))
    pixels = np.zeros((*IDS.shape, 3), np.uint8)
    for i in range(300):
        pixels[IDS == i] = colours[i][::-1]
    file = png(tmp_path / "m.png", pixels)
    flags = MaskFlags(ignore_colour=((0, 0, 0),))
    rule = rule_for([file], flags, Legend(TAXONOMY.names, colours))
    np.testing.assert_array_equal(label_of(file, rule), IDS)


def test_a_table_of_numbers_has_255_as_a_class(tmp_path):
    file = tmp_path / "map.csv"
    rows = [f"{i},{299 - i}" for i in range(300)]
    file.write_text("\n".join([*rows, "65535,65535"]))
    found = read_map(file)
    assert (len(found.names), found.classes[44], found.classes[65535]) == (
        300,
        255,
        65535,
    )
    file.write_text("0,0\n1,1\n2,255\n")
    assert read_map(file).classes == {0: 0, 1: 1, 2: 255}


def test_coco_of_300_categories(tmp_path):
    """Rectangles, whose pixels are known; a crowd becomes ignore."""
    (tmp_path / "train").mkdir()
    Image.new("RGB", (8, 4)).save(tmp_path / "train" / "a.png")
    objects = []
    for number, (category, crowd) in enumerate(
        [(254, 0), (255, 0), (256, 0), (1, 1)], 1
    ):
        x = 2 * (number - 1)
        corners = [x, 0, x + 2, 0, x + 2, 4, x, 4]
        objects.append(
            {"id": number, "image_id": 1, "category_id": category, "iscrowd": crowd}
            | {"bbox": [x, 0, 2, 4], "area": 8, "segmentation": [corners]}
        )
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations" / "instances_train.json").write_text(
        json.dumps(
            {
                "images": [{"id": 1, "file_name": "a.png", "height": 4, "width": 8}],
                "categories": [{"id": i, "name": f"c{i}"} for i in range(1, 301)],
                "annotations": objects,
            }
        )
    )
    taxonomy, splits = coco.load(tmp_path, crowd="ignore")
    (one,) = splits["train"]
    assert (taxonomy.num_classes, one.label.dtype) == (301, np.uint16)
    row = [254, 254, 255, 255, 256, 256, 65535, 65535]
    np.testing.assert_array_equal(one.label, [row] * 4)


def test_scores_count_255_and_not_65535():
    predicted = np.where(IDS == 65535, 7, IDS)
    predicted[0, 3] = 256
    matrix = metrics.count(IDS, predicted, 300)
    assert (matrix.sum(), matrix[255, 256], matrix[256, 256]) == (7, 1, 1)
    metric = metrics.ConfusionMatrix(300)
    metric.update_state(IDS[None], predicted[None])
    np.testing.assert_array_equal(metric.matrix(), matrix)


def test_the_interval_is_that_of_the_matrices():
    rng = np.random.default_rng(0)
    matrices = rng.integers(0, 9, (5, 4, 4))
    low, high = metrics.bootstrap(matrices)
    from kerasseg.metrics import confusion, intervals

    parts = [confusion.margins(one) for one in matrices]
    assert intervals.bootstrap_miou(parts) == (low, high)


def test_pictures_of_labels():
    label = np.asarray(Image.open(io.BytesIO(pictures.label_png(IDS, TAXONOMY))))
    np.testing.assert_array_equal(label, IDS)
    image = np.full((2, 4, 3), 100, np.uint8)
    drawn = pictures.overlay(image, IDS, TAXONOMY, alpha=1.0, outline=False)
    assert tuple(drawn[0, 3]) == TAXONOMY.colours[255]
    many = np.arange(400, dtype=np.uint16).reshape(20, 20)
    panel = pictures.with_legend(
        np.zeros((200, 20, 3), np.uint8), Taxonomy.numbered(400), many
    )
    assert panel.shape[0] == 200
