"""Fill a database with awards: real texts and recipients, saved as a poll saves them.

Each award is one of the 1,780 labelled ones (tests/data/labelled) under a number of its own, with an agency, amounts
and dates drawn at random. The program's own matcher decides which vendors it concerns: about a third of the awards
are published, under some 100 vendors, and a fifth wait for review. A published award of several actions is saved
twice, the second time with its last action, so that it has more than one feed entry.

Saving takes some 10 ms an award. Beyond the first 2,500 awards, SQLite copies the rows under further numbers.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import JSON, Connection, Integer, String, inspect, text
from sqlalchemy.orm import Session

from benchmarks.labelled import read_awards
from monitors.matching.matcher import Matcher
from monitors.runs.match_rows import match_rows
from monitors.watchlist.loader import load_watchlist
from sources.records import Agency, Award, ContractAction
from storage.database import Database
from storage.models import MatchBand
from storage.search.index import rebuild_totals
from storage.writing.save import save_award

AWARDS_PER_TRANSACTION = 500
SAVED = 2_500  # awards; the others are copies of these
PIIDS = "ZZ{:04}"  # what PIIDs begin with: 0 for awards that are saved, the number of the copy for others
BEGAN = datetime(2023, 11, 1, tzinfo=UTC)
DAYS = 1_100
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


def fill(database: Database, awards: int) -> None:
    """Store this many awards, a multiple of 2,500 or fewer than that, in an empty SQLite database."""
    saved = min(awards, SAVED)
    for first in range(0, saved, AWARDS_PER_TRANSACTION):
        numbers = range(first, min(first + AWARDS_PER_TRANSACTION, saved))
        save(database, numbers, BEGAN + timedelta(days=DAYS * first / saved))
    with TemporaryDirectory() as folder, database.engine.connect() as connection:
        originals = str(Path(folder) / "originals.sqlite3")
        connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql("VACUUM INTO ?", (originals,))
        connection.exec_driver_sql("ATTACH ? AS originals", (originals,))
        for copy in range(1, awards // saved):
            connection.exec_driver_sql("BEGIN")
            _copy_rows(connection, copy)
            connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql("DETACH originals")
    with database.writing() as session:
        rebuild_totals(session)  # a total names no award, so it is not copied


def _copy_rows(connection: Connection, copy: int) -> None:
    """Insert every row that names one of the saved awards once more, as a row of an award with another number.

    The attached database `originals` has the saved awards alone, so that a copy takes as long as the one before. An
    integer primary key is that of the full-text index, which sorts by it: the copy comes next to the original.
    """
    connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
    inspector = inspect(connection)
    for table in inspector.get_table_names():
        types = {f'"{column["name"]}"': column["type"] for column in inspector.get_columns(table)}
        texts = [name for name, kind in types.items() if isinstance(kind, (String, JSON))]
        if not texts:
            continue  # SQLite's own tables of the full-text index
        key = [f'"{name}"' for name in inspector.get_pk_constraint(table)["constrained_columns"]]
        values = {name: name for name in types}
        values |= {name: f"replace(replace({name}, :old, :new), lower(:old), lower(:new))" for name in texts}
        if len(key) == 1 and isinstance(types[key[0]], Integer):
            values[key[0]] = f"{key[0]} + :copy"
        columns, chosen = ", ".join(values), ", ".join(values.values())
        found = " OR ".join(f"instr({name}, :old)" for name in texts)
        statement = f'INSERT INTO "{table}" ({columns}) SELECT {chosen} FROM originals."{table}" WHERE {found}'  # noqa: S608
        connection.execute(text(statement), {"old": PIIDS.format(0), "new": PIIDS.format(copy), "copy": copy})


def save(database: Database, numbers: Iterable[int], now: datetime) -> None:
    """Save the awards with these numbers in one transaction, first seen at `now` (UTC)."""
    with database.writing() as session:
        for number in numbers:
            award = made_up_award(number, now)
            if _save(session, replace(award, actions=award.actions[:-1] or award.actions), now) and award.actions[1:]:
                _save(session, award, now)


def _save(session: Session, award: Award, now: datetime) -> bool:
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
    return replace(
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


def _dollars(chance: random.Random) -> Decimal:
    return Decimal(f"{chance.lognormvariate(10, 2):.2f}")


@cache
def _real_awards() -> Sequence[Award]:
    return tuple(read_awards().values())


@cache
def _matcher() -> Matcher:
    return Matcher(load_watchlist())
