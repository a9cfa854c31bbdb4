"""What all tools share: the query of their arguments, summaries of records with citations, limits and freshness."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from sqlalchemy.orm import Session

from feeds import urls
from feeds.entries.matches import published_matches
from feeds.entries.source_health import describe_trouble
from feeds.text import one_line
from procurewatch.command_line.terminal import describe_left_out
from procurewatch.context import AppContext
from procurewatch.exports.api_json import SpendingTotal
from procurewatch.mcp_server.answers import (
    MAX_NAME,
    MAX_TEXT,
    Citation,
    MatchSummary,
    RecordSummary,
    SourceState,
    cut,
    texts,
)
from procurewatch.query_coverage import coverage_notes
from procurewatch.store import read_filters
from storage.errors import left_out
from storage.models import StoredEvidence, StoredRecord
from storage.reading.records import known_agencies, load_evidence_for
from storage.reading.source_health import load_health
from storage.search.query import InvalidQuery, Query
from storage.search.spending import Total, load_found_actions

Arguments = Mapping[str, object]
MAX_MATCHES = 5  # of a record
MATCH_LIMIT = (
    "A match says that words of the record fit an entry of the watchlist, and nothing else: not that the purchase was "
    "wrong, nor how the product is used."
)
LATE_LIMIT = "Contract actions become public days or weeks after they are signed, so the newest are missing."
MONEY_LIMIT = "Dollars are obligated by contract actions, which is what an agency commits to pay, not what it has paid."


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a tool: the program's context, the session to read with, and the arguments."""

    app: AppContext
    session: Session
    arguments: Arguments

    def text(self, name: str) -> str:
        """Return an argument as text, "" if it is not given."""
        value = self.arguments.get(name)
        return "" if value is None else str(value).strip()

    def required(self, name: str, meaning: str) -> str:
        """Return an argument as text. Raises `InvalidQuery` if it is not given."""
        if not self.text(name):
            raise InvalidQuery(f"{name} is missing: {meaning}")
        return self.text(name)

    def query(self, *leave_out: str) -> Query:
        """Return the query of the filters among the arguments. Raises `InvalidQuery`."""
        others = {"q", "next", "limit", *leave_out}
        filters = {name: value for name, value in self.arguments.items() if name not in others}
        words = [("q", self.text("q"))] if self.text("q") else []
        return read_filters(self.app, self.session, [urlencode(words)] if words else [], filters)

    def number(self, name: str, default: int, most: int) -> int:
        """Return an argument that is a number from 1 to `most`. Raises `InvalidQuery`."""
        given = self.text(name) or str(default)
        if not (given.isascii() and given.isdigit() and len(given) < 9 and 1 <= int(given) <= most):
            raise InvalidQuery(f"{name} is a number from 1 to {most}")
        return int(given)

    def offset(self) -> int:
        """Return the place to go on from, of a list without a cursor. Raises `InvalidQuery`."""
        given = self.text("next") or "0"
        if not (given.isascii() and given.isdigit() and len(given) < 9):
            raise InvalidQuery("next cannot be read; begin again without it")
        return int(given)

    def asked(self, query: Query) -> str:
        """Return a query in words."""
        names = dict(known_agencies(self.session)) | {vendor.id: vendor.name for vendor in self.app.watchlist.vendors}
        names |= self.app.watchlist.categories
        return f"records {query.describe(names)}" if query != Query() else "all published records"

    def limits(self, query: Query, *others: str) -> list[str]:
        """Return what the answer to a query can lack, and what it does not say."""
        coverage = coverage_notes(self.session, self.app.watchlist, query)
        unreadable = list(left_out(self.session))
        missing = [describe_left_out(unreadable)] if unreadable else []
        return [
            *filter(None, others),
            *map(cut, missing),
            *(cut(one_line(each)) for each in coverage),
            LATE_LIMIT,
            MATCH_LIMIT,
        ]

    def sources(self) -> list[SourceState]:
        """Return when each source was last read."""
        titles = self.app.source_titles
        states = [load_health(self.session, name, limit) for name, limit in self.app.silences.items()]
        return [
            SourceState(
                source=each.source,
                title=titles.get(each.source, each.source),
                last_checked=each.last_good,
                newest=each.newest,
                problem=cut(one_line(describe_trouble(each)), MAX_NAME),
            )
            for each in states
        ]

    def citation(self, record: StoredRecord, evidence: Collection[StoredEvidence]) -> Citation:
        """Return where a record can be checked."""
        base = self.app.settings.site_url
        return Citation(
            source_url=cut(urls.official_page(record)),
            page=urls.site_url(base, urls.award_path(record.key)) if base else "",
            retrieved=max((each.retrieved_at for each in evidence), default=None),
        )

    def summaries(self, records: Sequence[StoredRecord], query: Query) -> list[RecordSummary]:
        """Return summaries of records; dollars are those of the actions that the query finds."""
        keys = [record.key for record in records]
        actions, evidence = load_found_actions(self.session, query, keys), load_evidence_for(self.session, keys)
        return [
            RecordSummary(
                record_key=cut(record.key),
                kind=record.category,
                number=cut(record.piid, MAX_NAME),
                signed=record.signed,
                published=record.published,
                obligated_by_found_actions=None
                if record.is_publication
                else sum((each.obligation or 0 for each in actions.get(record.key, ())), start=Total().dollars),
                award_obligated_total=record.obligated,
                matches=list(_matches(record)),
                quoted=quoted_of(record),
                citation=self.citation(record, evidence.get(record.key, ())),
            )
            for record in records
        ]


def quoted_of(record: StoredRecord, most: int = MAX_TEXT) -> dict[str, str]:
    """Return the texts of a record that say who bought what from whom."""
    best = next(iter(published_matches(record)), None)
    return texts(
        title=cut(record.title, most),
        recipient=cut(record.recipient_name, MAX_NAME),
        agency=cut(record.sub_agency_name or record.agency_name, MAX_NAME),
        description=cut(record.description, most),
        matched_because=best.reason if best else "",
    )


def total_of_answer(total: Total) -> SpendingTotal:
    """Return a total for an answer."""
    return SpendingTotal(dollars=total.dollars, actions=total.actions, awards=total.awards)


def _matches(record: StoredRecord) -> Iterator[MatchSummary]:
    for match in published_matches(record)[:MAX_MATCHES]:
        yield MatchSummary(
            vendor_id=match.vendor_id,
            vendor_name=cut(match.vendor_name, MAX_NAME),
            entry_kind=match.entry_kind,
            category=match.category,
            via_reseller=match.via_reseller,
        )
