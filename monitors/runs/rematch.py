"""Match all stored records again after the watchlist or the matcher has changed.

Feeds get only the newest few events of each vendor that gained matches, as after its first poll.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.orm import Session

from monitors.matching.matcher import Matcher
from monitors.runs.jobs import BASELINE_SIZE
from monitors.runs.match_rows import match_rows, named_elsewhere
from monitors.runs.pipeline import RunContext
from storage.database import server_time
from storage.reading.records import all_keys
from storage.reading.rematching import MatchCandidate, has_changed_recipient, keys_by_text, load_candidates
from storage.schema.tables import MatchRow
from storage.writing.runs import publish_rematched
from storage.writing.save import delete_matches, save_matches

BATCH_SIZE = 200


@dataclass(slots=True, kw_only=True)
class RematchReport:
    """What a rematch changed: `gained` and `lost` records by vendor id, `published` events that feeds gain.

    `is_stopped`: it was asked to stop before its end.
    """

    is_stopped: bool = False
    awards: int = 0
    published: int = 0
    gained: dict[str, int] = field(default_factory=dict)
    lost: dict[str, int] = field(default_factory=dict)


def rematch(run_context: RunContext) -> RematchReport:
    """Match every stored record again, a batch in a transaction.

    Interrupted and run again, it publishes what the interrupted one has found, too: new matches are marked as
    unpublished in the transaction that stores them.
    """
    report = RematchReport()
    with run_context.database.reading() as session:
        keys = all_keys(session)
        elsewhere = _vendors_named_elsewhere(session, run_context.matcher)
    for first in range(0, len(keys), BATCH_SIZE):
        if run_context.stop.is_set():
            report.is_stopped = True
            return report
        with run_context.database.writing() as session:
            now = server_time(session)
            for facts in list(load_candidates(session, keys[first : first + BATCH_SIZE])):
                others = elsewhere.get(facts.row.key, frozenset())
                rows = match_rows(session, run_context.matcher, facts.record, now, others)
                _store(session, facts, rows, now, report)
    with run_context.database.writing() as session:
        report.published = publish_rematched(session, BASELINE_SIZE, server_time(session))
    return report


def _vendors_named_elsewhere(session: Session, matcher: Matcher) -> dict[str, frozenset[str]]:
    """Return, by record key, the vendors that are recipients of other records of the same announcement."""
    found: dict[str, frozenset[str]] = {}
    for keys in keys_by_text(session):
        found |= named_elsewhere(matcher, [facts.record for facts in load_candidates(session, keys)])
    return found


def _store(
    session: Session, facts: MatchCandidate, rows: Sequence[MatchRow], now: datetime, report: RematchReport
) -> None:
    """Store the matches of a record, and mark those that are new as unpublished."""
    key = facts.row.key
    found = {row.vendor_id for row in rows}
    gained = sorted(found - facts.vendors)
    for row in rows:
        row.is_unpublished = row.vendor_id in gained
    gone = facts.vendors - found
    # A match by a recipient's earlier name cannot be found again from the present name, so it stays.
    lost = delete_matches(session, key, gone) if gone and not has_changed_recipient(session, key) else set()
    save_matches(session, facts.row, facts.record, rows, now)
    session.flush()
    report.awards += 1
    for vendor_id in gained:
        report.gained[vendor_id] = report.gained.get(vendor_id, 0) + 1
    for vendor_id in lost:
        report.lost[vendor_id] = report.lost.get(vendor_id, 0) + 1
