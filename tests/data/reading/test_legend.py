"""Legends of every form that tools and people write: names, ids and colours by hand."""

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasseg import UserError
from kerasseg.data.reading.legends.legend import Legend, legend_of, read_legend

RED, BLUE = (255, 0, 0), (0, 0, 255)
FORMS = {  # file name: content, names, ids, colours
    "names.txt": ("road\nred car\n", ("road", "red car"), (), ()),
    "heading.txt": ("class_name\nroad\nsky\n", ("road", "sky"), (), ()),
    "bom.txt": ("\ufeffroad\nsky\n", ("road", "sky"), (), ()),
    "comma.txt": (
        "building, edifice\nsky, heaven\n",
        ("building, edifice", "sky, heaven"),
        (),
        (),
    ),
    "behind.txt": ("sky 255 0 0\nred car, 0, 0, 255\n", ("sky", "red car"), (), 1),
    "before.txt": ("255 0 0\tsky\n0 0 255\t\tred car\n", ("sky", "red car"), (), 1),
    "hex.txt": ("#ff0000 sky\n#0000ff red car\n", ("sky", "red car"), (), 1),
    "colon.txt": ("1: disc\n2: box\n0: ground\n", ("ground", "disc", "box"), (), ()),
    "space.txt": ("1 disc\n0 ground\n", ("ground", "disc"), (), ()),
    "dot.txt": ("1. disc\n2. box\n", ("disc", "box"), (1, 2), ()),
    "equals.txt": ("ground=0\ndisc=7\n", ("ground", "disc"), (0, 7), ()),
    "all.txt": ("3 disc 0 0 255\n0 ground 255 0 0\n", ("ground", "disc"), (0, 3), 1),
    "numbers.txt": ("class 0\nclass 1\n", ("class 0", "class 1"), (), ()),
    "labelme.txt": (
        "__ignore__\n_background_\ncar\n",
        ("_background_", "car"),
        (),
        (),
    ),
    "labelmap.txt": (
        "# label:color_rgb:parts:actions\nDisc:255,0,0::\nbox:0,0,255:a,b:run\n",
        ("Disc", "box"),
        (),
        1,
    ),
    "class_dict.csv": ("name,r,g,b\nsky,255,0,0\ncar,0,0,255\n", ("sky", "car"), (), 1),
    "_classes.csv": (
        "Pixel Value, Class\n0, background\n1, wall",
        ("background", "wall"),
        (),
        (),
    ),
    "ids.csv": ("id,name\n1,car\n0,sky\n", ("sky", "car"), (), ()),
    "names.csv": ("Label,Value\nsky,0\ncar,4\n", ("sky", "car"), (0, 4), ()),
    "quoted.csv": ('"wall, stone",0\n"road",1\n', ("wall, stone", "road"), (), ()),
    "semicolon.csv": (
        "id;name;color\n0;sky;#ff0000\n3;car;#0000ff\n",
        ("sky", "car"),
        (0, 3),
        1,
    ),
    "plain.csv": ("0,sky,255,0,0\n1,car,0,0,255\n", ("sky", "car"), (), 1),
    "qgis.csv": ("1,255,0,0,255,sky\n2,0,0,255,255,car\n", ("sky", "car"), (1, 2), 1),
    "cityscapes.csv": (
        'name,id,trainId,category,color\nroad,7,0,flat,"(255, 0, 0)"\n'
        'car,26,13,vehicle,"(0, 0, 255)"\n',
        ("road", "car"),
        (7, 26),
        1,
    ),
    "named.txt": ("sky: 255, 0, 0\ncar: 0, 0, 255\n", ("sky", "car"), (), 1),
    "colon_rgb.csv": (
        "3: car, 0, 0, 255\n1: sky, 255, 0, 0\n",
        ("sky", "car"),
        (1, 3),
        1,
    ),
    "excel.csv": ("sep=;\nid;name\n0;sky\n5;car\n", ("sky", "car"), (0, 5), ()),
    "no_hash.csv": ("name,hex\nsky,ff0000\ncar,0000ff\n", ("sky", "car"), (), 1),
    "objectInfo150.txt": (
        "Idx\tRatio\tTrain\tVal\tStuff\tName\n1\t0.15\t11664\t1172\t1\tsky\n"
        "2\t0.1\t6046\t612\t0\tcar, auto\n",
        ("sky", "car, auto"),
        (1, 2),
        (),
    ),
    "windows.csv": ("id,name\r\n0,sky\r\n1,car\r\n", ("sky", "car"), (), ()),
    "id2label.json": ('{"1": "car", "0": "sky"}', ("sky", "car"), (), ()),
    "config.json": (
        '{"model_type": "segformer", "id2label": {"0": "sky", "1": "car"},'
        ' "label2id": {"sky": 0, "car": 1}}',
        ("sky", "car"),
        (),
        (),
    ),
    "features.json": (
        '{"features": {"image": {"_type": "Image"},'
        ' "annotation": {"names": ["sky", "car"], "_type": "ClassLabel"}}}',
        ("sky", "car"),
        (),
        (),
    ),
    "cvat.json": (
        '[{"name": "sky", "color": "#ff0000"}, {"name": "car", "color": "#0000ff"}]',
        ("sky", "car"),
        (),
        1,
    ),
    "supervisely.json": (
        '{"classes": [{"title": "sky", "color": "#FF0000"},'
        ' {"title": "car", "color": "#0000FF"}], "tags": []}',
        ("sky", "car"),
        (),
        1,
    ),
    "colours.json": ('{"sky": [255, 0, 0], "car": [0, 0, 255]}', ("sky", "car"), (), 1),
    "coco.json": (
        '{"categories": [{"id": 1, "name": "sky"}, {"id": 3, "name": "car"}]}',
        ("sky", "car"),
        (1, 3),
        (),
    ),
}
YAML = {
    "data.yaml": "path: .\ntrain: images/train\nnames:\n  0: sky\n  1: car\n",
    "list.yaml": "nc: 2\nnames: ['sky', 'car']\n",
    "info.yml": "features:\n class_label:\n  names:\n   '0': sky\n   '1': car\n",
}


