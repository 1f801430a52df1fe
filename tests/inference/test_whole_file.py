"""A file for devices in which a bit turned is refused before it runs."""

import hashlib
import json

import pytest

from kerasseg import UserError
from kerasseg.inference.whole_file import LIST, require_whole


@pytest.fixture
def file(tmp_path):
    file = tmp_path / "model.tflite"
    file.write_bytes(b"weights")
    return file


def listed(file, rows):
    (file.parent / LIST).write_text(rows if isinstance(rows, str) else json.dumps(rows))


def test_a_turned_bit_is_named(file):
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    listed(file, [{"file": ""}, {"file": "model.tflite", "sha256": digest}])
    require_whole(file)
    file.write_bytes(b"weightr")
    with pytest.raises(UserError, match=rf"{file} is not as it was exported"):
        require_whole(file)


@pytest.mark.parametrize(
    "rows",
    [None, "", "{", "{}", "[3]", [{"file": "model.tflite"}], [{"file": "a.tflite"}]],
)
def test_a_file_that_no_export_lists_is_taken(file, rows):
    if rows is not None:
        listed(file, rows)
    require_whole(file)
