"""The page of the review: what waits for a person, and what was decided last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from feeds.entries.details import Detail, amounts, award_details
from feeds.entries.entry import Reason, reason_for
from feeds.entries.highlight import Piece, marked_pieces
from feeds.entries.matches import buyer_label, recipient_label
from feeds.pages.page_context import PageContext
from feeds.urls import official_page
from storage.models import StoredAction, StoredMatch, StoredRecord

ACTIONS_SHOWN = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingMatch:
    """A match that waits, with all that is needed to decide it. `score` is from 0 to 1."""

    record_key: str
    vendor_id: str
    vendor_name: str
    score: float
    recipient: str
    buyer: str
    reason: Reason
    description: tuple[Piece, ...]
    actions: tuple[tuple[StoredAction, tuple[Piece, ...]], ...]
    details: tuple[Detail, ...]
    official_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PastDecision:
    """A verdict that can be taken back: in words, of whom, when, and about what."""

    vendor_id: str
    vendor_name: str
    subject: str
    about: str
    decision: str
    who: str
    decided_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewPage:
    """All that the page shows. `total` matches wait; `vendor` is the id of the one they are narrowed to, or ""."""

    waiting: tuple[PendingMatch, ...]
    total: int
    decided: tuple[PastDecision, ...]
    vendor: str = ""
    vendor_name: str = ""


def pending_match(record: StoredRecord, match: StoredMatch, actions: Sequence[StoredAction]) -> PendingMatch:
    """Return a match as the page shows it."""
    texts = {action.key: action.description for action in actions}
    signals = [signal for signal in match.signals if signal.field == "description"]
    return PendingMatch(
        record_key=record.key,
        vendor_id=match.vendor_id,
        vendor_name=match.vendor_name,
        score=match.score,
        recipient=recipient_label(record),
        buyer=buyer_label(record),
        reason=reason_for(match, record, texts),
        description=marked_pieces(record.description, signals),
        actions=tuple(
            (action, marked_pieces(action.description, [one for one in match.signals if one.action_key == action.key]))
            for action in actions[:ACTIONS_SHOWN]
        ),
        details=(*amounts(record), *award_details(record)),
        official_url=official_page(record),
    )


def render_review(context: PageContext, page: ReviewPage) -> bytes:
    """Return the page of the queue."""
    return context.render("review.html", page=page)


def render_sign_in(context: PageContext, *, has_token: bool, problem: str = "") -> bytes:
    """Return the page on which a reviewer signs in; without a token there is nothing to sign in with."""
    return context.render("sign_in.html", has_token=has_token, problem=problem)
