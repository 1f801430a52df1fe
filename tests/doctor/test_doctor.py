"""The command: exit codes, what it prints, its page, records, and real data."""

import os
import re
import subprocess
import sys
from html.parser import HTMLParser

import faults
import patients
import pictures
import pytest

from kerasseg import prepare
from kerasseg.doctor import html_report
from kerasseg.doctor.__main__ import main


def run(source, *flags) -> int:
    out = source.parent / "doctor.html"
    try:
        main([str(source), "--out", str(out), *flags])
    except SystemExit as stop:
        return stop.code
    return 0


def test_healthy_folder(folder, capsys):
    assert run(folder) == 0
    text = capsys.readouterr().out
    assert "12 images (train 8, val 4)" in text and "Healthy." in text
    assert 'class_weights = "sqrt_median"' in text
    assert all(name in text for name in patients.NAMES)


def test_warnings_alone_are_no_failure(folder, capsys):
    patients.class_nowhere(folder)
    assert run(folder) == 0
    assert "1 warning. Nothing has to be fixed." in capsys.readouterr().out


def test_errors_fail_unless_skipped(folder, capsys):
    patients.folders_swapped(folder)
    assert run(folder) == 1
    text = capsys.readouterr().out
    assert re.search("error +swapped", text) and "Fix: Swap" in text
    # What was not looked at is not called healthy.
    assert re.search("not checked +size, exif,", text)
    assert "– not checked" in (folder.parent / "doctor.html").read_text()
    assert run(folder, "--images", "masks", "--masks", "images") == 0
    patients.folders_swapped(folder)
    patients.copied(folder)
    assert run(folder) == 1
    assert run(folder, "--skip", "duplicates") == 0


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--skip", "alinment"], "Unknown check 'alinment'.*alignment"),
        (["--images", "pictures"], "no image named pictures"),
        (["--legend", "no.txt"], "Legend no.txt does not exist"),
    ],
)
def test_wrong_usage(folder, capsys, flags, words):
    assert run(folder, *flags) == 2
    message = capsys.readouterr().err.strip()
    assert re.search(words, message) and len(message.splitlines()) == 1
    assert not (folder.parent / "doctor.html").exists()


def test_page_is_whole_and_asks_for_nothing(folder):
    patients.copied(folder)
    patients.mask_of_other_size(folder)
    (folder / "images" / "val" / "010.png").write_text("no picture")
    run(folder)
    text = (folder.parent / "doctor.html").read_text()
    tags = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attributes: tags.append((tag, attributes))
    parser.feed(text)
    pictures = [dict(a) for tag, a in tags if tag == "img"]
    assert len(pictures) >= 4
    assert all(p["src"].startswith("data:image/") and p["alt"] for p in pictures)
    assert not re.search(r"https?://|<script|<link", text)
    assert "scenes &amp; &lt;b&gt;" in text and "<b>" not in text
    for words in ("error: duplicates", "error: size", "error: corrupt"):
        assert words in text.lower()


def test_a_folder_needs_no_tensorflow(folder):
    out = str(folder.parent / "doctor.html")
    code = "import sys; from kerasseg.doctor.__main__ import main\n"
    code += f"main([{str(folder)!r}, '--out', {out!r}])\n"
    code += "assert not {'tensorflow', 'keras'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_records(folder, capsys):
    records = folder.parent / "records"
    prepare.main(["folder", str(folder), str(records)])
    assert run(records) == 0
    assert "12 images (train 8, val 4)" in capsys.readouterr().out
    shard = sorted(records.glob("train*"))[0]
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 255
    shard.write_bytes(bytes(data))
    assert run(records) == 1
    assert f"{shard.name} is damaged at record 0" in capsys.readouterr().out
    shard.unlink()
    assert run(records) == 1
    assert shard.name in capsys.readouterr().out


@pytest.mark.skipif(
    "KERASSEG_DATA" not in os.environ, reason="KERASSEG_DATA is not set"
)
@pytest.mark.parametrize("every", [6, pytest.param(1, marks=pytest.mark.slow)])
def test_camvid_is_healthy(tmp_path, capsys, every):
    source = pictures.some_camvid(tmp_path / "camvid", every)
    prepare.main(["camvid", str(source), str(tmp_path / "records")])
    capsys.readouterr()
    assert run(tmp_path / "records") == 0
    assert "Healthy." in capsys.readouterr().out


@pytest.mark.skipif(
    "KERASSEG_DATA" not in os.environ, reason="KERASSEG_DATA is not set"
)
def test_slices_divided_by_hash_are_not_healthy(tmp_path, capsys):
    # The 30 slices are one volume: a split by hash parts neighbours, and is told so.
    out, slices = (
        str(tmp_path / "slices.html"),
        os.environ["KERASSEG_DATA"] + "/isbi2012",
    )
    flags = ["--images", "image", "--masks", "label", "--binary", "--out", out]
    with pytest.raises(SystemExit) as stop:
        main([slices, *flags])
    assert stop.value.code == 1
    assert re.findall("error +(.*?)  ", capsys.readouterr().out) == ["sequence"]
    main([slices, *flags, "--val-share", "0"])
    text = capsys.readouterr().out
    assert re.findall("(error|warning) +(.*?)  ", text) == [("warning", "splits")]


def test_the_page_stays_below_5_mb(folder, monkeypatch):
    """The more pictures there are, the smaller they become."""
    monkeypatch.setattr(html_report, "PICTURES", 120_000)
    faults.FAULTS["smoothed colours"][0](folder)
    run(folder)
    page = (folder.parent / "doctor.html").read_text()
    assert page.count("<img") >= 4
    sources = re.findall(r'src="([^"]*)"', page)
    assert sum(map(len, sources)) <= 130_000


def test_lines_have_80_columns(folder, capsys, monkeypatch):
    monkeypatch.chdir(folder.parent)
    faults.FAULTS["interpolated"][0](folder)
    with pytest.raises(SystemExit):
        main([folder.name])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 20 and max(map(len, lines)) <= 80
