"""What `evaluate` counts beside the plain scores: the trimap, by hand."""

import csv
import json

import numpy as np
import pytest
import tensorflow as tf

from kerasseg import UserError, evaluate, runs
from kerasseg.data import records
from kerasseg.files.atomic import plain
from kerasseg.fit import callbacks
from kerasseg.image_format import ImageFormat
from kerasseg.runs import image_table, report, scores
from kerasseg.runs.sample_facts import facts_of
from kerasseg.runs.score_table import table
from kerasseg.taxonomy import Taxonomy

TWO = Taxonomy.named(["left", "right"])


def network(images, training=False):
    """Logits of two classes from the red channel: above 128 is the second."""
    return tf.stack([128 - images[..., 0], images[..., 0] - 128], -1)


def batch(predicted, label):
    red = 255 * np.asarray(predicted, np.uint8)
    image = np.stack([red, red, red], -1)[None]
    return {"image": tf.constant(image), "label": tf.constant(np.uint8([label]))}


def test_the_trimap_by_hand():
    """One row; the true boundary lies in the middle. Within 1 pixel of it are columns
    3 and 4, of which 3 is predicted wrongly; columns 0 and 7 are wrong too, but far
    away. IoU near the boundary: left 0 of 1, right 1 of 2."""
    label = [[0, 0, 0, 0, 1, 1, 1, 1]] * 40
    predicted = [[1, 0, 0, 1, 1, 1, 1, 0]] * 40
    counts = scores.score(network, [batch(predicted, label)], TWO, trimap=1).counts
    found = counts.scores()
    assert found["trimap_iou"].tolist() == [0, 0.5]
    assert found["trimap_miou"] == 0.25
    # Everywhere: left 2 of 5, right 3 of 6.
    np.testing.assert_allclose(found["iou"], [2 / 5, 3 / 6])
    counts = scores.score(network, [batch(predicted, label)], TWO, trimap=99).counts
    np.testing.assert_allclose(counts.scores()["trimap_iou"], [2 / 5, 3 / 6])


def test_sheets_of_other_bands_show_the_display_bands():
    """One band of uint16; a CRF of the same units. Half of the picture is bright."""
    depth = ImageFormat.of(("depth",), "uint16")
    label = np.zeros((24, 32), np.uint8)
    label[:, 16:] = 1
    image = np.where(label, 9000, 2000).astype(np.uint16)[None, ..., None]
    given = {"image": tf.constant(image), "label": tf.constant(label[None])}

    def bright(image, training):
        return tf.concat([5000 - image, image - 5000], -1) / 1000

    for crf in (False, True):
        found = scores.score(bright, [given], TWO, crf=crf, image_format=depth)
        assert found.counts.scores()["miou"] == 1
        row = found.sheets.drawn()["examples"][150, :380]
        assert row.min() == 0 and np.ptp(row, -1).max() == 0
    called = []

    def counted(image, training):
        called.append(len(image))
        return bright(image, training)

    four = {name: tf.concat([value] * 4, 0) for name, value in given.items()}
    sheet = callbacks.preview(counted, Batches([four]), TWO, image_format=depth)
    assert np.array_equal(sheet(), drawn := sheet())
    # One image at a time, and in a graph: an eager call keeps the maps of all layers,
    # and four frames of 1080 rows were more than 24 GB.
    assert called == [1]
    assert drawn.shape[1] == 900 and drawn[60, 20].tolist() == [0, 0, 0]


class Batches(list):
    def take(self, count):
        return self[:count]


def test_classes_that_overlap_by_hand():
    """40 equal rows. Left: 2 of 4 pixels found, none wrongly, one is ignored. Right: 3
    found of 3, and 1 wrongly. Within 1 pixel of its own boundary left is missed once,
    right is found twice and once wrongly."""
    left = [[1, 1, 1, 1, 0, 0, 255, 0]] * 40
    right = [[0, 0, 0, 1, 1, 1, 0, 0]] * 40
    found = [[1, 1, 0, 0, 0, 0, 1, 0]] * 40, [[0, 0, 0, 1, 1, 1, 1, 0]] * 40
    red, green = (255 * np.array(plane, np.uint8) for plane in found)
    image = np.stack([red, green, red], -1)[None]
    label = np.stack([left, right], -1).astype(np.uint8)[None]
    given = {"image": tf.constant(image), "label": tf.constant(label)}

    def logits(images, training):
        return images[..., :2] - 128

    both = Taxonomy(TWO.names, TWO.colours, exclusive=False)
    scored = scores.score(logits, [given], both, trimap=1)
    counts, sheets = scored.counts, scored.sheets.drawn()
    assert counts.counts.tolist() == [[80, 0, 80, 120], [120, 40, 0, 160]]
    result = counts.scores()
    assert result["iou"].tolist() == [2 / 4, 3 / 4]
    assert result["trimap_iou"].tolist() == [0, 2 / 3]
    assert counts.last_miou() == result["image_miou"] == 0.625
    assert set(sheets) == {"examples", "worst"}
    result |= {"split": "val", "samples": 1, "trimap_pixels": 1}
    said = table(plain(result), both.names)
    assert "left   0.5000  0.6667    1.0000  0.5000" in said
    assert "mean over single images: IoU 0.6250" in said


def test_records_whose_classes_exclude_each_other_are_refused(tmp_path):
    run = tmp_path
    both = Taxonomy(TWO.names, TWO.colours, exclusive=False)
    (run / "taxonomy.json").write_text(json.dumps(both.to_json()))
    with pytest.raises(UserError, match=r"overlap, those of the records .* exclude"):
        scores.require_classes(run, "records", TWO)
    scores.require_classes(run, "records", both)
    (run / "taxonomy.json").write_text(json.dumps(TWO.to_json()))
    with pytest.raises(UserError, match=r"exclude each other, those .* overlap"):
        scores.require_classes(run, "records", both)


