"""Matching stored awards anew, when the watchlist or the matcher has changed.

Feeds get only what is new: of the awards that newly concern a vendor, its newest few, as with a first look at a vendor.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from monitors.bulk import BulkMatcher
from monitors.jobs import NEWEST_OF_A_BASELINE
from monitors.match_rows import rows_of
from monitors.run import Workshop
from sources.records import Agency, Award, AwardCategory, ContractAction, Recipient
from storage.reading import all_keys
from storage.rematching import StoredFacts, drop_matches, facts_of, recipients_changed
from storage.runs import tell_newest
from storage.saving import save_award
from storage.tables import MatchRow

AT_ONCE = 200


@dataclass(slots=True, kw_only=True)
class RematchReport:
    """What matching anew came to: `gained` and `lost` awards by vendor id, `told` entries that feeds gain."""

    awards: int = 0
    told: int = 0
    gained: dict[str, int] = field(default_factory=dict)
    lost: dict[str, int] = field(default_factory=dict)


def rematch(workshop: Workshop) -> RematchReport:
    """Match every stored award anew, a batch in a transaction: it can be cut off and run again."""
    report = RematchReport()
    newly: dict[str, list[str]] = {}
    now = datetime.now(UTC)
    matcher = BulkMatcher(workshop.matcher)
    with workshop.database.reading() as session:
        keys = all_keys(session)
    for first in range(0, len(keys), AT_ONCE):
        if workshop.stop.is_set():
            break
        with workshop.database.writing() as session:
            stored = list(facts_of(session, keys[first : first + AT_ONCE]))
            found = matcher.matches(map(award_from, stored))
            for facts, (award, matches) in zip(stored, found, strict=True):
                rows = rows_of(session, workshop.matcher.version, award, matches, now)
                for vendor_id in _store(session, facts, award, rows, now=now, report=report):
                    newly.setdefault(vendor_id, []).append(award.key)
    with workshop.database.writing() as session:
        for vendor_id, award_keys in sorted(newly.items()):
            report.told += tell_newest(session, [vendor_id], NEWEST_OF_A_BASELINE, now, among=award_keys)
    return report


def _store(
    session: Session,
    facts: StoredFacts,
    award: Award,
    rows: Sequence[MatchRow],
    *,
    now: datetime,
    report: RematchReport,
) -> Sequence[str]:
    """Store what an award matches now; return the vendors that it newly concerns."""
    found = {row.vendor_id for row in rows}
    gained = sorted(found - facts.vendors)
    gone = facts.vendors - found
    # What matched under a recipient's earlier name cannot be found again from the present one, and stays.
    lost = drop_matches(session, award.key, gone) if gone and not recipients_changed(session, award.key) else set()
    save_award(session, award, rows, now, lambda _vendors: False)
    session.flush()
    report.awards += 1
    for vendor_id in gained:
        report.gained[vendor_id] = report.gained.get(vendor_id, 0) + 1
    for vendor_id in lost:
        report.lost[vendor_id] = report.lost.get(vendor_id, 0) + 1
    return gained


def award_from(facts: StoredFacts) -> Award:
    """Return a stored award as its source told it, without its evidence."""
    row = facts.award
    actions = tuple(
        ContractAction(
            key=action.key,
            modification=action.modification,
            signed=action.signed,
            obligation=action.obligation,
            description=action.description,
            action_type=action.action_type,
            action_type_text=action.action_type_text,
        )
        for action in facts.actions
    )
    return Award(
        key=row.key,
        source=row.source,
        revision=row.revision,
        category=AwardCategory(row.category),
        type_text=row.type_text,
        piid=row.piid,
        parent_piid=row.parent_piid,
        parent_key=row.parent_key,
        description=row.description,
        recipient=Recipient(
            name=row.recipient_name,
            uei=row.recipient_uei,
            cage=row.recipient_cage,
            parent_name=row.recipient_parent_name,
            parent_uei=row.recipient_parent_uei,
            state=row.recipient_state,
        ),
        awarding=Agency(
            code=row.agency_code,
            name=row.agency_name,
            sub_code=row.sub_agency_code,
            sub_name=row.sub_agency_name,
            office=row.office,
        ),
        funding=Agency(name=row.funding_agency_name, sub_name=row.funding_sub_agency_name),
        obligated=row.obligated,
        exercised=row.exercised,
        ceiling=row.ceiling,
        signed=row.signed,
        starts=row.starts,
        ends=row.ends,
        may_end=row.may_end,
        modified=row.modified,
        psc=row.psc,
        psc_text=row.psc_text,
        naics=row.naics,
        naics_text=row.naics_text,
        solicitation=row.solicitation,
        extent_competed=row.extent_competed,
        place=row.place,
        url=row.url,
        actions=actions,
        documents=(),
    )
