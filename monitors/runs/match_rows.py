"""Turn the matches of a record, and those of its parent award, into rows to store."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, replace
from datetime import date, datetime

from sqlalchemy.orm import Session

from monitors.matching.matcher import Match, Matcher, Signal, SignalKind
from monitors.matching.review_clues import clues_of
from sources.records import Award, Publication, Record
from storage.models import MatchBand
from storage.reading.records import notice_matches_of, published_matches_of
from storage.reading.rematching import load_candidates
from storage.schema.tables import MatchRow
from storage.writing.changes import is_base
from storage.writing.renumbering import current_key

INHERITED_SCORE = 0.7
MIN_NUMBER_LENGTH = 8  # shorter solicitation numbers ("1", "RFQ-01") are used by many offices


def match_rows(
    session: Session,
    matcher: Matcher,
    record: Award | Publication,
    now: datetime,
    named_elsewhere: Collection[str] = (),
) -> list[MatchRow]:
    """Return the rows of all vendors that a record concerns, first seen now (UTC).

    An order often says little ("LICENSES") because the agreement it is placed under, or the notice of its solicitation,
    says it all, so the entries that these concern are added for review. `named_elsewhere`: vendors that are recipients
    of another record of the same text, where the text names them for that reason.
    """
    found = [match for match in matcher.matches(_as_known(session, record)) if match.vendor_id not in named_elsewhere]
    rows = [match_row(match, record, matcher, now) for match in found]
    if isinstance(record, Publication):
        return rows
    return rows + list(_inherited(session, matcher, record, {row.vendor_id for row in rows}, now))


def _as_known(session: Session, record: Award | Publication) -> Award | Publication:
    """Return an award that a source lists action by action with all that is known of it.

    Where each action has only its own text, that text does not concern the whole award, and is no description of it.
    """
    if not isinstance(record, Award) or not record.is_partial:
        return record
    if record.has_own_text:
        return _with_stored_actions(session, record)
    is_repeated = record.description in {action.description for action in record.actions}
    return replace(record, description="") if is_repeated and not any(map(is_base, record.actions)) else record


def _with_stored_actions(session: Session, award: Award) -> Award:
    """Return an award with the actions that are stored of it, too, and as it stood after the latest of all."""
    stored = next((found.record for found in load_candidates(session, [current_key(session, award.key)])), None)
    if not isinstance(stored, Award):
        return award
    actions = {action.key: action for action in (*stored.actions, *award.actions)}
    latest = max(
        (award, stored),
        key=lambda known: max((action.signed or date.min for action in known.actions), default=date.min),
    )
    return replace(
        latest,
        key=award.key,
        actions=tuple(sorted(actions.values(), key=lambda action: (action.signed or date.min, action.key))),
    )


def named_elsewhere(matcher: Matcher, records: Sequence[Record]) -> dict[str, frozenset[str]]:
    """Return, by record key, the vendors that are recipients of other records of the same text.

    An announcement with several awardees is one record for each of them, and its text names them all.
    """
    by_text: dict[str, list[Publication]] = defaultdict(list)
    for record in records:
        if isinstance(record, Publication):
            by_text[record.description].append(record)
    found: dict[str, frozenset[str]] = {}
    for group in by_text.values():
        paid = {record.key: matcher.recipient_vendors(record) for record in group} if len(group) > 1 else {}
        all_recipients = frozenset().union(*paid.values())
        found |= {key: all_recipients - own for key, own in paid.items()}
    return found


def match_row(match: Match, record: Award | Publication, matcher: Matcher, now: datetime) -> MatchRow:
    """Return the row of a match of a record, first seen now (UTC)."""
    return MatchRow(
        record_key=record.key,
        vendor_id=match.vendor_id,
        vendor_name=match.vendor_name,
        vendor_category=match.category,
        score=match.score,
        matcher_band=match.band.value,
        band=match.band.value,
        rule=match.rule,
        reason=match.reason,
        signals=[{**asdict(signal), "kind": signal.kind.value} for signal in match.signals],
        priority=match.priority,
        clues=[asdict(clue) for clue in match.clues],
        is_topic=match.vendor_id in matcher.topics,
        action_keys=list(match.action_keys),
        watchlist_version=matcher.version,
        first_seen=now,
    )


def _inherited(session: Session, matcher: Matcher, award: Award, found: set[str], now: datetime) -> Iterator[MatchRow]:
    """Yield a match for review for each entry that the parent award, or the notice of its solicitation, concerns."""
    clues = clues_of(award)
    for kind, number, said, origin in _origins(session, award):
        if origin.vendor_id in found:
            continue
        found.add(origin.vendor_id)
        signal = Signal(
            kind=kind,
            field=kind.value.replace("-", "_"),
            text=number,
            term=origin.vendor_name,
            start=0,
            end=len(number),
            score=INHERITED_SCORE,
        )
        match = Match(
            vendor_id=origin.vendor_id,
            vendor_name=origin.vendor_name,
            category=origin.vendor_category,
            signals=(signal,),
            score=INHERITED_SCORE,
            band=MatchBand.REVIEW,
            rule=kind.value,
            reason=f"{said}, which concerns {origin.vendor_name}: {origin.reason}",
            priority=clues.priority(INHERITED_SCORE),
            clues=clues.all,
        )
        yield match_row(match, award, matcher, now)


def _origins(session: Session, award: Award) -> Iterator[tuple[SignalKind, str, str, MatchRow]]:
    """Yield the published matches that an award inherits: kind of signal, number, how they belong to it, match."""
    for match in published_matches_of(session, award.parent_key) if award.parent_key else ():
        yield SignalKind.PARENT_AWARD, award.parent_piid, f"Ordered under {award.parent_piid}", match
    for match in matches_of_solicitation(session, award):
        yield SignalKind.SOLICITATION, award.solicitation, f"Bought under solicitation {award.solicitation}", match


def matches_of_solicitation(session: Session, award: Award) -> Sequence[MatchRow]:
    """Return the published matches of the notice of an award's solicitation."""
    is_long = len(award.solicitation) >= MIN_NUMBER_LENGTH
    return notice_matches_of(session, award.solicitation) if is_long else ()
