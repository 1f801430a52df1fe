"""Prints the doctor's findings, the class frequencies, and lines for a recipe."""

from __future__ import annotations

import textwrap
from collections.abc import Collection

from kerasseg.data.format.description import images_line
from kerasseg.doctor.check_bands import rows, used_bits
from kerasseg.doctor.checks import CHECKS
from kerasseg.doctor.class_balance import Balance, recipe
from kerasseg.doctor.finding import Finding
from kerasseg.doctor.survey import Survey
from kerasseg.taxonomy import ignore_of

WIDTH = 80


def table(
    survey: Survey,
    findings: list[Finding],
    balances: list[Balance],
    left_out: Collection[str] = (),
) -> str:
    """All findings with their fixes, and the classes where `balances` has some.

    left_out: names of the checks that were not done.
    """
    splits = ", ".join(f"{split} {len(f)}" for split, f in survey.splits.items())
    counted = f"{len(survey.facts)} images ({splits})" if splits else "no image"
    lines = [counted, *formats(survey), ""]
    for finding in findings:
        lines += _wrapped(f"{finding.severity:9}{finding.check:13}", finding.says)
        lines += _wrapped(" " * 22 + "Fix: ", finding.fix)
    bad = {finding.check for finding in findings}
    healthy = [c.name for c in CHECKS if c.name not in {*bad, *left_out}]
    lines += _wrapped("no finding of         ", ", ".join(healthy))
    unseen = [c.name for c in CHECKS if c.name in left_out]
    lines += [*_wrapped("not checked           ", ", ".join(unseen)), ""]
    if balances:
        lines += [*_classes(survey.classes.names, balances), "", recipe(balances[0])]
    return "\n".join(lines)


def formats(survey: Survey) -> list[str]:
    """What the images are, and the values of bands where these are not plain."""
    if not survey.good:
        return []
    image_format = survey.images.format
    line = images_line(image_format)
    if image_format.is_picture or not rows(survey):
        return [line]
    lines = _wrapped("", f"{line}; values {used_bits(survey)}")
    wide = max(4, *(min(17, len(name)) for name in image_format.bands))
    head = ("smallest", "largest", "mean", "deviation", "at largest")
    lines.append(f"  {'band':{wide}}{''.join(f'{word:>12}' for word in head)}")
    for name, *values, share in rows(survey):
        numbers = "".join(f"{value:>12.5g}" for value in values)
        lines.append(f"  {name[:wide]:{wide}}{numbers}{share:>12.2%}")
    return lines


def verdict(findings: list[Finding]) -> str:
    """One line: whether the source is healthy, and what has to be done."""
    errors = sum(finding.severity == "error" for finding in findings)
    warnings = len(findings) - errors
    if not findings:
        return "Healthy."
    count = [f"{n} {what}{'s' * (n > 1)}" for n, what in _counts(errors, warnings) if n]
    return f"{' and '.join(count)}. " + (
        "Fix the errors before training." if errors else "Nothing has to be fixed."
    )


def _counts(errors: int, warnings: int) -> tuple[tuple[int, str], ...]:
    return (errors, "error"), (warnings, "warning")


def _classes(names: tuple[str, ...], balances: list[Balance]) -> list[str]:
    """Frequencies in every split; weights of the first, which is train."""
    # What the numbers leave of the width, but no name is cut to nothing.
    left = max(8, WIDTH - 10 * len(balances) - 8 - 13 * len(balances[0].weights))
    wide = max(5, *(min(left, len(name)) for name in names))
    head = "".join(f"{b.split[:7] + ' %':>10}" for b in balances)
    head = f"{'class':{wide}}{head}{'images':>8}"
    head += "".join(f"{kind:>13}" for kind in balances[0].weights)
    lines = [head]
    for i, name in enumerate(names):
        row = f"{name[:wide]:{wide}}"
        row += "".join(f"{100 * b.share[i]:10.3f}" for b in balances)
        row += f"{balances[0].images_with[i]:8}"
        row += "".join(f"{w[i]:13.3f}" for w in balances[0].weights.values())
        lines.append(row)
    ignored = "".join(f"{100 * b.ignored:10.3f}" for b in balances)
    return [
        *lines,
        f"{ignore_of(len(names)):<{wide}}{ignored}  of all pixels are ignored",
    ]


def _wrapped(first: str, words: str) -> list[str]:
    indent = " " * len(first)
    # Names of files must stay whole, to be copied.
    return textwrap.wrap(
        words,
        WIDTH,
        initial_indent=first,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
