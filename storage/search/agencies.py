"""Federal agencies: their codes, all their names over time, and the short names by which readers know them.

The Department of Defense is also called the Department of War since September 2025 (Executive Order 14347). The codes
are those of award records (FPDS, USAspending), where one is known. Announcements, notices and documents name agencies
without a code, so names are compared too, without case, punctuation and a leading "U.S.".
"""

from __future__ import annotations

import re
from functools import cache

# The short name, and after it the agency's codes and names.
_AGENCIES = """
DHS: 070, 7000, Department of Homeland Security
ICE: 7012, Immigration and Customs Enforcement
CBP: 7014, Customs and Border Protection, Bureau of Customs and Border Protection
USSS: 7009, Secret Service
TSA: 7013, Transportation Security Administration
FEMA: 7022, Federal Emergency Management Agency
USCIS: 7003, Citizenship and Immigration Services
Coast Guard: 7008, Coast Guard
CISA: Cybersecurity and Infrastructure Security Agency
FLETC: 7015, Federal Law Enforcement Training Center, Federal Law Enforcement Training Centers
DOJ: 015, 1500, 1501, Department of Justice, Offices Boards and Divisions
FBI: 1549, Federal Bureau of Investigation
DEA: 1524, Drug Enforcement Administration
ATF: 1560, Bureau of Alcohol Tobacco Firearms and Explosives, Alcohol Tobacco Firearms and Explosives Bureau
USMS: 1544, Marshals Service
BOP: 1540, Federal Bureau of Prisons, Bureau of Prisons, Federal Prison System, Federal Prison System Bureau of Prisons
OJP: 1550, Office of Justice Programs
COPS: Office of Community Oriented Policing Services, Community Oriented Policing Services
EOIR: Executive Office for Immigration Review
EOUSA: Executive Office for United States Attorneys, Executive Office for US Attorneys
DoD: 097, 9700, Department of Defense, Dept of Defense, Department of War, Dept of War
Army: 2100, Department of the Army, Dept of the Army
Navy: 1700, Department of the Navy, Dept of the Navy
Marine Corps: Marine Corps
Air Force: 5700, Department of the Air Force, Dept of the Air Force
Space Force: Space Force
DLA: 97AS, Defense Logistics Agency
DISA: 97AK, Defense Information Systems Agency
DARPA: 97AE, Defense Advanced Research Projects Agency
SOCOM: 97ZS, Special Operations Command, USSOCOM
CYBERCOM: Cyber Command
TRANSCOM: Transportation Command, USTRANSCOM
DTRA: Defense Threat Reduction Agency
DIA: Defense Intelligence Agency
DCMA: Defense Contract Management Agency
DHA: Defense Health Agency
MDA: Missile Defense Agency
NGA: National Geospatial Intelligence Agency
NSA: National Security Agency, National Security Agency Central Security Service
WHS: Washington Headquarters Services
State: 019, 1900, Department of State
USAID: 072, 7200, Agency for International Development
Treasury: 020, 2000, Department of the Treasury, Department of Treasury, Treasury Department, Departmental Offices
IRS: 2050, Internal Revenue Service
IRS-CI: Internal Revenue Service Criminal Investigation, IRS Criminal Investigation
FinCEN: Financial Crimes Enforcement Network
TIGTA: Treasury Inspector General for Tax Administration
Interior: 014, 1400, Department of the Interior, Interior Department
NPS: 1443, National Park Service
BIA: 1450, Bureau of Indian Affairs, Bureau of Indian Affairs and Bureau of Indian Education
BLM: 1422, Bureau of Land Management
FWS: 1448, Fish and Wildlife Service
VA: 036, 3600, Department of Veterans Affairs, Veterans Affairs Department
GSA: 047, 4700, General Services Administration
GSA FAS: 4732, Federal Acquisition Service
GSA PBS: 4740, Public Buildings Service
USPS: 018, 1800, Postal Service
Postal Inspection: Postal Inspection Service
SEC: 050, 5000, Securities and Exchange Commission
SSA: 028, 2800, Social Security Administration
HHS: 075, 7500, Department of Health and Human Services, Health and Human Services Department
CDC: 7523, Centers for Disease Control and Prevention
FDA: 7524, Food and Drug Administration
NIH: 7529, National Institutes of Health
CMS: 7530, Centers for Medicare and Medicaid Services
Commerce: 013, 1300, Department of Commerce, Commerce Department
NOAA: 1330, National Oceanic and Atmospheric Administration
NIST: 1341, National Institute of Standards and Technology
Census: 1323, Census Bureau, Bureau of the Census
Energy: 089, 8900, Department of Energy, Energy Department
Labor: 1601, 1600, Department of Labor, Labor Department
Education: 091, 9100, Department of Education, Education Department
USDA: 012, 1200, Department of Agriculture, Agriculture Department
EPA: 068, 6800, Environmental Protection Agency
DOT: 069, 6900, Department of Transportation, Transportation Department
FAA: 6920, Federal Aviation Administration
HUD: 086, 8600, Department of Housing and Urban Development, Housing and Urban Development Department
NASA: 080, 8000, National Aeronautics and Space Administration
"""
_DEPARTMENT = " department"  # the Federal Register writes "Homeland Security Department" and "Justice Department"


