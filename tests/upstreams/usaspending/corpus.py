"""The demo's real awards: how they are written in `corpus.json.gz`, and how they are read back.

What the public extract lacks is `None`, never invented (README.md says what it lacks). The classes
are mutable on purpose: a test sets a UEI, adds a modification or changes a name between two polls.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from importlib import resources
from typing import Any, Literal

BLANK = "-NONE-"
Category = Literal["contract", "idv"]

TOPTIER_CODE = "070"
TOPTIER_NAME = "Department of Homeland Security"
SUB_AGENCIES = {
    "7012": "U.S. Immigration and Customs Enforcement",
    "7014": "U.S. Customs and Border Protection",
}


def joined_key(*parts: str | None) -> str:
    """Return USAspending's key made of `parts`: upper case, joined by "_", blanks as "-NONE-"."""
    return "_".join(part or BLANK for part in parts).upper()


@dataclass(kw_only=True)
class CorpusAction:
    """A base award or one modification, as the public record has it. `obligation` is dollars, exact.

    `last_modified_date` is when the record of this action was last changed at its source (`None`: the award's date).
    """

    modification: str
    action_date: date
    obligation: Decimal | None
    description: str | None
    action_type: str | None = None
    action_type_description: str | None = None
    transaction_number: str = "0"
    last_modified_date: date | None = None


@dataclass(kw_only=True)
class CorpusAward:
    """One award with its actions, and every field a test may want to set.

    `agency` is the agency of the PIID (7012, 9700), `parent_agency` that of the parent award. `internal_id` is given
    by the fake server when it is `None`. `last_modified_date` may be a `date` or a `datetime`. `listings` are numbers
    and titles of the assistance listings of a grant.
    """

    piid: str
    agency: str
    recipient_name: str | None
    actions: list[CorpusAction]
    parent_piid: str | None = None
    parent_agency: str | None = None
    category: Category = "contract"
    type: str | None = None
    type_description: str | None = None
    internal_id: int | None = None
    description: str | None = None
    date_signed: date | None = None
    last_modified_date: date | None = None
    starts: date | None = None
    ends: date | None = None
    may_end: date | None = None
    exercised: Decimal | None = None
    ceiling: Decimal | None = None
    recipient_uei: str | None = None
    recipient_parent_name: str | None = None
    recipient_parent_uei: str | None = None
    recipient_state: str | None = None
    awarding_toptier_code: str | None = TOPTIER_CODE
    awarding_toptier_name: str | None = TOPTIER_NAME
    awarding_sub_code: str | None = None
    awarding_sub_name: str | None = None
    awarding_office: str | None = None
    funding_toptier_code: str | None = None
    funding_toptier_name: str | None = None
    funding_sub_code: str | None = None
    funding_sub_name: str | None = None
    funding_office: str | None = None
    psc_code: str | None = None
    psc_description: str | None = None
    naics_code: str | None = None
    naics_description: str | None = None
    solicitation: str | None = None
    extent_competed: str | None = None
    extent_competed_description: str | None = None
    place_city: str | None = None
    place_state: str | None = None
    place_country: str | None = None
    listings: tuple[tuple[str, str], ...] = ()
    extra_detail: dict[str, Any] = field(default_factory=dict)

    @property
    def group(self) -> str:
        """The group of award types that it is counted in."""
        return f"{self.category}s"

    @property
    def key(self) -> str:
        """The generated award key: CONT_AWD_piid_agency_parent piid_parent agency, or CONT_IDV_piid_agency."""
        if self.category == "idv":
            return joined_key("CONT_IDV", self.piid, self.agency)
        return joined_key("CONT_AWD", self.piid, self.agency, self.parent_piid, self.parent_agency)

    @property
    def parent_key(self) -> str | None:
        """The key of the award this one is an order under, if any."""
        if self.category == "idv" or not self.parent_piid:
            return None
        return joined_key("CONT_IDV", self.parent_piid, self.parent_agency)

    @property
    def total(self) -> Decimal | None:
        """The obligations of all actions in dollars; `None` when not one is known, or the base action is not here.

        Without the base action (an award older than the extract) the rest adds up to something, but not to its total.
        """
        if all(action.modification != "0" for action in self.actions):
            return None
        known = [action.obligation for action in self.actions if action.obligation is not None]
        return sum(known, Decimal(0)) if known else None

    @property
    def latest(self) -> CorpusAction:
        """The action with the latest date; of several on one day, the one listed last."""
        return max(enumerate(self.actions), key=lambda pair: (pair[1].action_date, pair[0]))[1]

    @property
    def modified(self) -> date | None:
        """The last-modified date of the award: the one set on it, else that of its latest action by action date.

        An action that arrives late and is not the latest therefore leaves it as it was, as at USAspending.
        """
        if self.last_modified_date is None and self.actions:
            return self.latest.last_modified_date
        return self.last_modified_date

    def modified_on(self, action: CorpusAction) -> date | None:
        """The last-modified date of one action: its own, else the award's."""
        return action.last_modified_date or self.last_modified_date

    @property
    def shown_description(self) -> str | None:
        """The award's description: the one set on it, else its base action's, else its earliest action's.

        USAspending's contracts do not say whose description a search row carries; the base award's is what its
        award page shows ("prime_award_base_transaction_description" in its archive files).
        """
        if self.description is not None:
            return self.description
        base = [action for action in self.actions if action.modification == "0"]
        earliest = base or sorted(self.actions, key=lambda action: action.action_date)
        return earliest[0].description if earliest else None

    def action_key(self, action: CorpusAction) -> str:
        """The transaction key of `action`: agency_parent agency_piid_mod_parent piid_transaction number.

        For an IDV only agency, PIID and modification are filled, as USAspending's loader does.
        """
        if self.category == "idv":
            return joined_key(self.agency, None, self.piid, action.modification, None, None)
        number = action.transaction_number
        return joined_key(self.agency, self.parent_agency, self.piid, action.modification, self.parent_piid, number)

    def transaction_id(self, action: CorpusAction) -> str:
        """The key of `action` as the API writes it."""
        return f"CONT_TX_{self.action_key(action)}"


