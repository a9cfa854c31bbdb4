"""What to ask an upstream about an entry, and how a description may name a company. Pure."""

from __future__ import annotations

import re

from monitors.names import fold_text, is_common, parse_name
from monitors.vendor import Portfolio, Product, Strength, Vendor

SHORTEST_PHRASE = 3
SHORTEST_SEARCH = 7


_LOWERED = {
    Portfolio.PURE: {},
    Portfolio.MIXED: {Strength.STRONG: Strength.MEDIUM, Strength.MEDIUM: Strength.WEAK},
    Portfolio.BROAD: {Strength.STRONG: Strength.WEAK, Strength.MEDIUM: Strength.WEAK},
}


def lowered(strength: Strength, portfolio: Portfolio) -> Strength:
    """Return how much a company's name says in a description, given how much of its business is surveillance."""
    return _LOWERED[portfolio].get(strength, strength)


def mentions(vendor: Vendor) -> tuple[tuple[Product, Portfolio], ...]:
    """Return the ways a description may name the company, with their strength, and what the name says of the business.

    A name of several distinctive words is strong. One word, or words many companies use, is medium: a person looks at
    it, unless the entry lists the same words among its products with a strength of its own. Short ones are left out.
    A mixed portfolio lowers both by one, and a broad one has no mentions: they would say nothing.
    """
    listed = {fold_text(product.phrase).replace(" ", "") for product in vendor.products}
    found: dict[str, tuple[Product, Portfolio]] = {}
    for known in vendor.known_names:
        name, portfolio = parse_name(known.name), vendor.portfolio_of(known)
        words = fold_text(name.core) if name else ""
        tight = words.replace(" ", "")
        single = " " not in words
        vague = len(tight) < 6 or (single and is_common(words))
        if vague or tight in listed or portfolio is Portfolio.BROAD:
            continue
        strength = Strength.MEDIUM if single or is_common(words) else Strength.STRONG
        found.setdefault(tight, (Product(words, lowered(strength, portfolio)), portfolio))
    return tuple(found.values())


def _without_form(written: str) -> str:
    """Return a name in upper case without legal form, its punctuation kept: PEN-LINK, LIMITED -> PEN-LINK."""
    whole = written.upper()
    name = parse_name(whole)
    words = whole.split()
    while name and len(words) > 1:
        shorter = parse_name(" ".join(words[:-1]))
        if shorter is None or shorter.core != name.core:
            break
        words = words[:-1]
    return " ".join(words).strip(" ,.")


def _spellings(phrase: str) -> set[str]:
    """Return a phrase as written, without its punctuation, and with spaces for it."""
    gone = re.sub(r"[^\w\s]", "", phrase.replace("&", " AND "))
    spaced = re.sub(r"[^\w]+", " ", phrase.replace("&", " AND "))
    return {" ".join(spelling.split()) for spelling in (phrase, gone, spaced)}


def search_names(vendor: Vendor) -> tuple[str, ...]:
    """Return what to ask an upstream whose recipient search looks for a substring and takes punctuation literally.

    Legal forms are left out where what remains is distinctive (words of seven letters together, or one of six that is
    not common); subsidiaries are asked for too; a name that contains another one is dropped; nothing is shorter than
    seven characters. A company with a broad portfolio is not asked for by name: its thousands of awards would say
    nothing.
    """
    wanted: set[str] = set()
    for known in (*vendor.known_names, *vendor.subsidiaries):
        if vendor.portfolio_of(known) is Portfolio.BROAD:
            continue
        written = known.name
        bare = _without_form(written)
        words = fold_text(bare)
        several = " " in words and len(words.replace(" ", "")) >= SHORTEST_SEARCH
        distinctive = several or (len(words) >= 6 and " " not in words and not is_common(words))
        wanted |= _spellings(bare if distinctive else written.upper().rstrip(" ."))
    usable = {name for name in wanted if len(name) >= SHORTEST_SEARCH or (len(name) == 6 and name.isalnum())}
    usable = {name for name in usable if " " in name or not is_common(fold_text(name))}
    return tuple(sorted(name for name in usable if not any(other != name and other in name for other in usable)))


def search_phrases(vendor: Vendor) -> tuple[str, ...]:
    """Return what to ask an upstream whose keyword search looks for words (at least 3 characters) in descriptions.

    Strong and medium phrases and the vendor's own name; a phrase that contains all words of another, in order, is
    dropped, since the shorter one finds it too.
    """
    wanted: set[str] = set()
    for product in (*vendor.products, *(mention for mention, _ in mentions(vendor))):
        if product.search and product.strength is not Strength.WEAK:
            wanted |= {spelling for spelling in _spellings(product.phrase.upper()) if len(spelling) >= SHORTEST_PHRASE}
    return tuple(
        sorted(
            phrase
            for phrase in wanted
            if not any(other != phrase and f" {other} " in f" {phrase} " for other in wanted)
        )
    )
