"""From a record as a source gives it to the row that is stored, and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from typing import Any

from sources.records import (
    Agency,
    Amount,
    AmountMeaning,
    Attachment,
    Award,
    AwardCategory,
    ContractAction,
    Publication,
    PublicationKind,
    Recipient,
    SourceFact,
)
from storage.tables import ActionRow, RecordRow

AWARD_CATEGORIES = frozenset(category.value for category in AwardCategory)
SAME_NAMES = (
    "key",
    "source",
    "revision",
    "type_text",
    "piid",
    "parent_piid",
    "description",
    "signed",
    "starts",
    "ends",
    "psc",
    "psc_text",
    "naics",
    "naics_text",
    "solicitation",
    "extent_competed",
    "place",
    "url",
    "doubt",
)
OF_AWARDS = (
    "parent_key",
    "obligated",
    "exercised",
    "ceiling",
    "may_end",
    "modified",
    "extent_competed_code",
    "not_competed_reason",
    "fair_opportunity_code",
    "fair_opportunity",
    "offers_received",
    "solicitation_procedure",
    "set_aside_code",
    "set_aside",
    "pricing_code",
    "pricing",
    "outlays",
    "subaward_count",
    "subaward_total",
)


def award_row(award: Award, now: datetime) -> RecordRow:
    """Return the row of an award first seen now (UTC)."""
    return RecordRow(
        **_common(award, now),
        **{name: getattr(award, name) for name in OF_AWARDS},
        category=award.category.value,
        disaster_codes=list(award.disaster_codes),
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
        **{name: getattr(record, name) for name in SAME_NAMES},
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
        "facts": [asdict(fact) for fact in record.facts],
        "first_seen": now,
        "last_changed": now,
    }


def record_from(row: RecordRow, actions: Sequence[ActionRow]) -> Award | Publication:
    """Return a stored record as its sources told it, with its actions in the given order and without evidence."""
    facts = {
        **{name: getattr(row, name) for name in SAME_NAMES},
        "recipient": Recipient(
            name=row.recipient_name,
            uei=row.recipient_uei,
            cage=row.recipient_cage,
            parent_name=row.recipient_parent_name,
            parent_uei=row.recipient_parent_uei,
            state=row.recipient_state,
        ),
        "awarding": Agency(
            code=row.agency_code,
            name=row.agency_name,
            sub_code=row.sub_agency_code,
            sub_name=row.sub_agency_name,
            office=row.office,
        ),
        "funding": Agency(name=row.funding_agency_name, sub_name=row.funding_sub_agency_name),
        "facts": tuple(SourceFact(**fact) for fact in row.facts),
        "documents": (),
    }
    if row.category in AWARD_CATEGORIES:
        return _award(row, facts, actions)
    return Publication(
        **facts,
        kind=PublicationKind(row.category),
        title=row.title,
        modification=row.modification,
        published=row.published,
        deadline=row.deadline,
        state=row.state,
        corrects=row.corrects,
        amounts=tuple(
            Amount(
                meaning=AmountMeaning(amount["meaning"]), dollars=Decimal(amount["dollars"]), shared=amount["shared"]
            )
            for amount in row.amounts
        ),
        attachments=tuple(Attachment(**attachment) for attachment in row.attachments),
    )


def _award(row: RecordRow, facts: dict[str, Any], actions: Sequence[ActionRow]) -> Award:
    return Award(
        **facts,
        **{name: getattr(row, name) for name in OF_AWARDS},
        category=AwardCategory(row.category),
        disaster_codes=tuple(row.disaster_codes),
        actions=tuple(
            ContractAction(
                key=action.key,
                modification=action.modification,
                signed=action.signed,
                obligation=action.obligation,
                description=action.description,
                action_type=action.action_type,
                action_type_text=action.action_type_text,
            )
            for action in actions
        ),
    )
