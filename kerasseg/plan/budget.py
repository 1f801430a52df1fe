"""How a budget of minutes becomes epochs: their number, their steps, what judges them.

An epoch shows each image once, and all validation images judge it. Where judging takes
much of the time beside so few steps, an epoch shows the images several times; where
fewer than EPOCHS would fit, it has fewer steps, and fewer images judge it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from kerasseg.config.settings import Config
from kerasseg.plan import volume_rules
from kerasseg.plan.fingerprint import Fingerprint
from kerasseg.plan.machine import Cost

EPOCHS, MOST_EPOCHS = 5, 400
"""The fewest epochs that a plan wants, so that a training sees how it does, and the
most."""
FEW = 20
"""Epochs below which a part of one is too much time to lose."""
SLACK = 0.93
"""Share of the time that epochs are planned for: the rate falls to zero at the last
planned one, and a training that is cut there has lost its best epochs."""
JUDGING = 0.15
"""The largest share of an epoch, and of the budget, that validation may take while
fewer images can be asked."""
LEAST_JUDGED = 32
"""Images that judge an epoch at least, and that new statistics are made of."""
SCORING, ADJUSTING, GATE = 3, 2, 6
"""Times that a validation image is looked at after the training, in the time of one
look in an epoch: by the network and for boundaries; for the balance of the classes; and
by the gate for all files together, of which float32 and int8 run on few threads."""
OWN = 0.5
"""Seconds for each megapixel of a validation image beside the network's look at it:
scores are of images in their own size. Measured: 0.3 to 0.7, of 2 to 11 classes."""
ADJUSTED = 0.1
"""The largest share of the budget that the balance of the classes may take."""
REPORT, FILES = 10.0, 40.0
"""Seconds for what is traced and for the report, and for writing and converting the
files."""
BESIDE = 0.2
"""The share of an epoch that judging and new statistics may take, as long as EPOCHS
fit."""
SETTLED = 1.2
"""Time of a crop that new statistics of batch normalisation are taken from, over that
of as many pixels in validation: it is augmented, and normalised by its batch."""


@dataclass(frozen=True)
class Rhythm:
    """What a budget allows.

    epochs: of each training. steps: of an epoch. shown: how often they show each image;
    1 exactly where they are as many as show it once. judged: validation images that
    judge it, 0: all. statistics: images that new statistics are made of (--fit
    .statistics). adjust: whether the balance of the classes is looked for. epoch,
    after, left: seconds of an epoch, of all that follows the trainings, and of the
    budget for epochs of all trainings.
    """

    epochs: int
    steps: int
    shown: float
    judged: int
    statistics: int
    adjust: bool
    epoch: float
    after: float
    left: float


def rhythm(
    settings: Config,
    facts: Fingerprint,
    cost: Cost,
    seconds: float,
    folds: int = 0,
    export: bool = True,
) -> Rhythm:
    """seconds: of the budget that are left before the training begins. facts: of one
    training, also of several folds. export: whether files are written."""
    trainings, volumes = max(1, folds), bool(facts.depth)
    images = facts.val
    if volumes:
        images *= volume_rules.patches(facts, settings.data.crop)
    look = images * cost.image
    judged = 0
    if export and not volumes:
        judged = _fewer(facts.val, GATE * look, JUDGING * seconds)
    adjust = not (volumes or folds) and ADJUSTING * look <= ADJUSTED * seconds
    some = look * (judged / facts.val if judged else 1)
    own = 0.0 if volumes else OWN * images * facts.height * facts.width / 1e6
    after = REPORT + (SCORING + ADJUSTING * adjust) * look + own
    if folds:  # each fold, and all images once more; the mean of networks is slower
        after += folds * (after + look)
    if export:
        after += FILES + GATE * some * trainings**2
    left = seconds - trainings * (cost.ready + cost.traced) - after
    each = SLACK * max(left, 0.0) / trainings
    all_steps = max(1, round(facts.train / settings.data.batch))

    fit = settings.fit
    settled = SETTLED * cost.image * _share_of_crop(settings, facts)
    wanted = BESIDE / 2 * each / EPOCHS / settled
    statistics = min(fit.statistics, max(LEAST_JUDGED, int(wanted)))

    def beside(steps: int, validation: float) -> float:
        return validation + settled * _settled(settings, steps, statistics)

    def epoch_of(steps: int, validation: float) -> float:
        return steps * cost.step + beside(steps, validation)

    if each < EPOCHS * epoch_of(all_steps, look) and not volumes:
        fewer = _fewer(judged or facts.val, some, JUDGING * each / EPOCHS)
        judged = fewer or judged
        some = look * (judged / facts.val if judged else 1)
    steps = all_steps
    while beside(steps, some) > BESIDE * epoch_of(steps, some):
        more = steps + all_steps * max(1, steps // all_steps // 4)
        if each < EPOCHS * epoch_of(more, some):
            break
        steps = more
    while steps > 1 and each < EPOCHS * epoch_of(steps, some):
        steps = max(1, int(0.95 * steps))
    epoch = epoch_of(steps, some)
    epochs = min(MOST_EPOCHS, max(1, int(each / epoch)))
    if epochs < FEW:  # what is left of one more epoch is given to the others
        longer = steps + max(0, int((each / epochs - epoch) / cost.step))
        while longer > steps and epochs * epoch_of(longer, some) > each:
            longer -= 1
        steps, epoch = longer, epoch_of(longer, some)
    shown = steps / all_steps
    return Rhythm(epochs, steps, shown, judged, statistics, adjust, epoch, after, left)


def _share_of_crop(settings: Config, facts: Fingerprint) -> float:
    """Pixels of a training crop over those of an image in validation."""
    data = settings.data
    if facts.depth:
        return 1.0
    size = data.size if any(data.size) else (facts.height, facts.width)
    return math.prod(data.crop) / math.prod(size)


def _settled(settings: Config, steps: int, most: int) -> int:
    """Crops that statistics are made of after so many steps, `most` or fewer."""
    from kerasseg.fit.statistics import batches_for  # Keras

    data = settings.data
    trained = steps * data.batch * math.prod(data.crop)
    count, together = batches_for(most, trained, data.crop)
    return count * together


def _fewer(images: int, seconds: float, wanted: float) -> int:
    """How many of the images fit into the wanted seconds, LEAST_JUDGED at least; 0: all
    of them."""
    if seconds <= wanted:
        return 0
    found = max(LEAST_JUDGED, int(images * max(wanted, 0.0) / seconds))
    return found if found < images else 0
