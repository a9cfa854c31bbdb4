"""Score all signals for one vendor: a number, the rule that decided, and a sentence for a reader. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace

from monitors.matching.name_index import BRANCH_SCORE, TEXT_SCORES, Signal, SignalKind
from monitors.watchlist.model import Evidence, Kind, Portfolio, Strength, Vendor
from sources.records import Recipient

PUBLISH_FROM = 0.8
REVIEW_FROM = 0.6
CAPS = {  # a name alone says who was paid, not that it was for surveillance technology
    Portfolio.PURE: 1.0,
    Portfolio.MIXED: 0.75,
    Portfolio.BROAD: 0.62,
}
PARENT_CAP = 0.5  # a broad company that is only the parent, or only has a similar name: no match without a phrase
UNVERIFIED_CAP = 0.75  # an unverified entry is never published for a similar name
BROAD_WEAK_PHRASE_CAP = 0.75  # a broad portfolio: its name, with only a weak phrase
AGREEMENT_BONUS = 0.1  # the name and the description point to the same vendor
HINT_BONUS = 0.05  # a weak phrase beside a better signal
TWO_PHRASES_SCORE = 0.81  # two different medium phrases of one vendor, unless it is an integrator
ON_TOPIC_SCORE = 0.81  # a name that is not enough alone, with a topic phrase of the vendor's own category
KNOWN_RESELLER_SCORE = 0.82  # a medium phrase, and the recipient is a known reseller of the vendor
TOPIC_SCORES = {Strength.STRONG: 0.8, Strength.MEDIUM: 0.65, Strength.WEAK: 0.3}  # below any published vendor
TWO_TOPIC_PHRASES_SCORE = 0.75  # two ambiguous phrases still need a review
OTHER_GOODS_SCORE = 0.7  # a strong phrase, but the product code is for something beside it: a tower's telephone plan
TOPIC_HINTS_SCORE = 0.61  # a weak word of a topic, and a code that fits
TOPIC_CODE_SCORE = 0.6  # nothing but a code that means the topic
NEAR_CHARACTERS = 80  # how far from a phrase words for other goods count
# Words for what is bought beside a technology: service for the phones of a tower, its air conditioning, its furniture.
_OTHER_GOODS = re.compile(
    r"\b(?:DATA (?:SERVICE|PLAN)|SERVICE PLAN|INTERNET SERVICE|FIRSTNET|WIRELESS (?:SERVICE|LINE|MANAGEMENT)|BROADBAND"
    r"|BANDWIDTH|CELL(?:ULAR)? (?:SERVICE|CONNECTION)|HVAC|AIR CONDITION|FURNITURE|GENERATOR|JANITORIAL|CUSTODIAL"
    r"|FENC(?:E|ING)\b)",
    re.IGNORECASE,
)
MAX_WHOLE_QUOTE = 90
QUOTE_MARGIN = 35
MAX_QUOTE_LENGTH = 300
ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"


@dataclass(frozen=True, slots=True)
class ScoredSignal:
    """A signal with what scoring needs to know of it."""

    signal: Signal
    portfolio: Portfolio = Portfolio.PURE  # of the name or identifier; a phrase: pure
    strength: Strength | None = None  # of a phrase; None for a name or an identifier
    source: str = ""  # the whole raw field, to quote from
    outside_years: str = ""  # words that say so if the award is not from the years of the name or phrase
    is_parent: bool = False  # the name is that of the vendor's parent

    @property
    def is_code(self) -> bool:
        """Whether this is the code of what is bought, not a word of a description."""
        return self.signal.kind in (SignalKind.PSC, SignalKind.NAICS)

    @property
    def names_product(self) -> bool:
        """Whether a phrase says that what is bought is what the vendor is listed for.

        A company's name does so only if its portfolio is pure, and a product only if it is no other business.
        """
        return self.strength is not None and self.portfolio is Portfolio.PURE

    def is_beside(self, words: re.Pattern[str]) -> bool:
        """Return whether one of these words stands near a phrase."""
        start, end = max(0, self.signal.start - NEAR_CHARACTERS), self.signal.end + NEAR_CHARACTERS
        return words.search(self.source, start, end) is not None

    def overlaps(self, other: ScoredSignal) -> bool:
        """Return whether two phrases share a word of the same text."""
        mine, theirs = self.signal, other.signal
        is_same_text = (mine.field, mine.action_key) == (theirs.field, theirs.action_key)
        return is_same_text and mine.start < theirs.end and theirs.start < mine.end


def score_match(
    vendor: Vendor,
    found: Sequence[ScoredSignal],
    *,
    resold: bool = False,
    topics: Sequence[ScoredSignal] = (),
    other_goods: bool = False,
) -> tuple[float, str]:
    """Return (score from 0 to 1, id of the rule).

    `resold`: the recipient is a known reseller of this vendor. `topics`: phrases for topics of its category.
    `other_goods`: the record's product code is for something else than a technology.
    """
    if vendor.kind is Kind.TOPIC:
        return _score_topic(found, other_goods=other_goods)
    phrases = [item for item in found if item.strength is not None]
    text = _score_phrases(vendor, phrases, resold=resold, on_topic=_words_on_topic(vendor, phrases, topics))
    product_scores = [item.signal.score for item in phrases if item.names_product]
    if not product_scores and any(item.portfolio is not Portfolio.PURE for item in phrases):
        found = [_as_mixed(item) for item in found]
    identities = [_score_identity(vendor, item, product_scores, text) for item in found if item.strength is None]
    identities += [
        _identity_on_topic(item) for item in found if item.strength is None and _is_about(vendor, item, topics)
    ]
    return max((text, *identities), key=lambda scored: scored[0])


def _words_on_topic(
    vendor: Vendor, phrases: Sequence[ScoredSignal], topics: Sequence[ScoredSignal]
) -> frozenset[Strength]:
    """Return the strengths of the ambiguous words that occur beside topic phrases: PARROT with SUAS.

    Phrases of several words that are not a name do not count, nor any phrase of an integrator: those are programs on
    which other companies work, too. Nor does a word of the topic phrase itself, or one for another part of the business
    (TASER beside BODY WORN CAMERAS).
    """
    if vendor.portfolio is Portfolio.BROAD or not topics:
        return frozenset()
    words = [
        item
        for item in phrases
        if (item.signal.kind is SignalKind.MENTION or " " not in item.signal.term.strip())
        and (item.portfolio is Portfolio.PURE or vendor.portfolio is not Portfolio.PURE)
    ]
    return frozenset(
        item.strength for item in words if item.strength and not any(item.overlaps(topic) for topic in topics)
    )


def _is_about(vendor: Vendor, item: ScoredSignal, topics: Sequence[ScoredSignal]) -> bool:
    """Return whether the award is about what the company is listed for, which its name alone does not say.

    An integrator works on nearly everything, so for it only a strong topic phrase and its own name count.
    """
    if item.is_parent and item.portfolio is not Portfolio.PURE:
        return False
    alike = item.signal.kind is SignalKind.FUZZY_NAME
    if alike and (item.portfolio is not Portfolio.PURE or vendor.evidence is Evidence.BACKGROUND):
        return False
    if item.portfolio is Portfolio.BROAD:
        return any(topic.strength is Strength.STRONG for topic in topics)
    return bool(topics)


def _identity_on_topic(item: ScoredSignal) -> tuple[float, str]:
    kind = item.signal.kind.value
    return ON_TOPIC_SCORE, f"{kind if item.portfolio is Portfolio.PURE else f'{item.portfolio}-portfolio-{kind}'}+topic"


def _as_mixed(item: ScoredSignal) -> ScoredSignal:
    """Return a name with a mixed portfolio: the words beside it (a TASER) say that something else is bought."""
    return replace(item, portfolio=Portfolio.MIXED) if item.portfolio is Portfolio.PURE else item


def _score_identity(
    vendor: Vendor, item: ScoredSignal, product_scores: Sequence[float], text: tuple[float, str]
) -> tuple[float, str]:
    """Score one name or identifier, with the scores of the phrases that say what was bought and of the whole text."""
    score, rule = item.signal.score, item.signal.kind.value
    if item.outside_years:
        rule = f"{rule}-outside-its-years"
    if product_scores:
        strong_enough = max(product_scores) >= TEXT_SCORES[Strength.MEDIUM]
        score = min(1.0, max(score, text[0]) + (AGREEMENT_BONUS if strong_enough else HINT_BONUS))
        rule = f"{rule}+{text[1]}"
        if item.portfolio is Portfolio.BROAD and not strong_enough:
            score = min(score, BROAD_WEAK_PHRASE_CAP)
    elif item.portfolio is not Portfolio.PURE:
        score, rule = max(min(score, _cap(item)), text[0]), f"{item.portfolio}-portfolio-{rule}"
    if vendor.evidence is Evidence.BACKGROUND and item.signal.kind is SignalKind.FUZZY_NAME:
        score = max(min(score, UNVERIFIED_CAP), text[0])
    return round(score, 3), rule


def _cap(item: ScoredSignal) -> float:
    """Return the highest score of a name or identifier if the company sells other things, too."""
    alike = item.signal.kind is SignalKind.FUZZY_NAME and item.signal.score < BRANCH_SCORE
    if item.portfolio is Portfolio.BROAD and (item.is_parent or alike):
        return PARENT_CAP
    return CAPS[item.portfolio]


def _score_topic(found: Sequence[ScoredSignal], *, other_goods: bool) -> tuple[float, str]:
    """Score the phrases and codes for a technology, whoever the recipient is, by the first rule that applies."""
    phrases = [item for item in found if not item.is_code and not item.is_beside(_OTHER_GOODS)]
    by_strength = _terms_by_strength(phrases)
    strong, medium, weak = (by_strength[strength] for strength in Strength)
    codes = {item.strength for item in found if item.is_code}
    sources = [item.source for item in phrases if item.strength is Strength.STRONG]
    other_goods = (other_goods and not codes) or (bool(sources) and all(map(_OTHER_GOODS.search, sources)))
    hint = HINT_BONUS if weak else 0
    rules = (
        (strong and not other_goods, TOPIC_SCORES[Strength.STRONG], "topic"),
        (strong, OTHER_GOODS_SCORE, "topic-in-other-goods"),
        (medium and codes and not other_goods, TOPIC_SCORES[Strength.STRONG], "topic-medium-phrase+code"),
        (len(medium) > 1, TWO_TOPIC_PHRASES_SCORE, "topic-two-phrases"),
        (medium, TOPIC_SCORES[Strength.MEDIUM] + hint, "topic-medium-phrase"),
        (weak and codes, TOPIC_HINTS_SCORE, "topic-weak-phrase+code"),
        (Strength.MEDIUM in codes, TOPIC_CODE_SCORE, "topic-code"),
        (True, TOPIC_SCORES[Strength.WEAK], "topic-weak-phrase"),
    )
    return next((round(score, 3), rule) for holds, score, rule in rules if holds)


def _terms_by_strength(phrases: Sequence[ScoredSignal]) -> dict[Strength, set[str]]:
    by_strength: dict[Strength, set[str]] = {strength: set() for strength in Strength}
    for item in phrases:
        # A company's name counts once, however many spellings of it occur.
        mention = item.signal.kind is SignalKind.MENTION
        by_strength[item.strength or Strength.WEAK].add(item.signal.kind.value if mention else item.signal.term)
    return by_strength


def _score_phrases(
    vendor: Vendor, phrases: Sequence[ScoredSignal], *, resold: bool, on_topic: frozenset[Strength]
) -> tuple[float, str]:
    """Score what the descriptions say, whoever the recipient is, by the first rule that applies."""
    by_strength = _terms_by_strength(phrases)
    strong, medium, weak = (by_strength[strength] for strength in Strength)
    pure, broad = vendor.portfolio is Portfolio.PURE, vendor.portfolio is Portfolio.BROAD
    through = "-via-reseller" if resold else ""
    rules = (
        (bool(strong), TEXT_SCORES[Strength.STRONG], f"strong-phrase{through}"),
        # Other companies work on the programs of integrators.
        (len(medium) > 1 and not broad, TWO_PHRASES_SCORE, f"two-phrases{through}"),
        (bool(medium) and resold and pure, KNOWN_RESELLER_SCORE, f"medium-phrase{through}"),
        (Strength.MEDIUM in on_topic, ON_TOPIC_SCORE, f"medium-phrase-on-topic{through}"),
        (bool(medium), TEXT_SCORES[Strength.MEDIUM] + (HINT_BONUS if weak else 0), f"medium-phrase{through}"),
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


def explain(vendor: Vendor, found: Sequence[ScoredSignal], recipient: Recipient, others: Sequence[str]) -> str:
    """Return why the award matched, as a sentence. `found`: best first; `others`: the vendors that the recipient is."""
    identity = next((item for item in found if item.strength is None), None)
    phrase = next((item for item in found if item.strength is not None and not item.is_code), None)
    who = f'Recipient "{_plain(recipient.name)}"'
    if identity is not None:
        also = f", and the description {_names(vendor, phrase)}" if phrase else ""
        return f"{who} {_identified(vendor, identity)}{also}." + _reservations(vendor, identity, phrase)
    if vendor.kind is Kind.TOPIC:
        return _explain_topic(vendor, phrase, next((item for item in found if item.is_code), None))
    if phrase is None:
        return f"{who} may concern {vendor.name}."
    if recipient.is_placeholder:
        who = "The recipient is not disclosed, but"
    elif others:
        who += f" is on the watchlist as {' and '.join(others)};"
    else:
        who += " is not on the watchlist, but"
    return f"{who} the description {_names(vendor, phrase)}.{_reservations(vendor, None, phrase)}"


def _explain_topic(vendor: Vendor, phrase: ScoredSignal | None, code: ScoredSignal | None) -> str:
    """Return why a record matched a topic: its words, and the code of what is bought."""
    words = f"The description has words for the topic {vendor.name} {_quoted(phrase)}." if phrase else ""
    if code is None:
        return words
    which = "product code" if code.signal.kind is SignalKind.PSC else "industry code"
    return f"{words} The {which} {code.signal.term} fits {'it' if words else f'the topic {vendor.name}'}.".strip()


def _identified(vendor: Vendor, item: ScoredSignal) -> str:
    """Return how a name or identifier points to a vendor: 'has the UEI ... of ...'."""
    signal = item.signal
    is_parent = signal.kind is SignalKind.PARENT_NAME and signal.field == "recipient_name"
    words = _IS_PARENT if is_parent else _NAMED[signal.kind]
    return words.format(term=signal.term, vendor=vendor.name, text=_plain(signal.text))


def _reservations(vendor: Vendor, identity: ScoredSignal | None, phrase: ScoredSignal | None) -> str:
    """Return the caveats about a match, as further sentences."""
    outside_years = next((item.outside_years for item in (identity, phrase) if item and item.outside_years), "")
    said = f" It stands for {vendor.name} {outside_years}." if outside_years else ""
    if vendor.evidence is Evidence.BACKGROUND:
        said += " The entry is from general knowledge and has not been verified."
    if identity and identity.portfolio is not Portfolio.PURE and not (phrase and phrase.names_product):
        said += f" {vendor.name} also sells other things, so a person should look."
    return said


def _names(vendor: Vendor, item: ScoredSignal) -> str:
    """Return 'names X: "quoted words"'."""
    if item.signal.kind is SignalKind.MENTION:
        return f'names {vendor.name}: "{_quote(item)}"'
    return f"has words that point to {vendor.name} {_quoted(item)}"


def _quoted(item: ScoredSignal) -> str:
    """Return the matched words and the text around them."""
    return f'("{_plain(item.signal.text)}"): "{_quote(item)}"'


def _quote(item: ScoredSignal) -> str:
    """Return the description; of a long one, the text around the matched words."""
    whole = item.source
    if len(whole) <= MAX_WHOLE_QUOTE:
        return _plain(whole)
    start, end = max(0, item.signal.start - QUOTE_MARGIN), item.signal.end + QUOTE_MARGIN
    quoted = _plain(whole[start:end])
    before, after = (ELLIPSIS if start else ""), (ELLIPSIS if end < len(whole) else "")
    return f"{before}{quoted.removesuffix(after)}{after}"


def _plain(text: str) -> str:
    """Return text for one line: no control or direction characters, single spaces, a maximum length."""
    visible = (" " if unicodedata.category(character)[0] == "C" else character for character in text[:MAX_QUOTE_LENGTH])
    return " ".join("".join(visible).split()) + (ELLIPSIS if len(text) > MAX_QUOTE_LENGTH else "")
