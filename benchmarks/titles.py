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
import csv
import gzip
import re
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from statistics import median

from rich.console import Console

from feeds.entries.titles import title_for
from monitors.matching.amount_checks import add_amount_warning
from monitors.matching.matcher import Matcher
from monitors.runs.jobs import LISTING_DELAY
from monitors.runs.match_rows import match_rows
from monitors.watchlist.loader import load_watchlist
from sources.award_keys import NONE
from sources.records import Agency, Award, AwardCategory, ContractAction, Recipient, dollars
from storage.database import Database, open_database
from storage.models import StoredEvent
from storage.search.query import Query
from storage.search.search import find_events
from storage.writing.save import save_award

AMOUNT_WITHIN = 60  # characters
HISTORY = timedelta(days=182)
WEEK = timedelta(days=7)
AGENCIES = {
    "ICE": ("7012", "U.S. Immigration and Customs Enforcement"),
    "CBP": ("7014", "U.S. Customs and Border Protection"),
}
_AMOUNT = re.compile(r"\$[\d,]+(\.\d\d)?")

Row = dict[str, str]


def replay(database: Database, file: Path) -> None:
    """Save the awards of a CSV of actions that match, week by week."""
    matcher = Matcher(load_watchlist())
    awards = read_actions(file)
    awards = {key: rows for key, rows in awards.items() if matcher.matches(_award(key, rows))}
    weeks: dict[date, set[str]] = defaultdict(set)
    for key, rows in awards.items():
        for row in rows:
            signed = date.fromisoformat(row["Action Date"])
            weeks[signed + timedelta(days=7 - signed.weekday())].add(key)
    began = min(weeks) + HISTORY
    for week, keys in sorted(weeks.items()):
        now = datetime.combine(week, time(6), UTC)
        publish = _publish_all if week >= began else _publish_none
        with database.writing() as session:
            for key in sorted(keys):
                known = [row for row in awards[key] if row["Action Date"] < week.isoformat()]
                award = add_amount_warning(_award(key, known))
                matches = match_rows(session, matcher, award, now)
                save_award(session, award, matches, now, publish, since=week - LISTING_DELAY)


def _publish_all(_vendors: Sequence[str]) -> bool:
    return True


def _publish_none(_vendors: Sequence[str]) -> bool:
    return False


def read_actions(file: Path) -> dict[str, list[Row]]:
    """Return the rows of a CSV of actions by award key, each in the order in which they were signed."""
    grouped: dict[str, list[Row]] = defaultdict(list)
    with gzip.open(file, "rt", encoding="utf-8", newline="") if file.suffix == ".gz" else file.open(newline="") as text:
        for row in csv.DictReader(text):
            if row not in grouped[row["Generated Award ID"]]:
                grouped[row["Generated Award ID"]].append(row)
    return {
        key: sorted(rows, key=lambda row: (row["Action Date"], row["Modification"])) for key, rows in grouped.items()
    }


def _award(key: str, rows: Sequence[Row]) -> Award:
    """Return the award that some of its actions make up."""
    _, _, piid, _, parent, parent_agency = key.split("_")
    last = rows[-1]
    code, name = AGENCIES.get(last["Agency"], ("", last["Agency"]))
    parent_key = "" if parent == NONE else f"CONT_IDV_{parent}_{parent_agency}"
    return Award(
        key=key,
        source="usaspending",
        revision=str(len(rows)),
        category=AwardCategory.CONTRACT,
        type_text="DELIVERY ORDER" if parent_key else "PURCHASE ORDER",
        piid=piid,
        parent_piid=parent if parent_key else "",
        parent_key=parent_key,
        description=rows[0]["Transaction Description"],
        recipient=Recipient(name=last["Recipient Name"]),
        awarding=Agency(code="070", name="Department of Homeland Security", sub_code=code, sub_name=name),
        funding=Agency(),
        obligated=sum((Decimal(row["Federal Action Obligation"] or 0) for row in rows), Decimal(0)),
        exercised=None,
        ceiling=None,
        signed=date.fromisoformat(rows[0]["Action Date"]),
        starts=None,
        ends=None,
        may_end=None,
        modified=date.fromisoformat(last["Action Date"]),
        psc="",
        psc_text=last["Product/Service Description"],
        naics="",
        naics_text=last["NAICS Description"],
        solicitation="",
        extent_competed="",
        place="",
        url=f"https://www.usaspending.gov/award/{key}/",
        actions=tuple(_action(piid, code, parent, row) for row in rows),
        documents=(),
    )


def _action(piid: str, agency: str, parent: str, row: Row) -> ContractAction:
    return ContractAction(
        key=f"{agency}_{NONE}_{piid}_{row['Modification']}_{parent}_0",
        modification=row["Modification"],
        signed=date.fromisoformat(row["Action Date"]),
        obligation=dollars(row["Federal Action Obligation"]),
        description=row["Transaction Description"],
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
