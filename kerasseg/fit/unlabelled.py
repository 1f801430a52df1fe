"""Images without labels, mixed into each batch of a training with teachers.

They are records whose labels are not looked at: each pixel counts as ignored.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kerasseg import UserError, config
from kerasseg.image_format import ImageFormat
from kerasseg.taxonomy import Taxonomy

if TYPE_CHECKING:
    import tensorflow as tf

OTHER_SEED = 0x5EED
"""Their augmentation and order are not those of the labelled images."""


def count(data: config.Data) -> int:
    """Unlabelled images of a batch.

    Raises UserError where they leave no place for labelled ones.
    """
    if not data.unlabelled:
        return 0
    found = max(1, round(data.unlabelled_share * data.batch))
    if found >= data.batch:
        raise UserError(
            f"--data.unlabelled_share {data.unlabelled_share:g} of --data.batch "
            f"{data.batch} leaves no labelled image. Take a smaller share or a larger "
            "batch."
        )
    return found


def check(settings: config.Config, images: ImageFormat) -> None:
    """Raises UserError for images that cannot be mixed with those of the training, of
    the format `images`, and where nobody teaches what is on them."""
    data = settings.data
    if not count(data):
        return
    if not settings.fit.teacher:
        raise UserError(
            "--data.unlabelled needs --fit.teacher RUN: without labels and without a "
            "teacher there is nothing to learn from these images."
        )
    from kerasseg.data.format.description import describe

    described = describe(data.unlabelled)
    described.split(data.unlabelled_split)
    if not images.same_kind(described.image_format):
        raise UserError(
            f"--data.unlabelled {data.unlabelled} holds {described.image_format}, the "
            f"training {images}. Prepare them with the same bands and type."
        )


def noted(data: config.Data) -> dict[str, str]:
    """What of them must not change while a training is stopped, see `same_records`."""
    if not data.unlabelled:
        return {}
    from kerasseg.data.format.description import describe
    from kerasseg.fit import same_records

    found = same_records.noted(describe(data.unlabelled), [data.unlabelled_split])
    key = f"split '{data.unlabelled_split}'"
    return {f"unlabelled images {data.unlabelled}": found[key]}


def order(labelled: int, unlabelled: int) -> list[int]:
    """Where each place of a batch is taken from, of the labelled images followed by the
    others: evenly mixed, so that each part of the batch, of one device or of
    --fit.accumulate, has its share.

    >>> order(2, 2), order(4, 2)
    ([0, 2, 1, 3], [0, 4, 1, 2, 5, 3])
    """
    places = [(i + 0.5) / labelled for i in range(labelled)]
    places += [(i + 0.5) / unlabelled for i in range(unlabelled)]
    return [int(i) for i in np.argsort(places, kind="stable")]


def mixed(
    settings: config.Config,
    records: str | Path,
    labelled: tf.data.Dataset,
    step: int,
    share: tuple[int, int],
    **options: Any,
) -> tf.data.Dataset:
    """The stream of labelled batches of `streams.stream_of` with the unlabelled
    images among them; itself where there are none.

    step: of the first batch. options: of `pipeline.batches`, as of the labelled ones.
    """
    import tensorflow as tf

    from kerasseg.data import pipeline
    from kerasseg.data import records as shards

    data, described = settings.data, shards.describe(records)
    here = count(data)
    if not here:
        return labelled
    options |= {"size": pipeline.size_of(described, data.train, data.size)}
    others = pipeline.batches(
        data.unlabelled,
        data.unlabelled_split,
        batch_size=here,
        seed=settings.seed ^ OTHER_SEED,
        start=step * here,
        share=share,
        **options,
    )
    hosts = share[1]
    places = order((data.batch - here) // hosts, here // hosts)
    taxonomy: Taxonomy = described.taxonomy

    def together(ours: dict, theirs: dict) -> dict:
        blank = tf.zeros_like(ours["label"][:1]) + taxonomy.ignore
        theirs = theirs | {"label": tf.repeat(blank, here // hosts, 0)}
        if "instance" in theirs:
            theirs["instance"] = tf.zeros_like(theirs["instance"])
        both = {name: tf.concat([ours[name], theirs[name]], 0) for name in ours}
        return {name: tf.gather(value, places) for name, value in both.items()}

    return tf.data.Dataset.zip(labelled, others).map(together).prefetch(pipeline.AHEAD)
