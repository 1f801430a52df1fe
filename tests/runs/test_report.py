"""The report: self-contained, valid, escaped, and honest about what is missing."""

import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from kerasseg.drawing import pictures
from kerasseg.runs import report
from kerasseg.taxonomy import Taxonomy

VOID = {"meta", "img", "br", "link", "input", "hr"}
EVIL = '<script>alert("x")</script>'


class Checker(HTMLParser):
    """Collects tags, and complains about what is not closed in order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.ids, self.text = [], [], [], ""
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        names = [name for name, _ in attributes]
        assert len(names) == len(set(names)), f"{tag} repeats an attribute"
        attributes = dict(attributes)
        self.tags.append((tag, attributes))
        if "id" in attributes:
            self.ids.append(attributes["id"])
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


@pytest.fixture
def run(tmp_path, rng):
    return make_run(tmp_path / "road-unet-1", rng, ["sky", "road", "car"])


def make_run(run, rng, names):
    (run / "pictures").mkdir(parents=True)
    (run / "export").mkdir()
    taxonomy, count = Taxonomy.named(names), len(names)
    matrix = rng.integers(1, 50, (count, count))
    scores = {n: [0.5] * count for n in ("iou", "dice", "precision", "recall")}
    scores["iou"][-1] = None
    scores |= {"split": "val", "samples": 7, "miou": 0.4321, "pixel_accuracy": 0.9}
    scores |= {"matrix": matrix.tolist(), "class_accuracy": None}
    gate = {"name": "LiteRT", "file": "model.tflite", "bytes": 2_500_000, "miou": 0.43}
    gate |= {"agreement": 0.98, "rule": "agreement >= 99 %", "passed": False}
    health = {"steps": 40, "skipped": 3, "waiting": 0.021, "ignored_share": 0.1234}
    health |= {"gradient_norm": 0.5, "gradient_norm_max": 70, "unseen": []}
    health |= {"learning_rate": [0.001, 0.0005], "best_epoch": 1, "dead": names[-1:]}
    health |= {"coverage": dict.fromkeys(names, 1 / count), "never_predicted": []}
    health |= {"warning": f"validation sees class '{names[0]}' everywhere"}
    files = {
        "health.json": health,
        "taxonomy.json": taxonomy.to_json(),
        "metrics.json": scores,
        "export/gate.json": [gate],
        "environment.json": {"python": "3.11", "packages": {"keras": "3.15.1"}},
    }
    for name, values in files.items():
        (run / name).write_text(json.dumps(values))
    (run / "config.toml").write_text("[fit]\nepochs = 2\n")
    log = "epoch,loss,val_miou,learning_rate,seconds,other\n"
    (run / "log.csv").write_text(f"{log}0,2.5,0.1,0.001,60,x\n1,1.5,,0.0005,60,\n")
    for name in ("examples", "worst"):
        sheet = rng.integers(0, 256, (300, 400, 3), np.uint8)
        (run / "pictures" / f"{name}.png").write_bytes(pictures.png(sheet))
    return run


def written(run):
    path = report.write(run)
    assert path == run / "report.html"
    text = path.read_text(encoding="utf-8")
    return text, Checker(text)


def test_holds_what_the_run_holds(run):
    text, page = written(run)
    for words in (
        "0.432",
        "epochs = 2",
        "model.tflite",
        "2.50 MB",
        "✗ failed",
        "2 min",
        "3 of 40 steps",
        "12.3 %",
        "median 0.5, largest 70",
        "validation sees class 'sky' everywhere",
    ):
        assert words in page.text
    assert "[fit]\nepochs = 2" in page.text
    for title in (
        "Training",
        "Health",
        "Classes",
        "Confusion",
        "Examples",
        "Worst",
        "Export",
    ):
        assert f"<h2>{title}</h2>" in text
    for command in ("train", "evaluate", "predict", "export"):
        assert f"python -m kerasseg.{command}" in page.text
    assert "Missing" not in page.text


def test_asks_for_nothing_from_outside(run):
    text, page = written(run)
    assert not re.search(r"https?://", text)
    assert "@import" not in text
    for tag, attributes in page.tags:
        assert tag not in ("script", "link", "iframe", "object", "embed")
        for name in ("src", "href", "xlink:href", "srcset", "action"):
            assert attributes.get(name, "#").startswith(("#", "data:image/"))
    for target in re.findall(r"url\(([^)]*)\)", text):
        assert target.strip("'\"").startswith("#")


def test_can_be_read_without_seeing_it(run):
    _, page = written(run)
    images = [attributes for tag, attributes in page.tags if tag == "img"]
    assert len(images) == 3
    assert all(len(image["alt"]) > 10 for image in images)
    drawings = [attributes for tag, attributes in page.tags if tag == "svg"]
    assert len(drawings) == 3
    assert all(drawing["aria-label"] for drawing in drawings)
    headers = [attributes for tag, attributes in page.tags if tag == "th"]
    assert headers
    assert all(header["scope"] in ("row", "col") for header in headers)
    assert ("html", {"lang": "en"}) in page.tags
    assert [tag for tag, _ in page.tags].count("h1") == 1


def test_ids_are_unique_and_links_inside_drawings_hit(run):
    text, page = written(run)
    assert len(page.ids) == len(set(page.ids))
    targets = {a["href"][1:] for _, a in page.tags if a.get("href", "").startswith("#")}
    targets |= set(re.findall(r"url\(#([^)]*)\)", text))
    assert targets <= set(page.ids)


def test_escapes_everything_from_outside(tmp_path, rng):
    run = make_run(tmp_path / "a & b <i>-1", rng, [EVIL, "road & <b>", "'car'"])
    (run / "config.toml").write_text(f'name = "{EVIL}"\n')
    log = (run / "log.csv").read_text().replace("other", EVIL.replace('"', "'"))
    (run / "log.csv").write_text(log)
    gate = {"name": EVIL, "file": EVIL, "passed": True}
    (run / "export" / "gate.json").write_text(json.dumps([gate]))
    (run / "environment.json").write_text(json.dumps({EVIL: EVIL}))
    scores = json.loads((run / "metrics.json").read_text()) | {"split": EVIL}
    (run / "metrics.json").write_text(json.dumps(scores))
    text, page = written(run)
    assert "<script" not in text
    assert EVIL in page.text
    assert "a & b <i>-1" in page.text


def test_commands_can_be_pasted_whatever_the_name(tmp_path, rng):
    _, page = written(make_run(tmp_path / "my run-1", rng, ["sky"]))
    assert "python -m kerasseg.train 'my run-1'/config.toml" in page.text
    assert "python -m kerasseg.evaluate 'my run-1'" in page.text


def test_classes_that_overlap(run):
    """7 images of 10 x 10. Of them 'sky' covers 40 %; 100 pixels are ignored for it."""
    taxonomy = Taxonomy.named(["sky", "road", "car"])
    taxonomy = {**taxonomy.to_json(), "exclusive": False}
    (run / "taxonomy.json").write_text(json.dumps(taxonomy))
    metrics = json.loads((run / "metrics.json").read_text())
    del metrics["matrix"]
    metrics |= {"size": [10, 10], "mean_dice": 0.789}
    counts = {"tp": [200, 9, 0], "fp": [34, 0, 0], "fn": [40, 0, 0]}
    metrics["counts"] = counts | {"tn": [326, 691, 700]}
    (run / "metrics.json").write_text(json.dumps(metrics))
    _, page = written(run)
    assert "right answers" in page.text and "0.789" in page.text
    assert "Answers" in page.text and "Confusion" not in page.text
    assert "there is no confusion matrix" in page.text
    row = re.search(r"sky\s*200\s*34\s*40\s*326\s*100", page.text)
    assert row and "40.0 %" in page.text


@pytest.mark.parametrize("classes", [1, 42])
def test_any_number_of_classes(tmp_path, rng, classes):
    names = [f"kind {i}" for i in range(classes)]
    _, page = written(make_run(tmp_path / "run-1", rng, names))
    assert all(name in page.text for name in names)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("metrics.json", "metrics.json"),
        ("log.csv", "log.csv"),
        ("health.json", "health.json"),
        ("config.toml", "config.toml"),
        ("export/gate.json", "export/gate.json"),
        ("taxonomy.json", None),
        ("environment.json", None),
    ],
)
def test_a_missing_file_is_said(run, name, said):
    (run / name).unlink()
    _, page = written(run)
    assert ("Missing" in page.text) == (said is not None)
    if said:
        assert f"Missing: {said}" in page.text


def test_an_empty_folder_still_gives_a_page(tmp_path):
    _, page = written(tmp_path)
    assert page.text.count("Missing") == 8


def test_uses_the_stored_heat_map(run, rng):
    stored = pictures.png(rng.integers(0, 256, (10, 10, 3), np.uint8))
    (run / "pictures" / "confusion.png").write_bytes(stored)
    _, page = written(run)
    sizes = [a["width"] for tag, a in page.tags if tag == "img"]
    assert sizes[0] == "10"


def test_large_pictures_become_small_jpegs(run):
    text, _ = written(run)
    stored = sum(file.stat().st_size for file in (run / "pictures").iterdir())
    assert "data:image/jpeg;base64," in text
    assert len(text) < stored


def test_says_what_it_cannot_read(run, tmp_path):
    with pytest.raises(ValueError, match="No run folder"):
        report.write(tmp_path / "nowhere")
    (run / "pictures" / "worst.png").write_bytes(b"no picture")
    _, page = written(run)
    assert "The file is not a picture" in page.text
    (run / "metrics.json").write_text("{")
    with pytest.raises(ValueError, match=r"metrics\.json is not a JSON"):
        report.write(run)
