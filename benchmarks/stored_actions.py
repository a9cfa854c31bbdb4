"""A database of many stored actions, made up but shaped like the real ones: sizes of texts, agencies, dates, repeats.

Awards have four actions on average; every fourth award concerns somebody on a watchlist of three hundred vendors, few
of whom have most of the awards; what happened to those was told over three years.
"""

from __future__ import annotations

import random
import zlib
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import insert
from sqlmodel import SQLModel

from storage.database import Database, open_database
from storage.search_index import index_records
from storage.tables import ActionRow, EventRow, MatchRow, RecordRow, StateRow
from storage.telling import keep_told

ACTIONS_A_RECORD = 4
RECORDS_AT_ONCE = 5_000
VENDORS = 300
BEGAN = datetime(2023, 11, 1, tzinfo=UTC)
DAYS = 1_100
AGENCIES: tuple[tuple[str, str], ...] = (
    ("7012", "U.S. Immigration and Customs Enforcement"),
    ("7014", "U.S. Customs and Border Protection"),
    ("1549", "Federal Bureau of Investigation"),
    ("9700", "Defense Logistics Agency"),
)
AGENCIES += tuple((f"{code}", f"Agency of Department {code}") for code in range(2001, 2041))
WORDS = tuple(
    word
    for line in (
        "license software support renewal maintenance enterprise facial recognition camera platform analysis data",
        "mobile device forensic extraction subscription vehicle plate reader services annual option year exercise for",
        "the of and in cloud hosting training hardware upgrade location tracking social media monitoring drone radio",
        "network security",
    )
    for word in line.split()
)


def make(file: Path, actions: int) -> None:
    """Write a database of about so many actions; a file that is there already is left alone."""
    if file.is_file():
        return
    partial = file.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    chance = random.Random(actions)  # noqa: S311  it hides nothing
    with closing(open_database(f"sqlite:///{partial}")) as database:
        for first in range(0, actions // ACTIONS_A_RECORD, RECORDS_AT_ONCE):
            last = min(first + RECORDS_AT_ONCE, actions // ACTIONS_A_RECORD)
            _store(database, [_award(chance, number) for number in range(first, last)])
        with database.writing() as session:
            session.add(StateRow(id=1, number=1, changed=datetime.now(UTC)))
        with database.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    partial.rename(file)


Award = dict[type[SQLModel], list[dict[str, Any]]]


def _store(database: Database, awards: list[Award]) -> None:
    with database.writing() as session:
        for table in (RecordRow, ActionRow, MatchRow, EventRow):
            rows = [row for award in awards for row in award[table]]
            session.execute(insert(table), rows)
        keep_told(session, [row["id"] for award in awards for row in award[EventRow]])
        index_records(session, [award[RecordRow][0]["key"] for award in awards])


def _award(chance: random.Random, number: int) -> Award:
    code, agency = AGENCIES[min(int(chance.expovariate(0.15)), len(AGENCIES) - 1)]
    vendor = min(int(chance.expovariate(0.03)), VENDORS - 1) if number % 4 == 0 else None
    piid, recipient = f"{code}B{number:09}", f"COMPANY {chance.randrange(20_000)} INCORPORATED"
    key = f"CONT_AWD_{piid}_{code}_-NONE-_-NONE-"
    text = " ".join(chance.choices(WORDS, k=chance.randrange(5, 30))).upper()
    seen = BEGAN + timedelta(days=DAYS * chance.random())
    signed = (seen - timedelta(days=chance.randrange(3, 90))).date()
    amount = round(chance.lognormvariate(11, 2), 2)
    record = _record(key, code, agency, recipient, text, signed, seen) | {"piid": piid, "obligated": _dollars(amount)}
    actions = list(_actions(chance, key, code, piid, signed, amount, seen))
    match = [_match(key, vendor, text, seen)] if vendor is not None else []
    events = list(_events(key, actions, signed, seen)) if match else []
    return {RecordRow: [record], ActionRow: actions, MatchRow: match, EventRow: events}


def _dollars(amount: float) -> Decimal:
    return Decimal(f"{amount:.2f}")


def _record(  # noqa: PLR0917
    key: str, code: str, agency: str, recipient: str, text: str, signed: date, seen: datetime
) -> dict[str, Any]:
    texts: tuple[str, ...] = (
        "type_text",
        "parent_piid",
        "parent_key",
        "recipient_cage",
        "recipient_state",
        "recipient_parent_name",
    )
    texts += ("recipient_parent_uei", "office", "funding_agency_name", "funding_sub_agency_name", "psc_text")
    texts += ("naics_text", "solicitation", "extent_competed", "place", "title", "modification", "state", "corrects")
    named = {
        "key": key,
        "source": "usaspending",
        "revision": "1",
        "category": "contract",
        "description": text,
        "recipient_name": recipient,
        "recipient_uei": f"U{zlib.crc32(recipient.encode()):011}",
        "agency_code": "070",
        "agency_name": "Department of Homeland Security",
        "sub_agency_code": code,
        "sub_agency_name": agency,
        "signed": signed,
        "starts": signed,
        "ends": signed + timedelta(days=365),
        "psc": "7A21",
        "naics": "541519",
        "url": f"https://www.usaspending.gov/award/{key}/",
        "first_seen": seen,
        "last_changed": seen,
        "doubt": "",
        "amounts": [],
        "attachments": [],
        "facts": [],
    }
    return dict.fromkeys(texts, "") | named


def _actions(  # noqa: PLR0917
    chance: random.Random, key: str, code: str, piid: str, signed: date, amount: float, seen: datetime
) -> Iterator[dict[str, Any]]:
    for number in range(ACTIONS_A_RECORD):
        modification = f"P{number:05}" if number else "0"
        yield {
            "key": f"{code}_-NONE-_{piid}_{modification}_-NONE-_0",
            "award_key": key,
            "modification": modification,
            "signed": signed + timedelta(days=60 * number),
            "obligation": _dollars(amount / ACTIONS_A_RECORD),
            "description": " ".join(chance.choices(WORDS, k=8)).upper(),
            "action_type": "C" if number else "",
            "action_type_text": "FUNDING ONLY ACTION" if number else "",
            "source": "usaspending",
            "first_seen": seen + timedelta(days=60 * number),
        }


def _match(key: str, vendor: int, text: str, seen: datetime) -> dict[str, Any]:
    word = text.split(maxsplit=1)[0]
    signal = {"kind": "product", "field": "description", "text": word, "term": word.lower()}
    return {
        "record_key": key,
        "vendor_id": f"vendor-{vendor}",
        "vendor_name": f"Vendor {vendor}",
        "vendor_category": f"category-{vendor % 12}",
        "score": 0.9,
        "own_band": "publish",
        "band": "publish",
        "rule": "product",
        "reason": f'Matched because the description holds "{word}".',
        "signals": [{**signal, "start": 0, "end": len(word), "score": 0.9, "action_key": ""}],
        "resold": True,
        "watchlist_version": "1",
        "first_seen": seen,
    }


def _events(key: str, actions: list[dict[str, Any]], signed: date, seen: datetime) -> Iterator[dict[str, Any]]:
    for number, action in enumerate(actions):
        yield {
            "id": f"tag:procurewatch,2026:{key}/{action['key']}/{'modified' if number else 'new-award'}",
            "record_key": key,
            "action_key": action["key"],
            "kind": "modified" if number else "new-award",
            "amount": action["obligation"],
            "signed": signed,
            "published": signed,
            "before": "",
            "after": "",
            "earlier_actions": 0,
            "vendor_id": "",
            "told": True,
            "held": False,
            "first_seen": seen + timedelta(hours=number),
        }
