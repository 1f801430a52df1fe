"""The examination of a source: all checks, the table, and the page."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from kerasseg.console import say
from kerasseg.doctor import checks
from kerasseg.doctor.class_balance import balances
from kerasseg.doctor.finding import Finding
from kerasseg.doctor.html_report import report
from kerasseg.doctor.pair_source import Source
from kerasseg.doctor.survey import survey
from kerasseg.doctor.terminal_report import table, verdict
from kerasseg.files import atomic


def examine(
    path: Path, source: Source, page: Path, skip: Collection[str] = ()
) -> list[Finding]:
    """Prints the findings and writes the HTML page; the findings, errors first.

    path: where the source is, for the words. skip: names of checks to leave out.
    """
    seen = survey(source)
    findings = checks.run(seen, source.findings, skip)
    usable = not any(f.check in checks.IDS_MEANINGLESS for f in findings)
    counted = balances(seen.splits, seen.classes) if usable else []
    unseen = checks.left_out(findings, skip)
    print(f"{path}: {table(seen, findings, counted, unseen)}")
    name = path.resolve().name
    atomic.write_text(page, report(name, seen, findings, counted, unseen))
    say(f"{verdict(findings)} Pictures: {page}")
    return findings
