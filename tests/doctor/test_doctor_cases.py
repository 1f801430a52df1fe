"""The doctor and `prepare folder` agree on the cases of ../shared/data/cases.

What `prepare` refuses has an error, what it takes has none of those that say it would
not. Other errors (a leak between splits, masks beside their objects) are listed here.
"""

import os
import re
import shlex
from pathlib import Path

import pytest
import tyro

from kerasseg import UserError
from kerasseg.data.datasets import adapter
from kerasseg.data.preparing.classes import ClassChoice, refuse_one_class
from kerasseg.data.sample import masked
from kerasseg.doctor import checks, pair_source
from kerasseg.doctor.__main__ import Doctor
from kerasseg.doctor.survey import survey
from kerasseg.taxonomy import IGNORE

CASES = Path(os.environ.get("KERASSEG_DATA", "")) / "cases"
pytestmark = pytest.mark.skipif(
    not CASES.is_dir(), reason="KERASSEG_DATA does not name ../shared/data"
)
REFUSALS = {"pairs", "corrupt", "format", "size", "encoding", "range"}
"""Checks whose errors say that `prepare` would not take the folder."""
ALIKE = "leakage .*almost equal"
"""Drawn scenes: many are alike."""
HEALTHY = ""

TABLE = {
    # Case and flags: words of an error (check, what it says, its fix), or HEALTHY.
    # Images of any kind.
    "data/nuclei_12bit_in_16": HEALTHY,
    "data/png16_12bit": ALIKE,
    "data/tif16_reflectance800": ALIKE,
    "data/tif_float01": ALIKE,
    "data/tif_rgb16_planar": ALIKE,
    "data/tif_4band_rgbn_alpha": HEALTHY,
    "data/tif_4band_rgbn_alpha --image-alpha band": ALIKE,
    "data/tif_8band_u16": HEALTHY,
    "data/tif_8band_u16 --image-bands 3 2 1": ALIKE,
    "data/tif_stack": "corrupt .*12 pages.*Say what they are: --pages samples",
    "data/tif_stack --pages samples": ".*",
    "data/img_webp": HEALTHY,
    "data/img_avif": HEALTHY,
    "data/ext_mixed": HEALTHY,
    "data/formats": "pairs .*share their name",
    "exports/eight_band_tiff": HEALTHY,
    "exports/float_tiff": HEALTHY,
    "exports/sixteen_bit_images": HEALTHY,
    # Files.
    "data/one_image_truncated": "corrupt image images/s3.jpg .*--on-error skip",
    "data/one_image_zero_bytes": "corrupt image images/s3.jpg .*is empty",
    "data/one_mask_truncated": "corrupt mask masks/s3.png",
    "data/one_mask_bad_id": "range .*hold ids 77",
    "data/mask_2px_larger": "size .*96 x 128 and 95 x 126.*--mask-fit crop",
    "data/mask_2px_larger --mask-fit crop": HEALTHY,
    "data/exif6_mask_stored": "exif .*as it is stored",
    "data/exif6_square_mask_stored": "alignment .*turned by 270 degrees",
    "data/single_image": "pairs .*cannot be divided.*--val-share 0",
    "data/single_image --val-share 0": HEALTHY,
    # Masks.
    "data/mask_float_nan": HEALTHY,
    "data/mask_float_prob": "encoding .*holds 0.9.*Say --threshold 0.5",
    "data/mask_float_prob --threshold 0.5": ALIKE,
    "data/mask_0_1 --binary": ALIKE,
    "data/mask_1bit --binary": HEALTHY,
    "data/mask_0_255": "encoding .*If 255 is the object, say --binary",
    "data/mask_0_128": "encoding .*--binary.*--ignore 128",
    "data/mask_0_127_255": "encoding .*--binary --ignore 127",
    "data/mask_0_127_255 --binary --ignore 127": ".*",
    "data/mask_jpeg_gray": "pairs JPEG.*--binary",
    "data/mask_jpeg_binary --binary": ".*",
    "data/mask_palette_per_file": HEALTHY,
    "data/mask_rgba_alpha": ALIKE,
    "data/mask_void_254": "encoding .*say --ignore 254",
    "data/mask_void_254 --ignore 254": HEALTHY,
    "data/mask_void_254_named": "range .*say --ignore 254",
    "data/mask_void_254_named --ignore 254": HEALTHY,
    "data/mask_gap_big": "encoding .*say --compact",
    "data/mask_gap_big --compact": HEALTHY,
    "data/mask_antialias_ids": "interpolated .*ids between",
    "data/mask_antialias_colour": "range .*smoothing or JPEG",
    "data/multilabel_tif_pages": "encoding .*3 pages.*--per-class pages",
    "data/multilabel_channels": "encoding .*--per-class channels",
    "data/one_class": "encoding .*one class cannot be learned",
    "data/class_only_in_val": "classes .*class_2.*They cannot be learned",
    "data/legend_numbered_shuffled": HEALTHY,
    "data/files_beside_subfolder": HEALTHY,
    "data/ds_cityscapes": "labelIds .*prepare cityscapes",
    # No folder of pictures and masks.
    "data/labelme_bom": "pairs .*no pictures of masks.*prepare NAME SRC OUT",
    "data/coco_roboflow": "pairs .*no folder of masks",
    "data/yolo_seg": "pairs .*YOLO",
    "data/nifti_volumes": "pairs .*NIfTI files are not read",
}


def asked_of(words: str) -> Doctor:
    case, *flags = shlex.split(words)
    return tyro.cli(Doctor, args=[str(CASES / case), *flags])


def refused(asked: Doctor) -> str:
    """Why `prepare folder` would stop; "" if it would not."""
    try:
        taxonomy, splits = adapter("folder")(
            asked.source,
            pairs=asked.pair_flags,
            masks=asked.mask_flags,
            images=asked.image_flags,
            val_share=asked.val_share,
        )
        refuse_one_class("folder", taxonomy, ClassChoice())
        for sample in [masked(s) for samples in splits.values() for s in samples]:
            outside = (sample.label >= taxonomy.num_classes) & (sample.label != IGNORE)
            if outside.any() or sample.label.shape != sample.image.shape[:2]:
                return "checked when written"
    except UserError as error:
        return str(error)
    return ""


def errors(asked: Doctor) -> list[tuple[str, str]]:
    source = pair_source.of_folder(
        asked.source,
        asked.pair_flags,
        asked.mask_flags,
        asked.image_flags,
        asked.val_share,
    )
    findings = checks.run(survey(source, progress=False), source.findings)
    return [
        (f.check, f"{f.check} {f.says} {f.fix}")
        for f in findings
        if f.severity == "error"
    ]


def check_agreement(words: str) -> list[tuple[str, str]]:
    asked = asked_of(words)
    refusal, found = refused(asked), errors(asked)
    if refusal:
        assert found, refusal
    else:
        assert not REFUSALS & {check for check, _ in found}, found
    return found


@pytest.mark.parametrize("words", TABLE)
def test_case(words):
    found = check_agreement(words)
    if TABLE[words] == HEALTHY:
        assert not found
    elif TABLE[words] != ".*":
        check, _, rest = TABLE[words].partition(" ")
        fitting = [t for c, t in found if c == check and re.search(rest, t)]
        assert fitting, found


@pytest.mark.slow
def test_all_others_agree():
    known = {words.split()[0] for words in TABLE}
    for folder in sorted([*CASES.glob("data/*"), *CASES.glob("exports/*")]):
        name = str(folder.relative_to(CASES))
        if folder.is_dir() and name not in known:
            check_agreement(name)
