"""Recipes: TOML files of settings, read and written; and flags beside them.

A recipe is a list of flags written down: it is put before the user's own flags, the
later wins, and one parser checks both.
"""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kerasseg import UserError
from kerasseg.augment.policies import POLICIES
from kerasseg.config.settings import Config, flags_of
from kerasseg.console.flags import parse as parsed


def parse(argv: list[str], default: Config | None = None, prog: str = "") -> Config:
    """Reads `[recipe.toml] [--key value ...]`; later settings win.

    `--augment.policy NAME`, in the recipe or after it, chooses the policy whose numbers
    the other augment settings then change.

    default: the settings that are changed; None: `Config()`. prog: the command's name
    in messages.

    Raises UserError for a recipe that is missing or not TOML and for an unknown policy;
    leaves with exit code 2 and a message for unknown keys and values of a wrong type.
    What fits the types and still makes no sense is found by `check`.
    """
    default = default or Config()
    recipe: list[str] = []
    if argv and argv[0].endswith(".toml"):
        path, argv = Path(argv[0]), argv[1:]
        recipe = list(_written_flags(_table_of(path), path))
        default = dataclasses.replace(default, name=default_name(path))
        # The file's own mistakes are reported under the file's name.
        _cli(recipe, default, f"{path}:")
    return _cli([*recipe, *argv], default, prog or "python -m kerasseg.train")


def to_toml(config: Config) -> str:
    """Every setting, so that a run can be repeated from its own folder."""
    import tomli_w

    return tomli_w.dumps(dataclasses.asdict(config))


def values_of(text: str) -> dict[str, Any]:
    """Flag -> value of the settings in a TOML text, in no order.

    Raises tomllib.TOMLDecodeError for a text that is not TOML.
    """
    return dict(flags_of(tomllib.loads(text)))


def default_name(recipe: Path) -> str:
    """The name of a recipe's runs: pipelines/camvid/unet.toml -> camvid-unet; of
    RUN-1/config.toml it is RUN."""
    folder = recipe.resolve().parent.name
    if recipe.stem == "config":
        return folder.rsplit("-", 1)[0]
    return f"{folder}-{recipe.stem}"


def options(pairs: tuple[str, ...], where: str) -> dict[str, Any]:
    """("filters=16", 'encoder="none"') -> {"filters": 16, "encoder": "none"}.

    Values are TOML; a bare word is a string.

    where: the flag that the pairs were given to, for messages.

    Raises UserError for a text that is not key=value.
    """
    values = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals or not key.strip().isidentifier():
            raise UserError(f"{where}: expected key=value, got '{pair}'.")
        try:
            values[key.strip()] = tomllib.loads(f"v = {text}")["v"]
        except tomllib.TOMLDecodeError:
            values[key.strip()] = text.strip()
    return values


def _cli(flags: list[str], default: Config, prog: str) -> Config:
    flags, policies = _without_policies(flags)
    for name in policies:
        if name not in POLICIES:
            file = f"{prog} " if prog.endswith(":") else ""
            raise UserError(
                f"{file}--augment.policy: unknown '{name}'. "
                f"Known: {', '.join(POLICIES)}."
            )
        default = dataclasses.replace(default, augment=POLICIES[name])
    return parsed(Config, flags, prog, apart=True, default=default)


def _without_policies(flags: list[str]) -> tuple[list[str], list[str]]:
    """The flags without `--augment.policy NAME` or `--augment.policy=NAME`, which is
    no setting of its own, and those names in their order."""
    others: list[str] = []
    names: list[str] = []
    words = iter(flags)
    for word in words:
        flag, equals, name = word.partition("=")
        if flag == "--augment.policy":
            names.append(name if equals else next(words, ""))
        else:
            others.append(word)
    return others, names


def _is_number(text: str) -> bool:
    """Whether a text is a number, which no flag can be mistaken for."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def _table_of(path: Path) -> dict:
    if not path.is_file():
        raise UserError(f"No recipe {path}. See the folder pipelines/ for recipes.")
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"Recipe {path} is not valid TOML: {error}.") from error


def _written_flags(table: dict, recipe: Path) -> Iterator[str]:
    """A recipe's settings as the flags that a user would type."""
    for flag, value in flags_of(table):
        if not isinstance(value, list):
            yield f"{flag}={value}"  # also a text that begins with a dash
            continue
        yield flag
        for one in value:
            if isinstance(one, str) and one.startswith("-") and not _is_number(one):
                raise UserError(
                    f"Recipe {recipe}: a text in {flag} must not begin with a dash, "
                    f"got '{one}'."
                )
            yield str(one)
