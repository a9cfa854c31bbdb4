"""Documents and payloads with a content of the test's own, and JSON contents with another value at any place."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import reduce
from operator import getitem
from typing import Any

from sources.records import Document, Payload

Place = tuple[str | int, ...]

# Values that no field should hold, or not this one.
WRONG_VALUES: list[object] = [
    *(None, "", " ", "x", 7, -1.5, True, [], ["x"], {}, {"x": 1}, [[[]]], [None]),
    *("2016/06/24", "NaN", 10**30, "x" * 300),
]

RETRIEVED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def document(content: object, *, url: str = "https://x.test/", content_type: str = "application/json") -> Document:
    """A document; content that is not bytes is sent as JSON."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return Document(url=url, request="", retrieved_at=RETRIEVED, content_type=content_type, body=body)


def payload(source: str, key: str, *contents: object) -> Payload:
    """A payload of documents, or of contents to make them of."""
    documents = tuple(each if isinstance(each, Document) else document(each) for each in contents)
    return Payload(source=source, key=key, revision="r1", documents=documents)


def places(content: object, path: Place = ()) -> Iterator[Place]:
    """Return every place inside a JSON content, the outermost first."""
    if path:
        yield path
    inside = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for name, value in inside:
        yield from places(value, (*path, name))


def altered(contents: Sequence[object], place: Place, value: object) -> list[Any]:
    """Return a copy of JSON contents with another value at a place; `...` removes what stands there."""
    changed = copy.deepcopy(list(contents))
    *path, last = place
    container: Any = reduce(getitem, path, changed)  # type: ignore[arg-type]
    if value is ...:
        del container[last]
    else:
        container[last] = value
    return changed
