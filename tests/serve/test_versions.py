"""Which versions are served, with a network that is a text file: `network.txt` must say
what `saved_model.pb` says."""

import logging
import os

import pytest

from kerasseg import UserError

pytest.importorskip("tensorflow_serving", reason="needs pip install 'kerasseg[serve]'")
from kerasseg.serve import versions
from kerasseg.serve.errors import ServingError
from kerasseg.serve.models import Models, read
from kerasseg.serve.versions import Versions


class Loaded:
    """In place of `model.Model`."""

    def __init__(self, folder, name):
        self.version, self.name = int(folder.name), name
        self.text = (folder / "saved_model.pb").read_text()
        if (folder / "network.txt").read_text() != self.text:
            raise RuntimeError("another text")


@pytest.fixture
def clock(monkeypatch):
    """The time of the pauses, in a list."""
    now = [0.0]
    monkeypatch.setattr(versions, "Model", Loaded)
    monkeypatch.setattr(versions.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(versions.gc, "collect", lambda: 0)  # seconds beside TensorFlow
    return now


@pytest.fixture
def base(tmp_path, clock):
    add(tmp_path / "1")
    return tmp_path


def add(folder, text="good", network=None):
    folder.mkdir(exist_ok=True)
    (folder / "saved_model.pb").write_text(text)
    if network != "":
        (folder / "network.txt").write_text(network or text)


def looked(one, times=2):
    """The number that is served after some looks: files must rest between two."""
    for _ in range(times):
        one.load()
    return one.current.version


def test_a_version_that_arrives_slowly_is_loaded_in_the_end(base, caplog):
    one = Versions("street", base)
    assert looked(one, 1) == 1
    add(base / "2", network="")
    assert looked(one, 5) == 1
    assert caplog.text.count("version 2 was not loaded") == 1
    assert list(one.refused()) == [2]
    (base / "2" / "network.txt").write_text("half")
    assert looked(one) == 1
    (base / "2" / "network.txt").write_text("good")
    assert looked(one) == 2
    assert not one.refused()


def test_files_that_still_change_are_waited_for(base):
    one = Versions("street", base)
    looked(one)
    for number in range(3):
        add(base / "2", "x" * number, network="whole")
        assert looked(one, 1) == 1
        assert not one.refused()


def test_a_version_is_tried_again_after_growing_pauses(base, clock, monkeypatch):
    tries = []

    def refusing(folder, name):
        tries.append(clock[0])
        raise MemoryError("out of memory")

    one = Versions("street", base)
    looked(one)
    add(base / "2")
    monkeypatch.setattr(versions, "Model", refusing)
    for second in range(20):
        clock[0] = float(second)
        assert looked(one) == 1
    assert tries == [0, 1, 3, 7, 15]
    monkeypatch.setattr(versions, "Model", Loaded)
    clock[0] = 100.0
    assert looked(one) == 2


def test_rollback_and_re_export_in_place(base):
    one = Versions("street", base)
    add(base / "0003")
    assert looked(one) == 3
    (base / "0003").rename(base / "away")
    assert looked(one, 1) == 3  # it might come back at once, replaced
    assert looked(one, 1) == 1
    before = one.current
    add(base / "1", "new")
    assert looked(one) == 1
    assert (before.text, one.current.text) == ("good", "new")
    add(base / "1", "broken", network="other")
    assert looked(one) == 1
    assert one.current.text == "new"
    (base / "1").rename(base / "gone")
    assert looked(one, 3) == 1  # better than none


def test_nothing_to_serve_is_an_error(tmp_path, clock):
    with pytest.raises(UserError, match="could be loaded: there is no folder"):
        Versions("street", tmp_path).load()
    add(tmp_path / "1", network="other")
    (tmp_path / "٣").mkdir()
    with pytest.raises(UserError, match="could be loaded: another text"):
        Versions("street", tmp_path).load()


CONFIG = """
model_config_list {
  config {
    name: "street" base_path: "street" model_platform: "tensorflow"
    model_version_policy { specific { versions: 1 versions: 2 } }
    version_labels { key: "stable" value: 1 }
    version_labels { key: "canary" value: 2 }
  }
  config { name: "sky" base_path: "sky" model_version_policy { all {} } }
}
"""


def test_models_labels_and_policies_of_a_file(tmp_path, clock, caplog):
    caplog.set_level(logging.INFO)
    for name in ("street/1", "street/2", "street/3", "sky/1", "sky/2"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        add(tmp_path / name)
    file = tmp_path / "models.config"
    file.write_text(CONFIG, encoding="utf-8-sig")  # as Notepad writes it
    models = Models.listed(file)
    models.load()
    assert models.get("street").version == 2
    assert models.get("street", label="stable").version == 1
    assert sorted(models.versions("sky").loaded) == [1, 2]
    for asked in (("street", 3), ("street", None, "old"), ("sea",), ("sky", 7)):
        with pytest.raises(ServingError, match="NOT_FOUND"):
            models.get(*asked)
    # The file changes: the versions that stay are not loaded again.
    kept = models.get("street", 2)
    file.write_text(CONFIG.replace("value: 1", "value: 2").replace("sky", "sea"))
    os.utime(file, ns=(1, 1))
    (tmp_path / "sky").rename(tmp_path / "sea")
    models.look()
    assert models.get("street", label="stable") is kept
    assert models.get("sea").version == 2
    file.write_text("nonsense")
    models.look()
    assert models.get("sea").version == 2
    assert "the models are as before" in caplog.text


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('name: "sky"', 'nome: "sky"', "has no field named"),
        ('name: "sky"', 'name: "street"', "names the model street twice"),
        ('name: "sky"', 'name: "a/b"', "a name without /"),
        ('base_path: "sky"', "", "and a base_path"),
        ('base_path: "sky"', 'base_path: "gs://a/b"', "a folder of this machine"),
        ('"tensorflow"', '"pytorch"', "must be tensorflow, is pytorch"),
        ('"canary" value: 2', '"canary" value: 9', "means version 9"),
        ("all {}", "specific {}", "names no version"),
        ('base_path: "sky"', 'base_path: "sky" logging_config {}', "logging_config"),
        ("model_config_list", "# ", "has no field named"),
    ],
)
def test_a_models_config_that_is_not_understood_is_refused(tmp_path, old, new, says):
    file = tmp_path / "models.config"
    assert old in CONFIG
    file.write_text(CONFIG.replace(old, new, 1))
    with pytest.raises(UserError, match=says) as caught:
        read(file)
    assert "models.config" in str(caught.value)
