"""Datasets of tensorflow-datasets: a tiny one, built here, without the network."""

import pickle
import sys

import numpy as np
import pytest
from pictures import IDS, counts, load, picture, refuses, save

from kerasseg.data.datasets import adapter, cityscapes

tfds = pytest.importorskip("tensorflow_datasets")

NAME = "tfds:kerasseg_tiny"
ONE_UP = np.where(IDS == 255, 255, IDS + 1).astype(np.uint8)


class KerassegTiny(tfds.core.GeneratorBasedBuilder):
    """Pets in little: ids from 1 on, one image in two pictures, a named mask."""

    VERSION = tfds.core.Version("1.0.0")
    pictures = None

    def _info(self):
        names = ["other", "pet", "border"]
        image = tfds.features.Image(shape=(None, None, 3), encoding_format="jpeg")
        mask = tfds.features.Image(shape=(None, None, 1), encoding_format="png")
        return tfds.core.DatasetInfo(
            builder=self,
            features=tfds.features.FeaturesDict(
                {
                    "image": image,
                    "segmentation_mask": mask,
                    "named": tfds.features.LabeledImage(labels=names),
                    "file_name": tfds.features.Text(),
                }
            ),
        )

    def _split_generators(self, dl_manager):
        return {
            "train": self._generate_examples(5),
            "validation": self._generate_examples(1),
        }

    def _generate_examples(self, count):
        for i in range(count):
            yield (
                i,
                {
                    "image": self.pictures / f"{i}.jpg",
                    "segmentation_mask": ONE_UP[..., None],
                    "named": np.where(IDS == i % 3, 255, IDS)[..., None].astype(
                        np.uint8
                    ),
                    "file_name": f"{i}.jpg",
                },
            )


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    root = tmp_path_factory.mktemp("tfds")
    for i in range(5):
        save(root / f"pictures/{i}.jpg", picture(i))
    KerassegTiny.pictures = root / "pictures"
    builder = KerassegTiny(data_dir=root)
    builder.download_and_prepare()
    return str(root)


def test_tfds_named_mask(data_dir):
    taxonomy, splits = load("tfds:kerasseg_tiny", label="named", data_dir=data_dir)
    assert taxonomy.names == ("other", "pet", "border")
    assert counts(splits) == {
        "train": 5,
        "val": 1,
    }
    (sample,) = splits["val"]
    np.testing.assert_array_equal(sample.label, np.where(IDS == 0, 255, IDS))
    assert sample.encoded.startswith(b"\xff\xd8")
    assert len({s.encoded for s in splits["train"]}) == 5
    assert len({s.id for s in splits["train"]}) == 5


def test_tfds_ids_from_one_on(data_dir, tmp_path):
    options = {"label": "segmentation_mask", "data_dir": data_dir, "first": 1}
    taxonomy, splits = load("tfds:kerasseg_tiny:1.0.0", **options)
    assert taxonomy.names == ("class_0", "class_1", "class_2")
    np.testing.assert_array_equal(splits["val"][0].label, IDS)
    (tmp_path / "names.txt").write_text("pet\nground\nborder\n")
    legend = str(tmp_path / "names.txt")
    taxonomy, _ = load("tfds:kerasseg_tiny", legend=legend, **options)
    assert taxonomy.names == ("pet", "ground", "border")


def test_tfds_entries_are_read_in_any_order(data_dir):
    _, splits = adapter("tfds:kerasseg_tiny")(label="named", data_dir=data_dir)
    samples = splits["train"]
    first = list(samples)
    for number in 3, 1, 4, 4, 0:
        sample = samples.read(number)
        assert (sample.id, sample.encoded) == (first[number].id, first[number].encoded)
    other = pickle.loads(pickle.dumps(samples.read))(2)  # as a worker gets it
    assert other.encoded == first[2].encoded


class Cityscapes(tfds.core.GeneratorBasedBuilder):
    """As tensorflow-datasets has it: label ids without names."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        features = {
            "image_id": tfds.features.Text(),
            "image_left": tfds.features.Image(shape=(2, 17, 3)),
            "segmentation_label": tfds.features.Image(shape=(2, 17, 1)),
        }
        return tfds.core.DatasetInfo(
            builder=self, features=tfds.features.FeaturesDict(features)
        )

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples()}

    def _generate_examples(self):
        ids = np.arange(34, dtype=np.uint8).reshape(2, 17, 1)
        image = picture(0, (2, 17))
        yield "a", {"image_id": "a", "image_left": image, "segmentation_label": ids}


def test_tfds_cityscapes(tmp_path):
    Cityscapes(data_dir=tmp_path).download_and_prepare()
    taxonomy, splits = load("tfds:cityscapes", data_dir=str(tmp_path))
    assert taxonomy == cityscapes.TAXONOMY
    expected = cityscapes.KNOWN[:34].tolist()
    assert splits["train"][0].label.ravel().tolist() == expected


def test_tfds_that_cannot_be_downloaded(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "importlib_resources", None)
    options = {"data_dir": str(tmp_path), "download": True}
    refuses(r"needs the package importlib_resources.*\[datasets\]", NAME, **options)
    monkeypatch.setitem(sys.modules, "importlib_resources", sys)

    def offline(self):
        raise ConnectionError("No route to host.\nMax retries: 3")

    monkeypatch.setattr(KerassegTiny, "download_and_prepare", offline)
    refuses("tiny cannot be downloaded .*: No route to host. Max ret", NAME, **options)


def test_tfds_faults(data_dir, tmp_path):
    refuses("has no dataset 'kerasseg_none'", "tfds:kerasseg_none", data_dir=data_dir)
    refuses(r"is not in .*--download", "tfds:kerasseg_tiny", data_dir=str(tmp_path))
    refuses(
        r"image, segmentation_mask.*with --label",
        "tfds:kerasseg_tiny",
        data_dir=data_dir,
    )
    refuses(
        r"image, segmentation_mask.*with --image",
        "tfds:kerasseg_tiny",
        data_dir=data_dir,
        label="named",
        image="picture",
    )
    refuses(
        r"must be a gray mask of ids 0 to 255",
        "tfds:kerasseg_tiny",
        data_dir=data_dir,
        label="image",
        image="named",
    )
