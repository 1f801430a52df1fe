"""Runs that teach: which ones, at which sizes, and a training with all of it."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
import tiny
import walk

from kerasseg import UserError, config, runs, train
from kerasseg.data import pipeline
from kerasseg.fit import devices, early, same_records, streams, teachers, unlabelled
from kerasseg.runs.log import read_log

pytestmark = pytest.mark.processes


def settings_of(*words):
    settings = config.parse(list(words))
    config.check(settings)
    return settings


@pytest.fixture
def settings(shared_records, shared_run):
    records = "--data.records", str(shared_records)
    return settings_of(*records, "--fit.teacher", str(shared_run))


def changed(settings, **values):
    for key, value in values.items():
        part, name = key.split("__")
        new = dataclasses.replace(getattr(settings, part), **{name: value})
        settings = dataclasses.replace(settings, **{part: new})
    return settings


def test_what_fits_is_taken_and_noted(settings, shared_run):
    early.check(settings)
    ((what, digest),) = teachers.noted(settings.fit).items()
    assert what == f"teacher '{shared_run}'" and digest.startswith("checksum ")
    with pytest.raises(UserError, match=r"What is learnt from is not what run r began"):
        same_records.require({what: digest}, {what: "other"}, "records", "r")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"fit__teacher": ("nowhere",)}, "--fit.teacher nowhere is not a run folder"),
        ({"fit__teacher_scales": (1.0, 1.0)}, "--fit.teacher_scales names a scale"),
        ({"fit__teacher": (), "fit__teacher_flip": True}, "are of teachers. Name"),
        ({"fit__teacher": (), "data__unlabelled": "r"}, "needs --fit.teacher RUN"),
        (
            {"data__unlabelled": "r", "data__unlabelled_share": 0.9},
            "of --data.batch 4 leaves no labelled image",
        ),
        (
            {"data__train": "train+val", "fit__patience": 3},
            "--fit.patience goes by the split 'val', which --data.train",
        ),
        ({"data__train": "train+train"}, "'train.train' names a split twice"),
        ({"data__train": "train+test"}, "have no split 'test'"),
    ],
)
def test_what_cannot_be_is_one_line(settings, values, said):
    with pytest.raises(UserError, match=said) as error:
        early.check(changed(settings, **values))
    assert "\n" not in str(error.value)


def test_teachers_of_other_classes_and_images(settings, own_run):
    taught = changed(settings, fit__teacher=(str(own_run),))
    file = own_run / "taxonomy.json"
    file.write_text(json.dumps(tiny.TAXONOMY.to_json()))
    with pytest.raises(UserError, match="knows the classes road, sky, tree; the rec"):
        early.check(taught)


def test_a_teacher_sees_the_crop_at_its_own_resolution(settings, shared_run):
    """Its images had 32 x 48 pixels, those of the student have 64 x 96: a crop of
    32 x 48 shows it half as much, and it sees 16 x 24 pixels of it; at 1.5, 24 x 40."""
    fit = dataclasses.replace(settings.fit, teacher_scales=(1.0, 1.5))
    taxonomy = runs.taxonomy(shared_run)
    where = (64, 96), (32, 48)
    found = teachers.distillation_of(fit, taxonomy, *where, devices.Devices(False))
    assert len(found.teachers) == 2
    image = np.random.default_rng(0).uniform(0, 255, (1, 32, 48, 3)).astype("float32")
    targets = np.asarray(found.targets(image))
    assert targets.shape == (1, 32, 48, 11)
    np.testing.assert_allclose(targets.sum(-1), 1, rtol=1e-4)
    whole = teachers.distillation_of(
        dataclasses.replace(fit, teacher_scales=()),
        taxonomy,
        (32, 48),
        (32, 48),
        devices.Devices(False),
    )
    logits = runs.load(shared_run)(image, training=False)
    np.testing.assert_allclose(whole.teachers[0](image), logits, atol=1e-5)


# ---- Images without labels ----------------------------------------------------------


@pytest.mark.parametrize(
    ("labelled", "others"), [(1, 1), (3, 1), (2, 2), (4, 4), (5, 3)]
)
def test_the_order_mixes_evenly(labelled, others):
    found = unlabelled.order(labelled, others)
    assert sorted(found) == list(range(labelled + others))
    if labelled == others > 1:  # each half of the batch has its share
        halves = found[: len(found) // 2], found[len(found) // 2 :]
        assert all(sum(i >= labelled for i in half) * 2 == len(half) for half in halves)


def test_a_batch_with_images_without_labels(settings, shared_records):
    mixed = changed(settings, data__unlabelled=str(shared_records), data__batch=4)
    mixed = changed(mixed, data__unlabelled_split="val", data__unlabelled_share=0.25)
    steps = streams.steps_of(mixed.data, _Split(9))
    assert steps == 3  # nine labelled images in parts of three
    one, two = streams.stream_of(mixed, shared_records).take(2)
    places = unlabelled.order(3, 1)
    blank = (one["label"].numpy() == 255).all((1, 2))
    assert blank.tolist() == [place == 3 for place in places]
    (again,) = streams.stream_of(mixed, shared_records, 4).take(1)
    for name, value in two.items():  # as a run that was stopped goes on
        assert (again[name].numpy() == value.numpy()).all()
    plain = next(
        iter(streams.stream_of(changed(settings, data__batch=3), shared_records))
    )
    for name, value in plain.items():
        assert (one[name].numpy()[~blank] == value.numpy()).all()
    val = [
        b["image"].numpy()[0]
        for b in pipeline.batches(shared_records, "val", batch_size=1)
    ]
    assert any((one["image"].numpy()[blank][0] == image).all() for image in val)
    names = streams.sample_ids_of(mixed, shared_records)(0)
    assert len(names) == 4


class _Split:
    def __init__(self, samples):
        self.samples = samples


@pytest.mark.processes
def test_a_training_with_all_of_it_is_stopped_and_goes_on(
    shared_records, shared_run, tmp_path, monkeypatch, capsys
):
    """Teachers of two sizes, images without labels, train+val, a network larger than
    the images: the same bits at the end, whether it was stopped in between or not."""
    settings = {
        "fit__teacher": str(shared_run),
        "fit__teacher_scales": "1 1.5",
        "fit__temperature": 2,
        "fit__deterministic": True,
        "data__train": "train+val",
        "data__unlabelled": str(shared_records),
        "data__size": "48 72",
        "data__crop": "24 32",
        "export": False,
    }
    whole = walk.trained(shared_records, tmp_path / "whole", **settings)
    printed = capsys.readouterr()
    said = " ".join(f"{printed.out} {printed.err}".split())
    assert (
        "The split 'val' is trained on ('train+val'): its scores say how well" in said
    )
    assert "15 images of 48x72" in said and "2 epochs of 8 steps" in said
    found = json.loads((whole / "metrics.json").read_text())
    assert found["trained_on"] is True
    assert found["size"] == [48, 72] and np.sum(found["matrix"]) <= 5 * 32 * 48
    assert "It was trained on them" in (whole / "report.html").read_text()

    class Stopped(Exception):
        pass

    def stops(*_):
        raise Stopped

    from kerasseg.fit import checkpoint

    kept = checkpoint.SaveCheckpoint.on_epoch_end

    def once(self, epoch, logs=None):
        kept(self, epoch, logs)
        if epoch == 0:
            stops()

    monkeypatch.setattr(checkpoint.SaveCheckpoint, "on_epoch_end", once)
    flags = walk.flags(shared_records, tmp_path / "stopped", **settings)
    with pytest.raises(Stopped):
        train.main(flags)
    monkeypatch.setattr(checkpoint.SaveCheckpoint, "on_epoch_end", kept)
    train.main(flags)
    (run,) = (tmp_path / "stopped").iterdir()
    networks = [runs.load(folder).get_weights() for folder in (run, whole)]
    for ours, theirs in zip(*networks, strict=True):
        assert (ours == theirs).all()
    assert len(read_log(run / "log.csv")) == 2


def test_another_teacher_under_the_same_name_is_refused(
    shared_records, own_run, tmp_path
):
    teacher = shutil.copytree(own_run, tmp_path / "teacher")
    before = teachers.noted(config.Fit(teacher=(str(teacher),)))
    network = runs.load(teacher)
    network.set_weights([weight * 2 for weight in network.get_weights()])
    runs.save(network, teacher / "network.keras")
    assert teachers.noted(config.Fit(teacher=(str(teacher),))) != before
