"""Masks of every kind: the planted labels come back, or one line asks for a flag."""

import os
import pickle
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from kerasseg import UserError
from kerasseg.data.reading.legends.legend import Legend, legend_of
from kerasseg.data.reading.masks.mask_rule import (
    Layers,
    MaskFlags,
    Page,
    label_of,
    rule_for,
)

IDS = np.kron(np.array([[0, 1, 2, 0], [2, 2, 1, 1], [1, 0, 2, 2]]), np.ones((6, 8)))
IDS = IDS.astype(np.uint8)
RGB = np.array([[0, 0, 0], [250, 0, 0], [0, 250, 0]], np.uint8)
LONG = np.pad(RGB, ((0, 253), (0, 0)))
TURNED = np.pad(RGB[::-1], ((0, 253), (0, 0)))
NAMES = ("ground", "disc", "box")
COLOURS = Legend(NAMES, tuple(map(tuple, RGB.tolist())))
VOID = np.where(np.arange(IDS.size).reshape(IDS.shape) % 7 == 0, 255, IDS)
VOID = VOID.astype(np.uint8)


def png(file, pixels, palette=None, **options):
    image = Image.fromarray(pixels)
    if palette is not None:
        image.putpalette(np.asarray(palette, np.uint8).tobytes())
    image.save(file, **options)
    return file


def tif(file, pixels, **options):
    tifffile.imwrite(file, pixels, **options)
    return file


def npy(file, pixels):
    np.save(file, pixels)
    return file


def rgba(rgb, alpha):
    return np.dstack([rgb, alpha]).astype(np.uint8)


def labels(files, flags=None, legend=None):
    rule = rule_for(files, flags or MaskFlags(), legend)
    assert pickle.loads(pickle.dumps(rule)) == rule
    assert "\n" not in str(rule) and rule.to_json()["says"] == str(rule)
    found = [label_of(file, rule) for file in files]
    rank = 2 if rule.taxonomy.exclusive else 3
    assert all(label.dtype == np.uint8 and label.ndim == rank for label in found)
    return rule, found


def refuses(match, files, flags=None, legend=None):
    with pytest.raises(UserError, match=match) as error:
        rule_for(files, flags or MaskFlags(), legend)
    assert "\n" not in str(error.value)


