"""All sources, by name, in the order they are asked. A new one is a module and a line here."""

from __future__ import annotations

from sources.ai_inventory.inventory import AiInventory
from sources.base import Source
from sources.dod.announcements import Dod
from sources.federal_register.documents import FederalRegister
from sources.fpds.contracts import Fpds
from sources.sam.contract_awards.contract_awards import SamContractAwards
from sources.sam.opportunities.opportunities import SamOpportunities
from sources.usaspending.assistance import Assistance
from sources.usaspending.awards import Usaspending
from sources.usaspending.subawards import Subawards

ALL: tuple[Source, ...] = (
    Usaspending(),
    Assistance(),
    Subawards(),
    Dod(),
    SamOpportunities(),
    SamContractAwards(),
    AiInventory(),
    FederalRegister(),
    Fpds(),
)
SOURCES: dict[str, Source] = {source.name: source for source in ALL}
