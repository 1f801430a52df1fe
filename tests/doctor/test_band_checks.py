"""Images of other bands and types: what the doctor says of their values."""

import re

import numpy as np
import patients
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from kerasseg import prepare
from kerasseg.data.reading.pairing.pair_flags import PairFlags
from kerasseg.data.reading.pictures.picture import Picture
from kerasseg.data.sample import Sample
from kerasseg.data.synthetic import scene
from kerasseg.data.writing.splits import write_splits
from kerasseg.doctor import checks, fingerprint, images, pair_source, record_source
from kerasseg.doctor.__main__ import main
from kerasseg.doctor.edge_agreement import agreement
from kerasseg.doctor.images import Shot
from kerasseg.doctor.survey import survey
from kerasseg.image_format import GRAY, RGB, ImageFormat
from kerasseg.taxonomy import IGNORE, Taxonomy

FOUR = ("red", "green", "blue", "band_4")


def tiff(path, pixels, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    extra = ["unspecified"] * (pixels.shape[-1] - 3)
    tifffile.imwrite(path, pixels, photometric="rgb", extrasamples=extra, **options)


@pytest.fixture(scope="module")
def scenes():
    """Ten of (96, 128): four bands of uint16 that fill 12 bits, and ids 0 to 3."""
    found = []
    for number in range(10):
        sample = scene(1, number, 96, 128)
        bands = sample.image.astype(np.uint16) * 12
        # Each band has its own level, as bands of satellites have.
        bands = bands // 2 + np.array([1400, 800, 300], np.uint16)
        bands += np.arange(128, dtype=np.uint16)[:, None]  # the sky is not cut off
        near = 3800 - bands[..., :1] // 2
        found.append((np.concatenate([bands, near], -1), sample.label % 4))
    return found


def written(folder, scenes, change=lambda number, pixels: pixels, **options):
    for number, (pixels, label) in enumerate(scenes):
        split = "train" if number < 7 else "val"
        pixels = np.ascontiguousarray(change(number, pixels.copy()))
        tiff(folder / f"images/{split}/{number}.tif", pixels, **options)
        patients.save(folder / f"masks/{split}/{number}.png", label)
    (folder / "classes.txt").write_text("\n".join(patients.NAMES))
    return folder


def found_in(source):
    seen = survey(source, progress=False)
    findings = checks.run(seen, source.findings)
    return seen, [f"{f.severity} {f.check}: {f.says} {f.fix}" for f in findings]


def said(folder, **options):
    return found_in(pair_source.of_folder(folder, **options))[1]


def test_12_bits_of_16_are_healthy(tmp_path, scenes, capsys):
    written(tmp_path / "set", scenes)
    main([str(tmp_path / "set"), "--out", str(tmp_path / "page.html")])
    text = " ".join(capsys.readouterr().out.split())
    assert "Healthy." in text
    assert f"images: 4 bands ({', '.join(FOUR)}) of uint16" in text
    assert "(12 of 16 bits)" in text
    page = (tmp_path / "page.html").read_text()
    assert "4 bands (red, green, blue, band_4) of uint16" in page
    assert "Pictures show red, green, blue" in page


def test_bands_are_shown_as_asked(tmp_path, scenes, capsys):
    written(tmp_path / "set", scenes)
    page = tmp_path / "page.html"
    main([str(tmp_path / "set"), "--out", str(page), "--bands", "band_4,red,green"])
    assert "Pictures show band_4, red, green" in page.read_text()
    with pytest.raises(SystemExit):
        main([str(tmp_path / "set"), "--out", str(page), "--bands", "5"])
    assert "no band '5'" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["uint16", "int16", "float32"])
