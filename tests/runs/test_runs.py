import dataclasses
import json
import zipfile
from concurrent.futures import ThreadPoolExecutor

import keras
import pytest

from kerasseg import UserError, config, runs
from kerasseg.files import atomic
from kerasseg.image_format import RGB, BandStatistics, ImageFormat
from kerasseg.runs import reading
from kerasseg.taxonomy import Taxonomy


def test_numbers_go_up_and_an_unfinished_run_goes_on(tmp_path):
    first, resumes = runs.open_run(tmp_path, "a", "seed = 1\n")
    assert (first.name, resumes) == ("a-1", False)
    # Somebody (this process) still trains in it.
    second, resumes = runs.open_run(tmp_path, "a", "seed = 1\n")
    assert (second.name, resumes) == ("a-2", False)
    runs.unlock(second)
    assert runs.open_run(tmp_path, "a", "seed = 2\n")[0].name == "a-3"
    runs.unlock(tmp_path / "a-3")
    assert runs.open_run(tmp_path, "a", "seed = 2\n") == (tmp_path / "a-3", True)


def unfinished(out, text):
    """A run of somebody who stopped, with that config.toml."""
    folder, _ = runs.open_run(out, "a", text)
    runs.unlock(folder)
    return folder


def old_toml(values: dict, path: str = "") -> str:
    """config.toml as it was written until tomli_w did it: JSON's values."""
    own = {k: v for k, v in values.items() if not isinstance(v, dict)}
    lines = [f"[{path}]", *(f"{k} = {json.dumps(v)}" for k, v in own.items()), ""]
    for key in values.keys() - own.keys():
        lines.append(old_toml(values[key], f"{path}.{key}".strip(".")))
    return "\n".join(lines[path == "" :])


def test_a_run_resumes_whoever_wrote_its_settings(tmp_path):
    settings = config.parse(["--name", 'caf\u00e9 "a"', "--fit.learning_rate=1e-5"])
    values = dataclasses.asdict(settings)
    del values["fit"]["remat"]  # a setting that did not exist then
    values["fit"]["devices"] = 2
    folder = unfinished(tmp_path, old_toml(values))
    assert runs.open_run(tmp_path, "a", config.to_toml(settings)) == (folder, True)


@pytest.mark.parametrize("flag", ["--fit.epochs=9", "--fit.remat=True", "--seed=1"])
def test_other_settings_start_another_run(tmp_path, flag):
    unfinished(tmp_path, config.to_toml(config.Config()))
    now = config.to_toml(config.parse([flag]))
    assert runs.open_run(tmp_path, "a", now)[0].name == "a-2"


def test_a_run_whose_settings_cannot_be_read_is_left_alone(tmp_path):
    unfinished(tmp_path, "clip_norm = Infinity")
    now = config.to_toml(config.Config())
    assert runs.open_run(tmp_path, "a", now)[0].name == "a-2"


@pytest.mark.parametrize("name", ["a[1]*", "road😀", "of/mine"])
def test_any_name_is_numbered(tmp_path, name):
    names = [runs.open_run(tmp_path, name, "")[0] for _ in range(2)]
    assert names == [tmp_path / f"{name}-1", tmp_path / f"{name}-2"]


def test_a_finished_run_is_left_alone(tmp_path):
    folder, _ = runs.open_run(tmp_path, "a", "x = 1\n")
    runs.unlock(folder)
    atomic.write_json(folder / "metrics.json", {})
    assert runs.open_run(tmp_path, "a", "x = 1\n")[0].name == "a-2"


def test_a_run_is_finished_when_its_last_act_is_done(tmp_path):
    """Scored, then killed while it was exported: the state is still there."""
    folder = unfinished(tmp_path, "x = 1\n")
    atomic.write_json(folder / "metrics.json", {})
    (folder / runs.STATE).touch()
    assert runs.open_run(tmp_path, "a", "x = 1\n") == (folder, True)


def test_another_training_of_that_name_does_not_hide_an_unfinished_one(tmp_path):
    first = unfinished(tmp_path, "seed = 1\n")
    unfinished(tmp_path, "seed = 2\n")
    assert runs.open_run(tmp_path, "a", "seed = 1\n") == (first, True)


def test_restart_empties_the_run_that_would_go_on(tmp_path):
    other, folder = (unfinished(tmp_path, f"seed = {i}\n") for i in (2, 1))
    for run in (other, folder):
        (run / runs.STATE).touch()
        (run / "records").mkdir()
        (run / "records" / "dataset.json").touch()
    found = runs.open_run(tmp_path, "a", "seed = 1\n", restart=True)
    assert found == (folder, False)
    names = {file.name for file in folder.iterdir()}
    assert names == {".lock", "config.toml", "environment.json"}
    assert (other / runs.STATE).exists()
    assert runs.open_run(tmp_path, "b", "", restart=True) == (tmp_path / "b-1", False)


