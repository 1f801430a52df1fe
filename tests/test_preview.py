"""The preview command draws a sheet, and names what is wrong."""

import cv2
import numpy as np
import pytest

from kerasseg import preview
from kerasseg.data import records
from kerasseg.data.sample import Sample
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
    assert "'raod'. Known: none, flip, road, cells" in capsys.readouterr().err
