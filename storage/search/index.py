"""Builds the search index: one row in `search` per record, updated in the transaction that changes the record."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session
from sqlmodel import col

from storage.competition import competition_of
from storage.models import MatchBand
from storage.possible_days import is_possible
from storage.search.agencies import agency_names
from storage.search.tokenize import tokenize
from storage.tables import ActionRow, MatchRow, RecordRow, SearchRow

BATCH_SIZE = 500  # keys in one IN (...)
MAX_WORDS_LENGTH = 200_000  # characters of words per record
DIGEST_BITS = 41  # of a sort key; the day number has the 22 above
# The token between two texts, which no phrase crosses, and prefixes of tokens of certain fields.
BREAK, AGENCY, OFFICE, RECIPIENT = "|", "@", "#", "="
SET_ASIDE, PRICING = "##", "@@"  # of characters that SQLite's tokenizer takes for part of a token


def index_records(session: Session, keys: Iterable[str]) -> None:
    """Update the index rows of these records; rows that have not changed are not written."""
    ordered = sorted(keys)
    for first in range(0, len(ordered), BATCH_SIZE):
        part = ordered[first : first + BATCH_SIZE]
        query = select(*SEARCH_COLUMNS).where(col(SearchRow.record_key).in_(part))
        before = {row["record_key"]: dict(row) for row in session.execute(query).mappings()}
        _replace(session, before, {facts["record_key"]: facts for facts in _search_rows(session, part)})


def outdated_rows(session: Session, keys: Sequence[str]) -> list[str]:
    """Return the keys, of up to `BATCH_SIZE` records, whose index rows are missing or do not fit the records."""
    query = select(*SEARCH_COLUMNS).where(col(SearchRow.record_key).in_(keys))
    stored = {row["record_key"]: dict(row) for row in session.execute(query).mappings()}
    derived = {facts["record_key"]: facts for facts in _search_rows(session, keys)}
    return [key for key in keys if key in derived and not _is_same(stored.get(key), derived[key])]


def _replace(session: Session, before: dict[str, dict[str, Any]], after: dict[str, dict[str, Any]]) -> None:
    changed = {key: facts for key, facts in after.items() if not _is_same(before.get(key), facts)}
    gone = [key for key in before if key in changed or key not in after]
    if gone:
        session.execute(delete(SearchRow).where(col(SearchRow.record_key).in_(gone)))
    if not changed:
        return
    wanted = [facts["sort_key"] for facts in changed.values()]
    taken = set(session.scalars(select(col(SearchRow.sort_key)).where(col(SearchRow.sort_key).in_(wanted))))
    for facts in changed.values():
        while facts["sort_key"] in taken:
            facts["sort_key"] = _free_sort_key(session, facts["sort_key"], taken)
        taken.add(facts["sort_key"])
    session.execute(insert(SearchRow), list(changed.values()))


def _free_sort_key(session: Session, sort_key: int, taken: set[int]) -> int:
    """Return the next unused sort key, for the unlikely case that two keys of one day have the same digest."""
    while sort_key in taken or session.scalar(
        select(col(SearchRow.sort_key)).where(col(SearchRow.sort_key) == sort_key)
    ):
        sort_key += 1
    return sort_key


def _is_same(before: dict[str, Any] | None, after: dict[str, Any]) -> bool:
    # The sort key follows from day and record key, unless another record had it.
    return before is not None and all(before[name] == value for name, value in after.items() if name != "sort_key")


def _search_rows(session: Session, keys: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Give the index row of each stored record."""
    texts: dict[str, list[str]] = {}
    seen: set[str] = set()
    published = select(col(MatchRow.record_key), col(MatchRow.vendor_name))
    published = published.where(col(MatchRow.record_key).in_(keys), col(MatchRow.band) == MatchBand.PUBLISHED)
    for key, name in session.execute(published.order_by(col(MatchRow.vendor_id))):
        seen.add(key)
        texts.setdefault(key, []).append(name)
    actions = select(col(ActionRow.award_key), col(ActionRow.description)).where(col(ActionRow.award_key).in_(keys))
    for key, description in session.execute(actions.order_by(col(ActionRow.key))):
        texts.setdefault(key, []).append(description)
    for row in session.execute(select(*RECORD_COLUMNS).where(col(RecordRow.key).in_(keys))):
        yield _search_row(row, texts.get(row.key, ()), is_published=row.key in seen)


