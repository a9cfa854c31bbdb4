"""Announcements that correct an earlier one: the wording, whom they name, and the corrected text. Pure.

Seen: "CORRECTION: The contract announced on July 1, 2026, for NAME, City, State (PIID), should have read ...", the same
without the mark, a sentence at the end of an ordinary announcement, and "... is corrected to the following:" with the
announcement as it should have been in the next paragraph.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date

from sources.dod.awardees import Awardee, read_awardees
from sources.dod.text import DAY, Sentence, read_day

MARK = re.compile(
    r"^\W*((?:CORRECTION|UPDATE|AMENDMENT|CLARIFICATION|RETRACTION|CANCELLATION|NOTE"
    r"|EDITOR['\u2019]?S NOTE)S?\b[^:.;]{0,40})[:\-\u2014\u2013]\s*",
    re.IGNORECASE,
)
EARLIER_ONE = re.compile(
    r"^(?:The|A|An|In (?:the|a|an|our))\b.{0,250}?\b(?:(?:previously |originally )?announced|announcement)\b",
    re.IGNORECASE | re.DOTALL,
)
_REPLACES = re.compile(
    r"^[^$;]{0,400}?\b(?:following|follows|should read|to read)\b[^.:;$]{0,40}:(?:\s+|$)", re.IGNORECASE
)
_ANNOUNCED_ON = re.compile(rf"\bannounce\w*\b[^.;()]{{0,40}}?\b(?:on|of|for)\s+({DAY})|\b({DAY}),?\s+announcement")
_NAMED = re.compile(
    r"\b(?:for|to|with|by|that|of)\s+(?=(?:the )?[A-Z0-9])(?!(?:the )?(?:Jan|Feb|Mar|Apr|May|Jun|Jul"
    r"|Aug|Sep|Oct|Nov|Dec)[a-z]*\.? \d)"
    r"((?:[^.();]|\.(?=[,\s][^A-Z]|,|\w)|\((?![A-Z0-9]{5,6}-?\d{2}))+?)"
    r"(?:\s*[(;]|,?\s+(?:to (?!the [A-Z])|for |was |were |is |are |has |have |had |stated|included"
    r"|incorrectly|should|contained|with |under |in (?:the|our|an?) |announced|on (?=[A-Z]))|\.\s+(?=[A-Z])|\.?$)"
)
_OF_ITSELF = re.compile(
    r"\b(?:corrects?|correction (?:to|of)|corrected|supersedes?|replaces)\b.*\bannounce", re.IGNORECASE
)
_COMPANY = re.compile(r"\b(?:Inc|Corp|LLC|LLP|LP|Co|Ltd|JV|Company|Corporation|GmbH|University)\b\.?$")


def split_correction(text: str) -> tuple[str, str]:
    """Split the words that announce a correction from the corrected announcement.

    ("The contract announced on Sept. 30, 2025, to ... is corrected to the following: ", "NAME, City, State, was ...");
    the first is "" if the announcement is not replaced as a whole.
    """
    lead = _REPLACES.match(text)
    return (lead[0], text[lead.end() :]) if lead else ("", text)


def is_correction_lead(paragraph: str) -> bool:
    """Whether a paragraph only announces a correction, whose text is the next paragraph."""
    mark = MARK.match(paragraph)
    lead, rest = split_correction(paragraph[mark.end() :]) if mark else ("", paragraph)
    return bool(lead) and not rest


def read_announced_day(lead: str, near: date | None) -> date | None:
    """Return the day of the corrected announcement; without a year it is the last such day up to `near`."""
    found = _ANNOUNCED_ON.search(lead)
    return read_day(next(filter(None, found.groups())), near=near) if found else None


def read_corrected_awardees(text: str) -> list[Awardee]:
    """Return the awardees that a correction names: "the contract announced on ... for NAME, City, State, to ..."."""
    for found in _NAMED.finditer(text):
        named = [awardee for awardee in read_awardees(found[1]) if awardee.town or _COMPANY.search(awardee.name)]
        if named:
            return named
    return []


def self_correction(found: Sequence[Sentence]) -> str:
    """Return the sentence in which an ordinary announcement corrects an earlier one, "" if there is none."""
    return next((one.text for one in found[1:] if _OF_ITSELF.search(one.text)), "")
