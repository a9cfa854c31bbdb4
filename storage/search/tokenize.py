"""Splits text into search tokens, the same for both databases, whose own tokenizers differ."""

from __future__ import annotations

import re
import unicodedata

MAX_TOKEN_LENGTH = 64  # characters; longer tokens are cut in texts and queries alike

_TOKEN = re.compile(r"[^\W_]+")


def tokenize(text: str) -> list[str]:
    """Return the runs of letters and digits in a text, without case, accents and compatibility forms."""
    if not text.isascii():
        text = _strip_accents(_strip_accents(text))  # twice: folding the case of one form may produce another
    return [token[:MAX_TOKEN_LENGTH] for token in _TOKEN.findall(text.lower())]


def _strip_accents(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in decomposed if not unicodedata.category(character).startswith("M"))