def test_a_low_range_is_not_blank(tmp_path, scenes, kind):
    def low(number, pixels):
        if kind == "float32":
            return (pixels / 1e6).astype(np.float32)
        return (pixels // 100).astype(kind)  # 4 to 40

    assert said(written(tmp_path / "set", scenes, low)) == []


def noise(number, pixels):
    rng = np.random.default_rng(number)
    return rng.integers(1000, 1004, pixels.shape).astype(np.uint16)


def of_image(wanted, change):
    return lambda number, pixels: change(number, pixels) if number == wanted else pixels


def with_band(band, value):
    def change(number, pixels):
        pixels[..., band] = value
        return pixels

    return change


def clipped(number, pixels):
    pixels[..., 0] = np.minimum(pixels[..., 0], 1900)
    return pixels


def a_part(number, pixels):
    pixels[:12] = 0
    return pixels


def mark_in_band(number, pixels):
    pixels = pixels.astype(np.int16)
    pixels[:9, :, 3] = -9999
    return pixels


def blue_first(number, pixels):
    return pixels[..., [2, 1, 0, 3]] if number in (1, 4, 8) else pixels


FAULTS = {
    "one colour": (
        of_image(2, lambda _, pixels: np.full_like(pixels, 900)),
        "warning blank: .*images/train/2.tif.*one colour",
    ),
    "noise": (of_image(2, noise), "warning blank: .*images/train/2.tif.*noise"),
    "constant band": (
        with_band(1, 77),
        "warning bands: The band green holds one value in all .*--image-bands 1 3 4",
    ),
    "missing band": (
        of_image(3, with_band(3, 0)),
        r"warning bands: .*3.tif.*band_4 holds one value there \(0\)",
    ),
    "saturated": (clipped, "warning saturated: .*red .* at 1900"),
    "blue first": (blue_first, "warning order: 3 of 10 .*red and blue"),
    "unsaid nodata": (a_part, "warning nodata: .*hold 0 in every .*a_nodata 0"),
    "mark in one band": (
        mark_in_band,
        "warning nodata: .*/0.tif.*band_4 holds -9999.*--image-bands 1 2 3 of",
    ),
    "another type": (
        of_image(0, lambda _, pixels: pixels.astype(np.float32)),
        "error format: .*9 have 4 bands.*uint16; 1 have 4 bands.*float32",
    ),
    "fewer bands": (
        of_image(0, lambda _, pixels: pixels[..., :3]),
        "error format: .*--image-bands 1 2 3",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_of_bands(tmp_path, scenes, fault):
    change, words = FAULTS[fault]
    found = said(written(tmp_path / "set", scenes, change))
    assert any(re.match(words, text) for text in found), found
    kind = words.split(":")[0]
    others = [text for text in found if not text.startswith(kind)]
    assert not [text for text in others if text.startswith("error")], others


def test_the_cure_for_fewer_bands_works(tmp_path, scenes, capsys):
    folder = written(tmp_path / "set", scenes, FAULTS["fewer bands"][0])
    out = ["--out", str(tmp_path / "page.html")]
    main([str(folder), *out, "--image-bands", "1", "2", "3"])
    assert "Healthy." in capsys.readouterr().out


def test_nodata_that_is_said_is_no_fault(tmp_path, scenes):
    tags = [(42113, "s", 0, "0", True)]  # GDAL_NODATA
    folder = written(tmp_path / "set", scenes, a_part, extratags=tags)
    seen, found = found_in(pair_source.of_folder(folder))
    assert found == []
    assert all(
        f.bands.invalid == 1 / 8 and f.bands.smallest.min() > 0 for f in seen.good
    )
    assert all(f.pixels(IGNORE) == f.counts.sum() / 8 for f in seen.good)


@pytest.mark.parametrize("kind", ["uint16", "int16"])
def test_records_and_their_folder_give_the_same(tmp_path, scenes, kind):
    folder = written(
        tmp_path / "set", scenes, lambda n, p: blue_first(n, p).astype(kind)
    )
    prepare.main(["folder", str(folder), str(tmp_path / "records"), "--workers", "1"])
    seen, found = found_in(pair_source.of_folder(folder))
    again, told = found_in(record_source.of_records(tmp_path / "records"))
    assert [text.split(":")[0] for text in found] == ["warning order"]
    assert [text.split(":")[0] for text in told] == ["warning order"]
    for one, other in zip(seen.good, again.good, strict=True):
        assert one.digest == other.digest
        np.testing.assert_array_equal(one.bands.mean, other.bands.mean)
        assert one.margin == other.margin


def test_records_of_many_classes_and_other_bands_are_read(tmp_path):
    """Labels of 16 bits beside bands that no picture file holds."""
    rng, shape = np.random.default_rng(0), (8, 8)
    samples = [
        Sample(
            str(number),
            rng.integers(0, 4000, (*shape, 2), np.uint16),
            rng.integers(250, 300, shape, np.uint16),
        )
        for number in range(2)
    ]
    classes = Taxonomy.named([f"class {number}" for number in range(300)])
    bands = ImageFormat.of(("a", "b"), "uint16")
    records = tmp_path / "records"
    write_splits({"train": samples}, records, taxonomy=classes, image_format=bands)
    seen, _ = found_in(record_source.of_records(records))
    assert len(seen.good) == 2


def test_flags_of_folders_are_refused_for_records(tmp_path, scenes, capsys):
    folder = written(tmp_path / "set", scenes)
    prepare.main(["folder", str(folder), str(tmp_path / "records"), "--workers", "1"])
    with pytest.raises(SystemExit) as stop:
        main([str(tmp_path / "records"), "--binary"])
    assert stop.value.code == 2
    assert "flags for pairs, masks and images" in capsys.readouterr().err


def test_negatives(tmp_path, scenes):
    folder = written(tmp_path / "set", scenes)
    (folder / "masks/train/0.png").unlink()
    (folder / "classes.txt").write_text("background\na\nb\nc")
    assert any("Images without a mask: 1" in text for text in said(folder))
    source = pair_source.of_folder(folder, PairFlags(negatives="background"))
    seen, found = found_in(source)
    assert len(seen.good) == 10 and not [t for t in found if t.startswith("error")]
    assert [f.ids.tolist() for f in seen.good if f.entry.mask == "(no mask)"] == [[0]]


def test_numbers_of_bands_by_hand():
    pixels = np.zeros((2, 4, 2), np.uint16)
    pixels[..., 0] = [[1, 2, 3, 4], [4, 4, 4, 4]]
    valid = np.ones((2, 4), bool)
    valid[0, 0] = False
    got = images.bands_of(Shot(pixels, valid), ImageFormat.of(("a", "b"), "uint16"))
    assert got.smallest.tolist() == [2, 0] and got.largest.tolist() == [4, 0]
    assert got.mean[0] == pytest.approx(25 / 7) and got.deviation[1] == 0
    assert got.at_largest.tolist() == pytest.approx([5 / 7, 1])
    assert got.levels.tolist() == [3, 1] and got.invalid == 1 / 8


@pytest.mark.parametrize("image_format", [RGB, GRAY])
def test_ordinary_pictures_are_measured_as_they_are(image_format):
    pixels = scene(0, 1, 32, 48).image[..., : image_format.channels]
    got = images.planes(Shot(np.ascontiguousarray(pixels)), image_format)
    assert got.dtype == np.uint8
    np.testing.assert_array_equal(got, np.broadcast_to(pixels, got.shape))
    assert images.gray(got) is got


@settings(deadline=None, max_examples=40)
@given(
    arrays(
        st.sampled_from(["uint8", "uint16", "int16", "float32"]),
        st.tuples(st.integers(1, 70), st.integers(1, 70), st.integers(1, 5)),
    )
    | arrays("float32", (66, 67, 2), elements=st.sampled_from([0, 1, np.nan, np.inf]))
)
def test_any_numbers_are_measured(pixels):
    if pixels.dtype == np.float32:  # beyond, squares and differences end float32
        pixels = np.where(np.isfinite(pixels), pixels.clip(-1e30, 1e30), pixels)
    bands = tuple(f"band_{i}" for i in range(pixels.shape[-1]))
    image_format = ImageFormat.of(bands, pixels.dtype.name)
    finite = np.isfinite(pixels).all(-1)
    image = Picture(pixels, bands, valid=None if finite.all() else finite)
    shot = images.shot_of(image, images.ImageSet(image_format))
    facts = images.bands_of(shot, image_format)
    planes = images.planes(shot, image_format)
    assert np.isfinite(facts.mean).all() and (facts.smallest <= facts.largest).all()
    assert images.gray(planes).shape == (*pixels.shape[:2], 3)
    label = (np.indices(pixels.shape[:2]).sum(0) // 7 % 3).astype(np.float32)
    sums = agreement(planes, label)
    assert sums is None or np.isfinite(sums).all()
    assert fingerprint.thumbnail(images.gray(planes)).shape == (16, 17)
