"""Every image case of ../shared/data/cases on every way to the network, bit for bit.

Training reads records (NumPy and tf.data), prediction reads files, a server is sent the
client's bytes: all must give the array that the one reader of images gives. This is no
golden test of that reader; those are in tests/data/reading/test_reading_cases.py.
"""

import functools
import os
import shutil
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kerasseg import UserError
from kerasseg.data import records
from kerasseg.data.datasets import folder
from kerasseg.data.datasets.folder_files import ImageFlags
from kerasseg.data.format.encode import is_picture_file
from kerasseg.data.pipeline import batches
from kerasseg.data.reading.pictures.fitted import fitted, format_of
from kerasseg.data.reading.pictures.image import SUFFIXES, header, read
from kerasseg.export.saved_model.encoded import upright
from kerasseg.image_format import RGB
from kerasseg.inference.network_input import network_input
from kerasseg.serve import picture_files

if "KERASSEG_DATA" not in os.environ:
    pytest.skip("KERASSEG_DATA is not set", allow_module_level=True)

CASES = Path(os.environ["KERASSEG_DATA"], "cases", "data")
FOLDERS = ("tif*", "png16*", "img_*", "exif*", "nuclei*", "mixed_sizes", "ext_mixed")
EACH = 2
"""Files of a folder of scenes, which are all of one kind."""
REFUSED = {"lab.tif", "u32.tif", "i32.tif"}
"""Cases that may be refused, and then everywhere."""


def cases():
    files = sorted((CASES / "formats").iterdir())
    for pattern in FOLDERS:
        for case in sorted(CASES.glob(pattern)):
            images = [f for f in (case / "images").rglob("*") if f.suffix in SUFFIXES]
            kinds = defaultdict(list)
            for file in sorted(images):
                kinds[file.suffix, header(file).turn].append(file)
            files += [file for kind in kinds.values() for file in kind[:EACH]]
    return files


def groups(flags):
    """Files that can be one data set of one size, by their format and size."""
    found, refused = defaultdict(list), []
    for file in cases():
        try:
            kind, _ = format_of([file], flags.options)
            read(file, flags.options)
        except UserError as error:
            assert str(file) in str(error)
            assert "\n" not in str(error)
            refused.append(file)
            continue
        size = header(file, flags.options)
        found[kind.bands, kind.type, kind.nodata, size.height, size.width].append(file)
    return found, refused


@functools.cache
def server(kind):
    """What a SavedModel of this format makes of the bytes of a picture."""
    if not kind.is_rgb8:
        return lambda encoded: upright(tf.constant(encoded), 0, image_format=kind)
    return tf.function(
        lambda encoded: upright(encoded, 0, image_format=kind),
        input_signature=[tf.TensorSpec((), tf.string)],
    )


def prepared(files, flags, place):
    """Records of files with made masks; the file of each id."""
    names = {}
    for number, file in enumerate(files):
        name = f"{number:02d}"
        names[name] = file
        image = place / "images" / "train" / f"{name}{file.suffix}"
        image.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, image)
        size = header(file, flags.options)
        mask = (np.indices((size.height, size.width)).sum(0) // 5 % 2).astype(np.uint8)
        (place / "masks" / "train").mkdir(parents=True, exist_ok=True)
        Image.fromarray(mask).save(place / "masks" / "train" / f"{name}.png")
    taxonomy, splits = folder.load(place, images=flags, val_share=0)
    out = place / "records"
    records.write_splits(splits, out, taxonomy=taxonomy, shards=1, progress=False)
    return out, names


@pytest.mark.parametrize(
    "flags",
    [
        ImageFlags(pages="bands"),
        ImageFlags(image_alpha="valid", pages="bands"),
        ImageFlags(image_alpha="band", pages="bands"),
    ],
    ids=lambda flags: f"alpha-{flags.image_alpha}",
)
def test_all_ways_give_the_network_the_same_array(flags, tmp_path):
    found, refused = groups(flags)
    assert {file.name for file in refused} <= REFUSED
    usual = flags.image_alpha == "drop"
    for number, files in enumerate(found.values()):
        if not usual:  # those alone for which this makes a difference
            files = [file for file in files if header(file).alpha]
            if not files:
                continue
        out, names = prepared(files, flags, tmp_path / str(number))
        kind = records.describe(out).image_format
        samples = {s.id.split("/")[-1]: s.image for s in records.read(out, "train")}
        assert samples.keys() == names.keys()
        for name, file in names.items():
            picture = read(file, flags.options)
            right = fitted(picture, kind, file)
            where = f"{file} as {kind}"
            assert samples[name].dtype == right.dtype == kind.type, where
            np.testing.assert_array_equal(samples[name], right, where)
            predicted, _ = network_input(file, kind)
            assert predicted.dtype == right.dtype, where
            np.testing.assert_array_equal(predicted, right, where)
            # Of other PNGs than RGB of 8 bits the server wants alpha left out.
            fits = kind.is_rgb8 or kind.channels == 1 or not header(file).alpha
            fits &= kind.is_rgb8 or name == "00"  # one of each other kind, for the time
            if usual and is_picture_file(kind) and picture.valid is None and fits:
                sent = server(kind)(picture_files.encoded(file))
                np.testing.assert_array_equal(sent, right, where)
        (batch,) = batches(out, "train", batch_size=len(files), threads=1)
        for image, name in zip(batch["image"].numpy(), samples, strict=True):
            np.testing.assert_array_equal(image, samples[name], str(names[name]))


def test_gray_among_rgb_is_the_same_everywhere(tmp_path):
    files = [CASES / "formats" / "l.png", CASES / "formats" / "plain.png"]
    out, names = prepared(files, ImageFlags(), tmp_path)
    assert records.describe(out).image_format.same_kind(RGB)
    for sample in records.read(out, "train"):
        file = names[sample.id]
        np.testing.assert_array_equal(sample.image, network_input(file)[0])
        sent = server(RGB)(picture_files.encoded(file))
        np.testing.assert_array_equal(sample.image, sent)
