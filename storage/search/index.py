"""Builds the search index: one row in `search` per record, updated in the transaction that changes the record.

The totals in `spending` are the sums of what these rows state as spent, and change with them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import Table, delete, insert, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session
from sqlmodel import col

from storage.competition import competition_of
from storage.models import MatchBand
from storage.possible_days import fiscal_year_of, is_possible
from storage.schema.tables import ActionRow, MatchRow, PublicationVersionRow, RecordRow, SearchRow, SpendingRow
from storage.search.agencies import agency_names
from storage.search.tokenize import tokenize

BATCH_SIZE = 500  # keys in one IN (...)
MAX_WORDS_LENGTH = 200_000  # characters of words per record
DIGEST_BITS = 41  # of a sort key; the day number has the 22 above
ALL_YEARS = "all"  # the fiscal year of totals over all years
# The token between two texts, which no phrase crosses, and prefixes of tokens of certain fields.
BREAK, AGENCY, OFFICE, RECIPIENT = "|", "@", "#", "="
SET_ASIDE, PRICING = "##", "@@"  # of characters that SQLite's tokenizer takes for part of a token


def index_records(session: Session, keys: Iterable[str]) -> None:
    """Update the index rows of these records; rows that have not changed are not written."""
    ordered = sorted(keys)
    for first in range(0, len(ordered), BATCH_SIZE):
        part = ordered[first : first + BATCH_SIZE]
        before = _stored_rows(session, part)
        after = {facts["record_key"]: facts for facts in _search_rows(session, part)}
        _replace(session, before, after)
        _add_to_totals(session, before.values(), after.values())


def remove_from_index(session: Session, key: str) -> None:
    """Delete the index row of a record that is about to be deleted."""
    before = _stored_rows(session, [key])
    _replace(session, before, {})
    _add_to_totals(session, before.values(), ())


def outdated_rows(session: Session, keys: Sequence[str]) -> list[str]:
    """Return the keys, of up to `BATCH_SIZE` records, whose index rows are missing or do not fit the records."""
    stored = _stored_rows(session, keys)
    derived = {facts["record_key"]: facts for facts in _search_rows(session, keys)}
    return [key for key in keys if key in derived and not _is_same(stored.get(key), derived[key])]


def _stored_rows(session: Session, keys: Sequence[str]) -> dict[str, dict[str, Any]]:
    query = select(*SEARCH_COLUMNS).where(col(SearchRow.record_key).in_(keys))
    return {row["record_key"]: dict(row) for row in session.execute(query).mappings()}


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


def are_totals_current(session: Session) -> bool:
    """Return whether the stored totals are the sums of all index rows. Reads all of them."""
    table: Table = SpendingRow.__table__  # type: ignore[attr-defined]
    stored = {
        (row.fiscal_year, row.category, row.department, row.sub_agency_code): [
            int(row.dollars_cents.scaleb(2)),
            row.actions,
            row.awards,
        ]
        for row in session.execute(select(table))
    }
    return stored == _sum(_spent_rows(session))


def rebuild_totals(session: Session) -> None:
    """Store the totals of all index rows again."""
    session.execute(delete(SpendingRow))
    _add_to_totals(session, (), _spent_rows(session))


def _spent_rows(session: Session) -> Iterator[dict[str, Any]]:
    columns = [col(getattr(SearchRow, name)) for name in ("sub_agency_code", "department", "spent")]
    query = select(*columns).where(col(SearchRow.is_published).is_(True)).execution_options(yield_per=BATCH_SIZE)
    for row in session.execute(query).mappings():
        yield dict(row)


def _add_to_totals(session: Session, before: Iterable[Mapping[str, Any]], after: Iterable[Mapping[str, Any]]) -> None:
    """Change the stored totals by the difference between index rows before and after."""
    changes = _sum(after)
    for key, sums in _sum(before).items():
        changes[key] = [new - old for new, old in zip(changes.get(key, [0, 0, 0]), sums, strict=True)]
    changed = [(key, sums) for key, sums in sorted(changes.items()) if any(sums)]
    if not changed:
        return
    # Another process that changes the same totals in another order would wait for this one, and this one for it.
    session.execute(select(col(PublicationVersionRow.number)).with_for_update())
    table: Table = SpendingRow.__table__  # type: ignore[attr-defined]
    insert_into = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    added = insert_into(table)
    added = added.on_conflict_do_update(
        index_elements=list(table.primary_key),
        set_={column.name: column + added.excluded[column.name] for column in table.c if not column.primary_key},
    )
    names = table.c.keys()
    session.execute(
        added,
        [dict(zip(names, (*key, Decimal(sums[0]).scaleb(-2), *sums[1:]), strict=True)) for key, sums in changed],
    )
    session.execute(delete(SpendingRow).where(col(SpendingRow.awards) == 0))


def _sum(rows: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str, str, str], list[int]]:
    """Return cents, actions and awards by fiscal year, category, department and sub-agency, of index rows."""
    found: dict[tuple[str, str, str, str], list[int]] = {}
    for facts in rows:
        for (year, category), sums in _totals_of(facts["spent"]).items():
            key = (year, category, facts["department"], facts["sub_agency_code"])
            known = found.setdefault(key, [0, 0, 0])
            known[:] = [have + more for have, more in zip(known, sums, strict=True)]
    return found


def _totals_of(spent: Iterable[Sequence[Any]]) -> dict[tuple[str, str], list[int]]:
    """Return cents, actions and awards by fiscal year and category, from the `spent` of one award."""
    totals: dict[tuple[str, str], list[int]] = {}
    for year, category, cents, actions in spent:
        totals[year, category] = [cents, actions, 1]
        whole = totals.setdefault((ALL_YEARS, category), [0, 0, 1])
        whole[0] += cents
        whole[1] += actions
    return totals


def _search_rows(session: Session, keys: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Give the index row of each stored record."""
    texts: dict[str, list[str]] = {}
    matches: dict[str, list[Any]] = {}
    columns = (MatchRow.record_key, MatchRow.vendor_name, MatchRow.vendor_category, MatchRow.action_keys)
    published = select(*map(col, columns))
    published = published.where(col(MatchRow.record_key).in_(keys), col(MatchRow.band) == MatchBand.PUBLISHED)
    for match in session.execute(published.order_by(col(MatchRow.vendor_id))):
        matches.setdefault(match.record_key, []).append(match)
        texts.setdefault(match.record_key, []).append(match.vendor_name)
    actions: dict[str, list[Any]] = {}
    wanted = (ActionRow.award_key, ActionRow.key, ActionRow.description, ActionRow.signed, ActionRow.obligation)
    query = select(*map(col, wanted), col(ActionRow.removed)).where(col(ActionRow.award_key).in_(keys))
    for action in session.execute(query.order_by(col(ActionRow.key))):
        actions.setdefault(action.award_key, []).append(action)
        texts.setdefault(action.award_key, []).append(action.description)
    for row in session.execute(select(*RECORD_COLUMNS).where(col(RecordRow.key).in_(keys))):
        spent = _spent(matches.get(row.key, ()), actions.get(row.key, ()))
        yield _search_row(row, texts.get(row.key, ()), spent, is_published=row.key in matches)


def _spent(matches: Sequence[Any], actions: Sequence[Any]) -> list[list[Any]]:
    """Return the obligations that these matches concern: fiscal year, category ("" for all), cents and actions."""
    found: dict[tuple[str, str], list[int]] = {}
    for action in actions:
        if action.removed or action.obligation is None:
            continue
        concerned = [match for match in matches if not match.action_keys or action.key in match.action_keys]
        year = str(fiscal_year_of(action.signed)) if is_possible(action.signed) else ""
        for category in {"", *(match.vendor_category for match in concerned)} if concerned else ():
            sums = found.setdefault((year, category), [0, 0])
            sums[0] += int(action.obligation.scaleb(2))
            sums[1] += 1
    return [[*place, *sums] for place, sums in sorted(found.items())]


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


def _search_row(row: Any, texts: Sequence[str], spent: list[list[Any]], *, is_published: bool) -> dict[str, Any]:
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
        "spent": spent,
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
