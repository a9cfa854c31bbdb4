"""Looking for words: what SQLite's FTS5 and PostgreSQL's tsvector each find, which is the same.

`search.words` holds folded words with one space between them, so that neither database has to know what a word is. The
index of words finds records that may be meant; `holds` says of one record whether it is, and says it alike everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import (
    ColumnElement,
    Select,
    String,
    bindparam,
    cast,
    column,
    literal,
    literal_column,
    select,
    table,
)
from sqlalchemy.dialects.postgresql import TSQUERY
from sqlmodel import col

from storage.search.index import AGENCY, OFFICE, PRICING, RECIPIENT, SET_ASIDE
from storage.search.query import Query
from storage.tables import SearchRow

INDEX = "search_index"  # the FTS5 table of SQLite
_VECTOR: ColumnElement[str] = literal_column("search.vector")  # of PostgreSQL, made by itself of `words`


@dataclass(frozen=True, slots=True)
class Term:
    """Words that stand one after the other; of the last the beginning is enough if `is_prefix`."""

    tokens: tuple[str, ...]
    is_prefix: bool = False


Either = tuple[Term, ...]  # any of them will do


def asked_terms(query: Query) -> list[Either]:
    """Return what must be in the words of a record, each in one of its forms."""
    terms = [_word(word) for word in query.words]
    terms += [(Term(tuple(phrase.split())),) for phrase in query.phrases]
    if query.agency and not any(is_agency_code(agency) for agency in query.agency):
        terms.append(tuple(_marked(AGENCY, name) for name in query.agency))
    for mark, texts in ((OFFICE, query.office), (SET_ASIDE, query.set_aside), (PRICING, query.pricing)):
        if texts:
            terms.append(tuple(_marked(mark, text) for text in texts))
    if query.reseller not in ("", "yes", "no"):
        terms.append((_marked(RECIPIENT, query.reseller),))
    return terms


def is_agency_code(agency: str) -> bool:
    """Whether a folded text is an agency's code: three or four characters, the first a digit."""
    return len(agency) in (3, 4) and agency[0].isdigit() and agency.isalnum() and agency.isascii()


def agency_term(name: str) -> Term:
    """Return these folded words in the name of a record's agency."""
    return _marked(AGENCY, name)


def pattern(term: Term) -> str:
    """Return what `holds` looks for between the words of a record."""
    found = f" {' '.join(term.tokens)}{'' if term.is_prefix else ' '}"
    return found.replace("/", "//").replace("%", "/%").replace("_", "/_")


def holds(name: str) -> ColumnElement[bool]:
    """Whether a record's words hold the `pattern` that comes in under this name."""
    padded = literal(" ") + col(SearchRow.words) + literal(" ")
    return padded.contains(bindparam(name, type_=String()), escape="/")


def excluded_terms(query: Query) -> list[Either]:
    """Return what must not be in the words of a record."""
    return [(Term(tuple(term.split())),) if " " in term else _word(term) for term in query.without]


def _word(word: str) -> Either:
    """Return a word's forms: "o-brien" is two words in a row, or one."""
    is_prefix, parts = word.endswith("*"), tuple(word.removesuffix("*").split("-"))
    forms = (Term(parts, is_prefix), Term(("".join(parts),), is_prefix))
    return forms if len(parts) > 1 else forms[:1]


def _marked(mark: str, words: str) -> Term:
    return Term(tuple(mark + token for token in words.split()))


def places_with(dialect: str) -> Select[int]:
    """Return the query for the places of all records that the index of words finds: those meant, perhaps some more.

    What `for_index` makes of the terms comes in as "index".
    """
    if dialect == "sqlite":
        index = table(INDEX, column("rowid"))
        return select(index.c.rowid).where(literal_column(INDEX).op("MATCH")(bindparam("index", type_=String())))
    return select(col(SearchRow.place)).where(in_vector())


def in_vector() -> ColumnElement[bool]:
    """Whether PostgreSQL's vector of a record's words has all terms, in whatever order; "index" comes in as above.

    It reads the vector that is stored, of which it knows how many records have which word, and plans by that.
    """
    return _VECTOR.op("@@", is_comparison=True)(cast(bindparam("index", type_=String()), TSQUERY))


def for_index(terms: Sequence[Either], dialect: str) -> str:
    """Return the terms as the index of words of a database of this kind is asked for them."""
    if dialect == "sqlite":
        return " AND ".join(f"({' OR '.join(_for_sqlite(term) for term in either)})" for either in terms)
    return " & ".join(f"({' | '.join(_for_postgresql(term) for term in either)})" for either in terms)


def _for_sqlite(term: Term) -> str:
    # Letters, digits and marks alone can be in a token: nothing in it can end the quotation.
    return f'"{" ".join(term.tokens)}"' + (" *" if term.is_prefix else "")


def _for_postgresql(term: Term) -> str:
    quoted = [f"'{token}'" for token in term.tokens]
    quoted[-1] += ":*" if term.is_prefix else ""
    return f"({' & '.join(quoted)})"