GEO = {"extratags": [(42113, "s", 0, "-9999", True)]}
NODATA = np.where(VOID == 255, -9999, IDS.astype(np.int16))
KINDS = {  # ending, how it is saved, flags, legend, labels
    "gray": (".png", lambda f: png(f, IDS), {}, None, IDS),
    "gray, void": (".png", lambda f: png(f, VOID), {}, None, VOID),
    "gray, 16 bits": (".png", lambda f: png(f, IDS.astype("u2")), {}, None, IDS),
    "gray as RGB": (".png", lambda f: png(f, np.dstack([IDS] * 3)), {}, None, IDS),
    "gray and alpha": (
        ".png",
        lambda f: png(f, np.dstack([IDS, IDS * 9])),
        {},
        None,
        IDS,
    ),
    "gray as RGBA": (
        ".png",
        lambda f: png(f, rgba(np.dstack([IDS] * 3), IDS * 0 + 255)),
        {},
        None,
        IDS,
    ),
    "palette of 4 bits": (
        ".png",
        lambda f: png(f, IDS, range(48), bits=4),
        {},
        None,
        IDS,
    ),
    "2 bits": (".png", lambda f: png_of_bits(f, IDS, 2), {}, None, IDS),
    "4 bits": (".png", lambda f: png_of_bits(f, IDS, 4), {}, None, IDS),
    "1 bit": (".png", lambda f: png(f, IDS == 1), {}, None, (IDS == 1) * 1),
    "BMP": (".bmp", lambda f: png(f, IDS), {}, None, IDS),
    "GIF": (".gif", lambda f: png(f, IDS, RGB), {}, None, IDS),
    "int32 TIFF": (".tif", lambda f: tif(f, IDS.astype("i4")), {}, None, IDS),
    "float TIFF": (".tif", lambda f: tif(f, IDS.astype("f4")), {}, None, IDS),
    "TIFF, LZW": (".tif", lambda f: tif(f, IDS, compression="lzw"), {}, None, IDS),
    "white is 0": (
        ".tif",
        lambda f: tif(f, 255 - IDS, photometric="miniswhite"),
        {},
        None,
        IDS,
    ),
    "RGB TIFF": (
        ".tif",
        lambda f: tif(f, RGB[IDS], photometric="rgb"),
        {},
        COLOURS,
        IDS,
    ),
    "RGB TIFF by planes": (
        ".tif",
        lambda f: tif(
            f,
            np.moveaxis(RGB[IDS], -1, 0),
            photometric="rgb",
            planarconfig="separate",
        ),
        {},
        COLOURS,
        IDS,
    ),
    "NaN": (
        ".tif",
        lambda f: tif(f, np.where(VOID == 255, np.nan, IDS).astype("f4")),
        {},
        None,
        VOID,
    ),
    "nodata": (".tif", lambda f: tif(f, NODATA, **GEO), {}, None, VOID),
    "npy": (".npy", lambda f: npy(f, IDS.astype("i8")), {}, None, IDS),
    "palette": (".png", lambda f: png(f, VOID, LONG), {}, None, VOID),
    "palette and legend": (
        ".png",
        lambda f: png(f, np.where(VOID < 3, 2 - VOID, 255), TURNED),
        {},
        COLOURS,
        VOID,
    ),
    "palette of VOC": (
        ".png",
        lambda f: png(f, VOID, [*LONG[:255], (224, 224, 192)]),
        {},
        COLOURS,
        VOID,
    ),
    "colours": (".png", lambda f: png(f, RGB[IDS]), {}, COLOURS, IDS),
    "colours, 16 bits": (
        ".png",
        lambda f: save16(f, RGB[IDS].astype("u2") * 257),
        {},
        COLOURS,
        IDS,
    ),
    "gray colours": (
        ".png",
        lambda f: png(f, IDS * 100),
        {},
        Legend(NAMES, ((0, 0, 0), (100, 100, 100), (200, 200, 200))),
        IDS,
    ),
    "black and white": (
        ".png",
        lambda f: png(f, np.dstack([(IDS == 1) * 255] * 3).astype("u1")),
        {},
        Legend(("fg", "bg"), ((255, 255, 255), (0, 0, 0))),
        (IDS != 1) * 1,
    ),
    "ignored colour": (
        ".png",
        lambda f: png(f, np.where(VOID[..., None] == 255, 77, RGB[IDS]).astype("u1")),
        {"ignore_colour": ((77, 77, 77),)},
        COLOURS,
        VOID,
    ),
    "border of VOC": (
        ".png",
        lambda f: png(
            f,
            np.where(
                VOID[..., None] == 255,
                np.uint8([224, 224, 192]),
                np.uint8([[0, 0, 0], [128, 0, 0], [0, 128, 0]])[IDS],
            ),
        ),
        {},
        Legend(NAMES, ((0, 0, 0), (128, 0, 0), (0, 128, 0))),
        VOID,
    ),
    "ids of a legend": (
        ".png",
        lambda f: png(f, np.uint16([0, 300, 7])[IDS]),
        {},
        Legend(("ground", "box", "disc"), ids=(0, 7, 300)),
        np.uint8([0, 2, 1])[IDS],
    ),
    "--ignore": (
        ".png",
        lambda f: png(f, np.where(VOID == 255, 65535, IDS).astype("u2")),
        {"ignore": (65535,)},
        None,
        VOID,
    ),
    "--ignore 0": (
        ".png",
        lambda f: png(f, IDS),
        {"ignore": (0,)},
        None,
        np.uint8([255, 0, 1])[IDS],
    ),
    "--ignore 0, names": (
        ".png",
        lambda f: png(f, IDS),
        {"ignore": (0,)},
        Legend(("disc", "box")),
        np.uint8([255, 0, 1])[IDS],
    ),
    "--compact": (
        ".png",
        lambda f: png(f, np.uint16([0, 100, 2000])[IDS]),
        {"compact": True},
        None,
        IDS,
    ),
    "--bits": (".png", lambda f: png(f, np.uint8([0, 1, 2])[IDS]), {"bits": 1}, 0, IDS),
    "--per-class channels": (
        ".png",
        lambda f: png(
            f, np.dstack([IDS == 1, IDS == 2, IDS == 3]).astype("u1") * np.uint8(255)
        ),
        {"per_class": "channels"},
        None,
        IDS,
    ),
    "--per-class pages": (
        ".tif",
        lambda f: tif(f, np.stack([IDS == 1, IDS == 2]).astype("u1")),
        {"per_class": "pages"},
        None,
        IDS,
    ),
}


