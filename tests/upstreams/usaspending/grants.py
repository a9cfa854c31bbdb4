"""The fake USAspending with grants: what is different for assistance.

Facts: the sample of a direct payment in usaspending_api/api_contracts/contracts/v2/awards/award_id.md and that of a
grant's transaction in v2/transactions.md; keys, dataactbroker/helpers/validation_helper.py of the broker; groups,
awards/v2/lookups/lookups.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.upstreams.faults import Faulty
from tests.upstreams.usaspending import details
from tests.upstreams.usaspending.corpus import CorpusAction, CorpusAward, CorpusSubaward, joined_key
from tests.upstreams.usaspending.server import FakeUsaspending

GROUP_OF_TYPE = {
    **dict.fromkeys(("02", "03", "04", "05", "F001", "F002"), "grants"),
    **dict.fromkeys(("06", "10", "F006", "F007"), "direct_payments"),
    **dict.fromkeys(("09", "11", "-1", "F005", "F008", "F009", "F010"), "other"),
}


@dataclass(kw_only=True)
class CorpusGrant(CorpusAward):
    """An award of assistance: `piid` is its FAIN or, when `is_aggregate`, its URI; `type` is its type code.

    `agency` is the awarding sub-agency (of its transactions' keys); its own key has the department instead.
    """

    type: str | None = "04"
    type_description: str | None = "PROJECT GRANT (B)"
    is_aggregate: bool = False
    listings: tuple[tuple[str, str], ...] = (("97.067", "Homeland Security Grant Program"),)

    @property
    def group(self) -> str:
        return GROUP_OF_TYPE[self.type or "04"]

    @property
    def key(self) -> str:
        kind = "ASST_AGG" if self.is_aggregate else "ASST_NON"
        return joined_key(kind, self.piid, self.awarding_toptier_code)

    @property
    def parent_key(self) -> None:
        return None

    def action_key(self, action: CorpusAction) -> str:
        fain, uri = (None, self.piid) if self.is_aggregate else (self.piid, None)
        listing = self.listings[0][0] if self.listings else None
        return joined_key(self.agency, fain, uri, listing, action.modification)

    def transaction_id(self, action: CorpusAction) -> str:
        return f"ASST_TX_{self.action_key(action)}"


class FakeAssistance(FakeUsaspending):
    """Serves contracts and grants alike."""

    def detail(self, award: CorpusAward) -> Mapping[str, Any]:
        return grant_detail(award) if isinstance(award, CorpusGrant) else super().detail(award)


def grant_detail(award: CorpusGrant) -> dict[str, Any]:
    """Answer GET awards/{id}/ for assistance: the names of the contract's sample, null where nothing is known."""
    total = None if award.total is None else float(award.total)
    detail: dict[str, Any] = {
        "id": award.internal_id,
        "generated_unique_award_id": award.key,
        "fain": None if award.is_aggregate else award.piid,
        "uri": award.piid if award.is_aggregate else None,
        "category": {"grants": "grant", "direct_payments": "direct payment", "other": "other"}[award.group],
        "type": award.type,
        "type_description": award.type_description,
        "description": award.shown_description,
        "subaward_count": 0,
        "total_subaward_amount": None,
        "awarding_agency": details.agency(award, "awarding"),
        "funding_agency": details.agency(award, "funding"),
        "recipient": details.recipient(award),
        "total_subsidy_cost": None,
        "total_loan_value": None,
        "total_obligation": total,
        "date_signed": details.day(award.date_signed),
        "base_and_all_options": None,
        "base_exercised_options": None,
        "non_federal_funding": 0.0,
        "total_funding": total,
        "record_type": 1 if award.is_aggregate else 2,
        "cfda_info": [{"cfda_number": number, "cfda_title": title} for number, title in award.listings],
        "transaction_obligated_amount": None,
        "period_of_performance": {
            "start_date": details.day(award.starts),
            "end_date": details.day(award.ends),
            "last_modified_date": details.day(award.modified),
        },
        "executive_details": {"officers": [{"name": None, "amount": None} for _ in range(5)]},
        "place_of_performance": details.place(state_code=award.place_state, city_name=award.place_city),
        "total_account_outlay": None,
        "total_account_obligation": None,
        "account_outlays_by_defc": [],
        "account_obligations_by_defc": [],
    }
    return detail | award.extra_detail


class FaultyAssistance(Faulty, FakeAssistance):
    """USAspending with grants, failing."""

    renaming = (b'"generated_internal_id"', b'"generated_internal_identifier"')


class FakeSubawards(FakeAssistance):
    """Serves subawards and their prime awards until closed; `subawards` may be changed `with editing()`."""

    def __init__(self, subawards: Sequence[CorpusSubaward], *, port: int = 0, wrong: Iterable[str] = ()) -> None:
        primes = {subaward.prime.key: subaward.prime for subaward in subawards}
        super().__init__(list(primes.values()), subawards=subawards, port=port, wrong=wrong)


class FaultySubawards(Faulty, FakeSubawards):
    """USAspending with subawards, failing."""

    renaming = (b'"prime_award_generated_internal_id"', b'"prime_award_key"')
