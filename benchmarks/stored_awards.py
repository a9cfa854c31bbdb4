"""Fill a database with awards: real texts and recipients, saved as a poll saves them.

Each award is one of the 1,780 labelled ones (tests/data/labelled) under a number of its own, with an agency, amounts
and dates drawn at random: of the years since 2008, and the newest of the last 30 days. The program's own matcher
decides which vendors it concerns: about a third of the awards are published, under some 100 vendors, and a fifth wait
for review. A published award of several actions is saved twice, the second time with its last action, so that it has
more than one feed entry.

Saving takes some 10 ms an award. Beyond the first 5,000 awards, SQLite copies the rows of those under further numbers.
Indexes are built
after that. The bytes of evidence are those of the 5,000.
"""

from __future__ import annotations

import json
import random
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from tempfile import TemporaryDirectory

from sqlalchemy import Integer, Table
from sqlalchemy.orm import Session
from sqlmodel import SQLModel

from benchmarks.labelled import read_awards
from monitors.matching.matcher import Matcher
from monitors.runs.match_rows import match_rows
from monitors.watchlist.loader import load_watchlist
from sources.records import Agency, Award, ContractAction, Document
from storage.database import Database
from storage.models import MatchBand
from storage.schema.columns import UtcTime
from storage.search.full_text import INDEX
from storage.writing.save import save_award

AWARDS_PER_TRANSACTION = 500
SAVED = 5_000  # awards; the others are copies of these
NEWS = 500  # awards of the last days, however many others there are
PIIDS = "ZZ{:04}"  # what PIIDs begin with: 0 for awards that are saved, the number of the copy for others
BEGAN = datetime(2008, 1, 1, tzinfo=UTC)
NEWS_DAYS = 30
ACTIONS_PER_AWARD = 2.93  # on average
AGENCIES = (
    Agency(code="070", name="Department of Homeland Security", sub_code="7012", sub_name="Immigration and Customs"),
    Agency(
        code="070", name="Department of Homeland Security", sub_code="7014", sub_name="Customs and Border Protection"
    ),
    Agency(code="015", name="Department of Justice", sub_code="1549", sub_name="Federal Bureau of Investigation"),
    Agency(code="097", name="Department of Defense", sub_code="97AS", sub_name="Defense Logistics Agency"),
    *(
        Agency(code=f"0{code}"[:3], name=f"Department {code // 10}", sub_code=f"{code}", sub_name=f"Agency {code}")
        for code in range(2001, 2041)
    ),
)


def fill(database: Database, awards: int, now: datetime) -> None:
    """Store about this many awards in an empty SQLite database: a multiple of 5,000, or fewer than that, and the news.

    Args:
        awards: how many are first seen from 2008 until 30 days before `now`; another 500 are first seen after that.
    """
    saved = min(awards, SAVED)
    news = now - timedelta(days=NEWS_DAYS)
    _save_over(database, range(saved), BEGAN, news)
    if awards > saved:
        database.engine.dispose()  # the file is changed without a journal
        _copy(str(database.engine.url.database), round(awards / saved))
    _save_over(database, range(saved, saved + min(NEWS, saved)), news, now)


def _save_over(database: Database, numbers: range, since: datetime, until: datetime) -> None:
    """Save the awards with these numbers, first seen one after the other over a period."""
    pause = (until - since) / len(numbers)
    for first in range(0, len(numbers), AWARDS_PER_TRANSACTION):
        with database.writing() as session:
            for place in range(first, min(first + AWARDS_PER_TRANSACTION, len(numbers))):
                _save(session, numbers[place], (since + place * pause).replace(microsecond=0))


def _copy(file: str, times: int) -> None:
    """Insert every row that names one of the saved awards further times, as rows of awards with other numbers.

    Rows are read from a copy of the file, `originals`, and written in the order of their keys, without indexes.
    """
    with closing(sqlite3.connect(file, isolation_level=None)) as connection, TemporaryDirectory() as folder:
        connection.execute("VACUUM INTO ?", (f"{folder}/originals.sqlite3",))
        connection.execute("ATTACH ? AS originals", (f"{folder}/originals.sqlite3",))
        for pragma in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -500000", "threads = 2"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("CREATE TEMP TABLE copies (number INTEGER PRIMARY KEY, old TEXT, new TEXT)")
        numbers = range(1, times)
        connection.executemany(
            "INSERT INTO copies VALUES (?, ?, ?)", ((n, PIIDS.format(0), PIIDS.format(n)) for n in numbers)
        )
        kinds = "type = 'trigger' OR type = 'index' AND sql IS NOT NULL"
        query = f"SELECT type, name, sql FROM sqlite_schema WHERE {kinds} ORDER BY tbl_name"  # noqa: S608
        made_again = connection.execute(query).fetchall()
        for kind, name, _ in made_again:
            connection.execute(f'DROP {kind} "{name}"')
        for table in SQLModel.metadata.tables.values():
            _copy_rows(connection, table)
        sums = ", ".join(f"{name} = {name} * {times}" for name in ("dollars_cents", "actions", "awards"))
        connection.execute(f"UPDATE spending SET {sums}")  # noqa: S608  a total names no award
        for _, _, sql in made_again:
            connection.execute(sql)
        connection.execute(f"INSERT INTO {INDEX}({INDEX}) VALUES ('rebuild')")  # noqa: S608
        connection.execute("PRAGMA journal_mode = WAL")


