"""Searches for several UEIs at once, with `~` between them, as far as SAM.gov answers them.

The documentation takes up to 100 values of a UEI. Measured in August 2026 on another parameter (contractingOfficeCode),
A~B found the rows of A alone. Nobody has shown how it is with UEIs. So a list of companies that are known to have been
awarded contracts in one month is asked for first, at one request, and the answer is noted. Unless it shows several of
them, each UEI is asked for by itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date

from sources.contract import Assumption, Step, Stored
from sources.errors import QuotaUsedUp, SourceError
from sources.http import Client
from sources.sam_contract_awards_queries import LISTS, period
from sources.sam_contract_awards_record import ueis_of
from sources.sam_contract_awards_search import page, records_of
from sources.sam_gov import DOES_NOT_HOLD, HOLDS, holds

TILDE_LIST = "tilde-list"
# Axon, Palantir Technologies and Palantir USG, of the shipped watchlist. Each is paid by several agencies all the time.
KNOWN = ("TBW7MGPYURM7", "FSY4LVSBGWB7", "HNN4F9JZWDY8")
THEN = period(date(2024, 9, 1), date(2024, 9, 30))


def lists_work(client: Client) -> bool:
    """Whether a list of UEIs finds the records of more than one. Costs a request. Raises `SourceError`."""
    document = page(client, {"awardeeUniqueEntityId": "~".join(KNOWN), "dateSigned": THEN})
    found = {uei for record in records_of(client, document) for uei in ueis_of(record.fields)}
    return len(found & set(KNOWN)) > 1


def asked_singly(client: Client, step: Step, stored: Stored, note: str) -> Iterator[Step]:
    """Give a step whole if lists of UEIs work, else a step for each UEI, and note which of them were read.

    Raises:
        SourceError: as the client does.
    """
    filters = step.query["filters"]
    listed = [(name, value) for name, value in dict(filters).items() if name in LISTS and "~" in value]  # type: ignore[call-overload]
    if not listed or _works(client, stored):
        yield step
        return
    ((name, value),) = listed
    done: list[str] = json.loads(stored.note(note) or "[]")
    for uei in value.split("~"):
        if uei not in done:
            yield replace(step, query={**step.query, "filters": {name: uei}})
            done.append(uei)
            stored.keep_note(note, json.dumps(done))
    stored.keep_note(note, "")


def _works(client: Client, stored: Stored) -> bool:
    known = holds(stored, TILDE_LIST)
    if known is None:
        try:
            known = lists_work(client)
        except QuotaUsedUp:
            raise
        except SourceError:
            return False
        stored.keep_note(f"assumption/{TILDE_LIST}", HOLDS if known else DOES_NOT_HOLD)
    return known


ASSUMPTION = Assumption(
    name=TILDE_LIST,
    says="A search for several UEIs with ~ between them finds the records of each.",
    otherwise="Each UEI is asked for by itself, which takes more of the day's requests.",
    basis="GSA's page on the Contract Awards API, Key Features. On contractingOfficeCode a list found the rows of its"
    " first value alone (measured in August 2026).",
    probe=lists_work,
)
