"""Real Chromium plays what is written: time goes on, sides and turns are right.

Needs playwright and a Chromium, on the path or of `playwright install chromium`.
"""

import functools
import http.server
import shutil
import threading

import films
import numpy as np
import pytest

from kerasseg.inference.video import overlays
from kerasseg.taxonomy import Taxonomy

api = pytest.importorskip("playwright.sync_api", reason="needs pip install playwright")
pytestmark = pytest.mark.processes
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PLAYED = """async address => {
  const video = document.createElement("video");
  video.src = address;
  video.muted = true;
  await new Promise((good, bad) => {
    video.onended = good;
    video.onerror = () => bad(new Error(video.error.message));
    video.play().catch(bad);
  });
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
  const context = canvas.getContext("2d");
  context.drawImage(video, 0, 0);
  const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
  return {
    wide: video.videoWidth, high: video.videoHeight, seconds: video.duration,
    reached: video.currentTime, heard: video.webkitAudioDecodedByteCount,
    frames: video.getVideoPlaybackQuality().totalVideoFrames,
    pixels: [...data],
  };
}"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("played")


@pytest.fixture(scope="module")
def page(folder):
    found = next(filter(None, map(shutil.which, NAMES)), None)
    handler = functools.partial(Quiet, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with api.sync_playwright() as play:
        try:
            browser = play.chromium.launch(executable_path=found)
        except api.Error as error:
            pytest.skip(f"no Chromium starts: {error.message.splitlines()[0]}")
        page = browser.new_page()
        (folder / "index.html").write_text("<html></html>")
        page.goto(f"http://127.0.0.1:{server.server_port}/index.html")
        yield page
        browser.close()
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("size", "turn", "sound"),
    [((96, 128), 90, "aac"), ((95, 127), 0, "libopus")],  # H.264 and VP9
)
def test_it_plays(page, folder, size, turn, sound):
    name, codec = ("a.mp4", "libx264") if turn else ("b.mkv", "mpeg4")
    file = films.write(
        folder / name, codec, frames=5, size=size, turn=turn, sound=sound
    )
    taxonomy = Taxonomy(("all",), ((0, 0, 0),))

    def segment(pixels):
        return np.zeros(pixels.shape[:2], np.uint8)

    options = overlays.Options(alpha=0)
    overlays.write_overlay(file, file.with_suffix(""), segment, taxonomy, options)
    found = page.evaluate(PLAYED, f"{file.stem}_overlay.mp4")
    high, wide = size[::-1] if turn else size
    assert (found["high"], found["wide"]) == (high, wide)
    assert found["frames"] == 5
    assert found["seconds"] == pytest.approx(0.5, abs=0.1)
    assert found["reached"] == pytest.approx(found["seconds"], abs=0.05)
    assert found["heard"] > 0
    shown = np.array(found["pixels"], np.uint8).reshape(high, wide, 4)[..., :3]
    wanted = np.rot90(films.picture(4, *size), turn // 90)
    corner = shown[high * 3 // 4 :, wide * 3 // 4 :].mean((0, 1))
    np.testing.assert_allclose(
        corner, wanted[high * 3 // 4 :, wide * 3 // 4 :].mean((0, 1)), atol=6
    )
