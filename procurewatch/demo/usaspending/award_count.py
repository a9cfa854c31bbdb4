"""POST search/spending_by_award_count/: how many awards of each group, or how many subawards.

Facts: usaspending_api/search/v2/views/spending_by_award_count.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from procurewatch.demo.answers import refuse
from procurewatch.demo.usaspending import index, search_rules
from procurewatch.demo.usaspending.filters import awards_found
from procurewatch.demo.usaspending.search_rules import GROUPS, LEVEL, NO_INTERSECTION, PAGING, PROGRAM_ACTIVITIES
from procurewatch.demo.usaspending.served import Served
from procurewatch.demo.usaspending.subaward_search import subaward_count
from procurewatch.demo.usaspending.tiny_shield import BAD, Boolean, Field, Integer, ListOf, Text, checked, names_of

FIELDS = (
    Field("subawards", Boolean()),
    LEVEL[1],
    Field("filter|object_class", ListOf(Text())),
    Field("filter|program_activity", ListOf(Integer(1))),
    PROGRAM_ACTIVITIES,
    *search_rules.filter_fields(recipient_id=False),
    *PAGING,
)


def award_count(body: Mapping[str, Any], served: Served) -> dict[str, Any]:
    """Answer POST search/spending_by_award_count/. The award types are optional, and may be mixed. Raises `Refusal`."""
    asked = checked(FIELDS, body)
    if "filters" not in asked:
        raise refuse(BAD, "Missing required request parameters: 'filters'")
    level = "subawards" if asked.get("subawards", asked["spending_level"] == "subawards") else "awards"
    count = subaward_count if level == "subawards" else _count
    return {
        "results": count(asked["filters"], served),
        "spending_level": level,
        "messages": search_rules.messages(body["filters"], names_of(FIELDS)),
    }


def _count(filters: Mapping[str, Any], served: Served) -> dict[str, int]:
    if NO_INTERSECTION in filters.get("award_type_codes", ()):
        return dict.fromkeys(GROUPS, 0)
    index.check_codes(filters)
    index.check_query("awards", filters, served)
    found = awards_found(served.awards, filters, unquoted=served.holds("unquoted-award-ids"))
    return {group: sum(award.group == group for award in found) for group in GROUPS}
