"""All sources, by name. A new one is a module and a line here."""

from __future__ import annotations

from sources.contract import Source
from sources.usaspending import Usaspending
from sources.usaspending_assistance import Assistance
from sources.usaspending_subawards import Subawards

SOURCES: dict[str, Source] = {source.name: source for source in (Usaspending(), Assistance(), Subawards())}
