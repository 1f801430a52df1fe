"""What is written: MP4 that browsers play, frames at their times, sound, all sides."""

import errno
import resource
import signal
from fractions import Fraction

import films
import numpy as np
import pytest

from kerasseg.inference.video import labels, overlays
from kerasseg.inference.video.frames import Head
from kerasseg.inference.video.writing import Mp4
from kerasseg.taxonomy import Taxonomy

TAXONOMY = Taxonomy.named(["low", "high"])


def nothing(pixels):
    """A segmenter that finds class 0 left and class 1 right."""
    label = np.zeros(pixels.shape[:2], np.uint8)
    label[:, label.shape[1] // 2 :] = 1
    return label


def overlaid(source, tmp_path, segment=nothing, taxonomy=TAXONOMY, **options):
    options = overlays.Options(**options)
    overlays.write_overlay(source, tmp_path / "out", segment, taxonomy, options)
    return tmp_path / "out_overlay.mp4"


def codecs_of(file):
    with films.av.open(str(file)) as container:
        return [one.codec_context.codec.canonical_name for one in container.streams]


SIZES = [(48, 64), (479, 853), (48, 63), (47, 64), (2, 2), (1, 1), (3, 200)]


@pytest.mark.parametrize("size", SIZES)
def test_sides_and_colours_are_kept(tmp_path, size):
    head = Head(Fraction(1, 10), Fraction(10))
    writer = Mp4(tmp_path / "a.mp4", head, size)
    for number in range(3):
        writer.frame(films.picture(number, *size), number, 1)
    writer.close()
    frames, times = films.read(tmp_path / "a.mp4")
    assert [frame.shape for frame in frames] == [(*size, 3)] * 3
    assert times == [0, Fraction(1, 10), Fraction(2, 10)]
    even = size[0] % 2 == size[1] % 2 == 0
    assert codecs_of(tmp_path / "a.mp4") == ["h264" if even else "vp9"]
    if min(size) > 20:
        difference = np.abs(frames[0].astype(int) - films.picture(0, *size))
        assert np.median(difference) <= 3
        assert difference.mean() < 6


def test_the_file_says_its_colours_and_lies_ready_to_be_fetched(tmp_path):
    file = overlaid(films.write(tmp_path / "a.mp4", frames=2), tmp_path)
    data = file.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
    with films.av.open(str(file)) as container:
        context = container.streams.video[0].codec_context
        assert (context.colorspace, context.color_primaries) == (6, 1)  # BT.601, 709
        assert (context.color_range, context.pix_fmt) == (1, "yuv420p")


@pytest.mark.parametrize("size", [(48, 64), (47, 63)])
@pytest.mark.parametrize(
    "base", [Fraction(1, 10**9), Fraction(1, 10**6), Fraction(1001, 30000), Fraction(5)]
)
def test_units_of_time(tmp_path, base, size):
    writer = Mp4(tmp_path / "a.mp4", Head(base), size)
    step = 1 if base > Fraction(1, 1000) else int(Fraction(1, 10) / base)
    for number in range(4):
        writer.frame(films.picture(number, *size), number * step, step)
    writer.close()
    found = films.read(tmp_path / "a.mp4")[1]
    assert found == [base * step * i for i in range(4)]
    with films.av.open(str(tmp_path / "a.mp4")) as container:
        stream = container.streams.video[0]
        assert stream.duration * stream.time_base == base * step * 4


@pytest.mark.parametrize("kind", ["mkv", "mp4", "ts"])
@pytest.mark.parametrize("size", [(48, 64), (47, 63)])
def test_times_that_vary_are_kept_exactly(tmp_path, kind, size):
    times = (0, 40, 41, 500, 880, 881, 2000)
    file = films.write(
        tmp_path / f"a.{kind}",
        "libx264" if size[0] == 48 else "mpeg4",
        form="mpegts" if kind == "ts" else None,
        frames=len(times),
        times=times,
        time_base=Fraction(1, 1000),
        size=size,
    )
    found = films.read(overlaid(file, tmp_path))[1]
    assert found == [Fraction(time, 1000) for time in times]


def test_rates_of_television_stay_exact(tmp_path):
    base = Fraction(1001, 30_000)
    file = films.write(tmp_path / "a.avi", "mpeg4", time_base=base, rate=30)
    assert films.read(overlaid(file, tmp_path))[1] == [base * i for i in range(10)]


SOUNDS = {
    **{"a.mp4": ("aac", "aac"), "b.mp4": ("libmp3lame", "mp3")},
    **{"a.webm": ("libopus", "opus"), "a.mkv": ("ac3", "aac")},
    **{"a.avi": ("pcm_s16le", "aac"), "a.ts": ("mp2", "aac"), "b.ts": ("aac", "aac")},
    "a.mov": ("pcm_s16le", "aac"),
}


@pytest.mark.parametrize("name", SOUNDS)
def test_sound_is_kept(tmp_path, name):
    sound, wanted = SOUNDS[name]
    codec = {".webm": "libvpx-vp9", ".avi": "mpeg4"}.get(name[1:], "libx264")
    form = "mpegts" if name.endswith("ts") else None
    file = films.write(tmp_path / name, codec, form=form, sound=sound, frames=20)
    written = overlaid(file, tmp_path)
    assert codecs_of(written) == ["h264", wanted]
    with films.av.open(str(written)) as container:
        pieces = list(container.decode(audio=0))
    heard = np.concatenate([one.to_ndarray()[0] for one in pieces]).astype(float)
    rate = pieces[0].sample_rate
    assert abs(len(heard) / rate - 2) < 0.1
    # The tone of `films.write`: 48000 / 9 radians a second.
    middle = heard[rate // 2 : rate]
    loudest = np.abs(np.fft.rfft(middle))[1:].argmax() + 1
    assert abs(loudest * rate / len(middle) - 48000 / 9 / (2 * np.pi)) < 5


def test_several_sounds_and_no_other_tracks(tmp_path):
    film = films.write(tmp_path / "a.mp4", sound="aac")
    with films.av.open(str(film)) as one, films.av.open(str(film)) as other:
        with films.av.open(str(tmp_path / "both.mkv"), "w") as both:
            sources = [*one.streams, other.streams.audio[0]]
            copies = [both.add_stream_from_template(stream) for stream in sources]
            for stream, copy in zip(sources, copies, strict=True):
                for packet in stream.container.demux(stream):
                    if packet.dts is not None:
                        packet.stream = copy
                        both.mux(packet)
                stream.container.seek(0)
    assert codecs_of(overlaid(tmp_path / "both.mkv", tmp_path)) == [
        *("h264", "aac", "aac")
    ]


def test_pixels_that_are_not_square_stay_so(tmp_path):
    file = films.write(tmp_path / "a.mp4", frames=1)
    with films.av.open(str(file)) as container:
        assert container.streams.video[0].sample_aspect_ratio in (1, None)
    head = Head(Fraction(1, 10), aspect=Fraction(16, 15))
    writer = Mp4(tmp_path / "b.mp4", head, (48, 64))
    writer.frame(films.picture(0), 0)
    writer.close()
    with films.av.open(str(tmp_path / "b.mp4")) as container:
        assert container.streams.video[0].sample_aspect_ratio == Fraction(16, 15)


def test_frames_of_another_size_are_fitted(tmp_path):
    writer = Mp4(tmp_path / "a.mp4", Head(Fraction(1, 10)), (48, 64))
    writer.frame(films.picture(0), 0)
    writer.frame(films.picture(1, 90, 120), 1)
    writer.close()
    assert [f.shape for f in films.read(tmp_path / "a.mp4")[0]] == [(48, 64, 3)] * 2


@pytest.fixture
def small_disk():
    """Files of at most 3000 bytes; a full disk without a disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    def shrink(size=3000):
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))

    yield shrink
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, ignored)


@pytest.mark.parametrize("size", [0, 3000, 6000])
def test_a_full_disk_leaves_nothing(tmp_path, small_disk, size):
    file = films.write(tmp_path / "a.mp4", sound="aac")
    small_disk(size)
    with pytest.raises(OSError) as told:
        overlaid(file, tmp_path, labels=size > 0)
    assert told.value.errno == errno.EFBIG
    assert str(told.value).startswith("out_overlay.mp4 cannot be written")
    assert "\n" not in str(told.value)
    assert [one.name for one in tmp_path.iterdir()] == ["a.mp4"]


def test_a_full_disk_of_class_maps(tmp_path, small_disk):
    kept = labels.Labels(tmp_path / "maps", TAXONOMY)
    small_disk(50)
    with pytest.raises(OSError, match=r"Class map 000001\.png cannot be written"):
        kept.add(nothing(films.picture(0)), 0.0)
    small_disk(-1)
    kept.close()


def test_a_file_that_lost_its_end_is_found(tmp_path, monkeypatch):
    writer = Mp4(tmp_path / "a.mp4", Head(Fraction(1, 10)), (48, 64))
    writer.frame(films.picture(0), 0)
    monkeypatch.setattr(writer, "_written", 5)
    with pytest.raises(OSError, match=r"holds 1 frames up to .* disk full"):
        writer.close()
