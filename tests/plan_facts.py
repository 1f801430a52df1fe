"""Facts of records, made up for the rules of the plan."""

from kerasseg.plan.budget import Rhythm
from kerasseg.plan.fingerprint import Fingerprint

FACTS = Fingerprint(
    digest="d",
    train=100,
    val=20,
    height=360,
    width=480,
    one_size=True,
    channels=3,
    rgb8=True,
    exclusive=True,
    gray=0.0,
    names=["road", "pole"],
    shares=[0.9, 0.1],
    thickness=[50.0, 4.0],
    asymmetry=0.6,
    instances=False,
    touching=0.0,
)


def rhythm(plan, epochs):
    """So many epochs of the plan, each of which shows each image once."""
    steps = max(1, round(FACTS.train / plan.settings.data.batch))
    return Rhythm(epochs, steps, 1, 0, 192, True, epoch=1, after=1, left=1)
