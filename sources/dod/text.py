"""Sentences, days, states and countries, as announcements of the Department of Defense write them. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
MONTH = r"\b(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,7}\.?"
DAY = rf"(?:{MONTH}\s+\d{{1,2}}(?:,?\s+\d{{4}})?|\d{{1,2}}\s+{MONTH},?\s+\d{{4}})"
DAY_OR_MONTH = rf"(?:{MONTH}\s+\d{{1,2}},?\s+\d{{4}}|\d{{1,2}}\s+{MONTH},?\s+\d{{4}}|{MONTH},?\s+(?:of\s+)?\d{{4}})"

_GAP = re.compile(r"(?<=[.?!])(?:['\"\u201d\u2019)]|\))?\s+(?=[A-Z(\"\u201c*0-9])")
MAX_ABBREVIATION = 40  # characters: only the end of a long text is searched for one
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
        if _ABBREVIATED.search(before[-MAX_ABBREVIATION:]) and (
            before.endswith("U.S.") or not _OPENS.match(paragraph, gap.end())
        ):
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


_STATES = """
AL Alabama, Ala; AK Alaska; AZ Arizona, Ariz; AR Arkansas, Ark; CA California, Calif; CO Colorado, Colo;
CT Connecticut, Conn; DE Delaware, Del; DC D.C, DC, District of Columbia; FL Florida, Fla; GA Georgia, Ga; HI Hawaii;
ID Idaho; IL Illinois, Ill; IN Indiana, Ind; IA Iowa; KS Kansas, Kan; KY Kentucky, Ky; LA Louisiana, La; ME Maine;
MD Maryland, Md; MA Massachusetts, Mass; MI Michigan, Mich; MN Minnesota, Minn; MS Mississippi, Miss; MO Missouri, Mo;
MT Montana, Mont; NE Nebraska, Neb; NV Nevada, Nev; NH New Hampshire, N.H; NJ New Jersey, N.J; NM New Mexico, N.M;
NY New York, N.Y; NC North Carolina, N.C; ND North Dakota, N.D; OH Ohio; OK Oklahoma, Okla; OR Oregon, Ore;
PA Pennsylvania, Pa; RI Rhode Island, R.I; SC South Carolina, S.C; SD South Dakota, S.D; TN Tennessee, Tenn; TX Texas;
UT Utah; VT Vermont, Vt; VA Virginia, Va; WA Washington, Wash; WV West Virginia, W.Va; WI Wisconsin, Wis;
WY Wyoming, Wyo; PR Puerto Rico; GU Guam; VI Virgin Islands, U.S. Virgin Islands; AS American Samoa;
MP Northern Mariana Islands
"""
_COUNTRIES = """
Afghanistan, Albania, Argentina, Australia, Austria, Bahamas, Bahrain, Belgium, Bosnia and Herzegovina, Brazil,
British Indian Ocean Territory, Bulgaria, Cameroon, Canada, Chad, Chile, China, Colombia, Costa Rica, Croatia, Cuba,
Curacao, Cyprus, Czech Republic, Czechia, Denmark, Djibouti, Egypt, England, Estonia, Ethiopia, Fiji, Finland, France,
Germany, Ghana, Great Britain, Greece, Greenland, Guatemala, Honduras, Hong Kong, Hungary, Iceland, India, Indonesia,
Iraq, Ireland, Israel, Italy, Japan, Jordan, Kazakhstan, Kenya, Korea, Kosovo, Kuwait, Latvia, Lebanon, Lithuania,
Luxembourg, Malaysia, Malta, Marshall Islands, Mexico, Micronesia, Moldova, Morocco, Mozambique, Nepal, Netherlands,
New Zealand, Niger, Nigeria, North Macedonia, Northern Ireland, Norway, Oman, Pakistan, Palau, Panama, Peru,
Philippines, Poland, Portugal, Qatar, Republic of Korea, Republic of Singapore, Republic of the Marshall Islands,
Romania, Rwanda, Saudi Arabia, Scotland, Senegal, Serbia, Singapore, Slovakia, Slovenia, Somalia, South Africa,
South Korea, Spain, Sri Lanka, Suriname, Sweden, Switzerland, Taiwan, Tanzania, Thailand, The Netherlands, Tunisia,
Turkey, Turkiye, Türkiye, U.A.E, U.K, Uganda, UK, Ukraine, United Arab Emirates, United Kingdom, Uruguay, Uzbekistan,
Vietnam, Wales
"""
_PROVINCES = """
Alberta, British Columbia, Manitoba, New Brunswick, Newfoundland, Nova Scotia, Ontario, Quebec, Saskatchewan,
New South Wales, Queensland, South Australia, Victoria, Western Australia, Australian Capital Territory,
Northern Territory, England, Northern Ireland, Scotland, Wales, Bavaria, Okinawa
"""


def _names(read_index_since: str) -> list[str]:
    return [name for name in (" ".join(part.split()).lower() for part in read_index_since.split(",")) if name]


_CODES = {
    name: entry.strip()[:2] for entry in _STATES.split(";") for name in _names(entry.strip()[3:]) if entry.strip()
}
_FOREIGN = frozenset(_names(_COUNTRIES))
_INSIDE = frozenset(_names(_PROVINCES))


def state_code(place: str) -> str:
    """Return the postal code of a state or territory by its name or abbreviation ("Md." is "MD"), "" if it is none."""
    return _CODES.get(_plain(place), "")


def is_country(place: str) -> bool:
    """Whether a place is a foreign country, as announcements name it."""
    return _plain(place) in _FOREIGN


def is_province(place: str) -> bool:
    """Whether a place is a part of a foreign country that is named between a town and its country."""
    return _plain(place) in _INSIDE


def _plain(place: str) -> str:
    return " ".join(place.split()).strip(" .").lower()
