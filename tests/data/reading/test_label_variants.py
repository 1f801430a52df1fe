"""Labels as people write them in other ways: noise, trimaps, lists, headings, zeros."""

import io

import numpy as np
import pytest
from PIL import Image

from kerasseg import UserError
from kerasseg.data.reading.legends.legend import read_legend
from kerasseg.data.reading.masks.mask_flags import MaskFlags
from kerasseg.data.reading.masks.mask_rule import label_of, rule_for
from kerasseg.data.reading.pairing.pair_flags import PairFlags
from kerasseg.data.reading.pairing.pairs import find_pairs

DISC, BOX = np.zeros((2, 64, 64), bool)
DISC[10:40, 8:30] = BOX[30:60, 35:60] = True


def saved(folder, *masks):
    files = [folder / f"m{i}.png" for i in range(len(masks))]
    for file, mask in zip(files, masks, strict=True):
        Image.fromarray(mask.astype(np.uint8)).save(file)
    return files


def test_the_noise_of_a_jpeg_saved_as_png_is_no_set_of_class_ids(tmp_path):
    jpeg = io.BytesIO()
    Image.fromarray(100 * DISC.astype(np.uint8) + np.uint8(200) * BOX).save(
        jpeg, "JPEG"
    )
    noisy = np.asarray(Image.open(jpeg))
    for mask in (noisy, np.dstack([noisy] * 3)):
        with pytest.raises(UserError, match="noise of a JPEG"):
            rule_for(saved(tmp_path, mask))
    Image.fromarray(noisy).convert("P").save(tmp_path / "palette.png")
    with pytest.raises(UserError, match="noise of a JPEG"):
        rule_for([tmp_path / "palette.png"])
    many = np.kron(np.arange(64).reshape(8, 8).T, np.ones((8, 8)))
    assert rule_for(saved(tmp_path, many)).taxonomy.num_classes == 64


def test_the_third_value_of_a_trimap_is_asked_for(tmp_path):
    trimap = 128 * DISC + 255 * BOX
    files = saved(tmp_path, trimap)
    with pytest.raises(UserError, match=r"128.*--ignore 128 too"):
        rule_for(files, MaskFlags(binary=True))
    rule = rule_for(files, MaskFlags(binary=True, ignore=(128,)))
    np.testing.assert_array_equal(label_of(files[0], rule), 255 * DISC + BOX)


def test_files_of_0_and_1_beside_files_of_0_and_255_are_asked_for(tmp_path):
    files = saved(tmp_path, DISC, BOX, 255 * DISC, 255 * BOX)
    with pytest.raises(UserError, match=r"m0\.png.*m2\.png.*--threshold 1.*--ignore"):
        rule_for(files)
    rule = rule_for(files, MaskFlags(threshold=1))
    np.testing.assert_array_equal(label_of(files[2], rule), DISC)
    rule = rule_for(files, MaskFlags(ignore=(255,)))
    np.testing.assert_array_equal(label_of(files[2], rule), 255 * DISC)


@pytest.mark.parametrize(
    "text",
    [
        "road 0 0 0  # gray\ncar 9 8 7\t// all of them\n",
        "// R G B\nroad 0 0 0\ncar 9 8 7",
        "0 0 0 0 road\n1 9 8 7 car",
        "name,r,g,b\nroad,0.0,0.0,0.0\ncar,9.0,8.0,7.0",
        "{'road': (0, 0, 0), 'car': (9, 8, 7)}",
    ],
)
def test_colours_of_a_legend(tmp_path, text):
    file = tmp_path / "classes.txt"
    file.write_text(text)
    legend = read_legend(file)
    assert legend.names == ("road", "car")
    assert legend.colours == ((0, 0, 0), (9, 8, 7))
    assert legend.stored_ids() == (0, 1)


@pytest.mark.parametrize(
    "text", ["road, red car", "['road', 'red car']", "{1: 'red car', 0: 'road'}"]
)
def test_names_in_one_line(tmp_path, text):
    file = tmp_path / "classes.txt"
    file.write_text(text)
    assert read_legend(file).names == ("road", "red car")


def made(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"picture")
    return folder


def test_zeros_before_numbers_do_not_count_where_all_pair_so(tmp_path):
    names = [f"images/im{i}.jpg" for i in (1, 2, 10)]
    names += [f"masks/im{i:03}.png" for i in (1, 2, 10)]
    found = find_pairs(made(tmp_path, *names), PairFlags())
    assert [pair.masks[0].name for pair in found.pairs["train"]] == [
        *("im001.png", "im010.png", "im002.png")
    ]
    assert any("Zeros" in note for note in found.notes)
    made(tmp_path, "images/im01.jpg")  # now im001 may be of two
    with pytest.raises(UserError, match="has no mask"):
        find_pairs(tmp_path, PairFlags())


def test_cures_of_names_work(tmp_path):
    made(tmp_path, "images/a.jpg", "images/b.jpg", "masks/a.png", "masks/b_mask.png")
    with pytest.raises(UserError, match="--strip _mask"):
        find_pairs(tmp_path, PairFlags())
    assert len(find_pairs(tmp_path, PairFlags(strip=("_mask",))).pairs["train"]) == 2
    cases = made(tmp_path / "x", *(f"c{i}/{n}.png" for i in "12" for n in ("im", "gt")))
    with pytest.raises(UserError, match=r"'\*/im.png' --masks '\*/gt.png'"):
        find_pairs(cases, PairFlags())
    flags = PairFlags("*/im.png", "*/gt.png")
    assert len(find_pairs(cases, flags).pairs["train"]) == 2


@pytest.mark.parametrize("sign", ",;\t")
def test_a_table_of_pairs_may_have_a_heading(tmp_path, sign):
    made(tmp_path, "a/1.jpg", "b/7.png", "a/2.jpg", "b/8.png")
    text = "image_path,mask_path,split\na/1.jpg,b/7.png,train\na/2.jpg,b/8.png,val\n"
    (tmp_path / "pairs.csv").write_text(text.replace(",", sign))
    found = find_pairs(tmp_path, PairFlags(pairs=(str(tmp_path / "pairs.csv"),)))
    assert [found.pairs[s][0].masks[0].name for s in ("train", "val")] == [
        *("7.png", "8.png")
    ]


@pytest.mark.parametrize("void", [255, 65535])
def test_an_id_far_away_may_be_void(tmp_path, void):
    file = tmp_path / "classes.txt"
    file.write_text(f"0: road\n1: car\n{void}: void\n")
    Image.fromarray(np.array([[0, 1, void]], np.uint16)).save(tmp_path / "m.png")
    rule = rule_for([tmp_path / "m.png"], legend=read_legend(file))
    assert rule.taxonomy.names == ("road", "car")
    assert label_of(tmp_path / "m.png", rule).tolist() == [[0, 1, 255]]


def test_a_class_called_object_is_no_heading(tmp_path):
    (tmp_path / "classes.txt").write_text("object\nbackground\n")
    names = read_legend(tmp_path / "classes.txt").names
    assert names == ("object", "background")


def test_several_masks_of_an_image_may_be_its_layers(tmp_path):
    made(tmp_path, "images/1.jpg", "masks/1_car.png", "masks/1_road.png")
    with pytest.raises(UserError, match="--per-class suffix if each is a class"):
        find_pairs(tmp_path, PairFlags())
    found = find_pairs(tmp_path, PairFlags(), several="suffix")
    assert len(found.pairs["train"][0].masks) == 2
