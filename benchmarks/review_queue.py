"""Measure the review queue that a file of contract actions gives: `python -m benchmarks.review_queue FILE`.

Prints, by what speaks for each pair of an award and an entry, how many are pending review and how many are by the name
only, then the first rows of the queue. `--since` and `--until` read only the actions signed on these days.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.extracts import awards_of, read_extract
from feeds.text import pluralize
from monitors.matching.matcher import Match, Matcher
from monitors.watchlist.loader import load_watchlist
from sources.records import Award
from storage.models import MatchBand, StoredMatch, StoredRecord, StoredSignal
from storage.reading.review_queue import PendingReview
from storage.search.review_subjects import ReviewGroup, group_reviews

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ROWS = 20


def undecided(matcher: Matcher, awards: Iterable[Award]) -> Iterator[tuple[Award, Match]]:
    """Yield the matches that are not published."""
    for award in awards:
        yield from ((award, match) for match in matcher.matches(award) if match.band is not MatchBand.PUBLISHED)


def what_speaks_for(match: Match) -> str:
    """Return what a match rests on, in words."""
    if match.rule.startswith("topic"):
        return "words of a topic"
    for portfolio in ("broad", "mixed"):
        if match.rule.startswith(f"{portfolio}-portfolio"):
            return f"a {portfolio} company's name"
    return "words for a vendor" if "phrase" in match.rule else "a similar name"


def counts_table(found: Sequence[tuple[Award, Match]], groups: Sequence[ReviewGroup]) -> Table:
    """Return how many pairs are pending and by the name only, by what speaks for them."""
    counts = Counter((what_speaks_for(match), match.band) for _, match in found)
    bands = (MatchBand.REVIEW, MatchBand.NAME_ONLY)
    shown = Table(
        title=f"Uncertain matches; those pending review are {pluralize(len(groups), 'group')}", title_justify="left"
    )
    for column in ("what speaks for it", "pending review", "by the name only"):
        shown.add_column(column, justify="left" if column == "what speaks for it" else "right")
    for reason in sorted({reason for reason, _ in counts}):
        shown.add_row(reason, *(str(counts[reason, band]) for band in bands))
    shown.add_row("all", *(str(sum(match.band is band for _, match in found)) for band in bands))
    return shown


def queue_of(found: Iterable[tuple[Award, Match]]) -> list[PendingReview]:
    """Return the pending matches as the review queue has them."""
    queue = [_pending(award, match) for award, match in found if match.band is MatchBand.REVIEW]
    return sorted(queue, key=lambda one: (-one.priority, -one.match.score, one.match.vendor_id, one.record.key))


def _pending(award: Award, match: Match) -> PendingReview:
    *_, parent_piid, parent_agency = award.key.split("_")
    record = StoredRecord(
        key=award.key,
        source=award.source,
        category=award.category.value,
        piid=award.piid,
        parent_key=award.parent_key or ("" if parent_piid == "-NONE-" else f"CONT_IDV_{parent_piid}_{parent_agency}"),
        description=award.description,
        recipient_name=award.recipient.name,
        recipient_uei=award.recipient.uei,
        psc=award.psc or award.psc_text,
        first_seen=NOW,
        last_changed=NOW,
    )
    stored = StoredMatch(
        vendor_id=match.vendor_id,
        vendor_name=match.vendor_name,
        category=match.category,
        band=match.band.value,
        score=match.score,
        reason=match.reason,
        signals=tuple(
            StoredSignal(
                kind=signal.kind.value,
                field=signal.field,
                text=signal.text,
                term=signal.term,
                start=signal.start,
                end=signal.end,
                score=signal.score,
                action_key=signal.action_key,
            )
            for signal in match.signals
        ),
        first_seen=NOW,
    )
    clues = tuple((clue.text, clue.points) for clue in match.clues)
    return PendingReview(record=record, match=stored, priority=match.priority, clues=clues)


def rows_table(groups: Sequence[ReviewGroup]) -> Table:
    """Return the first groups of the queue."""
    shown = Table(title="First in the queue", title_justify="left")
    for column in ("priority", "pairs", "vendor", "recipient", "text", "clues"):
        shown.add_column(column)
    for group in groups[:ROWS]:
        first = group.first
        clues = "; ".join(f"{points:+} {text}" for text, points in first.clues)
        about = (first.match.vendor_name, first.record.recipient_name, first.record.description[:120], clues)
        shown.add_row(str(first.priority), str(len(group.members)), *about)
    return shown


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("actions", type=Path, metavar="FILE", help="a CSV of contract actions (may be gzipped)")
    parser.add_argument("--since", default="", metavar="DATE", help="only actions signed on this day or later")
    parser.add_argument(
        "--until", default="9999-12-31", metavar="DATE", help="only actions signed on this day or earlier"
    )
    options = parser.parse_args(arguments)
    rows = (row for row in read_extract(options.actions) if options.since <= row["action_date"] <= options.until)
    found = list(undecided(Matcher(load_watchlist()), awards_of(rows)))
    groups = group_reviews(queue_of(found))
    out = Console(width=170, highlight=False)
    out.print(counts_table(found, groups))
    out.print(rows_table(groups))


if __name__ == "__main__":
    main()
