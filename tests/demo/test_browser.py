"""The page in real Chromium: the same classes as Python, no request to elsewhere.

Needs playwright, a Chromium (on the path, or of `playwright install chromium`) and
LiteRT.js in the cache or within reach.
"""

import os
import re
import shutil
from binascii import crc32
from pathlib import Path

import cv2
import numpy as np
import pytest

from kerasseg import runs
from kerasseg.data.synthetic import scene as drawn
from kerasseg.demo import litertjs
from kerasseg.inference import litert

api = pytest.importorskip("playwright.sync_api", reason="needs pip install playwright")
expect = api.expect
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
DATA = os.environ.get("KERASSEG_DATA")
DONE = re.compile(r"\d ms\.$")


@pytest.fixture(scope="module")
def browser():
    found = next(filter(None, map(shutil.which, NAMES)), None)
    with api.sync_playwright() as play:
        try:
            chromium = play.chromium.launch(
                executable_path=found, args=["--use-fake-device-for-media-stream"]
            )
        except api.Error as error:
            pytest.skip(f"no Chromium starts: {error.message.splitlines()[0]}")
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def url(browser, start, run):
    try:
        litertjs.load()
    except ValueError as error:
        pytest.skip(f"no LiteRT.js: {error}")
    return start(run, "").url


