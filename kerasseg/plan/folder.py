"""`python -m kerasseg.train FOLDER`: from raw data to a recipe, with nothing asked.

prepare auto, the doctor, the plan. Each leaves what it made, so the same command goes
on where it was stopped: records and plan are used again where they are of that folder.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

from kerasseg import UserError, config
from kerasseg.config import bounds
from kerasseg.console import say
from kerasseg.console.flags import names_of, word_after
from kerasseg.data.format.description import FILE, describe

RECORDS = Path("records")
"""The folder in which records are written that nobody named."""
NEED_VAL = "--need-val"
"""The flag of `prepare` by which a source without val gets one."""
MINUTES = 15.0
"""The budget of all the work, where none is named."""


def is_folder(argv: list[str]) -> bool:
    """Whether the words of a training begin with a folder in place of a recipe."""
    return bool(argv) and Path(argv[0]).is_dir()


def recipe_of(argv: list[str]) -> list[str]:
    """FOLDER [--minutes N] [--key value ...] as RECIPE.toml and the other words.

    FOLDER: raw data of any kind that `prepare auto` knows, or records. Flags of
    `prepare auto` (--binary, --as coco) go to it.

    Raises UserError where the folder is neither, where the data cannot be prepared, and
    where the doctor finds errors; all was said by then, with the cures.
    """
    began = time.monotonic()
    source, *words = argv
    minutes, words = budget_of(words)
    preparing, words = _parted(Path(source), words)
    asked = config.parse(words)
    bounds.check(asked)
    records = _records_of(Path(source), preparing)
    plan = records.with_name(f"{records.name}.plan.toml")
    from kerasseg.console import start_tensorflow

    start_tensorflow()
    from kerasseg.plan import fingerprint
    from kerasseg.plan.page import write
    from kerasseg.plan.planning import planned

    facts = fingerprint.of_records(records)
    folds, export = asked.fit.folds, asked.export
    ways = (f"; {folds} folds" if folds else "") + ("" if export else "; no files")
    mark = f"# {minutes:g} minutes{ways}; facts {facts.digest}"
    if _first_line(plan) == mark:
        print(f"Plan of before: {plan}, {plan.with_suffix('.md')}")
    else:
        _look_through(records, plan.with_suffix(".doctor.html"))
        print(f"Planning {minutes:g} minutes: a trial step is measured", flush=True)
        found = planned(records, minutes, began=began, folds=folds, export=export)
        write(found, plan, f"{mark}\n")
    changed = _of_another_network(plan, words)
    return [str(plan), "--name", records.name, *changed, *words]


def _of_another_network(plan: Path, words: list[str]) -> list[str]:
    """What must change in a recipe where the words name another network than its own:
    the layers that stay (--fit.freeze) are those of an encoder that it may not have."""
    planned, asked = config.parse([str(plan)]), config.parse([str(plan), *words])
    same = all(
        getattr(planned.model, part) == getattr(asked.model, part)
        for part in ("name", "options")
    )
    if same or not planned.fit.freeze or asked.fit.freeze != planned.fit.freeze:
        return []
    say("Another network than the plan's: all of its layers train (--fit.freeze 0).")
    return ["--fit.freeze", "0"]


def budget_of(words: list[str]) -> tuple[float, list[str]]:
    """The budget, and the words without it."""
    asked, others = word_after(words, "--minutes", str(MINUTES))
    try:
        minutes = float(asked)
    except ValueError:
        minutes = 0.0
    if not 0 < minutes < 10**6:
        raise UserError(f"--minutes must be a number above 0, got '{asked}'.")
    return minutes, others


def _parted(source: Path, words: list[str]) -> tuple[list[str], list[str]]:
    """The words for `prepare auto`, and those of the training: a flag that both have,
    and one that neither has, is the training's."""
    settings = names_of(config.Config)
    given = {word.partition("=")[0] for word in words if word.startswith("--")}
    others = {f for f in given if "." not in f and f not in settings}
    others -= {flag.replace("--", "--no-", 1) for flag in settings}
    others -= {"--help"}
    if not others:
        return [], words
    from kerasseg.data.preparing.words import flags_of

    raw = None if (source / FILE).is_file() else source
    taken = flags_of(raw, words) & others
    parts: tuple[list[str], list[str]] = ([], [])
    part = parts[1]
    for word in words:
        if word.startswith("--"):
            part = parts[0 if word.partition("=")[0] in taken else 1]
        part.append(word)
    return parts


def _records_of(source: Path, preparing: list[str]) -> Path:
    """The folder itself where it holds records, else records made of it.

    preparing: flags of `prepare auto`.
    """
    if (source / FILE).is_file():
        if preparing:
            raise UserError(
                f"{source} holds records, and {preparing[0]} is for the raw data that "
                "records are made of. Leave it out."
            )
        return source
    if (source / "config.toml").is_file():
        raise UserError(
            f"{source} is a run, not a folder of data. Train it again with python -m "
            f"kerasseg.train {source / 'config.toml'}."
        )
    name = re.sub(r"[^\w.-]+", "-", source.resolve().name).strip("-.") or "data"
    records = RECORDS / name
    plain = ["auto", str(source), str(records)]
    command = [*plain, NEED_VAL, *preparing]
    if (records / FILE).is_file():
        typed = [  # with and, in records of earlier versions, without NEED_VAL
            shlex.join(["python", "-m", "kerasseg.prepare", *words])
            for words in (command, [*plain, *preparing])
        ]
        if describe(records).command not in typed:
            raise UserError(
                f"{records} holds records of something else, written by "
                f"'{describe(records).command}'. Move them, or give them in place of "
                f"{source}."
            )
        print(f"Records of before: {records}")
        return records
    _run("prepare", *command)
    return records


DOUBTS = ("alignment", "leakage", "duplicates", "sequence")
"""Checks of the doctor whose errors make a score doubtful, and a training not
meaningless: coarse labels, and images that are alike in two splits."""


def _look_through(records: Path, page: Path) -> None:
    """What the doctor does, and what it writes.

    Raises UserError where it finds errors other than DOUBTS.
    """
    from kerasseg.doctor.examination import examine
    from kerasseg.doctor.record_source import of_records

    findings = examine(records, of_records(records), page)
    wrong = [f.check for f in findings if f.severity == "error"]
    stopping = sorted({check for check in wrong if check not in DOUBTS})
    if stopping:
        raise UserError(
            f"The doctor found errors ({', '.join(stopping)}), see above and {page}. "
            "Mend them, and give the same command again."
        )
    if wrong:
        say(
            f"Trained all the same, but do not trust the score: {', '.join(wrong)}, see"
            " above."
        )


def _run(name: str, *words: str) -> None:
    """Runs a command of kerasseg, which says by itself what it does and what is
    wrong."""
    sys.stdout.flush()
    line = [sys.executable, "-m", f"kerasseg.{name}", *words]
    code = subprocess.run(line, check=False).returncode
    if code:
        raise UserError(
            f"python -m kerasseg.{shlex.join([name, *words])} found what must be mended"
            " first, see above. Mend it, or add the flag that is named there, and give "
            "the same command again."
        )


def _first_line(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").partition("\n")[0]
    except (OSError, ValueError):
        return ""
