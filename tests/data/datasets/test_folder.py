"""A folder of images and masks: every layout and mask format; faults are named."""

import hashlib
import json
import re

import numpy as np
import pytest
import tifffile
from pictures import IDS, ids, load, pair, picture, refuses, save

from kerasseg import UserError
from kerasseg.data.datasets import adapter
from kerasseg.data.datasets.folder_files import ImageFlags, fit
from kerasseg.data.reading.masks.mask_flags import MaskFlags
from kerasseg.data.reading.pairing.pair_flags import PairFlags
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


TABLE = "Name,Red,Green,Blue\nsky,0,0,255\nroad,0,255,0\nred car,255,128,0\n"


def test_a_table_of_any_name_that_names_all_colours_is_the_legend(tmp_path):
    pair(tmp_path, "a", pixels=coloured(IDS))
    (tmp_path / "train list.csv").write_text("a,1,2,3\nb,4,5,6\n")
    (tmp_path / "README.txt").write_text("Masks are in colour.\n")
    refuses("Say which class each is", "folder", tmp_path)  # black is ignored below
    (tmp_path / "Labels and Colors.csv").write_text(TABLE)
    flags = MaskFlags(ignore_colour=((0, 0, 0),))
    taxonomy, splits = load("folder", tmp_path, val_share=0, masks=flags)
    assert taxonomy.names == ("sky", "road", "red car")
    np.testing.assert_array_equal(splits["train"][0].label, IDS)
    (tmp_path / "other.txt").write_text(TABLE.replace("road", "street"))
    refuses("both name the colours of the masks, differently. Say", "folder", tmp_path)


def test_ids_are_not_read_by_a_table_of_any_name(tmp_path):
    pair(tmp_path, "a", pixels=IDS)
    before, _ = load("folder", tmp_path, val_share=0)
    (tmp_path / "Labels and Colors.csv").write_text(TABLE)
    assert load("folder", tmp_path, val_share=0)[0] == before


def test_a_json_that_tells_ids_among_other_things(tmp_path):
    pair(tmp_path, "a", pixels=IDS)
    about = {"scheme": "side", "label_to_id": {"sky": 0, "road": 1, "red car": 2}}
    file = tmp_path / "classes.json"
    file.write_text(json.dumps(about | {"samples": [{"pixels": {"0": 3}}]}))
    flags = MaskFlags(legend=str(file))
    taxonomy, _ = load("folder", tmp_path, val_share=0, masks=flags)
    assert taxonomy.names == ("sky", "road", "red car")


def test_folder_that_is_none(tmp_path):
    refuses("nowhere does not exist", "folder", tmp_path / "nowhere")
    refuses("neither images/ nor train/images/", "folder", tmp_path)
    save(tmp_path / "images/a.png", picture())
    refuses(r"no folder of masks .*--masks", "folder", tmp_path)


# ---- Images without a mask, masks of another size, stacks ----------------------------


def test_negatives(tmp_path):
    for name in "ab":
        pair(tmp_path, name)
    save(tmp_path / "images/n.png", picture(1, (2, 5)))
    refuses("n.png has no mask.*--negatives background", "folder", tmp_path)
    flags = PairFlags(negatives="background")
    _, splits = load("folder", tmp_path, val_share=0, pairs=flags)
    assert ids(splits) == {"train": ["a", "b", "n"]}
    np.testing.assert_array_equal(splits["train"][2].label, np.zeros((2, 5)))
    (tmp_path / "classes.txt").write_text("sky\nground\ncar\n")
    refuses("needs a class background", "folder", tmp_path, pairs=flags)
    (tmp_path / "classes.txt").write_text("sky\nground\nBackground\n")
    _, splits = load("folder", tmp_path, val_share=0, pairs=flags)
    assert (splits["train"][2].label == 2).all()


def test_skip_leaves_out_what_cannot_be_used(tmp_path):
    for name in ("a", "b", "c", "empty", "broken", "size", "alone", "id", "gray"):
        pair(tmp_path, name)
    (tmp_path / "images/empty.png").write_bytes(b"")
    file = tmp_path / "masks/broken.png"
    file.write_bytes(file.read_bytes()[:40])
    save(tmp_path / "masks/size.png", IDS[:2])
    (tmp_path / "masks/alone.png").unlink()
    (tmp_path / "images/x.tif").write_bytes(b"no TIFF")
    save(tmp_path / "masks/x.png", IDS)
    save(tmp_path / "masks/extra.png", IDS)
    save(tmp_path / "images/gray.png", picture()[..., 0].astype(np.uint16))
    (tmp_path / "classes.txt").write_text("one\ntwo\nthree\n")
    save(tmp_path / "masks/id.png", IDS + 70 * (IDS == 1).astype(np.uint8))
    _, splits = adapter("folder")(tmp_path, val_share=0, on_error="skip")
    samples = splits["train"]
    reasons = {}
    for entry in samples.entries:
        try:
            reasons[entry.id] = samples.read(entry).id
        except (UserError, OSError) as error:
            reasons[entry.id] = str(error)
    assert {i for i, reason in reasons.items() if reason == i} == set("abc")
    for name, reason in {
        "empty": "empty.png .*is empty",
        "broken": "broken.png",
        "size": "size.png has 2 x 4 pixels",
        "alone": "alone.png has no mask",
        "x": "x.tif",
        "gray": "gray.png has 1 band .*uint16",
        "id": "id.png holds.* 71",
    }.items():
        assert re.search(reason, reasons[name]), reasons[name]
    assert "masks without an image: " in samples.source["pairs"]["line"]