def short_agency(code: str, name: str) -> str:
    """Return the short name of an agency, "" if it is not in the table.

    Args:
        code: its code in award records, "" if the source states none.
        name: its name in the source's spelling.
    """
    table, plain = _table(), _plain(name)
    written = f"department of {plain.removesuffix(_DEPARTMENT)}" if plain.endswith(_DEPARTMENT) else ""
    by_name = table.get(plain) or table.get(written, "")
    return table.get(code.strip().casefold(), "") or by_name


def agency_names(code: str, name: str) -> tuple[str, ...]:
    """Return the name of an agency as a source writes it, and its other names, former ones too.

    Args:
        code: its code in award records, "" if the source states none.
        name: its name in the source's spelling, "" if the source states none.
    """
    names = _names().get(short_agency(code, name), ()) if code or name else ()
    return tuple(dict.fromkeys((*filter(None, [name]), *names)))


def is_known_agency(given: str) -> bool:
    """Return whether a text is an agency's code or short name, or has only words of one of its names."""
    words = set(_plain(given).split())
    return bool(words) and any(words <= set(name.split()) for name in _table())


def usual_name(given: str) -> str:
    """Return the name in the table that has the same words in another order ("War Department"), else the given one."""
    return given if _plain(given) in _table() else _by_words().get(_words(given), given)


def _words(name: str) -> frozenset[str]:
    return frozenset(_plain(name).split()) - {"of", "the"}


@cache
def _by_words() -> dict[frozenset[str], str]:
    return {_words(name): name for name in _table() if " " in name}


@cache
def _names() -> dict[str, tuple[str, ...]]:
    """Return the names of each agency, by its short name, which is the first."""
    names: dict[str, tuple[str, ...]] = {}
    for line in _AGENCIES.strip().splitlines():
        short, _, known = line.partition(": ")
        names[short] = (short, *(each for each in known.split(", ") if not each[0].isdigit()))
    return names


@cache
def _table() -> dict[str, str]:
    """Return the short names by code and by plain name; each short name is one of them."""
    table: dict[str, str] = {}
    for line in _AGENCIES.strip().splitlines():
        short, _, known = line.partition(": ")
        table |= {_plain(key): short for key in (short, *known.split(", "))}
    return table


def _plain(name: str) -> str:
    words = re.sub(r"[^a-z0-9]+", " ", name.casefold().replace("&", " and ").replace(".", "")).split()
    if words[:1] == ["us"] or words[:2] == ["united", "states"]:
        words = words[1:] if words[0] == "us" else words[2:]
    return " ".join(words)
