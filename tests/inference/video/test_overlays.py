"""From a video to its overlay and class maps; what is told, and what is left after."""

import csv
import io
import os
import signal
import sys
from fractions import Fraction
from pathlib import Path

import cv2
import films
import numpy as np
import pytest

from kerasseg.drawing import video_frames
from kerasseg.inference import inputs
from kerasseg.inference.video import opencv, overlays
from kerasseg.taxonomy import Taxonomy

DATA = os.environ.get("KERASSEG_DATA")
TAXONOMY = Taxonomy(("dark", "light"), ((200, 0, 0), (0, 0, 200)))
OVERLAPPING = Taxonomy(
    ("heart/left", "lung", "Lung"), ((200, 0, 0), (0, 200, 0), (0, 0, 200)), False
)


def brightness(pixels):
    return (pixels[..., 0] > 100).astype(np.uint8)


def planes(pixels):
    label = np.zeros((*pixels.shape[:2], 3), np.uint8)
    label[:20, :20, 0] = 1
    label[10:30, 10:30, 1] = 1
    return label


def overlaid(source, tmp_path, segment=brightness, taxonomy=TAXONOMY, **options):
    options = overlays.Options(**options)
    overlays.write_overlay(source, tmp_path / "out", segment, taxonomy, options)
    return tmp_path / "out_overlay.mp4"


@pytest.fixture
def film(tmp_path):
    return films.write(tmp_path / "drive.mp4")


def test_classes_are_drawn_over_the_frames(film, tmp_path, capsys):
    film = films.write(film, size=(240, 320))
    frames, times = films.read(overlaid(film, tmp_path, alpha=0.5))
    assert times == [Fraction(i, 10) for i in range(10)]
    seen = frames[9][150:220, 200:300].mean((0, 1))  # class 0 of two: not painted
    np.testing.assert_allclose(seen, (40, 40, 200), atol=6)
    out = capsys.readouterr().out
    assert out.startswith(f"{tmp_path / 'out_overlay.mp4'}: 10 frames, ")
    assert out.count("\n") == 1


def test_labels_of_frames(film, tmp_path):
    overlaid(film, tmp_path, labels=True, frames=4)
    folder = tmp_path / "out_labels"
    rows = list(csv.reader((folder / "frames.csv").open()))
    assert rows == [
        ["frame", "seconds"],
        *([f"{i + 1:06}.png", f"{i / 10:.6f}"] for i in range(4)),
    ]
    label = cv2.imread(str(folder / "000004.png"), cv2.IMREAD_UNCHANGED)
    assert (label.dtype, label.shape) == (np.uint8, (48, 64))
    assert (label[4:20, 36:60] == 1).all()
    overlaid(film, tmp_path, labels=True, frames=2)  # again, over its own
    assert len(list(folder.glob("*.png"))) == 2


def test_labels_of_many_classes_have_16_bits(film, tmp_path):
    def segment(pixels):
        return np.full(pixels.shape[:2], 299, np.uint16)

    overlaid(film, tmp_path, segment, Taxonomy.numbered(300), labels=True, frames=1)
    file = tmp_path / "out_labels" / "000001.png"
    assert (cv2.imread(str(file), cv2.IMREAD_UNCHANGED) == 299).all()


