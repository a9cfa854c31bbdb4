"""All sources, by name, in the order they are asked. A new one is a module and a line here."""

from __future__ import annotations

from sources.ai_inventory import AiInventory
from sources.contract import Source
from sources.federal_register import FederalRegister
from sources.fpds import Fpds
from sources.usaspending import Usaspending
from sources.usaspending_assistance import Assistance
from sources.usaspending_subawards import Subawards

ALL: tuple[Source, ...] = (
    Usaspending(),
    Assistance(),
    Subawards(),
    AiInventory(),
    FederalRegister(),
    Fpds(),
)
SOURCES: dict[str, Source] = {source.name: source for source in ALL}
