"""Regular expressions for many words at once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping


def one_of(spellings: Iterable[str]) -> str:
    """Return a trie-shaped pattern, longest first: common beginnings are tried once, so no text makes it slow."""
    root: dict[str, dict[str, object]] = {}
    for spelling in spellings:
        node: dict[str, dict[str, object]] = root
        for letter in spelling:
            node = node.setdefault(letter, {})  # type: ignore[assignment]
        node[""] = {}
    return _branch(root)


def _branch(node: Mapping[str, object]) -> str:
    chain = ""
    while len(node) == 1 and "" not in node:
        ((letter, below),) = node.items()
        chain += re.escape(letter)
        node = below  # type: ignore[assignment]
    options = [re.escape(letter) + _branch(below) for letter, below in sorted(node.items()) if letter]  # type: ignore[arg-type]
    if not options:
        return chain
    return f"{chain}(?:{'|'.join(options)}){'?' if '' in node else ''}"
