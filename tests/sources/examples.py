"""Recorded examples: a payload as an upstream gave it, and the records that `parse` must make of it.

An example of the source NAME is a file `tests/data/examples/NAME/*.json`:

    {"origin": "where it is from",
     "payload": {"key": "...", "revision": "...", "documents": [{"url": "https://...", "body": ...}]},
     "records": [{"record": "Award", "key": "...", ...}]}

`body` is the text of a document, or the JSON that it holds; `file` instead names a file beside the example.
`responses`, in the form of `documents`, holds what the upstream's server answers, where that is not the documents of
the payload. `records` holds every field of a record that is not empty, but no documents.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any

from sources.records import Document, Payload, Record

FOLDER = Path(__file__).parents[1] / "data" / "examples"
RETRIEVED = datetime(2026, 11, 18, tzinfo=UTC)


@dataclass(frozen=True)
class Example:
    """One recorded example."""

    file: Path

    @property
    def source(self) -> str:
        """The name of its source."""
        return self.file.parent.name

    @cached_property
    def content(self) -> dict[str, Any]:
        """What the file holds."""
        content: dict[str, Any] = json.loads(self.file.read_text("utf-8"))
        return content

    @property
    def payload(self) -> Payload:
        """The payload to be read."""
        given = self.content["payload"]
        return Payload(
            source=self.source,
            key=given["key"],
            revision=given.get("revision", ""),
            documents=self._documents(given["documents"]),
        )

    @property
    def responses(self) -> tuple[Document, ...]:
        """What the upstream's server answers."""
        return self._documents(self.content.get("responses", self.content["payload"]["documents"]))

    def _documents(self, listed: Sequence[Mapping[str, Any]]) -> tuple[Document, ...]:
        return tuple(
            Document(
                url=one["url"],
                request=one.get("request", ""),
                retrieved_at=RETRIEVED,
                content_type=one.get("content_type", "application/json"),
                body=self._body(one),
            )
            for one in listed
        )

    def _body(self, listed: Mapping[str, Any]) -> bytes:
        if "file" in listed:
            return self.file.parent.joinpath(str(listed["file"])).read_bytes()
        body = listed["body"]
        text: str = body if isinstance(body, str) else json.dumps(body)
        return text.encode()

    def write_records(self, records: Sequence[Record]) -> None:
        """Write the records into the file, to be reviewed."""
        content = {**self.content, "records": [as_json(record) for record in records]}
        self.file.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", "utf-8")


def examples_of(source: str) -> list[Example]:
    """Return the examples of a source, in order of name."""
    return [Example(file) for file in sorted((FOLDER / source).glob("*.json"))]


def as_json(record: Record) -> dict[str, Any]:
    """Return a record as an example states it."""
    return {"record": type(record).__name__, **_plain(record)}


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        given = {each.name: _plain(getattr(value, each.name)) for each in fields(value) if each.name != "documents"}
        return {name: one for name, one in given.items() if one not in ("", None, [], {}, False)}
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    return str(value) if isinstance(value, (str, Decimal)) else value