def png_of_bits(file, ids, bits):
    """A gray PNG of 2 or 4 bits, chunk by chunk (PNG specification, 5.3 and 11)."""
    height, width = ids.shape
    planes = np.unpackbits(ids[..., None], axis=-1)[..., -bits:]
    rows = np.packbits(planes.reshape(height, -1), axis=-1)
    rows = np.pad(rows, ((0, 0), (1, 0)))  # filter 0
    data = b"\x89PNG\r\n\x1a\n"
    for name, body in (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows.tobytes())),
        (b"IEND", b""),
    ):
        data += struct.pack(">I", len(body)) + name + body
        data += struct.pack(">I", zlib.crc32(name + body))
    file.write_bytes(data)
    return file


def save16(file, rgb):
    import cv2

    cv2.imwrite(str(file), rgb[..., ::-1])
    return file


@pytest.mark.parametrize("kind", KINDS)
def test_kinds(tmp_path, kind):
    ending, save, flags, legend, expected = KINDS[kind]
    files = [save(tmp_path / f"{name}{ending}") for name in "ab"]
    rule, found = labels(files, MaskFlags(**flags), legend or None)
    for label in found:
        np.testing.assert_array_equal(label, expected)
    if legend:
        known = set(legend.names)
        assert set(rule.taxonomy.names) == known


FORE = IDS == 1
SMOOTH = np.clip(np.cumsum(np.pad(FORE, 3), 1)[3:-3, 6:] * 40, 0, 255).astype(np.uint8)
TWO = {
    "0 and 1": lambda f: png(f, FORE.astype("u1")),
    "0 and 255": lambda f: png(f, FORE.astype("u1") * np.uint8(255)),
    "0 and 128": lambda f: png(f, FORE.astype("u1") * np.uint8(128)),
    "1 bit": lambda f: png(f, FORE),
    "16 bits": lambda f: png(f, FORE.astype("u2") * np.uint16(65535)),
    "RGB": lambda f: png(f, np.dstack([FORE * 255] * 3).astype("u1")),
    "red": lambda f: png(f, np.dstack([FORE * 200, FORE * 0, FORE * 0]).astype("u1")),
    "palette": lambda f: png(f, FORE.astype("u1"), RGB),
    "white on transparent": lambda f: png(
        f, rgba(np.full((18, 32, 3), 255), FORE * 255)
    ),
    "white on black, transparent": lambda f: png(
        f, rgba(np.dstack([FORE * 255] * 3), FORE * 255)
    ),
    "JPEG": lambda f: png(f, FORE.astype("u1") * np.uint8(255), format="JPEG"),
}


@pytest.mark.parametrize("kind", TWO)
def test_binary(tmp_path, kind):
    files = [TWO[kind](tmp_path / f"{name}.png") for name in "ab"]
    rule, found = labels(files, MaskFlags(binary=True))
    assert rule.taxonomy.names == ("background", "foreground")
    for label in found:
        np.testing.assert_array_equal(label, FORE)


def test_alpha_is_found_and_said(tmp_path):
    file = png(tmp_path / "a.png", rgba(np.zeros((18, 32, 3)), FORE * 255))
    for flags in (MaskFlags(), MaskFlags(alpha=True), MaskFlags(binary=True)):
        rule, found = labels([file], flags)
        assert "alpha" in str(rule)
        np.testing.assert_array_equal(found[0], FORE)
    other = png(tmp_path / "b.png", IDS)
    refuses(r"b.png has no alpha channel", [file, other], MaskFlags(alpha=True))


def test_binary_keeps_the_names_of_a_legend(tmp_path):
    file = png(tmp_path / "a.png", FORE.astype("u1") * np.uint8(255))
    legend = Legend(("road", "rest"), ((255, 255, 255), (0, 0, 0)))
    rule, _ = labels([file], MaskFlags(binary=True), legend)
    assert rule.taxonomy.names == ("rest", "road")
    legend = Legend(("road", "background"))
    refuses("background is class 0", [file], MaskFlags(binary=True), legend)


PALETTED = np.array([[0, 0, 0], [250, 0, 0], [0, 250, 0], [0, 0, 250]], np.uint8)


