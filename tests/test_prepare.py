"""The command that turns data into records, as a user calls it."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pictures
import pytest
from PIL import Image

from kerasseg import prepare
from kerasseg.data import records
from kerasseg.data.datasets import DATASETS


@pytest.fixture
def source(tmp_path):
    """Five images with masks of 3 classes, 20 x 30 pixels."""
    rng = np.random.default_rng(0)
    for name in "abcde":
        for folder, shape in ("images", (20, 30, 3)), ("masks", (20, 30)):
            (tmp_path / "source" / folder).mkdir(parents=True, exist_ok=True)
            top = 256 if folder == "images" else 3
            pixels = rng.integers(0, top, shape).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "source" / folder / f"{name}.png")
    return tmp_path / "source"


def fails(capsys, *argv) -> str:
    with pytest.raises(SystemExit) as stop:
        prepare.main([str(a) for a in argv])
    assert stop.value.code == 2
    message = capsys.readouterr().err.strip()
    assert len(message.splitlines()) == 1
    return message


def test_folder(source, capsys):
    out = source.parent / "new" / "records"
    prepare.main(["folder", str(source), str(out)])
    assert "train" in capsys.readouterr().out
    description = records.verify(out, progress=False)
    assert {s: v.samples for s, v in description.splits.items()} == {
        "train": 4,
        "val": 1,
    }
    assert description.name == "folder"
    for split in "train", "val":
        for sample in records.read(out, split):
            mask = np.asarray(Image.open(source / "masks" / f"{sample.id}.png"))
            np.testing.assert_array_equal(sample.label, mask)
            file = source / "images" / f"{sample.id}.png"
            assert sample.encoded == file.read_bytes()


def test_size_stretches_image_and_label(source):
    out = source.parent / "records"
    prepare.main(["folder", str(source), str(out), "--size", "10", "15"])
    for sample in records.read(out, "val"):
        # Half the size, nearest at half-pixel centres: the lower right of each 2 x 2.
        mask = np.asarray(Image.open(source / "masks" / f"{sample.id}.png"))
        np.testing.assert_array_equal(sample.label, mask[1::2, 1::2])
        assert sample.image.shape == (10, 15, 3)


def test_shards_and_writing_again(source):
    out = source.parent / "records"
    prepare.main(["folder", str(source), str(out), "--shards", "1"])
    prepare.main(["folder", str(source), str(out), "--shards", "2"])
    names = sorted(p.name for p in out.glob("*.tfrecord"))
    assert names == [
        "train-00000-of-00002.tfrecord",
        "train-00001-of-00002.tfrecord",
        "val-00000-of-00001.tfrecord",
    ]
    records.verify(out, progress=False)


def test_splits_that_stay_are_told(source, capsys):
    """They may hold images that are in another split now: a leak without a word."""
    out = str(source.parent / "records")
    prepare.main(["folder", str(source), out])
    prepare.main(["folder", str(source), out])
    assert not capsys.readouterr().err
    prepare.main(["folder", str(source), out, "--val-share", "0"])
    said = " ".join(capsys.readouterr().err.split())
    assert "what was not written now stays: val (1)" in said
    assert "delete the folder" in said


def test_synthetic(tmp_path):
    flags = "--train 2 --val 1 --height 32 --width 48 --seed 3".split()
    out = tmp_path / "records"
    prepare.main(["synthetic", str(out), *flags])
    assert records.verify(out, progress=False).splits["train"].samples == 2


def test_division_and_classes_of_any_source(tmp_path, capsys):
    flags = "--train 6 --val 0 --height 32 --width 48".split()
    out = tmp_path / "records"
    asked = ["--val-share", "0.5", "--merge", "rest=*", "--keep", "rest", "Sky"]
    prepare.main(["synthetic", str(out), *flags, *asked])
    said = capsys.readouterr().out
    assert "Val: 3 of 6 images" in said and "Classes: 2 of 11; rest is" in said
    description = records.describe(out)
    assert {s: v.samples for s, v in description.splits.items()} == {
        "train": 3,
        "val": 3,
    }
    assert description.taxonomy.names == ("Sky", "rest")
    sky = [s.label == 0 for s in records.read(out, "val")]
    assert all(0 < one.mean() < 1 for one in sky)
    line = fails(capsys, "synthetic", out, *flags, "--keep", "Skye", "Road")
    assert "--keep Skye: no class is called that. The nearest is Sky" in line
    line = fails(capsys, "synthetic", out, *flags, "--keep", "Sky")
    assert "ends with one class, Sky" in line


def test_errors_are_one_line_and_leave_nothing(source, capsys):
    out = source.parent / "records"
    assert "Unknown dataset 'camvd'" in fails(capsys, "camvd", source, out)
    assert "nowhere does not exist" in fails(capsys, "folder", "nowhere", out)
    assert "--size must be" in fails(capsys, "folder", source, out, "--size", 0, 5)
    assert "--shards must be" in fails(capsys, "folder", source, out, "--shards", -1)
    (source / "classes.txt").write_text("one\ntwo\n")
    assert "names 0, 1. Add a line" in fails(capsys, "folder", source, out)
    (source / "masks" / "c.png").unlink()
    assert "c.png has no mask" in fails(capsys, "folder", source, out)
    left = [p.name for p in source.parent.iterdir() if p.name[0] != "."]
    assert left == ["source"]


def test_a_failing_prepare_leaves_the_old_records(source, capsys):
    out = source.parent / "records"
    prepare.main(["folder", str(source), str(out)])
    before = {p.name: p.read_bytes() for p in out.iterdir()}
    (source / "classes.txt").write_text("one\ntwo\n")
    fails(capsys, "folder", source, out)
    assert {p.name: p.read_bytes() for p in out.glob("[!.]*")} == before
    (out / "dataset.json").unlink()
    (source / "classes.txt").unlink()
    assert "not empty and holds no records" in fails(capsys, "folder", source, out)


def camvid(root, names):
    """Frames of CamVid in SegNet's layout; their ids are 0 to 11 from row to row."""
    ids = np.repeat(np.arange(12, dtype=np.uint8), 10).reshape(12, 10)
    for split, name in names:
        for folder, pixels in (
            (split, np.zeros((12, 10, 3), "u1")),
            (f"{split}annot", ids),
        ):
            (root / folder).mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(root / folder / f"{name}.png")
    return root


