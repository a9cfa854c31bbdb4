"""The review page: matches pending review, and the latest decisions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from feeds.entries.details import Detail, amounts, award_details
from feeds.entries.entry import Reason, reason_for
from feeds.entries.highlight import Piece, marked_pieces
from feeds.entries.matches import buyer_label, recipient_label
from feeds.pages.page_context import PageContext
from feeds.urls import official_page
from storage.models import StoredAction
from storage.reading.review_queue import PendingReview

MAX_ACTIONS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingMatch:
    """A match pending review. `score` is from 0 to 1; `clues` are a text and its points of the priority each."""

    record_key: str
    piid: str
    vendor_id: str
    vendor_name: str
    score: float
    priority: int
    clues: tuple[tuple[str, int], ...]
    recipient: str
    buyer: str
    obligated: Decimal | None
    reason: Reason
    description: tuple[Piece, ...]
    actions: tuple[tuple[StoredAction, tuple[Piece, ...]], ...]
    details: tuple[Detail, ...]
    official_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LikeMatches:
    """The other pending matches that one decision about `subject` settles; `about` and `effect` say so in words."""

    subject: str
    about: str
    effect: str
    others: tuple[PendingMatch, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingGroup:
    """A pending match, and those that one decision settles together with it, if there are any."""

    first: PendingMatch
    like: LikeMatches | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PastDecision:
    """A decision that can be undone. `about` describes its subject."""

    vendor_id: str
    vendor_name: str
    subject: str
    about: str
    decision: str
    decided_by: str
    decided_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewPage:
    """The data of the page: the first groups. `total` counts all pending matches, `groups` their groups.

    `name_only` counts the matches by a name only, which are not listed. `vendor` is the id of the vendor filter, or "".
    """

    waiting: tuple[PendingGroup, ...]
    total: int
    groups: int
    name_only: int
    decided: tuple[PastDecision, ...]
    vendor: str = ""
    vendor_name: str = ""


def pending_match(pending: PendingReview, actions: Sequence[StoredAction]) -> PendingMatch:
    """Return a pending match with its record's details."""
    record, match = pending.record, pending.match
    by_key = {action.key: action for action in actions}
    signals = [signal for signal in match.signals if signal.field == "description"]
    return PendingMatch(
        record_key=record.key,
        piid=record.piid,
        vendor_id=match.vendor_id,
        vendor_name=match.vendor_name,
        score=match.score,
        priority=pending.priority,
        clues=pending.clues,
        recipient=recipient_label(record),
        buyer=buyer_label(record),
        obligated=record.obligated,
        reason=reason_for(match, record, by_key),
        description=marked_pieces(record.description, signals),
        actions=tuple(
            (action, marked_pieces(action.description, [one for one in match.signals if one.action_key == action.key]))
            for action in actions[:MAX_ACTIONS]
        ),
        details=(*amounts(record), *award_details(record)),
        official_url=official_page(record),
    )


def render_review(context: PageContext, page: ReviewPage) -> bytes:
    """Return the review page."""
    return context.render("review.html", page=page)


def render_sign_in(
    context: PageContext, *, has_token: bool, problem: str = "", name: str = "", then: str = ""
) -> bytes:
    """Return the sign-in page. Without a token it explains that web review is off.

    `problem` says why signing in failed, `name` is the name that was given, and `then` the path of the page to go to.
    """
    return context.render("sign_in.html", has_token=has_token, problem=problem, reviewer=name, then=then)
