"""Images, their masks and splits by the names of files and folders, and by lists."""

import os
import re
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasseg import UserError
from kerasseg.data.reading.pairing.found import divided, look
from kerasseg.data.reading.pairing.pair_flags import FilePair, PairFlags
from kerasseg.data.reading.pairing.pairs import find_pairs
from kerasseg.data.reading.pairing.splits import split_of

ENDINGS = {".jpg", ".png", ".tif", ".gif"}


def make(root, files, texts=()):
    for name in files:
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"x")
    for name, text in dict(texts).items():
        (root / name).write_text(text)


def expand(*patterns, count=3):
    """{} in a pattern stands for the numbers 0, 1, ..."""
    return [p.format(i) for p in patterns for i in range(count if "{}" in p else 1)]


def found(root, *patterns, texts=(), several="", **flags):
    make(root, expand(*patterns), texts)
    return find_pairs(root, PairFlags(**flags), ENDINGS, several)


def ids(result):
    return {split: [p.id for p in pairs] for split, pairs in result.pairs.items()}


def counts(result):
    return {split: len(pairs) for split, pairs in result.pairs.items()}


LAYOUTS = {
    "two folders": ("images/{}.jpg masks/{}.png", "train3"),
    "usual names": ("img/{}.jpg gt/{}.png", "train3"),
    "VOC": ("JPEGImages/{}.jpg SegmentationClass/{}.png", "train3"),
    "VOC with objects": (
        "JPEGImages/{}.jpg SegmentationClass/{}.png SegmentationObject/{}.png",
        "train3",
    ),
    "inside a zip file's folder": (
        "Set.1/images/{}.jpg Set.1/masks/{}.png __MACOSX/Set.1/images/._{}.jpg",
        "train3",
    ),
    "Oxford pets": ("images/{}.jpg annotations/trimaps/{}.png", "train3"),
    "splits inside": (
        "img_dir/train/{}.jpg ann_dir/train/{}.png img_dir/val/v{}.jpg "
        "ann_dir/val/v{}.png",
        "train3 val3",
    ),
    "splits outside, capital": (
        "Train/Images/{}.jpg Train/Masks/{}.png Valid/Images/v{}.jpg "
        "Valid/Masks/v{}.png",
        "train3 val3",
    ),
    "dev": ("train/images/{}.jpg train/masks/{}.png", "train3"),
    "Kaggle's CamVid": (
        "train/{}.png train_labels/{}_L.png val/v{}.png val_labels/v{}_L.png "
        "test/t{}.png test_labels/t{}_L.png",
        "train3 val3 test3",
    ),
    "SegNet's CamVid": (
        "train/{}.png trainannot/{}.png val/v{}.png valannot/v{}.png",
        "train3 val3",
    ),
    "Massachusetts": (
        "tiff/train/{}.tif tiff/train_labels/{}.tif tiff/val/v{}.tif "
        "tiff/val_labels/v{}.tif",
        "train3 val3",
    ),
    "LoveDA": (
        "Train/Rural/images_png/{}.png Train/Rural/masks_png/{}.png "
        "Train/Urban/images_png/{}.png Train/Urban/masks_png/{}.png "
        "Test/Rural/images_png/{}.png",
        "train6",
    ),
    "nnU-Net": (
        "imagesTr/c{}_0000.png labelsTr/c{}.png imagesTs/t{}_0000.png",
        "train3",
    ),
    "ISIC": (
        "ISIC2018_Task1-2_Training_Input/I{}.jpg "
        "ISIC2018_Task1_Training_GroundTruth/I{}_segmentation.png "
        "ISIC2018_Task1-2_Validation_Input/V{}.jpg "
        "ISIC2018_Task1_Validation_GroundTruth/V{}_segmentation.png",
        "train3 val3",
    ),
    "KITTI": (
        "training/image_2/{}_10.png training/semantic/{}_10.png "
        "training/instance/{}_10.png testing/image_2/{}_10.png",
        "train3",
    ),
    "Cityscapes' names": (
        "leftImg8bit/train/aachen/{}_leftImg8bit.png "
        "gtFine/train/aachen/{}_gtFine_labelIds.png",
        "train3",
    ),
    "COCO's years": (
        "images/train2017/{}.jpg annotations/train2017/{}.png "
        "images/val2017/v{}.jpg annotations/val2017/v{}.png",
        "train3 val3",
    ),
    "DAVIS": ("JPEGImages/480p/bear/{}.jpg Annotations/480p/bear/{}.png", "train3"),
    "Roboflow": (
        "train/a{}_jpg.rf.0.jpg train/a{}_jpg.rf.0_mask.png valid/v{}.jpg "
        "valid/v{}_mask.png",
        "train3 val3",
    ),
    "Potsdam": ("img/top_{}_RGB.tif ann/top_{}_label.tif", "train3"),
    "patients": (
        "p1/{}.tif p1/{}_mask.tif p2/{}.tif p2/{}_mask.tif",
        "train6",
    ),
    "prefixes": ("images/img_{}.jpg masks/mask_{}.png", "train3"),
    "ending of the image": ("images/{}.jpg masks/{}.jpg.png", "train3"),
    "one folder": ("{}.jpg {}.png", "train3"),
    "one folder, suffix": ("{}.png {}_mask.png", "train3"),
    "beside a folder": (
        "images/{}.jpg images/more/{}.jpg masks/{}.png masks/more/{}.png",
        "train6",
    ),
    "left by systems": (
        "images/{}.jpg masks/{}.png images/@eaDir/0.jpg/SYNO.jpg images/._0.jpg "
        "images/.ipynb_checkpoints/0-checkpoint.jpg images/Thumbs.db",
        "train3",
    ),
    "masks in one folder": (
        "images/train/{}.jpg images/val/v{}.jpg masks/{}.png masks/v{}.png",
        "train3 val3",
    ),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(tmp_path, layout):
    patterns, expected = LAYOUTS[layout]
    make(tmp_path, expand(*re.split(r" (?=\S*(?:/|\{))", patterns)))
    result = find_pairs(tmp_path, PairFlags(), ENDINGS)
    said = " ".join(f"{split}{count}" for split, count in counts(result).items())
    assert said == expected
    for pair in (pair for pairs in result.pairs.values() for pair in pairs):
        number = re.findall(r"\d+", pair.image.name)[0]
        assert number in pair.masks[0].name


def test_what_is_chosen_is_said(tmp_path):
    result = found(
        tmp_path, "images/a/{}.jpg", "masks/a/{}_mask.png", "images/b/{}.jpg",
        *("masks/b/{}_mask.png", "overlay/{}.png"),
    )  # fmt: skip
    assert result.notes == [
        "Pairs: 6, such as images/a/0.jpg + masks/a/0_mask.png; masks have _mask.",
        "Left aside, neither images nor masks: 3 in overlay.",
        "Folders that are groups of images, no splits: a, b.",
    ]
    assert ids(result)["train"] == ["a/0", "a/1", "a/2", "b/0", "b/1", "b/2"]


@pytest.mark.parametrize(
    ("name", "split"),
    [
        *(("Training", "train"), ("VALID", "val"), ("validate", "val"), ("dev", "val")),
        *(("eval", "val"), ("testing", "test"), ("hold-out", "test"), ("tr", "")),
        *(("train2017", "train"), ("site1", ""), ("minival", ""), ("default", "")),
    ],
)
def test_names_of_splits(name, split):
    assert split_of(name) == split


STEMS = st.text("aäßZ1_ .é", min_size=1, max_size=6).map(
    lambda s: unicodedata.normalize("NFC", s).strip(" .") or "x"
)
FORMS = st.sampled_from(
    [
        lambda s: s,
        lambda s: unicodedata.normalize("NFD", s),
        str.upper,
        lambda s: unicodedata.normalize("NFD", s.lower()),
    ]
)


@settings(deadline=None, max_examples=40)
@given(
    st.lists(STEMS, min_size=1, max_size=6, unique_by=lambda s: s.casefold()),
    st.lists(FORMS, min_size=6, max_size=6),
    st.sampled_from(["{}.png", "{}_mask.PNG", "{}.jpg.png", "gt-{}.tif"]),
)
def test_case_form_and_suffix_keep_the_pairs(tmp_path_factory, stems, forms, pattern):
    root = tmp_path_factory.mktemp("pairs")
    make(root, [f"images/{stem}.jpg" for stem in stems])
    wanted = {}
    for stem, form in zip(stems, forms, strict=False):
        wanted[stem] = pattern.format(form(stem))
        make(root, [f"masks/{wanted[stem]}"])
    result = find_pairs(root, PairFlags(), ENDINGS)
    assert {p.id: p.masks[0].name for p in result.pairs["train"]} == wanted


def test_names_that_differ_in_case_alone(tmp_path):
    result = found(
        tmp_path, "images/A.jpg", "images/a.jpg", "masks/A.png", "masks/a.png"
    )
    assert [p.masks[0].name for p in result.pairs["train"]] == ["A.png", "a.png"]


# ---- Flags ---------------------------------------------------------------------------


def test_suffix_strip_and_patterns(tmp_path):
    names = "im/{}_rgb8.tif", "ma/{}_cls.tif", "ma/{}_other.tif"
    for flags in (
        {"images": "im", "masks": "ma", "suffix": "_cls", "strip": ("_rgb8",)},
        {"images": "*_rgb8.tif", "masks": "*_cls.tif"},
        {"images": "im/*_rgb8.tif", "masks": "ma/*_cls.tif"},
    ):
        result = found(tmp_path, *names, **flags)
        assert [p.masks[0].name for p in result.pairs["train"]] == expand("{}_cls.tif")


def test_folders_that_are_named_with_a_split_stand_for_all_splits(tmp_path):
    result = found(
        tmp_path, "train/{}.png", "train_x/{}.png", "val/{}.png", "val_x/{}.png",
        images="train", masks="train_x",
    )  # fmt: skip
    assert counts(result) == {"train": 3, "val": 3}


def test_several_masks_of_an_image(tmp_path):
    names = "images/a.jpg", "images/b.jpg", "masks/a_car.png", "masks/a_road.png"
    result = found(tmp_path / "1", *names, "masks/b_car.png", several="suffix")
    assert [len(p.masks) for p in result.pairs["train"]] == [2, 1]
    names = "images/a.jpg", "masks/car/a.png", "masks/road/a.png"
    result = found(tmp_path / "2", *names, several="folders")
    assert [m.parent.name for m in result.pairs["train"][0].masks] == ["car", "road"]


def test_images_without_a_mask(tmp_path):
    names = "images/{}.jpg", "masks/{}.png", "images/n.jpg"
    with pytest.raises(UserError, match=r"n.jpg has no mask.*--negatives background"):
        found(tmp_path, *names)
    result = found(tmp_path, *names, negatives="background")
    assert [p.id for p in result.alone["train"]] == ["n"]


# ---- Lists ---------------------------------------------------------------------------

TWO = "images/{}.jpg", "masks/{}.png"


@pytest.mark.parametrize(
    "lines",
    ["0\n1", "0.jpg\n1.jpg", "images/0.jpg masks/0.png\nimages/1.jpg masks/1.png",
     "# made by me\r\nC:\\data\\images\\0.jpg\r\n\r\n./images/1.jpg", "0\t1\n1\t1"],
)  # fmt: skip
@pytest.mark.parametrize("place", ["train.txt", "ImageSets/Segmentation/train.txt"])
def test_list_files_tell_splits(tmp_path, lines, place):
    (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
    val = place.replace("train", "val")
    result = found(tmp_path, *TWO, texts={place: lines, val: "2"})
    assert ids(result) == {"train": ["0", "1"], "val": ["2"]}
    assert f"Splits by {place}, {val}: train 2, val 1." in result.notes


def test_what_no_list_names_is_left_out_and_said(tmp_path):
    names = *TWO, "images/x.jpg"
    result = found(tmp_path, *names, texts={"train.txt": "0\n", "val.txt": "1\n"})
    assert ids(result) == {"train": ["0"], "val": ["1"]}
    assert "In no list, left out: 2 images and 0 masks without one." in result.notes


def test_without_a_list_of_train_the_rest_is_train(tmp_path):
    result = found(tmp_path, *TWO, texts={"val.txt": "1\n"})
    assert ids(result) == {"train": ["0", "2"], "val": ["1"]}
    assert "In no list, so train: 2 images." in result.notes


def test_folders_go_before_lists(tmp_path):
    names = "train/images/{}.jpg", "train/masks/{}.png"
    result = found(tmp_path, *names, texts={"train.txt": "0\n"})
    assert counts(result) == {"train": 3}
    assert "Not used, as folders tell the splits: train.txt." in result.notes


def test_lists_of_pairs(tmp_path):
    texts = {
        "train.txt": 'im/0.jpg ma/m0.png\n"im/a b.jpg"\t"ma/c d.png"\n',
        "dev.txt": "im/1.jpg,ma/m1.png\n",
        "all.txt": "im/0.jpg ma/m0.png train\nim/1.jpg ma/m1.png val\n",
    }
    names = "im/{}.jpg", "ma/m{}.png", "im/a b.jpg", "ma/c d.png"
    lists = str(tmp_path / "train.txt"), str(tmp_path / "dev.txt")
    result = found(tmp_path, *names, texts=texts, pairs=lists)
    assert ids(result) == {"train": ["0", "a b"], "val": ["1"]}
    assert result.pairs["train"][1].masks == (tmp_path / "ma/c d.png",)
    result = found(tmp_path, pairs=(f"test={tmp_path / 'dev.txt'}",))
    assert ids(result) == {"test": ["1"]}
    result = found(tmp_path, pairs=("all.txt",))
    assert ids(result) == {"train": ["0"], "val": ["1"]}


# ---- Refusals ------------------------------------------------------------------------

REFUSED = {
    "near names": (
        (*TWO[:1], "masks/{}_road.png"),
        {},
        "0_road.png: say --suffix _road",
    ),
    "near names with a dash": (
        (*TWO[:1], "masks/{}-road.png"),
        {},
        "0-road.png: say --suffix=-road",
    ),
    "no masks": (("images/{}.jpg",), {}, "no folder of masks .*--masks"),
    "YOLO": (("images/{}.jpg", "labels/{}.txt"), {}, "YOLO.*prepare yolo"),
    "two folders of masks": (
        ("images/{}.jpg", "labels/{}.png", "annotations/{}.png"),
        {},
        "annotations and labels, which both may be the masks.*--masks",
    ),
    "one folder, two endings": (("{}.tif", "{}.png"), {}, r"--images '\*.jpg'"),
    "wrong folder": (TWO, {"masks": "gt"}, "no folder gt of masks.*--masks"),
    "wrong pattern": (
        TWO,
        {"images": "*.gif", "masks": "*.png"},
        "No file in .* fits --images",
    ),
    "one pattern": (TWO, {"images": "*.jpg"}, "both --images and --masks"),
    "two images of a mask": ((*TWO, "images/0.tif"), {}, "0.jpg and .*0.tif have one"),
    "two masks of an image": ((*TWO, "masks/0.gif"), {}, "--per-class"),
    "mask alone": ((*TWO, "masks/x.png"), {}, "x.png has no image"),
    "val without masks": (
        ("train/images/{}.jpg", "train/masks/{}.png", "val/images/{}.jpg"),
        {},
        "No image of val has a mask",
    ),
    "outside the splits": (
        (
            "images/train/{}.jpg",
            "masks/train/{}.png",
            "images/x/0.jpg",
            "masks/x/0.png",
        ),
        {},
        "lies outside the folders of train",
    ),
    "two splits": (
        ("train/val/images/{}.jpg", "train/val/masks/{}.png"),
        {},
        "names the splits train and val",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusals(tmp_path, case):
    names, flags, message = REFUSED[case]
    with pytest.raises(UserError, match=message) as refusal:
        found(tmp_path, *names, **flags)
    assert len(str(refusal.value).splitlines()) == 1


LISTS = {
    "no image is called 9": ("train.txt", "9", {}),
    "is listed for train and again": ("val.txt", "1", {}),
    "does not exist .*nearest name is 1.png": ("p", "images/1.jpg masks/1.gif", {}),
    "names .*1.jpg again": (
        "p",
        "images/1.jpg masks/1.png\nimages/1.jpg masks/2.png",
        {},
    ),
    "expected an image and its mask, got 3 words": ("p", "a b c", {}),
    "names no split, other lines do": ("p", "images/1.jpg masks/1.png", {"more": "q"}),
    "is not a split. Write val=": ("p", "images/1.jpg masks/1.png", {"split": "dog="}),
}


@pytest.mark.parametrize("message", LISTS)
def test_wrong_lists(tmp_path, message):
    name, lines, options = LISTS[message]
    texts = {name: lines, "q": "images/2.jpg masks/2.png val"}
    if name == "val.txt":
        texts["train.txt"] = "0\n1\n"
    flags = {}
    if name == "p":
        flags["pairs"] = (f"{options.get('split', '')}p", *options.get("more", ""))
    with pytest.raises(UserError, match=message):
        found(tmp_path, *TWO, texts=texts, **flags)


def test_odd_folders(tmp_path):
    make(tmp_path, expand(*TWO))
    (tmp_path / "images/back").symlink_to(tmp_path)
    assert counts(find_pairs(tmp_path, PairFlags(), ENDINGS)) == {"train": 3}
    (tmp_path / "val/images").mkdir(parents=True)
    with pytest.raises(UserError, match=r"There is no image in .*val"):
        find_pairs(tmp_path, PairFlags(), ENDINGS)
    (tmp_path / "val/train.py").touch()  # code is no split; an archive may be one
    assert counts(find_pairs(tmp_path, PairFlags(), ENDINGS)) == {"train": 3}
    (tmp_path / "val/images/all.tar.gz").touch()
    with pytest.raises(UserError, match=r"There is no image in .*val"):
        find_pairs(tmp_path, PairFlags(), ENDINGS)
    name = os.fsdecode(b"M\xfcller.jpg")
    (tmp_path / "images" / name).write_bytes(b"x")
    with pytest.raises(UserError, match=r"is not UTF-8: .*ller.jpg"):
        find_pairs(tmp_path, PairFlags(), ENDINGS)


# ---- Train and val -------------------------------------------------------------------


def pairs_of(sizes):
    return [
        FilePair(Path(f"{g}/{i}.jpg"), (Path("m"),), f"{g}/{i}", f"{g}")
        for g, n in enumerate(sizes)
        for i in range(n)
    ]


def test_folders_stay_together_where_there_are_enough():
    notes = []
    splits = divided(pairs_of([10] * 10), 0.2, notes)
    assert len({p.group for p in splits["val"]}) == 2 and len(splits["val"]) == 20
    assert "2 of 10 folders" in notes[0]
    splits = divided(pairs_of([10, 10]), 0.2, notes)
    assert len(splits["val"]) == 4 and "4 of 20 images" in notes[1]


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(1, 9), min_size=2, max_size=5), st.floats(0.05, 0.45))
def test_pages_of_a_stack_never_leak(sizes, share):
    pages = [p._replace(page=i) for i, p in enumerate(pairs_of(sizes))]
    splits = divided(pages, share, [])
    train, val = ({p.group for p in splits[s]} for s in ("train", "val"))
    assert not train & val and len(train | val) == len(sizes)


def test_looking_never_stops_at_a_file(tmp_path):
    make(tmp_path, expand(*TWO, "images/x.jpg", "masks/y.png", "masks/0.gif"))
    seen = look(tmp_path, PairFlags(), ENDINGS)
    assert counts(seen) == {"train": 2}
    assert [p.id for p in seen.alone["train"]] == ["x"]
    assert [m.name for m in seen.masks_alone] == ["y.png"]
    assert len(seen.clashes) == 1
