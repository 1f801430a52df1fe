"""The doctor calls a folder healthy only if `prepare folder` would read it."""

import numpy as np
import patients
import pytest
from PIL import Image

from kerasseg.data.datasets import adapter
from kerasseg.data.reading.masks.mask_flags import MaskFlags
from kerasseg.data.reading.pairing.pair_flags import FilePair
from kerasseg.doctor import checks, pair_source
from kerasseg.doctor.facts import decode
from kerasseg.doctor.images import ImageSet
from kerasseg.doctor.mask_ids import MaskFormat, ids_of
from kerasseg.doctor.survey import survey
from kerasseg.taxonomy import IGNORE

IDS = np.kron(np.array([[0, 1, 2, 0], [2, 2, 1, 1], [1, 0, 2, 2]]), np.ones((8, 8)))
IDS = IDS.astype(np.uint8)
PALETTE = np.array([[0, 0, 0], [250, 0, 0], [0, 250, 0], [9, 9, 9]], np.uint8)
COLOURS = "a 0 0 0\nb 250 0 0\nc 0 250 0"


def with_palette(ids):
    image = Image.fromarray(ids)
    image.putpalette(PALETTE.tobytes())
    return image


def with_alpha(image):
    image.putalpha(200)
    return image


def gray(ids):
    return Image.fromarray(np.stack([ids] * 3, -1))


KINDS = {
    "L": (Image.fromarray, "png"),
    "P": (with_palette, "png"),
    "P in BMP": (with_palette, "bmp"),
    "1": (lambda ids: Image.fromarray(ids == 1), "png"),
    "LA": (lambda ids: with_alpha(Image.fromarray(ids)), "png"),
    "RGB": (gray, "png"),
    "RGB in colours": (lambda ids: Image.fromarray(PALETTE[ids % 4]), "png"),
    "RGBA": (lambda ids: with_alpha(gray(ids)), "png"),
    "I;16": (lambda ids: Image.fromarray(ids.astype(np.uint16) * 1), "png"),
    "I": (lambda ids: Image.fromarray(ids.astype(np.int32)), "tif"),
    "F": (lambda ids: Image.fromarray(ids.astype(np.float32)), "tif"),
}
FAULTS = {
    "16 bits": (lambda ids: Image.fromarray(ids.astype(np.uint16) * 300), "png"),
    "below 0": (lambda ids: Image.fromarray(ids.astype(np.int32) - 1), "tif"),
    "far below 0": (lambda ids: Image.fromarray(ids.astype(np.int32) - 9), "tif"),
    "a half": (lambda ids: Image.fromarray(ids.astype(np.float32) / 2), "tif"),
    "NaN": (
        lambda ids: Image.fromarray(np.where(ids == 1, np.nan, ids).astype("f4")),
        "tif",
    ),
    "infinite": (
        lambda ids: Image.fromarray(np.where(ids == 1, np.inf, ids).astype("f4")),
        "tif",
    ),
    "colours": (lambda ids: Image.fromarray(PALETTE[ids]), "png"),
    "beyond the palette": (lambda ids: with_palette(ids * 3), "bmp"),
}


def save(folder, draw, ending, legend=""):
    rng = np.random.default_rng(0)
    for number in range(3):
        noise = rng.integers(0, 256, (*IDS.shape, 3)).astype(np.uint8)
        patients.save(folder / f"images/{number}.png", noise)
        (folder / "masks").mkdir(exist_ok=True)
        turned = np.ascontiguousarray(np.roll(IDS, number))
        draw(turned).save(folder / f"masks/{number}.{ending}")
    if legend:
        (folder / "classes.txt").write_text(legend)


def refused_by_prepare(folder, **options):
    """Why `prepare folder` would not read the folder; "" if it would."""
    try:
        taxonomy, splits = adapter("folder")(folder, masks=MaskFlags(**options))
        for sample in [s for samples in splits.values() for s in samples]:
            outside = (sample.label >= taxonomy.num_classes) & (sample.label != IGNORE)
            if outside.any() or sample.label.shape != sample.image.shape[:2]:
                return "checked when written"
    except ValueError as error:
        return str(error)
    return ""


def errors(folder, **options):
    source = pair_source.of_folder(folder, masks=MaskFlags(**options))
    findings = checks.run(survey(source, progress=False), source.findings)
    return [f for f in findings if f.severity == "error"]


@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize("legend", ["", "a\nb\nc", COLOURS])
@pytest.mark.parametrize("kind", [*KINDS, *FAULTS])
def test_same_verdict(tmp_path, kind, legend, binary):
    if binary and legend:
        legend = legend.rpartition("\n")[0]  # two classes
    save(tmp_path, *(KINDS | FAULTS)[kind], legend)
    refusal = refused_by_prepare(tmp_path, binary=binary)
    found = errors(tmp_path, binary=binary)
    if refusal:
        assert found, refusal
    else:  # all that is left: masks of one id, as binary 1 and 2 are both background
        assert {f.check for f in found} <= ({"ignored"} if binary else set())
    if kind in KINDS and not binary and not refusal:
        read = adapter("folder")(tmp_path)[1]["train"].read
        source = pair_source.of_folder(tmp_path)
        for entry, data in source.pairs:
            if entry.split == "train":
                assert_same_ids(entry, data(), source.masks, read)


def assert_same_ids(entry, data, masks: MaskFormat, read):
    ids, unknown = ids_of(decode(entry, data, ImageSet())[1], masks)
    assert not unknown
    pair = FilePair(data.image, (data.mask,), entry.id)
    np.testing.assert_array_equal(ids, read(pair).label)


def one_image(folder):
    for kind in "images", "masks":
        for name in "1", "2":
            (folder / kind / f"{name}.png").unlink()


def empty_val(folder):
    for kind in "images", "masks":
        (folder / "train").mkdir(exist_ok=True)
        (folder / kind).rename(folder / "train" / kind)
        (folder / "val" / kind).mkdir(parents=True)


def two_of_one_name(folder):
    Image.open(folder / "images/0.png").save(folder / "images/0.bmp")


def lossy(folder):
    Image.open(folder / "masks/0.png").save(folder / "masks/0.jpg")
    (folder / "masks/0.png").unlink()


def other_size(folder):
    Image.open(folder / "masks/0.png").crop((0, 0, 9, 9)).save(folder / "masks/0.png")


def cut_short(folder):
    file = folder / "masks/0.png"
    file.write_bytes(file.read_bytes()[:-30])


FOLDERS = (one_image, empty_val, two_of_one_name, lossy, other_size)


@pytest.mark.parametrize("plant", [*FOLDERS, cut_short])
def test_a_folder_that_prepare_refuses_has_an_error(tmp_path, plant):
    save(tmp_path, Image.fromarray, "png")
    assert not refused_by_prepare(tmp_path) and not errors(tmp_path)
    plant(tmp_path)
    assert refused_by_prepare(tmp_path)
    assert errors(tmp_path)
