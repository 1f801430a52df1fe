"""The contract of all adapters; CamVid and the drawn scenes."""

import importlib
import inspect
import os
from pathlib import Path

import numpy as np
import pytest
from pictures import IDS, counts, load, pair, picture, refuses, save

from kerasseg.data.datasets import DATASETS, adapter
from kerasseg.data.sample import Sample, Samples
from kerasseg.taxonomy import IGNORE

# --- all adapters ---------------------------------------------------------------------


@pytest.mark.parametrize("name", DATASETS)
def test_every_adapter_keeps_the_contract(name):
    function = adapter(name)
    assert "Args:" in inspect.getdoc(function)
    for parameter in inspect.signature(function).parameters.values():
        positional = parameter.kind is parameter.POSITIONAL_ONLY
        assert positional == (parameter.name in ("src", "label_files"))
        assert positional or parameter.default is not parameter.empty
        assert f"{parameter.name}: " in inspect.getdoc(function)
    assert importlib.import_module(function.__module__).__doc__


def test_unknown_adapter():
    with pytest.raises(ValueError, match=r"Unknown dataset 'camvd'. Known: .*camvid, "):
        adapter("camvd")


def test_samples_can_be_gone_through_again():
    samples = Samples([1, 2], lambda n: n * n)
    assert (len(samples), list(samples), list(samples)) == (2, [1, 4], [1, 4])


# --- camvid ---------------------------------------------------------------------------

VOID = np.where(IDS == 255, 11, IDS).astype(np.uint8)


@pytest.mark.parametrize("listing", ["/SegNet/CamVid/", "", None])
def test_camvid(tmp_path, listing):
    for split, names in {
        "train": ["0001TP_1", "0006R0_2"],
        "val": ["0016E5_3"],
    }.items():
        for name in names:
            pair(tmp_path, name, split, f"{split}annot", VOID)
        if listing is not None:
            (tmp_path / f"{split}.txt").write_text(
                "".join(
                    f"{listing}{split}/{n}.png {listing}{split}annot/{n}.png\n"
                    for n in names
                )
            )
    taxonomy, splits = load("camvid", tmp_path)
    assert taxonomy.num_classes == 11
    assert [s.id for s in splits["train"]] == ["0001TP_1", "0006R0_2"]
    assert [s.sequence for s in splits["train"]] == ["0001TP", "0006R0"]
    (sample,) = splits["val"]
    np.testing.assert_array_equal(sample.label, IDS)
    assert sample.encoded == (tmp_path / "val/0016E5_3.png").read_bytes()


def test_camvid_faults(tmp_path):
    refuses("nowhere does not exist", "camvid", tmp_path / "nowhere")
    refuses("none of train/, val/, test/", "camvid", tmp_path)
    pair(tmp_path, "a", "train", "trainannot", VOID)
    save(tmp_path / "train/b.png", picture())
    refuses(r"b.png has no label .*trainannot", "camvid", tmp_path)
    (tmp_path / "train.txt").write_text("train/a.png trainannot/a.png\ntrain/a.png\n")
    refuses("line 2: expected 'image label'", "camvid", tmp_path)
    (tmp_path / "train.txt").write_text("train/c.png trainannot/c.png")
    refuses(r"names .*c.png, which does not exist", "camvid", tmp_path)
    (tmp_path / "train.txt").write_text("train/a.png trainannot/a.png")
    save(tmp_path / "trainannot/a.png", picture())
    refuses(r"trainannot/a.png: Colour .* is not a class", "camvid", tmp_path)
    pair(tmp_path, "a", "train", "trainannot", VOID.astype(np.uint16))
    refuses(r"trainannot/a.png must be an 8-bit gray", "camvid", tmp_path)


@pytest.mark.skipif(
    "KERASSEG_DATA" not in os.environ, reason="KERASSEG_DATA is not set"
)
def test_camvid_as_it_is():
    # Counted with other code on the same files; the last number is void.
    pixels = {
        "train": "10682767 14750079 623349 20076880 2845085 6166762 743859 714595 "
        "3719877 405385 184967 2503995",
        "val": "1601620 4531180 98499 5053176 1521751 2851125 155724 537197 304716 "
        "113531 387010 297271",
    }
    _, splits = adapter("camvid")(Path(os.environ["KERASSEG_DATA"], "camvid"))
    assert {s: len(splits[s]) for s in splits} == {"train": 367, "val": 101}
    for split, samples in splits.items():
        counts = sum(np.bincount(s.label.ravel(), minlength=256) for s in samples)
        expected = [int(n) for n in pixels[split].split()]
        assert counts[:11].tolist() == expected[:-1]
        assert (counts[IGNORE], counts.sum()) == (expected[-1], sum(expected))


# --- synthetic ------------------------------------------------------------------------


def test_synthetic():
    taxonomy, splits = load("synthetic", train=3, val=1, height=32, width=48, seed=1)
    assert counts(splits) == {
        "train": 3,
        "val": 1,
    }
    for sample in splits["train"] + splits["val"]:
        assert isinstance(sample, Sample)
        assert sample.image.shape == (32, 48, 3)
        assert set(np.unique(sample.label)) <= {*range(taxonomy.num_classes), IGNORE}
    assert len({s.id for s in splits["train"] + splits["val"]}) == 4
    _, more = load("synthetic", train=9, val=1, height=32, width=48, seed=1)
    np.testing.assert_array_equal(more["val"][0].image, splits["val"][0].image)
    refuses("--val must be 0 to", "synthetic", val=-1)
