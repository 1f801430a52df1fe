"""Videos as people have them: every container, whole and cut, turned, any times."""

from fractions import Fraction

import films
import numpy as np
import pytest

from kerasseg.inference.video.frames import Frame, Sound, Times
from kerasseg.inference.video.reading import Video
from kerasseg.inference.video.sources import is_video_file
from kerasseg.inference.video.wholeness import is_cut

KINDS = {
    **{"a.mp4": ("libx264", None), "a.mov": ("libx264", None)},
    **{"a.m4v": ("mpeg4", None), "a.3gp": ("mpeg4", None)},
    **{"a.mkv": ("libx264", None), "a.webm": ("libvpx-vp9", None)},
    **{"a.avi": ("mpeg4", None), "a.flv": ("flv", None), "a.wmv": ("wmv2", "asf")},
    **{"a.ts": ("libx264", "mpegts"), "a.MTS": ("mpeg2video", "mpegts")},
    **{"a.m2ts": ("libx264", "mpegts"), "a.mpg": ("mpeg2video", "mpeg")},
    **{"a.mpeg": ("mpeg1video", "mpeg"), "a.ogv": ("libvpx", "ogg")},
    "a.gif": ("gif", None),
}
UNKNOWABLE = {"a.mpg", "a.mpeg"}
"""Program streams say nothing of their length."""


def written(folder, name, **others):
    codec, form = KINDS[name]
    pixels = "rgb8" if name == "a.gif" else "yuv420p"
    rate = 10 if name not in UNKNOWABLE else 25  # of MPEG-1 and 2
    file = folder / name
    return films.write(file, codec, form=form, pixels=pixels, rate=rate, **others)


def frames_of(file):
    video = Video(file)
    found = [item for item in video if isinstance(item, Frame)]
    video.close()
    return video, found


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_whole_and_cut(tmp_path, name):
    file = written(tmp_path, name)
    video, found = frames_of(file)
    assert name == "a.gif" or is_video_file(file)
    assert len(found) == 10
    assert video.problem == ""
    assert not is_cut(file)
    step = Fraction(1, 25 if name in UNKNOWABLE else 10)
    times = [frame.time * video.head.time_base for frame in found]
    np.testing.assert_allclose(
        [float(time) for time in times], [float(step * i) for i in range(10)], atol=1e-3
    )
    for number in (0, 9):
        grey = found[number].pixels[4:20, 4:28].mean()
        assert abs(grey - (20 * number + 10)) < 9
    if name in UNKNOWABLE:
        return
    cut = tmp_path / f"cut{file.suffix}"
    cut.write_bytes(file.read_bytes()[: int(file.stat().st_size * 0.6)])
    assert is_cut(cut)
    try:
        video, found = frames_of(cut)
    except ValueError as error:
        assert "no frame can be read" in str(error)
        assert "\n" not in str(error)
    else:
        assert video.problem == "the file is cut off"


@pytest.mark.parametrize("share", [0.01, 0.3, 0.97, 0.999])
def test_one_that_lacks_a_little_or_nearly_all(tmp_path, share):
    for name in ("a.mkv", "a.avi", "a.flv", "a.wmv", "a.mov"):
        data = written(tmp_path, name).read_bytes()
        cut = tmp_path / f"cut_{name}"
        cut.write_bytes(data[: int(len(data) * share)])
        assert is_cut(cut) or share == 0.01


def test_a_live_recording_has_no_length_and_is_whole(tmp_path):
    file = films.write(tmp_path / "live.mkv", options={"live": "1"})
    assert not is_cut(file)
    file = films.write(
        tmp_path / "pieces.mp4", options={"movflags": "frag_keyframe+empty_moov"}
    )
    assert frames_of(file)[0].problem == ""


