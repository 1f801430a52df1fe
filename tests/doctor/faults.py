"""Every fault that the doctor must find in a folder, and what it says."""

from __future__ import annotations

import numpy as np
from patients import (
    blank_image,
    class_nowhere,
    class_only_in_train,
    class_only_in_val,
    class_rare,
    coloured,
    coloured_and_smoothed,
    copied,
    cut_short,
    each_mask,
    few_moved,
    files_exchanged,
    folders_swapped,
    image_of_other_size,
    jpeg_mask,
    label_ids,
    labels_exchanged,
    labels_off_by_one,
    mask_of_other_size,
    mostly_ignored,
    moved,
    near_copy,
    no_image_at_all,
    no_train,
    one_ignored,
    smoothed,
    tag_turns_back,
    tag_turns_image,
    tags_turn_over,
    val_ignored,
    val_of_one_class,
    video_dealt,
    with_legend,
    without_mask,
)

FAULTS = {
    "0 and 255": (
        each_mask(lambda ids: np.where(ids == 1, 255, 0).astype(np.uint8)),
        ("error", "encoding", "only 0 and 255.*--binary"),
    ),
    "gray levels": (
        each_mask(lambda ids: (ids * 60).astype(np.uint8)),
        ("error", "encoding", "4 values, 0, 60, 120, 180: gray levels"),
    ),
    "RGB": (each_mask(coloured), ("error", "encoding", "RGB.*name 128 64 128; ")),
    "labelIds": (each_mask(label_ids), ("error", "labelIds", "road 7.*TrainIds")),
    "labelIds, with a legend": (
        with_legend(label_ids),
        ("error", "labelIds", "ids up to 26"),
    ),
    "ids out of range": (
        with_legend(lambda ids: np.where(ids == 3, 4, ids).astype(np.uint8)),
        ("error", "range", "hold ids 4; ids are 0 to 3.*If 4 is void"),
    ),
    "ids from 1": (
        with_legend(lambda ids: (ids + 1).astype(np.uint8)),
        ("error", "encoding", "ids from 1 to 4.*'1: ground'"),
    ),
    "instance ids": (
        with_legend(lambda ids: ids.astype(np.uint16) + 26000),
        ("error", "range", "26000.*instance ids"),
    ),
    "interpolated": (
        each_mask(smoothed),
        ("error", "interpolated", "ids between"),
    ),
    "smoothed colours": (coloured_and_smoothed, ("error", "range", "nearest")),
    "moved by 5 and -4": (
        with_legend(moved(5, -4)),
        ("error", "alignment", "moved 5 pixels up and 4 pixels to the right"),
    ),
    "mirrored": (
        with_legend(lambda ids: ids[:, ::-1].copy()),
        ("error", "alignment", "when mirrored left to right"),
    ),
    "two labels exchanged": (labels_exchanged, ("error", "alignment", "000 and 001")),
    "labels off by one": (labels_off_by_one, ("error", "alignment", "other images")),
    "folders swapped": (folders_swapped, ("error", "swapped", "changed places")),
    "mask of another size": (mask_of_other_size, ("error", "size", "80 x 128 and 96")),
    "images of several sizes": (image_of_other_size, ("warning", "size", "2 sizes")),
    "EXIF turns, mask does not": (tag_turns_image, ("error", "exif", "as it is")),
    "EXIF turns, mask too": (tag_turns_back, ("warning", "exif", "ignore the tag")),
    "EXIF turns over": (tags_turn_over, ("error", "alignment", "turned by 180")),
    "class only in val": (class_only_in_val, ("error", "classes", "moving.*train")),
    "class only in train": (
        class_only_in_train,
        ("warning", "classes", "never occur in split 'val': moving"),
    ),
    "val of one class": (
        val_of_one_class,
        ("error", "ignored", "'val' hold nothing but 1 \\('built'\\)"),
    ),
    "mostly ignored": (
        mostly_ignored,
        ("warning", "ignored", "of the pixels of split 'train' are ignored"),
    ),
    "no train": (no_train, ("warning", "splits", "no split 'train'.*--split-by name")),
    "image and mask file exchanged": (
        files_exchanged,
        ("warning", "pairs", "000.png.*changed places"),
    ),
    "few labels moved": (few_moved, ("warning", "alignment", "moved 5 pixels up")),
    "class nowhere": (class_nowhere, ("warning", "classes", "never occur: unicorn")),
    "class rare": (class_rare, ("warning", "classes", "rare in train: 'unicorn'")),
    "one image ignored": (one_ignored, ("warning", "ignored", "000.png.* as a whole")),
    "val ignored": (val_ignored, ("error", "ignored", "'val': 4 of 4")),
    "all masks 0": (
        with_legend(np.zeros_like),
        ("error", "ignored", "'train' hold nothing but 0"),
    ),
    "copy in another split": (copied, ("error", "duplicates", "000.png and .*copy")),
    "copy in one split": (
        lambda folder: copied(folder, "val"),
        ("warning", "duplicates", "equal, within"),
    ),
    "near copy in another split": (near_copy, ("error", "leakage", "copy.jpg")),
    "video dealt to splits": (video_dealt, ("error", "sequence", "dealt at random")),
    "image cut short": (cut_short("images"), ("error", "corrupt", "image .*000.png")),
    "mask cut short": (cut_short("masks"), ("error", "corrupt", "mask .*000.png")),
    "no image": (no_image_at_all, ("error", "corrupt", "format is unknown")),
    "blank image": (blank_image, ("warning", "blank", "one colour")),
    "image without mask": (
        without_mask,
        ("error", "pairs", "Images without a mask: 1"),
    ),
    "JPEG mask": (jpeg_mask, ("error", "pairs", "JPEG")),
}
"""Fault: how it is planted, and severity, check and words of the finding."""
