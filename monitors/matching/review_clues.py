"""What else in a record supports or weakens an uncertain match: how soon to review it, and whether to at all. Pure.

The rules were chosen by reading the uncertain matches of the ICE and CBP actions of fiscal years 2021 to 2024.
docs/matching.md describes them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from monitors.matching.scoring import REVIEW_FROM, ScoredSignal
from monitors.watchlist.model import Portfolio, Strength
from sources.records import Award, Publication

POINTS_BY_STRENGTH = {Strength.STRONG: 3, Strength.MEDIUM: 2, Strength.WEAK: 1}
MAX_WORD_POINTS = 4
PSC_POINTS, OFFICE_POINTS, OTHER_BUSINESS_POINTS, PUBLISHED_POINTS = 2, 1, -3, -4
POINTS_PER_SCORE = 10  # a match that is nearly published is 2 points ahead of one that is hardly reviewed
AMOUNT_POINTS = ((Decimal(10_000_000), 6), (Decimal(1_000_000), 4), (Decimal(100_000), 2))  # dollars at least

# Words for finding, following or analyzing people and things, in any description.
_WORDS = re.compile(
    r"\b(HSI|HOMELAND SECURITY INVESTIGATIONS|INVESTIGAT\w+|INTELLIGENCE|ANALYTIC\w*|DATA ANALY\w+|SURVEIL\w+"
    r"|BIOMETRIC\w*|FORENSIC\w*|TRACKING|TRACKERS?|MONITORING|VETTING|VISA LIFECYCLE|TARGETING|LEAD GENERATION"
    r"|COVERT\w*|UNDERCOVER|INTERCEPT\w*|WIRETAP\w*|CALEA|PEN REGISTERS?|CALL DETAIL|PHONE RECORDS|CELL SITES?"
    r"|TELEMATICS|GPS|GEOLOCATION|LOCATION DATA|DIRECTION FINDING|FACIAL|\w+ RECOGNITION|LICENSE PLATES?"
    r"|FINGERPRINT\w*|IRIS|DNA|IDENTITY|SENSORS?|RADARS?|CAMERAS?|NIGHT VISION|THERMAL|AEROSTATS?|UNMANNED|DRONES?"
    r"|S?UAS|SOCIAL MEDIA|DARK WEB|OPEN SOURCE|OSINT|THREATS?|COUNTER ?TERRORIS\w+|WATCH ?LIST\w*|ENTRY[- ]EXIT"
    r"|PASSENGERS?|FUGITIVES?|SKIP TRACING|CASE MANAGEMENT|DIGITAL EVIDENCE|DATA (?:MINING|FUSION|EXPLOITATION)"
    r"|LAW ENFORCEMENT (?:INFORMATION|DATA\w*))\b"
)
# Phrases with one of those words that mean something else.
_FALSE_FRIENDS = re.compile(
    r"\b(?:BACK ?GROUND (?:RE ?)?INVESTIGAT\w+|(?:CREDIT|IDENTITY THEFT) MONITORING|IDENTITY (?:THEFT|PROTECT\w+)"
    r"|PERSONAL IDENTITY VERIFICATION|TRACKING NUMBERS?|BUSINESS INTELLIGEN\w+)\b"
)
_PSC = re.compile(
    r"\b(UNMANNED AIRCRAFT|NIGHT VISION|CAMERAS?|VIDEO RECORDING|RADAR|SURVEILLANCE|ELECTRONIC COUNTERMEASURES"
    r"|SECURITY DETECTION|INTELLIGENCE)\b"
)
_OFFICE = re.compile(r"\b(INVESTIGATI\w+|INTELLIGENCE|FORENSIC\w*|TECHNICAL OPERATIONS|SURVEILLANCE)\b")
# Offices by the first six characters of a PIID, the activity address code (FAR 4.1603), where the name is not stated.
_OFFICE_CODES = {
    "70CMSD": "INVESTIGATIONS AND OPERATIONS SUPPORT DALLAS",
    "HSCEMD": "INVESTIGATIONS AND OPERATIONS SUPPORT DALLAS",
}
# What else companies with a wide portfolio sell, by words of the description and of the product or service code.
_OTHER_BUSINESS = {
    "phone service": (
        r"FIRST ?NET|WIRELESS|CELL(?:ULAR|S)?|(?:SMART|CELL|I) ?PHONES?|MOBILE (?:PHONE|SERVICE|DEVICE)S?|DATA PLANS?",
        r"MOBILE DEVICE|TELECOM ACCESS",
    ),
    "radios": (
        r"RADIOS?|LMR|APX|TACCOM|TACTICAL COMMUNICATIONS?|CONSOLETTES?|ASTRO 25|CODE ?PLUG",
        r"RADIO AND TELEVISION COMMUNICATION|RADIO NAVIGATION|COMMUNICATIONS SECURITY EQUIPMENT"
        r"|MISCELLANEOUS COMMUNICATION EQUIPMENT",
    ),
    "weapons": (r"TASERS?|CARTRIDGES?|HOLSTERS?|CEWS?|CONDUCTED ENERGY|CONDUCTIVE ENERGY", r"AMMUNITION|GUNS|WEAPONS"),
    "detention": (
        r"DETENTION|DETAINEES?|JAIL|PROCESSING CENTERS?|TRANSITIONAL CENTERS?|BEDS?",
        r"HOUSEKEEPING- ?GUARD|PENAL FACILITIES|CARE/DETENTION",
    ),
    "law books": (r"LAW (?:LIBRARY|BOOKS?|HANDBOOKS?)|LEGAL RESEARCH|PUBLICATIONS", r"BOOKS AND PAMPHLETS"),
    "background checks": (r"BACK ?GROUND INVESTIGAT\w+|CREDIT MONITORING|IDENTITY THEFT", r"BACKGROUND INVESTIGATION"),
    "laboratory equipment": (
        r"SPECTROMETERS?|(?:CHEMICAL|NARCOTICS|DRUG DETECTION) ANALYZERS?|TRUNARC|LAB(?:ORATORY)? EQUIPMENT",
        r"CHEMICAL ANALYSIS|LABORATORY",
    ),
}
_OTHER_TEXT = {kind: re.compile(rf"\b(?:{text})\b") for kind, (text, _) in _OTHER_BUSINESS.items()}
_OTHER_PSC = {kind: re.compile(psc) for kind, (_, psc) in _OTHER_BUSINESS.items()}


@dataclass(frozen=True, slots=True)
class Clue:
    """Something in a record, in words for a reviewer, that supports (positive points) or weakens a match."""

    text: str
    points: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordClues:
    """The clues of a record. `purchase`: topic phrases, words and codes for surveillance.

    `published`: readers know the record already, because of another entry.
    """

    purchase: tuple[Clue, ...]
    office: tuple[Clue, ...]
    other_business: tuple[Clue, ...]
    amount: tuple[Clue, ...]
    published: tuple[Clue, ...]

    @property
    def all(self) -> tuple[Clue, ...]:
        """All clues, those about the purchase first."""
        return (*self.purchase, *self.office, *self.other_business, *self.amount, *self.published)

    def is_name_only(self, found: Iterable[ScoredSignal]) -> bool:
        """Return whether nothing but a company's name speaks for a match with these signals, and that is too little.

        A broad name needs a clue. A mixed one does if the record is about the company's other business.
        """
        signals = list(found)
        if self.purchase or any(item.names_product for item in signals):
            return False
        # Beside the name of a mixed or broad company, the recipient's own name does not say what is bought, either.
        is_mention = any(item.strength and item.portfolio is not Portfolio.PURE for item in signals)
        if not is_mention and any(item.portfolio is Portfolio.PURE for item in signals):
            return False
        is_broad = all(item.portfolio is Portfolio.BROAD for item in signals)
        return bool(self.other_business) or (is_broad and not self.office)

    def priority(self, score: float) -> int:
        """Return the priority of a match with this score for review; the highest comes first."""
        return round((score - REVIEW_FROM) * POINTS_PER_SCORE) + sum(clue.points for clue in self.all)


def clues_of(
    record: Award | Publication, topics: Sequence[ScoredSignal] = (), published: Sequence[str] = ()
) -> RecordClues:
    """Return the clues of a record. `topics` are its topic phrases, `published` the entries it is published for."""
    texts = [record.description, *(action.description for action in getattr(record, "actions", ()))]
    text = " | ".join(dict.fromkeys(texts)).upper()
    award = record if isinstance(record, Award) else None
    code = f"{award.psc_text} | {award.naics_text}".upper() if award else ""
    code_office = _OFFICE_CODES.get(award.piid[:6], "") if award else ""
    office = _office_clues((record.awarding.office, award.funding.office if award else "", code_office))
    return RecordClues(
        purchase=(*_topic_clues(topics), *_word_clues(text, topics), *_psc_clues(code)),
        office=office,
        # An investigative office buys other things under the codes for radios, too.
        other_business=_other_business(text, "" if office else code),
        amount=_amount_clues(record),
        published=(Clue(f"already published for {', '.join(published)}", PUBLISHED_POINTS),) if published else (),
    )


def _topic_clues(topics: Sequence[ScoredSignal]) -> tuple[Clue, ...]:
    """Return the strongest topic phrase."""
    best = max(topics, key=lambda item: POINTS_BY_STRENGTH[item.strength or Strength.WEAK], default=None)
    if best is None:
        return ()
    return (Clue(f'topic words "{best.signal.text}"', POINTS_BY_STRENGTH[best.strength or Strength.WEAK]),)


def _word_clues(text: str, topics: Sequence[ScoredSignal]) -> tuple[Clue, ...]:
    """Return the other words for surveillance and investigations: two points for the first, one for each other."""
    for item in topics:
        text = text.replace(item.signal.text.upper(), " ")
    words = list(dict.fromkeys(match[0] for match in _WORDS.finditer(_FALSE_FRIENDS.sub(" ", text))))
    return (Clue(", ".join(words), min(MAX_WORD_POINTS, 1 + len(words))),) if words else ()


def _psc_clues(code: str) -> tuple[Clue, ...]:
    found = _PSC.search(code)
    return (Clue(f"product or industry code: {found[0]}", PSC_POINTS),) if found else ()


def _office_clues(names: Iterable[str]) -> tuple[Clue, ...]:
    """Return the first office for investigations: the awarding or the funding one, or that of the PIID."""
    name = next((name for name in names if _OFFICE.search(name.upper())), "")
    return (Clue(f"office: {name}", OFFICE_POINTS),) if name else ()


def _other_business(text: str, code: str) -> tuple[Clue, ...]:
    kinds = [kind for kind in _OTHER_TEXT if _OTHER_TEXT[kind].search(text) or _OTHER_PSC[kind].search(code)]
    return (Clue(f"other business: {', '.join(kinds)}", OTHER_BUSINESS_POINTS),) if kinds else ()


def _amount_clues(record: Award | Publication) -> tuple[Clue, ...]:
    amount = _amount(record)
    points = next((points for least, points in AMOUNT_POINTS if amount >= least), 0)
    return (Clue(f"${amount:,.0f}", points),) if points else ()


def _amount(record: Award | Publication) -> Decimal:
    """Return what is obligated, or the sum of the actions; of a publication, the largest amount; else 0."""
    if isinstance(record, Publication):
        return max((amount.dollars for amount in record.amounts), default=Decimal(0))
    if record.obligated is not None:
        return record.obligated
    return sum((action.obligation or Decimal(0) for action in record.actions), Decimal(0))
