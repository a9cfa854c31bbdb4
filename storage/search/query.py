"""The query language: words and filters, read from URL parameters and written back in a fixed order.

Pages, feeds, exports, the API and the command line all use it. See docs/querying.md.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any
from urllib.parse import urlencode

from storage.competition import Competition
from storage.models import AWARDS, PUBLICATIONS, EventKind, MatchBand
from storage.search.tokenize import tokenize

MAX_TEXT_LENGTH = 1000  # characters of q
MAX_VALUE_LENGTH = 200  # characters of any other parameter
MAX_VALUES = 20  # of one parameter
MAX_TERMS = 32  # words and phrases
MAX_AMOUNT = Decimal(10) ** 15  # dollars

# What mail programs, social networks and advertisers add to addresses, where it resembles a parameter.
_ADDED = re.compile(r"utm_|mtm_|pk_|mc_|hsa_|ref$|src$")
_TERM = re.compile(r'(-?)(?:"([^"]*)(?:"|$)|([^\s"]+))')
_ID = re.compile(r"[a-z0-9][a-z0-9._-]*")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_YEAR = re.compile(r"(?:fy ?)?((?:19|20)[0-9]{2})", re.IGNORECASE)
_AMOUNT = re.compile(r"-?\$?[0-9][0-9,]{0,20}(?:\.[0-9]{0,2})?")
_CODE = re.compile(r"[A-Z0-9]+")


class InvalidQuery(ValueError):
    """A query cannot be read. The message is one line that says which parameter is wrong and how to correct it."""


class BandFilter(StrEnum):
    """Which matches a record must have: of one band, of any band, or none at all (`ALL` records)."""

    PUBLISHED = MatchBand.PUBLISHED.value
    REVIEW = MatchBand.REVIEW.value
    NAME_ONLY = MatchBand.NAME_ONLY.value
    REJECTED = MatchBand.REJECTED.value
    ANY = "any"
    ALL = "all"


class Sort(StrEnum):
    """The order of a query's records. Those without the value come last; equal ones are newest signed first."""

    DATE = "date"  # newest signed (or published) first
    OLDEST = "oldest"
    OBLIGATED = "obligated"  # largest amount first
    SEEN = "seen"  # newest first seen first
    ENDS = "ends"  # whose period ends first
    AGENCY = "agency"
    VENDOR = "vendor"
    RECIPIENT = "recipient"


DECISIONS = ("confirmed", "rejected", "never", "unreviewed")
KINDS = ("award", "publication", *sorted(AWARDS), *sorted(PUBLICATIONS))


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A query over the stored records. All parameters must match; of several values of one parameter, any may.

    Text is tokenized (`storage.search.tokenize`). All `words` must occur ("o-brien": as two words or one; "surveil*": a
    prefix) and all `phrases` (tokens joined by spaces), but none of `without`. `vendor` and `category` are watchlist
    ids, `agency` codes ("7012", "070") or words of a name, `office` words of a name, `kind` values of `KINDS`.
    `since` and `until` (inclusive) and `fiscal_year` limit the date signed: of the record, one of its actions, or the
    event. `seen_since`
    and `seen_until` limit the date first seen, UTC. Amounts are dollars obligated to date, or the largest amount that a
    publication states. `reseller` is "yes", "no", or words of the name or the UEI of a recipient other than the vendor.
    `psc` and `naics` may be prefixes. `competition` applies to contracts only. `set_aside` and `pricing` are codes of
    the FPDS data dictionary, or words of their meaning. `min_change` leaves out events of modifications that only move
    fewer dollars; records are found all the same.
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
    fiscal_year: tuple[int, ...] = ()
    seen_since: date | None = None
    seen_until: date | None = None
    ends_since: date | None = None
    ends_until: date | None = None
    min_amount: Decimal | None = None
    max_amount: Decimal | None = None
    min_change: Decimal | None = None
    reseller: str = ""
    state: tuple[str, ...] = ()
    psc: tuple[str, ...] = ()
    naics: tuple[str, ...] = ()
    competition: tuple[Competition, ...] = ()
    set_aside: tuple[str, ...] = ()
    pricing: tuple[str, ...] = ()
    band: BandFilter = BandFilter.PUBLISHED
    decision: str = ""
    sort: Sort = Sort.DATE

    @property
    def unsorted(self) -> Query:
        """The same query in the usual order: feeds, totals and alerts have their own."""
        return replace(self, sort=Sort.DATE)

    @property
    def is_public(self) -> bool:
        """Whether anybody may send this query: it uses published matches and no reviewer's decisions."""
        return self.band is BandFilter.PUBLISHED and not self.decision

    @property
    def bands(self) -> frozenset[str]:
        """The bands of the matches that its results show: published ones, unless it names others."""
        if self.band in (BandFilter.PUBLISHED, BandFilter.ALL):
            return frozenset(MatchBand) if self.decision else frozenset({MatchBand.PUBLISHED})
        return frozenset(MatchBand) if self.band is BandFilter.ANY else frozenset({self.band.value})

    @property
    def text(self) -> str:
        """The words as a user types them, in their order."""
        return " ".join((*self.words, *_quoted(self.phrases), *_excluded(self.without)))

    def url_params(self) -> tuple[tuple[str, str], ...]:
        """Return the URL parameters in a fixed order, so that equal queries have the same URL."""
        return tuple(self._sorted_params())

    def url_query(self) -> str:
        """Return the query string of the URL; "" if the query has no conditions."""
        return urlencode(self.url_params())

    def describe(self, names: Mapping[str, str] | None = None) -> str:
        """Return the query as one line of English; `names` are those of vendors, categories and agencies by id."""
        return "; ".join(_describe(self, names or {})) or "everything"

    def _sorted_params(self) -> Iterator[tuple[str, str]]:
        phrases, without = _quoted(sorted(set(self.phrases))), sorted(set(_excluded(self.without)))
        if text := " ".join((*sorted(set(self.words)), *phrases, *without)):
            yield "q", text
        for name in PARAMETERS[1:]:
            value = getattr(self, name)
            if isinstance(value, tuple):
                yield from ((name, str(one)) for one in sorted(set(value)))
            elif value is not None and value != _default(self, name):
                yield name, f"{value:.2f}".removesuffix(".00") if isinstance(value, Decimal) else str(value)


