"""Pictures alone become records in which every pixel is ignored."""

import cv2
import numpy as np
import pytest

from kerasseg import UserError
from kerasseg.data.datasets import adapter


def test_every_pixel_is_ignored(tmp_path, rng):
    (tmp_path / "deep").mkdir()
    made = {}
    for name in "b.png", "deep/a.jpg":
        made[name] = rng.integers(0, 256, (6, 8, 3)).astype(np.uint8)
        cv2.imwrite(str(tmp_path / name), made[name])
    (tmp_path / "notes.txt").write_text("no picture")
    taxonomy, splits = adapter("pictures")(tmp_path)
    assert taxonomy.num_classes == 2 and set(splits) == {"train"}
    samples = list(splits["train"])
    assert [sample.id for sample in samples] == ["b", "deep/a"]
    assert all((sample.label == 255).all() for sample in samples)
    assert (samples[0].image == made["b.png"][..., ::-1]).all()
    assert samples[1].encoded.startswith(b"\xff\xd8")
    (one,) = adapter("pictures")(tmp_path / "deep", image_bands=(3,))[1].values()
    assert one.image_format.channels == 1


def test_no_pictures_is_one_line(tmp_path):
    with pytest.raises(UserError, match=r"holds no pictures \(.*Name a folder of them"):
        adapter("pictures")(tmp_path)
