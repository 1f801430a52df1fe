"""Every case of labels, pairs and splits of ../shared/data/cases for `prepare folder`.

Most of them are the eight scenes of the case "ok" stored in another way: what is
written is compared with its masks, pixel by pixel, through a table of ids.
"""

import os
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import records_bytes
from PIL import Image, ImageOps

from kerasseg import UserError, prepare

if "KERASSEG_DATA" not in os.environ:
    pytest.skip("KERASSEG_DATA is not set", allow_module_level=True)

CASES = Path(os.environ["KERASSEG_DATA"], "cases")
SAME = (0, 1, 2)
"""Ids of the scenes of "ok": ground, disc, box."""
NUMBERED = "class_0 class_1 class_2"
HALF = {"train": 6, "val": 2}


@dataclass(frozen=True)
class Right:
    """What is written: class names, samples of each split, and labels.

    ids: what ground, disc and box of "ok" become; or a function that makes the label of
    the mask's own pixels, as Pillow reads them; None: not compared. says: a part of the
    output.
    """

    flags: str = ""
    ids: tuple[int, int, int] | Callable | None = SAME
    names: str = NUMBERED
    counts: dict = field(default_factory=lambda: HALF)
    says: str = ""


@dataclass(frozen=True)
class Refused:
    """The message, a regular expression."""

    message: str
    flags: str = ""


def own(case: str, name: str) -> str:
    return f"--legend {CASES / case / name}"


def as_it_is(pixels):
    return pixels


def not_black(pixels):
    return pixels != 0


def opaque(pixels):
    return pixels[..., 3] != 0


def bright(pixels):
    return pixels > 127


def nan_ignored(pixels):
    return np.where(np.isnan(pixels), 255, pixels)


def ignoring(void):
    """The ids above `void` move down."""
    return lambda m: np.where(m == void, 255, np.where(m > void, m - 1, m))