def _quoted(phrases: Iterable[str]) -> Iterator[str]:
    return (f'"{phrase}"' for phrase in phrases)


def _excluded(without: Iterable[str]) -> Iterator[str]:
    return (f'-"{term}"' if " " in term else f"-{term}" for term in without)


def _default(query: Query, name: str) -> object:
    if name == "band":
        return BandFilter.ANY if query.decision else BandFilter.PUBLISHED
    if name == "sort":
        return Sort.DATE
    return "" if name in ("reseller", "decision") else None


def _describe(query: Query, names: Mapping[str, str]) -> Iterator[str]:
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
    yield from _describe_range("signed", query.since, query.until, str)
    yield from _describe_range("first seen", query.seen_since, query.seen_until, str)
    yield from _describe_range("ending", query.ends_since, query.ends_until, str)
    yield from _describe_range("of", query.min_amount, query.max_amount, _money)
    if query.min_change:
        yield f"without modifications of less than {_money(query.min_change)}"
    yield from _describe_band(query)


def _describe_band(query: Query) -> Iterator[str]:
    if query.decision:
        yield f"reviewed as {query.decision}" if query.decision != "unreviewed" else "not reviewed"
    if query.band is not BandFilter.PUBLISHED and (query.band is not BandFilter.ANY or not query.decision):
        yield BANDS[query.band]


LEADS = {
    "vendor": "about",
    "category": "in the category",
    "agency": "bought by",
    "office": "by the office",
    "source": "reported by",
    "kind": "of the kind",
    "event": "with the event",
    "fiscal_year": "signed in fiscal year",
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
    BandFilter.REVIEW: "matches pending review",
    BandFilter.NAME_ONLY: "matches by a company's name only",
    BandFilter.REJECTED: "rejected matches",
    BandFilter.ANY: "matches of any band",
    BandFilter.ALL: "with or without a match",
}


def _listed(parts: Sequence[str], word: str) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} {word} {parts[-1]}"


def _describe_range(lead: str, low: object, high: object, show: Callable[[Any], str]) -> Iterator[str]:
    if low is not None and high is not None:
        yield f"{lead} {show(low)} to {show(high)}"
    elif low is not None:
        yield f"{lead} {show(low)} or {'more' if lead == 'of' else 'later'}"
    elif high is not None:
        yield f"{lead} {show(high)} or {'less' if lead == 'of' else 'earlier'}"


def _money(amount: Decimal) -> str:
    return f"-${-amount:,.2f}" if amount < 0 else f"${amount:,.2f}"