SEARCH_COLUMNS: tuple[Any, ...] = tuple(col(getattr(SearchRow, name)).label(name) for name in SearchRow.model_fields)
RECORD_COLUMNS = tuple(
    col(getattr(RecordRow, name))
    for name in (
        "key", "source", "category", "piid", "parent_piid", "solicitation", "title", "description",
        "recipient_name", "recipient_uei", "recipient_parent_name", "recipient_state",
        "agency_code", "agency_name", "sub_agency_code", "sub_agency_name", "office",
        "obligated", "amounts", "signed", "published", "psc", "naics", "first_seen",
        "extent_competed_code", "fair_opportunity_code", "set_aside_code", "set_aside", "pricing_code", "pricing",
    )
)  # fmt: skip


def _search_row(row: Any, texts: Sequence[str], *, is_published: bool) -> dict[str, Any]:
    dated = next(filter(is_possible, (row.signed, row.published)), date.min)
    return {
        "sort_key": sort_key_of(dated, row.key),
        "record_key": row.key,
        "category": row.category,
        "source": row.source,
        "department": department_of(row.agency_code),
        "sub_agency_code": row.sub_agency_code,
        "recipient_state": row.recipient_state.upper(),
        "competition": competition_of(row.category, row.extent_competed_code, row.fair_opportunity_code),
        "psc": row.psc,
        "naics": row.naics,
        "sort_date": dated,
        "is_published": is_published,
        "amount": _amount(row.obligated, row.amounts),
        "first_seen": row.first_seen,
        "words": _words(row, texts),
    }


def sort_key_of(dated: date, key: str) -> int:
    """Return the sort key of a record: its day, then a digest of its key."""
    digest = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8]) >> (64 - DIGEST_BITS)
    return first_sort_key(dated) | digest


def first_sort_key(day: date) -> int:
    """Return the lowest sort key of a day."""
    return day.toordinal() << DIGEST_BITS


def department_of(code: str) -> str:
    """Return the Treasury's code of a department: FPDS writes 070 as 7000."""
    return f"0{code[:2]}" if len(code) == 4 and code.endswith("00") else code


def _amount(obligated: Decimal | None, amounts: Sequence[dict[str, Any]]) -> Decimal | None:
    if obligated is not None:
        return obligated
    return max((Decimal(amount["dollars"]) for amount in amounts), default=None)


def _words(row: Any, texts: Sequence[str]) -> str:
    plain = (
        row.piid, row.parent_piid, row.solicitation, row.recipient_name, row.recipient_uei, row.recipient_parent_name,
        row.title, row.description, *texts,
    )  # fmt: skip
    marked = [
        *((AGENCY, name) for name in agency_names(row.agency_code, row.agency_name)),
        *((AGENCY, name) for name in agency_names(row.sub_agency_code, row.sub_agency_name)),
        (OFFICE, row.office),
        (RECIPIENT, row.recipient_name),
        (RECIPIENT, row.recipient_uei),
        (SET_ASIDE, row.set_aside_code),
        (SET_ASIDE, row.set_aside),
        (PRICING, row.pricing_code),
        (PRICING, row.pricing),
    ]
    found = [" ".join(mark + token for token in tokenize(text)) for mark, text in marked]
    found += [" ".join(tokenize(text[:MAX_WORDS_LENGTH])) for text in dict.fromkeys(plain)]
    whole = f" {BREAK} ".join(text for text in dict.fromkeys(found) if text)
    return whole if len(whole) <= MAX_WORDS_LENGTH else whole[:MAX_WORDS_LENGTH].rpartition(" ")[0]
