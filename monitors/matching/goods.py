"""What a record's product and industry codes (PSC, NAICS) say: that they fit a topic, or are for other things. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import lru_cache

from monitors.matching.name_index import TEXT_SCORES, Signal, SignalKind
from monitors.matching.scoring import ScoredSignal
from monitors.normalize import normalize_text
from monitors.watchlist.model import Code, Strength, Vendor
from sources.records import Award, Publication

# How the names of product and service codes begin that are for something beside a technology: the building or vehicle
# it is put in, power, telephone service, training. Names: PSC Manual (GSA), in the spelling of FPDS.
OTHER_GOODS = tuple(
    """AIR CONDITIONING|AMMUNITION|ARCHITECT AND ENGINEERING|ARMOR, PERSONAL|CABINETS, LOCKERS|CLOTHING|CONSTRUCTION OF
EDUCATION/TRAINING|ELECTRIC PORTABLE|ELECTRIC VEHICULAR|ENVIRONMENTAL SYSTEMS|FENCING|FURNITURE|GENERATORS AND|GUNS,
HOUSEKEEPING|INDOOR AND OUTDOOR ELECTRIC LIGHTING|INSTALLATION OF EQUIPMENT- ELECTRIC WIRE
INSTALLATION OF EQUIPMENT- FURNITURE|IT AND TELECOM - MOBILE DEVICE AS A SERVICE|IT AND TELECOM - NETWORK - TELECOM
IT AND TELECOM - NETWORK AS A SERVICE|IT AND TELECOM - NETWORK: SATELLITE COMMUNICATIONS AND TELECOM ACCESS
IT AND TELECOM- INTERNET|IT AND TELECOM- TELECOMMUNICATIONS|LEASE/RENTAL OF|MAINT/REPAIR/REBUILD OF EQUIPMENT- REFRIG
MAINTENANCE OF|MEDICAL-|OFFICE FURNITURE|OFFICE SUPPLIES|OPERATION OF|PURCHASE OF|REPAIR OR ALTERATION OF|SALVAGE
SOCIAL-|SUPPORT- ADMINISTRATIVE: TRANSLATION|SUPPORT- PROFESSIONAL: PHYSICAL SECURITY|TELEPHONE AND TELEGRAPH
TRANSPORTATION/TRAVEL|UTILITIES|WIRE AND CABLE""".replace("\n", "|").split("|")
)
# The names of industries that sell such things.
OTHER_INDUSTRIES = ("SECURITY SYSTEMS SERVICES", "TRANSLATION AND INTERPRETATION")

TEXT_CACHE_SIZE = 8192


@lru_cache(maxsize=TEXT_CACHE_SIZE)
def is_for_other_goods(psc_text: str, naics_text: str) -> bool:
    """Return whether the names of a record's codes are for something beside a technology."""
    return psc_text.upper().startswith(OTHER_GOODS) or naics_text.upper().startswith(OTHER_INDUSTRIES)


class CodeIndex:
    """Finds the topics that a record's codes fit."""

    def __init__(self, vendors: Iterable[Vendor]) -> None:
        self._topics: dict[str, list[tuple[str, Code]]] = defaultdict(list)  # by code, and by its name
        for vendor in vendors:
            for code in vendor.codes:
                self._topics[code.code].append((vendor.id, code))
                self._topics[normalize_text(code.name)].append((vendor.id, code))
        self._fitting = lru_cache(maxsize=TEXT_CACHE_SIZE)(self._find_fitting)

    def find(self, record: Award | Publication, found: Collection[str]) -> Iterator[tuple[str, ScoredSignal]]:
        """Yield the topics that the codes of a record fit; a weak code only fits one that is among those `found`."""
        for field, kind, written, text in (
            ("psc_text", SignalKind.PSC, record.psc, record.psc_text),
            ("naics_text", SignalKind.NAICS, record.naics, record.naics_text),
        ):
            for vendor_id, code in self._fitting(written, text):
                if code.strength is not Strength.WEAK or vendor_id in found:
                    yield vendor_id, _signal(kind, field, code, text)

    def has_strong(self, written: str, text: str) -> bool:
        """Return whether a code, or its name, fits a topic by itself."""
        return any(code.strength is not Strength.WEAK for _, code in self._fitting(written, text))

    def _find_fitting(self, written: str, text: str) -> Sequence[tuple[str, Code]]:
        return self._topics.get(written.strip().upper()) or self._topics.get(normalize_text(text)) or ()


def _signal(kind: SignalKind, field: str, code: Code, text: str) -> ScoredSignal:
    signal = Signal(
        kind=kind,
        field=field,
        text=text,
        term=f"{code.code} {code.name}",
        start=0,
        end=len(text),
        score=TEXT_SCORES[code.strength],
    )
    return ScoredSignal(signal, strength=code.strength, source=text)