PARAMETERS = ("q", *(field.name for field in fields(Query) if field.name not in ("words", "phrases", "without")))
MEANINGS = {
    "q": 'words, all required; "a phrase", surveil* (a prefix), -excluded',
    "vendor": "id of a vendor: clearview-ai",
    "category": "technology category: face-recognition",
    "agency": "agency code (7012, 070) or words of an agency's name",
    "office": "words of an office's name",
    "source": "records from this source: usaspending",
    "kind": "record type, such as award, contract or notice",
    "event": "kind of event, such as terminated or extended",
    "since": "signed (or published) on or after this date",
    "until": "signed (or published) on or before this date",
    "fiscal_year": "signed (or published) in this fiscal year of the US government: 2024 began on 2023-10-01",
    "seen_since": "first seen on or after this date, UTC",
    "seen_until": "first seen on or before this date, UTC",
    "ends_since": "contracts whose period, with the options exercised so far, ends on or after this date",
    "ends_until": "contracts whose period ends on or before this date",
    "min_amount": "minimum amount in US dollars",
    "max_amount": "maximum amount in US dollars",
    "min_change": "leave out events of modifications that only move fewer US dollars",
    "reseller": "yes, no, or words of a reseller's name",
    "state": "the recipient's state: VA",
    "psc": "product or service code, or its first characters",
    "naics": "industry code (NAICS), or its first digits",
    "competition": "whether a contract was competed: competed, not-competed, unknown",
    "set_aside": "set-aside: FPDS code (8a, none) or words",
    "pricing": "contract pricing type: FPDS code (j) or words: firm fixed price",
    "band": "matches in this band: published, review, name-only, rejected, any; all: also records without a match",
    "decision": "review decision: confirmed, rejected, never, unreviewed",
    "sort": "order of records: date (newest signed first), oldest, obligated, seen, ends, agency, vendor, recipient",
}


def read_query(params: Mapping[str, str] | Iterable[tuple[str, str]], ignored: Collection[str] = ()) -> Query:
    """Parse a query from URL parameters. Empty values are ignored, and so are names that others add (utm_source).

    Args:
        params: names and values; pairs if a name may occur more than once.
        ignored: parameters that the address may have besides the query ("after", "limit").

    Raises:
        InvalidQuery: a name is probably mistyped, or a value is too long or invalid.
    """
    pairs = params.items() if isinstance(params, Mapping) else params
    given: dict[str, list[str]] = {}
    for name, value in pairs:
        if name not in ignored and _has_value(name, value, (*PARAMETERS, *ignored)):
            given.setdefault(name, []).append(value.strip())
    read: dict[str, object] = {}
    for name, values in given.items():
        if len(values) > MAX_VALUES:
            raise InvalidQuery(f"{name} is given more than {MAX_VALUES} times")
        read |= _parse(name, values)
    if "decision" in read:
        read.setdefault("band", BandFilter.ANY)
    query = Query(**read)  # type: ignore[arg-type]  # each value has its own parser
    _check_order("since", query.since, "until", query.until)
    _check_order("seen_since", query.seen_since, "seen_until", query.seen_until)
    _check_order("ends_since", query.ends_since, "ends_until", query.ends_until)
    _check_order("min_amount", query.min_amount, "max_amount", query.max_amount)
    return query


def is_mistyped(name: str, known: Collection[str]) -> bool:
    """Return whether an unknown parameter is probably a known one, and not what a third party adds to an address."""
    given = name[:MAX_VALUE_LENGTH].lower()
    return not _ADDED.match(given) and bool(difflib.get_close_matches(given, known, n=1, cutoff=0.7))


def refuse_mistyped(name: str, known: Collection[str]) -> None:
    """Raise `InvalidQuery` for an unknown parameter that is probably a known one."""
    if name not in known and is_mistyped(name, known):
        raise InvalidQuery(_unknown("parameter", name, known))


def _has_value(name: str, value: str, known: Collection[str]) -> bool:
    """Whether a parameter is known and not empty. Raises `InvalidQuery` if it is mistyped or its value too long."""
    if name not in PARAMETERS:
        refuse_mistyped(name, known)
        return False
    limit = MAX_TEXT_LENGTH if name == "q" else MAX_VALUE_LENGTH
    if len(value) > limit:
        raise InvalidQuery(f"{name} is longer than {limit:,} characters")
    return bool(value.strip())


def _parse(name: str, values: list[str]) -> dict[str, object]:
    if name == "q":
        return _parse_text(" ".join(values))
    parse = PARSERS[name]
    if name in SINGLE:
        if len(values) > 1:
            raise InvalidQuery(f"{name} is given more than once")
        return {name: parse(name, values[0])}
    return {name: tuple(dict.fromkeys(parse(name, value) for value in values))}


