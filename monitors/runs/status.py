"""How a run ended: one verdict, and the figures behind it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from sources.base import ExpectedRows, FailedStep
from sources.errors import Blocked, QuotaUsedUp, SourceChanged, SourceError

FEW_PER_CENT = 0.05
FEW = 3
PARTS_NAMED = 5  # in a message; the health page lists them all


class Verdict(StrEnum):
    """How a run ended. The first four are good."""

    NEW = "new"
    NOTHING_NEW = "nothing new"
    NOTHING_MATCHES = "nothing matches"
    BASELINE_SEEDED = "baseline seeded"
    INCOMPLETE = "incomplete"
    UNREACHABLE = "source unreachable"
    BLOCKED = "blocked"
    QUOTA_USED_UP = "quota used up"
    SOURCE_CHANGED = "source changed"

    @property
    def is_good(self) -> bool:
        """Whether the source answered everything as it should, so that nothing was missed."""
        return self in (Verdict.NEW, Verdict.NOTHING_NEW, Verdict.NOTHING_MATCHES, Verdict.BASELINE_SEEDED)

    @property
    def is_believed(self) -> bool:
        """Whether what the run covered counts as covered: all of it, or all but the steps that are noted as failed."""
        return self.is_good or self is Verdict.INCOMPLETE


@dataclass(slots=True, kw_only=True)
class Tally:
    """What a run has done so far. `found` counts the awards the source gave, each once, however often it gave it.

    `resumed`: it went on where an earlier run was cut off, which found the rest. `failures` are the steps, or parts of
    steps, that failed. `known_problems` counts the problems that an earlier run had, too. `skipped`: the source's data
    had not changed, so that only failed steps were asked for again.
    """

    found: int = 0
    read: int = 0
    new_awards: int = 0
    changed_awards: int = 0
    matched: int = 0
    events: int = 0
    problems: int = 0
    known_problems: int = 0
    resumed: bool = False
    skipped: bool = False
    failures: list[FailedStep] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """A run that is over. `verdict` is `None` if it was stopped before its end. `message` is one line for a person."""

    source: str
    purpose: str
    verdict: Verdict | None
    message: str
    requests: int
    seconds: float
    tally: Tally
    retry_at: datetime | None = None


def verdict_of_error(error: SourceError) -> Verdict:
    """Return what an error at a source means for the run."""
    match error:
        case Blocked():
            return Verdict.BLOCKED
        case QuotaUsedUp():
            return Verdict.QUOTA_USED_UP
        case SourceChanged():
            return Verdict.SOURCE_CHANGED
        case _ if error.status is not None and 400 <= error.status < 500:
            return Verdict.SOURCE_CHANGED  # it refuses what it used to accept
        case _:
            return Verdict.UNREACHABLE


def distrust(tally: Tally, expected_rows: ExpectedRows) -> str:
    """Return why a run that came to its end is not to be believed, "" if it is.

    A few records that were in quarantine before do not count: on a day without other news they would fail every poll.
    """
    problems = tally.problems - (tally.known_problems if tally.problems < FEW else 0)
    if problems and (problems == tally.read or problems >= max(FEW, tally.read * FEW_PER_CENT)):
        return f"{tally.problems} of {tally.read} records could not be read"
    if tally.found > expected_rows.at_most:
        return f"{tally.found} awards found where at most {expected_rows.at_most} are expected"
    return ""


def verdict_of_success(tally: Tally, *, seeded: bool) -> Verdict:
    """Return the verdict of a run that is believed. `seeded`: it was the first look at some vendor."""
    if tally.failures:
        return Verdict.INCOMPLETE
    if tally.found == 0:
        return Verdict.NOTHING_NEW if tally.resumed or tally.skipped else Verdict.NOTHING_MATCHES
    if seeded:
        return Verdict.BASELINE_SEEDED
    if tally.events or (tally.matched and (tally.new_awards or tally.changed_awards)):
        return Verdict.NEW
    return Verdict.NOTHING_NEW


def failures_in_words(failures: Iterable[FailedStep]) -> str:
    """Return which parts of a run failed and why, as one line: each part once, with its first reason."""
    parts: dict[str, list[FailedStep]] = {}
    for failure in failures:
        parts.setdefault(failure.step.part, []).append(failure)
    lines = []
    for part, failed in parts.items():
        count = f"{len(failed)} steps: " if len(failed) > 1 else ""
        lines.append(f"{part} ({count}{failed[0].reason})")
    more = f" and {len(lines) - PARTS_NAMED} more parts" if len(lines) > PARTS_NAMED else ""
    return f"not read: {'; '.join(lines[:PARTS_NAMED])}{more}; the next run tries again first"
