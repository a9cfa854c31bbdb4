"""All sources, by name, in the order they are asked. A new one is a module and a line here."""

from __future__ import annotations

from sources.ai_inventory import AiInventory
from sources.contract import Source
from sources.dod import Dod
from sources.federal_register import FederalRegister
from sources.fpds import Fpds
from sources.sam_contract_awards import SamContractAwards
from sources.sam_opportunities import SamOpportunities
from sources.usaspending import Usaspending
from sources.usaspending_assistance import Assistance
from sources.usaspending_subawards import Subawards

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
