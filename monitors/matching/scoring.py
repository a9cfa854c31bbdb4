"""From all signals for one vendor to one score, the rule that decided, and a sentence a person can read. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace

from monitors.matching.name_index import BRANCH_SCORE, TEXT_SCORES, Signal, SignalKind
from monitors.watchlist.model import Evidence, Kind, Portfolio, Strength, Vendor
from sources.records import Recipient

PUBLISH_FROM = 0.8
REVIEW_FROM = 0.6
CAPS = {  # identity alone says who was paid, not that it was for surveillance technology
    Portfolio.PURE: 1.0,
    Portfolio.MIXED: 0.75,
    Portfolio.BROAD: 0.62,
}
NOT_ITS_OWN = 0.5  # a broad company that is only the owner, or only looks alike: dropped without a phrase
UNVERIFIED_CAP = 0.75  # an entry nobody has checked never publishes because a name looks alike
BROAD_HINT_CAP = 0.75  # of a broad portfolio, with nothing but a weak phrase to go with the name
AGREEMENT = 0.1  # added when the name and the description point to the same vendor
HINT = 0.05  # added when only a weak phrase goes with something better
TWO_PHRASES = 0.81  # two different medium phrases of one vendor that is no integrator
ON_TOPIC = 0.81  # a name that says too little alone, beside words for the very technology it is listed for
KNOWN_RESELLER = 0.82  # a medium phrase, and the recipient is known to resell this vendor
TOPIC_SCORES = {Strength.STRONG: 0.8, Strength.MEDIUM: 0.65, Strength.WEAK: 0.3}  # below any published vendor
TWO_TOPIC_PHRASES = 0.75  # two ambiguous ones are still for a person
QUOTE_WHOLE = 90
QUOTE_AROUND = 35
QUOTE_LONGEST = 300


@dataclass(frozen=True, slots=True)
class Found:
    """A signal with what the decision needs to know of it."""

    signal: Signal
    portfolio: Portfolio = Portfolio.PURE  # what the name or identifier says of the business; a phrase: pure
    strength: Strength | None = None  # of a phrase; None for a name or an identifier
    source: str = ""  # the whole raw field, to quote from
    outside: str = ""  # in words, that the award is not of the years of the name
    of_owner: bool = False  # the name is that of a company that owns the vendor

    @property
    def tells(self) -> bool:
        """Whether a phrase says what is bought: a product does, a company's name only if it sells nothing else."""
        return self.strength is not None and (
            self.signal.kind is not SignalKind.MENTION or self.portfolio is Portfolio.PURE
        )

    def apart_from(self, other: Found) -> bool:
        """Whether two phrases do not share a word: they stand in other places, or in other texts."""
        mine, theirs = self.signal, other.signal
        same_text = (mine.field, mine.action_key) == (theirs.field, theirs.action_key)
        return not same_text or mine.end <= theirs.start or theirs.end <= mine.start


def weigh(vendor: Vendor, found: Sequence[Found], *, resold: bool, topics: Sequence[Found] = ()) -> tuple[float, str]:
    """Return (score 0 to 1, id of the rule).

    `resold`: the recipient is known to resell this vendor. `topics`: the award's words for the vendor's technology,
    found for the topics of its category.
    """
    if vendor.kind is Kind.TOPIC:
        return _weigh_topic(found)
    phrases = [item for item in found if item.strength is not None]
    text = _weigh_phrases(vendor, phrases, resold=resold, on_topic=_words_on_topic(vendor, phrases, topics))
    telling = [item.signal.score for item in phrases if item.tells]
    if not telling and any(item.portfolio is not Portfolio.PURE for item in phrases):
        found = [_of_the_other_part(item) for item in found]
    identities = [_weigh_identity(vendor, item, telling, text) for item in found if item.strength is None]
    identities += [
        _identity_on_topic(item) for item in found if item.strength is None and _is_about(vendor, item, topics)
    ]
    return max((text, *identities), key=lambda weighed: weighed[0])


def _words_on_topic(vendor: Vendor, phrases: Sequence[Found], topics: Sequence[Found]) -> frozenset[Strength]:
    """Return the strengths of the words that may mean the vendor and stand beside others for its technology.

    PARROT with SUAS. Not so the phrases of several words that are no name, and none of an integrator's: those are
    programmes on which others work too; nor the topic's own words.
    """
    if vendor.portfolio is Portfolio.BROAD or not topics:
        return frozenset()
    words = [item for item in phrases if item.signal.kind is SignalKind.MENTION or " " not in item.signal.term.strip()]
    return frozenset(
        item.strength for item in words if item.strength and all(item.apart_from(topic) for topic in topics)
    )