def cityscapes(root):
    for split, city in ("train", "ulm"), ("val", "lindau"):
        name = f"{city}_000000_000019"
        for kind, end, pixels in (
            ("leftImg8bit", "leftImg8bit", np.zeros((3, 4, 3), np.uint8)),
            ("gtFine", "gtFine_labelIds", np.full((3, 4), 26, np.uint8)),
        ):
            (root / kind / split / city).mkdir(parents=True)
            file = root / kind / split / city / f"{name}_{end}.png"
            Image.fromarray(pixels).save(file)
    return root


def test_several_sources_in_the_road_taxonomy(tmp_path, capsys):
    drives = [("train", "a_1"), ("train", "a_2"), ("train", "b_1")]
    sources = ["cityscapes", str(cityscapes(tmp_path / "city")), "+", "camvid"]
    sources.append(str(camvid(tmp_path / "camvid", drives)))
    out = tmp_path / "records"
    assert "--taxonomy road" in fails(capsys, *sources, out)
    prepare.main([*sources, str(out), "--taxonomy", "road"])
    description = records.verify(out, progress=False)
    assert description.name == "cityscapes+camvid"
    assert description.taxonomy.names[13] == "car"
    samples = {s.id: s for split in ("train", "val") for s in records.read(out, split)}
    assert len(samples) == 5
    assert (samples["cityscapes-ulm_000000_000019"].label == 13).all()
    # CamVid's rows: sky building pole road pavement tree sign fence car ...
    expected = [10, 2, 5, 0, 1, 8, 255, 4, 13, 11, 255, 255]
    assert samples["camvid-a_1"].label[:, 0].tolist() == expected
    assert samples["camvid-b_1"].sequence == "camvid-b"
    # CamVid has no val here, so a whole drive is taken: of b, the shorter one.
    val = {s.id for s in records.read(out, "val")}
    assert val == {"camvid-b_1", "cityscapes-lindau_000000_000019"}


