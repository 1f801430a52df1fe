"""ACDC: 4,006 frames in fog, at night, in rain and in snow, 19 classes of Cityscapes.

Sakaridis et al. 2021.
"""

from __future__ import annotations

from pathlib import Path

from kerasseg import UserError
from kerasseg.data.datasets.cityscapes import classes
from kerasseg.data.datasets.cityscapes_labels import TAXONOMY
from kerasseg.data.datasets.frames import Frame, first_folder, samples_of, visible
from kerasseg.data.sample import Samples
from kerasseg.taxonomy import Taxonomy

CONDITIONS = ("fog", "night", "rain", "snow")
SPLITS = ("train", "val")
IMAGE = "_rgb_anon.png"
LABELS = ("_gt_labelIds.png", "_gt_labelTrainIds.png")


def load(src: Path, /, *, condition: str = "") -> tuple[Taxonomy, dict[str, Samples]]:
    """ACDC: rgb_anon/fog/train/GOPR0475/*_rgb_anon.png with gt/fog/train/GOPR0475/*.

    Labels are *_gt_labelIds.png, else *_gt_labelTrainIds.png. A recording in one
    condition is a sequence; ids begin with the condition (fog_GOPR0475_frame_000041).
    test, and the frames in clear weather (train_ref, ...), have no labels and are left
    out.

    Tried on miniatures of this layout only, not on the real files.

    Args:
        src: Folder that holds rgb_anon/ and gt/, or the folders of both archives,
            rgb_anon_trainvaltest/ and gt_trainval/.
        condition: fog, night, rain or snow; empty: all of them.

    Raises:
        UserError: files that are missing or are not laid out like this.
    """
    src = Path(src)
    if condition not in ("", *CONDITIONS):
        raise UserError(
            f"--condition must be one of {', '.join(CONDITIONS)}, got '{condition}'."
        )
    images = first_folder(src, ("rgb_anon", "rgb_anon_trainvaltest/rgb_anon"))
    labels = first_folder(src, ("gt", "gt_trainval/gt"))
    splits: dict[str, list[Frame]] = {split: [] for split in SPLITS}
    left_out = 0
    if images is None or labels is None:
        raise UserError(
            f"{src} has no folders rgb_anon/ and gt/. Unpack rgb_anon_trainvaltest.zip "
            "and gt_trainval.zip there."
        )
    for image in visible(images, f"*/*/*/*{IMAGE}"):
        kind, split, recording = image.relative_to(images).parts[:3]
        if condition not in ("", kind):
            continue
        if split not in SPLITS:
            left_out += 1
            continue
        name = image.name.removesuffix(IMAGE)
        files = [labels / kind / split / recording / (name + end) for end in LABELS]
        label = next((file for file in files if file.is_file()), files[0])
        place = f"{kind}/{recording}"
        splits[split].append(Frame(f"{kind}_{name}", image, label, place))
    if not any(splits.values()):
        raise UserError(
            f"{src} has no rgb_anon/{condition or 'fog'}/train/GOPR0475/*{IMAGE}. "
            "Unpack rgb_anon_trainvaltest.zip there."
        )
    said = f"{left_out} images of test and *_ref have no labels and are left out."
    return TAXONOMY, {
        split: samples_of(frames, classes, left_out=said if left_out else "")
        for split, frames in splits.items()
        if frames
    }
