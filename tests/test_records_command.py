"""`python -m kerasseg.records verify`, as a user calls it."""

import shutil

import pytest

from kerasseg import records


def test_right_records_and_damaged_ones(shared_records, tmp_path, capsys):
    folder = shutil.copytree(shared_records, tmp_path / "r")
    records.main(["verify", str(folder)])
    shown = capsys.readouterr().out
    assert "images: 3 bands (red, green, blue) of uint8" in shown
    assert "train: 10 samples in 8 shards" in shown and "val: 5 samples" in shown
    shard = next(folder.glob("val-00002*"))
    stored = bytearray(shard.read_bytes())
    stored[len(stored) // 2] ^= 1
    shard.write_bytes(stored)
    with pytest.raises(SystemExit) as stop:
        records.main(["verify", str(folder)])
    assert stop.value.code == 2
    message = capsys.readouterr().err
    assert f"{shard.name} was changed" in message and "record 0" in message
    assert f"kerasseg.prepare synthetic {shared_records} --train 10" in message
