"""`prepare volumes --slices`: pictures of volumes, and `predict` cuts them likewise."""

import json

import numpy as np
import pytest
from test_volumes_adapter import SHAPE, decathlon, fails, written
from volume_files import OBLIQUE, nifti

from kerasseg import UserError, predict, runs
from kerasseg.data import records
from kerasseg.image_format import ImageFormat
from kerasseg.slice_format import SliceFormat
from kerasseg.volume_format import VolumeFormat

SPACED = ("--spacing", 1.5, 1, 1)


@pytest.mark.parametrize("flags", [(), SPACED])
def test_slices_are_those_of_the_volumes(tmp_path, flags):
    src = decathlon(tmp_path / "src")
    whole = written(src, tmp_path / "whole", *flags)
    found = written(src, tmp_path / "cut", "--slices", 3, *flags)
    assert found.volume is None and found.format == 2
    assert found.image_format.bands == ("MRI-1", "MRI", "MRI+1")
    assert found.image_format.display == (1, 1, 1)
    cut = found.image_format.slices
    assert cut == SliceFormat(3, whole.volume)
    for split in ("train", "val"):
        samples = list(records.read(tmp_path / "cut", split))
        number = 0
        for volume in records.read(tmp_path / "whole", split):
            depth = len(volume.image)
            for z in range(depth):
                sample, number = samples[number], number + 1
                assert sample.id == f"{volume.id}@z{z:03d}"
                assert sample.sequence == volume.id
                np.testing.assert_array_equal(sample.label, volume.label[z])
                for band, near in enumerate((max(z - 1, 0), z, min(z + 1, depth - 1))):
                    expected = volume.image[near, ..., 0]
                    np.testing.assert_array_equal(sample.image[..., band], expected)
        assert number == len(samples)


def test_one_volume_has_no_neighbours_across_its_splits(tmp_path):
    src = decathlon(tmp_path / "src", 1)
    written(src, tmp_path / "out", "--slices", 3, "--val-share", 0.4)
    train = list(records.read(tmp_path / "out", "train"))
    val = list(records.read(tmp_path / "out", "val"))
    np.testing.assert_array_equal(train[-1].image[..., 2], train[-1].image[..., 1])
    np.testing.assert_array_equal(val[0].image[..., 0], val[0].image[..., 1])
    ids = [int(one.id.rsplit("@z")[1]) for one in (*train, *val)]
    assert ids == list(range(len(ids)))


def test_an_even_number_is_refused(tmp_path):
    said = fails(decathlon(tmp_path / "src", 2), tmp_path / "out", "--slices", 2)
    assert "--slices is an odd number" in said and "Say --slices 3" in said
    with pytest.raises(UserError, match="odd number of slices"):
        SliceFormat(4, VolumeFormat())


def test_formats_of_slices():
    images = ImageFormat.of(("t1", "t2"), "float32")
    cut = images.of_slices(SliceFormat(3, VolumeFormat(spacing=(3.0, 1.0, 1.0))))
    assert cut.bands == ("t1-1", "t2-1", "t1", "t2", "t1+1", "t2+1")
    assert cut.of_volumes == images
    assert ImageFormat.from_json(json.loads(json.dumps(cut.to_json()))) == cut
    assert not cut.same_kind(ImageFormat.of(cut.bands, "float32"))
    assert "slices" not in images.to_json()
    other = images.of_slices(SliceFormat(3, VolumeFormat("none")))
    assert not cut.same_kind(other) and str(cut) != str(other)  # a message says why


def above_the_middle(size):
    """A network of pictures: class 1 where the middle slice is above the mean of both
    neighbours by over 1, class 0 elsewhere."""
    import keras

    image = keras.Input((*size, 3), name="image")
    logits = keras.layers.Conv2D(3, 1, name="logits")
    network = keras.Model(image, logits(image))
    kernel = np.zeros((1, 1, 3, 3))
    kernel[0, 0, :, 1] = -50, 100, -50
    logits.set_weights([kernel, np.array([0.0, -100.0, -1000.0])])
    return network


@pytest.mark.parametrize("flags", [(), SPACED])
@pytest.mark.parametrize("kind", ["run", "litert"])
def test_predict_cuts_as_prepare_did(tmp_path, flags, kind):
    """The classes of `predict` are those of the network on the records, on the voxels
    of the file; a run and a file for devices say that they take slices."""
    src = decathlon(tmp_path / "src")
    described = written(src, tmp_path / "cut", "--slices", 3, *flags)
    samples = list(records.read(tmp_path / "cut", "val"))
    case = samples[0].sequence
    images = np.stack([one.image for one in samples if one.sequence == case])
    network = above_the_middle(images.shape[1:3])
    expected = np.asarray(network(images)).argmax(-1).astype(np.uint8)
    assert 0.02 < (expected == 1).mean() < 0.5
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "config.toml").write_text("")
    runs.describe(folder, described.taxonomy, described.image_format)
    runs.save(network, folder / "network.keras")
    words = ["--run", str(folder)]
    if kind == "litert":
        pytest.importorskip("ai_edge_litert")
        from kerasseg.export.litert import conversion

        images_of = described.image_format
        data = conversion.convert(network, image_format=images_of)
        about = "cut", described.taxonomy, conversion.SIGNATURES, images_of
        file = conversion.finish(data, tmp_path / "cut.tflite", *about)
        words = ["--litert", str(file)]
    scan = nifti(tmp_path / "scan.nii.gz", *_source(src, case))
    predict.main([str(scan), *words, "--out", str(tmp_path / "out")])
    import nibabel

    from kerasseg.data.reading.volumes.resampling import resampled_label
    from kerasseg.volume_format import to_source

    found = nibabel.load(tmp_path / "out" / "scan_label.nii.gz")
    np.testing.assert_array_equal(found.affine, nibabel.load(scan).affine)
    shape = nibabel.load(scan).shape
    assert shape == SHAPE
    back = resampled_label(expected, _axes(OBLIQUE, shape))
    np.testing.assert_array_equal(np.asarray(found.dataobj), to_source(back, OBLIQUE))


def _source(src, case):
    import nibabel

    file = nibabel.load(src / f"imagesTr/{case}.nii.gz")
    return np.asarray(file.dataobj), file.affine


def _axes(affine, shape):
    from kerasseg.volume_format import orientation

    (x, y, z), _ = orientation(affine)
    return shape[z], shape[y], shape[x]
