"""Whether a client has what we would send."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


@dataclass(frozen=True, slots=True)
class Validators:
    """The tag and the date of what would be sent."""

    tag: str
    modified: datetime


def is_fresh(headers: Mapping[str, str], ours: Validators) -> bool:
    """Whether a request's headers name what we would send (RFC 9110, 13.2.2: a tag counts before a date)."""
    tags = headers.get("if-none-match")
    if tags is not None:
        plain = ours.tag.removeprefix("W/")
        return any(tag.strip() == "*" or tag.strip().removeprefix("W/") == plain for tag in tags.split(","))
    since = headers.get("if-modified-since")
    if since is None:
        return False
    try:
        moment = parsedate_to_datetime(since)
    except ValueError:
        return False
    return ours.modified <= (moment if moment.tzinfo else moment.replace(tzinfo=UTC))
