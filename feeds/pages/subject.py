"""The page of a vendor, agency, technology or recipient, with its spending, awards and names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from feeds.entries.details import reporting_delay_note
from feeds.entries.ending import EndingAward, ending_award
from feeds.pages.charts import is_possible_year, share, years_chart
from feeds.pages.lists.feeds import FeedRow
from feeds.pages.lists.records import ListLink
from feeds.pages.page_context import PageContext
from feeds.pages.timeline import TimelineItem
from feeds.text import pluralize
from feeds.urls import SubjectKind
from storage.competition import Competition
from storage.models import StoredRecord
from storage.reading.contracts.purchases import CompetitionRow, PayeeRow, VehicleRow
from storage.reading.coverage import FIRST_DAY, EarliestAward
from storage.reading.summaries import SpendRow

MAX_SINCE = 200  # entries since a day
DEPARTMENT_CODE_LENGTH = 3  # the Treasury's; codes of sub-agencies have four characters
COMPETITION_LABELS = {
    Competition.COMPETED: "Competed",
    Competition.NOT_COMPETED: "Not competed",
    Competition.UNKNOWN: "Not stated",
}
KICKERS = {
    SubjectKind.VENDOR: "Vendor",
    SubjectKind.AGENCY: "Agency",
    SubjectKind.CATEGORY: "Technology",
    SubjectKind.RECIPIENT: "Recipient",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownAs:
    """A name or identifier from the watchlist; `years` when it was in use, "" if not known."""

    kind: str
    value: str
    years: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Breakdown:
    """Spending by agency, vendor or recipient; rows link to pages of `kind`, or nowhere without one."""

    title: str
    kind: SubjectKind | None
    rows: tuple[SpendRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BuyingAgency:
    """The agency that a page on a vendor or technology is narrowed to."""

    code: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectPage:
    """The data of the page. `about` is one line; `search` is the URL query that finds all its records.

    `coverage` says which contracts were read completely, in sentences. `may_lack_defense`: recent awards of the Defense
    Department may be missing. `buyer` is the agency that the page is narrowed to. `vehicles` are of `vehicles_in_all`,
    `ending` the first to end of `ending_in_all`. `first` is the earliest award of a vendor. `newest` are the entries
    that were first seen since `seen_since`, or the newest few without it; `recent_entries` counts those of the last
    month, which began on `recent_since`.
    """

    kind: SubjectKind
    slug: str
    title: str
    about: str
    search: str
    buyer: BuyingAgency | None = None
    names: tuple[KnownAs, ...] = ()
    sources: tuple[str, ...] = ()
    note: str = ""
    awards_in_all: int = 0
    publications_in_all: int = 0
    by_year: tuple[SpendRow, ...] = ()
    breakdowns: tuple[Breakdown, ...] = ()
    payees: tuple[PayeeRow, ...] = ()
    vehicles: tuple[VehicleRow, ...] = ()
    vehicles_in_all: int = 0
    competition: tuple[CompetitionRow, ...] = ()
    ending: tuple[StoredRecord, ...] = ()
    ending_in_all: int = 0
    earliest: tuple[EarliestAward, ...] = ()
    first: EarliestAward | None = None
    coverage: tuple[str, ...] = ()
    may_lack_defense: bool = True
    notices: tuple[StoredRecord, ...] = ()
    documents: tuple[StoredRecord, ...] = ()
    use_cases: tuple[StoredRecord, ...] = ()
    newest: tuple[TimelineItem, ...] = ()
    seen_since: date | None = None
    recent_since: date | None = None
    recent_entries: int = 0
    awards: tuple[StoredRecord, ...] = ()
    lists: tuple[ListLink, ...] = ()
    feed: FeedRow | None = None

    @property
    def is_of_one_agency(self) -> bool:
        """Whether all its awards are of one agency that is not a department."""
        is_agency = self.kind is SubjectKind.AGENCY and len(self.slug) > DEPARTMENT_CODE_LENGTH
        return is_agency or self.buyer is not None


def render_subject(context: PageContext, page: SubjectPage, *, today: date | None) -> bytes:
    """Return the page. `today` (UTC) is for the note on reporting delays, which names no day without it."""
    years = [(int(row.code), row.dollars) for row in page.by_year if is_possible_year(row.code)]
    return context.render(
        "subject.html",
        names=[(kind, list(names)) for kind, names in groupby(page.names, key=lambda known: known.kind)],
        page=page,
        kicker=KICKERS[page.kind],
        chart=years_chart(years),
        total=sum(row.dollars for row in page.by_year),
        breakdowns=[(breakdown, _with_bars(breakdown.rows)) for breakdown in page.breakdowns if breakdown.rows],
        competition=[(COMPETITION_LABELS[Competition(row.competition)], row) for row in page.competition],
        ending=_ending(page, today if context.served else None),
        missing=reporting_delay_note(today) if page.may_lack_defense else "",
        first_day=FIRST_DAY,
        recent=_recent(page.recent_entries),
    )


def _recent(count: int) -> str:
    return f"more than {MAX_SINCE} entries" if count > MAX_SINCE else pluralize(count, "entry", "entries")


def _ending(page: SubjectPage, today: date | None) -> list[EndingAward]:
    return [ending_award(record, today) for record in page.ending]


def _with_bars(rows: Sequence[SpendRow]) -> list[tuple[SpendRow, float]]:
    most = max(row.dollars for row in rows)
    return [(row, share(row.dollars, most)) for row in rows]
