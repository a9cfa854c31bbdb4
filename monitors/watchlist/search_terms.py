"""What to search a source for, for each entry, and how a description may name a company. Pure.

Searches find whatever the matcher matches, with these exceptions: names that only resemble a listed one, spellings with
other spaces that are not listed (BABELSTREET), names of a `broad` portfolio, phrases that are weak or `search: false`,
phrases that stand elsewhere than in front of a `near` word, misspelled words, and codes.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from itertools import combinations, pairwise

from monitors.normalize import MIN_CORE_LENGTH, is_common, normalize_text, parse_name
from monitors.watchlist.model import MIN_PHRASE_LENGTH, Portfolio, Product, Strength, Vendor
from sources.names import indexed_words
from sources.words import LEGAL_FORMS

MIN_SEARCH_LENGTH = 7

_OPERATORS = ("AND", "OR", "NOT")
_BRACKETS = {")": "(", "]": "[", "}": "{"}
_AT_AN_END = re.compile(r"^(?:AND|OR|NOT)\b|\b(?:AND|OR|NOT)$")
# The spellings of each legal form, without those that begin with another one (INCORPORATED).
_SPELLED = {
    form: [raw for raw in LEGAL_FORMS if LEGAL_FORMS[raw] == form and (raw == form or not raw.startswith(form))]
    for form in LEGAL_FORMS.values()
} | {"LLC": ["LLC", "L.L.C", "LIMITED LIABILITY COMPANY"], "LP": ["LP", "L.P", "LIMITED PARTNERSHIP"]}

_LOWERED = {
    Portfolio.PURE: {},
    Portfolio.MIXED: {Strength.STRONG: Strength.MEDIUM, Strength.MEDIUM: Strength.WEAK},
    Portfolio.BROAD: {Strength.STRONG: Strength.WEAK, Strength.MEDIUM: Strength.WEAK},
}


def lower_strength(strength: Strength, portfolio: Portfolio) -> Strength:
    """Return the strength of a company's name in a description, given its portfolio."""
    return _LOWERED[portfolio].get(strength, strength)


def mentions(vendor: Vendor) -> tuple[tuple[Product, Portfolio], ...]:
    """Return the phrases by which a description may name the company, each with the portfolio of its name.

    A name of several distinctive words is strong. One word, or words that many companies use, are medium, unless the
    entry lists the same words among its products. Short names are left out. A mixed portfolio lowers the strength by
    one, and a broad one has no mentions.
    """
    listed = {_no_spaces(product.phrase) for product in vendor.products}
    found: dict[str, tuple[Product, Portfolio]] = {}
    for known in vendor.known_names:
        name, portfolio = parse_name(known.name), vendor.portfolio_of(known)
        words = normalize_text(name.core) if name else ""
        no_spaces = words.replace(" ", "")
        single = " " not in words
        vague = len(no_spaces) < 6 or (single and is_common(words))
        if vague or no_spaces in listed or portfolio is Portfolio.BROAD:
            continue
        strength = Strength.MEDIUM if single or is_common(words) else Strength.STRONG
        found.setdefault(no_spaces, (Product(words, lower_strength(strength, portfolio)), portfolio))
    return tuple(found.values())


def _without_the(written: str) -> str:
    """Return a name in upper case without a leading THE, as the matcher reads it."""
    return re.sub(r"^THE\s+(?=\w)", "", written.upper().strip())


def _without_form(written: str) -> str:
    """Return a name in upper case without THE and legal form, with its punctuation: PEN-LINK, LIMITED -> PEN-LINK,"""
    whole = _without_the(written)
    name = parse_name(whole)
    words = whole.split()
    while name and len(words) > 1:
        shorter = parse_name(" ".join(words[:-1]))
        if shorter is None or shorter.core != name.core:
            break
        words = words[:-1]
    return " ".join(words)


def _spellings(text: str) -> set[str]:
    """Return a text as it is, without punctuation, and with spaces instead; each with & for AND and vice versa."""
    with_and = text.replace("&", " AND ")
    spelled = (text, re.sub(r"[^\w\s]", "", with_and), normalize_text(with_and))
    return {" ".join(each.split()) for one in spelled for each in (one, one.replace(" AND ", " & "))} - {""}


def search_names(vendor: Vendor) -> tuple[str, ...]:
    """Return the names for a recipient search that finds substrings and takes punctuation literally.

    Legal forms are left out where the rest is distinctive (several words with seven letters, or one of six that is not
    common). Subsidiaries and parents are included, names that contain another one are not. Names have seven characters
    or more. A broad portfolio has no names, because its thousands of awards would say nothing.
    """
    wanted: set[str] = set()
    for written in _written_names(vendor):
        bare = _without_form(written).strip(" ,.")
        words = normalize_text(bare)
        several = " " in words and len(words.replace(" ", "")) >= MIN_SEARCH_LENGTH
        distinctive = several or (len(words) >= 6 and " " not in words and not is_common(words))
        wanted |= _spellings(bare if distinctive else written.rstrip(" ."))
    usable = {name for name in wanted if len(name) >= MIN_SEARCH_LENGTH or (len(name) == 6 and name.isalnum())}
    return fewest_names(name for name in usable if " " in normalize_text(name) or not is_common(normalize_text(name)))


def _written_names(vendor: Vendor) -> list[str]:
    """Return every name by which a recipient or its parent may match an entry."""
    names = (*vendor.known_names, *vendor.subsidiaries, *vendor.parents)
    return [_without_the(known.name) for known in names if vendor.portfolio_of(known) is not Portfolio.BROAD]


