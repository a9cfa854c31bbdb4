"""Text as it is looked for: the same words for both databases, whatever their own idea of a word is."""

from __future__ import annotations

import re
import unicodedata

LONGEST_TOKEN = 64  # characters; what is longer is no word, and cut alike in text and question

_TOKEN = re.compile(r"[^\W_]+")


def tokens(text: str) -> list[str]:
    """Return the words of a text: runs of letters and digits, without case, accents and compatibility forms."""
    if not text.isascii():
        text = _plain(_plain(text))
    return [token[:LONGEST_TOKEN] for token in _TOKEN.findall(text.lower())]


def _plain(text: str) -> str:
    """Return the text without case and marks; folding the case of one form can bring forth another."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in decomposed if not unicodedata.category(character).startswith("M"))
