"""dataset.json: what is missing or damaged is said."""

from pathlib import Path

import pytest

from kerasseg.data import records


def test_describe_says_what_is_missing(tmp_path):
    with pytest.raises(ValueError, match="nowhere does not exist"):
        records.describe(tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"no dataset.json.*kerasseg.prepare"):
        records.describe(tmp_path)
    for text in "", "[]", "{}", '{"format": 1, "name": "x"}':
        Path(tmp_path, "dataset.json").write_text(text)
        with pytest.raises(ValueError, match=r"dataset.json is damaged"):
            records.describe(tmp_path)
    Path(tmp_path, "dataset.json").write_text('{"format": 99}')
    with pytest.raises(ValueError, match="format 99"):
        records.describe(tmp_path)