def fewest_names(names: Iterable[str]) -> tuple[str, ...]:
    """Return names without those that contain another one, which finds them, too."""
    kept: list[str] = []
    for name in sorted(set(names), key=len):
        if not any(shorter in name for shorter in kept):
            kept.append(name)
    return tuple(sorted(kept))


def search_short_names(vendor: Vendor) -> tuple[str, ...]:
    """Return the names that `search_names` does not find, for a search whose rows are compared with the whole name.

    They are short or common words (`sources.names` says how rows are compared). A name that the matcher accepts only
    with its legal form is searched with that form, or with a comma after it.
    """
    found_by = search_names(vendor)
    cores = {
        text: core
        for written in _written_names(vendor)
        for text, core in _whole_names(written).items()
        if not any(name in text for name in found_by)
    }
    return tuple(
        sorted(
            text
            for text, core in cores.items()
            if not any(text != other and text.startswith(other) and core == cores[other] for other in cores)
        )
    )


def _whole_names(written: str) -> dict[str, str]:
    """Return texts, one of which is in every spelling that matches a name, with the name's core for each."""
    bare, name = _without_form(written).rstrip(" ,"), parse_name(written)
    if name is None:
        return {}
    texts = _spellings(bare.rstrip("."))
    only_with_form = len(name.no_spaces) < MIN_CORE_LENGTH or (is_common(name.core) and " " not in name.core)
    if name.form and only_with_form:
        form = name.form.split()[0]
        texts = {spelling for each in _SPELLED.get(form, [form]) for spelling in _spellings(f"{bare} {each}")}
        texts |= {f"{spelling}," for spelling in _spellings(bare)}
    return dict.fromkeys(texts, name.no_spaces)


def query_error(product: Product) -> str:
    """Return why a query parser cannot read a phrase and what to do, "" if it can or the phrase is not sent.

    To the parser AND, OR and NOT are operators, which need a word on either side, and brackets and quotes are pairs.
    """
    words = normalize_text(product.phrase).split()
    if not _is_sent(product) or not words:
        return ""
    if words[0] in _OPERATORS:
        return f"begins with {words[0]}, which searches take for an operator: leave the word out"
    if words[-1] in _OPERATORS:
        return f"ends with {words[-1]}, which searches take for an operator: leave the word out"
    if any(one in _OPERATORS and two in _OPERATORS[:2] for one, two in pairwise(words)):
        return "has two words side by side that searches take for operators (AND, OR, NOT): leave one out"
    mark = _without_counterpart(product.phrase)
    return f"has {mark} without its counterpart: add that, or leave both out" if mark else ""


def _is_sent(product: Product) -> bool:
    """Return whether sources are searched for a phrase: one that counts only near a word only if that publishes it."""
    return product.search and product.strength in (
        (Strength.STRONG,) if product.near else (Strength.STRONG, Strength.MEDIUM)
    )


def _without_counterpart(phrase: str) -> str:
    """Return a bracket or double quote without its counterpart, "" if there is none."""
    opened: list[str] = []
    for mark in filter("()[]{}".__contains__, phrase):
        if mark not in _BRACKETS:
            opened.append(mark)
        elif not opened or opened.pop() != _BRACKETS[mark]:
            return mark
    if opened:
        return opened[-1]
    return '"' if phrase.count('"') % 2 else ""


def search_phrases(vendor: Vendor) -> tuple[str, ...]:
    """Return the phrases for a keyword search in descriptions, of three characters or more.

    They are the strong and medium phrases without a `query_error` (with `near`: the strong ones, in front of each of
    these words), and the vendor's own names as listed.
    """
    products = [product for product in vendor.products if not query_error(product)]
    products += [mention for mention, _ in mentions(vendor)]
    wanted = {text.upper() for product in products if _is_sent(product) for text in _side_by_side(product)}
    no_spaces = {_no_spaces(phrase) for phrase in wanted}
    names = (_without_form(known.name).strip(" ,.") for known in vendor.known_names)
    wanted |= {name for name in names if _no_spaces(name) in no_spaces}
    # A name needs all its words; AND, OR and NOT are operators only in capitals.
    spelled = {_AT_AN_END.sub(lambda found: found[0].lower(), each) for phrase in wanted for each in _spellings(phrase)}
    return fewest_phrases(phrase for phrase in spelled if len(phrase) >= MIN_PHRASE_LENGTH)


def _side_by_side(product: Product) -> list[str]:
    """Return the words to search for: a search wants them in a row, so a phrase comes before each of its near words."""
    return [f"{product.phrase} {word}" for word in product.near] or [product.phrase]


def _no_spaces(text: str) -> str:
    return normalize_text(text).replace(" ", "")


def fewest_phrases(phrases: Iterable[str]) -> tuple[str, ...]:
    """Return phrases without those that find nothing more than another one.

    That is a phrase with the same tokens (MPH-900, MPH 900), with all words of another in order, or its plural.
    """
    by_words: dict[tuple[str, ...], str] = {}
    for phrase in sorted(phrases, key=lambda phrase: (len(re.sub(r"[\w &]", "", phrase)), len(phrase), phrase)):
        by_words.setdefault(indexed_words(phrase), phrase)
    return tuple(sorted(phrase for words, phrase in by_words.items() if not _finds_nothing_more(words, by_words)))


def _finds_nothing_more(words: tuple[str, ...], others: Collection[tuple[str, ...]]) -> bool:
    singular = (*words[:-1], words[-1].removesuffix("S"))
    parts = {part[start:end] for part in (words, singular) for start, end in combinations(range(len(words) + 1), 2)}
    return any(part in others for part in parts if part != words)
