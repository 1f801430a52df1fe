import numpy as np
import pytest

from kerasseg.data import pipeline, records
from kerasseg.data.sample import Sample
from kerasseg.taxonomy import Taxonomy

TAXONOMY = Taxonomy.numbered(3)


def sample(number: int, height: int = 6, width: int = 8) -> Sample:
    """An image whose first pixel tells its number."""
    rng = np.random.default_rng(number)
    image = rng.integers(0, 256, (height, width, 3), np.uint8)
    image[0, 0] = number
    label = rng.integers(0, 3, (height, width), np.uint8)
    label[1, 1] = 255
    instance = np.arange(height * width, dtype=np.uint16).reshape(height, width)
    return Sample(str(number), image, label, instance * 300)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("pipeline") / "records"
    samples = (sample(i) for i in range(11))
    records.write(samples, out, "train", taxonomy=TAXONOMY, shards=3, progress=False)
    return out


def numbers(dataset, batches: int) -> list[int]:
    return [int(i) for b in dataset.take(batches) for i in b["image"][:, 0, 0, 0]]


def test_one_pass_in_the_order_written(folder):
    dataset = pipeline.batches(folder, "train", batch_size=4)
    assert numbers(dataset, 9) == list(range(11))
    assert dataset.element_spec["image"].shape.as_list() == [None, 6, 8, 3]


@pytest.mark.parametrize("most", [0, 1, 4, 10, 11, 50])
def test_some_spread_evenly(folder, most):
    dataset = pipeline.batches(folder, "train", batch_size=4, most=most)
    chosen = pipeline.evenly(11, most)
    assert numbers(dataset, 9) == chosen
    assert len(chosen) == min(most or 11, 11) and chosen[0] == 0
    assert int(dataset.cardinality()) == -(-len(chosen) // 4)
    gaps = np.diff([*chosen, 11])
    assert gaps.max() - gaps.min() <= 1


def test_pixels_are_those_written(folder):
    batch = next(iter(pipeline.batches(folder, "train", instances=True)))
    for i in range(8):
        assert (batch["image"][i] == sample(i).image).numpy().all()
        assert (batch["label"][i] == sample(i).label).numpy().all()
        assert (batch["instance"][i] == sample(i).instance).numpy().all()


def stream(folder, **options):
    options = {"batch_size": 2, "numbers": 5, "seed": 7} | options
    return pipeline.batches(folder, "train", training=True, **options)


def test_every_epoch_holds_every_sample_in_another_order(folder):
    seen = numbers(stream(folder, batch_size=11), 3)
    epochs = [tuple(seen[i : i + 11]) for i in (0, 11, 22)]
    assert all(sorted(epoch) == list(range(11)) for epoch in epochs)
    assert len(set(epochs)) == 3


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_threads_change_nothing(folder, threads):
    expected = list(stream(folder).take(9))
    for ours, theirs in zip(
        stream(folder, threads=threads).take(9), expected, strict=True
    ):
        for key in ("image", "label", "numbers"):
            assert (ours[key] == theirs[key]).numpy().all()


@pytest.mark.parametrize("shuffle", [1, 4, 512])
@pytest.mark.parametrize("done", [1, 5, 6, 13])
def test_going_on_gives_what_would_have_come(folder, done, shuffle):
    whole = list(stream(folder, shuffle=shuffle).take(done + 3))[done:]
    later = stream(folder, shuffle=shuffle, start=2 * done).take(3)
    for ours, theirs in zip(later, whole, strict=True):
        assert (ours["image"] == theirs["image"]).numpy().all()
        assert (ours["numbers"] == theirs["numbers"]).numpy().all()


def test_another_seed_gives_another_order_and_other_numbers(folder):
    first, second = (next(iter(stream(folder, seed=s, batch_size=11))) for s in (1, 2))
    assert (first["image"] != second["image"]).numpy().any()
    assert (first["numbers"] != second["numbers"]).numpy().all()
    assert first["numbers"].numpy().min() >= 0
    assert first["numbers"].numpy().max() < 1


def test_numbers_differ_from_sample_to_sample_and_epoch_to_epoch(folder):
    drawn = [b["numbers"].numpy() for b in stream(folder, batch_size=11).take(2)]
    assert len(np.unique(np.concatenate(drawn))) == 2 * 11 * 5


def test_resize_keeps_ids_and_whole_levels(folder):
    batch = next(iter(pipeline.batches(folder, "train", size=(3, 5))))
    assert batch["image"].shape == (8, 3, 5, 3)
    assert batch["image"].dtype == "uint8"
    assert set(np.unique(batch["label"])) <= {0, 1, 2, 255}


def test_sizes_that_differ_need_a_size(tmp_path):
    samples = [sample(0), sample(1, 7, 9)]
    out = tmp_path / "records"
    records.write(samples, out, "val", taxonomy=TAXONOMY, progress=False)
    with pytest.raises(ValueError, match=r"'val'.*differ in size.*--data\.size"):
        pipeline.batches(out, "val")
    assert numbers(pipeline.batches(out, "val", size=(6, 8)), 1)[0] == 0


def test_large_images_are_judged_in_smaller_batches():
    assert pipeline.at_once(8, (360, 480)) == 8
    assert pipeline.at_once(4, (1088, 1920)) == 2
    assert pipeline.at_once(4, (4000, 3008)) == 1
    assert pipeline.at_once(2, (48, 48, 48)) == 2


def test_an_unknown_split_names_the_known(folder):
    with pytest.raises(ValueError, match="no split 'test', only train"):
        pipeline.batches(folder, "test")
