"""From what the matcher finds in an award, and what its parent award was found to concern, to the rows to store."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import datetime

from sqlalchemy.orm import Session

from monitors.matcher import Match, Matcher
from sources.records import Award
from storage.reading import published_matches_of
from storage.tables import MatchRow

INHERITED_SCORE = 0.7
PARENT_AWARD = "parent-award"


def match_rows(session: Session, matcher: Matcher, award: Award, now: datetime) -> list[MatchRow]:
    """Return the rows of all vendors an award concerns, first seen now (UTC)."""
    return rows_of(session, matcher.version, award, matcher.matches(award), now)


def rows_of(
    session: Session, watchlist_version: str, award: Award, matches: Iterable[Match], now: datetime
) -> list[MatchRow]:
    """Return the rows of what the matcher has found in an award, and of what its parent award concerns.

    An order says little ("LICENSES") where the agreement it is placed under has said it all: what its parent award
    concerns, it may concern too, which a person has to see.
    """
    rows = [match_row(match, award, watchlist_version, now) for match in matches]
    return rows + list(_inherited(session, watchlist_version, award, {row.vendor_id for row in rows}, now))


def match_row(match: Match, award: Award, watchlist_version: str, now: datetime) -> MatchRow:
    """Return the row of a match of an award, first seen now (UTC)."""
    return MatchRow(
        award_key=award.key,
        vendor_id=match.vendor_id,
        vendor_name=match.vendor_name,
        vendor_category=match.category,
        score=match.score,
        own_band=match.band.value,
        band=match.band.value,
        rule=match.rule,
        reason=match.reason,
        signals=[{**asdict(signal), "kind": signal.kind.value} for signal in match.signals],
        watchlist_version=watchlist_version,
        first_seen=now,
    )


def _inherited(
    session: Session, watchlist_version: str, award: Award, found: set[str], now: datetime
) -> Iterator[MatchRow]:
    if not award.parent_key:
        return
    for parent in published_matches_of(session, award.parent_key):
        if parent.vendor_id in found:
            continue
        yield MatchRow(
            award_key=award.key,
            vendor_id=parent.vendor_id,
            vendor_name=parent.vendor_name,
            vendor_category=parent.vendor_category,
            score=INHERITED_SCORE,
            own_band="review",
            band="review",
            rule=PARENT_AWARD,
            reason=f"Ordered under {award.parent_piid}, which concerns {parent.vendor_name}: {parent.reason}",
            signals=[
                {
                    "kind": PARENT_AWARD,
                    "field": "parent_award",
                    "text": award.parent_piid,
                    "term": parent.vendor_name,
                    "start": 0,
                    "end": len(award.parent_piid),
                    "score": INHERITED_SCORE,
                    "action_key": "",
                }
            ],
            watchlist_version=watchlist_version,
            first_seen=now,
        )
