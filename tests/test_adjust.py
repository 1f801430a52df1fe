"""One number for each class: found again where it is known."""

import json
import re

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasseg import adjust, config, models, runs
from kerasseg.metrics import count, scores
from kerasseg.metrics.thresholds import best_threshold, iou_above
from kerasseg.runs import class_bias
from kerasseg.taxonomy import Taxonomy


def miou(logits, label):
    return scores(count(label, logits.argmax(1), logits.shape[1]))["miou"]


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10**6), st.integers(2, 5))
def test_never_worse_and_finds_a_shift_again(seed, classes):
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 1, (4000, classes)).astype("float32")
    label = (logits + rng.normal(0, 0.1, logits.shape)).argmax(1)
    shift = rng.uniform(-1.5, 1.5, classes).astype("float32")
    bias = class_bias.best_bias(logits - shift, label)
    before, after = miou(logits - shift, label), miou(logits - shift + bias, label)
    assert abs(bias.sum()) < 1e-4
    assert after >= before
    assert after > 0.8


def test_two_classes_against_all_biases():
    rng = np.random.default_rng(0)
    label = (rng.random(5000) < 0.1).astype(int)  # one in ten
    logits = np.stack([np.zeros(5000), 3 * label - 1.5], 1) + rng.normal(
        0, 2, (5000, 2)
    )
    grid = [miou(logits + np.array([-b, b]) / 2, label) for b in np.arange(-6, 6, 0.05)]
    found = miou(logits + class_bias.best_bias(logits.astype("float32"), label), label)
    assert found >= max(grid) - 0.005


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.integers(-4, 4), st.sampled_from([0, 1, 255]))))
def test_a_threshold_is_the_best_of_all(pixels):
    logits, label = np.array(pixels, np.float64).reshape(-1, 2).T
    found = best_threshold(logits, label)
    every = np.arange(-5.25, 5, 0.5)[:, None]
    ious = [iou_above(logits[:, None], label[:, None], t)[0] for t in every]
    if (label == 1).any():
        best = np.nanmax(ious)
        assert iou_above(logits[:, None], label[:, None], found)[0] == best
        # Of those that are almost as good the one closest to 0.
        near = best_threshold(logits, label, gain=0.1)
        assert iou_above(logits[:, None], label[:, None], near)[0] >= best - 0.1 - 1e-9
        assert abs(near) <= abs(found)
    else:
        assert found == 0


def test_classes_that_overlap_are_moved_each_for_itself():
    """Class 0 is found too seldom, class 1 is right, class 2 is
    found everywhere, class 3 is in one half alone and cannot be judged."""
    rng = np.random.default_rng(0)
    label = (rng.random((4000, 4)) < 0.3).astype(np.uint8)
    logits = rng.normal(0, 1, (4000, 4)) + 8.0 * label - 4
    logits[:, 0] -= 3
    logits[:, 2] = 1
    logits[2000:, 3] -= 3
    label[:2000, 3] = 0
    label[::7, 0] = 255
    halves = [(logits[part], label[part]) for part in (np.s_[:2000], np.s_[2000:])]
    bias, before, crossed = class_bias.each_class(*halves)
    assert 1.5 < bias[0] < 4.5 and not bias[1:].any()
    assert sum(crossed) > sum(before) + 0.05
    words = class_bias.thresholds_said(bias, ["a", "b", "c", "d"]).splitlines()
    assert words[1].split() == ["a", f"{1 / (1 + np.exp(bias[0])):.3f}"]
    assert words[2].split() == ["b", "-"]


