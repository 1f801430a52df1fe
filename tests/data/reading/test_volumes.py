"""The reader of volumes, held against nibabel, SimpleITK, tifffile and zarr."""

import gzip

import numpy as np
import pytest
import tifffile
from PIL import Image
from volume_files import OBLIQUE, dicom_series, nifti

from kerasseg import UserError
from kerasseg.data.reading.volumes.blocks import blocks_of, whole_statistics
from kerasseg.data.reading.volumes.grids import corners_of, require_same
from kerasseg.data.reading.volumes.prepared import prepared
from kerasseg.data.reading.volumes.resampling import (
    resampled,
    resampled_label,
    shape_at,
)
from kerasseg.data.reading.volumes.volume import is_volume, open_volume, read, stem_of
from kerasseg.volume_format import VolumeFormat, mean_and_deviation, to_source


@pytest.fixture
def array(rng):
    return rng.integers(-900, 900, (7, 6, 5)).astype(np.int16)


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
@pytest.mark.parametrize("large", [False, True])
def test_nifti_lies_as_nibabel_says(tmp_path, array, name, large, monkeypatch):
    from kerasseg.data.reading.volumes import nifti as reader

    monkeypatch.setattr(reader, "IN_MEMORY", 0 if large else 1 << 20)
    file = nifti(tmp_path / name, array, OBLIQUE)
    import nibabel

    canonical = nibabel.as_closest_canonical(nibabel.load(file))
    found = read(file)
    assert found.image.dtype == np.int16
    expected = np.asarray(canonical.dataobj).transpose(2, 1, 0)
    np.testing.assert_array_equal(found.image[..., 0], expected)
    assert found.geometry.orientation == "LSA"
    zooms = canonical.header.get_zooms()
    np.testing.assert_allclose(found.geometry.spacing, zooms[::-1], rtol=1e-5)
    np.testing.assert_allclose(found.geometry.affine, OBLIQUE, atol=1e-5)
    back = to_source(found.image, found.geometry.affine)
    np.testing.assert_array_equal(back[..., 0], array)
    block = read(file, (1, 2, 3), (3, 2, 4))
    np.testing.assert_array_equal(block.image, found.image[1:4, 2:4, 3:7])
    geometry = block.geometry
    assert geometry.place == (1, 2, 3) and geometry.whole == found.image.shape[:3]


def test_scaled_nifti(tmp_path, array):
    nibabel = pytest.importorskip("nibabel")
    for slope, intercept, kind in ((0.5, 3.0, "float32"), (1, 100, "float32")):
        image = nibabel.Nifti1Image(array, np.eye(4))
        image.header.set_slope_inter(slope, intercept)
        nibabel.save(image, tmp_path / "a.nii.gz")
        expected = nibabel.load(tmp_path / "a.nii.gz").get_fdata()
        found = read(tmp_path / "a.nii.gz")
        assert found.image.dtype == kind
        np.testing.assert_allclose(found.image[..., 0].T, expected, rtol=1e-6)


def test_channels_of_a_fourth_axis(tmp_path, rng):
    file = nifti(tmp_path / "a.nii.gz", rng.normal(size=(4, 5, 6, 3)).astype("f4"))
    opened = open_volume(file)
    assert (opened.channels, opened.type, opened.shape) == (3, "float32", (4, 5, 6))
    assert read(opened).image.shape == (6, 5, 4, 3)


def test_what_is_no_number_is_not_valid(tmp_path):
    array = np.ones((3, 4, 5), np.float32)
    array[1, 2, 3], array[0, 0, 0] = np.nan, np.inf
    found = read(nifti(tmp_path / "a.nii", array))
    assert not found.valid[3, 2, 1] and not found.valid[0, 0, 0]
    assert found.image[3, 2, 1] == 0 and found.valid.sum() == 58
    assert prepared(found, VolumeFormat("zscore")).image.max() == 0