@pytest.mark.parametrize("name", FORMS)
def test_forms(tmp_path, name):
    text, names, ids, colours = FORMS[name]
    (tmp_path / name).write_text(text, encoding="utf-8")
    legend = read_legend(tmp_path / name)
    assert (legend.names, legend.ids) == (names, ids)
    assert legend.colours == ((RED, BLUE) if colours else ())
    for word in (*names, *map(str, ids)):
        assert word in str(legend)


@pytest.mark.parametrize("name", YAML)
def test_yaml(tmp_path, name):
    pytest.importorskip("yaml")
    (tmp_path / name).write_text(YAML[name])
    assert read_legend(tmp_path / name).names == ("sky", "car")


def test_what_is_ignored(tmp_path):
    (tmp_path / "a.txt").write_text("road 1 2 3\nVoid 0 0 0\nsky 4 5 6\n")
    legend = read_legend(tmp_path / "a.txt")
    assert legend.names == ("road", "sky") and legend.ignored_colours == ((0, 0, 0),)
    assert "'Void' is no class" in str(legend)
    (tmp_path / "b.txt").write_text("void\nroad\nsky\n")
    legend = read_legend(tmp_path / "b.txt")
    assert legend.ignored_ids == (0,) and legend.stored_ids() == (1, 2)
    (tmp_path / "c.txt").write_text("0: road\n255: ignore\n7: sky\n")
    legend = read_legend(tmp_path / "c.txt")
    assert legend.ignored_ids == (255,) and legend.stored_ids() == (0, 7)


FAULTS = {
    "": "is empty",
    "road\nsky\nroad\n": "lines 1 and 3: name road names two",
    "1: a\n1: b\n": "lines 1 and 2: id 1 names two",
    "a 1 2 3\nb 1 2 3\n": r"lines 1 and 2: colour \(1, 2, 3\) names two",
    "a 1 2 300\n": "line 1: colours are 0 to 255",
    "a\nb 1 2 3\n": "class 'a' has no colour",
    "1: a\nb\n": "line 2 has no id",
    "road,7,0\nsky,23,1\n": "line 1 has 2 numbers.*heading",
    "road,car,7\nsky,air,23\n": "line 1 has 2 columns of text.*heading",
    "Klasse;Wert\nroad;7\nsky;9\n": "column 'Wert' of numbers.*Call the ids",
    "1,2\n3,4\n": "no column of names",
    '{"a": ': None,
    "ignore\n": "names no class but ignored ones",
}


