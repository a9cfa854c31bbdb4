"""Links from publications to awards, by key or by number, and from corrections to announcements.

A source may name an award by its key. Otherwise numbers, solicitation and company decide, and the link says how sure
it is and why. An award's number alone proves little: old numbers ("0001") repeat under every parent award, so they link
only together with the parent's number, and numbers are compared within one department (DESIGN.md, Identity).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session
from sqlmodel import col

from sources.records import AwardCategory, PublicationKind
from storage.models import EventKind
from storage.rows import update_row
from storage.schema.tables import LinkRow, RecordRow
from storage.writing.changes import Change, event_id
from storage.writing.renumbering import current_key

AWARDS = tuple(kind.value for kind in AwardCategory)
PUBLICATIONS = tuple(kind.value for kind in PublicationKind)
# FAR 4.1603: six characters of an activity, two of the year, one letter, four to eight of a serial.
UNIQUE_NUMBER = re.compile(r"[A-Z0-9]{6}\d{2}[A-Z][A-Z0-9]{4,8}")
MAX_CANDIDATES = 500
# Navy, Army, Air Force, Army Corps of Engineers, and the Department of Defense, which announces their awards.
DEFENSE = frozenset({"17", "21", "57", "96", "97"})
LEGAL_FORMS = frozenset(
    ["INC", "LLC", "LTD", "CORP", "CO", "COMPANY", "CORPORATION", "INCORPORATED", "LIMITED", "LP", "LLP", "THE"]
)


@dataclass(frozen=True, slots=True)
class Link:
    """An award that a publication is about, with the confidence (0 to 1) and the reason."""

    award_key: str
    confidence: float
    reason: str


def link_publication(session: Session, publication: RecordRow, award_key: str, now: datetime) -> bool:
    """Link a stored publication to the awards it is about; return whether any link changed.

    `award_key` is the key that its source states, "" if it states none.
    """
    if award_key:
        link = Link(current_key(session, award_key), 1.0, "the source names the award by its key")
        return _save_link(session, publication.key, link, now)
    links = [link for award in _candidates(session, publication, AWARDS) for link in _links(publication, award)]
    return _save_links(session, [(publication.key, link) for link in links], now)


def link_award(session: Session, award: RecordRow, now: datetime) -> bool:
    """Link the publications that are stored already to an award; return whether any link changed."""
    links = [
        (publication.key, link)
        for publication in _candidates(session, award, PUBLICATIONS)
        for link in _links(publication, award)
    ]
    return _save_links(session, links, now)


def _candidates(session: Session, row: RecordRow, categories: Iterable[str]) -> Iterator[RecordRow]:
    """Yield the records that share a number with this one, in order of key."""
    numbers = [number for number in {row.piid, row.parent_piid} if number]
    shared: list[ColumnElement[bool]] = []
    if numbers:
        shared += [col(RecordRow.piid).in_(numbers), col(RecordRow.parent_piid).in_(numbers)]
    if row.solicitation:
        bare = func.upper(func.replace(func.replace(col(RecordRow.solicitation), "-", ""), " ", ""))
        shared.append(bare == _bare(row.solicitation))
    if not shared:
        return
    query = select(RecordRow).where(or_(*shared), col(RecordRow.category).in_(tuple(categories)))
    yield from session.scalars(query.order_by(col(RecordRow.key)).limit(MAX_CANDIDATES))


def _links(publication: RecordRow, award: RecordRow) -> Iterator[Link]:
    """Yield the strongest link between a publication and an award, if there is one."""
    if not _same_department(publication, award):
        return
    is_named = _is_same_company(publication.recipient_name, award.recipient_name)
    agrees = " and the company is the same" if is_named else ""
    number, parent = publication.piid, publication.parent_piid
    if number and number == award.piid and parent and parent == award.parent_piid:
        yield Link(award.key, 0.98 if is_named else 0.9, f"same award and agreement number{agrees}")
    elif number and number == award.piid and UNIQUE_NUMBER.fullmatch(number):
        yield Link(award.key, 0.95 if is_named else 0.8, f"same award number{agrees}")
    elif not number and parent and parent == award.piid and UNIQUE_NUMBER.fullmatch(parent):
        yield Link(award.key, 0.7, "placed under this agreement")
    elif publication.solicitation and _bare(publication.solicitation) == _bare(award.solicitation):
        if is_named:
            yield Link(award.key, 0.9, "same solicitation number and the company is the same")
        elif not publication.recipient_name:
            yield Link(award.key, 0.6, "same solicitation number")


def _save_links(session: Session, links: Iterable[tuple[str, Link]], now: datetime) -> bool:
    changed = [_save_link(session, key, link, now) for key, link in links]
    return any(changed)


def _save_link(session: Session, record_key: str, link: Link, now: datetime) -> bool:
    """Insert a link, or strengthen a weaker one; return whether anything changed."""
    row = session.get(LinkRow, (record_key, link.award_key))
    values: dict[str, Any] = {"confidence": link.confidence, "reason": link.reason}
    if row is None:
        session.add(LinkRow(record_key=record_key, award_key=link.award_key, first_seen=now, **values))
        return True
    return row.confidence < link.confidence and update_row(row, values)


def _same_department(one: RecordRow, other: RecordRow) -> bool:
    """Whether both have the same department, if both state one: a code of FPDS (four digits) or Treasury (three)."""
    if one.agency_code and other.agency_code:
        return _department(one.agency_code) == _department(other.agency_code)
    return True


def _department(code: str) -> str:
    digits = code.lstrip("0")[:2]
    return "97" if digits in DEFENSE else digits


def _is_same_company(one: str, other: str) -> bool:
    """Whether one name begins with the other, without legal forms and punctuation."""
    first, second = _words(one), _words(other)
    shorter, longer = sorted((first, second), key=len)
    return bool(shorter) and longer[: len(shorter)] == shorter


def _words(name: str) -> list[str]:
    words = re.sub(r"[^A-Z0-9 ]+", " ", name.upper().replace("&", " AND ").replace(".", "")).split()
    return [word for word in words if word not in LEGAL_FORMS]


def _bare(number: str) -> str:
    return re.sub(r"[-\s]", "", number.upper())


def find_corrections(session: Session, row: RecordRow) -> Iterator[tuple[RecordRow, Change]]:
    """Yield the corrections that an announcement makes or receives, each with the announcement that it corrects.

    A correction is of the latest announcement before it, by the same source, with the same award number, parent number
    and modification as far as it states them. The order in which the two arrive does not matter.
    """
    if row.category != PublicationKind.ANNOUNCEMENT.value or not row.piid:
        return
    query = select(RecordRow).where(
        col(RecordRow.source) == row.source,
        col(RecordRow.category) == row.category,
        col(RecordRow.piid) == row.piid,
    )
    announcements = list(session.scalars(query.order_by(col(RecordRow.key))))
    for correction in (other for other in announcements if other.corrects):
        candidates = [other for other in announcements if _may_correct(correction, other)]
        corrected = max(candidates, key=lambda other: (other.published or date.min, other.key), default=None)
        if corrected is not None and row.key in (correction.key, corrected.key):
            change = Change(
                id=event_id(corrected.key, "", EventKind.CORRECTED, correction.key),
                kind=EventKind.CORRECTED,
                signed=correction.signed or correction.published,
                new_value=correction.corrects,
            )
            yield corrected, change


def _may_correct(correction: RecordRow, other: RecordRow) -> bool:
    """Whether a correction may correct another announcement, by date and the numbers that both state."""
    is_earlier = (other.published or date.min) <= (correction.published or date.max)
    stated = ((correction.parent_piid, other.parent_piid), (correction.modification, other.modification))
    agrees = all(not wanted or wanted == given for wanted, given in stated)
    return other.key != correction.key and not other.corrects and is_earlier and agrees
