"""Lint a watchlist: find what is valid in a file but should be reviewed. Pure.

A finding is serious if the entry would publish wrong matches, share a match with another entry by chance, or never
match. The rest is advice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from monitors.matching.name_index import NameIndex, SignalKind
from monitors.matching.phrase_index import PhraseIndex, vendor_terms
from monitors.normalize import is_common, normalize_text
from monitors.watchlist.loader import Entries, shared_names
from monitors.watchlist.model import Evidence, Kind, Strength, Vendor
from monitors.watchlist.search_terms import query_error
from monitors.watchlist.uei import check_digit

MIN_UNRELATED_NAMES = 3  # companies with a word in their names: then it is a common word
MIN_UNRELATED_RECIPIENTS = 20  # recipients with it in their descriptions
EXAMPLES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something to review about an entry. `serious`: it should not be used as it is."""

    entry: str
    what: str
    serious: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordTexts:
    """The texts of stored records: every recipient's name, and every (recipient, description)."""

    names: Iterable[str]
    descriptions: Iterable[tuple[str, str]]


def lint_watchlist(entries: Entries, texts: RecordTexts | None = None) -> list[Finding]:
    """Return the findings about a watchlist, serious ones first. `texts`: what its phrases are measured against."""
    vendors = [vendor for vendor, _ in entries.values()]
    found = [
        Finding(entry=place.vendor or place.file, what=message, serious=True)
        for place, message in shared_names(entries.values())
    ]
    found += _shared(vendors, "UEI", lambda vendor: vendor.ueis)
    found += _shared(vendors, "CAGE code", lambda vendor: vendor.cages)
    found += _shared(vendors, "strong phrase", _strong_phrases)
    for vendor in vendors:
        wrong = (*mistyped_ueis(vendor), *unsearchable_phrases(vendor))
        found += [Finding(entry=vendor.id, what=said, serious=True) for said in wrong]
        found += _advice(vendor)
    if texts is not None:
        found += _common_phrases(vendors, texts)
    return sorted(found, key=lambda finding: (not finding.serious, finding.entry, finding.what))


def mistyped_ueis(vendor: Vendor) -> list[str]:
    """Return a message for each UEI of an entry with a wrong check digit."""
    return [
        f'UEI "{uei}" is mistyped: after {uei[:11]} comes {check_digit(uei)}'
        for uei in vendor.ueis
        if uei[11] != check_digit(uei)
    ]


def unsearchable_phrases(vendor: Vendor) -> list[str]:
    """Return a message for each phrase of an entry that no source can be searched for."""
    reasons = {product.phrase: query_error(product) for product in vendor.products}
    return [f'phrase "{phrase}" {reason}' for phrase, reason in reasons.items() if reason]


def _strong_phrases(vendor: Vendor) -> list[str]:
    strong = [product.phrase for product in vendor.products if product.strength is Strength.STRONG]
    return sorted({normalize_text(phrase).replace(" ", "") for phrase in strong}) if vendor.kind is Kind.VENDOR else []


def _shared(vendors: Iterable[Vendor], what: str, values: Callable[[Vendor], Iterable[str]]) -> Iterator[Finding]:
    """Yield the values that two vendors share: a record could not tell them apart."""
    owners: dict[str, str] = {}
    for vendor in vendors:
        for value in values(vendor):
            owner = owners.setdefault(value, vendor.id)
            if owner != vendor.id:
                said = f'{what} "{value}" is also one of "{owner}"'
                yield Finding(entry=vendor.id, what=said, serious=True)


def _advice(vendor: Vendor) -> Iterator[Finding]:
    def finding(what: str) -> Finding:
        return Finding(entry=vendor.id, what=what, serious=False)

    folded = [normalize_text(product.phrase) for product in vendor.products]
    yield from (
        finding(f'phrase "{phrase}" is listed twice') for phrase in sorted(set(folded)) if folded.count(phrase) > 1
    )
    if vendor.evidence is Evidence.OWN and not vendor.sources:
        yield finding("has no source: say where the knowledge comes from")
    if vendor.kind is Kind.VENDOR and not vendor.legal_names and is_common(normalize_text(vendor.name)):
        yield finding(f'"{vendor.name}" is made of common words: give the legal name, which alone can be published')


def _common_phrases(vendors: Iterable[Vendor], texts: RecordTexts) -> Iterator[Finding]:
    """Yield the one-word phrases that stored records use for other things."""
    vendors = list(vendors)
    terms = {
        (term.vendor_id, term.phrase): term
        for vendor in vendors
        for term in vendor_terms(vendor)
        if term.kind is SignalKind.PRODUCT
        and term.strength is not Strength.WEAK
        and " " not in normalize_text(term.phrase)
    }
    exclusions = [term for vendor in vendors for term in vendor_terms(vendor) if term.kind is None]
    index = PhraseIndex([*terms.values(), *exclusions])
    own = NameIndex(vendors)
    in_names = _seen(index, ((name, name) for name in texts.names), own)
    in_texts = _seen(index, texts.descriptions, own)
    for (vendor_id, phrase), term in terms.items():
        names, buyers = in_names.get((vendor_id, phrase), set()), in_texts.get((vendor_id, phrase), set())
        if len(names) < MIN_UNRELATED_NAMES and len(buyers) < MIN_UNRELATED_RECIPIENTS:
            continue
        examples = "; ".join(sorted(names or buyers)[:EXAMPLES])
        where = f"in {len(names)} recipient names and in descriptions of {len(buyers)} recipients ({examples})"
        serious = term.strength is Strength.STRONG and len(names) >= MIN_UNRELATED_NAMES
        yield Finding(entry=vendor_id, what=f'phrase "{phrase}" is a common word: {where}', serious=serious)


def _seen(index: PhraseIndex, texts: Iterable[tuple[str, str]], own: NameIndex) -> Mapping[tuple[str, str], set[str]]:
    """Return (vendor, phrase) -> the recipients, other than the vendor, with the phrase in their texts."""
    seen: dict[tuple[str, str], set[str]] = defaultdict(set)
    for recipient, text in texts:
        hits = index.find(text)
        if hits:
            itself = {finding.vendor_id for finding in own.find(recipient)}
            for hit in hits:
                if hit.term.vendor_id not in itself:
                    seen[hit.term.vendor_id, hit.term.phrase].add(recipient)
    return seen