@pytest.mark.parametrize("text", FAULTS)
def test_faults(tmp_path, text):
    file = tmp_path / ("a.json" if text.startswith("{") else "a.txt")
    file.write_text(text)
    with pytest.raises(UserError, match=FAULTS[text]) as error:
        read_legend(file)
    assert str(file) in str(error.value) and "\n" not in str(error.value)


def test_encodings(tmp_path):
    file = tmp_path / "a.txt"
    file.write_bytes("\u9053\u8def\n\u5929\u7a7a\n".encode("gbk"))
    with pytest.raises(UserError, match=r"not UTF-8.*iconv -f GBK"):
        read_legend(file)
    file.write_bytes("\u9053\u8def\n\u5929\u7a7a\n".encode("utf-16"))
    assert read_legend(file).names == ("\u9053\u8def", "\u5929\u7a7a")


def test_names_almost_alike_are_said(tmp_path):
    (tmp_path / "a.txt").write_text("Car\nroad\ncar \n")
    legend = read_legend(tmp_path / "a.txt")
    assert legend.names == ("Car", "road", "car")
    assert "'Car' and 'car' are almost the same name" in str(legend)


def test_legend_of_a_folder(tmp_path):
    assert legend_of(tmp_path, "") == Legend()
    (tmp_path / "train").mkdir()
    (tmp_path / "train/_classes.csv").write_text("Pixel Value, Class\n0, a\n1, b\n")
    assert legend_of(tmp_path, "").names == ("a", "b")
    (tmp_path / "classes.txt").write_text("a\nb\n")
    (tmp_path / "labelmap.txt").write_text("b:0,0,0::\na:1,1,1::\n")
    with pytest.raises(UserError, match=r"name different classes.*--legend FILE"):
        legend_of(tmp_path, "")
    assert legend_of(tmp_path, str(tmp_path / "labelmap.txt")).colours


def test_positions_where_ids_are_positions(tmp_path):
    (tmp_path / "a.txt").write_text("1: disc\n2: box\n")
    with pytest.raises(UserError, match="gives the ids 1, 2"):
        read_legend(tmp_path / "a.txt").by_position()


WORDS = st.text(st.sampled_from("abcdefg"), min_size=3, max_size=9).map("n".__add__)


@settings(deadline=None)
@given(st.lists(WORDS, min_size=2, max_size=9, unique=True), st.data())
def test_any_table_is_read_back(tmp_path_factory, names, data):
    """Rows in any order, with or without a heading, by any delimiter."""
    ids = data.draw(
        st.lists(
            st.integers(0, 65535),
            min_size=len(names),
            max_size=len(names),
            unique=True,
        )
    )
    delimiter = data.draw(st.sampled_from([",", ";", "\t", ", ", ": ", " "]))
    rows = [f"{i}{delimiter}{name}" for i, name in zip(ids, names, strict=True)]
    if delimiter in (",", ";", "\t") and data.draw(st.booleans()):
        rows = [f"id{delimiter}name", *rows]
    file = tmp_path_factory.getbasetemp() / "legend.csv"
    file.write_text("\n".join(rows))
    legend = read_legend(file)
    expected = sorted(zip(ids, names, strict=True))
    assert list(zip(legend.stored_ids(), legend.names, strict=True)) == expected


CASES = Path(os.environ.get("KERASSEG_DATA", "")) / "cases"
REAL = {
    "data/class_dict_csv/class_dict.csv": ("Ground", "Disc", "Box"),
    "data/cvat_segmask/labelmap.txt": ("Disc", "background", "Box"),
    "data/legend_numbered_shuffled/classes.txt": ("background", "disc", "box"),
    "exports/cvat_labelmap.txt": ("background", "lower", "middle", "rivet", "upper"),
    "exports/legend_with_header.csv": ("_background_", "aeroplane", "bicycle"),
    "exports/roboflow_semantic/train/_classes.csv": ("background", "cabinet"),
    "exports/voc_border_colour/labelmap.txt": ("background", "aeroplane", "bicycle"),
}


@pytest.mark.skipif(
    "KERASSEG_DATA" not in os.environ, reason="KERASSEG_DATA is not set"
)
@pytest.mark.parametrize("name", REAL)
def test_cases(name):
    legend = read_legend(CASES / name)
    assert legend.names[: len(REAL[name])] == REAL[name]
    assert legend.stored_ids() == tuple(range(len(legend.names)))
