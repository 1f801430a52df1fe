"""Tables as HuggingFace's `datasets` writes them: Parquet, Arrow, features, shards."""

import io
import json

import numpy as np
import pytest
from pictures import IDS, counts, ids, load, picture, refuses
from PIL import Image

from kerasseg.data.datasets import adapter

pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")


def png(pixels):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def table(names=("a", "b"), image="image", label="label", masks=None, paths=True):
    """masks: a value a row, in place of PNG files."""
    cells = [{"bytes": png(picture(0)), "path": f"{n}.png"} for n in names]
    labels = [{"bytes": png(IDS), "path": None} for _ in names]
    if not paths:
        cells = [cell | {"path": None} for cell in cells]
    columns = {image: cells, "scene": list(names), label: masks or labels}
    kind = pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())])
    kinds = [
        kind,
        pyarrow.string(),
        None if masks and "bytes" not in masks[0] else kind,
    ]
    return pyarrow.table(
        {
            name: pyarrow.array(values, of)
            for (name, values), of in zip(columns.items(), kinds, strict=True)
        }
    )


def write(root, name, content=None, **options):
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    content = table() if content is None else content
    parquet.write_table(content, root / name, **options)


def said(*args, **options):
    splits = adapter("huggingface")(*args, **options)[1]
    return next(iter(splits.values())).source["columns"]["line"]


def test_shards_are_splits_and_rows_samples(tmp_path):
    for number, names in enumerate((("a", "b"), ("c",))):
        file = f"data/train-{number:05}-of-00002.parquet"
        write(tmp_path, file, table(names), row_group_size=1)
    write(tmp_path, "data/validation-00000-of-00001-0123456789abcdef.parquet")
    empty = table(masks=[{"bytes": None, "path": None}] * 2)
    write(tmp_path, "data/test-00000-of-00001.parquet", empty)
    (tmp_path / "id2label.json").write_text('{"0": "x", "1": "y", "2": "z"}')
    taxonomy, splits = load("huggingface", tmp_path)
    assert taxonomy.names == ("x", "y", "z")
    assert ids(splits) == {"train": ["a", "b", "c"], "val": ["a", "b"]}
    for sample in splits["train"]:
        np.testing.assert_array_equal(sample.label, IDS)
        np.testing.assert_array_equal(sample.image, picture(0))
        assert sample.encoded == png(picture(0))
    assert "test has no masks and is left out" in said(tmp_path)
    (tmp_path / "data/train-00000-of-00002.parquet").unlink()
    refuses(
        "lacks 1 of the 2 files of train, such as number 00000", "huggingface", tmp_path
    )


@pytest.mark.parametrize("stream", [True, False])
def test_folders_of_save_to_disk(tmp_path, stream):
    for split in "train", "validation":
        folder = tmp_path / split
        folder.mkdir()
        content = table(paths=False)
        open_file = pyarrow.ipc.new_stream if stream else pyarrow.ipc.new_file
        with open_file(str(folder / "data-00000-of-00001.arrow"), content.schema) as f:
            f.write_table(content)
    splits = load("huggingface", tmp_path)[1]
    assert ids(splits)["val"] == [
        "data-00000-of-00001-00000",
        "data-00000-of-00001-00001",
    ]
    np.testing.assert_array_equal(splits["val"][1].label, IDS)


def test_lists_of_numbers_and_names_of_the_feature(tmp_path):
    feature = {"_type": "Sequence", "feature": [{"names": ["x", "y", "z"]}]}
    content = table(label="mask", masks=[(IDS % 255).tolist()] * 2)
    info = {"info": {"features": {"mask": feature}}}
    content = content.replace_schema_metadata({"huggingface": json.dumps(info)})
    write(tmp_path, "train.parquet", content)
    taxonomy, splits = load("huggingface", tmp_path / "train.parquet")
    assert taxonomy.names == ("x", "y", "z")
    np.testing.assert_array_equal(splits["train"][0].label, IDS % 255)


def test_columns_are_found_or_asked_for(tmp_path):
    write(tmp_path, "train.parquet", table(image="pixel_values", label="depth_ids"))
    assert said(tmp_path) == "images are 'pixel_values', masks 'depth_ids'"
    two = table().append_column("mask", table()["label"])
    write(tmp_path, "train.parquet", two)
    refuses("of images may be image, label, mask. Say --label", "huggingface", tmp_path)
    assert counts(load("huggingface", tmp_path, label="mask")[1]) == {"train": 2}
    refuses("no column x. --label may be image", "huggingface", tmp_path, label="x")
    write(tmp_path, "train.parquet", table(image="a"))
    refuses("Say --image", "huggingface", tmp_path)


def test_what_is_no_data_set_is_named(tmp_path):
    refuses("holds no .parquet nor .arrow", "huggingface", tmp_path)
    write(tmp_path, "one/train.parquet")
    write(tmp_path, "two/train.parquet")
    refuses(r"several data sets \(one, two\)", "huggingface", tmp_path)
    lost = table(masks=[{"bytes": None, "path": "gone.png"}] * 2)
    write(tmp_path, "two/train.parquet", lost)
    refuses(
        "row 1, column label names the file gone.png", "huggingface", tmp_path / "two"
    )
    file = tmp_path / "one/train.parquet"
    file.write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    refuses("Git LFS pointer", "huggingface", tmp_path / "one")
