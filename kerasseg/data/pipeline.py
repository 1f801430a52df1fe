"""Batches from records with tf.data: the same ones whatever the number of threads.

A training stream is endless and addressed by the running number of a sample, so a run
that was stopped goes on with exactly the batch that would have come next.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from kerasseg import UserError
from kerasseg.border import connected_instances
from kerasseg.data import patches, stream, supervised
from kerasseg.data import records as _records
from kerasseg.data.format.description import Description
from kerasseg.data.resize import resize_image, resize_label
from kerasseg.image_format import ImageFormat
from kerasseg.taxonomy import Taxonomy, ignore_in

AHEAD = 2
"""Batches that are made while a step computes."""
PIXELS_AT_ONCE = 1 << 22
"""Pixels of images that are judged together: the maps of a network for so many take a
few GB."""


def batches(
    records: str | Path,
    split: str,
    *,
    batch_size: int = 8,
    size: tuple[int, ...] = (0, 0),
    crop: tuple[int, ...] = (0, 0),
    foreground: float = 0.0,
    training: bool = False,
    numbers: int = 0,
    seed: int = 0,
    start: int = 0,
    shuffle: int = 512,
    instances: bool = False,
    share: tuple[int, int] = (0, 1),
    threads: int = 0,
    service: str = "",
    as_supervised: bool = False,
    weights: bool = False,
    most: int = 0,
) -> tf.data.Dataset:
    """Batches of a split of records: dicts of tensors with static height and width.

    image: (B, H, W, C) of the bands and type of the records, so uint8 (B, H, W, 3) of
    ordinary pictures; label: uint8 (B, H, W), 255 = ignore, and of more than 255
    classes uint16, 65535 = ignore, of classes that overlap uint8 (B, H, W, K), see
    `kerasseg.taxonomy.Taxonomy`; numbers: float32 (B, numbers), uniform in [0, 1),
    drawn from (seed, running number of the sample), only with `training` and `numbers`
    > 0; instance: uint16 (B, H, W) with `instances` (of records without any: the
    connected pieces of each class but 0).

    size: height and width of the batches; (0, 0) keeps the records' own, which must
        then be the same for all samples. Images are stretched to it (`resize_image`).
        Of volumes, which are cut and never stretched, see below.
    training: an endless stream, another order in each epoch, whole batches only.
        Without it: one pass in the order written, the last batch may be smaller.
    start: running number of the first sample, to go on where a run stopped.
    shuffle: samples that are mixed with each other, besides the order of the shards;
        twice as many are held in memory, encoded. 1: no mixing at all.
    share: (index, count) of the hosts that train together, with `training`: of each
        batch this one gets an equal part, `batch_size` / count, and decodes no other.
    threads: parallel reads and decodes, 0 chooses. It never changes the batches.
    service: address of a tf.data service, "grpc://HOST:PORT", whose workers decode
        (pipelines/distributed); with `training` only. Each takes every nth sample, so
        an epoch still holds each once, but in the order in which workers are ready.
    as_supervised: tuples for `model.fit` of any Keras model instead of dicts: image
        float32 and label int32, see `kerasseg.data.supervised`. An endless stream needs
        `steps_per_epoch` there.
    weights: with `as_supervised`, a third part of the tuples for losses that do not
        know which id is ignored: weight float32 (B, H, W), 0 at ignored pixels, whose
        label is 0 then.
    most: without `training`, of more pictures only so many, spread evenly over the
        split (`evenly`); 0: all.

    Of volumes image is (B, D, H, W, C) and label (B, D, H, W) or (B, D, H, W, K), and
    `size` is depth, height and width of patches. With `training` each is drawn from
    (seed, running number): a share `foreground` around a voxel of a class (each class
    alike; not class 0), the others anywhere; `crop` is what will be cut out of their
    middle, which then reaches each voxel. Without it they are the tiles of a grid,
    each voxel in one of them. Around a volume the image is the mean
    (`patches.fill_of`), the label ignore.

    Raises UserError for an unknown split, for samples of several sizes without `size`,
    for a batch that the hosts cannot share equally, for a service that cannot give
    what is asked, and for `most` of volumes.
    """
    description = _records.describe(records)
    known, taxonomy = description.split(split), description.taxonomy
    size_of_batch = size_of(description, split, size)
    volumes = description.volume is not None
    if volumes and most:
        raise UserError("--data.val_images is for pictures, not for volumes: leave it.")
    if volumes and instances:
        raise UserError(
            "Volumes have no border weights. Leave out --fit.border_weight."
        )
    if instances and not taxonomy.exclusive:
        raise UserError(
            f"Classes of {description.path} overlap, so a pixel may lie in several "
            "objects: there are no border weights of it. Leave out --fit.border_weight."
        )
    parallel = threads or os.cpu_count() or 1
    paths = [str(path) for path in _records.shard_paths(records, split, description)]
    _check_service(service, training, connects=instances and not known.instances)
    part = _part(batch_size, share)
    if weights and not as_supervised:
        raise UserError("weights=True is for as_supervised=True. Say both.")
    if volumes:
        shuffle = patches.shuffle_of(description, split, shuffle)
    if training:
        serialised = stream.endless(
            paths, known.samples, seed, start, shuffle, parallel
        )
        serialised = tf.data.Dataset.zip(stream.counter(start), serialised)
        serialised = _share_of_host(serialised, start, batch_size, share)
    else:
        serialised = tf.data.TFRecordDataset(paths).enumerate()
        if most:
            chosen = tf.constant(evenly(known.samples, most), tf.int64)
            serialised = serialised.filter(
                lambda number, _: tf.reduce_any(chosen == number)
            )
    if service:
        hint = tf.data.experimental.SHARD_HINT
        serialised = serialised.shard(hint, hint)
    decode = (
        patches.decoder(
            description,
            size_of_batch,
            patches.check_crop(size_of_batch, crop),
            training=training,
            foreground=foreground,
            numbers=numbers if training else 0,
            seed=seed,
        )
        if volumes
        else _decode(
            size_of_batch,
            description.image_format,
            taxonomy,
            resizes=tuple(size) != (0, 0),
            instances=instances,
            stored=known.instances,
            numbers=numbers if training else 0,
            seed=seed,
        )
    )
    ready = serialised.map(decode, num_parallel_calls=parallel, deterministic=True)
    if volumes and not training:
        ready = ready.unbatch()
    ready = ready.batch(part, drop_remainder=training)
    if service:
        policy = tf.data.experimental.service.ShardingPolicy.HINT
        ready = ready.apply(tf.data.experimental.service.distribute(policy, service))
    if as_supervised:
        others = {"instances": instances, "numbers": numbers}
        pair = supervised.converter(taxonomy, weights=weights, others=others)
        ready = ready.map(pair, num_parallel_calls=parallel)
    if not training:
        count = min(most or known.samples, known.samples)
        if volumes:
            count = patches.count_of(description, split, size_of_batch)
        if count >= 0:
            length = -(-count // batch_size)
            ready = ready.apply(tf.data.experimental.assert_cardinality(length))
    return ready.prefetch(AHEAD).with_options(_options(threads))


def at_once(batch: int, size: Sequence[int]) -> int:
    """How many images of a size are judged together: `batch`, or fewer of large ones,
    whose maps would not fit into the memory."""
    return max(1, min(batch, PIXELS_AT_ONCE // math.prod(size)))


def evenly(samples: int, most: int) -> list[int]:
    """The numbers of at most so many samples, spread evenly; 0: of all.

    >>> evenly(10, 4), evenly(3, 5)
    ([0, 3, 5, 8], [0, 1, 2])
    """
    if not most or most >= samples:
        return list(range(samples))
    return [-(-i * samples // most) for i in range(most)]


def _check_service(service: str, training: bool, connects: bool) -> None:
    if service and not training:
        raise UserError("A tf.data service is for training; leave `service` out.")
    if service and connects:
        raise UserError(
            f"The tf.data service {service} cannot find the objects of records that "
            "hold none: expected records with instances. Leave out --data.service, or "
            "--fit.border_weight."
        )


def _part(batch_size: int, share: tuple[int, int]) -> int:
    """Samples of a batch that one host gets."""
    _, hosts = share
    if batch_size % hosts:
        raise UserError(
            f"A batch of {batch_size} cannot be dealt out equally to {hosts} hosts."
        )
    return batch_size // hosts


def _share_of_host(
    numbered: tf.data.Dataset, start: int, batch_size: int, share: tuple[int, int]
) -> tf.data.Dataset:
    """Of (running number, sample) those that this host decodes: of each batch, the
    rows part * host to part * (host + 1)."""
    host, hosts = share
    if hosts == 1:
        return numbered
    part = _part(batch_size, share)
    return numbered.filter(
        lambda number, _: (number - start) % batch_size // part == host
    )


def _decode(
    size: tuple[int, ...],
    image_format: ImageFormat,
    taxonomy: Taxonomy,
    *,
    resizes: bool,
    instances: bool,
    stored: bool,
    numbers: int,
    seed: int,
) -> Callable:
    """Function (running number, serialised example) -> the sample as a dict of tensors,
    see `batches`. stored: whether the records hold instances."""

    def decode(number, serialised):
        sample = _records.parse(
            serialised,
            instances=instances and stored,
            image_format=image_format,
            num_classes=taxonomy.num_classes,
            exclusive=taxonomy.exclusive,
        )
        image, label = sample["image"], sample["label"]
        if resizes:
            image, label = resize_image(image, size), resize_label(label, size)
        batch = {
            "image": tf.ensure_shape(image, (*size, image_format.channels)),
            "label": tf.ensure_shape(label, (*size, *taxonomy.planes)),
        }
        if instances:
            if stored:
                instance = resize_label(sample["instance"], size)
            else:
                instance = tf.numpy_function(_pieces, [label], tf.uint16)
            batch["instance"] = tf.ensure_shape(instance, size)
        if numbers:
            key = tf.stack([tf.constant(seed, tf.int64), number])
            batch["numbers"] = tf.random.stateless_uniform((numbers,), key)
        return batch

    return decode


def _options(threads: int) -> tf.data.Options:
    options = tf.data.Options()
    options.deterministic = True
    # The thread that tunes was seen to hold up the end of an iterator for seconds,
    # asleep; numbers fixed from the start are as fast.
    options.autotune.enabled = False
    if threads:
        options.threading.private_threadpool_size = threads
    return options


def _pieces(label):
    return connected_instances(label, ignore=ignore_in(label)).astype(np.uint16)


def size_of(
    description: Description, split: str, size: tuple[int, ...]
) -> tuple[int, ...]:
    """Height and width of the batches of a split, of volumes the depth before; `size`
    (0, 0): those of its images.

    Raises UserError where the images differ in size and `size` is (0, 0), and for
    another number of sides than the images have.
    """
    known, axes = description.split(split), 3 if description.volume else 2
    if any(size) and len(size) != axes:
        what = "volumes: DEPTH HEIGHT WIDTH" if axes == 3 else "pictures: HEIGHT WIDTH"
        raise UserError(
            f"{description.path} holds {what} for --data.size and --data.crop, got "
            f"{' '.join(map(str, size))}."
        )
    if any(size):
        return tuple(size)
    if known.height is None or known.width is None:
        if axes == 3:
            raise UserError(
                f"The volumes of split '{split}' in {description.path} differ in size. "
                "Choose the patch for the network with --data.crop DEPTH HEIGHT WIDTH."
            )
        raise UserError(
            f"The images of split '{split}' in {description.path} differ in size. "
            "Choose one for the network with --data.size HEIGHT WIDTH."
        )
    return (*((known.depth,) if known.depth else ()), known.height, known.width)
