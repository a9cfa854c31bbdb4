"""From all signals for one vendor to one score, the rule that decided, and a sentence a person can read. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from monitors.signals import TEXT_SCORES, Signal, SignalKind
from monitors.watchlist import Evidence, Portfolio, Strength, Vendor
from sources.records import Recipient

PUBLISH_FROM = 0.8
REVIEW_FROM = 0.6
MIXED_CAP = 0.75  # identity alone says who was paid, not that it was for surveillance technology
UNVERIFIED_CAP = 0.75  # an entry nobody has checked never publishes because a name looks alike
AGREEMENT = 0.1  # added when the name and the description point to the same vendor
HINT = 0.05  # added when only a weak phrase goes with something better
TWO_PHRASES = 0.8  # two different medium phrases of one vendor
KNOWN_RESELLER = 0.82  # a medium phrase, and the recipient is known to resell this vendor
QUOTE_WHOLE = 90
QUOTE_AROUND = 35
QUOTE_LONGEST = 300


@dataclass(frozen=True, slots=True)
class Found:
    """A signal with what the decision needs to know of it."""

    signal: Signal
    strength: Strength | None = None  # of a phrase; None for a name or a UEI
    source: str = ""  # the whole raw field, to quote from


def weigh(vendor: Vendor, found: Sequence[Found], *, resold: bool) -> tuple[float, str]:
    """Return (score 0 to 1, id of the rule). `resold`: the recipient is known to resell this vendor."""
    identities = [item.signal for item in found if item.strength is None]
    phrases = [item for item in found if item.strength is not None]
    text_score, text_rule = _weigh_phrases(vendor, phrases, resold=resold)
    if not identities:
        return text_score, text_rule
    identity = max(identities, key=lambda signal: signal.score)
    score, rule = identity.score, identity.kind.value
    telling = [item for item in phrases if item.signal.kind is SignalKind.PRODUCT or not _is_mixed(vendor)]
    if telling:
        strongest = max(item.signal.score for item in telling)
        bonus = AGREEMENT if strongest >= TEXT_SCORES[Strength.MEDIUM] else HINT
        score, rule = min(1.0, max(score, text_score) + bonus), f"{rule}+{text_rule}"
    elif _is_mixed(vendor):
        score, rule = min(score, MIXED_CAP), f"mixed-portfolio-{rule}"
    if vendor.evidence is Evidence.BACKGROUND and identity.kind is SignalKind.FUZZY_NAME:
        score = max(min(score, UNVERIFIED_CAP), text_score)
    return round(score, 3), rule


def _is_mixed(vendor: Vendor) -> bool:
    return vendor.portfolio is Portfolio.MIXED


def _weigh_phrases(vendor: Vendor, phrases: Sequence[Found], *, resold: bool) -> tuple[float, str]:
    """Weigh what the descriptions say, whoever is paid."""
    by_strength: dict[Strength, set[str]] = {strength: set() for strength in Strength}
    for item in phrases:
        signal, strength = item.signal, item.strength or Strength.WEAK
        mention = signal.kind is SignalKind.MENTION
        if mention and _is_mixed(vendor):
            strength = Strength.MEDIUM if strength is Strength.STRONG else Strength.WEAK
        # However a company's name is spelled, it is one indication, not several.
        by_strength[strength].add(signal.kind.value if mention else signal.term)
    strong, medium, weak = (by_strength[strength] for strength in Strength)
    through = "-via-reseller" if resold else ""
    if strong:
        return TEXT_SCORES[Strength.STRONG], f"strong-phrase{through}"
    if len(medium) > 1:
        return TWO_PHRASES, f"two-phrases{through}"
    if medium and resold and not _is_mixed(vendor):
        return KNOWN_RESELLER, f"medium-phrase{through}"
    if medium:
        return round(TEXT_SCORES[Strength.MEDIUM] + (HINT if weak else 0), 3), f"medium-phrase{through}"
    return TEXT_SCORES[Strength.WEAK] if weak else 0.0, "weak-phrase"


_NAMED = {
    SignalKind.UEI: "has the UEI {term} of {vendor}",
    SignalKind.NAME: 'is on the watchlist as {vendor} ("{term}")',
    SignalKind.FORMER_NAME: 'bears a former name of {vendor} ("{term}")',
    SignalKind.ALIAS: 'bears another name of {vendor} ("{term}")',
    SignalKind.FUZZY_NAME: 'has a name much like "{term}", a name of {vendor}',
    SignalKind.PARENT_UEI: "has a parent company with the UEI {term} of {vendor}",
    SignalKind.PARENT_NAME: 'has the parent company "{text}", which stands for {vendor}',
}


def tell(vendor: Vendor, found: Sequence[Found], recipient: Recipient, others: Sequence[str]) -> str:
    """Return why the award matched, in words. `found` best first; `others` the vendors the recipient itself is."""
    identity = next((item.signal for item in found if item.strength is None), None)
    phrase = next((item for item in found if item.strength is not None), None)
    who = f'Recipient "{_plain(recipient.name)}"'
    if identity is not None:
        said = _NAMED[identity.kind].format(term=identity.term, vendor=vendor.name, text=_plain(identity.text))
        also = f", and the description {_names(vendor, phrase)}" if phrase else ""
        mixed = f" {vendor.name} also sells other things, so a person should look." if _is_mixed(vendor) else ""
        told = phrase is not None and phrase.signal.kind is SignalKind.PRODUCT
        return f"{who} {said}{also}.{'' if told else mixed}"
    if phrase is None:
        return f"{who} may concern {vendor.name}."
    if recipient.is_placeholder:
        return f"The recipient is not disclosed, but the description {_names(vendor, phrase)}."
    if others:
        return f"{who} is on the watchlist as {' and '.join(others)}; the description {_names(vendor, phrase)}."
    return f"{who} is not on the watchlist, but the description {_names(vendor, phrase)}."


def _names(vendor: Vendor, item: Found) -> str:
    """Return 'names X: "quoted words"'."""
    if item.signal.kind is SignalKind.MENTION:
        return f'names {vendor.name}: "{_quote(item)}"'
    return f'has words that point to {vendor.name} ("{_plain(item.signal.text)}"): "{_quote(item)}"'


def _quote(item: Found) -> str:
    """Return the description, or so much of a long one as stands around the words that matched."""
    whole = item.source
    if len(whole) <= QUOTE_WHOLE:
        return _plain(whole)
    start, end = max(0, item.signal.start - QUOTE_AROUND), item.signal.end + QUOTE_AROUND
    before, after = ("..." if start else ""), ("..." if end < len(whole) else "")
    return f"{before}{_plain(whole[start:end])}{after}"


def _plain(text: str) -> str:
    """Return text fit for one printed line: no control or direction characters, single spaces, not without end."""
    visible = (" " if unicodedata.category(character)[0] == "C" else character for character in text[:QUOTE_LONGEST])
    return " ".join("".join(visible).split()) + ("..." if len(text) > QUOTE_LONGEST else "")
