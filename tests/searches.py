"""What the searches of USAspending find, by the analyzers of its index.

Facts: usaspending_api/etl/es_transaction_template.json and usaspending_api/common/query_with_filters.py
(fedspendingtransparency/usaspending-api, May 2026). The recipient search looks for every character in a row (an ngram
tokenizer), in capitals; the keyword search for words in a row (the standard tokenizer and, in descriptions, the minimal
English stemmer), of which the last one may go on.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from sources.base import SearchTerms
from sources.names import is_same_name

# Unicode's word boundaries (UAX 29) as far as they matter to names and descriptions.
_WORD = re.compile(r"[^\W_]+(?:(?:(?<=[A-Z])['.\u2019:](?=[A-Z])|(?<=\d)['.,;](?=\d)|_+)[^\W_]+)*")


def recipient_found(recipient: str, terms: SearchTerms) -> bool:
    """Whether the recipient search finds a recipient, and its row is taken for one that was looked for."""
    name = recipient.upper()
    if any(text in name for text in terms.names):
        return True
    return any(text in name and is_same_name(recipient, text) for text in terms.short_names)


def parent_found(parent: str, terms: SearchTerms) -> bool:
    """Whether the recipient search finds a recipient by the name of its parent, which no row has."""
    return any(text in parent.upper() for text in terms.names)


def name_found(name: str, phrases: Iterable[str]) -> bool:
    """Whether the keyword search of transactions finds a recipient, or its parent, by name."""
    return any(_words(phrase) in _words(name) for phrase in phrases)


def description_found(description: str, phrases: Iterable[str]) -> bool:
    """Whether the keyword search finds a description."""
    return any(_stems(phrase).removesuffix(" ") in _stems(description) for phrase in phrases)


@lru_cache(maxsize=8_192)
def _words(text: str) -> str:
    """Return the words of a text with a blank before and after each."""
    return f" {' '.join(_WORD.findall(text.upper()))} "


@lru_cache(maxsize=8_192)
def _stems(text: str) -> str:
    return f" {' '.join(_stem(word) for word in _WORD.findall(text.upper()))} "


def _stem(word: str) -> str:
    """Return a word as Lucene's EnglishMinimalStemmer does: without the S of a plural."""
    if len(word) < 3 or not word.endswith("S") or word.endswith(("US", "SS")):
        return word
    if word.endswith("IES") and len(word) > 3 and word[-4] not in "AE":
        return f"{word[:-3]}Y"
    return word if word.endswith(("IES", "AES", "OES", "EES")) else word[:-1]
