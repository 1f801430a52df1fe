"""Whether the labels of records can teach and judge anything at all."""

from __future__ import annotations

from kerasseg import UserError
from kerasseg.data.format.description import Description
from kerasseg.data.format.joined import trains_on


def check(records: Description, train: str, val: str, batch: int = 1) -> list[str]:
    """Looks at the counts of the two splits before the first step.

    batch: images of a step.

    Returns:
        Lines of warning: for classes that one of the splits never has, and where both
        splits hold the same images.

    Raises:
        UserError: where there is one class only, or a split has no labelled pixel, or
            those of one class only: a network that always says it would score 1.0.
            Where classes overlap: where no pixel of a split has any of them, or all
            have every one. And where a batch is larger than the training split.
    """
    names, path = records.taxonomy.names, records.path
    overlap = not records.taxonomy.exclusive
    if len(names) < 2 and not overlap:
        raise UserError(
            f"Records {path} have one class, '{names[0]}', and nothing to tell it from."
            " Is the background missing, or stored as ignore? Look at the masks with "
            "python -m kerasseg.doctor, and prepare again with two classes or more."
        )
    seen = {name: _seen(records, name) for name in dict.fromkeys((train, val))}
    for split, classes in seen.items():
        if overlap:
            _check_planes(records, split)
            continue
        if not classes:
            raise UserError(
                f"The split '{split}' of {path} has no labelled pixel: all are ignored."
                " Look at its masks with python -m kerasseg.doctor, and prepare again."
            )
        if len(classes) == 1:
            raise UserError(
                f"All labelled pixels of the split '{split}' of {path} are of the class"
                f" '{names[classes[0]]}', and there is nothing to tell it from. Look at"
                " its masks with python -m kerasseg.doctor, or divide the images anew."
            )
    if batch > records.split(train).samples:
        raise UserError(
            f"A batch of {batch} images is more than the split '{train}' of {path} has:"
            f" {records.split(train).samples}. Say --data.batch "
            f"{records.split(train).samples}, or add images."
        )
    lines = _same_images(records, train, val)
    for split, other, so in (
        (val, train, "their scores will not be known"),
        (train, val, "they cannot be learnt"),
    ):
        missing = [names[c] for c in seen[other] if c not in seen[split]]
        if missing:
            lines.append(
                f"The split '{split}' never has {', '.join(missing)}, which "
                f"'{other}' has: {so}."
            )
    return lines


def _same_images(records: Description, train: str, val: str) -> list[str]:
    shards = [{s.sha256 for s in records.split(name).shards} for name in (train, val)]
    if trains_on(train, val):
        return [
            f"The split '{val}' is trained on ('{train}'): its scores say how well the "
            "network knows these images, not how well it works on others. The network "
            "of the last epoch is kept; take the number of epochs from a training that "
            "leaves them out."
        ]
    if not shards[0] & shards[1]:
        return []
    same = (
        f"are those of '{train}'"
        if shards[0] >= shards[1]
        else f"are partly those of '{train}'"
    )
    return [
        f"The images of the split '{val}' {same}: the score says how well the "
        "network remembers, not how well it works. prepare --val-share 0.2 --split-by "
        "name divides them."
    ]


def _check_planes(records: Description, split: str) -> None:
    known, path = records.split(split), records.path
    if not any(known.pixels):
        raise UserError(
            f"No pixel of the split '{split}' of {path} is of a class "
            f"({', '.join(records.taxonomy.names[:5])}). Look at its masks with python "
            "-m kerasseg.doctor, and prepare again."
        )
    if None not in (known.height, known.width):
        labelled = known.samples * known.height * known.width - known.ignored  # type: ignore[operator]
        if all(pixels >= labelled for pixels in known.pixels):
            raise UserError(
                f"All labelled pixels of the split '{split}' of {path} are of every "
                "class, and there is nothing to tell them from. Are the masks turned "
                "round? Look at them with python -m kerasseg.doctor."
            )


def _seen(records: Description, split: str) -> list[int]:
    """The classes that have pixels."""
    return [c for c, count in enumerate(records.split(split).pixels) if count]