@settings(deadline=None, max_examples=30)
@given(st.permutations(range(4)), st.permutations(range(4)), st.booleans())
def test_any_order_of_a_palette_gives_the_same_labels(
    tmp_path_factory, one, other, named
):
    """Equal colours are one class, whatever their index, with and without a legend."""
    folder = tmp_path_factory.getbasetemp()
    ids = np.arange(24, dtype=np.uint8).reshape(4, 6) % 4
    files = []
    for number, order in enumerate((one, other)):
        palette = np.zeros((4, 3), np.uint8)
        palette[list(order)] = PALETTED
        indices = np.array(order, np.uint8)[ids]
        files.append(png(folder / f"{number}.png", indices, palette))
    legend = Legend(tuple("abcd"), tuple(map(tuple, PALETTED.tolist())))
    rule, found = labels(files, legend=legend if named else None)
    np.testing.assert_array_equal(found[0], found[1])
    colours = np.array(rule.taxonomy.colours)[found[0]]
    np.testing.assert_array_equal(colours, PALETTED[ids])


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(0, 70000), min_size=2, max_size=12, unique=True), st.data())
def test_any_table_of_ids_round_trips_or_is_refused(tmp_path_factory, ids, data):
    """Never other labels than the planted ones: by a legend, a map, or --compact."""
    folder = tmp_path_factory.getbasetemp()
    stored = np.array(ids, np.int32)
    planted = np.resize(np.arange(len(ids)), (5, 7))
    file = tif(folder / "ids.tif", stored[planted])
    names = [f"n{i}" for i in range(len(ids))]
    way = data.draw(st.sampled_from(["legend", "map", "compact", "nothing"]))
    flags, legend, order = MaskFlags(), None, np.argsort(np.argsort(stored))
    if way == "legend":
        ordered = np.argsort(stored)
        legend = Legend(
            tuple(names[i] for i in ordered), ids=tuple(sorted(ids)), file="a legend"
        )
    elif way == "map":
        lines = [f"{i},{name}" for i, name in zip(ids, names, strict=True)]
        (folder / "map.csv").write_text("\n".join(lines))
        flags, order = MaskFlags(map=str(folder / "map.csv")), np.arange(len(ids))
    elif way == "compact":
        flags = MaskFlags(compact=True)
    try:
        rule, found = labels([file], flags, legend)
    except UserError:
        assert way in ("compact", "nothing")
        return
    expected = order[planted]
    if way == "nothing":
        expected = stored[planted]
    if way in ("compact", "nothing"):
        expected = np.where(stored[planted] == 255, 255, expected)
        kept = stored[planted] != 255
        assert all(
            rule.taxonomy.names[label] == f"class_{value}"
            for label, value in zip(found[0][kept], stored[planted][kept], strict=True)
        )
    else:
        np.testing.assert_array_equal(found[0], expected)


@settings(deadline=None, max_examples=40)
@given(
    st.lists(
        st.tuples(*[st.sampled_from([0, 1, 64, 128, 200, 224, 255])] * 3),
        min_size=2,
        max_size=6,
        unique=True,
    ),
    st.integers(0, 5),
    st.booleans(),
)
def test_colours_are_those_of_the_legend_or_refused(
    tmp_path_factory, colours, left_out, ignored
):
    """A colour without a name is never taken for a class, nor ignored where it is
    much of the image, but for VOC's border where it is asked for."""
    folder = tmp_path_factory.getbasetemp()
    ids = np.resize(np.arange(len(colours)), (6, 9))
    file = png(folder / "c.png", np.array(colours, np.uint8)[ids])
    named = [c for i, c in enumerate(colours) if i != left_out]
    legend = Legend(tuple(f"n{i}" for i in range(len(named))), tuple(named))
    missing = [c for c in colours if c not in named]
    flags = MaskFlags(ignore_colour=tuple(missing) if ignored else ())
    try:
        _, found = labels([file], flags, legend)
    except UserError:
        assert (missing and not ignored) or len(named) < 2
        return
    table = [named.index(c) if c in named else 255 for c in colours]
    np.testing.assert_array_equal(found[0], np.array(table)[ids])


