"""Awards with only the fields that the matcher reads."""

from __future__ import annotations

from datetime import date

from monitors.matching.matcher import Match
from sources.records import Agency, Award, AwardCategory, ContractAction, Recipient


def award(
    name: str = "SOME RECIPIENT LLC",
    description: str = "",
    *,
    actions: tuple[str, ...] = (),
    uei: str = "",
    parent_name: str = "",
    parent_uei: str = "",
    cage: str = "",
    signed: date | None = date(2023, 1, 1),
) -> Award:
    """Return an award; other fields are empty."""
    return Award(
        key="CONT_AWD_X_7012_-NONE-_-NONE-",
        source="usaspending",
        revision="",
        category=AwardCategory.CONTRACT,
        type_text="",
        piid="X",
        parent_piid="",
        parent_key="",
        description=description,
        recipient=Recipient(name=name, uei=uei, cage=cage, parent_name=parent_name, parent_uei=parent_uei),
        awarding=Agency(),
        funding=Agency(),
        obligated=None,
        exercised=None,
        ceiling=None,
        signed=signed,
        starts=None,
        ends=None,
        may_end=None,
        modified=None,
        psc="",
        psc_text="",
        naics="",
        naics_text="",
        solicitation="",
        extent_competed="",
        place="",
        url="",
        actions=tuple(
            ContractAction(key=f"action-{n}", modification=str(n), signed=None, obligation=None, description=text)
            for n, text in enumerate(actions)
        ),
        documents=(),
    )


def of_vendors(matches: tuple[Match, ...]) -> tuple[Match, ...]:
    """Return the matches with vendors, not with topics."""
    return tuple(match for match in matches if not match.vendor_id.startswith("topic-"))
