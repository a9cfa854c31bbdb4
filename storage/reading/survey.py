"""What real records hold, as a whole: who is paid and what descriptions say, each distinct text once."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from storage.tables import ActionRow, RecordRow


def recipient_names(session: Session) -> list[str]:
    """Return the distinct names of recipients, in order."""
    return sorted(session.scalars(select(col(RecordRow.recipient_name)).distinct()))


def buyers_of_texts(session: Session) -> list[tuple[str, str]]:
    """Return the distinct (recipient, description), of awards and of their actions, in order."""
    of_awards = select(col(RecordRow.recipient_name), col(RecordRow.description))
    of_actions = select(col(RecordRow.recipient_name), col(ActionRow.description)).join(
        ActionRow, col(ActionRow.award_key) == col(RecordRow.key)
    )
    return sorted((recipient, text) for recipient, text in session.execute(of_awards.union(of_actions)) if text)