ASKED = {  # what is saved, flags, legend, what the line says
    "0 and 255": (FORE * 255, {}, None, r"only 0 and 255.*--binary"),
    "0 and 128": (FORE * 128, {}, None, r"--binary.*--ignore 128"),
    "three levels": (
        IDS * 127,
        {"binary": True},
        None,
        r"0, 127, 254.*--threshold 127",
    ),
    "0, 1, 255": (VOID * 1, {"binary": True}, None, r"--threshold 1"),
    "void 254": (np.where(VOID == 255, 254, IDS), {}, None, r"--ignore 254"),
    "void 254, names": (
        np.where(VOID == 255, 254, IDS),
        {},
        Legend(NAMES),
        r"id 254 .*--ignore 254",
    ),
    "gaps": (np.uint8([0, 1, 99])[IDS], {}, None, r"--compact.*--map"),
    "16 bits": (np.uint16([0, 257, 258])[IDS], {}, None, r"--compact.*--map"),
    "void 65535": (np.uint16([0, 1, 65535])[IDS], {}, None, r"--ignore 65535"),
    "ids from 1, names": (IDS + 1, {}, Legend(NAMES), r"from 1 to 3.*'1: ground'"),
    "gaps, names": (IDS * 80, {}, Legend(NAMES), r"'160: box'.*--compact"),
    "one id": (IDS * 0, {}, None, r"one class cannot be learned"),
    "nothing": (IDS * 0 + 255, {}, None, r"only 0 and 255|no class is left"),
    "1 of 2": (FORE + 1, {"binary": True}, None, r"hold 1, 2.*--threshold 2"),
    "ids": (IDS, {"binary": True}, None, r"3 values .*--threshold 1"),
    "share": (FORE * 255, {"threshold": 0.5}, None, r"--threshold 127.5"),
    "a ramp": (
        np.resize(np.arange(256), (40, 256)),
        {},
        None,
        r"little by little.*--threshold",
    ),
    "colours": (RGB[IDS], {}, None, r"holds colours.*name R G B"),
    "colours, names": (RGB[IDS], {}, Legend(NAMES), r"gives names without colours"),
    "three of four": (
        RGB[IDS],
        {},
        Legend(("a", "b"), ((0, 0, 0), (250, 0, 0))),
        r"\(0, 250, 0\) is not a class.*--ignore-colour 0 250 0",
    ),
    "black": (
        RGB[IDS],
        {},
        Legend(("a", "b"), ((250, 0, 0), (0, 250, 0))),
        r"Black is \d+ %.*'background 0 0 0'.*--ignore-colour 0 0 0",
    ),
    "a gray and an id": (
        IDS[:, 8:],
        {},
        Legend(NAMES, ((2, 2, 2), (1, 1, 1), (0, 0, 0))),
        r"--read-as ids or --read-as colours",
    ),
    "--ignore by colour": (RGB[IDS], {"ignore": (0,)}, COLOURS, r"--ignore-colour"),
    "--ignore-colour by id": (
        IDS,
        {"ignore_colour": ((0, 0, 0),)},
        None,
        r"--ignore ID",
    ),
}


@pytest.mark.parametrize("kind", ASKED)
def test_what_could_mean_two_things_is_asked(tmp_path, kind):
    pixels, flags, legend, match = ASKED[kind]
    pixels = pixels if pixels.dtype == np.uint16 else pixels.astype(np.uint8)
    refuses(match, [png(tmp_path / "a.png", pixels)], MaskFlags(**flags), legend)


def test_drawn_on_a_transparent_layer(tmp_path):
    """White everywhere but under the strokes, transparent there: two readings."""
    rgb = np.where(FORE[..., None], np.uint8([255, 0, 0]), np.uint8(255))
    file = png(tmp_path / "a.png", rgba(rgb, FORE * 255))
    refuses("holds colours.*If the mask is the alpha channel, say --alpha", [file])
    refuses("Say --alpha in place of --binary", [file], MaskFlags(binary=True))
    np.testing.assert_array_equal(labels([file], MaskFlags(alpha=True))[1][0], FORE)


def test_files_that_are_no_masks(tmp_path):
    refuses("nowhere.png cannot be read", [tmp_path / "nowhere.png"])
    complex_numbers = tif(tmp_path / "a.tif", IDS.astype("c8"))
    refuses("a.tif holds an array .* of complex64", [complex_numbers])
    refuses("b.npy has 5 channels", [npy(tmp_path / "b.npy", np.dstack([IDS] * 5))])
    (tmp_path / "c.png").write_text("<html>")
    refuses("c.png cannot be read as an image .its format", [tmp_path / "c.png"])
    film = tmp_path / "d.gif"
    one, two = Image.fromarray(IDS), Image.fromarray(IDS[::-1].copy())
    one.save(film, save_all=True, append_images=[two])
    refuses("d.gif has 2 frames", [film])


