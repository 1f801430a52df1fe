"""The rules that turn facts of data into a recipe: few, each with its source.

Tuned on nuclei (DSB 2018) and membranes (ISBI 2012); docs/plan.md says what they gave
there and on sets that they were not tuned on.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from kerasseg.augment.policies import POLICIES, Policy
from kerasseg.config.settings import Config, Data, Fit, Model
from kerasseg.files import remote
from kerasseg.plan import volume_rules
from kerasseg.plan.budget import BESIDE, EPOCHS, JUDGING, Rhythm
from kerasseg.plan.choices import SIDES, Choice, Plan
from kerasseg.plan.fingerprint import SEEN, Fingerprint

LARGE, LARGEST_CROP = 512 * 640, 320 * 320
"""Pixels of an image above which it is made smaller, and of a crop."""
THIN = 3.0
"""Pixels that the thinnest class keeps when images are made smaller."""
NETWORKS = {
    "ladder_efficientnet_lite0": 3.4e6,
    "lraspp_mobilenet_v3_small": 0.48e6,
    "unet_small": 0.0,
}
"""Networks, the best ones first, and the parameters that they have at least."""
GRAY = 0.9
"""Share of gray images above which a set counts as one without colours."""
OF_IMAGENET = ("ladder_efficientnet_lite0",)
"""Those whose encoder begins with weights of ImageNet."""
SHORT, STILL = 30, 8
"""Minutes of a budget up to which the first layers of a pretrained encoder are kept as
they are, and how many times smaller than the image their maps are at most."""
COPIED, OFTEN = 2, 30
"""How many times the pixels of the planned size images have that are copied in it, and
how many images there are for each minute at most: fewer are each seen several times."""
STEPS_OF_AN_AVERAGE = 100
"""Fewer steps have no running mean of the weights."""


def first(facts: Fingerprint, records: str, parameters: float = math.inf) -> Plan:
    """All choices that need no measurement of the machine.

    parameters: the most that the network may have.
    """
    plan = Plan(Config(data=Data(records=records), model=Model(), fit=Fit()))
    if facts.depth:
        volume_rules.first(plan, facts, parameters)
        return plan
    _network(plan, facts, parameters)
    _size(plan, facts)
    _batch(plan, facts)
    _policy(plan, facts)
    _loss(plan, facts)
    return plan


def networks_within(parameters: float) -> list[str]:
    """Those that have at most so many parameters, the best ones first."""
    return [name for name, most in NETWORKS.items() if most <= parameters]


def model_of(name: str) -> dict[str, Any]:
    """Values of `config.Model` for a network."""
    pretrained = name != "lraspp_mobilenet_v3_small"
    return {"name": name, "options": () if pretrained else ("weights=none",)}


def with_still_layers(plan: Plan, facts: Fingerprint, minutes: float) -> Plan:
    """The plan with what depends on the budget before a step is measured: layers that
    do not train make it faster."""
    done = Plan(plan.settings, list(plan.choices))
    coloured = facts.channels == 3 and facts.gray <= GRAY
    learnt = plan.settings.model.name in OF_IMAGENET and coloured
    if not learnt or minutes > SHORT:
        return done
    done.choose(
        "fit",
        Choice(
            "layers that stay",
            f"the encoder's down to stride {STILL}",
            f"{minutes:g} minutes; {100 * facts.gray:.0f} % of the images are gray",
            f"up to {SHORT} minutes, of an encoder with weights of ImageNet, on images "
            "in colours: a step takes two thirds of the time, and more steps are worth "
            "more: .659 and .605 on football in five minutes, .842 and .830 on trains, "
            ".830 and .817 on crop and weed",
            "--fit.freeze 0",
        ),
        freeze=STILL,
    )
    return done


def with_smaller_copy(plan: Plan, facts: Fingerprint, minutes: float) -> Plan:
    """The plan with a copy of the images at their planned size, where decoding them
    anew in each epoch would take longer."""
    data = plan.settings.data
    done = Plan(plan.settings, list(plan.choices))
    shrunk = math.prod(data.size) * COPIED <= facts.height * facts.width
    if facts.depth or not any(data.size) or not shrunk:
        return done
    images = facts.train + facts.val
    if images > OFTEN * minutes or remote.is_remote(data.records):
        return done
    folder = f"{data.records.rstrip('/')}.smaller"
    done.choose(
        "data",
        Choice(
            "copy",
            folder,
            f"{images} images of {facts.height} x {facts.width}, read at "
            f"{data.size[0]} x {data.size[1]}",
            f"images of {COPIED} times the pixels or more are shrunk once, where there "
            f"are at most {OFTEN} for each minute; to decode and shrink one of 1080 x "
            "1920 takes 44 ms of a core",
            "--data.smaller ''",
        ),
        smaller=folder,
    )
    return done


def with_steps(plan: Plan, facts: Fingerprint, rhythm: Rhythm, why: str) -> Plan:
    """The plan with what depends on the number of steps."""
    done = Plan(plan.settings, list(plan.choices))
    steps = rhythm.steps * rhythm.epochs
    once = rhythm.shown == 1
    other = "" if once else f" of {rhythm.steps} steps"
    done.choose(
        "fit",
        Choice(
            "epochs",
            f"{rhythm.epochs}{other} ({steps} steps)",
            f"{why}; {rhythm.steps} steps show {rhythm.shown:.2g} of the images",
            "all of the time that is left after the other work; an epoch shows each "
            f"image once, less where fewer than {EPOCHS} would fit, more where judging "
            f"it takes more than {100 * BESIDE:.0f} % of it",
            "--minutes, --fit.steps 0 (each image once)",
        ),
        epochs=rhythm.epochs,
        steps=0 if once else rhythm.steps,
        statistics=rhythm.statistics,
    )
    if rhythm.judged:
        done.choose(
            "data",
            Choice(
                "images that judge an epoch",
                f"{rhythm.judged} of {facts.val}",
                "all of them would take much of the time",
                f"at most {100 * JUDGING:.0f} % of the time for judging epochs, and "
                "for comparing files; the score of the run is over all images",
                "--data.val_images 0 (all)",
            ),
            val_images=rhythm.judged,
        )
    rate = 4e-3 if steps < 400 else 2e-3
    if not facts.exclusive:
        rate *= 1.5
    done.choose(
        "fit",
        Choice(
            "learning rate",
            f"{rate:g}",
            f"{steps} steps, {'softmax' if facts.exclusive else 'sigmoid'}",
            "short trainings want a high rate, long ones of a pretrained encoder a "
            "lower one (nuclei, membranes); a sigmoid learns more slowly at the same "
            "rate",
            "--fit.learning_rate",
        ),
        learning_rate=rate,
    )
    ema = 0.0 if steps < STEPS_OF_AN_AVERAGE else min(0.99, 1 - 20 / steps)
    done.choose(
        "fit",
        Choice(
            "running mean of the weights",
            f"{ema:.3g}" if ema else "none",
            f"{steps} steps",
            "it spans a twentieth of the steps; below 100 steps it would lag behind",
            "--fit.ema",
        ),
        ema=round(ema, 4),
    )
    return done


def _network(plan: Plan, facts: Fingerprint, parameters: float) -> None:
    name = networks_within(parameters)[0]
    plan.choose(
        "model",
        Choice(
            "network",
            name,
            f"{facts.channels} bands, {facts.train} images",
            "an encoder with weights of ImageNet beats one from random weights at "
            "equal time: .826 and .738 on nuclei, .696 and .685 on membranes after 12 "
            "processor seconds of steps",
            "--model.name unet_fast (from random weights)",
        ),
        **model_of(name),
    )


def _size(plan: Plan, facts: Fingerprint) -> None:
    height, width = facts.height, facts.width
    shrink = min(1.0, math.sqrt(LARGE / (height * width)))
    if facts.thinnest * shrink < THIN:
        shrink = min(1.0, max(shrink, THIN / facts.thinnest))
    size = [max(32, 32 * round(n * shrink / 32)) for n in (height, width)]
    kept = facts.one_size and shrink == 1 and not (height % 32 or width % 32)
    plan.choose(
        "data",
        Choice(
            "size",
            f"{size[0]} x {size[1]}" + (", as they are" if kept else ""),
            f"images of {height} x {width}"
            + ("" if facts.one_size else " (median)")
            + f", the thinnest class {facts.thinnest:.1f} pixels wide",
            f"begin at the median size (nnU-Net), shrink to {LARGE} pixels unless a "
            f"class of {100 * SEEN:g} % of the pixels or more would become thinner "
            f"than {THIN:g}; sides are multiples of 32",
            "--data.size",
        ),
        size=(0, 0) if kept else (size[0], size[1]),
    )
    crop = _crop_of(size[0], size[1])
    plan.choose(
        "data",
        Choice(
            "crop",
            f"{crop[0]} x {crop[1]}",
            f"images of {size[0]} x {size[1]}",
            f"whole up to {LARGEST_CROP} pixels, else a window of that many; each "
            "epoch cuts another one",
            "--data.crop",
        ),
        crop=crop,
    )


def _crop_of(height: int, width: int) -> tuple[int, int]:
    share = min(1.0, math.sqrt(LARGEST_CROP / (height * width)))
    crop = [max(32, 32 * math.floor(n * share / 32)) for n in (height, width)]
    return crop[0], crop[1]


def _batch(plan: Plan, facts: Fingerprint) -> None:
    height, width = plan.settings.data.crop
    batch = 8 if height * width <= 256 * 256 else 4
    batch = max(2, min(batch, facts.train // 8)) if facts.train >= 16 else 2
    batch = min(batch, facts.train)
    plan.choose(
        "data",
        Choice(
            "batch",
            str(batch),
            f"{facts.train} images, crops of {height} x {width}",
            "many steps rather than large batches: the budget is in minutes; at least "
            "2 (nnU-Net) where there are two images, and 8 steps an epoch",
            "--data.batch",
        ),
        batch=batch,
    )


def _policy(plan: Plan, facts: Fingerprint) -> None:
    sides = any(word in name.lower().split() for name in facts.names for word in SIDES)
    upright = facts.asymmetry > 0.25
    policy: Policy = POLICIES["general"]
    if facts.gray > GRAY or not facts.rgb8:
        policy = replace(policy, saturation=0.0, hue=0.0, cast=0.0)
    if not upright:
        height, width = plan.settings.data.crop
        policy = replace(policy, vertical_flip=0.5, quarter_turns=height == width)
    if sides:
        policy = replace(policy, flip=0.0, vertical_flip=0.0, quarter_turns=False)
    plan.settings = replace(plan.settings, augment=policy)
    turned = "no mirror" if sides else "mirrored" if upright else "turned"
    plan.choices.append(
        Choice(
            "augmentation",
            f"general, {turned}" + (", no colours" if not policy.hue else ""),
            f"classes lie {100 * facts.asymmetry:.0f} % unlike in the upper and the "
            f"lower half; {100 * facts.gray:.0f} % of the images are gray"
            + ("; names say left and right" if sides else ""),
            "scale and colour always; quarter turns where up and down look alike "
            "(below 25 %: cells, tissue, aerial); colours only where there are some",
            "--augment.policy road, cells, flip",
        )
    )


def _loss(plan: Plan, facts: Fingerprint) -> None:
    plan.choose(
        "fit",
        Choice(
            "loss and class weights",
            "cross_entropy + soft_dice, sqrt_median",
            f"the rarest class has {100 * facts.rarest:.2g} % of the pixels",
            "cross entropy with Dice (nnU-Net); the square root of median frequency "
            "weights rare classes without the false alarms of the full weight",
            "--fit.class_weights none"
            + (
                f", --fit.border_weight 10 (objects touch on {100 * facts.touching:.0f}"
                " % of their borders)"
                if facts.touching > 0.02 and facts.exclusive
                else ""
            ),
        ),
        loss=("cross_entropy=1", "soft_dice=1"),
        class_weights=("sqrt_median",),
    )
