"""`prepare volumes`: layouts, numbers of labels, blocks, and what does not belong."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image
from volume_files import OBLIQUE, dicom_series, nifti

from kerasseg import UserError, prepare
from kerasseg.data import records
from kerasseg.data.datasets import volumes
from kerasseg.data.datasets.volume_cases import find
from kerasseg.data.reading.volumes.volume_labels import (
    VolumeLabels,
    by_names,
    by_survey,
)
from kerasseg.volume_format import to_source

pytest.importorskip("nibabel")
SHAPE = 8, 9, 10


def arrays(number: int) -> tuple[np.ndarray, np.ndarray]:
    """Image and label (I, J, K) of a case."""
    rng = np.random.default_rng(number)
    label = np.zeros(SHAPE, np.uint8)
    label[2:5, 3:6, 4:7], label[6:, 6:, 6:] = 1, 2
    return (rng.normal(100 * number, 5, SHAPE) + 40 * label).astype(np.float32), label


def decathlon(root: Path, cases: int = 4, **changes) -> Path:
    for number in range(cases):
        image, label = arrays(number)
        nifti(root / f"imagesTr/case_{number:03d}.nii.gz", image, OBLIQUE)
        nifti(root / f"labelsTr/case_{number:03d}.nii.gz", label, OBLIQUE)
    told = {
        "modality": {"0": "MRI"},
        "labels": {"0": "background", "1": "anterior", "2": "posterior"},
    }
    (root / "dataset.json").write_text(json.dumps(told | changes))
    (root / "imagesTr/._case_000.nii.gz").write_bytes(b"of macOS")
    return root


def written(src, out, *flags):
    words = map(str, ("volumes", src, out, "--workers", 1, *flags))
    prepare.run(list(words), "prepare volumes")
    return records.describe(out)


def fails(src, out, *flags) -> str:
    with pytest.raises(UserError) as error:
        written(src, out, *flags)
    assert not (out / "dataset.json").exists()
    assert len(str(error.value).splitlines()) == 1
    return str(error.value)


def test_medical_decathlon(tmp_path, capsys):
    found = written(decathlon(tmp_path / "src"), tmp_path / "out")
    said = capsys.readouterr().out
    assert "labels: 0 background, 1 anterior, 2 posterior" in said
    assert found.taxonomy.names == ("background", "anterior", "posterior")
    assert found.volume.normalise == "zscore" and found.image_format.bands == ("MRI",)
    assert set(found.splits) == {"train", "val"}
    np.testing.assert_allclose(
        found.volume.median_spacing, (0.6005, 2.972, 0.7932), 1e-4
    )
    for split in found.splits:
        for sample in records.read(tmp_path / "out", split):
            image, label = arrays(int(sample.id[-3:]))
            assert sample.sequence == sample.id
            back = to_source(sample.label, sample.volume.affine)
            np.testing.assert_array_equal(back, label)
            values = to_source(sample.image, sample.volume.affine)[..., 0]
            np.testing.assert_allclose(
                values, (image - image.mean()) / image.std(), atol=1e-4
            )


def test_nnu_net_with_channels_and_ignored(tmp_path):
    told = {
        "channel_names": {"0": "T1", "1": "FLAIR"},
        "modality": {},
        "labels": {"background": 0, "lesion": 2, "ignore": 7},
        "file_ending": ".nii.gz",
    }
    src = decathlon(tmp_path / "src", **told)
    for number in range(4):
        image, label = arrays(number)
        (src / f"imagesTr/case_{number:03d}.nii.gz").unlink()
        for channel in range(2):
            name = f"imagesTr/case_{number:03d}_{channel:04d}.nii.gz"
            nifti(src / name, image + channel, OBLIQUE)
        label[label == 1] = 7
        nifti(src / f"labelsTr/case_{number:03d}.nii.gz", label, OBLIQUE)
    shutil.copytree(src / "imagesTr", src / "imagesTs")
    shutil.copytree(src / "labelsTr", src / "labelsTs")
    found = written(src, tmp_path / "out")
    assert found.image_format.bands == ("T1", "FLAIR")
    assert found.taxonomy.names == ("background", "lesion")
    assert found.split("test").samples == 4
    assert found.split("test").ignored == 4 * 27
    nifti(src / "imagesTr/case_002_0002.nii.gz", arrays(2)[0], OBLIQUE)
    said = fails(src, tmp_path / "more", "--val-share", 0)
    assert "case_002_0000.nii.gz and case_002_0001.nii.gz are of 3 channels" in said
    for channel in (1, 2):
        (src / f"imagesTr/case_002_{channel:04d}.nii.gz").unlink()
    said = fails(src, tmp_path / "more", "--val-share", 0)
    assert "has 1 channel, expected 2 (T1, FLAIR)" in said


def test_regions_of_nnu_net_overlap(tmp_path):
    labels = {"background": 0, "whole": [1, 2], "core": [2]}
    found = written(decathlon(tmp_path / "src", labels=labels), tmp_path / "out")
    assert not found.taxonomy.exclusive and found.format == 4
    assert found.taxonomy.names == ("whole", "core")
    sample = next(records.read(tmp_path / "out", "train"))
    label = arrays(int(sample.id[-3:]))[1]
    back = to_source(sample.label, sample.volume.affine)
    np.testing.assert_array_equal(back, np.stack([label > 0, label == 2], -1))


def test_spacing(tmp_path):
    src = decathlon(tmp_path / "src", 2)
    found = written(src, tmp_path / "out", "--spacing", 1.2, 1.2, 0.8, "--val-share", 0)
    assert found.volume.spacing == found.volume.median_spacing == (1.2, 1.2, 0.8)
    # 9 voxels of 0.6, 10 of 2.97, 8 of 0.79 mm
    known = found.split("train")
    assert (known.depth, known.height, known.width) == (5, 25, 8)
    sample = next(records.read(tmp_path / "out", "train"))
    assert sample.volume.source_shape == (9, 10, 8)
    np.testing.assert_allclose(sample.volume.spacing, (1.2, 1.2, 0.8), rtol=0.1)
    assert set(np.unique(sample.label)) == {0, 1, 2}


def plain(root: Path, save, suffix: str, cases=3) -> Path:
    for folder in ("images", "labels"):
        (root / folder).mkdir(parents=True)
    for number in range(cases):
        image, label = arrays(number)
        save(root / f"images/v{number}{suffix}", image.T.astype(np.uint8))
        save(root / f"labels/v{number}_seg{suffix}", label.T)
    return root


def tiff(file, array):
    tifffile.imwrite(file, array, photometric="minisblack")


@pytest.mark.parametrize("save, suffix", [(np.save, ".npy"), (tiff, ".tif")])
def test_pairs_of_stacks(tmp_path, save, suffix, capsys):
    src = plain(tmp_path / "src", save, suffix)
    found = written(src, tmp_path / "out", "--voxel", 3, 1, 1, "--val-share", 0)
    assert found.volume.normalise == "none" and found.image_format.type == "uint8"
    assert found.volume.median_spacing == (3, 1, 1)
    assert found.taxonomy.names == ("class_0", "class_1", "class_2")
    for number, sample in enumerate(records.read(tmp_path / "out", "train")):
        np.testing.assert_array_equal(sample.label, arrays(number)[1].T)
        assert sample.volume.spacing == (3, 1, 1)


def test_names_and_splits(tmp_path):
    for split in ("training", "val"):
        plain(tmp_path / "src" / split, np.save, ".npy", 2)
    flags = ("--names", "none", "one", "two", "--normalise", "zscore")
    found = written(tmp_path / "src", tmp_path / "out", *flags)
    assert found.taxonomy.names == ("none", "one", "two")
    assert {s: x.samples for s, x in found.splits.items()} == {"train": 2, "val": 2}
    said = fails(tmp_path / "src", tmp_path / "more", "--names", "none", "one")
    assert "_seg.npy holds the number 2, which is no class: known are 0, 1, 255" in said


def test_dicom_cases(tmp_path):
    image = np.round(arrays(1)[0]).astype(np.int16)  # slices along x
    for name in "ab":
        folder = dicom_series(tmp_path / "src/images" / name, image)
        sitk = pytest.importorskip("SimpleITK")
        reader = sitk.ImageSeriesReader()
        reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
        label = sitk.Cast(reader.Execute() > 120, sitk.sitkUInt8)
        (tmp_path / "src/labels").mkdir(exist_ok=True)
        sitk.WriteImage(label, str(tmp_path / f"src/labels/{name}.nii.gz"))
    found = written(tmp_path / "src", tmp_path / "out", "--val-share", 0)
    assert found.volume.normalise == "ct" and found.image_format.type == "int16"
    for sample in records.read(tmp_path / "out", "train"):
        np.testing.assert_array_equal(sample.label, sample.image[..., 0] > 120)
    # Of CT the values of what is labelled count.
    labelled = np.concatenate([image[image > 120]] * 2)
    (counted,) = found.image_format.statistics
    assert (counted.smallest, counted.largest) == (labelled.min(), labelled.max())
    assert abs(counted.mean - labelled.mean()) < 1e-9
    np.testing.assert_allclose(counted.high, np.percentile(labelled, 99.5))


def test_one_volume_alone_gives_its_last_slices_to_val(tmp_path, capsys):
    rng = np.random.default_rng(0)
    stack = rng.integers(0, 255, (10, 6, 7)).astype(np.uint8)
    for folder, pixels in (("image", stack), ("label", (stack > 99) * np.uint8(255))):
        (tmp_path / "src" / folder).mkdir(parents=True)
        for number, plane in enumerate(pixels):
            Image.fromarray(plane).save(tmp_path / "src" / folder / f"{number}.png")
    found = written(tmp_path / "src", tmp_path / "out")
    assert "One volume alone: its last slices are val." in capsys.readouterr().out
    assert found.taxonomy.names == ("class_0", "class_255")
    for split, part in (("train", stack[:8]), ("val", stack[8:])):
        (sample,) = records.read(tmp_path / "out", split)
        np.testing.assert_array_equal(sample.image[..., 0], part)
        np.testing.assert_array_equal(sample.label, part > 99)
        assert sample.volume.whole == (10, 6, 7)


@pytest.mark.parametrize("flags", [(), ("--spacing", 1, 3, 0.5)])
def test_blocks_of_large_volumes(tmp_path, monkeypatch, flags):
    """Blocks, put together, are the volume that is written where none is large."""
    from kerasseg.data.datasets import volumes as adapter

    src = decathlon(tmp_path / "src", 1)
    shutil.copy(src / "imagesTr/case_000.nii.gz", src / "imagesTr/b.nii.gz")
    shutil.copy(src / "labelsTr/case_000.nii.gz", src / "labelsTr/b.nii.gz")
    flags = (*flags, "--val-share", 0)
    written(src, tmp_path / "whole", *flags)
    small = lambda shape, voxel: original(shape, voxel, 1000)  # noqa: E731
    original = adapter.blocks_of
    monkeypatch.setattr(adapter, "blocks_of", small)
    found = written(src, tmp_path / "out", *flags)
    assert found.split("train").samples > 4
    wholes = {s.id: s for s in records.read(tmp_path / "whole", "train")}
    seen = {name: np.zeros(s.label.shape, int) for name, s in wholes.items()}
    for sample in records.read(tmp_path / "out", "train"):
        case, place = sample.id.split("@")
        assert sample.sequence == case
        assert tuple(map(int, place.split("_"))) == sample.volume.place
        whole = wholes[case]
        assert sample.volume.whole == whole.label.shape
        start, size = sample.volume.place, sample.label.shape
        block = tuple(slice(p, p + n) for p, n in zip(start, size, strict=True))
        np.testing.assert_array_equal(sample.label, whole.label[block])
        np.testing.assert_allclose(sample.image, whole.image[block], atol=1e-5)
        seen[case][block] += 1
    assert all(count.min() >= 1 for count in seen.values())


def spoil(src: Path, what: str) -> None:
    image, label = src / "imagesTr/case_001.nii.gz", src / "labelsTr/case_001.nii.gz"
    array = arrays(1)[1]
    match what:
        case "damaged image":
            image.write_bytes(image.read_bytes()[:500])
        case "damaged label":
            label.write_bytes(label.read_bytes()[:120])
        case "no image":
            image.unlink()
        case "label of another affine":
            nifti(label, array, OBLIQUE + np.eye(4, k=3) * 2)
        case "label of another shape":
            nifti(label, array[:-1], OBLIQUE)
        case "id out of range":
            array[0, 0, 0] = 9
            nifti(label, array, OBLIQUE)
        case "smooth label":
            nifti(label, array * np.float32(0.5), OBLIQUE)
        case "4-D image":
            nifti(image, np.stack([arrays(1)[0]] * 3, -1), OBLIQUE)
        case "4-D label":
            nifti(label, np.stack([array] * 3, -1), OBLIQUE)
        case "2-D image":
            nifti(image, arrays(1)[0][0], OBLIQUE)
        case "no manifest":
            (src / "dataset.json").write_text("{")
        case "no labels in it":
            (src / "dataset.json").write_text("{}")


@pytest.mark.parametrize(
    "what, said",
    [
        ("damaged image", "imagesTr/case_001.nii.gz"),
        ("damaged label", "labelsTr/case_001.nii.gz"),
        ("no image", "labelsTr/case_001.nii.gz has no image in"),
        ("label of another affine", "labelsTr/case_001.nii.gz lies 2 mm off"),
        ("label of another shape", "labelsTr/case_001.nii.gz has 9 x 10 x 7 voxels"),
        ("id out of range", "case_001.nii.gz holds the number 9, which is no class"),
        ("smooth label", "case_001.nii.gz holds 0.5; a label holds whole numbers"),
        (
            "4-D image",
            "case_001.nii.gz has 4 axes: 3 channels or points of time, expected 1",
        ),
        ("4-D label", "labelsTr/case_001.nii.gz has 4 axes (8 x 9 x 10 x 3)"),
        ("2-D image", "imagesTr/case_001.nii.gz has 2 axes (9 x 10)"),
        ("no manifest", "dataset.json is not the dataset.json of a set of volumes"),
        ("no labels in it", "dataset.json is not the dataset.json of a set of volumes"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(tmp_path, what, said):
    src = decathlon(tmp_path / "src", 3)
    spoil(src, what)
    assert said in fails(src, tmp_path / "out", "--val-share", 0)
    if not what.startswith("no") and what != "4-D image":
        skipped = written(
            src, tmp_path / "out", "--val-share", 0, "--on-error", "skip"
        ).split("train")
        assert skipped.samples == 2 and said in skipped.left_out[0]


@pytest.mark.parametrize(
    "flags, said",
    [
        (
            ("--spacing", 1, 0, 1),
            "--spacing must be three numbers of millimetres above",
        ),
        (("--voxel", 1, -1, 1), "--voxel must be 0 or more"),
        (("--cut", 8, 8), "--cut is for pictures"),
        (("--size", 8, 8), "--size is for pictures"),
        (("--bands", "a", "b"), "expected 2 (a, b)"),
    ],
)
def test_wrong_flags(tmp_path, flags, said):
    assert said in fails(decathlon(tmp_path / "src", 2), tmp_path / "out", *flags)


def test_no_volumes(tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        find(tmp_path / "none")
    with pytest.raises(UserError, match="holds no volumes with labels"):
        find(tmp_path)
    (tmp_path / "images").mkdir()
    (tmp_path / "labels").mkdir()
    with pytest.raises(UserError, match="images holds no volumes"):
        find(tmp_path)


def test_images_without_labels_are_left_out_and_said(tmp_path):
    src = decathlon(tmp_path)
    (src / "labelsTr/case_001.nii.gz").unlink()
    found = find(src)
    assert len(found.cases["train"]) == 3
    assert found.said == ["1 image of imagesTr without a label (case_001): left out."]


def test_joined_with_another_set(tmp_path):
    src = decathlon(tmp_path / "src")
    words = ["volumes", str(src), "+", "volumes", str(src), str(tmp_path / "out")]
    prepare.run(words, "")
    found = records.describe(tmp_path / "out")
    assert found.volume and sum(s.samples for s in found.splits.values()) == 8


def test_merged_classes(tmp_path):
    src = decathlon(tmp_path / "src")
    flags = ("--merge", "hippocampus=anterior,posterior")
    found = written(src, tmp_path / "out", *flags)
    assert found.taxonomy.names == ("background", "hippocampus")
    both = written(src, tmp_path / "both", "--region", "all=anterior,posterior")
    assert not both.taxonomy.exclusive


class TestLabels:
    def test_numbers_that_do_not_follow_each_other(self):
        labels = by_names({"background": 0, "liver": 6, "tumour": 21})
        numbers = np.array([[[0, 6, 21]]], np.float32)
        assert labels.of(numbers, Path("a")).tolist() == [[[0, 1, 2]]]

    def test_ignored_where_classes_overlap(self):
        labels = by_names({"background": 0, "all": [1, 2], "core": [2], "ignore": 9})
        found = labels.of(np.array([[[0, 1, 2, 9]]]), Path("a"))
        assert found[0, 0].tolist() == [[0, 0], [1, 0], [1, 1], [255, 255]]
        with pytest.raises(UserError, match="holds the number 3"):
            labels.of(np.array([[[3]]]), Path("a"))

    def test_negative_numbers(self):
        labels = VolumeLabels(("a",), ((0,),))
        with pytest.raises(UserError, match="a holds -1; classes are numbered 0 to"):
            labels.of(np.array([[[-1]]]), Path("a"))

    def test_255_beside_others_is_ignored(self, tmp_path):
        np.save(tmp_path / "a.npy", np.array([[[0, 3, 255]]], np.uint8))
        found = by_survey([tmp_path / "a.npy"])
        assert found.names == ("class_0", "class_3") and found.ignore == (255,)


def test_real_hippocampus(tmp_path):
    """Sizes and classes as the files have them, held against nibabel."""
    import nibabel

    data = os.environ.get("KERASSEG_DATA", "")
    if not data or not Path(data, "hippocampus").is_dir():
        pytest.skip("KERASSEG_DATA holds no hippocampus.")
    source = Path(data, "hippocampus")
    taxonomy, splits = volumes.load(source, val_share=0)
    assert taxonomy.names == ("background", "anterior", "posterior")
    (samples,) = splits.values()
    assert len(samples) == 174
    for entry in samples.entries[:3]:
        sample = samples.read(entry)
        label = nibabel.load(entry.label)
        np.testing.assert_array_equal(
            sample.label, np.asarray(label.dataobj).transpose(2, 1, 0)
        )
        assert abs(sample.image.mean()) < 1e-5 and abs(sample.image.std() - 1) < 1e-4