def test_without_a_width_there_is_no_trimap():
    label = [[0, 1]] * 40
    counts = scores.score(network, [batch(label, label)], TWO).counts
    assert not [name for name in counts.scores() if name.startswith("trimap")]


def test_the_command_writes_it_into_the_files_and_the_table(own_run, capsys):
    """Five images, each of a group by its last digit; pixels of 2 x 0.5 mm."""
    before = json.loads((own_run / "metrics.json").read_text())
    flags = "--trimap 2 --surfaces --tolerance 3 --pixel-size 2 0.5 --group-by"
    evaluate.main([str(own_run), *flags.split(), "(.)$"])
    after = json.loads((own_run / "metrics.json").read_text())
    assert after["trimap_pixels"] == 2
    assert len(after["trimap_iou"]) == len(after["iou"])
    assert 0 <= after["trimap_miou"] <= 1
    assert after["matrix"] == before["matrix"]
    said = capsys.readouterr().out
    line = f"within 2 pixels of a boundary: mIoU {after['trimap_miou']:.4f}"
    assert (
        line in said
        and "interval over 5 groups" in said
        and "surfaces in the unit of --pixel-size" in said
    )
    long = [line for line in said.splitlines() if len(line) > 79]
    assert all(str(own_run) in line for line in long), long
    names = runs.taxonomy(own_run).names
    assert after["classes"] == list(names)
    rows = list(csv.DictReader((own_run / image_table.FILE).open(encoding="utf-8")))
    described = list(records.read(runs.settings(own_run).data.records, "val"))
    assert [row["image"] for row in rows] == [sample.id for sample in described]
    hits = [int(row[f"hit_pixels {names[0]}"]) for row in rows]
    assert sum(hits) == after["matrix"][0][0]
    mean = np.mean([float(x) for row in rows if (x := row[f"surface_dice {names[0]}"])])
    assert after["surface_dice"][0] == pytest.approx(mean, abs=1e-5)
    worst = min(rows, key=lambda row: float(row["miou"]))
    assert after["worst"][0]["image"] == worst["image"]
    page = report.write(own_run).read_text()
    assert worst["image"] in page and ">HD95<" in page


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ("--tolerance 2", "--tolerance and --pixel-size are of surfaces"),
        ("--surfaces --tolerance -1", "--tolerance must be 0 or more"),
        ("--surfaces --pixel-size 1 0", "--pixel-size must be the height and width"),
        ("--surfaces --pixel-size nan 1", "--pixel-size must be a finite number"),
    ],
)
def test_flags_of_surfaces_that_cannot_be(flags, words, capsys):
    with pytest.raises(SystemExit):
        evaluate.main(["nowhere", *flags.split()])
    assert words in capsys.readouterr().err


def test_pixels_of_images_that_were_brought_to_another_size():
    """Stored with 200 x 100 pixels, scored at 100 x 100: a pixel is twice as high."""
    assert scores.Surfaces().spacing((200, 100), (100, 100)) == [2, 1]
    mm = scores.Surfaces(pixel=(0.5, 3.0))
    assert mm.spacing((200, 100), (100, 100)) == [1, 3]
    assert mm.spacing((0, 0), (100, 100)) == [0.5, 3]


def test_groups_by_names(shared_records):
    names = [fact.name for fact in facts_of(shared_records, "val")]
    first = [fact.group for fact in facts_of(shared_records, "val", "^(.)")]
    assert first == [name[0] for name in names] and len(names) == 5
    with pytest.raises(UserError, match="'nothing' does not fit the sample"):
        list(facts_of(shared_records, "val", "nothing"))
    with pytest.raises(UserError, match="is not a regular expression"):
        list(facts_of(shared_records, "val", "("))


def test_the_table_of_images_by_hand():
    """Of many classes only those that occur have columns."""
    columns = {"miou": np.array([0.5, np.nan]), "assd": np.full((2, 300), np.nan)}
    columns["assd"][:, 7] = 1 / 3, np.inf
    pixels = np.zeros((2, 300), int)
    pixels[0, 7] = 4
    columns |= {"true_pixels": pixels, "found_pixels": 0 * pixels}
    classes = [f"class, {i}" for i in range(300)]
    text = image_table.table(columns, ["a/b", "ü"], ["", "g"], classes)
    assert text.splitlines() == [
        'image,group,miou,"assd class, 7","true_pixels class, 7",'
        '"found_pixels class, 7"',
        "a/b,,0.5,0.333333,4,0",
        "ü,g,,inf,0,0",
    ]


@pytest.mark.parametrize("width", [-1.0, float("nan"), float("inf")])
def test_widths_that_cannot_be(tmp_path, width):
    with pytest.raises(UserError, match="--trimap must be 0 or more pixels"):
        scores.evaluate(tmp_path, tmp_path, "val", tmp_path, trimap=width)


def test_a_batch_holds_an_image(tmp_path):
    with pytest.raises(UserError, match="--batch must be above 0, got 0"):
        scores.evaluate(tmp_path, tmp_path, "val", tmp_path, batch=0)


def test_a_split_without_samples():
    with pytest.raises(UserError, match="Nothing to score"):
        scores.score(network, [], TWO)


def test_records_of_other_bands_are_refused(own_run):
    (own_run / "image_format.json").write_text(
        json.dumps(ImageFormat.of(("depth",), "uint16").to_json())
    )
    settings = runs.settings(own_run)
    with pytest.raises(UserError, match=r"takes 1 band \(depth\) of uint16; the rec"):
        scores.evaluate(own_run, settings.data.records, "val", own_run)