def test_mask_fit():
    label = np.array([[1, 2], [3, 4]], np.uint8)
    np.testing.assert_array_equal(
        fit(label, (4, 3), "stretch"),
        # Half-pixel centres: column 1 of 3 lies at 1.0, in the second of the two.
        [[1, 2, 2], [1, 2, 2], [3, 4, 4], [3, 4, 4]],
    )
    cropped = fit(label, (1, 3), "crop")
    np.testing.assert_array_equal(cropped, [[1, 2, 255]])
    assert fit(label, (2, 2), "stretch") is label


def test_masks_of_another_size(tmp_path):
    pair(tmp_path, "a")
    save(tmp_path / "masks/a.png", np.kron(IDS, np.ones((2, 2), np.uint8)))
    refuses("a.png has 6 x 8 .*--mask-fit stretch", "folder", tmp_path, val_share=0)
    flags = ImageFlags(mask_fit="stretch")
    _, splits = load("folder", tmp_path, val_share=0, images=flags)
    np.testing.assert_array_equal(splits["train"][0].label, IDS)


def test_stacks(tmp_path):
    for name in "ab":
        pages = np.random.default_rng(0).integers(0, 9, (3, 4, 5)).astype(np.uint16)
        masks = (np.arange(60) % 2).astype(np.uint8).reshape(3, 4, 5)
        for kind, stack in ("images", pages), ("masks", masks):
            (tmp_path / kind).mkdir(exist_ok=True)
            file = tmp_path / kind / f"{name}.tif"
            tifffile.imwrite(file, stack, photometric="minisblack")
    refuses("3 pages.*--pages samples", "folder", tmp_path)
    _, splits = load("folder", tmp_path, images=ImageFlags(pages="samples"))
    names = {split: [s.id for s in found] for split, found in splits.items()}
    assert sorted(names["train"] + names["val"]) == [
        f"{name}-0{page}" for name in "ab" for page in range(3)
    ]
    assert {name[0] for name in names["train"]} != {name[0] for name in names["val"]}
    sample = splits["val"][1]
    np.testing.assert_array_equal(sample.image[..., 0], pages[1])
    np.testing.assert_array_equal(sample.label, masks[1])
    assert sample.sequence == sample.id[0]


def test_a_legend_in_the_folder_of_a_split(tmp_path):
    for name in "ab":
        save(tmp_path / f"train/{name}.jpg", picture(0, (16, 16)))
        mask = np.kron(IDS % 3, np.ones((4, 4), np.uint8)).repeat(2, 0)[:16, :16]
        save(tmp_path / f"train/{name}_mask.png", mask)
    lines = "Pixel Value, Class\n0, sky\n1, road\n2, car\n"
    (tmp_path / "train/_classes.csv").write_text(lines)
    taxonomy, _ = load("folder", tmp_path, val_share=0)
    assert taxonomy.names == ("sky", "road", "car")
    (tmp_path / "valid").mkdir()
    (tmp_path / "train/b.jpg").rename(tmp_path / "valid/b.jpg")
    (tmp_path / "train/b_mask.png").rename(tmp_path / "valid/b_mask.png")
    (tmp_path / "valid/_classes.csv").write_text(lines.replace("sky", "earth"))
    refuses("_classes.csv differ.*--legend", "folder", tmp_path)


def test_choice_of_bands(tmp_path):
    bands = np.arange(60, dtype=np.uint16).reshape(3, 4, 5)
    (tmp_path / "images").mkdir()
    file = tmp_path / "images/a.tif"
    tifffile.imwrite(file, bands, photometric="minisblack", planarconfig="contig")
    save(tmp_path / "masks/a.png", IDS)
    flags = ImageFlags(image_bands=(5, 1))
    _, splits = load("folder", tmp_path, val_share=0, images=flags)
    np.testing.assert_array_equal(splits["train"][0].image, bands[..., [4, 0]])
    zero = ImageFlags(image_bands=(0,))
    refuses("--image-bands are counted from 1", "folder", tmp_path, images=zero)
