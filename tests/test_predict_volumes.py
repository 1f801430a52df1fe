"""`predict` on volumes: answers lie on the voxels that came."""

import json

import numpy as np
import pytest
import tiny

from kerasseg import predict, runs
from kerasseg.image_format import ImageFormat
from kerasseg.taxonomy import Taxonomy
from kerasseg.volume_format import VolumeFormat

nibabel = pytest.importorskip("nibabel")

OBLIQUE = nibabel.affines.from_matvec(
    nibabel.eulerangles.euler2mat(0.3, -0.2, 0.4) @ np.diag([-0.9, 1.1, 3.0]),
    [5.0, -20.0, 33.0],
)[:, [2, 0, 1, 3]]
"""A volume that lies obliquely, its axes in another order, one of them mirrored."""
TAXONOMY = Taxonomy.named(["background", "there"])


def copying(size=(4, 8, 8)):
    """A network whose answer is the volume: class 1 where a voxel is above 0."""
    import keras

    image = keras.Input((*size, 1), name="image")
    logits = keras.layers.Conv3D(2, 1, name="logits")
    network = keras.Model(image, logits(image))
    logits.set_weights([np.reshape([-9.0, 9.0], (1, 1, 1, 1, 2)), np.zeros(2)])
    return network


def run_of(folder, volume, network, image_format=None):
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text("")
    images = image_format or ImageFormat.of(("mr",), "float32")
    runs.describe(folder, TAXONOMY, images, volume)
    runs.save(network, folder / "network.keras")
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("copying") / "run"
    return run_of(folder, VolumeFormat("zscore"), copying())


