"""How a run ended: its status, and the counts behind it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from sources.base import ExpectedRows, FailedStep
from sources.errors import Blocked, QuotaUsedUp, SourceChanged, SourceError, Unexpected
from storage.models import RunStatus

MAX_PROBLEM_SHARE = 0.05
MIN_PROBLEMS = 3
MAX_PARTS_IN_MESSAGE = 5  # the health page lists them all


@dataclass(slots=True, kw_only=True)
class Tally:
    """What a run has done so far. `found` counts each record that the source returned once, however often it did.

    `resumed`: the run continues an interrupted one, which found the rest. `failures` are the steps, or parts of steps,
    that failed. `known_problems` counts the problems that an earlier run had, too. `skipped`: the source's data had not
    changed, so only steps that had failed before were fetched.
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
    """A run that has ended. `status` is `None` if it was stopped before its end. `message` is one line for a reader.

    `run_id` is its number in the database, 0 if it did not begin.
    """

    source: str
    purpose: str
    status: RunStatus | None
    message: str
    requests: int
    seconds: float
    tally: Tally
    retry_at: datetime | None = None
    run_id: int = 0

    def as_log(self) -> dict[str, object]:
        """Return it as the fields of a log line."""
        counts = ("found", "new_awards", "changed_awards", "matched", "events", "problems")
        return {
            "source": self.source,
            "purpose": self.purpose,
            "status": self.status or "stopped",
            "message": self.message,
            **{name: getattr(self.tally, name) for name in counts},
            "requests": self.requests,
            "seconds": round(self.seconds, 1),
        }


def status_of_error(error: SourceError) -> RunStatus:
    """Return what a source's error means for the run."""
    match error:
        case Blocked():
            return RunStatus.BLOCKED
        case QuotaUsedUp():
            return RunStatus.QUOTA_USED_UP
        case SourceChanged():
            return RunStatus.SOURCE_CHANGED
        case Unexpected():
            return RunStatus.FAILED
        case _ if error.status is not None and 400 <= error.status < 500:
            return RunStatus.SOURCE_CHANGED  # it refuses what it used to accept
        case _:
            return RunStatus.UNREACHABLE


def implausible(tally: Tally, expected: ExpectedRows) -> str:
    """Return why the counts of a run that came to its end cannot be right, "" if they can.

    A few records that were in quarantine before do not count: on a day without other news they would fail every poll.
    """
    problems = tally.problems - (tally.known_problems if tally.problems < MIN_PROBLEMS else 0)
    if problems and (problems == tally.read or problems >= max(MIN_PROBLEMS, tally.read * MAX_PROBLEM_SHARE)):
        return f"{tally.problems} of {tally.read} records could not be read"
    if tally.found > expected.at_most:
        return f"{tally.found} awards found where at most {expected.at_most} are expected"
    return ""


def status_of_success(tally: Tally, *, is_baseline: bool) -> RunStatus:
    """Return the status of a run with plausible counts. `is_baseline`: it was the first poll for some vendor."""
    if tally.failures:
        return RunStatus.INCOMPLETE
    if tally.found == 0:
        return RunStatus.NOTHING_NEW if tally.resumed or tally.skipped else RunStatus.NOTHING_MATCHES
    if is_baseline:
        return RunStatus.BASELINE_SEEDED
    if tally.events or (tally.matched and (tally.new_awards or tally.changed_awards)):
        return RunStatus.NEW
    return RunStatus.NOTHING_NEW


def describe_failures(failures: Iterable[FailedStep]) -> str:
    """Return which parts of a run failed and why, as one line: each part once, with its first reason."""
    parts: dict[str, list[FailedStep]] = {}
    for failure in failures:
        parts.setdefault(failure.step.part, []).append(failure)
    lines = []
    for part, failed in parts.items():
        count = f"{len(failed)} steps: " if len(failed) > 1 else ""
        lines.append(f"{part} ({count}{failed[0].reason})")
    more = f" and {len(lines) - MAX_PARTS_IN_MESSAGE} more parts" if len(lines) > MAX_PARTS_IN_MESSAGE else ""
    return f"not read: {'; '.join(lines[:MAX_PARTS_IN_MESSAGE])}{more}; the next run tries again first"
