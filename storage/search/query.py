"""The one query language: words and facets, read from a URL's parameters and written back in one order.

Pages, feeds, exports, the API and the command line all ask with a `Query`. See docs/querying.md.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

from storage.competition import Competition
from storage.models import AWARDS, PUBLICATIONS, EventKind, MatchBand
from storage.search.tokenize import tokens

LONGEST_WORDS = 1000  # characters of q
LONGEST_VALUE = 200  # characters of any other parameter
MOST_VALUES = 20  # of one parameter
MOST_TERMS = 32  # words and phrases
LARGEST = Decimal(10) ** 15  # dollars

_TERM = re.compile(r'(-?)(?:"([^"]*)(?:"|$)|([^\s"]+))')
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_AMOUNT = re.compile(r"-?\$?[0-9][0-9,]{0,20}(?:\.[0-9]{0,2})?")
_CODE = re.compile(r"[A-Z0-9]+")


class InvalidQuery(ValueError):
    """A question cannot be understood. The message is one line that says which part and what would do."""


class BandFilter(StrEnum):
    """Which matches count: those published, waiting, rejected, any of them, or none needed at all."""

    PUBLISHED = MatchBand.PUBLISHED.value
    REVIEW = MatchBand.REVIEW.value
    REJECTED = MatchBand.REJECTED.value
    ANY = "any"
    ALL = "all"


VERDICTS = ("confirmed", "rejected", "never", "unreviewed")
KINDS = ("award", "publication", *sorted(AWARDS), *sorted(PUBLICATIONS))


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A question about what is stored. Every part narrows it; of the values of one part, any may hold.

    Words are folded (`storage.search.tokenize`): `words` must all occur ("o-brien": as two words or as one;
    "surveil*": begins
    so), so must `phrases` (words joined by a space, in this order), and `without` (words or phrases) must not.
    `vendor` and `category` are ids of the watchlist, `agency` codes ("7012", "070") or folded names, `office` folded
    names, `kind` of `KINDS`. `since`/`until` are days signed, both included: of the record or one of its actions, or
    of the event; `seen_since`/`seen_until` days first seen, UTC. Amounts are dollars obligated to date, or the largest
    amount that a publication states. `reseller` is "yes", "no" or the folded name or UEI of a recipient that is not
    the vendor. `psc` and `naics` may be beginnings of codes. `competition` is asked of contracts alone; `set_aside` and
    `pricing` are codes of the FPDS data dictionary, or folded words of what they mean.
    """

    words: tuple[str, ...] = ()
    phrases: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    vendor: tuple[str, ...] = ()
    category: tuple[str, ...] = ()
    agency: tuple[str, ...] = ()
    office: tuple[str, ...] = ()
    source: tuple[str, ...] = ()
    kind: tuple[str, ...] = ()
    event: tuple[EventKind, ...] = ()
    since: date | None = None
    until: date | None = None
    seen_since: date | None = None
    seen_until: date | None = None
    min_amount: Decimal | None = None
    max_amount: Decimal | None = None
    reseller: str = ""
    state: tuple[str, ...] = ()
    psc: tuple[str, ...] = ()
    naics: tuple[str, ...] = ()
    competition: tuple[Competition, ...] = ()
    set_aside: tuple[str, ...] = ()
    pricing: tuple[str, ...] = ()
    band: BandFilter = BandFilter.PUBLISHED
    verdict: str = ""

    @property
    def is_public(self) -> bool:
        """Whether every reader may ask this: nothing but published matches, and no reviewer's verdict."""
        return self.band is BandFilter.PUBLISHED and not self.verdict

    @property
    def text(self) -> str:
        """The words as one would type them, in the order in which they were."""
        return " ".join((*self.words, *(f'"{phrase}"' for phrase in self.phrases), *_excluded(self.without)))

    def url_params(self) -> tuple[tuple[str, str], ...]:
        """Return the parameters in their one order: the same question is always the same address."""
        return _params(self)

    def url_query(self) -> str:
        """Return what stands after the question mark of an address; "" for everything."""
        return _url_query(self)

    def in_words(self, names: Mapping[str, str] | None = None) -> str:
        """Return the question as one English line; `names` are those of vendors, categories and agencies by id."""
        return "; ".join(_in_words(self, names or {})) or "everything"

    def _in_order(self) -> Iterator[tuple[str, str]]:
        quoted = (f'"{phrase}"' for phrase in sorted(set(self.phrases)))
        if asked := " ".join((*sorted(set(self.words)), *quoted, *sorted(set(_excluded(self.without))))):
            yield "q", asked
        for name in PARAMETERS[1:]:
            value = getattr(self, name)
            if isinstance(value, tuple):
                yield from ((name, str(one)) for one in sorted(set(value)))
            elif value is not None and value != _default(self, name):
                yield name, _dollars_in_url(value) if isinstance(value, Decimal) else str(value)


