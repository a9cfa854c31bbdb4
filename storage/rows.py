"""From a record as a source gives it to the row that is stored."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from sources.records import Award, Publication
from storage.tables import RecordRow


def award_row(award: Award, now: datetime) -> RecordRow:
    """Return the row of an award first seen now (UTC)."""
    return RecordRow(
        **_common(award, now),
        category=award.category.value,
        parent_key=award.parent_key,
        obligated=award.obligated,
        exercised=award.exercised,
        ceiling=award.ceiling,
        may_end=award.may_end,
        modified=award.modified,
    )


def publication_row(publication: Publication, now: datetime) -> RecordRow:
    """Return the row of a publication first seen now (UTC)."""
    return RecordRow(
        **_common(publication, now),
        category=publication.kind.value,
        parent_key="",
        title=publication.title,
        modification=publication.modification,
        published=publication.published,
        deadline=publication.deadline,
        state=publication.state,
        corrects=publication.corrects,
        amounts=[
            {"meaning": amount.meaning.value, "dollars": str(amount.dollars), "shared": amount.shared}
            for amount in publication.amounts
        ],
        attachments=[asdict(attachment) for attachment in publication.attachments],
    )


def _common(record: Award | Publication, now: datetime) -> dict[str, Any]:
    """Return the columns that awards and publications share."""
    recipient, awarding, funding = record.recipient, record.awarding, record.funding
    return {
        "key": record.key,
        "source": record.source,
        "revision": record.revision,
        "type_text": record.type_text,
        "piid": record.piid,
        "parent_piid": record.parent_piid,
        "description": record.description,
        "recipient_name": recipient.name,
        "recipient_uei": recipient.uei,
        "recipient_cage": recipient.cage,
        "recipient_state": recipient.state,
        "recipient_parent_name": recipient.parent_name,
        "recipient_parent_uei": recipient.parent_uei,
        "agency_code": awarding.code,
        "agency_name": awarding.name,
        "sub_agency_code": awarding.sub_code,
        "sub_agency_name": awarding.sub_name,
        "office": awarding.office,
        "funding_agency_name": funding.name,
        "funding_sub_agency_name": funding.sub_name,
        "signed": record.signed,
        "starts": record.starts,
        "ends": record.ends,
        "psc": record.psc,
        "psc_text": record.psc_text,
        "naics": record.naics,
        "naics_text": record.naics_text,
        "solicitation": record.solicitation,
        "extent_competed": record.extent_competed,
        "place": record.place,
        "url": record.url,
        "doubt": record.doubt,
        "facts": [asdict(fact) for fact in record.facts],
        "first_seen": now,
        "last_changed": now,
    }
