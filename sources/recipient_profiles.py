"""What USAspending knows about a company by its UEI: other names, owners and subsidiaries; and the UEIs of a name.

Facts: usaspending_api/recipient/v2/views/list_recipients.py and recipients.py. A recipient has a profile for each of
its levels: C (owned by another one), P (owns others) and R (neither known). All have the same names. Only the profile C
has parents, and only a P has children; asking for the children of any other recipient is a 400. The search finds
parts of names and of UEIs, in capitals.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from urllib.parse import quote

from sources.errors import SourceChanged
from sources.fields import Fields, read_json, read_objects, read_required, read_text, read_texts
from sources.http.client import Client
from sources.records import Document, InvalidRecord

SEARCH = "/api/v2/recipient/"
PROFILE = "/api/v2/recipient/{}/"
CHILDREN = "/api/v2/recipient/children/{}/"
LEVELS = "CRP"  # which profile to read: the one with the parents, if there is one
MAX_ROWS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class RelatedRecipient:
    """A recipient as a search or another one's profile states it. `uei` is "" if it has none."""

    name: str
    uei: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipientProfile:
    """The profile of a UEI. `names` begins with the recipient's present name."""

    uei: str
    names: tuple[str, ...]
    parents: tuple[RelatedRecipient, ...] = ()
    children: tuple[RelatedRecipient, ...] = ()


def fetch_profile(client: Client, uei: str) -> RecipientProfile | None:
    """Return the profile of a UEI, or `None` if USAspending does not know it. Two requests, three for an owner.

    Raises:
        sources.errors.SourceError: an answer failed or cannot be read.
    """
    ids = {identity for identity, found in _search(client, uei) if found.uei == uei}
    by_level = sorted(ids, key=lambda identity: LEVELS.find(identity[-1]))
    if not by_level:
        return None
    document = client.get(PROFILE.format(quote(by_level[0], safe="")))
    with _readable(client, document):
        profile = read_json(document, client.source)
        names = (read_required(profile, "name"), *read_texts(profile, "alternate_names"))
        parents = _related(read_objects(profile, "parents"), "parent_", uei)
    children = _children(client, uei) if any(identity.endswith("-P") for identity in ids) else ()
    return RecipientProfile(uei=uei, names=tuple(dict.fromkeys(names)), parents=parents, children=children)


def find_by_name(client: Client, name: str) -> tuple[RelatedRecipient, ...]:
    """Return the recipients with a UEI whose names contain this one, the best paid first. One request."""
    return tuple(dict.fromkeys(found for _, found in _search(client, name) if found.uei))


def _search(client: Client, keyword: str) -> list[tuple[str, RelatedRecipient]]:
    """Return (id of the profile, recipient) for each profile whose name or UEI contains a text, best paid first."""
    body = {"keyword": keyword, "award_type": "all", "sort": "amount", "order": "desc", "limit": MAX_ROWS, "page": 1}
    document = client.post(SEARCH, body)
    with _readable(client, document):
        rows = read_objects(read_json(document, client.source), "results")
        return [(read_required(row, "id"), _recipient(row)) for row in rows if row.get("name")]


def _children(client: Client, uei: str) -> tuple[RelatedRecipient, ...]:
    document = client.get(CHILDREN.format(uei))
    with _readable(client, document):
        answer = read_json(replace(document, body=b'{"results":' + document.body + b"}"), client.source)
        return _related(read_objects(answer, "results"), "", uei)


def _related(rows: Iterable[Fields], prefix: str, uei: str) -> tuple[RelatedRecipient, ...]:
    """Return the recipients that have a name, except for the one with this UEI itself."""
    found = (_recipient(row, prefix) for row in rows)
    return tuple(dict.fromkeys(each for each in found if each.name and each.uei != uei))


def _recipient(row: Fields, prefix: str = "") -> RelatedRecipient:
    return RelatedRecipient(name=read_text(row, f"{prefix}name"), uei=read_text(row, f"{prefix}uei"))


@contextmanager
def _readable(client: Client, document: Document) -> Iterator[None]:
    """Turn an answer of another form into `SourceChanged`."""
    try:
        yield
    except InvalidRecord as error:
        raise SourceChanged(client.source, document.url, str(error)) from error
