"""What `atomic.replacing` leaves when its process is killed, and how it goes."""

import os
from pathlib import Path

from kerasseg.files import atomic

DEAD = 2**22 + 1  # above the most that Linux gives


def test_leftovers_of_the_dead_go_and_of_the_living_stay(tmp_path):
    living = f".{os.getppid()}.b.json"
    had_our_number = f".{os.getpid()}.d.json"  # as in containers
    for name in (f".{DEAD}.a.json", had_our_number, living, ".7z", "c.json"):
        (tmp_path / name).write_text(name)
    (tmp_path / f".{DEAD}.export").mkdir()
    (tmp_path / f".{DEAD}.export" / "part").touch()
    with atomic.replacing(tmp_path / "e.json") as own:
        own.touch()
        atomic.remove_leftovers(tmp_path)
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {living, ".7z", "c.json", "e.json"}
    atomic.remove_leftovers(tmp_path / "nowhere")


def test_a_scratch_folder_goes_with_its_block_or_as_a_leftover(tmp_path):
    with atomic.scratch(tmp_path / "new") as aside:
        (aside / "half").touch()
        atomic.remove_leftovers(tmp_path / "new")
        assert (aside / "half").exists()
    assert not list((tmp_path / "new").iterdir())
    dead = aside.with_name(aside.name.replace(str(os.getpid()), str(DEAD)))
    dead.mkdir()
    atomic.remove_leftovers(tmp_path / "new")
    assert not dead.exists()


def test_a_folder_on_its_way_out_comes_back(tmp_path):
    """Killed between the two renames."""
    old = tmp_path / f".{DEAD}.old.export"
    old.mkdir()
    (old / "model.tflite").touch()
    atomic.remove_leftovers(tmp_path)
    assert [path.name for path in tmp_path.rglob("*")] == ["export", "model.tflite"]


def test_bytes_are_on_the_disk_before_their_name(tmp_path, monkeypatch):
    done = []
    fsync, replace = os.fsync, os.replace

    def synced(handle):
        done.append(Path(f"/proc/self/fd/{handle}").readlink().name)
        fsync(handle)

    def replaced(old, new):
        done.append("renamed")
        replace(old, new)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", replaced)
    atomic.write_text(tmp_path / "a.json", "{}")
    assert done == [f".{os.getpid()}.a.json", "renamed", tmp_path.name]