def test_classes_that_overlap(film, tmp_path):
    file = overlaid(film, tmp_path, planes, OVERLAPPING, labels=True, alpha=1)
    assert len(films.read(file)[0]) == 10
    folder = tmp_path / "out_labels"
    names = sorted(one.name for one in folder.iterdir() if one.is_dir())
    assert names == ["Lung_2", "heart_left", "lung"]
    for place, name in enumerate(("heart_left", "lung", "Lung_2")):
        found = cv2.imread(str(folder / name / "000010.png"), cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(found, planes(films.picture(0))[..., place])
    assert (folder / "frames.csv").is_file()


def test_the_mean_colour_and_the_outlines_of_classes_that_overlap():
    image = np.full((48, 64, 3), 100, np.uint8)
    drawn = video_frames.overlay(image, planes(image), OVERLAPPING, 1.0)
    assert drawn[5, 5].tolist() == [200, 0, 0]
    assert drawn[15, 15].tolist() == [100, 100, 0]  # two classes
    assert drawn[10, 25].tolist() == [0, 200, 0]  # an outline
    assert drawn[40, 50].tolist() == [100, 100, 100]  # no class
    half = video_frames.overlay(image, planes(image), OVERLAPPING, 0.5)
    assert half[5, 5].tolist() == [150, 50, 50]
    assert half[0, 5].tolist() == [200, 0, 0]  # outlines keep their colour
    ignored = np.full((48, 64, 3), 255, np.uint8)
    assert (video_frames.overlay(image, ignored, OVERLAPPING, 0.5) == 100).all()
    shown = video_frames.captioned(image.copy(), OVERLAPPING, planes(image))
    assert (shown != image).any()


def test_a_folder_of_the_user_is_not_replaced(film, tmp_path):
    own = tmp_path / "out_labels" / "000001.png"
    own.parent.mkdir()
    own.write_bytes(b"mine")
    with pytest.raises(ValueError, match=r"out_labels holds other files .* --out"):
        overlaid(film, tmp_path, labels=True)
    assert own.read_bytes() == b"mine"
    assert not (tmp_path / "out_overlay.mp4").exists()


def test_a_cut_one_is_kept_and_told(tmp_path):
    data = films.write(tmp_path / "a.mkv").read_bytes()
    (tmp_path / "cut.mkv").write_bytes(data[: len(data) * 95 // 100])
    with pytest.raises(overlays.Incomplete) as told:
        overlaid(tmp_path / "cut.mkv", tmp_path, labels=True)
    done = len(films.read(tmp_path / "out_overlay.mp4")[0])
    assert 0 < done < 10
    assert f"cut.mkv: the file is cut off. {done} of 10 frames were" in str(told.value)
    assert len(list((tmp_path / "out_labels").glob("*.png"))) == done


def test_one_without_frames_leaves_nothing(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"no video" * 99)
    with pytest.raises(ValueError, match=r"a\.mp4: no frame can be read"):
        overlaid(tmp_path / "a.mp4", tmp_path, labels=True)
    assert [one.name for one in tmp_path.iterdir()] == ["a.mp4"]


@pytest.mark.parametrize("how", ["pressed", "raised"])
def test_what_was_seen_until_ctrl_c_is_kept(film, tmp_path, how):
    calls = []

    def segment(pixels):
        calls.append(1)
        if len(calls) == 4:
            if how == "raised":
                raise KeyboardInterrupt
            signal.raise_signal(signal.SIGINT)
        return brightness(pixels)

    before = signal.getsignal(signal.SIGINT)
    file = overlaid(film, tmp_path, segment, labels=True)
    done = 4 if how == "pressed" else 3
    assert len(films.read(file)[0]) == done
    assert len(list((tmp_path / "out_labels").glob("*.png"))) == done
    assert signal.getsignal(signal.SIGINT) is before


def test_a_defect_of_the_segmenter_leaves_nothing(film, tmp_path):
    def segment(pixels):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        overlaid(film, tmp_path, segment, labels=True)
    assert [one.name for one in tmp_path.iterdir()] == ["drive.mp4"]


def test_progress_on_a_terminal_only(film, tmp_path, monkeypatch):
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setattr("kerasseg.inference.video.progress.SECONDS", 0.0)
    overlaid(film, tmp_path)
    text = terminal.getvalue()
    assert "\rout_overlay.mp4: 3 of 10 frames, " in text
    last, end = text.strip("\n").rsplit("\r", 1)
    assert last.endswith(" ")
    assert end.startswith(f"{tmp_path / 'out_overlay.mp4'}: 10 frames")


def test_the_mean_speed_is_shown_on_the_frames(film, tmp_path):
    frames, _ = films.read(overlaid(film, tmp_path, alpha=0.0))
    assert (
        np.abs(frames[5][:10, :30].astype(int) - films.picture(5)[:10, :30]).max() > 9
    )


def test_without_pyav_opencv_does_and_says_what_is_missing(
    film, tmp_path, monkeypatch, capsys
):
    monkeypatch.setitem(sys.modules, "av", None)
    file = overlaid(film, tmp_path, labels=True)
    assert opencv.MISSING in capsys.readouterr().out
    assert len(films.read(file)[0]) == 10
    assert len(list((tmp_path / "out_labels").glob("*.png"))) == 10
    odd = films.write(tmp_path / "odd.mkv", "libvpx-vp9", size=(47, 63))
    data = odd.read_bytes()
    odd.write_bytes(data[: len(data) * 7 // 10])
    with pytest.raises(overlays.Incomplete, match="the file is cut off"):
        overlaid(odd, tmp_path)
    assert films.read(file)[0][0].shape == (46, 62, 3)
    (tmp_path / "bad.mp4").write_bytes(b"no video")
    with pytest.raises(ValueError, match=r"no frame .*kerasseg\[video\]"):
        overlaid(tmp_path / "bad.mp4", tmp_path)


def test_gifs_that_move_are_videos_and_others_pictures(tmp_path):
    moving = films.write(tmp_path / "a.gif", "gif", pixels="rgb8")
    still = films.write(tmp_path / "b.gif", "gif", pixels="rgb8", frames=1)
    assert inputs.is_moving(moving, gifs=True)
    assert not inputs.is_moving(moving, gifs=False)  # --pages says what it is
    assert not inputs.is_moving(still, gifs=True)
    assert len(films.read(overlaid(moving, tmp_path))[0]) == 10


@pytest.mark.skipif(not DATA, reason="KERASSEG_DATA names no folder of real data")
def test_videos_of_the_trial(tmp_path):
    cases = Path(DATA, "cases", "export")
    assert len(films.read(overlaid(cases / "video-av1/av1.mkv", tmp_path))[0]) == 10
    with pytest.raises(overlays.Incomplete, match="3 of 10 frames"):
        overlaid(cases / "video-cut/cut.webm", tmp_path)
    file = overlaid(cases / "video-mp4v-browser/up.mp4", tmp_path)
    with films.av.open(str(file)) as found:
        kinds = [one.codec_context.name for one in found.streams]
    assert kinds == ["h264", "aac"]
