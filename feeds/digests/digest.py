"""Digests: new entries as a short newsletter, with a subject, plain text and HTML. One entry "at once" is the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from feeds.digests.contents import DigestFrame, digest_contents
from feeds.digests.items import digest_item
from feeds.digests.plain import plain_text
from feeds.entries.render import render
from feeds.urls import permalink
from storage.models import StoredEvent
from storage.reading.source_health import SourceHealth


@dataclass(frozen=True, slots=True)
class Digest:
    """A digest as a message. `subject` is one line; `text` is plain text; `html` is a document that loads nothing."""

    subject: str
    text: str
    html: str


def make_digest(
    events: Sequence[StoredEvent],
    frame: DigestFrame,
    health: Sequence[SourceHealth] = (),
    source_titles: Mapping[str, str] | None = None,
) -> Digest:
    """Return the digest of events.

    Args:
        events: the new entries, newest first; corrections and withdrawals have a section of their own.
        frame: what the digest is about.
        health: the health of the sources; those with trouble are named.
        source_titles: their titles by name.
    """
    items = [digest_item(event, lambda each: permalink(frame.base_url, each)) for event in events]
    contents = digest_contents(items, frame, health, source_titles or {})
    html = render("digest/digest.html", contents=contents, frame=frame)
    return Digest(subject=contents.subject, text=plain_text(contents), html=html)
