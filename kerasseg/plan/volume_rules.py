"""The rules of a plan for volumes: network, patch, batch, augmentation and loss."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from kerasseg.augment.policies import POLICIES
from kerasseg.models.pieces.strides_of_spacing import strides_and_kernels
from kerasseg.plan.choices import SIDES, Choice, Plan
from kerasseg.plan.fingerprint import Fingerprint

LARGEST_PATCH = 48**3
"""Voxels of a patch: a step of two takes about a second on two cores."""
SMALLEST_MAP, DEEPEST = 4, 4
"""Voxels that the deepest level keeps along an axis (nnU-Net), and the most levels."""
MANY, FEW = 16, 8
"""Filters of the first level, and those of a network of fewer parameters."""
PARAMETERS = 6e6
"""More than a network of MANY filters and DEEPEST levels has."""


def first(plan: Plan, facts: Fingerprint, parameters: float) -> None:
    """All choices that need no measurement of the machine. parameters: the most that
    the network may have."""
    patch, depth = patch_of(facts.shape, facts.spacing)
    _network(plan, facts, depth, parameters)
    _patch(plan, facts, patch)
    plan.choose(
        "data",
        Choice(
            "batch",
            "2",
            f"{facts.train} volumes, patches of {_by(patch)}",
            "many steps rather than large batches; at least 2 (nnU-Net)",
            "--data.batch",
        ),
        batch=2,
    )
    _policy(plan, facts)
    _loss(plan, facts)


def patch_of(
    shape: Sequence[int], spacing: Sequence[float], most: int = LARGEST_PATCH
) -> tuple[tuple[int, ...], int]:
    """The patch of the network, and how many times that halves it.

    It begins at the median shape; the side that is longest in millimetres is made
    shorter until it has `most` voxels (nnU-Net). Sides are multiples of what the
    strides want.
    """
    sides = [float(side) for side in shape]
    while math.prod(sides) > most:
        lengths = [a * b for a, b in zip(sides, spacing, strict=True)]
        sides[lengths.index(max(lengths))] *= 0.95
    for depth in range(DEEPEST, 0, -1):
        strides, _ = strides_and_kernels(spacing, depth)
        steps = [math.prod(stride[axis] for stride in strides) for axis in range(3)]
        # Nearest multiple: a little padding is better than losing half of a side.
        pairs = list(zip(sides, steps, strict=True))
        patch = [step * max(1, round(side / step)) for side, step in pairs]
        if all(side >= SMALLEST_MAP * step or step == 1 for side, step in pairs):
            break
    return tuple(patch), depth


def patches(facts: Fingerprint, crop: Sequence[int]) -> int:
    """Of the grid of a volume of median shape."""
    return math.prod(-(-n // c) for n, c in zip(facts.shape, crop, strict=True))


def _network(plan: Plan, facts: Fingerprint, depth: int, parameters: float) -> None:
    filters = MANY if parameters >= PARAMETERS else FEW
    options = (f"filters={filters}", f"depth={depth}", "up=nearest")
    plan.choose(
        "model",
        Choice(
            "network",
            f"unet_3d, {', '.join(options)}",
            f"{facts.channels} bands, {facts.train} volumes of {_by(facts.shape)}, "
            f"spacing {_by(facts.spacing)}",
            "nnU-Net's network with half of its filters; strides and kernels follow "
            f"the spacing, the deepest level keeps {SMALLEST_MAP} voxels a side",
            "--model.options filters=32",
        ),
        name="unet_3d",
        options=options,
    )


def _patch(plan: Plan, facts: Fingerprint, patch: tuple[int, ...]) -> None:
    region = tuple(math.ceil(1.15 * n) for n in patch)
    plan.choose(
        "data",
        Choice(
            "patch",
            f"{_by(patch)}, from regions of {_by(region)}",
            f"volumes of {_by(facts.shape)} (median)",
            f"the median shape, shrunk to {LARGEST_PATCH} voxels (nnU-Net); the region "
            "is larger, for turns and scales",
            "--data.crop, --data.size",
        ),
        crop=patch,
        size=region,
    )


def _policy(plan: Plan, facts: Fingerprint) -> None:
    sides = any(word in name.lower().split() for name in facts.names for word in SIDES)
    policy = POLICIES["volume"]
    if sides:
        policy = replace(policy, flip=0.0)
    plan.settings = replace(plan.settings, augment=policy)
    plan.choices.append(
        Choice(
            "augmentation",
            "volume, " + ("no mirror" if sides else "left and right mirrored"),
            "names say left and right" if sides else "no name says left or right",
            "only left and right are alike: on the hippocampus mirroring all axes gave "
            ".812/.794 of Dice where none gave .867/.849, in equal steps",
            "--augment.vertical_flip, --augment.depth_flip",
        )
    )


def _loss(plan: Plan, facts: Fingerprint) -> None:
    overlap = not facts.exclusive
    options: tuple[str, ...] = ("soft_dice.per_image=false",)
    options += () if overlap else ("soft_dice.background=false",)
    plan.choose(
        "fit",
        Choice(
            "loss and class weights",
            f"cross_entropy + soft_dice of the batch{'' if overlap else WITHOUT}",
            f"the rarest class has {100 * facts.rarest:.2g} % of the voxels",
            "cross entropy with Dice of the batch (nnU-Net): a patch may lack classes",
            "--fit.class_weights sqrt_median",
        ),
        loss=("cross_entropy=1", "soft_dice=1"),
        options=options,
        class_weights=("none",),
        clip_norm=12.0,
    )


WITHOUT = ", without the background"


def _by(numbers: Sequence[float]) -> str:
    return " x ".join(f"{n:.3g}" for n in numbers)