def _is_about(vendor: Vendor, item: Found, topics: Sequence[Found]) -> bool:
    """Whether the award is about what the company is listed for, which its name alone leaves open.

    Of an integrator only precise words and its own name are enough: it has a hand in nearly everything.
    """
    if item.of_owner and item.portfolio is not Portfolio.PURE:
        return False
    alike = item.signal.kind is SignalKind.FUZZY_NAME
    if alike and (item.portfolio is not Portfolio.PURE or vendor.evidence is Evidence.BACKGROUND):
        return False
    if item.portfolio is Portfolio.BROAD:
        return any(topic.strength is Strength.STRONG for topic in topics)
    return bool(topics)


def _identity_on_topic(item: Found) -> tuple[float, str]:
    kind = item.signal.kind.value
    return ON_TOPIC, f"{kind if item.portfolio is Portfolio.PURE else f'{item.portfolio}-portfolio-{kind}'}+topic"


def _of_the_other_part(item: Found) -> Found:
    """Return a name as that of a mixed portfolio: the words beside it (a TASER) say that something else is bought."""
    return replace(item, portfolio=Portfolio.MIXED) if item.portfolio is Portfolio.PURE else item


def _weigh_identity(
    vendor: Vendor, item: Found, telling: Sequence[float], text: tuple[float, str]
) -> tuple[float, str]:
    """Weigh one name or identifier, with the phrases that say what was bought and what they are worth on their own."""
    score, rule = item.signal.score, item.signal.kind.value
    if item.outside:
        rule = f"{rule}-outside-its-years"
    if telling:
        strong_enough = max(telling) >= TEXT_SCORES[Strength.MEDIUM]
        score = min(1.0, max(score, text[0]) + (AGREEMENT if strong_enough else HINT))
        rule = f"{rule}+{text[1]}"
        if item.portfolio is Portfolio.BROAD and not strong_enough:
            score = min(score, BROAD_HINT_CAP)
    elif item.portfolio is not Portfolio.PURE:
        score, rule = max(min(score, _cap(item)), text[0]), f"{item.portfolio}-portfolio-{rule}"
    if vendor.evidence is Evidence.BACKGROUND and item.signal.kind is SignalKind.FUZZY_NAME:
        score = max(min(score, UNVERIFIED_CAP), text[0])
    return round(score, 3), rule


def _cap(item: Found) -> float:
    """Return what a name or identifier is worth at most, when the company sells other things too."""
    alike = item.signal.kind is SignalKind.FUZZY_NAME and item.signal.score < BRANCH_SCORE
    if item.portfolio is Portfolio.BROAD and (item.of_owner or alike):
        return NOT_ITS_OWN
    return CAPS[item.portfolio]


def _weigh_topic(found: Sequence[Found]) -> tuple[float, str]:
    """Weigh the words for a technology, whoever is paid."""
    by_strength = _terms_by_strength(found)
    strong, medium, weak = (by_strength[strength] for strength in Strength)
    if strong:
        return TOPIC_SCORES[Strength.STRONG], "topic"
    if len(medium) > 1:
        return TWO_TOPIC_PHRASES, "topic-two-phrases"
    if medium:
        return round(TOPIC_SCORES[Strength.MEDIUM] + (HINT if weak else 0), 3), "topic-medium-phrase"
    return TOPIC_SCORES[Strength.WEAK], "topic-weak-phrase"


def _terms_by_strength(phrases: Sequence[Found]) -> dict[Strength, set[str]]:
    by_strength: dict[Strength, set[str]] = {strength: set() for strength in Strength}
    for item in phrases:
        # However a company's name is spelled, it is one indication, not several.
        mention = item.signal.kind is SignalKind.MENTION
        by_strength[item.strength or Strength.WEAK].add(item.signal.kind.value if mention else item.signal.term)
    return by_strength


