"""The preview command draws a sheet, and names what is wrong."""

import cv2
import numpy as np
import pytest

from kerasseg import prepare, preview, runs, train
from kerasseg.augment.policies import POLICIES, USES
from kerasseg.data import records
from kerasseg.data.sample import Sample
from kerasseg.image_format import ImageFormat
from kerasseg.taxonomy import Taxonomy


def test_preview_draws_pairs_and_names_an_unknown_policy(tmp_path, rng, capsys):
    samples = [
        Sample(
            id=str(i),
            image=rng.integers(0, 256, (30, 40, 3)).astype("uint8"),
            label=np.full((30, 40), i % 3, "uint8"),
        )
        for i in range(4)
    ]
    folder, out = tmp_path / "records", tmp_path / "new" / "sheet.png"
    records.write(samples, folder, "train", taxonomy=Taxonomy.numbered(3))
    flags = [str(folder), str(out), "--count", "3", "--crop", "24", "32"]
    preview.main(flags)
    sheet = cv2.imread(str(out))
    assert sheet.shape[1] == 1600 and sheet.std() > 10
    assert "3 samples" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        preview.main([*flags, "--policy", "raod"])
    assert "'raod'. Known: none, flip, general, road, cells" in capsys.readouterr().err


def test_preview_of_other_bands_says_what_it_leaves_out(tmp_path, rng, capsys):
    four = ImageFormat.of(("blue", "green", "red", "nir"), "uint16")
    samples = [
        Sample(
            id=str(i),
            image=rng.integers(300, 900, (18, 24, 4)).astype("uint16"),
            label=np.full((18, 24), i, "uint8"),
        )
        for i in range(2)
    ]
    folder, out = tmp_path / "records", tmp_path / "sheet.png"
    taxonomy = Taxonomy.numbered(3)
    records.write(samples, folder, "train", taxonomy=taxonomy, image_format=four)
    flags = [str(folder), str(out), "--count", "2"]
    preview.main([*flags, "--bands", "nir,red,green"])
    coloured = cv2.imread(str(out))
    preview.main([*flags, "--bands", "4"])
    gray = cv2.imread(str(out))[40:300, 20:400]  # the first sample, without its label
    assert gray.std() > 10 and np.ptp(gray, -1).max() == 0
    assert np.ptp(coloured, -1).max() > 30
    said = capsys.readouterr().out
    assert "Policy 'road' without saturation, hue and cast" in said
    with pytest.raises(SystemExit):
        preview.main([*flags, "--bands", "swir"])
    assert "--bands: no band 'swir'" in capsys.readouterr().err


def test_policies_are_listed(capsys):
    preview.main(["--list"])
    listed = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in listed] == list(POLICIES) == list(USES)
    for main in (preview.main, train.main):
        with pytest.raises(SystemExit):
            main(["--help"])
        said = capsys.readouterr().out
        assert ", ".join(POLICIES) in said


def test_a_run_and_its_recipe_show_what_its_training_sees(
    shared_run, shared_records, tmp_path
):
    """Image, label and numbers are those of the first steps, in their sizes."""
    settings, _ = preview.settings_of(preview.Preview(str(shared_run)))
    recipe = str(shared_run / "config.toml")
    assert preview.settings_of(preview.Preview(recipe))[0] == settings
    assert settings == runs.settings(shared_run)
    preview.main([str(shared_run), str(tmp_path / "run.png"), "--count", "6"])
    preview.main([recipe, str(tmp_path / "recipe.png"), "--count", "6"])
    sheets = [cv2.imread(str(tmp_path / n)) for n in ("run.png", "recipe.png")]
    assert np.array_equal(*sheets)
    other = preview.Preview(recipe, policy="none", crop=(16, 16), split="val", seed=3)
    changed, said = preview.settings_of(other)
    assert (changed.augment, changed.seed) == (POLICIES["none"], 3)
    assert (changed.data.train, changed.data.crop) == ("val", (16, 16))
    assert said == "policy 'none'"


@pytest.mark.parametrize(
    ("words", "said"),
    [([], "Expected a folder of records, a recipe or a run"), (["nowhere"], "nowhere")],
)
def test_what_is_no_source(capsys, words, said):
    with pytest.raises(SystemExit) as left:
        preview.main(words)
    assert left.value.code == 2
    assert said in capsys.readouterr().err


def test_preview_of_volumes_draws_three_planes(tmp_path, capsys):
    folder, out = str(tmp_path / "records"), str(tmp_path / "sheet.png")
    words = ["synthetic_volumes", folder, "--train", "3", "--val", "0"]
    prepare.main([*words, "--shape", "6", "12", "14"])
    flags = [folder, out, "--count", "2", "--policy", "volume", "--crop", "4", "8", "8"]
    preview.main(flags)
    sheet = cv2.imread(out)
    assert sheet.shape[1] == 1600 and sheet.std() > 10
    with pytest.raises(SystemExit):
        preview.main([*flags[:-3], "8", "8"])
    assert "holds volumes: DEPTH HEIGHT WIDTH" in capsys.readouterr().err
