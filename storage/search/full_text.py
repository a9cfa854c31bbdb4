"""Full-text conditions: SQLite's FTS5 and PostgreSQL's tsvector find the same records.

`search.words` holds the tokens of `storage.search.tokenize` with one space between them, so the databases' own
tokenizers play no role. A tsvector has no order of words as it is used here, so phrases are also checked with LIKE.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import ColumnElement, cast, column, literal, literal_column, not_, or_, select, table
from sqlalchemy.dialects.postgresql import TSQUERY
from sqlmodel import col

from storage.schema.tables import SearchRow
from storage.search.agencies import usual_name
from storage.search.index import AGENCY, OFFICE, PRICING, RECIPIENT, SET_ASIDE
from storage.search.query import Query

Condition = ColumnElement[bool]
Dialect = Literal["sqlite", "postgresql"]

INDEX = "search_index"  # the FTS5 table of SQLite
_VECTOR: ColumnElement[str] = literal_column("search.vector")  # PostgreSQL computes it from `words`


@dataclass(frozen=True, slots=True)
class Term:
    """Consecutive tokens; with `is_prefix` the last one may go on."""

    tokens: tuple[str, ...]
    is_prefix: bool = False


Alternatives = tuple[Term, ...]  # a record must contain at least one


def text_filter(query: Query, dialect: Dialect) -> Iterator[Condition]:
    """Give the conditions on a record's words: all required terms occur, no excluded one does."""
    required = _required_terms(query)
    if required and dialect == "sqlite":
        index = table(INDEX, column("rowid"))
        matched = literal_column(INDEX).op("MATCH")(_fts5_expression(required))
        yield col(SearchRow.sort_key).in_(select(index.c.rowid).where(matched))
    elif required:
        yield _VECTOR.op("@@", is_comparison=True)(cast(_tsquery(required), TSQUERY))
        for terms in required:
            if any(len(term.tokens) > 1 for term in terms):
                yield _contains_any(terms)
    for terms in _excluded_terms(query):
        yield not_(_contains_any(terms))


def is_agency_code(agency: str) -> bool:
    """Whether a normalized text is an agency's code: three or four characters, the first a digit."""
    return len(agency) in (3, 4) and agency[0].isdigit() and agency.isalnum() and agency.isascii()


def agency_name_filter(name: str) -> Condition:
    """Return the condition that the name of a record's agency contains these normalized words."""
    return _contains(_marked(AGENCY, usual_name(name)))


def _required_terms(query: Query) -> list[Alternatives]:
    terms = [_word(word) for word in query.words]
    terms += [(Term(tuple(phrase.split())),) for phrase in query.phrases]
    if query.agency and not any(is_agency_code(agency) for agency in query.agency):
        terms.append(tuple(_marked(AGENCY, usual_name(name)) for name in query.agency))
    for mark, texts in ((OFFICE, query.office), (SET_ASIDE, query.set_aside), (PRICING, query.pricing)):
        if texts:
            terms.append(tuple(_marked(mark, text) for text in texts))
    if query.reseller not in ("", "yes", "no"):
        terms.append((_marked(RECIPIENT, query.reseller),))
    return terms


def _excluded_terms(query: Query) -> list[Alternatives]:
    return [(Term(tuple(term.split())),) if " " in term else _word(term) for term in query.without]


def _word(word: str) -> Alternatives:
    """Return what a word may be written as: "o-brien" is two tokens, or one."""
    is_prefix, parts = word.endswith("*"), tuple(word.removesuffix("*").split("-"))
    forms = (Term(parts, is_prefix), Term(("".join(parts),), is_prefix))
    return forms if len(parts) > 1 else forms[:1]


def _marked(mark: str, words: str) -> Term:
    return Term(tuple(mark + token for token in words.split()))


def _contains_any(terms: Alternatives) -> Condition:
    return or_(*(_contains(term) for term in terms))


def _contains(term: Term) -> Condition:
    found = f" {' '.join(term.tokens)}{'' if term.is_prefix else ' '}"
    return (literal(" ") + col(SearchRow.words) + literal(" ")).contains(found, autoescape=True)


def _fts5_expression(terms: Sequence[Alternatives]) -> str:
    # A token holds letters, digits and marks only, so it cannot close the quotation.
    def written(term: Term) -> str:
        return f'"{" ".join(term.tokens)}"' + (" *" if term.is_prefix else "")

    return " AND ".join(f"({' OR '.join(map(written, alternatives))})" for alternatives in terms)


def _tsquery(terms: Sequence[Alternatives]) -> str:
    def written(term: Term) -> str:
        quoted = [f"'{token}'" for token in term.tokens]
        return f"({' & '.join(quoted)}{':*' if term.is_prefix else ''})"

    return " & ".join(f"({' | '.join(map(written, alternatives))})" for alternatives in terms)