def _weigh_phrases(
    vendor: Vendor, phrases: Sequence[Found], *, resold: bool, on_topic: frozenset[Strength]
) -> tuple[float, str]:
    """Weigh what the descriptions say, whoever is paid: by the first rule that holds."""
    by_strength = _terms_by_strength(phrases)
    strong, medium, weak = (by_strength[strength] for strength in Strength)
    pure, broad = vendor.portfolio is Portfolio.PURE, vendor.portfolio is Portfolio.BROAD
    through = "-via-reseller" if resold else ""
    rules = (
        (bool(strong), TEXT_SCORES[Strength.STRONG], f"strong-phrase{through}"),
        # Others work on the programmes of integrators.
        (len(medium) > 1 and not broad, TWO_PHRASES, f"two-phrases{through}"),
        (bool(medium) and resold and pure, KNOWN_RESELLER, f"medium-phrase{through}"),
        (Strength.MEDIUM in on_topic, ON_TOPIC, f"medium-phrase-on-topic{through}"),
        (bool(medium), TEXT_SCORES[Strength.MEDIUM] + (HINT if weak else 0), f"medium-phrase{through}"),
        (Strength.WEAK in on_topic, TEXT_SCORES[Strength.MEDIUM], f"weak-phrase-on-topic{through}"),
    )
    decided = next(((score, rule) for holds, score, rule in rules if holds), None)
    score, rule = decided or (TEXT_SCORES[Strength.WEAK] if weak else 0.0, "weak-phrase")
    return round(score, 3), rule


_NAMED = {
    SignalKind.UEI: "has the UEI {term} of {vendor}",
    SignalKind.CAGE: "has the CAGE code {term} of {vendor}",
    SignalKind.NAME: 'is on the watchlist as {vendor} ("{term}")',
    SignalKind.DBA_NAME: 'does business under a name of {vendor} ("{term}")',
    SignalKind.FORMER_NAME: 'bears a former name of {vendor} ("{term}")',
    SignalKind.ALIAS: 'bears another name of {vendor} ("{term}")',
    SignalKind.FUZZY_NAME: 'has a name much like "{term}", a name of {vendor}',
    SignalKind.SUBSIDIARY: 'is "{term}", a subsidiary of {vendor}',
    SignalKind.PARENT_UEI: "has a parent company with the UEI {term} of {vendor}",
    SignalKind.PARENT_NAME: 'has the parent company "{text}", which stands for {vendor}',
}
_IS_PARENT = 'is "{term}", the parent company of {vendor}'


def tell(vendor: Vendor, found: Sequence[Found], recipient: Recipient, others: Sequence[str]) -> str:
    """Return why the award matched, in words. `found` best first; `others` the vendors the recipient itself is."""
    identity = next((item for item in found if item.strength is None), None)
    phrase = next((item for item in found if item.strength is not None), None)
    who = f'Recipient "{_plain(recipient.name)}"'
    if identity is not None:
        also = f", and the description {_names(vendor, phrase)}" if phrase else ""
        return f"{who} {_identified(vendor, identity)}{also}." + _reservations(vendor, identity, phrase)
    if phrase is None:
        return f"{who} may concern {vendor.name}."
    if vendor.kind is Kind.TOPIC:
        return f"The description has words for the topic {vendor.name} {_quoted(phrase)}."
    if recipient.is_placeholder:
        who = "The recipient is not disclosed, but"
    elif others:
        who += f" is on the watchlist as {' and '.join(others)};"
    else:
        who += " is not on the watchlist, but"
    return f"{who} the description {_names(vendor, phrase)}.{_reservations(vendor, None, phrase)}"


def _identified(vendor: Vendor, item: Found) -> str:
    """Return how a name or identifier points to a vendor: 'has the UEI ... of ...'."""
    signal = item.signal
    is_parent = signal.kind is SignalKind.PARENT_NAME and signal.field == "recipient_name"
    words = _IS_PARENT if is_parent else _NAMED[signal.kind]
    return words.format(term=signal.term, vendor=vendor.name, text=_plain(signal.text))


def _reservations(vendor: Vendor, identity: Found | None, phrase: Found | None) -> str:
    """Return what speaks against a match, as sentences after it."""
    said = f" That holds {identity.outside}." if identity and identity.outside else ""
    if vendor.evidence is Evidence.BACKGROUND:
        said += " The entry is from general knowledge and has not been verified."
    if identity and identity.portfolio is not Portfolio.PURE and not (phrase and phrase.tells):
        said += f" {vendor.name} also sells other things, so a person should look."
    return said


def _names(vendor: Vendor, item: Found) -> str:
    """Return 'names X: "quoted words"'."""
    if item.signal.kind is SignalKind.MENTION:
        return f'names {vendor.name}: "{_quote(item)}"'
    return f"has words that point to {vendor.name} {_quoted(item)}"


def _quoted(item: Found) -> str:
    """Return the words that matched and what stands around them."""
    return f'("{_plain(item.signal.text)}"): "{_quote(item)}"'


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