def overlapping_run(folder, spoil: float):
    """Records of two classes that overlap, bright red and bright blue, and a run whose
    network knows them by their colours but for SPOIL in the logit of the first."""
    from kerasseg.data import records
    from kerasseg.data.sample import Sample, Samples
    from kerasseg.image_format import RGB

    rng = np.random.default_rng(0)
    samples = []
    for number in range(4):
        image = rng.integers(0, 256, (24, 32, 3)).astype(np.uint8)
        label = (image[..., [0, 2]] > 128).astype(np.uint8)
        label[:3, :4, 0] = 255
        samples.append(Sample(f"s{number}", image, label))
    split = Samples(samples, lambda one: one, image_format=RGB)
    taxonomy = Taxonomy(("red", "blue"), ((255, 0, 0), (0, 0, 255)), exclusive=False)
    splits = {"train": split, "val": split}
    records.write_splits(splits, folder / "r", taxonomy=taxonomy, progress=False)
    pixels = keras.Input((24, 32, 3), name="image")
    last = keras.layers.Conv2D(2, 1)
    network = keras.Model(pixels, last(pixels))
    weights = np.array([[0.1, 0], [0, 0], [0, 0.1]], "float32")
    last.set_weights([weights[None, None], np.array([spoil - 12.85, -12.85])])
    run = folder / "mine-1"
    run.mkdir()
    network.save(run / "network.keras")
    chosen = config.parse(["--data.records", str(folder / "r")])
    (run / "config.toml").write_text(config.to_toml(chosen))
    (run / "taxonomy.json").write_text(json.dumps(taxonomy.to_json()))
    return run


def test_a_threshold_too_low_where_classes_overlap(tmp_path, capsys):
    """Its logits are 3 too high: it was found at a probability of 0.953 until now."""
    run = overlapping_run(tmp_path, spoil=3.0)
    adjust.main([str(run)])
    said = capsys.readouterr().out
    out = tmp_path / "mine-1-adjusted-1"
    found = json.loads((out / class_bias.FILE).read_text())["bias"]
    assert found["red"] == pytest.approx(-3, abs=0.05) and found["blue"] == 0
    assert re.search(r"red\s+0\.95\d\nblue\s+-\n", said)
    scored = json.loads((out / "metrics.json").read_text())
    assert scored["iou"] == [1, 1] and scored["miou_interval"] == [1, 1]
    counts = np.array([scored["counts"][name] for name in ("tp", "fp", "fn", "tn")])
    assert counts.sum(0).tolist() == [4 * (24 * 32 - 12), 4 * 24 * 32]
    assert "matrix" not in scored and "there is no confusion matrix" in said
    names = {file.name for file in (out / "pictures").iterdir()}
    assert names == {"examples.png", "worst.png", "iou.png"}
    assert "Rightly not found" in (out / "report.html").read_text()


def spoilt(records, run, spoil: float):
    """A run whose network is linear in the colours, by least squares, but for SPOIL
    that is added to the logit of class 1."""
    from kerasseg.data import records as shards

    described = shards.describe(records)
    samples = list(shards.read(records, "val"))
    image = np.concatenate([s.image.reshape(-1, 3) for s in samples]) / 255.0
    label = np.concatenate([s.label.ravel() for s in samples])
    image, label = image[label < 11], label[label < 11]
    colours = np.c_[image, np.ones(len(image))]
    fitted = np.linalg.lstsq(colours, 8.0 * np.eye(11)[label], rcond=None)[0]
    fitted[3, 1] += spoil
    pixels = keras.Input((32, 48, 3), name="image")
    last = keras.layers.Conv2D(11, 1)
    network = keras.Model(pixels, last(keras.layers.Rescaling(1 / 255)(pixels)))
    last.set_weights([fitted[None, None, :3], fitted[3]])
    run.mkdir()
    network.save(run / "network.keras")
    chosen = config.parse(["--data.records", str(records)])
    (run / "config.toml").write_text(config.to_toml(chosen))
    (run / "taxonomy.json").write_text(json.dumps(described.taxonomy.to_json()))
    return run


def test_a_network_that_predicts_one_class_too_often(shared_records, tmp_path, capsys):
    from kerasseg.runs.scores import evaluate

    run = spoilt(shared_records, tmp_path / "mine-1", spoil=4.0)
    before = evaluate(run, shared_records, "val", run)["miou"]
    adjust.main([str(run)])
    said = " ".join(capsys.readouterr().out.split())
    assert "each with the bias of the other half" in said
    out = tmp_path / "mine-1-adjusted-1"
    after = json.loads((out / "metrics.json").read_text())["miou"]
    assert after > before + 0.05
    found = json.loads((out / class_bias.FILE).read_text())
    assert min(found["bias"].values()) == list(found["bias"].values())[1] < -1
    added = runs.load(out).layers[-1].bias - runs.load(run).layers[-1].bias
    np.testing.assert_allclose(added, list(found["bias"].values()), atol=1e-5)
    assert (out / "report.html").is_file()


