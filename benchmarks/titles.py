"""Measure the titles of feed entries: `python -m benchmarks.titles [--actions FILE.csv.gz] [--data-dir FOLDER]`.

Prints how long titles are, how often the amount is among the first 60 characters, how many titles are equal to another
and how many entries are about no more than cents; with `--examples N`, that many titles of each kind of event.

`--actions` is a CSV of contract actions with the columns of USAspending's transaction search, such as the labelled
extract. Its awards are saved week by week, each week with the actions signed until then, as weekly polls would save
them; what was signed in the first half year is history. Without it, the database in `--data-dir` is measured, such as
that of the demo. With both, the database is kept in that folder.
"""

from __future__ import annotations

import argparse
import re
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from statistics import median

from rich.console import Console
from sqlalchemy.orm import Session

from benchmarks.extracts import awards_of, read_extract
from feeds.entries.titles import title_for
from monitors.matching.amount_checks import add_amount_warning
from monitors.matching.matcher import Matcher
from monitors.runs.jobs import LISTING_DELAY
from monitors.runs.match_rows import match_rows
from monitors.watchlist.loader import load_watchlist
from sources.award_keys import NONE
from sources.records import Agency, Award, Publication
from storage.database import Database, open_database
from storage.models import StoredEvent
from storage.schema.tables import MatchRow
from storage.search.query import Query
from storage.search.search import find_events
from storage.writing.save import save_record

AMOUNT_WITHIN = 60  # characters
HISTORY = timedelta(days=182)
WEEK = timedelta(days=7)
AGENCIES = {
    "ICE": ("7012", "U.S. Immigration and Customs Enforcement"),
    "CBP": ("7014", "U.S. Customs and Border Protection"),
}
_AMOUNT = re.compile(r"\$[\d,]+(\.\d\d)?")


def replay(database: Database, file: Path) -> None:
    """Save the awards of a CSV of actions that match, week by week."""
    matcher = Matcher(load_watchlist())
    awards = {award.key: award for award in awards_of(read_extract(file)) if matcher.matches(award)}
    weeks: dict[date, set[str]] = defaultdict(set)
    for key, award in awards.items():
        for action in award.actions:
            signed = action.signed or date.min
            weeks[signed + timedelta(days=7 - signed.weekday())].add(key)
    began = min(weeks) + HISTORY
    for week, keys in sorted(weeks.items()):
        now = datetime.combine(week, time(6), UTC)
        publish = _publish_all if week >= began else _publish_none
        with database.writing() as session:
            for key in sorted(keys):
                award = add_amount_warning(_known_by(week, awards[key]))
                find_matches = partial(_find_matches, session, matcher, now)
                save_record(session, award, find_matches, now, publish, since=week - WEEK - LISTING_DELAY)


def _find_matches(session: Session, matcher: Matcher, now: datetime, record: Award | Publication) -> list[MatchRow]:
    return match_rows(session, matcher, record, now)


def _publish_all(_vendors: Sequence[str]) -> bool:
    return True


def _publish_none(_vendors: Sequence[str]) -> bool:
    return False


def _known_by(day: date, award: Award) -> Award:
    """Return an award as it was before a day: with the actions that were signed until then, and their sum."""
    actions = tuple(action for action in award.actions if action.signed and action.signed < day)
    _, _, piid, _, parent, parent_agency = award.key.split("_")
    code, name = AGENCIES.get(award.awarding.sub_name, ("", award.awarding.sub_name))
    is_order = parent != NONE
    return replace(
        award,
        revision=str(len(actions)),
        type_text="DELIVERY ORDER" if is_order else "PURCHASE ORDER",
        piid=piid,
        parent_piid=parent if is_order else "",
        parent_key=f"CONT_IDV_{parent}_{parent_agency}" if is_order else "",
        description=actions[0].description,
        awarding=Agency(code="070", name="Department of Homeland Security", sub_code=code, sub_name=name),
        obligated=sum((action.obligation or Decimal(0) for action in actions), Decimal(0)),
        signed=actions[0].signed,
        modified=actions[-1].signed,
        url=f"https://www.usaspending.gov/award/{award.key}/",
        actions=actions,
    )


@dataclass(frozen=True, slots=True)
class Measures:
    """Counts of entries: `early` of those `with_amount` have it among the first 60 characters; `small` move cents."""

    entries: int
    median_length: float
    longest: int
    with_amount: int
    early: int
    equal: int
    small: int


def measure(events: Sequence[StoredEvent]) -> Measures:
    """Return the measures of the titles of events."""
    titles = [title_for(event) for event in events]
    ends = [found.end() for found in map(_AMOUNT.search, titles) if found]
    return Measures(
        entries=len(titles),
        median_length=median(map(len, titles)),
        longest=max(map(len, titles)),
        with_amount=len(ends),
        early=sum(end <= AMOUNT_WITHIN for end in ends),
        equal=len(titles) - len(set(titles)),
        small=sum(event.amount is not None and abs(event.amount) < 1 for event in events),
    )


def _lines(found: Measures) -> Iterator[str]:
    yield f"{found.entries:,} entries, {found.small / found.entries:.1%} of them of less than a dollar"
    yield f"median length {found.median_length:.0f}, longest {found.longest}"
    early = f"{found.early / found.with_amount:.1%} of {found.with_amount:,}"
    yield f"amount within {AMOUNT_WITHIN} characters in {early} titles that have an amount"
    yield f"{found.equal:,} titles equal to another"


def _examples(events: Sequence[StoredEvent], count: int) -> Iterator[str]:
    by_kind: dict[str, list[str]] = defaultdict(list)
    for event in events:
        by_kind[event.kind].append(title_for(event))
    for kind, titles in sorted(by_kind.items()):
        step = max(1, len(titles) // count)
        yield from (f"{kind:20} {title}" for title in titles[::step][:count])


def main(arguments: Sequence[str] | None = None) -> None:
    """Fill a database if asked to, measure its entries and print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--actions", type=Path, help="a CSV of contract actions (may be gzipped)")
    parser.add_argument("--data-dir", type=Path, help="the folder of the database")
    parser.add_argument("--examples", type=int, default=0, help="how many titles of each kind to print")
    options = parser.parse_args(arguments)
    if not (options.actions or options.data_dir):
        parser.error("name --actions or --data-dir")
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.data_dir or Path(temporary)
        with closing(open_database(f"sqlite:///{folder / 'procurewatch.sqlite3'}")) as database:
            if options.actions:
                replay(database, options.actions)
            with database.reading() as session:
                events = find_events(session, Query(), limit=1_000_000)
    out = Console(highlight=False, soft_wrap=True)
    for line in _lines(measure(events)):
        out.print(line)
    for line in _examples(events, options.examples) if options.examples else ():
        out.print(line, markup=False)


if __name__ == "__main__":
    main()
