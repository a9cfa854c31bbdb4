"""Lines of a page that hold more than one announcement, as where the page lacks a break between two. Pure."""

from __future__ import annotations

import re

from sources.dod.awardees import read_awardees
from sources.dod.paragraph import VERB, continues
from sources.dod.wording import sentences

_CLOSING = re.compile(r"\bcontracting (?:activity|agency)\b", re.IGNORECASE)
_GAP = re.compile(r"(?<=[.)])\s+(?=[A-Z0-9])")
LONGEST_SUBJECT = 600  # characters before the verb of an announcement that lacks a break before it


def announcements_in(line: str) -> list[str]:
    """Return the announcements of a line: one, or those after a contracting activity that begin with an awardee."""
    starts = [0]
    while begin := _next_begin(line, starts[-1]):
        starts.append(begin)
    return [line[start:end].strip() for start, end in zip(starts, [*starts[1:], len(line)], strict=True)]


def _next_begin(line: str, start: int) -> int:
    """Return where another announcement begins, 0 if none does."""
    closing = _CLOSING.search(line, start)
    gaps = _GAP.finditer(line, closing.end()) if closing else ()
    return next((gap.end() for gap in gaps if _begins_another(line[gap.end() : gap.end() + LONGEST_SUBJECT])), 0)


def _begins_another(beginning: str) -> bool:
    verb = VERB.search(beginning)
    if not verb or continues(beginning):
        return False
    subject = beginning[: verb.start()]
    return len(sentences(subject.strip())) == 1 and any(awardee.town for awardee in read_awardees(subject))