def test_the_balance_of_another_run(shared_records, tmp_path, capsys):
    """A network that was trained on validation too has no images to find its own on."""
    run = spoilt(shared_records, tmp_path / "mine-1", spoil=4.0)
    adjust.main([str(run)])
    other = tmp_path / "mine-1-adjusted-1"
    final = spoilt(shared_records, tmp_path / "final-1", spoil=4.0)
    chosen = ["--data.records", str(shared_records), "--data.train", "train+val"]
    (final / "config.toml").write_text(config.to_toml(config.parse(chosen)))
    with pytest.raises(SystemExit):
        adjust.main([str(final)])
    assert "--balance" in capsys.readouterr().err
    adjust.main([str(final), "--balance", str(other)])
    out = tmp_path / "final-1-adjusted-1"
    written = [json.loads((one / class_bias.FILE).read_text()) for one in (out, other)]
    assert written[0] == written[1]
    weights = zip(runs.load(out).weights, runs.load(other).weights, strict=True)
    for ours, theirs in weights:
        np.testing.assert_allclose(ours, theirs, atol=1e-6)
    with pytest.raises(SystemExit):  # once more, on top of it
        adjust.main([str(out), "--balance", str(other)])
    assert "balanced already" in capsys.readouterr().err
    assert not (tmp_path / "final-1-adjusted-1-adjusted-1").exists()


def test_statistics_as_training_sees_images(own_run, capsys):
    """What `train` estimates for what it keeps, of a run that kept the running ones."""
    before = runs.load(own_run)
    out = adjust.adjust(own_run, statistics=8)
    after = runs.load(out)
    moved = {
        ours.name
        for ours, theirs in zip(after.layers, before.layers, strict=True)
        for one, other in zip(ours.get_weights(), theirs.get_weights(), strict=True)
        if (one != other).any()
    }
    normalised = [
        one for one in after.layers if isinstance(one, keras.layers.BatchNormalization)
    ]
    last = {class_bias._last_convolution(after).name}
    assert normalised and moved - last == {one.name for one in normalised}
    scored = json.loads((out / "metrics.json").read_text())
    said = capsys.readouterr().out
    assert scored["samples"] == 5 and "mIoU of the halves" in said
    kept = json.loads((own_run / "metrics.json").read_text())
    assert f"{kept['miou']:.4f} before, {scored['miou']:.4f} now" in said
    assert ("was better: keep it" in said) == (scored["miou"] < kept["miou"])


def test_statistics_of_a_network_of_ones_own(shared_records, tmp_path):
    run = spoilt(shared_records, tmp_path / "mine-1", spoil=4.0)
    with pytest.raises(ValueError, match="network that the run's config"):
        adjust.adjust(run, statistics=8)
    assert not (tmp_path / "mine-1-adjusted-1").exists()


def test_a_balance_that_is_found_in_two_walks(shared_records, tmp_path):
    """logit_bias.json says all that was added, as --balance gives all of it."""
    run = spoilt(shared_records, tmp_path / "mine-1", spoil=4.0)
    assert class_bias.improve(run, shared_records, "val")
    names = runs.taxonomy(run).names
    once = class_bias.bias_of(run, names)
    network = runs.load(run)
    network.layers[-1].bias.assign(network.layers[-1].bias + np.eye(11)[1] * 3)
    runs.save(network, run / "network.keras")
    assert class_bias.improve(run, shared_records, "val")
    twice = class_bias.bias_of(run, names)
    assert twice[1] < once[1] - 1


