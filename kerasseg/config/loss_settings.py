"""What --fit.options and --fit.class_weights say, as far as words alone tell."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from kerasseg import UserError
from kerasseg.config.recipe import options

RULES = ("none", "median", "sqrt_median", "inverse_log", "segnet_camvid")
"""Weights of classes that --fit.class_weights knows by name."""

OPTIONS, WEIGHTS = "--fit.options", "--fit.class_weights"


def loss_options(pairs: Sequence[str], losses: Iterable[str]) -> dict[str, dict]:
    """("tversky.alpha=0.3",) -> {"tversky": {"alpha": 0.3}}.

    Values are TOML: numbers, true and false, lists as [2, 1]; a bare word is a text.

    losses: the names in --fit.loss.

    Raises UserError for a text that is not LOSS.OPTION=VALUE, an option given twice,
    and a loss that is not trained with.
    """
    found: dict[str, dict[str, Any]] = {}
    for pair in pairs:
        name, dot, rest = pair.partition(".")
        if not dot or "=" in name:
            raise UserError(
                f"{OPTIONS}: expected LOSS.OPTION=VALUE, such as tversky.alpha=0.3, "
                f"got '{pair}'."
            )
        if name.strip() not in losses:
            raise UserError(
                f"{OPTIONS}: '{pair}' is for a loss that --fit.loss does not name: it "
                f"has {', '.join(losses)}."
            )
        given = options((rest,), OPTIONS)
        known = found.setdefault(name.strip(), {})
        if twice := known.keys() & given.keys():
            raise UserError(f"{OPTIONS}: {name}.{twice.pop()} is given twice.")
        known |= given
    return found


@dataclass(frozen=True)
class ClassWeights:
    """What --fit.class_weights says.

    rule: one of RULES. numbers: one for each class, in the order of the ids; in place
    of a rule. own: those of single classes by name, in place of the rule's.
    """

    rule: str = "none"
    numbers: tuple[float, ...] = ()
    own: dict[str, float] = field(default_factory=dict)

    def named(self, classes: Sequence[str], base: Sequence[float]) -> list[float]:
        """The weights of these classes; `base`: those of the rule.

        Raises UserError for a class that is not there and another count of numbers.
        """
        given = len(self.numbers)
        if given and given != len(classes):
            raise UserError(
                f"{WEIGHTS} has {given} numbers for {len(classes)} classes, "
                f"{_said(classes)}. Give one for each, or CLASS=NUMBER."
            )
        if unknown := [name for name in self.own if name not in classes]:
            raise UserError(
                f"{WEIGHTS}: there is no class '{unknown[0]}'. Classes: "
                f"{_said(classes)}."
            )
        weights = dict(zip(classes, self.numbers or base, strict=True)) | self.own
        if not any(weights.values()):
            raise UserError(f"{WEIGHTS}: all weights are 0. One must be above 0.")
        return list(weights.values())


def class_weights(words: Sequence[str]) -> ClassWeights:
    """("sqrt_median", "car=2.5"), ("road=1", "car=2.5") or ("0.3", "1", "2").

    Raises UserError for other words, a class given twice, and what is not a number of 0
    or more.
    """
    words = (words,) if isinstance(words, str) else tuple(words)
    if words and all(_number(word) is not None for word in words):
        return ClassWeights(numbers=tuple(_weight(word, word) for word in words))
    rule, own = "none", {}
    for position, word in enumerate(words):
        name, equals, text = word.rpartition("=")
        if not equals:
            if position or word not in RULES:
                raise UserError(
                    f"{WEIGHTS} must be one of {', '.join(RULES)}, CLASS=NUMBER for "
                    "single classes (also behind one of these), or a number for each "
                    f"class; got '{word}'."
                )
            rule = word
        elif name.strip() in own:
            raise UserError(f"{WEIGHTS}: class '{name.strip()}' is given twice.")
        else:
            own[name.strip()] = _weight(text, word)
    return ClassWeights(rule, own=own)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _weight(text: str, word: str) -> float:
    number = _number(text)
    if number is None or not 0 <= number < math.inf:
        raise UserError(
            f"{WEIGHTS}: a weight must be a finite number of 0 or more, got '{word}'."
        )
    return number


def _said(classes: Sequence[str]) -> str:
    more = f" and {len(classes) - 20} more" if len(classes) > 20 else ""
    return ", ".join(classes[:20]) + more