@pytest.mark.parametrize("suffix", [".nrrd", ".mha", ".mhd", ".nhdr"])
def test_what_simple_itk_writes(tmp_path, array, suffix):
    """The same image, written by SimpleITK in its formats and as NIfTI."""
    sitk = pytest.importorskip("SimpleITK")
    image = sitk.GetImageFromArray(array.transpose(2, 1, 0))
    turn, _ = np.linalg.qr(OBLIQUE[:3, :3])
    image.SetDirection(turn.ravel())
    image.SetSpacing((0.7, 1.5, 3.0))
    image.SetOrigin((5, -6, 7))
    for name in (f"a{suffix}", "a.nii.gz"):
        sitk.WriteImage(image, str(tmp_path / name))
    ours, expected = read(tmp_path / f"a{suffix}"), read(tmp_path / "a.nii.gz")
    np.testing.assert_array_equal(ours.image, expected.image)
    np.testing.assert_allclose(
        ours.geometry.affine, expected.geometry.affine, atol=1e-5
    )
    block = read(tmp_path / f"a{suffix}", (1, 0, 2), (2, 3, 1))
    np.testing.assert_array_equal(block.image, expected.image[1:3, 0:3, 2:3])


def test_components_of_a_metaimage(tmp_path, rng):
    sitk = pytest.importorskip("SimpleITK")
    voxels = rng.integers(0, 255, (4, 5, 6, 2)).astype(np.uint8)
    sitk.WriteImage(
        sitk.GetImageFromArray(voxels, isVector=True), str(tmp_path / "a.mha")
    )
    # ITK's first axes run to the left and to the back.
    np.testing.assert_array_equal(read(tmp_path / "a.mha").image, voxels[:, ::-1, ::-1])


def test_a_dicom_series_lies_as_simple_itk_says(tmp_path, array):
    folder = dicom_series(tmp_path / "series", array)
    (folder / "notes.txt").write_text("not a slice")
    found = read(folder)
    assert (open_volume(folder).modality, found.image.dtype) == ("CT", np.int16)
    sitk = pytest.importorskip("SimpleITK")
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    sitk.WriteImage(reader.Execute(), str(tmp_path / "a.nii.gz"))
    expected = read(tmp_path / "a.nii.gz")
    np.testing.assert_array_equal(found.image, expected.image)
    # The direction of ITK's slices may be the other: the corners are what counts.
    corners = (corners_of(open_volume(p)) for p in (folder, tmp_path / "a.nii.gz"))
    np.testing.assert_allclose(*corners, atol=1e-4)
    np.testing.assert_allclose(found.geometry.spacing, (0.6, 0.8, 2.5), rtol=1e-6)
    block = read(folder, (1, 2, 1), (3, 2, 4))
    np.testing.assert_array_equal(block.image, found.image[1:4, 2:4, 1:5])


@pytest.mark.parametrize(
    "change, said",
    [
        (lambda f: (f / "014.dcm").unlink(), "lacks slices: from -37.5 to -32.5 mm"),
        (
            lambda f: (f / "x.dcm").write_bytes((f / "014.dcm").read_bytes()),
            "lie in the same place",
        ),
        (
            lambda f: (f / "014.dcm").write_bytes((f / "014.dcm").read_bytes()[:700]),
            "cannot be read|does not say where|lacks slices",
        ),
        (
            lambda f: dicom_series(
                f, np.zeros((9, 6, 5), np.int16), SeriesInstanceUID="1.2"
            ),
            None,
        ),
        (lambda f: [one.unlink() for one in f.glob("*.dcm")], "is not a volume"),
    ],
)
def test_wrong_series(tmp_path, array, change, said):
    folder = dicom_series(tmp_path / "series", array)
    change(folder)
    if said is None:  # more slices of another series under other names too
        said = "holds 2 DICOM series|same place|lies otherwise"
        (folder / "z.dcm").write_bytes(
            next(dicom_series(tmp_path / "other", array[:1]).glob("*.dcm")).read_bytes()
        )
    with pytest.raises(UserError, match=said) as error:
        read(folder)
    assert len(str(error.value).splitlines()) == 1


