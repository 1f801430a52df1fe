"""Facts of records, by samples that were drawn so that they are known."""

import json
import shutil

import numpy as np
import pytest

from kerasseg.data import records as shards
from kerasseg.data.sample import Sample
from kerasseg.plan import fingerprint
from kerasseg.taxonomy import Taxonomy


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """Class 1: a bar 4 pixels wide in the upper half; two objects that touch."""
    label = np.zeros((32, 64), np.uint8)
    label[6:10, 8:56] = 1
    instance = label.astype(np.uint16)
    instance[6:10, 32:56] = 2
    image = np.repeat(label[..., None] * 100, 3, 2)

    def samples(count):
        return [Sample(f"s{i}", image, label, instance) for i in range(count)]

    path = tmp_path_factory.mktemp("drawn") / "records"
    splits = {"train": samples(3), "val": samples(1)}
    shards.write_splits(splits, path, taxonomy=Taxonomy.numbered(2), progress=False)
    return path


def test_what_was_drawn(drawn):
    found = fingerprint.of_records(drawn)
    assert (found.train, found.val, found.height, found.width) == (3, 1, 32, 64)
    assert (found.one_size, found.gray, found.rgb8) == (True, 1.0, True)
    assert found.shares[1] == pytest.approx(4 * 48 / (32 * 64))
    # 192 pixels, of which 2 x 46 lie inside: 2 x 192 / 100.
    assert found.thickness[1] == pytest.approx(3.84)
    assert found.asymmetry > 0.5
    # 8 pixels at the meeting, of 100 + 4 pixels on borders of objects.
    assert found.instances
    assert found.touching == pytest.approx(8 / 104, abs=1e-4)


def test_it_is_looked_at_once(drawn, tmp_path, monkeypatch):
    own = shutil.copytree(drawn, tmp_path / "records")
    first = fingerprint.of_records(own)
    monkeypatch.setattr(shards, "read", lambda *_: pytest.fail("looked again"))
    assert fingerprint.of_records(own) == first
    file = own / fingerprint.FILE
    for wrong in ("", "{}", json.dumps(json.loads(file.read_text()) | {"digest": ""})):
        file.write_text(wrong)
        with pytest.raises(pytest.fail.Exception, match="looked again"):
            fingerprint.of_records(own)
