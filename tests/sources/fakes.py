"""What a source is used with, and a source itself, in memory: the database, a quota, records."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any

from sources.base import (
    DateWindow,
    ExpectedRows,
    Fetched,
    FetchStep,
    FileProgress,
    LargeFile,
    SearchTerms,
    Source,
    Stored,
    StoredVersion,
)
from sources.candidates import Candidates
from sources.errors import QuotaUsedUp
from sources.http.client import Client, RateLimit
from sources.records import Agency, Award, Document, Payload, Publication, PublicationKind, Recipient, Record
from sources.usaspending_archive.scan import KnownAwards
from tests.awards import award
from tests.records import ICE


@dataclass(kw_only=True)
class Memory:
    """The memory of a program; empty, that of one that has stored nothing. `wanted` says whom a record concerns."""

    records: dict[str, StoredVersion] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    read: set[str] = field(default_factory=set)
    followed: set[str] = field(default_factory=set)
    evidence: set[tuple[str, str]] = field(default_factory=set)
    actions: dict[str, str] = field(default_factory=dict)
    files: dict[str, LargeFile] = field(default_factory=dict)
    wanted: Callable[[Record], bool] = lambda _record: False

    def stored_version(self, key: str, /) -> StoredVersion | None:
        """Look a record up by its key, which no database takes with half characters in it."""
        return self.records.get(key.encode().decode())

    def was_read(self, key: str, /) -> bool:
        """Whether this run has read a record whole."""
        return key in self.read

    def is_matched(self, key: str, /) -> bool:
        """Whether an award is stored and concerns anybody."""
        return key in self.followed or (key in self.records and self.records[key].matched)

    def keys_with_piid(self, piid: str, /) -> list[str]:
        """Return the keys of stored awards that have a PIID."""
        return [key for key in self.records if f"_{piid}_" in key]

    def matches_watchlist(self, record: Record, /) -> bool:
        """Whether a record concerns anybody."""
        return self.wanted(record)

    def candidates(self, *, known: bool = True) -> Candidates:
        """Return that the rows of followed awards are wanted."""
        return KnownAwards(award_keys=frozenset(self.followed if known else ()))

    def get_state(self, name: str, /) -> str:
        """Return what was noted, "" if nothing."""
        return self.notes.get(name, "")

    def set_state(self, name: str, value: str, /) -> None:
        """Note something."""
        self.notes[name] = value

    def has_evidence(self, key: str, url: str, sha256: str, /) -> bool:  # noqa: ARG002
        """Whether a record came from a URL before."""
        return (key, url) in self.evidence

    def listed_actions(self, url: str, since: date, until: date, other_url: str = "", /) -> Mapping[str, str]:  # noqa: ARG002
        """Return the actions that are listed, with their awards."""
        return self.actions

    def save_file(self, file: LargeFile, /) -> None:
        """Note which file was read."""
        self.files[file.name] = file

    def progress(self, reading: FileProgress, /) -> None:
        """Listen to nothing."""


MIDNIGHT = datetime(2026, 1, 2, tzinfo=UTC)


class CountingQuota:
    """Counts down from `requests_per_day`; `spent` names what was asked."""

    def __init__(self, requests_per_day: int) -> None:
        self.spent: list[str] = []
        self._left = requests_per_day

    def consume(self, source: str, request: str) -> None:
        """Count one request; refuse it when there is none left."""
        if self._left <= 0:
            raise QuotaUsedUp(source, request, "all requests of today are used", retry_at=MIDNIGHT)
        self._left -= 1
        self.spent.append(request)

    def remaining(self) -> int:
        """Return what is left."""
        return self._left

    def exhaust(self) -> datetime:
        """Leave nothing."""
        self._left = 0
        return MIDNIGHT


@dataclass(kw_only=True)
class GivenRecords(Source):
    """A source named `name` whose polls bring `records`, in one payload."""

    name: str = "usaspending"
    records: Sequence[Record] = ()
    title: str = "What is given"
    base_url: str = "http://127.0.0.1:9"
    rate_limit: RateLimit = field(default_factory=lambda: RateLimit(seconds_between=0))
    expected_rows: ExpectedRows = field(default_factory=lambda: ExpectedRows(at_least=0, at_most=1000))

    def health_check(self, client: Client) -> bool:
        """Whether it is there: it is."""
        return client.source == self.name

    def poll_steps(self, terms: SearchTerms, window: DateWindow) -> Sequence[FetchStep]:
        """Plan one step."""
        return [
            FetchStep(key="all", query={"names": list(terms.names)}, since=window.modified_since, until=window.until)
        ]

    def backfill_steps(self, terms: SearchTerms, since: date, until: date) -> Sequence[FetchStep]:
        """Plan one step."""
        return [FetchStep(key=f"{since}/{until}", query={"names": list(terms.names)})]

    def fetch(self, client: Client, step: FetchStep, stored: Stored) -> Iterator[Fetched]:  # noqa: ARG002
        """Give all there is."""
        document = Document(
            url=f"{self.base_url}/{step.key}",
            request="",
            retrieved_at=datetime.now(UTC),
            content_type="text/plain",
            body=repr([record.key for record in self.records]).encode(),
        )
        yield Payload(source=self.name, key="ALL", revision="", documents=(document,))

    def parse(self, payload: Payload) -> Sequence[Record]:  # noqa: ARG002
        """Return what was given."""
        return list(self.records)


def publication(key: str, kind: PublicationKind = PublicationKind.NOTICE, **facts: Any) -> Publication:
    """Return a publication that concerns Clearview AI; what is not given is empty."""
    given: dict[str, Any] = {
        "source": "samnotices",
        "type_text": "Solicitation",
        "title": "Clearview AI licenses",
        "description": "LICENSES OF CLEARVIEW AI",
        "recipient": Recipient(name=""),
        "awarding": ICE,
        "published": date(2026, 11, 18),
        "url": "https://sam.gov/",
    }
    return Publication(key=key, kind=kind, **{**given, **facts})


def announcement(key: str, piid: str, **facts: Any) -> Publication:
    """Return an announcement of the Department of Defense for Clearview AI."""
    defense = Agency(code="097", name="Department of Defense", sub_name="ARMY")
    given: dict[str, Any] = {"source": "dod", "piid": piid, "awarding": defense}
    given |= {"recipient": Recipient(name="Clearview AI, Inc."), "title": "Contracts for Nov. 18, 2026: ARMY"}
    return publication(key, PublicationKind.ANNOUNCEMENT, **{**given, **facts})


def award_of(piid: str, agency: str = "7012", parent: str = "", parent_agency: str = "", **facts: Any) -> Award:
    """Return the award to Clearview AI of such a number, without actions."""
    made = award("CLEARVIEW AI, INC.", "LICENSES")
    key = f"CONT_AWD_{piid}_{agency}_{parent or '-NONE-'}_{parent_agency or '-NONE-'}"
    return replace(made, **{"key": key, "piid": piid, "parent_piid": parent, "awarding": ICE, **facts})
