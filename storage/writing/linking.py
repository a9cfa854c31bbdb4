"""Which award a publication is about: by key where its source says so, else softly, with how sure and why.

An award's number alone proves little: old numbers ("0001") repeat under every agreement, so that they never link
without the agreement's own number, and a number is compared within its department (DESIGN.md, Identity).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session
from sqlmodel import col

from sources.records import AwardCategory, PublicationKind
from storage.tables import LinkRow, RecordRow
from storage.writing.renumbering import current_key

AWARDS = tuple(kind.value for kind in AwardCategory)
PUBLICATIONS = tuple(kind.value for kind in PublicationKind)
# FAR 4.1603: six characters of an activity, two of the year, one letter, four to eight of a serial.
UNIQUE_NUMBER = re.compile(r"[A-Z0-9]{6}\d{2}[A-Z][A-Z0-9]{4,8}")
MOST_CANDIDATES = 500
# Navy, Army, Air Force, the Army's Corps of Engineers and the department itself, which announces what they award.
DEFENSE = frozenset({"17", "21", "57", "96", "97"})
FORMS = frozenset(
    ["INC", "LLC", "LTD", "CORP", "CO", "COMPANY", "CORPORATION", "INCORPORATED", "LIMITED", "LP", "LLP", "THE"]
)


@dataclass(frozen=True, slots=True)
class Link:
    """A publication's award, how sure it is (0 to 1) and why."""

    award_key: str
    confidence: float
    reason: str


def link_publication(session: Session, publication: RecordRow, named: str, now: datetime) -> None:
    """Link a stored publication with the awards it is about; `named` is the key that its source states, if any."""
    if named:
        key = current_key(session, named)
        _note(session, publication.key, Link(key, 1.0, "the source names the award by its key"), now)
        return
    for award in _candidates(session, publication, AWARDS):
        for link in _links(publication, award):
            _note(session, publication.key, link, now)


def link_award(session: Session, award: RecordRow, now: datetime) -> None:
    """Link a stored award with the publications that came before it."""
    for publication in _candidates(session, award, PUBLICATIONS):
        for link in _links(publication, award):
            _note(session, publication.key, link, now)


def _candidates(session: Session, row: RecordRow, categories: Iterable[str]) -> Iterator[RecordRow]:
    """Give the records that share a number with this one, in order of key."""
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
    yield from session.scalars(query.order_by(col(RecordRow.key)).limit(MOST_CANDIDATES))


def _links(publication: RecordRow, award: RecordRow) -> Iterator[Link]:
    """Give the surest way in which a publication is about an award, if it is."""
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


def _note(session: Session, record_key: str, link: Link, now: datetime) -> None:
    row = session.get(LinkRow, (record_key, link.award_key))
    if row is None:
        row = LinkRow(
            record_key=record_key,
            award_key=link.award_key,
            confidence=link.confidence,
            reason=link.reason,
            first_seen=now,
        )
    elif row.confidence >= link.confidence:
        return
    row.confidence, row.reason = link.confidence, link.reason
    session.add(row)


def _same_department(one: RecordRow, other: RecordRow) -> bool:
    """Whether both are of one department, as far as both say: codes are four digits of FPDS or three of Treasury."""
    if one.agency_code and other.agency_code:
        return _department(one.agency_code) == _department(other.agency_code)
    return True


def _department(code: str) -> str:
    digits = code.lstrip("0")[:2]
    return "97" if digits in DEFENSE else digits


def _is_same_company(one: str, other: str) -> bool:
    """Whether two names are one company's, legal forms and punctuation aside, or one begins with the other."""
    first, second = _words(one), _words(other)
    shorter, longer = sorted((first, second), key=len)
    return bool(shorter) and longer[: len(shorter)] == shorter


def _words(name: str) -> list[str]:
    words = re.sub(r"[^A-Z0-9 ]+", " ", name.upper().replace("&", " AND ").replace(".", "")).split()
    return [word for word in words if word not in FORMS]


def _bare(number: str) -> str:
    return re.sub(r"[-\s]", "", number.upper())
