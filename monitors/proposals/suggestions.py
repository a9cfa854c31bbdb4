"""Suggest vendors for the watchlist: recipients whose stored awards are about its topics and name none of its vendors.

Pure: it reads the records that it is given.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from monitors.normalize import normalize_text, parse_name
from monitors.watchlist.model import MIN_PHRASE_LENGTH, TOPIC_PREFIX, KnownName, Portfolio, Vendor, Watchlist
from monitors.watchlist.uei import has_form
from sources.records import Recipient
from storage.models import MatchBand, StoredMatch, StoredRecord

MIN_SIGNALS = 2
MAX_SOURCES = 3  # examples that an entry lists as its sources


@dataclass(slots=True, kw_only=True)
class Suggestion:
    """A recipient that may be a vendor.

    `records`: those about a topic that are published for no vendor, newest first; `topics` and `phrases` count them by
    topic and by phrase. `signals` counts the pairs of a record and a phrase. `resold`: its records that are published
    for a vendor.
    """

    names: Counter[str] = field(default_factory=Counter)
    ueis: Counter[str] = field(default_factory=Counter)
    records: list[StoredRecord] = field(default_factory=list)
    topics: Counter[str] = field(default_factory=Counter)
    categories: Counter[str] = field(default_factory=Counter)
    phrases: Counter[str] = field(default_factory=Counter)
    resold: int = 0
    is_known: bool = False

    @property
    def name(self) -> str:
        """The most frequent spelling of the recipient's name."""
        return self.names.most_common(1)[0][0]

    @property
    def signals(self) -> int:
        """How many topic phrases its records have, counting each once in each record."""
        return self.phrases.total()

    @property
    def obligated(self) -> Decimal:
        """Dollars obligated to date by those of the records that are awards."""
        return sum((record.obligated or Decimal() for record in self.records), Decimal())

    def add(self, record: StoredRecord) -> None:
        """Count a record of the recipient."""
        matches = [match for match in record.matches if match.band != MatchBand.REJECTED]
        topics = [match for match in matches if match.vendor_id.startswith(TOPIC_PREFIX)]
        vendors = [match for match in matches if match not in topics]
        self.is_known |= any(_is_of_recipient(match) for match in vendors)
        if any(match.band == MatchBand.PUBLISHED for match in vendors):
            self.resold += 1
        elif topics:
            self.names[record.recipient_name] += 1
            self.ueis.update([record.recipient_uei] if has_form(record.recipient_uei) else [])
            self.records.append(record)
            self.topics.update(match.vendor_name for match in topics)
            self.categories.update(match.category for match in topics)
            self.phrases.update({signal.term for match in topics for signal in match.signals})


def _is_of_recipient(match: StoredMatch) -> bool:
    """Return whether a match says that the recipient, or its parent, is the vendor."""
    return any(signal.field.startswith("recipient_") for signal in match.signals)


def suggest_vendors(
    records: Iterable[StoredRecord], watchlist: Watchlist, min_signals: int = MIN_SIGNALS
) -> list[Suggestion]:
    """Return the recipients that may be vendors, the one with the most records first.

    Left out are vendors and resellers of the watchlist, placeholders, recipients that resell as many listed products or
    more, and those with fewer than `min_signals` topic phrases.
    """
    found: dict[str, Suggestion] = {}
    known = _known_names(watchlist)
    for record in records:
        name = parse_name(record.recipient_name)
        if (
            name is None
            or len(name.no_spaces) < MIN_PHRASE_LENGTH
            or Recipient(name=record.recipient_name).is_placeholder
        ):
            continue
        if name.no_spaces not in known:
            found.setdefault(name.no_spaces, Suggestion()).add(record)
    chosen = [
        each
        for each in found.values()
        if each.signals >= min_signals and not each.is_known and each.resold < len(each.records)
    ]
    return sorted(chosen, key=lambda each: (-len(each.records), -each.signals, -each.obligated, each.name))


def _known_names(watchlist: Watchlist) -> set[str]:
    """Return the names of the watchlist's companies and resellers, without legal forms and spaces."""
    vendors = watchlist.vendors
    names = [known.name for vendor in vendors for known in (*vendor.known_names, *vendor.subsidiaries)]
    names += [reseller for vendor in vendors for reseller in vendor.resellers]
    return {name.no_spaces for name in map(parse_name, names) if name}


def entry_of(suggestion: Suggestion, known_ids: Collection[str]) -> Vendor:
    """Return a suggestion as an entry for review by its name alone. Its id is none of `known_ids`."""
    name = suggestion.name
    parsed = parse_name(name)
    identity = wanted = re.sub(r"[^a-z0-9]+", "-", normalize_text(parsed.core if parsed else name).lower()).strip("-")
    number = 2
    while identity in known_ids:
        identity, number = f"{wanted}-{number}", number + 1
    phrases = ", ".join(phrase for phrase, _ in suggestion.phrases.most_common(MAX_SOURCES))
    count = f"{len(suggestion.records)} records" if len(suggestion.records) > 1 else "1 record"
    return Vendor(
        id=identity,
        name=name,
        category=suggestion.categories.most_common(1)[0][0],
        portfolio=Portfolio.MIXED,
        legal_names=tuple(KnownName(spelling) for spelling in sorted(suggestion.names)),
        ueis=tuple(sorted(suggestion.ueis)),
        sources=tuple(record.url for record in suggestion.records if record.url.startswith("https://"))[:MAX_SOURCES],
        note=f"Suggested by {count} with {phrases}. Check what it sells.",
    )
