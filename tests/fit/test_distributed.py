"""The conversion on Apache Beam writes what the local one writes."""

import importlib.util
from pathlib import Path

import pytest

from kerasseg import prepare
from kerasseg.data import records

PIPELINES = Path(__file__).parents[2] / "pipelines"
FLAGS = ["--train", "9", "--val", "2", "--height", "32", "--width", "48"]


def test_shards_are_those_of_the_local_writer(tmp_path, capsys):
    pytest.importorskip("apache_beam")
    file = PIPELINES / "distributed" / "convert.py"
    spec = importlib.util.spec_from_file_location("convert", file)
    convert = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(convert)
    one, other = tmp_path / "local", tmp_path / "beam"
    prepare.main(["synthetic", str(one), *FLAGS])
    runner = ["--runner", "BundleBasedDirectRunner"]
    convert.main(["synthetic", str(other), *FLAGS, "--", *runner])
    names = sorted(p.name for p in one.glob("*.tfrecord"))
    assert names == sorted(p.name for p in other.glob("*.tfrecord"))
    assert all((one / n).read_bytes() == (other / n).read_bytes() for n in names)
    assert "convert.py synthetic" in records.describe(other).command
    records.verify(other, progress=False)