def test_tiff_stacks(tmp_path, rng):
    stack = rng.integers(0, 255, (4, 5, 6)).astype(np.uint8)
    noted = {"spacing": 50, "unit": "um", "axes": "ZYX"}
    tifffile.imwrite(tmp_path / "plain.tif", stack, photometric="minisblack")
    tifffile.imwrite(
        tmp_path / "ij.tif", stack, imagej=True, metadata=noted, resolution=(0.25, 0.5)
    )
    sizes = {
        f"PhysicalSize{axis}": mm for axis, mm in zip("ZYX", (50, 2, 4), strict=True)
    }
    ome = {"axes": "ZYX", **sizes}
    tifffile.imwrite(tmp_path / "a.ome.tif", stack, metadata=ome)
    channels = rng.integers(0, 9, (2, 4, 5, 6)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "c.ome.tif", channels, metadata={"axes": "CZYX"})
    for name in ("plain.tif", "ij.tif", "a.ome.tif"):
        found = read(tmp_path / name)
        np.testing.assert_array_equal(found.image[..., 0], stack)
        block = read(tmp_path / name, (1, 2, 3), (2, 3, 1))
        np.testing.assert_array_equal(block.image[..., 0], stack[1:3, 2:5, 3:4])
    assert not open_volume(tmp_path / "plain.tif").says_spacing
    for name in ("ij.tif", "a.ome.tif"):
        spacing = read(tmp_path / name).geometry.spacing
        np.testing.assert_allclose(spacing, (0.05, 0.002, 0.004))
    np.testing.assert_array_equal(
        read(tmp_path / "c.ome.tif").image, channels.transpose(1, 2, 3, 0)
    )
    tifffile.imwrite(tmp_path / "flat.tif", stack[0])
    with pytest.raises(UserError, match=r"flat.tif has the axes Y=5, X=6; a volume"):
        open_volume(tmp_path / "flat.tif")


def test_numpy_files(tmp_path, rng):
    stack = rng.normal(size=(4, 5, 6))
    np.save(tmp_path / "a.npy", stack)
    np.savez(tmp_path / "a.npz", stack)
    np.savez(tmp_path / "two.npz", a=stack, b=stack)
    for name in ("a.npy", "a.npz"):
        found = read(tmp_path / name, (1, 1, 1), (2, 3, 4))
        assert found.image.dtype == np.float32
        np.testing.assert_allclose(found.image[..., 0], stack[1:3, 1:4, 1:5], rtol=1e-6)
    with pytest.raises(UserError, match="holds the arrays a, b; expected one"):
        open_volume(tmp_path / "two.npz")
    np.save(tmp_path / "flat.npy", stack[0])
    with pytest.raises(UserError, match="has the axes 5 x 6; a volume has depth"):
        open_volume(tmp_path / "flat.npy")
    np.save(tmp_path / "object.npy", np.array([{}]), allow_pickle=True)
    with pytest.raises(UserError, match="cannot be read as a volume"):
        open_volume(tmp_path / "object.npy")


def test_zarr(tmp_path, rng):
    zarr = pytest.importorskip("zarr")
    stack = rng.integers(0, 99, (4, 5, 6)).astype(np.uint16)
    zarr.save(str(tmp_path / "a.zarr"), stack)
    np.testing.assert_array_equal(read(tmp_path / "a.zarr").image[..., 0], stack)
    group = zarr.open_group(str(tmp_path / "o.zarr"), mode="w")
    held = group.create_array("0", shape=(1, 2, 4, 5, 6), dtype="uint16")
    held[:] = np.stack([stack, stack + 1])[None]
    axes = [{"name": n, "type": "space", "unit": "micrometer"} for n in "tczyx"]
    scale = {"type": "scale", "scale": [1, 1, 50, 2, 4]}
    level = {"path": "0", "coordinateTransformations": [scale]}
    group.attrs["multiscales"] = [{"axes": axes, "datasets": [level]}]
    found = read(tmp_path / "o.zarr", (1, 0, 2), (2, 5, 3))
    np.testing.assert_array_equal(found.image[..., 0], stack[1:3, :, 2:5])
    np.testing.assert_array_equal(found.image[..., 1], stack[1:3, :, 2:5] + 1)
    np.testing.assert_allclose(found.geometry.spacing, (0.05, 0.002, 0.004))


