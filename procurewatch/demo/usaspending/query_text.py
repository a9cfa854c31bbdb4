r"""What becomes of a text on its way into USAspending's search index, and which texts the index cannot read.

Facts: usaspending_api/search/v2/es_sanitization.py, the filters of common/query_with_filters.py that send a text as a
`query_string` or a `regexp`, and the grammar of Lucene's classic query parser.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import accumulate, pairwise

REMOVED = re.compile(r'[|{}()?\\"+\[\]<>]')
LESS_REMOVED = re.compile(r"[{}\[\]\\]")
ESCAPED = re.compile(r"[-^~/!&:`*]")
LESS_ESCAPED = re.compile(r"[-^~/!&:`]")
TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[()+]|(?:[^\s+\-!():^\[\]"{}~\\/]|\\.)(?:[^\s!():^\[\]"{}~\\/]|\\.)*')
SPACE = re.compile(r"[ \t\n\r\u3000]+")
KINDS = {"(": "(", ")": ")", "AND": "o", "&&": "o", "OR": "o", "||": "o", "NOT": "n", "+": "n"}  # all else: "w", a word
FOLLOWERS = {"(": "(nw", "o": "(nw", "n": "(w", ")": "()onw", "w": "()onw"}  # the kinds that may follow each kind
PATTERN_SIGNS = {".": ".", "@": ".*", "#": "(?!)"}  # any letter, any text, nothing


def sanitized(text: str) -> str:
    """Return a text as most filters send it: some signs are removed, others escaped."""
    return ESCAPED.sub(lambda sign: f"\\{sign[0]}", REMOVED.sub("", text))


def less_sanitized(text: str) -> str:
    """Return a keyword as the transaction search sends it: quotes, brackets and wildcards keep their meaning."""
    return LESS_ESCAPED.sub(lambda sign: f"\\{sign[0]}", LESS_REMOVED.sub("", text))


def award_keyword(text: str) -> str:
    """Return a keyword as the award search sends it: its last word is meant as the beginning of a word."""
    text = sanitized(text)
    return text + (r"\*" if "\\" in text else "*")


def is_readable(query: str) -> bool:
    """Whether Lucene's query parser can read a `query_string`. It reads an empty one, and finds nothing."""
    kinds = _kinds(query)
    if kinds is None:
        return False
    whole = f"({kinds})"
    depths = list(accumulate({"(": 1, ")": -1}.get(kind, 0) for kind in whole))
    is_balanced = min(depths[:-1]) > 0 and depths[-1] == 0
    return not kinds or (is_balanced and all(after in FOLLOWERS[kind] for kind, after in pairwise(whole)))


def _kinds(query: str) -> str | None:
    """Return a letter for each token of a query; `None` if a part is no token, such as a quote without its second."""
    found: list[str] = []
    at = 0
    while at < len(query):
        token = SPACE.match(query, at) or TOKEN.match(query, at)
        if token is None:
            return None
        at = token.end()
        if token.re is TOKEN:
            # A plus sign with a space behind it is a word of its own.
            is_bare = token[0] == "+" and query[at : at + 1].isspace()
            found.append("w" if is_bare else KINDS.get(token[0], "w"))
    return "".join(found)


@lru_cache(maxsize=4096)
def award_id_pattern(text: str) -> re.Pattern[str]:
    """Return what an unquoted award id finds: a pattern for the whole of the number, case-sensitive.

    It is sanitized twice, so that of Lucene's signs for patterns only the dot, @ and # are left.
    """
    sent = sanitized(" ".join(sanitized(text).split()))
    parts = re.findall(r"\\.|.", sent, re.DOTALL)
    return re.compile("".join(PATTERN_SIGNS.get(part) or re.escape(part[-1]) for part in parts), re.DOTALL)


def is_quoted(text: str) -> bool:
    """Whether an award id stands in double quotes."""
    return text.startswith('"') and text.endswith('"')