@dataclass(kw_only=True)
class CorpusSubaward:
    """One report of a subaward under `prime`. `extra` replaces fields of its row.

    `is_linked`: whether USAspending has tied it to the prime award; where it has not, the count leaves it out.
    """

    prime: CorpusAward
    number: str | None
    name: str | None
    day: date | None
    amount: Decimal | None
    description: str | None = None
    uei: str | None = None
    state: str | None = None
    city: str | None = None
    is_linked: bool = True
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def is_grant(self) -> bool:
        """Whether it is under assistance."""
        return self.prime.group not in {"contracts", "idvs"}

    @property
    def linked_id(self) -> str | None:
        """The id of the prime award as the index of subawards has it: as text, and only if there is a link."""
        return str(self.prime.internal_id) if self.is_linked else None


def to_json(award: CorpusAward) -> dict[str, Any]:
    """Return the facts of `award` as the corpus file holds them: amounts as strings, dates as ISO text."""
    return {
        "generated_unique_award_id": award.key,
        "piid": award.piid,
        "agency": award.agency,
        "parent_piid": award.parent_piid,
        "parent_agency": award.parent_agency,
        "recipient_name": award.recipient_name,
        "date_signed": award.date_signed.isoformat() if award.date_signed else None,
        "psc_description": award.psc_description,
        "naics_description": award.naics_description,
        "actions": [
            [a.modification, a.action_date.isoformat(), str(a.obligation), a.description] for a in award.actions
        ],
    }


def from_json(row: Mapping[str, Any], internal_id: int) -> CorpusAward:
    """Return the award that `to_json` wrote; `internal_id` is its number in the fake server."""
    actions = [
        CorpusAction(
            modification=modification,
            action_date=date.fromisoformat(signed),
            obligation=Decimal(obligation),
            description=description,
        )
        for modification, signed, obligation, description in row["actions"]
    ]
    return CorpusAward(
        piid=row["piid"],
        agency=row["agency"],
        parent_piid=row["parent_piid"],
        parent_agency=row["parent_agency"],
        recipient_name=row["recipient_name"],
        date_signed=date.fromisoformat(row["date_signed"]) if row["date_signed"] else None,
        psc_description=row["psc_description"],
        naics_description=row["naics_description"],
        awarding_sub_code=row["agency"],
        awarding_sub_name=SUB_AGENCIES.get(row["agency"]),
        internal_id=internal_id,
        actions=actions,
    )


def read_corpus() -> dict[str, Any]:
    """Return the shipped corpus as it stands in the file: {"origin": ..., "awards": [...]}."""
    packed = resources.files(__package__).joinpath("corpus.json.gz").read_bytes()
    content: dict[str, Any] = json.loads(gzip.decompress(packed))
    return content


def load_corpus() -> list[CorpusAward]:
    """Return the shipped awards, fresh objects each time, numbered from 1 in the file's order."""
    return [from_json(row, number) for number, row in enumerate(read_corpus()["awards"], start=1)]
