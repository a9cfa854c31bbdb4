"""The wording of announcements: their sentences, and the days and months they name. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
MONTH = r"\b(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,7}\.?"
DAY = rf"(?:{MONTH}\s+\d{{1,2}}(?:,?\s+\d{{4}})?|\d{{1,2}}\s+{MONTH},?\s+\d{{4}})"
DAY_OR_MONTH = rf"(?:{MONTH}\s+\d{{1,2}},?\s+\d{{4}}|\d{{1,2}}\s+{MONTH},?\s+\d{{4}}|{MONTH},?\s+(?:of\s+)?\d{{4}})"

_GAP = re.compile(r"(?<=[.?!])(?:['\"\u201d\u2019)]|\))?\s+(?=[A-Z(\"\u201c*0-9])")
_ABBREVIATED = re.compile(
    r"(?:^|[\s(,/-])(?:Inc|Corp|Co|Cos|Ltd|Bros|St|Ste|Ft|Mt|Pt|No|Nos|Mr|Mrs|Ms|Dr|Jr|Sr|Gen|Col"
    r"|Capt|Lt|Adm|Sen|Rep|vs|Dept|Div"
    r"|Va|Md|Pa|Calif|Mass|Conn|Fla|Ga|Ala|Ariz|Ark|Colo|Del|Ill|Ind|Kan|Ky|La|Mich|Minn|Miss|Mo|Mont"
    r"|Neb|Nev|Okla|Ore"
    r"|Tenn|Tex|Vt|Wash|Wis|Wyo|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sep|Sept|Oct|Nov|Dec|Pte|Pty|[A-Z]"
    r"|(?:[A-Z]\.)+[A-Z]|[a-z]\.[a-z]|approx)\.$"
)
_OPENS = re.compile(
    r"(?:Work|Fiscal|FY|The|This|These|Each|Bids?|One bid|No\b|Locations?|Types?|Using|Funds|Funding"
    r"|It\b|All|Obligated|Foreign Military"
    r"|Army|Navy|Naval|Air Force|Defense|Marine Corps|U\.S\.|Under|Performance|Ordering|Contract"
    r"|Proposals|Offers|If\b|In\b|As\b|A\b"
    r"|Options?|Purchases|Primary|Support|Appropriated|Justification)\b"
)
_DAY_PARTS = re.compile(
    rf"({MONTH})\s+(\d{{1,2}})(?:,?\s+(\d{{4}}))?|(\d{{1,2}})\s+({MONTH}),?\s+(\d{{4}})", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence and where it begins in its paragraph."""

    start: int
    text: str


def sentences(paragraph: str) -> list[Sentence]:
    """Split a paragraph into sentences, not at "Inc.", "St." and the like unless what follows opens a sentence."""
    found: list[Sentence] = []
    start = 0
    for gap in _GAP.finditer(paragraph):
        before = paragraph[start : gap.start()]
        if _ABBREVIATED.search(before) and (before.endswith("U.S.") or not _OPENS.match(paragraph, gap.end())):
            continue
        found.append(Sentence(start, paragraph[start : gap.start()]))
        start = gap.end()
    return [*found, Sentence(start, paragraph[start:])]


def read_day(words: str, *, near: date | None = None) -> date | None:
    """Return the first full day that words name ("Sept. 27, 2031", "Feb. 3"), `None` if there is none.

    A day without a year is the last such day up to `near`; without `near` it is no full day.
    """
    found = _DAY_PARTS.search(words)
    if not found:
        return None
    month, day, year = (found[1], found[2], found[3]) if found[1] else (found[5], found[4], found[6])
    number = MONTHS.index(month[:3].lower()) + 1
    if year:
        return _day(int(year), number, int(day))
    if near is None:
        return None
    known = [_day(near.year - ago, number, int(day)) for ago in (0, 1)]
    return next((one for one in known if one and one <= near), None)


def last_day(words: str) -> date | None:
    """Return the last full day that words name: the end of "Feb. 2, 2026, Through Feb. 4, 2026"."""
    days = [day for found in _DAY_PARTS.finditer(words) if (day := read_day(found[0]))]
    return max(days, default=None)


def _day(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None
