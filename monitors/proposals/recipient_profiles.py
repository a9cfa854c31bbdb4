"""Propose names, owners, subsidiaries and UEIs for watchlist entries from what USAspending knows about recipients."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import yaml

from monitors.normalize import parse_name
from monitors.watchlist.model import Portfolio, Vendor
from monitors.watchlist.search_terms import search_names, search_short_names
from monitors.watchlist.uei import has_form
from sources.http.client import Client
from sources.recipient_profiles import RecipientProfile, RelatedRecipient, fetch_profile, find_by_name


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What could be added to an entry, as YAML: field -> items of its list. `requests` were sent for it.

    `unknown` are UEIs of the entry that USAspending does not have.
    """

    vendor: Vendor
    items: Mapping[str, Sequence[str]]
    unknown: tuple[str, ...]
    requests: int


def propose(client: Client, vendor: Vendor, owners: Mapping[str, str]) -> Proposal:
    """Ask USAspending about an entry: about each of its UEIs, or for the UEIs of its legal names if it has none.

    `owners`: names without legal form and spaces -> id of the entry that has the name.

    Raises:
        sources.errors.SourceError: an answer failed or cannot be read.
    """
    before = client.requests_sent
    profiles = {uei: fetch_profile(client, uei) for uei in vendor.ueis}
    known = [profile for profile in profiles.values() if profile]
    items = _name_items(vendor, known, owners)
    if not vendor.ueis and vendor.portfolio is not Portfolio.BROAD:
        items["ueis"] = list(_uei_items(vendor, client))
    return Proposal(
        vendor=vendor,
        items={field: found for field, found in items.items() if found},
        unknown=tuple(uei for uei, profile in profiles.items() if not profile),
        requests=client.requests_sent - before,
    )


def _name_items(
    vendor: Vendor, profiles: Sequence[RecipientProfile], owners: Mapping[str, str]
) -> dict[str, list[str]]:
    """Return what is new by field: other names, owners and subsidiaries that the entry does not list."""
    listed = {_core(known.name) for known in (*vendor.known_names, *vendor.parents, *vendor.subsidiaries)}
    found = {
        "aliases": [RelatedRecipient(name=name) for profile in profiles for name in profile.names],
        "parents": [parent for profile in profiles for parent in profile.parents],
        "subsidiaries": [child for profile in profiles for child in profile.children],
    }
    items: dict[str, list[str]] = {}
    for field, recipients in found.items():
        for each in recipients:
            if (core := _core(each.name)) and core not in listed and each.uei not in vendor.ueis:
                listed.add(core)
                name: object = {"name": each.name, "portfolio": "broad"} if field == "parents" else each.name
                items.setdefault(field, []).append(
                    _item(name, each.uei, f"is entry {owners[core]}" if core in owners else "")
                )
    return items


def _uei_items(vendor: Vendor, client: Client) -> Iterator[str]:
    """Yield each UEI of a recipient with exactly one of the entry's legal names, legal form aside."""
    if not vendor.legal_names:
        return
    others: dict[str, Any] = dict.fromkeys(("former_names", "dba_names", "aliases", "parents", "subsidiaries"), ())
    legal = replace(vendor, name=vendor.legal_names[0].name, **others)
    cores = {_core(known.name) for known in vendor.legal_names}
    found = {
        each: None for text in (*search_names(legal), *search_short_names(legal)) for each in find_by_name(client, text)
    }
    for each in found:
        if _core(each.name) in cores and has_form(each.uei):
            yield _item(each.uei, each.name)


def _item(value: object, *notes: str) -> str:
    """Return an item of a list in YAML, with notes as its comment."""
    written = yaml.safe_dump([value], default_flow_style=True, width=10_000, allow_unicode=True).strip()[1:-1]
    comment = ", ".join(filter(None, notes))
    return f"{written} # {comment}" if comment else written


def _core(name: str) -> str:
    parsed = parse_name(name)
    return parsed.no_spaces if parsed else ""


def owners_of(vendors: Iterable[Vendor]) -> dict[str, str]:
    """Return the names of all entries, without legal form and spaces, with the id of the entry that has each."""
    return {_core(known.name): vendor.id for vendor in vendors for known in vendor.known_names}