BINARY = {"names": "background foreground"}
TABLE = {
    # Pairs by name.
    "data/name_case_differs": Right(),
    "data/name_double_dots": Right(),
    "data/name_spaces": Right(),
    "data/name_unicode": Right(),
    "data/name_uppercase_ext": Right(),
    "data/name_x_jpg_png": Right(says="masks have the image's ending"),
    "data/name_suffix_mask": Right(says="masks have _mask"),
    "data/name_suffix_isic": Right(
        "--binary", (0, 1, 1), says="masks have _segmentation", **BINARY
    ),
    "data/same_folder_jpg_png": Right("--images . --masks ."),
    "data/hidden_files": Right(),
    "data/ext_mixed": Right(),
    "data/img_webp": Right(),
    "data/img_avif": Right(),
    "data/img_gif": Right(),
    "exports/roboflow_semantic": Right(
        "--val-share 0",
        None,
        "background cabinet ceiling chair door elevator railing road",
        {"train": 1},
    ),
    # Folders and splits.
    "data/files_beside_subfolder": Right(
        ids=as_it_is, counts={"train": 8, "val": 2}, says="no splits: extra"
    ),
    "data/nested_train_city": Right(says="Splits by folders: train 8"),
    "data/split_names_dev": Right(says="Splits by folders: train 6, val 2"),
    "data/split_names_validate": Right(says="Splits by folders: train 6, val 2"),
    "data/list_split": Right(says="Splits by train.txt, val.txt: train 6, val 2"),
    "data/class_only_in_val": Right(ids=as_it_is),
    "data/two_images": Right(counts={"train": 1, "val": 1}),
    "data/single_image": Refused("cannot be divided .*--val-share 0"),
    # Sizes and turned files.
    "data/mixed_sizes": Right(ids=as_it_is),
    "data/exif3_mask_stored": Right(),
    "data/exif6_in_mask": Right(ids=as_it_is),
    "data/exif6_mask_upright": Right(ids=as_it_is),
    "data/exif6_square_mask_stored": Right(ids=as_it_is),
    "data/exif6_mask_stored": Refused("s0.png has 96 x 128 pixels.*128 x 96"),
    "data/mask_2px_larger": Refused("has 96 x 128 .*95 x 126.*--mask-fit crop"),
    # Damaged files.
    "data/one_image_truncated": Right(
        "--on-error skip", counts={"train": 5, "val": 2}, says="s3.jpg"
    ),
    "data/one_image_zero_bytes": Right(
        "--on-error skip", counts={"train": 5, "val": 2}, says="s3.jpg .*is empty"
    ),
    "data/one_mask_truncated": Right(
        "--on-error skip", counts={"train": 5, "val": 2}, says="s3.png .*truncated"
    ),
    "data/one_mask_bad_id": Right(
        "--on-error skip",
        names="bg disc box",
        counts={"train": 5, "val": 2},
        says="s3.png holds id 77",
    ),
    # What masks mean.
    "data/ok": Right(),
    "data/stale_resume": Right(ids=(0, 2, 1)),
    "data/half_images_all_ignored": Right(ids=as_it_is, says="ignored: 255"),
    "data/mask_0_1": Right("--binary", not_black, **BINARY),
    "data/mask_0_128": Right("--binary", not_black, **BINARY),
    "data/mask_0_255": Right("--binary", not_black, **BINARY),
    "data/mask_0_127_255": Refused("--binary.*--ignore 127"),
    "data/mask_1bit": Right("--binary", (0, 1, 1), **BINARY),
    "data/mask_jpeg_binary": Right("--binary", bright, **BINARY),
    "data/mask_jpeg_gray": Refused("s0.jpg is a JPEG, which changes"),
    "data/mask_jpeg_then_png_colour": Refused("smoothing or JPEG"),
    "data/mask_antialias_colour": Refused("smoothing or JPEG"),
    "data/mask_antialias_ids": Right(ids=as_it_is, names=f"{NUMBERED} class_3 class_4"),
    "data/mask_rgba_alpha": Right(ids=opaque, **BINARY),
    "data/mask_rgba_colour": Right(names="bg disc box"),
    "data/mask_16bit_small": Right(),
    "data/mask_16bit_ids_above_255": Refused("ids 0 to 258.*--compact"),
    "data/mask_instances_16bit": Refused("ids 0 to 300.*--compact"),
    "data/mask_1based": Right(
        ids=(1, 2, 3), names=f"{NUMBERED} class_3", says="No mask holds 0"
    ),
    "data/mask_brats_0124": Right(ids=as_it_is, names=f"{NUMBERED} class_3 class_4"),
    "data/mask_float_nan": Right(ids=nan_ignored, says="ignored: no number"),
    "data/mask_float_prob": Refused("s0.tif: It holds 0.9.*--threshold 0.5"),
    "data/mask_gap_big": Right(
        "--compact", lambda m: np.searchsorted([0, 1, 2, 100, 200], m), names=None
    ),
    "data/mask_palette_per_file": Right(ids=(0, 2, 1)),
    "data/mask_palette_trns": Right(),
    "data/mask_void_254": Right("--ignore 254", ignoring(254), names=None),
    "data/mask_zero_is_void": Right("--ignore 0", ignoring(0), names=None),
    "data/multilabel_tif_pages": Refused("--per-class pages", "--binary"),
    "data/one_class": Refused("one class cannot be learned"),
    "data/class_dict_csv": Right(names="Ground Disc Box"),
    "data/legend_numbered_shuffled": Right(names="background disc box"),
    "data/cvat_segmask": Right(
        f"--images JPEGImages --masks SegmentationClass "
        f"{own('data/cvat_segmask', 'labelmap.txt')}",
        (1, 0, 2),
        "Disc background Box",
        says="SegmentationObject",
    ),
    "exports/cvat_segmentation_mask_1.1": Right(
        "--val-share 0", None, None, {"train": 3}
    ),
    "exports/ids_from_1/pet": Right(
        "--val-share 0",
        None,
        f"{NUMBERED} class_3",
        {"train": 3},
        "annotations/trimaps",
    ),
    # Not of this command.
    "data/yolo_seg": Refused("YOLO.*prepare yolo", "--masks labels"),
    "data/nifti_volumes": Refused("NIfTI files are not read"),
    "data/tif_stack": Right(
        "--pages samples", None, counts={"train": 12, "val": 12}, says="stacks"
    ),
}
FLAGS = {
    "pages ask": ("data/tif_stack", Refused("12 pages.*--pages samples")),
    "crop": ("data/mask_2px_larger", Right("--mask-fit crop", None)),
    "stretch": ("data/mask_2px_larger", Right("--mask-fit stretch", None)),
    "keep": (
        "data/ok",
        Right("--keep class_0 class_2", (0, 255, 1), "class_0 class_2"),
    ),
    "drop": ("data/ok", Right("--drop class_0", (255, 0, 1), "class_1 class_2")),
    "merge": (
        "data/ok",
        Right("--merge thing=class_1,class_2", (0, 1, 1), "class_0 thing"),
    ),
    "one left": ("data/ok", Refused("ends with one class", "--keep class_1")),
    "near name": ("data/ok", Refused("nearest is class_", "--keep clas_1")),
    "fold": ("data/ok", Right("--folds 4 --fold 3", says="fold 3 of 4")),
    "group": (
        "data/nested_train_city",
        Right("--group-by '^(city[0-9])/'", counts={"train": 4, "val": 4}),
    ),
    "no group": (
        "data/nested_train_city",
        Refused("does not fit the sample 'city1/s1'", "--group-by '^(city0)/'"),
    ),
    "found in one folder": ("data/same_folder_jpg_png", Right()),
    "patterns": (
        "data/same_folder_jpg_png",
        Right("--images '*.jpg' --masks '*.png'"),
    ),
    "suffix": (
        "data/name_suffix_isic",
        Right("--binary --suffix _segmentation", (0, 1, 1), **BINARY),
    ),
    "wrong suffix": (
        "data/name_suffix_isic",
        Refused("ends with _seg before.*Correct --suffix", "--binary --suffix _seg"),
    ),
    "val stays": ("data/list_split", Right("--val-share 0.5", says="not used")),
    "anew": (
        "data/list_split",
        Right("--split-by name --val-share 0.5", counts={"train": 4, "val": 4}),
    ),
}


