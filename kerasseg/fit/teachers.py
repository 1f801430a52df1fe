"""--fit.teacher: trained runs, ready to answer inside the step of a training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kerasseg import UserError, config, runs
from kerasseg.files.sha256 import sha256_of
from kerasseg.fit import other_sizes
from kerasseg.fit.devices import Devices
from kerasseg.image_format import ImageFormat
from kerasseg.inference import scales
from kerasseg.taxonomy import Taxonomy

if TYPE_CHECKING:
    from kerasseg.fit.distillation import Distillation, Teacher


def check(fit: config.Fit, taxonomy: Taxonomy, images: ImageFormat, records) -> None:
    """Raises UserError where a teacher is no run, or knows other classes or images than
    the records; and for scales that make no sense."""
    scales.check(fit.teacher_scales, "--fit.teacher_scales")
    for name in fit.teacher:
        run = runs.named(name)
        if not run.is_dir():
            raise UserError(
                f"--fit.teacher {name} is not a run folder. Name the folder that a "
                "training wrote, with network.keras, config.toml and taxonomy.json."
            )
        runs.network_file(run)
        runs.settings(run)
        known = runs.taxonomy(run)
        if (known.names, known.exclusive) != (taxonomy.names, taxonomy.exclusive):
            overlap = "" if known.exclusive else ", which overlap"
            ours = "" if taxonomy.exclusive else ", which overlap"
            raise UserError(
                f"--fit.teacher {name} knows the classes {', '.join(known.names)}"
                f"{overlap}; the records {records} have {', '.join(taxonomy.names)}"
                f"{ours}. A teacher needs the same ones in the same order."
            )
        runs.require_kind(run, records, images)


def noted(fit: config.Fit) -> dict[str, str]:
    """Teacher -> the checksum of its network, see `same_records`."""
    files = {name: runs.network_file(runs.named(name)) for name in fit.teacher}
    return {f"teacher '{n}'": f"checksum {sha256_of(f)[:12]}" for n, f in files.items()}


def distillation_of(
    fit: config.Fit,
    taxonomy: Taxonomy,
    size: Sequence[int],
    crop: Sequence[int],
    used: Devices,
) -> Distillation | None:
    """What a Trainer on crops of images of `size` learns from its teachers; None
    without any.

    Each teacher sees the crop as large as it saw things in its own training: resized by
    its own size over `size`, and by each scale.

    Raises UserError where a teacher is not known at the size that this asks for.
    """
    if not fit.teacher:
        return None
    from kerasseg.fit.distillation import Distillation

    found: list[Teacher] = []
    with used.building():
        for name in fit.teacher:
            run = runs.named(name)
            network = runs.load(run)
            network.trainable = False
            own = scales.Sized.of(network).size
            for scale in fit.teacher_scales or (1.0,):
                sides = zip(crop, own, size, strict=True)
                wanted = [scale * side * o / whole for side, o, whole in sides]
                one = other_sizes.near(run, network, wanted)
                found.append(_answering(one, crop))
    return Distillation(
        found,
        fit.teacher_flip,
        fit.temperature,
        fit.distill,
        fit.disagreement,
        taxonomy.exclusive,
    )


def _answering(one: scales.Sized, crop: Sequence[int]) -> Teacher:
    """Function: crops of the student -> logits of the same size; they are brought to
    the teacher's size between."""
    from kerasseg.fit.distillation import resized

    height, width = crop
    back = height, width
    return lambda images: resized(one.run(resized(images, one.size)), back)
