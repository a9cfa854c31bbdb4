"""The doctor command: checks the installation, the machine and each source."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from feeds.text import pluralize
from procurewatch.command_line.terminal import console, plain
from procurewatch.doctor import Finding, Result, examine
from procurewatch.settings import Settings, SettingsError
from sources.registry import SOURCES

SOMETHING_TO_DO = 1
COLORS = {Result.OK: "green", Result.WARNING: "yellow", Result.PROBLEM: "bold red", Result.SKIPPED: "dim"}


def doctor(
    context: typer.Context,
    source: Annotated[list[str] | None, typer.Option(help="Check only this source; repeatable.")] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Send no requests.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Check the setup and say what to fix. Exit code 1 if something must be fixed.

    The report contains no key and no path of your home folder, so you can share it.
    """
    settings: Settings | SettingsError = context.obj
    for name in source or ():
        if name not in SOURCES:
            raise typer.BadParameter(f"unknown source {name!r}; there are: {', '.join(SOURCES)}")
    findings = examine(settings, only=source or (), offline=offline)
    found = list(findings) if as_json else list(_printed(findings))
    counts = Counter(finding.result for finding in found)
    if as_json:
        typer.echo(_json(found, counts))
    else:
        console().print(Text(f"\n{_summary(counts)}"))
    if counts[Result.PROBLEM]:
        raise typer.Exit(SOMETHING_TO_DO)


def _printed(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Print each finding under the name of its section."""
    out, section = console(), ""
    for finding in findings:
        if finding.section != section:
            section = finding.section
            out.print(Text(f"\n{section}", style="bold"))
        row = Table.grid(padding=(0, 1))
        row.add_column(width=max(map(len, Result)))
        row.add_column(overflow="fold")
        row.add_row(Text(finding.result, style=COLORS[finding.result]), plain(finding.text))
        out.print(row)
        yield finding


def _summary(counts: Counter[Result]) -> str:
    problems, warnings = (pluralize(counts[each], each.value) for each in (Result.PROBLEM, Result.WARNING))
    if counts[Result.PROBLEM]:
        return f'{problems}, {warnings}. Fix the lines marked "problem", then run this again.'
    return f"Nothing to fix; {warnings}."


def _json(found: Iterable[Finding], counts: Counter[Result]) -> str:
    report = {
        "version": version("procurewatch"),
        "checked_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "counts": {result.value: counts[result] for result in Result},
        "findings": [asdict(finding) for finding in found],
    }
    return json.dumps(report, indent=2, ensure_ascii=False)