def _copy_rows(connection: sqlite3.Connection, table: Table) -> None:
    """Copy the rows of one table. The integer primary key of the search index, which is its order, is that of a day and
    a digest: the copy comes next to the original. Times of copies are some microseconds later.
    """
    values: dict[str, str] = {}
    for column in table.columns:
        name = f'"{column.name}"'
        named = f"SELECT 1 FROM originals.{table.name} WHERE instr({name}, ?) OR instr({name}, lower(?)) LIMIT 1"  # noqa: S608
        if isinstance(column.type, UtcTime):
            values[name] = f"replace({name}, '.000000', printf('.%06d', number))"
        elif column.primary_key and isinstance(column.type, Integer):
            values[name] = f"{name} + number"
        elif connection.execute(named, (PIIDS.format(0), PIIDS.format(0))).fetchone():
            values[name] = f"replace(replace({name}, old, new), lower(old), lower(new))"
        else:
            values[name] = name
    if not any("old" in value for value in values.values()):
        return  # a table without awards
    in_order = (
        ("originals.{}", "copies")
        if any("+ number" in value for value in values.values())
        else ("copies", "originals.{}")
    )
    source = " CROSS JOIN ".join(in_order).format(table.name)
    columns, chosen = ", ".join(values), ", ".join(values.values())
    connection.execute(f"INSERT INTO main.{table.name} ({columns}) SELECT {chosen} FROM {source}")  # noqa: S608


def save(database: Database, numbers: Iterable[int], now: datetime) -> None:
    """Save the awards with these numbers in one transaction, first seen at `now` (UTC)."""
    with database.writing() as session:
        for number in numbers:
            _save(session, number, now)


def _save(session: Session, number: int, now: datetime) -> None:
    """Save an award, and if it is published and has several actions, its last action after the others."""
    award = made_up_award(number, now)
    first = replace(award, actions=award.actions[:-1] or award.actions)
    if _save_state(session, first, now) and award.actions[1:]:
        _save_state(session, award, now)


def _save_state(session: Session, award: Award, now: datetime) -> bool:
    """Save an award, and return whether it is published."""
    matches = match_rows(session, _matcher(), award, now)
    save_award(session, award, matches, now, lambda _vendors: True)
    session.flush()
    return any(match.band == MatchBand.PUBLISHED for match in matches)


def made_up_award(number: int, seen: datetime) -> Award:
    """Return the award with this number, signed some weeks before it was seen."""
    chance = random.Random(number)  # noqa: S311  not for security
    real = _real_awards()[number % len(_real_awards())]
    agency = AGENCIES[min(int(chance.expovariate(0.15)), len(AGENCIES) - 1)]
    piid = f"{PIIDS.format(0)}{number:08}"
    key = f"CONT_AWD_{piid}_{agency.sub_code}_-NONE-_-NONE-"
    signed = (seen - timedelta(days=chance.randrange(3, 90))).date()
    actions = tuple(
        ContractAction(
            key=f"{agency.sub_code}_-NONE-_{piid}_{place}_-NONE-_0",
            modification=f"P{place:05}" if place else "0",
            signed=signed + timedelta(days=60 * place),
            obligation=_dollars(chance),
            description=action.description,
            action_type="C" if place else "",
            action_type_text="FUNDING ONLY ACTION" if place else "",
        )
        for place, action in enumerate(real.actions)
    )
    award = replace(
        real,
        key=key,
        revision="1",
        piid=piid,
        awarding=agency,
        obligated=_dollars(chance),
        signed=signed,
        starts=signed,
        ends=signed + timedelta(days=365),
        modified=actions[-1].signed,
        psc="7A21",
        naics="541519",
        url=f"https://www.usaspending.gov/award/{key}/",
        actions=actions,
    )
    body = json.dumps(asdict(award), default=str).encode()
    document = Document(url=award.url, request="", retrieved_at=seen, content_type="application/json", body=body)
    return replace(award, documents=(document,))


def _dollars(chance: random.Random) -> Decimal:
    return Decimal(f"{chance.lognormvariate(10, 2):.2f}")


@cache
def _real_awards() -> Sequence[Award]:
    return tuple(read_awards().values())


@cache
def _matcher() -> Matcher:
    return Matcher(load_watchlist())
