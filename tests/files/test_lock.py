"""One writer at a time."""

import subprocess
import sys

import numpy as np
import pytest

from kerasseg.data import records
from kerasseg.data.sample import Sample, Samples
from kerasseg.files.lock import held, try_lock
from kerasseg.taxonomy import Taxonomy

HOLD = """
import sys
from pathlib import Path
from kerasseg.files.lock import held
with held(Path(sys.argv[1]), "it"):
    print("held", flush=True)
    sys.stdin.read()
"""


def drawn(number: int) -> Sample:
    return Sample(f"s{number}", np.zeros((4, 5, 3), "u1"), np.zeros((4, 5), "u1"))


def write(out):
    samples = {"train": Samples([0, 1], drawn)}
    records.write_splits(samples, out, taxonomy=Taxonomy.numbered(2), progress=False)


def test_a_second_conversion_is_refused(tmp_path):
    file = tmp_path / ".writing-r.lock"
    command = [sys.executable, "-c", HOLD, str(file)]
    with subprocess.Popen(command, stdin=-1, stdout=-1, text=True) as other:
        assert other.stdout.readline() == "held\n"
        with pytest.raises(ValueError, match=rf"Another process is writing .*{file}"):
            write(tmp_path / "r")
        write(tmp_path / "another")
        other.kill()  # which leaves the file, not the lock
    assert file.is_file()
    write(tmp_path / "r")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["another", "r"]


def test_the_lock_ends_with_the_block(tmp_path):
    file = tmp_path / "deep" / "lock"
    for _ in range(2):
        with pytest.raises(ZeroDivisionError), held(file, "it"):
            with pytest.raises(ValueError, match="Another process is writing it"):
                with held(file, "it"):
                    pass
            1 / 0  # noqa: B018
        assert not file.exists()


def test_a_lock_is_tried_and_given_back(tmp_path):
    file = tmp_path / ".lock"
    lock = try_lock(file)
    assert lock
    assert try_lock(file) is None
    lock.release()
    again = try_lock(file)
    assert again
    del again  # nobody holds it any longer
    assert try_lock(file)
