"""An exception of any type costs one record, one step or one poll, and is recorded with its reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from monitors.runs.jobs import Outcome, Poll
from monitors.runs.status import RunReport
from procurewatch.context import AppContext
from procurewatch.settings import SettingsError
from sources.base import DateWindow, Fetched, FetchStep, SearchTerms, Stored
from sources.http.client import Client
from sources.records import Payload, Record
from storage.database import Database
from storage.models import RunStatus
from storage.reading.source_health import list_incidents, unfinished_steps
from storage.schema.tables import QuarantineRow, RecordRow, RunRow
from storage.writing.runs import MIN_FAILURES, load_checkpoint
from tests.app_context import app_context_with, ignore
from tests.sources.fakes import GivenRecords, publication

DAY = date(2026, 11, 18)


@dataclass(kw_only=True)
class Odd(GivenRecords):
    """A source with three steps of one notice each. `odd` maps a place in the run to the exception raised there."""

    name: str = "samnotices"
    odd: dict[str, Exception] = field(default_factory=dict)

    def _raise(self, place: str) -> None:
        if place in self.odd:
            raise self.odd[place]

    def health_check(self, client: Client) -> bool:  # noqa: ARG002
        """Whether it is up."""
        self._raise("health")
        return True

    def data_version(self, client: Client) -> str:  # noqa: ARG002
        """Return no version."""
        self._raise("version")
        return ""

    def poll_steps(self, terms: SearchTerms, window: DateWindow) -> Sequence[FetchStep]:  # noqa: ARG002
        """Plan three steps."""
        self._raise("plan")
        return [
            FetchStep(key=name, query={}, since=window.modified_since, until=window.until, part=f"notices {name}")
            for name in "abc"
        ]

    def fetch(self, client: Client, step: FetchStep, stored: Stored) -> Iterator[Fetched]:
        """Give one payload."""
        self._raise(f"fetch {step.key}")
        for fetched in super().fetch(client, step, stored):
            yield replace(fetched, key=f"SAM_NOTICE_{step.key}") if isinstance(fetched, Payload) else fetched

    def parse(self, payload: Payload) -> Sequence[Record]:
        """Return one notice."""
        self._raise(f"parse {payload.key[-1]}")
        return [publication(payload.key, published=DAY)]


@pytest.fixture
def app_context(tmp_path: Path) -> Iterator[AppContext]:
    asked = {"samnotices": {"key": "k" * 40}}
    with app_context_with(asked, tmp_path, "clearview-ai") as opened:
        yield opened


def poll(app_context: AppContext, source: GivenRecords) -> RunReport:
    return app_context.poll(source, DAY, ignore)


def keys(database: Database) -> list[str]:
    with database.reading() as session:
        return sorted(session.scalars(select(col(RecordRow.key))))


def runs(database: Database) -> list[tuple[str, str]]:
    with database.reading() as session:
        return [(run.status, run.message) for run in session.scalars(select(RunRow).order_by(col(RunRow.id)))]


def quarantined(database: Database) -> dict[str, str]:
    with database.reading() as session:
        return {row.record_key: row.reason for row in session.scalars(select(QuarantineRow))}


@pytest.mark.parametrize("error", [KeyError("posted"), OverflowError("date value out of range"), RecursionError()])
def test_a_payload_whose_parser_raises_goes_to_quarantine(app_context: AppContext, error: Exception) -> None:
    report = poll(app_context, Odd(odd={"parse b": error}))
    assert report.status is RunStatus.BASELINE_SEEDED
    assert keys(app_context.database) == ["SAM_NOTICE_a", "SAM_NOTICE_c"]
    [(key, reason)] = quarantined(app_context.database).items()
    assert (key, reason.startswith(f"it could not be parsed: {type(error).__name__}: ")) == ("SAM_NOTICE_b", True)


@pytest.mark.parametrize("store_unmatched", [True, False])
def test_a_record_that_cannot_be_matched_goes_to_quarantine(app_context: AppContext, store_unmatched: bool) -> None:
    odd = publication("SAM_NOTICE_odd", description=None)
    given = GivenRecords(name="samnotices", records=[publication(f"SAM_NOTICE_{n}") for n in range(20)] + [odd])
    given.store_unmatched = store_unmatched
    report = poll(app_context, given)
    assert (report.status, report.tally.problems) == (RunStatus.BASELINE_SEEDED, 1)
    assert len(keys(app_context.database)) == 20
    assert list(quarantined(app_context.database)) == ["SAM_NOTICE_odd"]


def test_a_step_that_raises_is_tried_again_and_the_others_go_on(app_context: AppContext) -> None:
    report = poll(app_context, Odd(odd={"fetch b": ImportError("socksio")}))
    assert report.status is RunStatus.INCOMPLETE
    assert report.message.startswith("not read: notices b (samnotices: notices b: ImportError: socksio)")
    assert keys(app_context.database) == ["SAM_NOTICE_a", "SAM_NOTICE_c"]
    assert poll(app_context, Odd()).status is RunStatus.NEW
    assert keys(app_context.database) == ["SAM_NOTICE_a", "SAM_NOTICE_b", "SAM_NOTICE_c"]
    with app_context.database.reading() as session:
        assert unfinished_steps(session, "samnotices") == []


def test_a_poll_of_which_every_step_raises_has_failed(app_context: AppContext) -> None:
    report = poll(app_context, Odd(odd={f"fetch {name}": ValueError("unknown scheme") for name in "abc"}))
    assert (report.status, report.message) == (
        RunStatus.FAILED,
        "samnotices: notices a: ValueError: unknown scheme",
    )
    with app_context.database.reading() as session:
        assert load_checkpoint(session, "samnotices", "poll/until") is None


@pytest.mark.parametrize("place", ["version", "health"])
def test_a_check_that_raises_is_a_check_that_failed(app_context: AppContext, place: str) -> None:
    given = Odd(odd={place: ValueError("?")})
    assert poll(app_context, given).status is RunStatus.BASELINE_SEEDED


def test_what_was_read_before_an_unexpected_error_is_stored(app_context: AppContext) -> None:
    given = Odd(odd={"health": ValueError("?")})
    given.expected_rows = replace(given.expected_rows, at_least=10)
    report = poll(app_context, given)
    assert (report.status, report.message) == (RunStatus.FAILED, "ValueError: ?")
    assert len(keys(app_context.database)) == 3


def fail_to_plan(_context: AppContext, _patch: pytest.MonkeyPatch) -> tuple[type[Exception], str]:
    return ZeroDivisionError, "ZeroDivisionError: no steps"


def spoil_the_key(context: AppContext, _patch: pytest.MonkeyPatch) -> tuple[type[Exception], str]:
    own = context.settings.source("samnotices")
    context.settings.sources["samnotices"] = own.model_copy(update={"key": type(own.key)("k\u00e9y")})  # type: ignore[misc]
    return SettingsError, "SettingsError: samnotices: its key holds characters that no header can carry"


def name_a_wrong_proxy(context: AppContext, patch: pytest.MonkeyPatch) -> tuple[type[Exception], str]:
    own = context.settings.source("samnotices")
    remote = own.model_copy(update={"base_url": "https://sam.invalid"})
    context.settings.sources["samnotices"] = remote
    patch.setenv("NO_PROXY", "fd00::/8")
    return SettingsError, "SettingsError: samnotices: "


@pytest.mark.parametrize("spoil", [fail_to_plan, spoil_the_key, name_a_wrong_proxy])
def test_a_poll_that_cannot_begin_is_a_failed_run_and_an_incident(
    app_context: AppContext,
    monkeypatch: pytest.MonkeyPatch,
    spoil: Callable[[AppContext, pytest.MonkeyPatch], tuple[type[Exception], str]],
) -> None:
    kind, message = spoil(app_context, monkeypatch)
    given = Odd(odd={"plan": ZeroDivisionError("no steps")}, base_url="https://sam.invalid")
    given.api_key_header = "X-Api-Key"
    for _ in range(MIN_FAILURES):
        with pytest.raises(kind):
            poll(app_context, given)
    found = runs(app_context.database)
    assert [status for status, _ in found] == ["failed"] * MIN_FAILURES
    assert all(said.startswith(message) for _, said in found)
    with app_context.database.reading() as session:
        [incident] = list_incidents(session, "samnotices")
    assert (incident.status, incident.failures) == ("failed", MIN_FAILURES)


def test_a_run_whose_end_cannot_be_recorded_has_failed(
    app_context: AppContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_self: Poll, _session: Session, _now: object, _outcome: Outcome) -> int:
        raise KeyError("watermark")

    monkeypatch.setattr(Poll, "on_success", fail)
    report = poll(app_context, Odd())
    assert (report.status, report.message) == (RunStatus.FAILED, "KeyError: 'watermark'")
    assert runs(app_context.database) == [("failed", "KeyError: 'watermark'")]
    monkeypatch.undo()
    assert poll(app_context, Odd()).status is RunStatus.BASELINE_SEEDED, "the next one is a baseline again"
