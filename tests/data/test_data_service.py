"""Batches decoded by the workers of a tf.data service on this machine."""

from itertools import islice

import numpy as np
import pytest
import tensorflow as tf

from kerasseg import config
from kerasseg.data import pipeline, records
from kerasseg.data.sample import Sample
from kerasseg.fit import streams
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


@pytest.fixture
def service():
    """Address of a dispatcher with two workers."""
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
    yield dispatcher.target
    del workers


def stream(folder, *flags):
    """What `train` reads with these flags."""
    words = ["--data.records", str(folder), "--data.batch", "2", "--seed", "5", *flags]
    return streams.stream_of(config.parse(words), folder)


def samples(batches):
    """(first pixel, numbers of its augmentation) of each sample."""
    for batch in batches:
        assert batch["image"].shape == (2, 6, 8, 3)
        for image, label, numbers in zip(
            batch["image"], batch["label"], batch["numbers"], strict=True
        ):
            assert (label == tf.cast(image[0, 0, 0] % 3, tf.uint8)).numpy().all()
            yield (int(image[0, 0, 0]), *numbers.numpy())


def test_two_workers_give_each_sample_once_an_epoch(folder, service):
    got = list(samples(islice(stream(folder, "--data.service", service), 24)))
    # The samples of a run in one process, with the numbers they have there.
    expected = set(samples(islice(stream(folder), 100)))
    assert len(set(got)) == len(got) == 48
    assert set(got) <= expected


def test_only_in_training(folder):
    with pytest.raises(ValueError, match="data service is for training"):
        pipeline.batches(folder, "train", service="grpc://localhost:1")


def test_objects_must_be_in_the_records(folder):
    """Finding them needs Python, which the workers do not run."""
    flags = ["--data.service", "grpc://localhost:1", "--fit.border_weight", "10"]
    with pytest.raises(ValueError, match="expected records with instances"):
        stream(folder, *flags)


def test_the_samples_of_a_step_are_not_known(folder):
    settings = config.parse(["--data.service", "grpc://localhost:1"])
    assert "unknown" in streams.sample_ids_of(settings, folder)(0)[0]
