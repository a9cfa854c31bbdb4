"""Records of SAM.gov's contract awards: GSA's own samples, made-up ones of the same shape, and a client to ask with."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import date
from pathlib import Path
from typing import Any

from sources.base import DateWindow, Fetched, FetchStep, SearchTerms, StoredVersion
from sources.http.client import Client
from sources.records import Award, Payload, Record
from sources.sam.contract_awards.contract_awards import SamContractAwards
from tests.sources.clients import client_for
from tests.sources.fakes import Memory
from tests.upstreams.sam_contract_awards import KEY

Json = dict[str, Any]
SAMPLES: Json = json.loads(
    (Path(__file__).parents[2] / "data" / "sam" / "contract_awards.json").read_text(encoding="utf-8")
)
SOURCE = SamContractAwards()
TODAY, SINCE = date(2026, 11, 23), date(2026, 11, 11)
TERMS = SearchTerms(names=("ACME",), ueis=("ACMEACMEACME",), phrases=("DRONE",))


def record(
    piid: str = "70CDCR26P0001",
    modification: str = "0",
    *,
    modified: str = "2026-11-20T07:18:02Z",
    signed: str = "2026-11-18",
    name: str = "ACME DRONES LLC",
    uei: str = "ACMEACMEACME",
    parent_uei: str = "PARENTPARENT",
    department: str = "7000",
    obligation: str = "100.00",
    description: str = "DRONES",
    award_type: tuple[str, str, str] = ("AWARD", "B", "PURCHASE ORDER"),
) -> Json:
    """An action, small, with the fields that are searched by."""
    organization = {"code": department, "name": "DEPARTMENT"}
    kind, code, type_name = award_type
    identity = {"subtier": {"code": "7012", "name": "ICE"}, "piid": piid, "modificationNumber": modification}
    return {
        "contractId": {**identity, "transactionNumber": "0"},
        "coreData": {
            "awardOrIDV": kind,
            "awardOrIDVType": {"code": code, "name": type_name},
            "federalOrganization": {
                "contractingInformation": {"contractingDepartment": organization},
                "fundingInformation": {"fundingDepartment": organization},
            },
        },
        "awardDetails": {
            "dates": {"dateSigned": f"{signed}T00:00:00Z"},
            "dollars": {"actionObligation": obligation},
            "totalContractDollars": {"totalActionObligation": obligation},
            "productOrServiceInformation": {"descriptionOfContractRequirement": description},
            "awardeeData": {
                "awardeeHeader": {"awardeeName": name, "legalBusinessName": name},
                "awardeeUEIInformation": {
                    "uniqueEntityId": uei,
                    "awardeeUltimateParentUniqueEntityId": parent_uei,
                },
            },
            "transactionData": {"lastModifiedDate": modified},
        },
    }


RECORDS = [
    record(),
    record("70CDCR26P0002", name="OTHER & SONS", uei="OTHEROTHEROT"),
    record("70CDCR24P0003", signed="2024-01-15", modified="2024-01-16T00:00:00Z"),
]


def changed(sample: Json, place: str, value: object) -> Json:
    """A copy of a record with another value at a dotted place; `...` takes it out."""
    result = copy.deepcopy(sample)
    *path, last = place.split(".")
    inner = result
    for name in path:
        inner = inner.setdefault(name, {})
    if value is ...:
        inner.pop(last, None)
    else:
        inner[last] = value
    return result


def client_of(base_url: str, *, key: str = KEY, tries: int = 1, **given: Any) -> AbstractContextManager[Client]:
    """Open a client of the source with its key."""
    return client_for(SOURCE, base_url, key=key, tries=tries, **given)


def poll_steps(terms: SearchTerms = TERMS, *, until: date = TODAY, since: date = SINCE) -> dict[str, FetchStep]:
    """The steps of a poll that looks back to a day."""
    window = DateWindow(until=until, signed_since=since, modified_since=since)
    return {step.key: step for step in SOURCE.poll_steps(terms, window)}


def knowing() -> Memory:
    """The memory of a program that knows how many records a day has: few."""
    return Memory(notes={f"{label}/daily": "1" for label in ("modified", "revealed", "deleted")})


def fetched(base_url: str, step: FetchStep, stored: Memory, **how: Any) -> list[Fetched]:
    """Walk one step to its end."""
    with client_of(base_url, **how) as client:
        return list(SOURCE.fetch(client, step, stored))


def parsed(items: Sequence[Fetched]) -> list[Record]:
    """The records of what was fetched, all of which must be payloads."""
    assert all(isinstance(item, Payload) for item in items), items
    return [record for item in items if isinstance(item, Payload) for record in SOURCE.parse(item)]


def piids(items: Sequence[Fetched]) -> list[str]:
    """The PIIDs of what was fetched, all of which must be awards."""
    records = parsed(items)
    assert all(isinstance(found, Award) for found in records), records
    return [found.piid for found in records if isinstance(found, Award)]


def remember(memory: Memory, records: Sequence[Record]) -> None:
    """Store awards, as the program would."""
    for found in records:
        assert isinstance(found, Award)
        known = memory.records.get(found.key)
        actions = {(action.modification, action.signed, action.obligation) for action in found.actions}
        texts = {(action.modification, action.description) for action in found.actions}
        held = StoredVersion(
            key=found.key,
            revision=found.revision,
            actions=frozenset(actions | (known.actions if known else set())),
            texts=frozenset(texts | (known.texts if known else set())),
        )
        memory.records[found.key] = held


def noted(memory: Memory, name: str) -> list[Mapping[str, Any]]:
    """What is noted of an order."""
    parts: list[Mapping[str, Any]] = json.loads(memory.notes.get(name) or "[]")
    return parts
