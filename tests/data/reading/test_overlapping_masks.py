"""Masks of classes that overlap: found where they do, asked for where they may."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import tifffile

from kerasseg import UserError
from kerasseg.data.datasets import folder
from kerasseg.data.preparing.classes import ClassChoice, choose
from kerasseg.data.reading.legends.legend import Legend
from kerasseg.data.reading.masks.mask_flags import MaskFlags
from kerasseg.data.reading.masks.mask_labels import label_of
from kerasseg.data.reading.masks.mask_layers import Layers
from kerasseg.data.reading.masks.mask_rule import rule_for

LUNG = np.zeros((20, 24), bool)
LUNG[2:16, 2:20] = True
HEART = np.zeros_like(LUNG)
HEART[6:18, 8:14] = True
PLANES = np.stack([HEART, LUNG], -1).astype(np.uint8)  # by alphabet
BORDER = np.zeros_like(LUNG)
BORDER[15:19, 2:20] = True
"""One row of it is in the lung: two outlines that were drawn on one another."""


def png(file, pixels):
    file.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(file), pixels.astype(np.uint8))
    return file


def layers(tmp_path, **masks):
    return Layers(
        tuple((n, png(tmp_path / n / "x.png", m * 255)) for n, m in masks.items())
    )


def read(files, legend=None, **flags):
    rule = rule_for(files, MaskFlags(**flags), legend)
    return rule, [label_of(file, rule) for file in files]


def test_files_that_overlap(tmp_path):
    both = layers(tmp_path, lung=LUNG, heart=HEART)
    rule, (label,) = read([both], per_class="folders")
    assert rule.taxonomy.names == ("heart", "lung")
    assert not rule.taxonomy.exclusive
    np.testing.assert_array_equal(label, PLANES)
    shared = (LUNG & HEART).sum()
    assert f"'heart' and 'lung' in {shared} pixels" in str(rule)
    assert rule.to_json()["overlap"] is True


def test_a_missing_file_is_said(tmp_path):
    both = layers(tmp_path, lung=LUNG, heart=HEART)
    alone = layers(tmp_path, lung=LUNG)
    rule, (_, label) = read([both, alone], per_class="folders")
    assert "1 of 2 images have no file of 'heart': it is not there." in str(rule)
    assert not label[..., 0].any()


def test_thin_overlaps_are_asked_for(tmp_path):
    both = layers(tmp_path, lung=LUNG, spine=BORDER)
    with pytest.raises(UserError, match=r"x.png: 'lung' and 'spine' .*--exclusive"):
        read([both], per_class="folders")
    rule, (label,) = read([both], per_class="folders", overlap=True)
    np.testing.assert_array_equal(label, np.stack([LUNG, BORDER], -1))
    rule, (label,) = read([both], per_class="folders", exclusive=True)
    assert rule.taxonomy.names == ("background", "lung", "spine")
    expected = np.where(LUNG & BORDER, 255, LUNG + 2 * BORDER)
    np.testing.assert_array_equal(label, expected)
    assert f"pixels of two are ignored ('lung' and 'spine' in {18} pixels" in str(rule)


def test_layers_that_do_not_overlap_stay_exclusive(tmp_path):
    apart = layers(tmp_path, lung=LUNG, bone=~LUNG & BORDER)
    rule, (label,) = read([apart], per_class="folders")
    assert rule.taxonomy.exclusive and label.ndim == 2
    rule, (label,) = read([apart], per_class="folders", overlap=True)
    assert rule.taxonomy.names == ("bone", "lung")
    np.testing.assert_array_equal(label, np.stack([~LUNG & BORDER, LUNG], -1))


def test_a_background_among_the_layers_is_no_class(tmp_path):
    three = layers(tmp_path, lung=LUNG, heart=HEART, background=~(LUNG | HEART))
    rule, (label,) = read([three], per_class="folders")
    assert rule.taxonomy.names == ("heart", "lung")
    np.testing.assert_array_equal(label, PLANES)
    assert "Layer 'background' is no class" in str(rule)


@pytest.mark.parametrize("kind", ["pages", "channels", "bits"])
def test_layers_of_one_file(tmp_path, kind):
    stack = np.stack([LUNG, HEART, BORDER]).astype(np.uint8)
    file, flags = tmp_path / "x.tif", {"per_class": kind}
    if kind == "pages":
        tifffile.imwrite(file, stack, photometric="minisblack")
    elif kind == "channels":
        file = png(tmp_path / "x.png", stack[::-1].transpose(1, 2, 0) * 255)
    else:
        bits = (stack * np.uint8([1, 2, 4])[:, None, None]).sum(0)
        file, flags = png(tmp_path / "x.png", bits), {"bits": True}
    names = Legend(("lung", "heart", "spine"))
    rule, (label,) = read([file], names, **flags)
    assert rule.taxonomy.names == names.names
    np.testing.assert_array_equal(label, stack.transpose(1, 2, 0))


def test_ignored_values_are_ignored_for_their_class_alone(tmp_path):
    heart = np.where(BORDER, 255, HEART).astype(np.uint8)  # 0, 1 and 255
    two = Layers(
        (
            ("heart", png(tmp_path / "a.png", heart)),
            ("lung", png(tmp_path / "b.png", np.where(BORDER & ~LUNG, 7, LUNG))),
        )
    )
    _, (label,) = read([two], per_class="suffix", ignore=(7,))
    np.testing.assert_array_equal(label[..., 0], heart)
    np.testing.assert_array_equal(label[..., 1], np.where(BORDER & ~LUNG, 255, LUNG))
    bits = np.where(BORDER, 8, LUNG + 2 * HEART)
    _, (label,) = read(
        [png(tmp_path / "c.png", bits)], bits=True, ignore=(8,), overlap=True
    )
    assert (label[BORDER] == 255).all()
    np.testing.assert_array_equal(label[~BORDER][:, 0], LUNG[~BORDER])


def test_bits_that_exclude_each_other(tmp_path):
    file = png(tmp_path / "c.png", LUNG + 2 * HEART)
    rule, (label,) = read([file], bits=True, exclusive=True)
    assert rule.taxonomy.exclusive and "pixels of several (3)" in str(rule)
    np.testing.assert_array_equal(label, np.where(LUNG & HEART, 255, LUNG + 2 * HEART))


def test_ids_and_two_values_as_questions(tmp_path):
    """A binary task may use either: one question, or two classes."""
    file = png(tmp_path / "a.png", LUNG * 255)
    rule, (label,) = read([file], binary=True, overlap=True)
    assert rule.taxonomy.names == ("foreground",)
    np.testing.assert_array_equal(label, LUNG[..., None])
    ids = png(tmp_path / "b.png", np.where(BORDER, 255, LUNG + 2 * (HEART & ~LUNG)))
    names = Legend(("background", "lung", "heart"))
    rule, (label,) = read([ids], names, overlap=True)
    assert rule.taxonomy.names == ("lung", "heart")
    assert (label[BORDER] == 255).all()
    with pytest.raises(UserError, match="'road' is class 0"):
        read([ids], Legend(("road", "lung", "heart")), overlap=True)


def test_flags_that_contradict():
    with pytest.raises(UserError, match="exclude each other"):
        MaskFlags(bits=True, overlap=True, exclusive=True)
    with pytest.raises(UserError, match="one class a pixel anyway"):
        MaskFlags(exclusive=True)


def test_a_folder_and_its_choice_of_classes(tmp_path):
    for name in "ab":
        png(tmp_path / f"images/{name}.png", np.zeros((20, 24)))
        png(tmp_path / f"masks/lung/{name}.png", LUNG * 255)
        png(tmp_path / f"masks/heart/{name}.png", HEART * 255)
    source = folder.load(tmp_path, masks=MaskFlags(per_class="folders"), val_share=0.0)
    (sample, _) = source[1]["train"]
    np.testing.assert_array_equal(sample.label, PLANES)
    taxonomy, splits = choose(*source, ClassChoice(merge=("chest=lung,heart",)))
    assert taxonomy.names == ("chest",) and not taxonomy.exclusive
    sample = next(iter(splits["train"]))
    np.testing.assert_array_equal(sample.label, PLANES.any(-1, keepdims=True))
    taxonomy, splits = choose(*source, ClassChoice(drop=("heart",)))
    sample = next(iter(splits["train"]))
    np.testing.assert_array_equal(sample.label, PLANES[..., 1:])


def test_regions_of_exclusive_ids(tmp_path):
    """nnU-Net's regions: one lies in the other."""
    ids = np.where(BORDER, 255, LUNG.astype(np.uint8) + HEART)
    for name in "ab":
        png(tmp_path / f"images/{name}.png", np.zeros((20, 24)))
        png(tmp_path / f"masks/{name}.png", ids)
    (tmp_path / "classes.txt").write_text("background\nedema\ncore\n")
    source = folder.load(tmp_path, val_share=0.0)
    choice = ClassChoice(region=("whole=edema,core", "core=core"))
    taxonomy, splits = choose(*source, choice)
    assert taxonomy.names == ("whole", "core") and not taxonomy.exclusive
    sample = next(iter(splits["train"]))
    expected = np.stack([ids >= 1, ids == 2], -1).astype(np.uint8)
    expected[ids == 255] = 255
    np.testing.assert_array_equal(sample.label, expected)
    assert splits["train"].source["classes"]["line"].endswith("core is core.")
    for wrong, says in (
        (ClassChoice(region=("whole=tumour",)), "tumour: no class"),
        (ClassChoice(region=("whole",)), "Expected --region NEW=A,B,C"),
        (ClassChoice(region=("a=core",), drop=("core",)), "Leave out --keep"),
    ):
        with pytest.raises(UserError, match=says):
            choose(*source, wrong)


def test_a_background_over_a_class_is_left_out_alone(tmp_path):
    good = layers(tmp_path / "a", lung=LUNG, background=~LUNG)
    bad = layers(tmp_path / "b", lung=LUNG, background=LUNG | HEART)
    flags = MaskFlags(per_class="folders")
    with pytest.raises(UserError, match="'lung' and 'background' overlap in 252"):
        rule_for([good, bad], flags)
    left_out = []
    rule = rule_for([good, bad], flags, left_out=left_out)
    assert rule.taxonomy.names == ("background", "lung")
    ((file, why),) = left_out
    assert file == bad and "overlap in 252 pixels" in why


def test_layers_of_several_sizes_are_left_out_alone(tmp_path):
    good = layers(tmp_path / "a", lung=LUNG, heart=HEART)
    bad = layers(tmp_path / "b", lung=LUNG, heart=HEART[:9])
    left_out = []
    rule = rule_for([good, bad], MaskFlags(per_class="folders"), left_out=left_out)
    assert not rule.taxonomy.exclusive
    ((file, why),) = left_out
    assert file == bad and "has another size than the first" in why