def label_of(rng, shape):
    """A lump, larger than a voxel of any spacing here."""
    label = np.zeros(shape, np.uint8)
    middle = tuple(slice(n // 4, -(-3 * n // 4)) for n in shape)
    label[middle] = 1
    return label


def nifti(file, array, affine=OBLIQUE):
    image = nibabel.Nifti1Image(array, affine)
    image.header.set_xyzt_units("mm")
    image.header["descrip"] = b"scanned yesterday"
    image.set_sform(affine, 1)
    nibabel.save(image, file)
    return file


def test_an_oblique_volume_is_answered_where_it_lies(tmp_path, rng, run):
    label = label_of(rng, (11, 9, 17))
    file = nifti(tmp_path / "scan.nii.gz", label.astype(np.int16) * 700)
    predict.main([str(file), "--run", str(run), "--out", str(tmp_path / "out")])
    found = nibabel.load(tmp_path / "out" / "scan_label.nii.gz")
    np.testing.assert_array_equal(found.affine, nibabel.load(file).affine)
    assert found.header["descrip"] == nibabel.load(file).header["descrip"]
    assert found.header["sform_code"] == 1
    assert found.get_data_dtype() == np.uint8
    np.testing.assert_array_equal(np.asarray(found.dataobj), label)  # Dice 1.0
    assert (tmp_path / "out" / "scan_overlay.jpg").is_file()
    # The same again replaces its own results, byte by byte alike.
    before = (tmp_path / "out" / "scan_label.nii.gz").read_bytes()
    predict.main([str(tmp_path), "--run", str(run), "--out", str(tmp_path / "out")])
    assert (tmp_path / "out" / "scan_label.nii.gz").read_bytes() == before


def test_resampled_volumes_come_back_to_their_voxels(tmp_path, rng):
    run = run_of(tmp_path / "run", VolumeFormat("zscore", (1.0, 1.0, 1.0)), copying())
    label = label_of(rng, (22, 18, 12))
    file = nifti(tmp_path / "scan.nii", label.astype(np.float32) * 9)
    out = tmp_path / "out"
    predict.main([str(file), "--run", str(run), "--out", str(out)])
    found = np.asarray(nibabel.load(out / "scan_label.nii").dataobj)
    assert found.shape == label.shape
    dice = 2 * (found & label).sum() / (found.sum() + label.sum())
    assert dice > 0.9


def test_what_came_in_goes_out(tmp_path, rng, run):
    label = label_of(rng, (8, 9, 10))
    np.save(tmp_path / "a.npy", label.astype(np.float32))
    tifffile = pytest.importorskip("tifffile")
    tifffile.imwrite(tmp_path / "b.tif", label.astype(np.uint16) * 99)
    wanted = ["a_label.npy", "b_label.tif"]
    try:
        import SimpleITK as sitk

        image = sitk.GetImageFromArray(label.astype(np.int16))
        image.SetSpacing((0.5, 0.7, 2.0))
        image.SetOrigin((1, 2, 3))
        sitk.WriteImage(image, str(tmp_path / "c.nrrd"))
        wanted.append("c_label.nrrd")
    except ImportError:
        pass
    out = tmp_path / "out"
    predict.main([str(tmp_path), "--run", str(run), "--out", str(out)])
    assert {file.name for file in out.glob("*_label*")} == {*wanted}
    np.testing.assert_array_equal(np.load(out / "a_label.npy"), label)
    np.testing.assert_array_equal(tifffile.imread(out / "b_label.tif"), label)
    if "c_label.nrrd" in wanted:
        found = sitk.ReadImage(str(out / "c_label.nrrd"))
        np.testing.assert_array_equal(sitk.GetArrayFromImage(found), label)
        assert found.GetSpacing() == pytest.approx(image.GetSpacing())
        assert found.GetOrigin() == pytest.approx(image.GetOrigin())


def test_pieces_holes_and_probabilities(tmp_path, run):
    label = np.zeros((10, 10, 10), np.float32)
    label[1:6, 1:6, 1:6] = 1
    label[3, 3, 3] = 0
    label[8, 8, 8] = 1
    np.save(tmp_path / "a.npy", label)
    words = [str(tmp_path / "a.npy"), "--run", str(run), "--out", str(tmp_path / "o")]
    flags = ["--largest", "--fill-holes", "--probabilities", "npz", "--mirror", "xyz"]
    predict.main([*words, *flags])
    found = np.load(tmp_path / "o" / "a_label.npy")
    assert found[3, 3, 3] == 1 and found[8, 8, 8] == 0 and found.sum() == 125
    with np.load(tmp_path / "o" / "a_probabilities.npz") as held:
        assert held["probabilities"].shape == (10, 10, 10, 2)
        assert held["probabilities"][8, 8, 8, 1] > 0.9


def test_slices_run_a_network_of_pictures(tmp_path, own_run_2d):
    volume = np.zeros((3, 20, 24, 3), np.uint8)
    volume[1] = 200
    np.save(tmp_path / "v.npy", volume)
    out = tmp_path / "out"
    words = [str(tmp_path / "v.npy"), "--run", str(own_run_2d), "--out", str(out)]
    predict.main([*words, "--slices"])
    found = np.load(out / "v_label.npy")
    assert found.shape == (3, 20, 24)
    assert (found[0] == found[2]).all() and (found[0] != found[1]).any()


@pytest.fixture(scope="module")
def own_run_2d(tmp_path_factory):
    folder = tmp_path_factory.mktemp("flat") / "run"
    folder.mkdir()
    (folder / "config.toml").write_text("")
    (folder / "taxonomy.json").write_text(json.dumps(tiny.TAXONOMY.to_json()))
    runs.save(tiny.convolution(), folder / "network.keras")
    return folder


WRONG = {
    "--crf": (["--crf"], "--crf is for pictures"),
    "--format": (["--format", "tiff"], "--format is for pictures"),
    "--slices": (["--slices"], "takes volumes as they are"),
    "--mirror": (["--mirror", "xw"], "letters of x, y and z|letters x, y and z"),
    "tiff": (["--probabilities", "tiff"], "npz"),
}


@pytest.mark.parametrize("flags, said", WRONG.values(), ids=WRONG)
def test_wrong_flags(tmp_path, run, capsys, flags, said):
    np.save(tmp_path / "a.npy", np.zeros((4, 4, 4), np.float32))
    words = [str(tmp_path / "a.npy"), "--run", str(run), "--out", str(tmp_path / "o")]
    with pytest.raises(SystemExit):
        predict.main([*words, *flags])
    import re

    assert re.search(said, capsys.readouterr().err)
    assert not (tmp_path / "o").exists()


def test_wrong_volumes_are_one_line_each(tmp_path, run, capsys):
    (tmp_path / "cut.nii.gz").write_bytes(b"\x1f\x8b" + b"0" * 99)
    np.save(tmp_path / "two.npy", np.zeros((4, 4, 4, 2), np.float32))
    np.save(tmp_path / "good.npy", np.zeros((4, 4, 4), np.float32))
    with pytest.raises(SystemExit):
        predict.main([str(tmp_path), "--run", str(run), "--out", str(tmp_path / "o")])
    error = capsys.readouterr().err
    assert "1 predicted" in error and "2 channels" in error and "cut.nii.gz" in error
    assert (tmp_path / "o" / "good_label.npy").is_file()
    assert len(list((tmp_path / "o").glob("*_label*"))) == 1


def test_pictures_and_volumes_are_kept_apart(tmp_path, own_run_2d, capsys):
    np.save(tmp_path / "a.npy", np.zeros((4, 4, 3), np.uint8))
    words = [str(tmp_path / "a.npy"), "--run", str(own_run_2d)]
    with pytest.raises(SystemExit):
        predict.main([*words, "--out", str(tmp_path / "o"), "--largest"])
    assert "--largest is for volumes" in capsys.readouterr().err