def test_slices_in_the_order_of_their_numbers(tmp_path, rng):
    stack = rng.integers(0, 255, (12, 5, 6)).astype(np.uint8)
    for number, plane in enumerate(stack):
        Image.fromarray(plane).save(tmp_path / f"slice_{number}.png")
    np.testing.assert_array_equal(read(tmp_path).image[..., 0], stack)
    Image.fromarray(stack[0, :4]).save(tmp_path / "slice_3.png")
    with pytest.raises(UserError, match=r"slice_3.png has 4 x 6 .* slice_0.png 5 x 6"):
        open_volume(tmp_path)


DAMAGES = {
    "cut short": lambda data: data[: len(data) // 2],
    "empty": lambda data: b"",
    "text": lambda data: b"hello" * 100,
    "bits": lambda data: (
        data[:300] + bytes(255 - b for b in data[300:320]) + data[320:]
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("suffix", [".nii.gz", ".nii", ".nrrd", ".npy", ".tif", ".npz"])
def test_damaged_files_are_named_in_one_line(tmp_path, rng, suffix, damage):
    if damage == "bits" and suffix in (".nii", ".npy", ".tif"):
        pytest.skip("These formats have no checksum.")
    array = rng.integers(0, 2**15, (9, 10, 11)).astype(np.int16)
    file = tmp_path / f"a{suffix}"
    if suffix.startswith(".nii"):
        nifti(file, array)
    elif suffix == ".nrrd":
        sitk = pytest.importorskip("SimpleITK")
        sitk.WriteImage(sitk.GetImageFromArray(array), str(file), useCompression=True)
    elif suffix == ".tif":
        tifffile.imwrite(file, array, photometric="minisblack")
    else:
        {".npy": np.save, ".npz": np.savez_compressed}[suffix](file, array)
    file.write_bytes(DAMAGES[damage](file.read_bytes()))
    with pytest.raises(UserError, match=f"a{suffix}") as error:
        read(file)
    assert len(str(error.value).splitlines()) == 1


def test_a_wrong_checksum_is_found(tmp_path, rng):
    array = rng.integers(0, 99, (50, 60, 70)).astype(np.int16)
    file = nifti(tmp_path / "a.nii.gz", array)
    plain = bytearray(gzip.decompress(file.read_bytes()))
    packed = bytearray(gzip.compress(bytes(plain), 0))
    packed[-600] ^= 1  # a voxel
    file.write_bytes(bytes(packed))
    with pytest.raises(UserError, match="CRC"):
        read(file)


def test_other_files(tmp_path):
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(UserError, match=r"is not a volume: expected .nii"):
        open_volume(tmp_path / "a.txt")
    with pytest.raises(UserError, match="does not exist"):
        open_volume(tmp_path / "none.nii")
    assert not is_volume(tmp_path / "._a.nii.gz")
    assert stem_of(tmp_path / "a.b.nii.gz") == "a.b"


class TestGrids:
    def test_another_order_of_axes_is_the_same_place(self, tmp_path, array):
        nibabel = pytest.importorskip("nibabel")
        first = nifti(tmp_path / "a.nii.gz", array, OBLIQUE)
        turned = nibabel.as_closest_canonical(nibabel.load(first))
        nibabel.save(turned, tmp_path / "b.nii.gz")
        require_same(open_volume(first), open_volume(tmp_path / "b.nii.gz"), "label")
        np.testing.assert_array_equal(
            read(first).image, read(tmp_path / "b.nii.gz").image
        )

    @pytest.mark.parametrize(
        "change, said",
        [
            (lambda a, m: (a[:-1], m), "has 6 x 5 x 6 voxels, a.nii has 6 x 5 x 7"),
            (lambda a, m: (a, m + np.eye(4, k=3) * 9), "lies 9 mm off a.nii"),
            (lambda a, m: (a, m * [[1.2], [1], [1], [1]]), "mm off a.nii"),
        ],
    )
    def test_others_are_refused(self, tmp_path, array, change, said):
        first = nifti(tmp_path / "a.nii", array, OBLIQUE)
        other = nifti(tmp_path / "b.nii", *change(array, OBLIQUE))
        with pytest.raises(UserError, match=said):
            require_same(open_volume(first), open_volume(other), "label")

    def test_a_stack_says_nothing_of_its_place(self, tmp_path, array):
        first = nifti(tmp_path / "a.nii", array)
        np.save(tmp_path / "b.npy", array.T)
        with pytest.raises(UserError, match=r"b.npy does not say how it lies"):
            require_same(open_volume(first), open_volume(tmp_path / "b.npy"), "label")


class TestResampling:
    def test_values_of_a_plane_stay(self):
        """Along a ramp cubic interpolation is exact but at the ends."""
        ramp = np.arange(24.0).reshape(24, 1, 1, 1) * np.ones((1, 3, 4, 2))
        finer = resampled(ramp, (48, 3, 4))
        expected = (np.arange(48) + 0.5) / 2 - 0.5
        np.testing.assert_allclose(finer[8:-8, 1, 1, 0], expected[8:-8], atol=2e-3)
        assert finer.shape == (48, 3, 4, 2)

    def test_there_and_back(self, rng):
        label = np.zeros((12, 14, 16), np.uint8)
        label[3:9, 4:10, 5:11], label[9:, :3] = 3, 255
        finer = resampled_label(label, (24, 28, 32))
        assert set(np.unique(finer)) == {0, 3, 255}
        back = resampled_label(finer, label.shape)
        assert (back == label).mean() > 0.98
        planes = np.stack([label == 3, label == 255], -1).astype(np.uint8)
        both = resampled_label(planes, (24, 28, 32), planes=True)
        np.testing.assert_array_equal(
            both[..., 0], resampled_label(planes[..., 0], (24, 28, 32))
        )

    def test_shape_at(self):
        assert shape_at((10, 20, 30), (3.0, 1.0, 0.5), (1.5, 1.0, 1.0)) == (20, 20, 15)
        assert shape_at((1, 1, 1), (1.0, 1.0, 1.0), (9.0, 9.0, 9.0)) == (1, 1, 1)

    def test_prepared(self, tmp_path, array):
        volume = read(nifti(tmp_path / "a.nii", array, np.diag([1, 1, 3, 1])))
        done = prepared(volume, VolumeFormat("zscore", (1.0, 1.0, 1.0)))
        assert done.image.shape == (15, 6, 7, 1) and done.image.dtype == np.float32
        assert done.geometry.spacing == (1.0, 1.0, 1.0)
        assert abs(done.image.mean()) < 1e-6 and abs(done.image.std() - 1) < 1e-5
        ct = prepared(volume, VolumeFormat("ct", (2.0, 1.0, 1.0)), "int16")
        assert ct.image.dtype == np.int16


class TestBlocks:
    @pytest.mark.parametrize("shape", [(100, 40, 300), (7, 7, 7), (1000, 1, 1)])
    def test_they_cover_all_and_overlap(self, shape):
        seen = np.zeros(shape, int)
        blocks = blocks_of(shape, 4, 40_000)
        for place, size in blocks:
            assert np.prod(size) * 4 <= 40_000
            assert all(
                p >= 0 and p + n <= s
                for p, n, s in zip(place, size, shape, strict=True)
            )
            seen[tuple(slice(p, p + n) for p, n in zip(place, size, strict=True))] += 1
        assert seen.min() >= 1
        assert (len(blocks) == 1) == (np.prod(shape) * 4 <= 40_000)

    def test_statistics_of_slabs_are_those_of_all(self, tmp_path, rng):
        array = rng.normal(1e4, 3, (300, 200, 60)).astype(np.float32)
        array[:, :, 5] = np.nan
        opened = open_volume(nifti(tmp_path / "a.nii", array))
        whole = read(opened)
        expected = mean_and_deviation(whole.image, whole.valid)
        np.testing.assert_allclose(whole_statistics(opened), expected, rtol=1e-9)