def test_numbers_that_are_none(tmp_path):
    half = tif(tmp_path / "a.tif", IDS.astype("f4") / 2)
    refuses(r"a.tif: It holds 0.5; .*--threshold", [half])
    _, found = labels([half], MaskFlags(threshold=0.5))
    np.testing.assert_array_equal(found[0], IDS >= 1)
    below = tif(tmp_path / "b.tif", NODATA)
    refuses(r"b.tif: It holds ids -9999 to 2.*--ignore -9999", [below])
    _, found = labels([below], MaskFlags(ignore=(-9999,)))
    np.testing.assert_array_equal(found[0], VOID)
    infinite = tif(tmp_path / "c.tif", np.where(IDS == 1, np.inf, 0).astype("f4"))
    refuses("c.tif holds infinity", [infinite])
    zero = {"extratags": [(42113, "s", 0, "0", True)]}
    both = tif(tmp_path / "d.tif", IDS, **zero)
    refuses(r"nodata, and 0 may be a class.*--ignore 0.*--read-as ids", [both])
    _, found = labels([both], MaskFlags(read_as="ids"))
    np.testing.assert_array_equal(found[0], IDS)


def test_palettes_that_differ_without_saying_why(tmp_path):
    one = png(tmp_path / "a.png", IDS, [[0, 0, 0], [9, 9, 9], [7, 0, 0]])
    two = png(tmp_path / "b.png", IDS, [[0, 0, 0], [8, 8, 8], [7, 0, 0]])
    refuses(r"index 1 is \(9, 9, 9\) .*--read-as ids .*--read-as colours", [one, two])
    _, found = labels([one, two], MaskFlags(read_as="ids"))
    np.testing.assert_array_equal(found[1], IDS)
    rule, _ = labels([one, two], MaskFlags(read_as="colours"))
    assert rule.taxonomy.num_classes == 4


def test_palettes_that_differ_beside_plain_numbers(tmp_path):
    one = png(tmp_path / "a.png", IDS, RGB)
    two = png(tmp_path / "b.png", IDS, RGB[::-1])
    three = png(tmp_path / "c.png", IDS)
    refuses(r"c.png has none. Say --read-as ids", [one, two, three])
    refuses(r"--read-as ids .*--read-as colours", [one, three], None, COLOURS)


def test_jpeg_by_its_content(tmp_path):
    file = png(tmp_path / "a.png", IDS * np.uint8(100), format="JPEG")
    refuses(r"a.png is a JPEG.*Save masks as PNG", [file])


def test_exif_turns_masks_too(tmp_path):
    tag = Image.Exif()
    tag[0x0112] = 6
    file = png(tmp_path / "a.png", IDS, exif=tag)
    _, found = labels([file])
    np.testing.assert_array_equal(found[0], np.rot90(IDS, -1))
    stored = tif(tmp_path / "a.tif", IDS, extratags=[(274, "H", 1, 6, True)])
    np.testing.assert_array_equal(labels([stored])[1][0], np.rot90(IDS, -1))


def test_pages(tmp_path):
    stack = tif(tmp_path / "a.tif", np.stack([IDS, IDS.T.reshape(IDS.shape)]))
    refuses(r"a.tif has 2 pages.*--per-class pages.*--pages samples", [stack])
    _, found = labels([Page(stack, 0), Page(stack, 1)])
    np.testing.assert_array_equal(found[1], IDS.T.reshape(IDS.shape))


def test_layers(tmp_path):
    disc = png(tmp_path / "x_disc.png", (IDS == 1).astype("u1") * np.uint8(255))
    box = png(tmp_path / "x_box.png", IDS == 2)
    layers = Layers((("disc", disc), ("box", box)))
    flags = MaskFlags(per_class="suffix")
    rule, found = labels([layers, Layers((("box", box),))], flags)
    assert rule.taxonomy.names == ("background", "box", "disc")
    np.testing.assert_array_equal(found[0], np.uint8([0, 2, 1])[IDS])
    np.testing.assert_array_equal(found[1], IDS == 2)
    rule, found = labels([layers], flags, Legend(NAMES))
    assert rule.taxonomy.names == ("background", *NAMES)
    both = Layers((("disc", disc), ("box", disc)))
    rule, found = labels([both], flags)
    assert not rule.taxonomy.exclusive and found[0].shape == (*IDS.shape, 2)
    refuses("Layer 'box' is not a class", [layers], flags, Legend(("a", "b")))


MAPS = {
    "many to one": ("id,class\n0,ground\n1,thing\n2,thing\n", [0, 1, 1], 2),
    "from 1 on, 0 void": ("0,void\n1,a\n2,b\n", [255, 0, 1], 2),
    "nothing is ignore": ("0,\n1,a\n2,b\n", [255, 0, 1], 2),
    "ids to ids": ("0;1\n1;0\n2;255\n", [1, 0, 255], 2),
    "names": ("ground,rest\ndisc,thing\nbox,rest\n", [0, 1, 0], 2),
}


