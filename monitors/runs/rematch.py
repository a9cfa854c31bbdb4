"""Matching stored awards anew, when the watchlist or the matcher has changed.

Feeds get only what is new: of the awards that newly concern a vendor, its newest few, as with a first look at a vendor.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from monitors.runs.jobs import BASELINE_SIZE
from monitors.runs.match_rows import match_rows
from monitors.runs.pipeline import RunContext
from storage.reading.records import all_keys
from storage.reading.rematching import StoredFacts, drop_matches, facts_of, recipients_changed
from storage.tables import MatchRow
from storage.writing.runs import publish_newest
from storage.writing.save import save_matches

AT_ONCE = 200


@dataclass(slots=True, kw_only=True)
class RematchReport:
    """What matching anew came to: `gained` and `lost` awards by vendor id, `told` entries that feeds gain."""

    awards: int = 0
    told: int = 0
    gained: dict[str, int] = field(default_factory=dict)
    lost: dict[str, int] = field(default_factory=dict)


def rematch(run_context: RunContext) -> RematchReport:
    """Match every stored award anew, a batch in a transaction: it can be cut off and run again."""
    report = RematchReport()
    newly: dict[str, list[str]] = {}
    now = datetime.now(UTC)
    with run_context.database.reading() as session:
        keys = all_keys(session)
    for first in range(0, len(keys), AT_ONCE):
        if run_context.stop.is_set():
            break
        with run_context.database.writing() as session:
            for facts in list(facts_of(session, keys[first : first + AT_ONCE])):
                rows = match_rows(session, run_context.matcher, facts.record, now)
                for vendor_id in _store(session, facts, rows, now, report):
                    newly.setdefault(vendor_id, []).append(facts.row.key)
    with run_context.database.writing() as session:
        for vendor_id, award_keys in sorted(newly.items()):
            report.told += publish_newest(session, [vendor_id], BASELINE_SIZE, now, among=award_keys)
    return report


def _store(
    session: Session, facts: StoredFacts, rows: Sequence[MatchRow], now: datetime, report: RematchReport
) -> Sequence[str]:
    """Store what a record matches now; return the vendors that it newly concerns."""
    key = facts.row.key
    found = {row.vendor_id for row in rows}
    gained = sorted(found - facts.vendors)
    gone = facts.vendors - found
    # What matched under a recipient's earlier name cannot be found again from the present one, and stays.
    lost = drop_matches(session, key, gone) if gone and not recipients_changed(session, key) else set()
    save_matches(session, facts.row, facts.record, rows, now)
    session.flush()
    report.awards += 1
    for vendor_id in gained:
        report.gained[vendor_id] = report.gained.get(vendor_id, 0) + 1
    for vendor_id in lost:
        report.lost[vendor_id] = report.lost.get(vendor_id, 0) + 1
    return gained
