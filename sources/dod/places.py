"""The places that announcements of the Department of Defense name: states as they spell them, countries, provinces."""

from __future__ import annotations

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


def _names(listed: str) -> list[str]:
    return [name for name in (" ".join(part.split()).lower() for part in listed.split(",")) if name]


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
