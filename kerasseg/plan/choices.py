"""The choices of a plan, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from kerasseg.config.settings import Config

SIDES = ("left", "right")
"""Words in names of classes that forbid to mirror."""


@dataclass(frozen=True)
class Choice:
    """One choice: what it sets, the fact, the rule with its source, and what else."""

    what: str
    value: str
    fact: str
    rule: str
    instead: str


@dataclass
class Plan:
    """Settings and the reasons for them."""

    settings: Config
    choices: list[Choice] = field(default_factory=list)

    def choose(self, part: str, reason: Choice, **values: Any) -> None:
        """Sets values of a part of the settings, for a reason."""
        changed = replace(getattr(self.settings, part), **values)
        self.settings = replace(self.settings, **{part: changed})
        self.choices.append(reason)