@lru_cache(1_000)
def _params(query: Query) -> tuple[tuple[str, str], ...]:
    return tuple(query._in_order())


@lru_cache(1_000)
def _url_query(query: Query) -> str:
    return urlencode(_params(query))


def _in_words(query: Query, names: Mapping[str, str]) -> Iterator[str]:
    terms = [f"“{term}”" for term in (*query.words, *query.phrases)]
    if terms:
        yield f"with {_listed(terms, 'and')}"
    if query.without:
        yield f"without {_listed([f'“{term}”' for term in query.without], 'or')}"
    for name, lead in LEADS.items():
        if values := getattr(query, name):
            yield f"{lead} {_listed([names.get(value, str(value)) for value in values], 'or')}"
    if query.competition:
        yield f"that {_listed([COMPETITIONS[each] for each in Competition if each in query.competition], 'or')}"
    if query.reseller:
        yield RESELLERS.get(query.reseller) or f"bought through the reseller {query.reseller}"
    yield from _range_in_words("signed", query.since, query.until, str)
    yield from _range_in_words("first seen", query.seen_since, query.seen_until, str)
    yield from _range_in_words("of", query.min_amount, query.max_amount, _money)
    yield from _standing_in_words(query)


def _standing_in_words(query: Query) -> Iterator[str]:
    if query.verdict:
        yield f"reviewed as {query.verdict}" if query.verdict != "unreviewed" else "not reviewed"
    if query.band is not BandFilter.PUBLISHED and (query.band is not BandFilter.ANY or not query.verdict):
        yield BANDS[query.band]


LEADS = {
    "vendor": "about",
    "category": "in the category",
    "agency": "bought by",
    "office": "by the office",
    "source": "told by",
    "kind": "of the kind",
    "event": "where this happened:",
    "state": "to a recipient in",
    "psc": "with PSC",
    "naics": "with NAICS",
    "set_aside": "with the set-aside",
    "pricing": "priced as",
}
COMPETITIONS = {
    Competition.COMPETED: "were competed",
    Competition.NOT_COMPETED: "were not competed",
    Competition.UNKNOWN: "do not say whether they were competed",
}
RESELLERS = {"yes": "bought through a reseller", "no": "not bought through a reseller"}
BANDS = {
    BandFilter.REVIEW: "matches that wait for review",
    BandFilter.REJECTED: "rejected matches",
    BandFilter.ANY: "matches of whatever band",
    BandFilter.ALL: "whether it matches anybody or not",
}


def _listed(parts: Sequence[str], word: str) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} {word} {parts[-1]}"


def _range_in_words(lead: str, low: object, high: object, show: Callable[[Any], str]) -> Iterator[str]:
    if low is not None and high is not None:
        yield f"{lead} {show(low)} to {show(high)}"
    elif low is not None:
        yield f"{lead} {show(low)} or {'more' if lead == 'of' else 'later'}"
    elif high is not None:
        yield f"{lead} {show(high)} or {'less' if lead == 'of' else 'earlier'}"


def _money(amount: Decimal) -> str:
    return f"-${-amount:,.2f}" if amount < 0 else f"${amount:,.2f}"


def _excluded(without: Iterable[str]) -> Iterator[str]:
    return (f'-"{term}"' if " " in term else f"-{term}" for term in without)


def _default(query: Query, name: str) -> object:
    if name == "band":
        return BandFilter.ANY if query.verdict else BandFilter.PUBLISHED
    return "" if name in ("reseller", "verdict") else None


def _dollars_in_url(amount: Decimal) -> str:
    return f"{amount:.2f}".removesuffix(".00")


PARAMETERS = ("q", *(field.name for field in fields(Query) if field.name not in ("words", "phrases", "without")))


def read_query(params: Mapping[str, str] | Iterable[tuple[str, str]], besides: Collection[str] = ()) -> Query:
    """Read a query from a URL's parameters; empty values do not count.

    Args:
        params: names and values, or pairs of them where a name may come more than once.
        besides: names that mean something else to the caller ("after", "limit") and are passed over.

    Raises:
        InvalidQuery: a name is unknown, or a value is too long or cannot be read.
    """
    pairs = params.items() if isinstance(params, Mapping) else params
    given: dict[str, list[str]] = {}
    for name, value in pairs:
        if name not in besides and _is_given(name, value):
            given.setdefault(name, []).append(value.strip())
    read: dict[str, object] = {}
    for name, values in given.items():
        if len(values) > MOST_VALUES:
            raise InvalidQuery(f"{name} is given more than {MOST_VALUES} times")
        read |= _read(name, values)
    if "verdict" in read:
        read.setdefault("band", BandFilter.ANY)
    query = Query(**read)  # type: ignore[arg-type]  # each value comes from its own reader
    _check_order("since", query.since, "until", query.until)
    _check_order("seen_since", query.seen_since, "seen_until", query.seen_until)
    _check_order("min_amount", query.min_amount, "max_amount", query.max_amount)
    return query


