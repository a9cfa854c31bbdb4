"""Links that open a FOIA request in a mail program or in MuckRock's form."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote, urlencode

from feeds.foia.letter import ABOUT, REQUESTED, FoiaLetter
from feeds.text import shorten

# Windows passes links to mail programs on a command line of at most 2,083 characters. MuckRock's server accepts request
# lines of 4,094 characters (gunicorn's default).
MAX_MAILTO_LENGTH = 2000
MAX_MUCKROCK_LENGTH = 4000
MUCKROCK_COMPOSER = "https://www.muckrock.com/foi/create/"
_MAX_TITLE_LENGTH = 200


def mailto(letter: FoiaLetter) -> str:
    """Return a mailto: link (RFC 6068) with as much of the request as fits, addressed if the e-mail is known."""
    short = _with_signature(letter, letter.short)
    texts = (letter.text, short, *(shorten(letter.short, size) for size in (800, 400, 200, 50)))
    return _first_fitting((_mailto(letter, text) for text in texts), MAX_MAILTO_LENGTH)


def muckrock_composer(letter: FoiaLetter) -> str:
    """Return a link to MuckRock's form, filled in. MuckRock adds greeting, fee waiver and signature."""
    about, requested = (_section_text(letter, heading) for heading in (ABOUT, REQUESTED))
    texts = (f"{about}\n\n{requested}", letter.short, *(shorten(letter.short, size) for size in (800, 400, 200, 50)))
    return _first_fitting((_muckrock(letter, text) for text in texts), MAX_MUCKROCK_LENGTH)


def _mailto(letter: FoiaLetter, text: str) -> str:
    to = quote(letter.office.email, safe="@") if letter.office else ""
    body = text.replace("\n", "\r\n")  # RFC 6068 requires CRLF
    return f"mailto:{to}?subject={quote(_title(letter), safe='')}&body={quote(body, safe='')}"


def _muckrock(letter: FoiaLetter, text: str) -> str:
    fields = {"title": _title(letter).partition(": ")[2], "requested_docs": text}
    number = {"agency": str(letter.office.muckrock)} if letter.office and letter.office.muckrock else {}
    return f"{MUCKROCK_COMPOSER}?{urlencode({**fields, **number}, quote_via=quote)}"


def _title(letter: FoiaLetter) -> str:
    # A non-ASCII character takes up to twelve characters in a link.
    plain = letter.subject.isascii()
    return shorten(letter.subject, _MAX_TITLE_LENGTH if plain else 80)


def _section_text(letter: FoiaLetter, heading: str) -> str:
    section = next(section for section in letter.sections if section.heading == heading)
    return "\n".join([section.text, *section.lines])


def _with_signature(letter: FoiaLetter, text: str) -> str:
    return "\n\n".join(["Dear FOIA Officer:", text, "\n".join(letter.signature[:2])])


def _first_fitting(links: Iterable[str], max_length: int) -> str:
    """Return the first link that is short enough, else the last."""
    link = ""
    for link in links:
        if len(link) <= max_length:
            break
    return link