def _parse_text(text: str) -> dict[str, object]:
    words: list[str] = []
    phrases: list[str] = []
    without: list[str] = []
    for minus, phrase, word in _TERM.findall(text):
        found = tokenize(phrase or word)
        if not found:
            continue
        is_prefix = bool(word) and word.endswith("*")
        term = " ".join(found) if phrase else "-".join(found) + "*" * is_prefix
        (without if minus else phrases if " " in term else words).append(term)
    terms = len(words) + len(phrases) + len(without)
    if not terms:
        raise InvalidQuery("q has no letter or digit to search for")
    if terms > MAX_TERMS:
        raise InvalidQuery(f"q has more than {MAX_TERMS} words and phrases")
    found_words = {"words": words, "phrases": phrases, "without": without}
    return {name: tuple(dict.fromkeys(found)) for name, found in found_words.items()}


def _check_order(low_name: str, low: date | Decimal | None, high_name: str, high: date | Decimal | None) -> None:
    if low is not None and high is not None and low > high:  # type: ignore[operator]  # both of one kind
        raise InvalidQuery(
            f"{low_name} is after {high_name}" if isinstance(low, date) else f"{low_name} is larger than {high_name}"
        )


def _unknown(parameter: str, value: str, known: Iterable[str]) -> str:
    known = list(known)
    close = difflib.get_close_matches(value[:MAX_VALUE_LENGTH].lower(), known, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(known)}"
    return f"unknown {parameter} {_shown(value)}; {hint}"


def _shown(value: str) -> str:
    """Return a value for a message: ASCII, on one line, shortened."""
    return ascii(value if len(value) <= 60 else value[:60] + "...")


def _parse_id(name: str, value: str) -> str:
    value = value.lower()
    if not _ID.fullmatch(value):
        raise InvalidQuery(f"{name} {_shown(value)} is not an id; write it as clearview-ai")
    return value


def parse_choice(parameter: str, value: str, known: Iterable[str]) -> str:
    """Return a value in lower case. Raises `InvalidQuery` with the nearest if it is not known."""
    known = list(known)
    if value.lower() not in known:
        raise InvalidQuery(_unknown(parameter, value, known))
    return value.lower()


def _parse_words(name: str, value: str) -> str:
    found = tokenize(value)
    if not found:
        raise InvalidQuery(f"{name} has no letter or digit to search for")
    return " ".join(found)


def _parse_date(name: str, value: str) -> date:
    with suppress(ValueError):
        if _DATE.fullmatch(value):
            return date.fromisoformat(value)
    raise InvalidQuery(f"{name} {_shown(value)} is not a date; write it as 2024-09-30")


def _parse_year(name: str, value: str) -> int:
    found = _YEAR.fullmatch(value)
    if not found:
        raise InvalidQuery(f"{name} {_shown(value)} is not a fiscal year; write it as 2024")
    return int(found[1])


def _parse_dollars(name: str, value: str) -> Decimal:
    if _AMOUNT.fullmatch(value):
        amount = Decimal(value.replace("$", "").replace(",", "")).quantize(Decimal("0.01"))
        if abs(amount) <= MAX_AMOUNT:
            return amount
    raise InvalidQuery(f"{name} {_shown(value)} is not an amount in dollars; write it as 25000")


def _parse_code(name: str, value: str) -> str:
    value = value.upper()
    if not _CODE.fullmatch(value) or len(value) > 6:
        raise InvalidQuery(f"{name} {_shown(value)} is not a code or a prefix of one")
    return value


PARSERS: Mapping[str, Callable[[str, str], object]] = {
    "vendor": _parse_id,
    "category": _parse_id,
    "agency": _parse_words,
    "office": _parse_words,
    "source": _parse_id,
    "kind": lambda name, value: parse_choice(name, value, KINDS),
    "event": lambda name, value: EventKind(parse_choice(name, value, [kind.value for kind in EventKind])),
    "since": _parse_date,
    "until": _parse_date,
    "fiscal_year": _parse_year,
    "seen_since": _parse_date,
    "seen_until": _parse_date,
    "ends_since": _parse_date,
    "ends_until": _parse_date,
    "min_amount": _parse_dollars,
    "max_amount": _parse_dollars,
    "min_change": _parse_dollars,
    "reseller": _parse_words,
    "state": _parse_code,
    "psc": _parse_code,
    "naics": _parse_code,
    "competition": lambda name, value: Competition(parse_choice(name, value, [each.value for each in Competition])),
    "set_aside": _parse_words,
    "pricing": _parse_words,
    "band": lambda name, value: BandFilter(parse_choice(name, value, [band.value for band in BandFilter])),
    "decision": lambda name, value: parse_choice(name, value, DECISIONS),
    "sort": lambda name, value: Sort(parse_choice(name, value, [each.value for each in Sort])),
}
SINGLE = frozenset(
    {"since", "until", "seen_since", "seen_until", "ends_since", "ends_until", "min_amount", "max_amount"}
    | {"min_change", "reseller", "band", "decision", "sort"}
)