def prepared(case, asked, out, capsys) -> str:
    source = CASES / case
    prepare.run(
        ["folder", str(source), str(out), "--workers", "1", *shlex.split(asked.flags)],
        "as typed",
    )
    return capsys.readouterr().out


def check(case, asked, tmp_path, capsys):
    if not (CASES / case).exists():
        pytest.skip(f"{case} is not in {CASES}")
    if isinstance(asked, Refused):
        with pytest.raises(UserError, match=asked.message) as refusal:
            prepared(case, asked, tmp_path / "r", capsys)
        assert len(str(refusal.value).splitlines()) == 1
        assert not list(tmp_path.glob("r*"))
        return
    said = prepared(case, asked, tmp_path / "r", capsys)
    assert re.search(asked.says, " ".join(said.split()))
    counts = {}
    for split in asked.counts:
        samples = list(records_bytes.samples(tmp_path / "r", split))
        counts[split] = len(samples)
        if asked.ids is not None:
            for name, label, _ in samples:
                wanted = expected(CASES / case, name, asked.ids)
                np.testing.assert_array_equal(label, wanted)
    assert counts == asked.counts
    if asked.names is not None:
        text = (tmp_path / "r/dataset.json").read_text()
        for name in asked.names.split():
            assert f'"{name}"' in text


def expected(source, name, ids):
    """Of a table the mask of the scene of "ok" with that number, with these ids."""
    if callable(ids):
        (file,) = [f for f in source.rglob(f"masks/**/{name}.*") if f.is_file()]
        return ids(np.asarray(ImageOps.exif_transpose(Image.open(file))))
    number = re.findall(r"\d+", name.rpartition("/")[2])[-1][-1]
    if "img.v2" in name:
        number = name.split(".")[2]
    mask = np.asarray(Image.open(CASES / f"data/ok/masks/s{number}.png"))
    return np.array([*ids, 255], np.uint8)[np.minimum(mask, 3)]


@pytest.mark.parametrize("case", TABLE)
def test_case(case, tmp_path, capsys):
    check(case, TABLE[case], tmp_path, capsys)


@pytest.mark.parametrize("flag", FLAGS)
def test_flags(flag, tmp_path, capsys):
    check(*FLAGS[flag], tmp_path, capsys)


def test_lists_choose_the_right_images(tmp_path, capsys):
    prepared("data/list_split", Right(), tmp_path / "r", capsys)
    names = [name for name, _, _ in records_bytes.samples(tmp_path / "r", "val")]
    assert names == ["s6", "s7"]


def test_sub_folders_are_groups(tmp_path, capsys):
    flags = "--split-by sequence --val-share 0.5"
    prepared("data/nested_train_city", Right(flags), tmp_path / "r", capsys)
    for split in "train", "val":
        found = list(records_bytes.samples(tmp_path / "r", split))
        assert len(found) == 4
        (city,) = {sequence for _, _, sequence in found}
        assert all(name.startswith(f"{city}/s") for name, _, _ in found)