@pytest.mark.parametrize("kind", MAPS)
def test_map(tmp_path, kind):
    text, table, count = MAPS[kind]
    (tmp_path / "map.csv").write_text(text)
    file = png(tmp_path / "a.png", IDS)
    legend = Legend(NAMES) if kind == "names" else None
    rule, found = labels([file], MaskFlags(map=str(tmp_path / "map.csv")), legend)
    np.testing.assert_array_equal(found[0], np.uint8(table)[IDS])
    assert rule.taxonomy.num_classes == count


def test_map_of_colours(tmp_path):
    (tmp_path / "map.csv").write_text("0,0,0,rest\n250,0,0,thing\n0,250,0,thing\n")
    file = png(tmp_path / "a.png", RGB[IDS])
    _, found = labels([file], MaskFlags(map=str(tmp_path / "map.csv")))
    np.testing.assert_array_equal(found[0], IDS > 0)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("0,a\n1,b\n", r"holds id 2 .*maps 0, 1"),
        ("0,a\n0,b\n1,c\n", "line 2: 0 is mapped twice"),
        ("0,0\n1,5\n2,255\n", "to the ids 0, 5"),
        ("sky,a\n1,b\n2,b\n", "maps 'sky', which the legend does not name"),
        ("0,a,b\n", "line 1 has 3 columns"),
        ("", "is empty"),
    ],
)
def test_map_faults(tmp_path, text, match):
    (tmp_path / "map.csv").write_text(text)
    flags = MaskFlags(map=str(tmp_path / "map.csv"))
    refuses(match, [png(tmp_path / "a.png", IDS)], flags)


def test_masks_that_cannot_be_used_are_left_out_where_asked(tmp_path):
    good = [png(tmp_path / f"{name}.png", IDS) for name in "abc"]
    cut = tmp_path / "cut.png"
    cut.write_bytes(good[0].read_bytes()[:60])
    strange = png(tmp_path / "strange.png", IDS + np.uint8(90))
    files = [*good, cut, strange]
    refuses("cut.png cannot be read", files)
    left_out = []
    rule = rule_for(files, MaskFlags(), Legend(NAMES), left_out)
    assert [file for file, _ in left_out] == [cut, strange]
    np.testing.assert_array_equal(label_of(good[0], rule), IDS)
    with pytest.raises(UserError, match=r"strange\.png holds 9\d"):
        label_of(strange, rule)


def test_flags_that_exclude_each_other():
    for flags in (
        {"binary": True, "bits": True},
        {"alpha": True, "threshold": 0.5},
        {"binary": True, "map": "a.csv"},
        {"map": "a.csv", "compact": True},
    ):
        with pytest.raises(UserError, match=r"--.*(Keep one|Leave out)"):
            MaskFlags(**flags)


DATA = Path(os.environ.get("KERASSEG_DATA", "")) / "cases/data"
THREE = ("class_0", "class_1", "class_2")
CASES = {  # case: flags, names of the classes, or words of the refusal
    "class_dict_csv": ({}, ("Ground", "Disc", "Box")),
    "classes_254": ({}, 254),
    "exif6_in_mask": ({}, THREE),
    "legend_numbered_shuffled": ({}, ("background", "disc", "box")),
    "mask_0_1": ({"binary": True}, ("background", "foreground")),
    "mask_0_127_255": ({}, r"gray levels.*--threshold 127"),
    "mask_0_128": ({}, r"--binary"),
    "mask_0_255": ({}, r"only 0 and 255.*--binary"),
    "mask_16bit_ids_above_255": ({}, r"0 to 258.*--compact"),
    "mask_16bit_small": ({}, THREE),
    "mask_1based": ({}, 4),
    "mask_1bit": ({"binary": True}, ("background", "foreground")),
    "mask_antialias_colour": ({}, r"not a class.*smoothing"),
    "mask_antialias_ids": ({}, 5),
    "mask_brats_0124": ({}, 5),
    "mask_float_nan": ({}, THREE),
    "mask_float_prob": ({}, r"holds 0.9;.*--threshold"),
    "mask_gap_0_2345": ({}, 6),
    "mask_gap_big": ({}, r"--compact.*--map"),
    "mask_gap_big ": ({"compact": True}, 5),
    "mask_instances_16bit": ({}, r"instance ids"),
    "mask_instances_8bit": ({}, 20),
    "mask_jpeg_binary": ({"binary": True}, ("background", "foreground")),
    "mask_jpeg_gray": ({}, r"s0.jpg is a JPEG"),
    "mask_jpeg_then_png_colour": ({}, r"smoothing or JPEG"),
    "mask_palette_per_file": ({}, THREE),
    "mask_palette_trns": ({}, THREE),
    "mask_rgba_alpha": ({}, ("background", "foreground")),
    "mask_rgba_alpha ": ({"binary": True}, ("background", "foreground")),
    "mask_rgba_colour": ({}, ("bg", "disc", "box")),
    "mask_void_254": ({"ignore": (254,)}, THREE),
    "mask_void_254 ": ({}, r"--ignore 254"),
    "mask_void_254_named": ({"ignore": (254,)}, ("ground", "disc", "box")),
    "mask_zero_is_void": ({"ignore": (0,)}, ("class_1", "class_2", "class_3")),
    "multilabel_channels": ({}, r"--per-class channels"),
    "multilabel_channels ": (
        {"per_class": "channels"},
        ("class_1", "class_2", "class_3"),
    ),
    "multilabel_tif_pages ": (
        {"per_class": "pages"},
        ("class_1", "class_2", "class_3"),
    ),
    "multilabel_tif_pages": ({"binary": True}, r"3 pages.*--per-class pages"),
    "ok": ({}, THREE),
    "one_class": ({}, r"one class cannot be learned"),
    "one_mask_bad_id": ({}, r"s3.png holds id 77"),
    "tif_stack": ({}, r"12 pages.*--pages samples"),
}


