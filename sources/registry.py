"""All sources, by name, in the order in which they are polled. A new source is a module and a line here."""

from __future__ import annotations

from pkgutil import resolve_name

from sources.base import Source

ADAPTERS = (
    "sources.usaspending.awards:Usaspending",
    "sources.usaspending_archive.archive:AwardArchive",
    "sources.usaspending.assistance:Assistance",
    "sources.usaspending.subawards:Subawards",
    "sources.dod.announcements:Dod",
    "sources.sam.opportunities.opportunities:SamOpportunities",
    "sources.sam.contract_awards.contract_awards:SamContractAwards",
    "sources.ai_inventory.inventory:AiInventory",
    "sources.federal_register.documents:FederalRegister",
    "sources.fpds.contracts:Fpds",
)
ALL: tuple[Source, ...] = tuple(resolve_name(adapter)() for adapter in ADAPTERS)
SOURCES: dict[str, Source] = {source.name: source for source in ALL}


def publisher_of(name: str) -> str:
    """Return whom to cite for what a source says, "" if there is no such source any more."""
    source = SOURCES.get(name)
    return (source.publisher or source.title) if source else ""


def sources_listing(category: str) -> tuple[str, ...]:
    """Return the names of the sources that list every award of a category."""
    return tuple(name for name, source in SOURCES.items() if category in source.lists_every)
