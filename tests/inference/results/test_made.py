"""Only what predict made, and nobody changed since, is written over."""

import errno
import json

import pytest

from kerasseg import UserError
from kerasseg.files import atomic
from kerasseg.inference.results.made import LIST, CannotWrite, Made, results_around


def test_a_second_call_may_replace_what_the_first_one_made(tmp_path):
    file = tmp_path / "sub" / "a_label.png"
    Made(tmp_path).write(file, b"first", "in/a.png")
    second = Made(tmp_path)
    assert second.made(file)
    second.refuse_others([file, tmp_path / "not_there.png"])
    second.write(file, b"second", "in/a.png")
    assert Made(tmp_path).made(file)
    lines = [json.loads(line) for line in (tmp_path / LIST).read_text().splitlines()]
    assert {line["file"] for line in lines} == {"sub/a_label.png"}
    assert lines[0]["source"] == "in/a.png"


def test_the_same_again_makes_the_list_no_longer(tmp_path):
    for _ in range(3):
        Made(tmp_path).write(tmp_path / "a.png", b"same", "a")
    assert len((tmp_path / LIST).read_text().splitlines()) == 1


def test_what_is_the_users_is_never_replaced(tmp_path):
    own, ours = tmp_path / "contact_sheet.jpg", tmp_path / "a_label.png"
    own.write_bytes(b"holiday")
    made = Made(tmp_path)
    made.write(ours, b"ids", "a.png")
    with pytest.raises(UserError, match=r"contact_sheet\.jpg is there and is not as"):
        made.refuse_others([ours, own])
    ours.write_bytes(b"corrected by hand")
    with pytest.raises(UserError, match=r"a_label\.png \(and 1 more\) is there"):
        Made(tmp_path).refuse_others([ours, own])
    (tmp_path / "link.png").symlink_to(tmp_path / "nowhere")
    with pytest.raises(UserError, match=r"link\.png is there"):
        made.refuse_others([tmp_path / "link.png"])


def test_a_moved_folder_is_still_known(tmp_path):
    Made(tmp_path / "old").write(tmp_path / "old" / "a.png", b"1", "a")
    (tmp_path / "old").rename(tmp_path / "new")
    assert Made(tmp_path / "new").made(tmp_path / "new" / "a.png")
    around = results_around(tmp_path / "new")
    assert around == {(tmp_path / "new").resolve() / n for n in ("a.png", LIST)}
    (tmp_path / "new" / "sub").mkdir()
    assert results_around(tmp_path / "new" / "sub") == around


def test_a_list_that_was_cut_while_it_was_written(tmp_path):
    Made(tmp_path).write(tmp_path / "a.png", b"1", "a")
    with (tmp_path / LIST).open("a") as opened:
        opened.write('{"file": "b.p')
    made = Made(tmp_path)
    assert made.made(tmp_path / "a.png")
    made.write(tmp_path / "c.png", b"2", "c")
    assert Made(tmp_path).made(tmp_path / "c.png")


def test_a_list_of_somebody_else(tmp_path):
    (tmp_path / LIST).write_text('{"my": "notes"}\n')
    with pytest.raises(UserError, match="no list of what predict made"):
        Made(tmp_path)
    assert results_around(tmp_path) == set()


def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path, monkeypatch):
    made = Made(tmp_path)
    made.write(tmp_path / "a.png", b"before", "a")

    def full(self, data):
        self.touch()
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(type(tmp_path), "write_bytes", full)
    with pytest.raises(CannotWrite, match=r"a\.png cannot be written: No space left"):
        made.write(tmp_path / "a.png", b"after", "a")
    assert (tmp_path / "a.png").read_bytes() == b"before"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.png", LIST]


def test_a_video_is_in_the_list_before_it_is_there(tmp_path, monkeypatch):
    made = Made(tmp_path)
    with made.listing(tmp_path / "labels", "v.mp4") as aside:
        aside.mkdir()
        assert not Made(tmp_path).made(tmp_path / "labels")
    assert Made(tmp_path).made(tmp_path / "labels")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(made, "_add", full)
    with (
        pytest.raises(CannotWrite, match=rf"{LIST} cannot be written: No space left"),
        made.listing(tmp_path / "v.mp4", "v.mp4") as aside,
    ):
        aside.write_bytes(b"1")
    assert {file.name for file in tmp_path.iterdir()} == {"labels", LIST}


def test_a_list_that_an_editor_of_windows_saved(tmp_path):
    Made(tmp_path).write(tmp_path / "a.png", b"1", "a")
    lines = (tmp_path / LIST).read_bytes().replace(b"\n", b"\r\n")
    (tmp_path / LIST).write_bytes(b"\xef\xbb\xbf" + lines)
    assert Made(tmp_path).made(tmp_path / "a.png")


def test_results_below_a_file(tmp_path):
    (tmp_path / "a.png").touch()
    for out in "a.png", "a.png/x":
        with pytest.raises(UserError, match="is no folder, but a file or below one"):
            Made(tmp_path / out)


def test_files_that_others_wrote(tmp_path):
    atomic.write_text(tmp_path / "film_overlay.mp4", "film")
    (tmp_path / "film_labels").mkdir()
    made = Made(tmp_path)
    made.add(tmp_path / "film_overlay.mp4", "film.mp4")
    made.add(tmp_path / "film_labels", "film.mp4")
    made.refuse_others([tmp_path / "film_overlay.mp4", tmp_path / "film_labels"])
