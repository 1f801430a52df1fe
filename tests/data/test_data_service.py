"""Batches decoded by the workers of a tf.data service on this machine."""

from itertools import islice

import numpy as np
import pytest
import tensorflow as tf

from kerasseg.data import pipeline, records
from kerasseg.data.sample import Sample
from kerasseg.taxonomy import Taxonomy


@pytest.fixture
def folder(tmp_path):
    def sample(number):
        image = np.full((6, 8, 3), number, np.uint8)
        return Sample(str(number), image, np.full((6, 8), number % 3, np.uint8))

    records.write(
        map(sample, range(16)),
        tmp_path / "r",
        "train",
        taxonomy=Taxonomy.numbered(3),
        shards=4,
        progress=False,
    )
    return tmp_path / "r"


def test_two_workers_give_each_sample_once_an_epoch(folder):
    service = tf.data.experimental.service
    # Where each worker is, known beforehand: so each takes its own part.
    dispatcher = service.DispatchServer(
        service.DispatcherConfig(worker_addresses=["localhost"] * 2)
    )
    address = dispatcher.target.split("://")[1]
    workers = [
        service.WorkerServer(service.WorkerConfig(dispatcher_address=address))
        for _ in range(2)
    ]
    batches = pipeline.batches(
        folder,
        "train",
        batch_size=2,
        training=True,
        numbers=3,
        seed=5,
        service=dispatcher.target,
    )
    local = pipeline.batches(
        folder, "train", batch_size=1, training=True, numbers=3, seed=5
    )
    expected = {
        (int(b["image"][0, 0, 0, 0]), *b["numbers"][0].numpy())
        for b in islice(local, 200)
    }
    got = []
    for batch in islice(batches, 24):
        assert batch["image"].shape == (2, 6, 8, 3)
        for image, label, numbers in zip(
            batch["image"], batch["label"], batch["numbers"], strict=True
        ):
            assert (label == tf.cast(image[0, 0, 0] % 3, tf.uint8)).numpy().all()
            got.append((int(image[0, 0, 0]), *numbers.numpy()))
    # The samples of a run in one process, with the numbers they have there.
    assert len(set(got)) == len(got) == 48 and set(got) <= expected
    del workers


def test_only_in_training(folder):
    with pytest.raises(ValueError, match="data service is for training"):
        pipeline.batches(folder, "train", service="grpc://localhost:1")