def test_split_by_sequence(tmp_path, capsys):
    drives = [("train", f"a_{i}") for i in range(4)] + [("val", "b_1"), ("val", "a_9")]
    source, out = str(camvid(tmp_path / "camvid", drives)), tmp_path / "records"
    prepare.main(["camvid", source, str(out)])
    assert records.describe(out).splits["val"].samples == 2
    prepare.main(["camvid", source, str(out), "--split-by", "sequence"])
    assert [s.id for s in records.read(out, "val")] == ["b_1"]
    flags = ["--split-by", "sequence", "--val-share", "0"]
    prepare.main(["camvid", source, str(tmp_path / "all"), *flags])
    assert list(records.describe(tmp_path / "all").splits) == ["train"]
    line = fails(capsys, "synthetic", out, "--split-by", "sequence")
    assert "synthetic does not tell which frames" in line


def test_a_plus_without_a_source(source, capsys):
    out = source.parent / "records"
    assert "missing before or after +" in fails(capsys, "folder", source, out, "+")
    assert "Unknown dataset 'x'" in fails(capsys, "folder", source, "+", "x", out)
    line = fails(capsys, "folder", source, "--size", 8, 8, "+", "folder", source, out)
    assert "--size may be given once only: write it after the last source" in line


def test_help_names_the_datasets_and_needs_no_tensorflow(capsys):
    prepare.main(["--help"])
    text = capsys.readouterr().out
    assert all(name in text for name in DATASETS)
    code = (
        "import sys; from kerasseg.prepare import main\n"
        "try: main(['folder', '--help'])\n"
        "except SystemExit: pass\n"
        "assert not {'tensorflow', 'keras'} & set(sys.modules)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert "--val-share" in run.stdout


@pytest.mark.skipif(
    "KERASSEG_DATA" not in os.environ, reason="KERASSEG_DATA is not set"
)
def test_some_of_camvid(tmp_path):
    source, out = pictures.some_camvid(tmp_path / "camvid", 12), tmp_path / "records"
    prepare.main(["camvid", str(source), str(out)])
    description = records.verify(out, progress=False)
    for split, counts in description.splits.items():
        files = sorted((source / f"{split}annot").glob("*.png"))
        masks = [np.asarray(Image.open(file)) for file in files]
        assert counts.samples == len(masks)
        pixels = np.bincount(np.ravel(masks), minlength=12)
        assert (*counts.pixels, counts.ignored) == tuple(pixels)
        assert counts.images_with == tuple(
            sum(i in mask for mask in masks) for i in range(11)
        )


@pytest.mark.slow
@pytest.mark.skipif(
    "KERASSEG_DATA" not in os.environ, reason="KERASSEG_DATA is not set"
)
def test_camvid_as_it_is(tmp_path):
    out, source = tmp_path / "records", Path(os.environ["KERASSEG_DATA"], "camvid")
    prepare.main(["camvid", str(source), str(out)])
    description = records.verify(out, progress=False)
    train, val = description.splits["train"], description.splits["val"]
    assert (train.samples, val.samples) == (367, 101)
    assert (train.height, train.width, train.ignored) == (360, 480, 2503995)
    # Counted with other code on the same files.
    assert train.images_with == (366, 365, 366, 367, 349, 319, 351, 173, 360, 317, 201)
    assert val.pixels[:3] == (1601620, 4531180, 98499)