def _is_given(name: str, value: str) -> bool:
    """Whether a parameter says anything. Raises `InvalidQuery` when there is none of this name, or it is too long."""
    if name not in PARAMETERS:
        raise InvalidQuery(_unknown("parameter", name, PARAMETERS))
    longest = LONGEST_WORDS if name == "q" else LONGEST_VALUE
    if len(value) > longest:
        raise InvalidQuery(f"{name} is longer than {longest:,} characters")
    return bool(value.strip())


def _read(name: str, values: list[str]) -> dict[str, object]:
    if name == "q":
        return _read_words(" ".join(values))
    read = READERS[name]
    if name in SINGLE:
        if len(values) > 1:
            raise InvalidQuery(f"{name} is given more than once")
        return {name: read(name, values[0])}
    return {name: tuple(dict.fromkeys(read(name, value) for value in values))}


def _read_words(text: str) -> dict[str, object]:
    words: list[str] = []
    phrases: list[str] = []
    without: list[str] = []
    for minus, phrase, word in _TERM.findall(text):
        found = tokens(phrase or word)
        if not found:
            continue
        is_prefix = bool(word) and word.endswith("*")
        term = " ".join(found) if phrase else "-".join(found) + "*" * is_prefix
        (without if minus else phrases if " " in term else words).append(term)
    terms = len(words) + len(phrases) + len(without)
    if not terms:
        raise InvalidQuery("q holds no letter or digit to look for")
    if terms > MOST_TERMS:
        raise InvalidQuery(f"q holds more than {MOST_TERMS} words and phrases")
    found_words = {"words": words, "phrases": phrases, "without": without}
    return {name: tuple(dict.fromkeys(found)) for name, found in found_words.items()}


def _check_order(low_name: str, low: date | Decimal | None, high_name: str, high: date | Decimal | None) -> None:
    if low is not None and high is not None and low > high:  # type: ignore[operator]  # both of one kind
        raise InvalidQuery(f"{low_name} is beyond {high_name}")


def _unknown(what: str, given: str, known: Iterable[str]) -> str:
    known = list(known)
    close = difflib.get_close_matches(given[:LONGEST_VALUE].lower(), known, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(known)}"
    return f"unknown {what} {_shown(given)}; {hint}"


def _shown(value: str) -> str:
    """Return a value as it may stand in a message: ASCII, on one line, not too long."""
    return ascii(value if len(value) <= 60 else value[:60] + "...")


def _name(name: str, value: str) -> str:
    value = value.lower()
    if not _NAME.fullmatch(value):
        raise InvalidQuery(f"{name} {_shown(value)} is no id; one is written as clearview-ai")
    return value


def _choice(what: str, given: str, known: Iterable[str]) -> str:
    known = list(known)
    if given.lower() not in known:
        raise InvalidQuery(_unknown(what, given, known))
    return given.lower()


def _folded(name: str, value: str) -> str:
    found = tokens(value)
    if not found:
        raise InvalidQuery(f"{name} holds no letter or digit to look for")
    return " ".join(found)


def _day(name: str, value: str) -> date:
    with suppress(ValueError):
        if _DAY.fullmatch(value):
            return date.fromisoformat(value)
    raise InvalidQuery(f"{name} {_shown(value)} is not a date; write it as 2024-09-30")


def _dollars(name: str, value: str) -> Decimal:
    if _AMOUNT.fullmatch(value):
        amount = Decimal(value.replace("$", "").replace(",", "")).quantize(Decimal("0.01"))
        if abs(amount) <= LARGEST:
            return amount
    raise InvalidQuery(f"{name} {_shown(value)} is not an amount in dollars; write it as 25000")


def _code(name: str, value: str) -> str:
    value = value.upper()
    if not _CODE.fullmatch(value) or len(value) > 6:
        raise InvalidQuery(f"{name} {_shown(value)} is no code, nor the beginning of one")
    return value


READERS: Mapping[str, Callable[[str, str], object]] = {
    "vendor": _name,
    "category": _name,
    "agency": _folded,
    "office": _folded,
    "source": _name,
    "kind": lambda name, value: _choice(name, value, KINDS),
    "event": lambda name, value: EventKind(_choice(name, value, [kind.value for kind in EventKind])),
    "since": _day,
    "until": _day,
    "seen_since": _day,
    "seen_until": _day,
    "min_amount": _dollars,
    "max_amount": _dollars,
    "reseller": _folded,
    "state": _code,
    "psc": _code,
    "naics": _code,
    "competition": lambda name, value: Competition(_choice(name, value, [each.value for each in Competition])),
    "set_aside": _folded,
    "pricing": _folded,
    "band": lambda name, value: BandFilter(_choice(name, value, [band.value for band in BandFilter])),
    "verdict": lambda name, value: _choice(name, value, VERDICTS),
}
SINGLE = frozenset(
    {"since", "until", "seen_since", "seen_until", "min_amount", "max_amount", "reseller", "band", "verdict"}
)