@pytest.mark.skipif(
    "KERASSEG_DATA" not in os.environ, reason="KERASSEG_DATA is not set"
)
@pytest.mark.parametrize("case", CASES)
def test_cases(case):
    flags, expected = CASES[case]
    folder = DATA / case.strip()
    files = sorted((folder / "masks").iterdir())
    flags = MaskFlags(**flags)
    legend = legend_of(folder, "")
    if isinstance(expected, str):
        refuses(expected, files, flags, legend)
        return
    rule, _ = labels(files, flags, legend)
    names = rule.taxonomy.names
    assert (len(names) if isinstance(expected, int) else names) == expected


def of_values(file, counts):
    """A mask of so many pixels of each value."""
    pixels = np.repeat(list(counts), list(counts.values()))
    return png(file, pixels.reshape(1, -1).astype(np.uint8))


@pytest.mark.parametrize(
    ("counts", "flags", "cure"),
    [
        # A public copy of CrackForest: 255 is the crack, 3 and 4 are strays.
        ({0: 900, 3: 5, 4: 1, 255: 90}, {}, "--threshold 3 .*--ignore 255"),
        # Panoramic X-rays: 255 are the teeth, 85 and 170 strays.
        ({0: 700, 85: 2, 170: 3, 255: 200}, {}, "--threshold 85 .*--ignore 255"),
        ({0: 700, 170: 3, 255: 200}, {"compact": True}, "--threshold 170"),
    ],
)
def test_255_that_is_hardly_void(tmp_path, counts, flags, cure):
    file = of_values(tmp_path / "a.png", counts)
    refuses(f"more than all others but 0. Say {cure}", [file], MaskFlags(**flags))
    rule, _ = labels([file], MaskFlags(threshold=min([*counts][1:])))
    assert rule.taxonomy.num_classes == 2
    rule, _ = labels([file], MaskFlags(compact=True, ignore=(255,)))
    assert rule.taxonomy.num_classes == len(counts) - 1


@pytest.mark.parametrize(
    "counts",
    [
        {0: 900, 1: 5, 2: 5, 255: 90},  # no gap
        {1: 900, 2: 5, 255: 90},  # ids from 1 on
        {0: 900, 1: 50, 3: 50, 15: 5, 255: 90},  # VOC's border, some classes missing
    ],
)
def test_255_that_is_void(tmp_path, counts):
    flags = MaskFlags(compact=15 in counts)
    rule, _ = labels([of_values(tmp_path / "a.png", counts)], flags)
    assert rule.taxonomy.num_classes == (4 if 15 in counts else 3)


def test_two_files_of_two_whites(tmp_path):
    """A copy of ISBI 2012: some masks hold 0 and 1, the others 0 and 65535."""
    ones = [png(tmp_path / f"{n}.png", np.eye(4, dtype=np.uint8)) for n in "ab"]
    whites = [
        tif(tmp_path / f"{n}.tif", np.eye(4, dtype=np.uint16) * 65535) for n in "cd"
    ]
    refuses("0 and 65535. Say --threshold 1 if 65535 is the obj", [*ones, *whites])
