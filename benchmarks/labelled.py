"""The labeled actions: the awards for the matcher, and the labels."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from sources.records import Agency, Award, AwardCategory, ContractAction, Recipient, dollars

FOLDER = Path(__file__).parents[1] / "tests" / "data" / "labelled"

Facts = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """The label of one action: ids of `vendors` that must match, and of those in `also` that may match."""

    award_key: str
    recipient: str
    description: str
    stratum: str
    part: str
    vendors: frozenset[str]
    also: frozenset[str]
    must_publish: bool


def read_labels(folder: Path = FOLDER) -> list[Label]:
    """Return all labels, in the order of the file."""
    ids = json.loads((folder / "vendor_ids.json").read_text())
    with (folder / "actions.jsonl").open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return [
        Label(
            award_key=row["award_key"],
            recipient=row["recipient_name"],
            description=row["description"],
            stratum=row["stratum"],
            part=row["part"],
            vendors=frozenset(ids.get(vendor, vendor) for vendor in row["vendors"]),
            also=frozenset(ids.get(vendor, vendor) for vendor in row["also"]),
            must_publish=row["surveillance"] == "yes",
        )
        for row in rows
    ]


def read_awards(folder: Path = FOLDER) -> dict[str, Award]:
    """Return the awards of the labelled actions, whole, by key: labelled or not, all actions the extract has."""
    with gzip.open(folder / "awards.jsonl.gz", "rt", encoding="utf-8") as lines:
        return {award.key: award for award in awards_of(json.loads(line) for line in lines)}


def awards_of(rows: Iterable[Facts]) -> Iterator[Award]:
    """Give the awards that rows of actions make up; the rows of an award need not stand together.

    The award's description is its first action's, as in USAspending.
    """
    grouped: dict[str, list[Facts]] = {}
    for row in rows:
        grouped.setdefault(row["award_key"], []).append(row)
    for key, actions in grouped.items():
        ordered = sorted(actions, key=lambda row: (row["action_date"], row["modification"]))
        yield _award(key, ordered)


def _award(key: str, rows: list[Facts]) -> Award:
    latest = rows[-1]
    return Award(
        key=key,
        source="usaspending",
        revision="",
        category=AwardCategory.CONTRACT,
        type_text="",
        piid=latest["piid"],
        parent_piid="",
        parent_key="",
        description=rows[0]["description"],
        recipient=Recipient(name=latest["recipient_name"]),
        awarding=Agency(sub_name=latest["agency"]),
        funding=Agency(),
        obligated=None,
        exercised=None,
        ceiling=None,
        signed=None,
        starts=None,
        ends=None,
        may_end=None,
        modified=None,
        psc="",
        psc_text=latest["psc_text"],
        naics="",
        naics_text=latest["naics_text"],
        solicitation="",
        extent_competed="",
        place="",
        url="",
        actions=tuple(_action(key, row) for row in rows),
        documents=(),
    )


def _action(key: str, row: Facts) -> ContractAction:
    return ContractAction(
        key=f"{key}/{row['modification']}",
        modification=row["modification"],
        signed=date.fromisoformat(row["action_date"]),
        obligation=dollars(row["obligation"]),
        description=row["description"],
    )