def test_a_balance_that_does_not_fit(shared_records, tmp_path, capsys):
    run = spoilt(shared_records, tmp_path / "mine-1", spoil=4.0)
    others = [tmp_path / "none", tmp_path / "other"]
    for other in others:
        (other / "network.keras").parent.mkdir()
        (other / "config.toml").write_text("")
        (other / "network.keras").write_bytes(b"")
    halves = {"halves_before": [0.5, 0.5], "halves_crossed": [0.6, 0.6]}
    found = {"bias": {"water": 0.5, "land": -0.5}} | halves
    (others[1] / class_bias.FILE).write_text(json.dumps(found))
    for other, said in zip(others, ("it holds no", "its classes are"), strict=True):
        with pytest.raises(SystemExit):
            adjust.main([str(run), "--balance", str(other)])
        assert f"--balance {other}: {said}" in capsys.readouterr().err
    assert not (tmp_path / "mine-1-adjusted-1").exists()


@pytest.mark.parametrize("name", ["unet_fast", "unet_small"])
def test_a_last_convolution_may_be_transposed(name):
    """The network that is trained by default ends in one."""
    network = models.build(name, 3, (32, 40, 3), filters=4, depth=2)
    before = [np.array(weight) for weight in network.weights]
    assert class_bias._last_convolution(network).name == "logits"
    for weight, value in zip(network.weights, before, strict=True):
        np.testing.assert_allclose(weight, value, atol=1e-6)


def test_a_network_without_such_a_bias(shared_records, tmp_path):
    run = spoilt(shared_records, tmp_path / "mine-1", spoil=0.0)
    network = runs.load(run)
    turned = keras.Model(network.input, keras.layers.ReLU()(network.output))
    turned.save(run / "network.keras")
    with pytest.raises(ValueError, match="does not end in a convolution with a bias"):
        adjust.adjust(run)
    assert not (tmp_path / "mine-1-adjusted-1").exists()


def test_nothing_to_gain(shared_records, tmp_path, monkeypatch):
    run = spoilt(shared_records, tmp_path / "mine-1", spoil=0.0)
    monkeypatch.setattr(
        class_bias, "best_bias", lambda logits, _: np.zeros(11, "float32")
    )
    with pytest.raises(ValueError, match=r"Nothing to gain for .*: no class bias"):
        adjust.adjust(run)
    assert not (tmp_path / "mine-1-adjusted-1").exists()


def test_at_the_end_of_a_training_it_is_kept_if_it_helps(
    shared_records, tmp_path, capsys
):
    run = spoilt(shared_records, tmp_path / "mine-1", spoil=2.0)
    before = (run / "network.keras").read_bytes()
    assert class_bias.improve(run, shared_records, "val")
    assert (run / "network.keras").read_bytes() != before
    assert "halves_crossed" in json.loads((run / class_bias.FILE).read_text())
    after = (run / "network.keras").read_bytes()
    assert not class_bias.improve(run, shared_records, "val")
    assert (run / "network.keras").read_bytes() == after
    assert "nothing to gain on the half" in capsys.readouterr().out


def by_definition(logits, label):
    """Coordinate ascent that counts all pixels each time."""
    classes, bias = logits.shape[1], np.zeros(logits.shape[1], np.float32)

    best = miou(logits, label)
    for step in class_bias.STEPS:
        gained = True
        while gained:
            gained = False
            for one in range(classes):
                for change in (-step, step):
                    other = bias.copy()
                    other[one] += change
                    score = miou(logits + other, label)
                    if score > best + class_bias.GAIN:
                        best, bias, gained = score, other, True
                        break
    return bias - bias.mean()


@pytest.mark.parametrize(("seed", "classes"), [(0, 2), (1, 3), (2, 7), (3, 11)])
def test_the_search_finds_what_counting_all_pixels_finds(seed, classes):
    rng = np.random.default_rng(seed)
    label = rng.choice(classes, 3000, p=rng.dirichlet(np.ones(classes)))
    logits = rng.normal(size=(3000, classes)).astype("float32")
    logits[np.arange(3000), label] += 1.5
    logits += rng.normal(size=classes).astype("float32")
    found = class_bias.best_bias(logits, label)
    assert np.abs(found).max() > 0.1
    np.testing.assert_array_equal(found, by_definition(logits, label))
