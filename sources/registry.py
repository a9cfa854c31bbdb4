"""All sources, by name. A new one is a module and a line here."""

from __future__ import annotations

from sources.contract import Source
from sources.sam_contract_awards import SamContractAwards
from sources.usaspending import Usaspending

SOURCES: dict[str, Source] = {source.name: source for source in (Usaspending(), SamContractAwards())}