@pytest.fixture(scope="module")
def loaded(browser, url):
    """The page, ready; `told`: what its console said; `asked`: every request's URL."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.told, page.asked = [], []
    page.on("console", lambda m: m.type != "debug" and page.told.append(m.text))
    page.on("pageerror", lambda error: page.told.append(str(error)))
    page.context.on("request", lambda request: page.asked.append(request.url))
    page.goto(url)
    expect(page.locator("#status")).to_have_text("Ready.", timeout=60_000)
    yield page
    page.context.close()


@pytest.fixture
def page(loaded):
    """The page; afterwards nothing may have gone wrong on it."""
    yield loaded
    loaded.set_viewport_size({"width": 1280, "height": 900})
    assert loaded.told == []
    assert all(asked.startswith(loaded.url) for asked in loaded.asked)


@pytest.fixture(scope="module")
def model(run):
    return litert.Model(run / "export" / "model.tflite", threads=1)


def scene(high, wide):
    """Smooth stripes and noise, uint8 RGB: something of every grey level."""
    rows, columns = np.indices((high, wide), dtype=np.float32)
    waves = np.stack([rows / 9, columns / 7, (rows + columns) / 11], -1)
    noise = np.random.default_rng(0).normal(0, 12, (high, wide, 3))
    return np.clip(127 + 110 * np.sin(waves) + noise, 0, 255).astype(np.uint8)


def written(path: Path, image) -> Path:
    cv2.imwrite(str(path), image[..., ::-1])
    return path


def shown(page, model, file: Path):
    """The class map that the page draws for a picture file."""
    page.set_input_files("#file", file)
    expect(page.locator("#status")).to_have_text(
        re.compile(f"^{re.escape(file.name)}: .*{DONE.pattern}"), timeout=60_000
    )
    drawn = page.evaluate("""() => {
      const overlay = document.getElementById("overlay");
      const { width, height } = overlay;
      const context = new OffscreenCanvas(width, height).getContext("2d");
      context.drawImage(overlay, 0, 0);
      return [...context.getImageData(0, 0, width, height).data];
    }""")
    rgba = np.array(drawn, np.uint8).reshape(model.height, model.width, 4)
    return model.taxonomy.from_colours(rgba[..., :3])


def expected(model, file: Path):
    image = cv2.imread(str(file))[..., ::-1]
    return model.class_map(litert.stretched(image, model.height, model.width))


@pytest.mark.parametrize("size", [(48, 64), (360, 480), (133, 77), (31, 40)])
def test_classes_are_those_of_python(page, model, tmp_path, size):
    file = written(tmp_path / f"scene{size}.png", scene(*size))
    found, wanted = shown(page, model, file), expected(model, file)
    assert len(np.unique(wanted)) > 1
    assert (found == wanted).mean() >= 0.999
    shares = page.locator("#classes td").all_text_contents()
    counts = np.bincount(wanted.ravel(), minlength=5) / wanted.size
    assert shares == [f"{100 * share:.1f} %" for share in counts]
    assert float(page.text_content("#run").removesuffix(" ms")) > 0


@pytest.mark.skipif(not DATA, reason="KERASSEG_DATA names no folder of real data")
def test_classes_are_those_of_python_on_a_real_picture(page, model):
    file = min(Path(DATA, "camvid").rglob("*.png"))
    assert (shown(page, model, file) == expected(model, file)).mean() >= 0.999


@pytest.mark.parametrize("name", ["road_scene", "road_scene_fast"])
@pytest.mark.parametrize("kind", ["int8", "float16"])
@pytest.mark.processes
def test_the_networks_that_come_along(browser, url, start, name, kind, tmp_path):
    """Their files, by default and by path: wasm has other kernels, which may round."""
    file = runs.named(name) / "export" / f"model_{kind}.tflite"
    model = litert.Model(file, threads=1)
    street = written(tmp_path / "street.png", drawn(0, 5, 360, 480).image)
    given = name if kind == "int8" else str(file)
    page = browser.new_page()
    page.goto(start(given, "").url)
    expect(page.locator("#status")).to_have_text("Ready.", timeout=60_000)
    found, wanted = shown(page, model, street), expected(model, street)
    page.close()
    assert len(np.unique(wanted)) > 4
    assert (found == wanted).mean() >= 0.995


def test_jpeg_and_exif_orientation(page, model, tmp_path):
    data = cv2.imencode(".jpg", scene(120, 200)[..., ::-1])[1].tobytes()
    # APP1 with one entry: orientation (0x112), a short, 6: turned clockwise to see.
    tiff = b"II*\0\10\0\0\0\1\0\x12\1\3\0\1\0\0\0\6\0\0\0\0\0\0\0"
    app1 = b"\xff\xe1" + (len(tiff) + 8).to_bytes(2, "big") + b"Exif\0\0" + tiff
    file = tmp_path / "turned.jpg"
    file.write_bytes(data[:2] + app1 + data[2:])
    assert cv2.imread(str(file)).shape == (200, 120, 3)
    # Decoders may differ by a grey level.
    assert (shown(page, model, file) == expected(model, file)).mean() >= 0.99


def test_colours_are_not_managed(page, model, tmp_path):
    file = written(tmp_path / "linear.png", scene(96, 128))
    data = file.read_bytes()
    chunk = b"gAMA" + (100_000).to_bytes(4, "big")  # a gamma of 1: it would lighten
    length, sum_ = (4).to_bytes(4, "big"), crc32(chunk).to_bytes(4, "big")
    file.write_bytes(data[:33] + length + chunk + sum_ + data[33:])
    assert (shown(page, model, file) == expected(model, file)).mean() >= 0.999


def test_transparent_parts_are_told(page, model, tmp_path):
    image = np.dstack([scene(30, 40), np.full((30, 40), 99, np.uint8)])
    cv2.imwrite(str(tmp_path / "clear.png"), image)
    shown(page, model, tmp_path / "clear.png")
    expect(page.get_by_role("alert")).to_have_text(re.compile("are transparent"))


@pytest.mark.parametrize(
    "size", [(64, 96, 32, 48), (97, 61, 32, 48), (20, 30, 48, 64), (7, 200, 9, 31)]
)
def test_resizing_is_bit_for_bit_that_of_python(page, size):
    high, wide, height, width = size
    image = np.random.default_rng(1).integers(0, 256, (high, wide, 4), np.uint8)
    page_pixels = page.evaluate(
        """async ([rgba, ...size]) => {
          const { stretched } = await import("/pixels.js");
          return [...stretched(Uint8Array.from(rgba), ...size)];
        }""",
        [image.ravel().tolist(), *size],
    )
    wanted = litert.stretched(image[..., :3], height, width)
    np.testing.assert_array_equal(page_pixels, wanted.ravel())


def test_it_fits_a_phone(page, model, tmp_path):
    page.set_viewport_size({"width": 375, "height": 740})
    shown(page, model, written(tmp_path / f"{'long name ' * 9}.png", scene(48, 64)))
    assert page.evaluate("document.documentElement.scrollWidth") == 375
    for name in ("#camera", "label[for=file]", "#opacity"):
        assert page.locator(name).bounding_box()["height"] >= 32


def test_names_are_text(page, run):
    rows = page.locator("#classes th")
    assert rows.all_text_contents()[2] == "tree & <b>bush</b>"
    assert page.locator("h1").text_content() == "street-1"


def test_everything_works_by_keyboard(page):
    page.evaluate("document.activeElement.blur()")
    focused = "document.activeElement.id"
    for name in ("file", "camera", "opacity"):
        page.keyboard.press("Tab")
        assert page.evaluate(focused) == name
    page.keyboard.press("Home")
    for _ in range(30):
        page.keyboard.press("ArrowRight")
    expect(page.locator("#opacity-value")).to_have_text("30 %")
    expect(page.locator("#overlay")).to_have_css("opacity", "0.3")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")
    # The user's click on the input is what opens the dialogue. The browser's report of
    # the dialogue itself has been missed on a busy machine.
    opens = """element => {
      window.opened = 0;
      element.addEventListener("click", (event) => {
        window.opened += event.isTrusted && event.target === element;
        event.preventDefault();
      });
    }"""
    page.locator("#file").evaluate(opens)
    expect(page.locator("#file")).to_be_focused()
    page.keyboard.press("Space")
    page.wait_for_function("window.opened === 1")


def test_dropped_pictures_and_other_things(page):
    def drop(name, content):
        page.evaluate(
            """([name, content]) => {
              const dataTransfer = new DataTransfer();
              const bytes = Uint8Array.from(content);
              if (name) dataTransfer.items.add(new File([bytes], name));
              const options = { dataTransfer, bubbles: true, cancelable: true };
              document.body.dispatchEvent(new DragEvent("dragover", options));
              document.body.dispatchEvent(new DragEvent("drop", options));
            }""",
            [name, list(content)],
        )

    error = page.get_by_role("alert")
    drop("notes.txt", b"milk, bread")
    expect(error).to_have_text(re.compile(r"notes\.txt is not a picture .*JPEG, PNG"))
    drop("", b"")
    expect(error).to_have_text(re.compile("That was not a file"))
    drop("scene.png", cv2.imencode(".png", scene(50, 60))[1].tobytes())
    expect(page.locator("#status")).to_have_text(DONE, timeout=60_000)
    expect(error).to_be_hidden()
    expect(page.locator("#frame")).to_have_attribute(
        "aria-label", re.compile(r"^scene\.png with its classes in colour: .* %")
    )


def test_the_camera(page):
    button = page.locator("#camera")
    button.click()
    error = page.get_by_role("alert")
    expect(error).to_have_text(re.compile("may not use the camera"))
    expect(button).to_have_text("Use the camera")
    page.context.grant_permissions(["camera"])
    page.evaluate("document.getElementById('rate').textContent = ''")
    button.click()
    expect(button).to_have_text("Stop the camera")
    expect(page.locator("#rate")).to_have_text(re.compile(r"\d\.\d"), timeout=60_000)
    expect(error).to_be_hidden()
    button.click()
    expect(page.locator("#status")).to_have_text("Camera stopped.")
    expect(button).to_have_text("Use the camera")


def test_no_camera(page):
    page.evaluate("""() => {
      navigator.mediaDevices.getUserMedia = async () => {
        throw new DOMException("none", "NotFoundError");
      };
    }""")
    page.locator("#camera").click()
    expect(page.get_by_role("alert")).to_have_text("No camera was found.")


def test_without_the_wasm_the_page_says_so(browser, url):
    context = browser.new_context()
    context.route("**/*.wasm", lambda route: route.abort())
    page = context.new_page()
    page.goto(url)
    expect(page.get_by_role("alert")).to_have_text(
        re.compile("The network cannot run in this browser: "), timeout=60_000
    )
    expect(page.locator("#file")).to_be_disabled()
    context.close()
