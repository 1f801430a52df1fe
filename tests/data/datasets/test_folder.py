"""A folder of images and masks: every layout and mask format; faults are named."""

import hashlib

import numpy as np
import pytest
from pictures import IDS, ids, load, pair, picture, refuses, save

from kerasseg.data.reading.mask_flags import MaskFlags
from kerasseg.taxonomy import Taxonomy

COLOURS = ((0, 0, 255), (0, 255, 0), (255, 128, 0))
PALETTE = np.zeros((256, 3), np.uint8)
PALETTE[:3] = COLOURS


@pytest.mark.parametrize(
    ("image", "mask"),
    [("images/{}", "masks/{}"), ("{}/images", "{}/masks")],
)
def test_folder_layouts(tmp_path, image, mask):
    for split, names in {"train": "ab", "validation": "c"}.items():
        for name in names:
            pair(tmp_path, name, image.format(split), mask.format(split))
    taxonomy, splits = load("folder", tmp_path)
    assert taxonomy == Taxonomy.numbered(3)
    assert ids(splits) == {"train": ["a", "b"], "val": ["c"]}
    sample = splits["val"][0]
    np.testing.assert_array_equal(sample.label, IDS)
    np.testing.assert_array_equal(sample.image, picture())
    assert sample.encoded.startswith(b"\x89PNG")


def coloured(ids):
    rgb = np.zeros((*ids.shape, 3), np.uint8)
    for i, colour in enumerate(COLOURS):
        rgb[ids == i] = colour
    return rgb


MASKS = {
    "gray": (IDS, None, ""),
    "gray saved as RGB": (np.stack([IDS] * 3, -1), None, ""),
    "16 bit": (IDS.astype(np.uint16), None, "sky\nroad\nred car\n"),
    "palette": (IDS, PALETTE, ""),
    "palette in other order": (
        np.where(IDS < 3, 2 - IDS, IDS),
        PALETTE[[2, 1, 0, *range(3, 256)]],
        "0 0 255 sky\n0 255 0 road\n255 128 0 red car\n",
    ),
    "RGB": (coloured(IDS), None, "sky 0 0 255\nroad, 0, 255, 0\nred car\t255 128 0\n"),
}


@pytest.mark.parametrize("kind", MASKS)
def test_folder_mask_formats(tmp_path, kind):
    pixels, palette, legend = MASKS[kind]
    pair(tmp_path, "a", pixels=pixels, palette=palette)
    if legend:
        (tmp_path / "classes.txt").write_text(f"# classes\n\n{legend}")
    flags = MaskFlags(ignore_colour=((0, 0, 0),) if kind == "RGB" else ())
    taxonomy, splits = load("folder", tmp_path, val_share=0, masks=flags)
    np.testing.assert_array_equal(splits["train"][0].label, IDS)
    assert splits["train"][0].label.dtype == np.uint8
    if legend:
        assert taxonomy.names == ("sky", "road", "red car")
    if palette is not None or kind == "RGB":
        assert taxonomy.colours == COLOURS


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_folder_binary(tmp_path, suffix):
    bright = np.full((16, 16), 255, np.uint8)
    bright[:, :8] = 0
    save(tmp_path / "images/a.jpg", picture(0, (16, 16)))
    save(tmp_path / f"masks/a.{suffix}", bright)
    refuses(r"only 0 and 255.*--binary|is a JPEG", "folder", tmp_path, val_share=0)
    flags = MaskFlags(binary=True)
    taxonomy, splits = load("folder", tmp_path, val_share=0, masks=flags)
    assert taxonomy.names == ("background", "foreground")
    np.testing.assert_array_equal(splits["train"][0].label, bright // 255)


def test_folder_val_share_is_a_fixed_choice(tmp_path):
    for i in range(10):
        pair(tmp_path, f"n{i}")
    _, splits = load("folder", tmp_path, val_share=0.3)
    val = [s.id for s in splits["val"]]
    assert len(val) == 3
    assert sorted(val + [s.id for s in splits["train"]]) == [f"n{i}" for i in range(10)]
    # By hand: the three names whose SHA-256 comes first.
    ranked = sorted(
        (hashlib.sha256(f"n{i}".encode()).hexdigest(), i) for i in range(10)
    )
    assert val == sorted(f"n{i}" for _, i in ranked[:3])
    refuses("--val-share must be", "folder", tmp_path, val_share=1.0)


def test_folder_of_one_image_cannot_be_divided(tmp_path):
    pair(tmp_path, "a")
    refuses(r"1 images .*cannot be divided .*-share 0", "folder", tmp_path)


def remove(name):
    return lambda root: (root / name).unlink()


def put(name, pixels, **options):
    return lambda root: save(root / name, pixels, **options)


def text(name, words):
    return lambda root: (root / name).write_text(words)


FAULTS = {
    "no mask": (remove("masks/b.png"), "Image .*b.png has no mask"),
    "no image": (remove("images/b.png"), "Mask .*b.png has no image"),
    "size": (put("masks/b.png", IDS[:2]), "Mask .*b.png has 2 x 4 pixels"),
    "twice": (put("images/b.bmp", picture()), "b.bmp and .*b.png have one name"),
    "colours": (put("masks/b.png", coloured(IDS)), r"b.png: It holds colours.*classes"),
    "levels": (put("masks/b.png", IDS * 80), "gray levels"),
    "big": (put("masks/b.png", IDS.astype("u2") * 9), "b.png: It holds ids 0 to 2295"),
    "legend": (text("classes.txt", "a\nb\nc 1 2 3\n"), "class 'a' has no colour"),
    "same": (text("classes.txt", "a 1 2 3\nb 1 2 3\n"), "names two classes"),
    "range": (text("classes.txt", "a 1 2 300\n"), "line 1: colours are 0 to 255"),
    "empty": (text("classes.txt", "\n"), "is empty"),
    "damaged": (text("masks/b.png", "?"), "b.png cannot be read as an image"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_folder_faults_are_named(tmp_path, fault):
    for name in "abc":
        pair(tmp_path, name)
    plant, message = FAULTS[fault]
    plant(tmp_path)
    refuses(message, "folder", tmp_path)


def test_folder_unknown_colour_names_the_file(tmp_path):
    pair(tmp_path, "a", pixels=coloured(IDS))
    lines = "sky 0 0 255\nroad 0 255 0\nvoid 0 0 0\n"
    (tmp_path / "classes.txt").write_text(lines)
    refuses(r"a.png: Colour \(255, 128, 0\) is not a cl", "folder", tmp_path)


def test_folder_that_is_none(tmp_path):
    refuses("nowhere does not exist", "folder", tmp_path / "nowhere")
    refuses("neither images/ nor train/images/", "folder", tmp_path)
    save(tmp_path / "images/a.png", picture())
    refuses(r"no folder of masks .*--masks", "folder", tmp_path)
