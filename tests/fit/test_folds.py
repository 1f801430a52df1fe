"""--fit.folds: divided records, the mean of networks, and the whole of a training."""

import itertools
import json

import keras
import numpy as np
import pytest
import tiny
import walk

from kerasseg import UserError, config, evaluate, runs, train
from kerasseg.data import records as shards
from kerasseg.data.preparing import fold_records
from kerasseg.data.sample import Sample
from kerasseg.fit import early, other_sizes
from kerasseg.fit.mean_of_networks import mean_of

NAMES = ["fold0", "fold1", "fold2"]


def networks(count):
    for seed in range(count):
        keras.utils.set_random_seed(seed)
        image = keras.Input((16, 24, 3))
        x = keras.layers.Conv2D(4, 3, padding="same", activation="relu")(image)
        x = keras.layers.BatchNormalization()(x)
        yield keras.Model(image, keras.layers.Conv2D(3, 1)(x))


# ---- The mean ------------------------------------------------------------------------


def test_the_mean_network_gives_the_mean_of_the_logits(tmp_path):
    parts = list(networks(3))
    image = np.random.default_rng(0).uniform(0, 255, (2, 16, 24, 3)).astype("float32")
    expected = np.mean([part(image, training=False) for part in parts], axis=0)
    runs.save(mean_of(parts), tmp_path / "network.keras")
    found = runs.load(tmp_path / "network.keras")  # stock layers, so it is not refused
    np.testing.assert_allclose(found(image, training=False), expected, atol=1e-5)
    assert found.count_params() == sum(part.count_params() for part in parts)
    assert not any(isinstance(layer, keras.Model) for layer in found.layers)


# ---- The records ---------------------------------------------------------------------


def test_each_sample_is_in_one_fold_as_it_was(tmp_path, shared_records):
    splits = ["train", "val"]
    found = fold_records.write(shared_records, splits, NAMES, 0, tmp_path / "r")
    assert list(found.splits) == NAMES
    assert sorted(x.samples for x in found.splits.values()) == [5, 5, 5]
    before = {s.id: s for split in splits for s in shards.read(shared_records, split)}
    after = [s for name in NAMES for s in shards.read(tmp_path / "r", name)]
    assert sorted(s.id for s in after) == sorted(before)
    for sample in after:
        np.testing.assert_array_equal(sample.image, before[sample.id].image)
        np.testing.assert_array_equal(sample.label, before[sample.id].label)
    shards.verify(tmp_path / "r")


IMAGE, LABEL = np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8), np.uint8)


def write(folder, splits):
    """Records of samples (id, sequence)."""
    written = {
        name: [Sample(one, IMAGE, LABEL, sequence=drive) for one, drive in samples]
        for name, samples in splits.items()
    }
    shards.write_splits(written, folder, taxonomy=tiny.TAXONOMY)
    return folder


def test_a_sequence_stays_together(tmp_path):
    drives = [(f"{drive}{i}", drive) for drive in "abcd" for i in range(3)]
    source = write(tmp_path / "s", {"train": drives[:8], "val": drives[8:]})
    fold_records.write(source, ["train", "val"], NAMES, 0, tmp_path / "r")
    seen = [{s.sequence for s in shards.read(tmp_path / "r", name)} for name in NAMES]
    assert not any(a & b for a, b in itertools.combinations(seen, 2))
    assert set.union(*seen) == set("abcd")
    with pytest.raises(UserError, match=r"4 sequences, too few for --fit\.folds 5"):
        names = [f"fold{i}" for i in range(5)]
        fold_records.write(source, ["train", "val"], names, 0, tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_a_name_that_two_splits_have_is_kept_apart(tmp_path):
    same = [("a", ""), ("b", "")]
    source = write(tmp_path / "s", {"train": same, "val": same})
    fold_records.write(source, ["train", "val"], NAMES[:2], 0, tmp_path / "r")
    found = {s.id for name in NAMES[:2] for s in shards.read(tmp_path / "r", name)}
    assert found == {"train/a", "train/b", "val/a", "val/b"}


def test_what_is_said_of_images_without_sequences(tmp_path, capsys):
    source = write(tmp_path / "s", {"train": [("a", ""), ("b", ""), ("c", "")]})
    fold_records.write(source, ["train"], NAMES[:2], 0, tmp_path / "r")
    said = " ".join(capsys.readouterr().out.split())
    assert "alike in their classes:" in said and "sequence" not in said
    with pytest.raises(UserError, match=r"have 3 images, too few for --fit\.folds 4"):
        names = [*NAMES, "fold3"]
        fold_records.write(source, ["train"], names, 0, tmp_path / "other")


def test_another_seed_divides_otherwise_and_the_same_alike(tmp_path, shared_records):
    def divided(seed, name):
        out = tmp_path / name
        fold_records.write(shared_records, ["train"], NAMES, seed, out)
        return [sorted(s.id for s in shards.read(out, n)) for n in NAMES]

    first = divided(0, "a")
    assert divided(0, "b") == first != divided(1, "c")


# ---- What cannot be ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--fit.folds", "1"], "--fit.folds must be 2 or more, or 0, got 1"),
        (["--fit.folds", "3", "--adjust"], "--adjust is for a single network"),
        (
            ["--fit.folds", "3", "--data.service", "grpc://a:1"],
            "--data.service reads other records",
        ),
    ],
)
def test_what_does_not_go_with_folds_is_one_line(words, said):
    with pytest.raises(UserError, match=said) as error:
        early.check(config.parse(words))
    assert "\n" not in str(error.value)


