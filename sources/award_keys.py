"""Award and action keys, as USAspending builds them: the same award has the same key in every source.

Facts: the Treasury's Broker (data-act-broker-backend, pull_fpds_data.py and load_sam_contract.py: `unique_award_key`,
`detached_award_proc_unique`). USAspending leaves out other transactions, which here get keys of the same form.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

NONE = "-NONE-"
AWARD_PAGE = "https://www.usaspending.gov/award/"


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionIdentity:
    """Which action of which award a record is: its parts, upper case, "" where the source is silent.

    `agency` is the agency of the PIID, `transaction` the transaction number. `is_idv`: orders are placed under it.
    """

    agency: str
    piid: str
    modification: str
    transaction: str
    parent_agency: str
    parent_piid: str
    is_idv: bool

    @property
    def award_key(self) -> str:
        """The key of the award."""
        if self.is_idv:
            return f"CONT_IDV_{self.piid}_{self.agency}"
        return f"CONT_AWD_{self.piid}_{self.agency}_{self.parent_piid or NONE}_{self.parent_agency or NONE}"

    @property
    def action_key(self) -> str:
        """The key of the action; that of an IDV has its agency, PIID and modification only."""
        modification = self.modification or NONE
        if self.is_idv:
            return f"{self.agency}_{NONE}_{self.piid}_{modification}_{NONE}_{NONE}"
        parent_piid, parent_agency = self.parent_piid or NONE, self.parent_agency or NONE
        return f"{self.agency}_{parent_agency}_{self.piid}_{modification}_{parent_piid}_{self.transaction or NONE}"

    @property
    def parent_key(self) -> str:
        """The key of the IDV that the award was placed under, "" if the record does not name it in full."""
        return f"CONT_IDV_{self.parent_piid}_{self.parent_agency}" if self.parent_piid and self.parent_agency else ""


def award_page(key: str) -> str:
    """Return the address of USAspending's page on an award."""
    return f"{AWARD_PAGE}{quote(key, safe='')}/"