@pytest.mark.parametrize("end", [b"\0" * 99, b"\xff" * 99, b"SEFHsamsung trailer"])
def test_what_was_added_to_a_whole_one_is_no_cut(tmp_path, end):
    file = films.write(tmp_path / "a.mp4", frames=2)
    file.write_bytes(file.read_bytes() + end)
    video, found = frames_of(file)
    assert (len(found), video.problem) == (2, "")


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
@pytest.mark.parametrize("mirrored", [False, True])
def test_turned_and_mirrored_ones_are_upright(tmp_path, turn, mirrored):
    file = films.write(tmp_path / "a.mp4", frames=1, turn=turn, mirrored=mirrored)
    found = frames_of(file)[1][0].pixels
    # FFmpeg's av_display_matrix_flip negates x after the turn, counterclockwise.
    wanted = np.rot90(films.picture(0), turn // 90)
    wanted = wanted[:, ::-1] if mirrored else wanted
    assert found.shape == wanted.shape
    assert np.abs(found.astype(int) - wanted)[4:-4, 4:-4].mean() < 4


def test_times_and_durations_are_exact(tmp_path):
    base, times = Fraction(1, 90_000), (0, 3003, 3004, 99_000, 100_000)
    file = films.write(
        tmp_path / "a.mp4", frames=5, times=times, time_base=base, rate=30
    )
    video, found = frames_of(file)
    assert tuple(f.time * video.head.time_base for f in found) == tuple(
        time * base for time in times
    )
    assert found[0].duration * video.head.time_base == 3003 * base


def test_transport_streams_begin_at_their_first_frame(tmp_path):
    file = films.write(tmp_path / "a.ts", form="mpegts", sound="aac")
    video, found = frames_of(file)
    assert found[0].time * video.head.time_base < Fraction(1, 10)


def test_names_with_colons_and_percent_signs(tmp_path):
    file = films.write(tmp_path / "a.mp4", frames=2)
    for name in ("12:30:01.mp4", "http:x.mp4", "%d #1?.mp4"):
        assert len(frames_of(file.rename(tmp_path / name))[1]) == 2
        file = tmp_path / name


def test_a_playlist_under_the_name_of_a_video_opens_no_other_file(tmp_path):
    other = films.write(tmp_path / "secret.ts", form="mpegts")
    for text in (
        f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{other}\n#EXT-X-ENDLIST\n",
        f"ffconcat version 1.0\nfile {other.name}\n",
    ):
        (tmp_path / "bad.mp4").write_text(text)
        with pytest.raises(ValueError, match=r"bad\.mp4: no frame can be read \("):
            Video(tmp_path / "bad.mp4")


def test_what_holds_no_frame(tmp_path):
    empty, text = tmp_path / "empty.mp4", tmp_path / "text.mkv"
    empty.touch()
    text.write_text("milk, bread")
    heard = tmp_path / "heard.mp4"
    with films.av.open(str(heard), "w") as container:
        track = container.add_stream("aac", rate=48000)
        track.codec_context.layout = "mono"
        quiet = films.av.AudioFrame.from_ndarray(
            np.zeros((1, 1024), np.float32), "fltp", "mono"
        )
        quiet.sample_rate = 48000
        container.mux([*track.encode(quiet), *track.encode(None)])
    with pytest.raises(ValueError, match=r"empty\.mp4 is empty"):
        Video(empty)
    with pytest.raises(ValueError, match=r"text\.mkv: no frame can be read \(Invalid"):
        Video(text)
    with pytest.raises(ValueError, match=r"heard\.mp4: no frame .* only audio"):
        Video(heard)


def test_a_damaged_frame_is_told_and_the_others_are_read(tmp_path):
    file = films.write(tmp_path / "a.mp4", "libx264", frames=10)
    with films.av.open(str(file)) as container:
        packets = [(p.pos, p.size) for p in container.demux() if p.size]
    data = bytearray(file.read_bytes())
    place, size = packets[5]
    data[place : place + size] = b"\xff" * size
    file.write_bytes(data)
    video, found = frames_of(file)
    assert video.problem == "1 of its frames are damaged"
    assert len(found) == 9


def test_sound_comes_between_the_frames(tmp_path):
    file = films.write(tmp_path / "a.mp4", sound="aac")
    assert sum(isinstance(item, Sound) for item in Video(file)) > 40


def test_time_never_stands_still():
    times = Times()
    given = [(0, 0), (10, 0), (20, 0), (3, 0), (13, 0), (None, 0), (13, 0)]
    found = [times.increasing(*one) for one in given]
    assert found == [0, 10, 20, 30, 40, 50, 60]
    assert [Times().increasing(None), Times().increasing(-1024)] == [0, -1024]


def test_type_script_is_no_video(tmp_path):
    script = tmp_path / "a.ts"
    script.write_text("export const a = 1;")
    assert not is_video_file(script)