def test_more_folds_than_images_leave_no_run_behind(tmp_path, shared_records, capsys):
    with pytest.raises(SystemExit):
        train.main(walk.flags(shared_records, tmp_path / "runs", fit__folds=16))
    assert "have 15 images, too few for --fit.folds 16" in capsys.readouterr().err
    assert not list((tmp_path / "runs").glob("*"))


# ---- A whole training ----------------------------------------------------------------


@pytest.fixture(scope="module")
def whole(tmp_path_factory, shared_records):
    """A run of two folds, which was stopped in the second one and went on."""
    out = tmp_path_factory.mktemp("folds")
    argv = walk.flags(shared_records, out, fit__folds=2, fit__epochs=1)
    original, calls = train.train, []

    def stopped(settings, run):
        calls.append(run.name)
        if len(calls) == 2:
            raise KeyboardInterrupt
        original(settings, run)

    train.train = stopped
    try:
        with pytest.raises((KeyboardInterrupt, SystemExit)):
            train.main(argv)
        train.main(argv)
    finally:
        train.train = original
    (run,) = out.glob("*")
    return run, calls


@pytest.mark.processes
def test_a_training_of_folds(whole, shared_records):
    run, calls = whole
    assert calls == ["fold0-1", "fold1-1", "fold1-1"]  # the first one only once
    assert runs.is_finished(run)
    each = [run / "folds" / f"fold{i}-1" for i in range(2)]
    metrics = json.loads((run / "metrics.json").read_text())
    own = [json.loads((one / "metrics.json").read_text()) for one in each]
    assert metrics["samples"] == 15 and "trained_on" not in metrics
    pooled = np.sum([one["matrix"] for one in own], axis=0)
    np.testing.assert_array_equal(metrics["matrix"], pooled)
    assert [fold["miou"] for fold in metrics["folds"]] == [one["miou"] for one in own]
    first, second = (runs.settings(one).data for one in each)
    assert (first.train, first.val) == ("fold1", "fold0")
    assert (second.train, second.val) == ("fold0", "fold1")
    parts, mean = [runs.load(one) for one in each], runs.load(run)
    image = next(shards.read(shared_records, "val")).image[None].astype("float32")
    expected = np.mean([part(image, training=False) for part in parts], axis=0)
    np.testing.assert_allclose(mean(image, training=False), expected, atol=1e-4)
    report = (run / "report.html").read_text()
    assert "fold1-1" in report and "has not seen it" in report
    assert "not at hand" not in report and "Training writes" not in report
    card = (run / "export" / "card.md").read_text()
    assert "images that the network was trained on" in card
    gate = json.loads((run / "export" / "gate.json").read_text())
    assert all(row["passed"] for row in gate)


@pytest.mark.processes
def test_scoring_such_a_run_again_gives_the_same(whole, capsys, shared_records):
    run, _ = whole
    before = json.loads((run / "metrics.json").read_text())
    evaluate.main([str(run)])
    said = " ".join(capsys.readouterr().out.split())
    assert "mIoU of each of 2 folds" in said
    assert json.loads((run / "metrics.json").read_text()) == before
    # A split that the folds were made of is known to the mean of the networks.
    evaluate.main([str(run), "--split", "val"])
    assert "was trained on these images" in " ".join(capsys.readouterr().out.split())
    with pytest.raises(SystemExit):
        evaluate.main([str(run), "--scales", "0.5", "1"])
    assert "--scales is for a single network" in capsys.readouterr().err


@pytest.mark.processes
def test_the_mean_network_is_known_at_other_sizes(whole):
    run, _ = whole
    network = runs.load(run)
    height, width = network.input_shape[1:3]
    found = other_sizes.near(run, network, (2 * height, 2 * width))
    assert found.size == (2 * height, 2 * width)
    image = np.zeros((1, *found.size, 3), "float32")
    assert found.run(image).shape == (1, *found.size, network.output_shape[-1])