def test_commands_that_start_together_get_a_folder_each(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda i: runs.open_run(tmp_path, "a", ""), range(16)))
    assert len({folder for folder, _ in found}) == 16


def test_a_folder_left_before_its_settings_were_written_is_used(tmp_path):
    """Killed right after mkdir, or while it wrote them: no second run begins."""
    folder = tmp_path / "a-1"
    folder.mkdir()
    for name in (".lock", f".{2**22 + 1}.config.toml"):
        (folder / name).touch()
    assert runs.open_run(tmp_path, "a", "x = 1\n") == (folder, False)
    names = {file.name for file in folder.iterdir()}
    assert names == {".lock", "config.toml", "environment.json"}


def test_what_a_killed_process_left_is_removed(tmp_path):
    folder = unfinished(tmp_path, "")
    (folder / f".{2**22 + 1}.network.keras").touch()
    runs.open_run(tmp_path, "a", "")
    assert not list(folder.glob(".*.keras"))


def test_only_a_run_without_a_step_is_discarded(tmp_path):
    folder, _ = runs.open_run(tmp_path, "a", "")
    runs.discard(folder)
    assert not folder.exists()
    runs.discard(folder)  # it may be gone already: the first error is the one to tell
    folder, _ = runs.open_run(tmp_path, "a", "")
    (folder / "state.weights.h5").touch()
    runs.discard(folder)
    assert folder.is_dir()


FOUR = ImageFormat.of(
    ("red", "green", "blue", "nir"), "uint16", nodata=0
).with_statistics((BandStatistics(1, 9, 3, 1, 1, 8),) * 4)


def test_a_run_says_what_its_images_are(tmp_path):
    assert runs.image_format(tmp_path) == RGB  # as runs of before
    folder, _ = runs.open_run(tmp_path, "a", "")
    runs.describe(folder, Taxonomy.numbered(2), FOUR)
    assert runs.image_format(folder) == FOUR
    assert runs.taxonomy(folder) == Taxonomy.numbered(2)
    derived = runs.derive(folder, "int8", config.Config())
    assert runs.image_format(derived) == FOUR
    runs.discard(folder)
    assert not folder.exists()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"bands": 3}', "[" * 10**5])
def test_a_damaged_image_format_is_named(tmp_path, text):
    (tmp_path / "image_format.json").write_text(text)
    with pytest.raises(UserError, match=r"image_format\.json does not say"):
        runs.image_format(tmp_path)


def test_records_of_another_kind_are_refused_in_one_line(tmp_path):
    runs.describe(tmp_path, Taxonomy.numbered(2), FOUR)
    runs.require_kind(tmp_path, "REC", FOUR.with_statistics(()))
    with pytest.raises(UserError) as caught:
        runs.require_kind(tmp_path, "REC", RGB)
    assert str(caught.value).startswith(
        f"Run {tmp_path} takes 4 bands (red, green, blue, nir) of uint16; the records "
        "REC hold 3 bands (red, green, blue) of uint8."
    )


def test_names_that_begin_alike_do_not_mix(tmp_path):
    runs.open_run(tmp_path, "a-b", "")
    assert runs.open_run(tmp_path, "a", "")[0].name == "a-1"


def test_a_folder_without_a_network(tmp_path):
    with pytest.raises(ValueError, match=r"No network at .*network\.keras"):
        runs.load(tmp_path)
    with pytest.raises(ValueError, match="No trained run under"):
        runs.newest(tmp_path)
    with pytest.raises(ValueError, match="not a run folder"):
        runs.taxonomy(tmp_path)


def test_the_shipped_networks_are_not_the_run_trained_last(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "SHIPPED", tmp_path / "road_scene")
    for name in ("mine-1", *reading.COME_ALONG):
        (tmp_path / name).mkdir()
        (tmp_path / name / "network.keras").write_bytes(b"")
    assert runs.newest(tmp_path).name == "mine-1"


def test_a_network_with_code_in_it_is_refused(tmp_path):
    image = keras.Input((4, 4, 3))
    evil = keras.Model(image, keras.layers.Lambda(lambda x: x + 1)(image))
    evil.save(tmp_path / "network.keras")
    with pytest.raises(ValueError, match=r"network\.keras.*(refused|unsafe)"):
        runs.load(tmp_path)


def test_a_damaged_archive_is_named(tmp_path):
    (tmp_path / "network.keras").write_bytes(b"no zip")
    with pytest.raises(ValueError, match=r"network\.keras"):
        runs.load(tmp_path)
    with zipfile.ZipFile(tmp_path / "network.keras", "w") as archive:
        archive.writestr("../outside.txt", "x")
    with pytest.raises(ValueError, match=r"network\.keras"):
        runs.load(tmp_path)
    assert not (tmp_path.parent / "outside.txt").exists()
