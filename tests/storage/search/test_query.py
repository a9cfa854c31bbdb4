"""The query language itself: what is read, written back, said in words and refused."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from pathlib import Path
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.search.query import PARAMETERS, InvalidQuery, Query, read_query

PAGE = (Path(__file__).parents[3] / "docs" / "querying.md").read_text()
EXAMPLES = re.findall(r"^\| `([a-z_]+=[^`]*)` \|", PAGE, re.M)


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_documented_query_is_read_and_written_back(example: str) -> None:
    query = read_query(parse_qsl(example))
    assert query != Query()
    assert read_query(query.url_params()) == query
    assert (query.describe() == "everything") is (query.unsorted == Query())


def test_every_parameter_is_documented() -> None:
    assert set(PARAMETERS) == {name for example in EXAMPLES for name, _ in parse_qsl(example)}


def test_the_same_question_is_the_same_address() -> None:
    one = read_query(
        [("vendor", "b"), ("q", "Über  alles"), ("vendor", "a"), ("band", "published"), ("min_amount", "$1,000.00")]
    )
    other = read_query([("min_amount", "1000"), ("vendor", "A"), ("vendor", "b"), ("q", "alles uber"), ("state", " ")])
    assert one.url_query() == other.url_query() == "q=alles+uber&vendor=a&vendor=b&min_amount=1000"


def test_what_is_read() -> None:
    query = read_query({"q": 'O\'Brien -x "a b"', "since": "2024-01-02", "max_amount": "-5.5", "decision": "never"})
    assert (query.words, query.phrases, query.without) == (("o-brien",), ("a b",), ("x",))
    assert (query.since, query.max_amount, query.band.value) == (date(2024, 1, 2), Decimal("-5.50"), "any")
    assert not query.is_public
    assert (
        query.describe()
        == "with “o-brien” and “a b”; without “x”; signed 2024-01-02 or later; of -$5.50 or less; reviewed as never"
    )


def test_how_contracts_were_bought_is_said_in_words() -> None:
    query = read_query([("competition", "unknown"), ("competition", "not-competed"), ("pricing", "Cost  Plus")])
    assert query.describe() == ("priced as cost plus; that were not competed or do not say whether they were competed")
    assert query.url_query() == "competition=not-competed&competition=unknown&pricing=cost+plus"


def test_fiscal_years_are_read_and_said() -> None:
    query = read_query([("fiscal_year", "FY2024"), ("fiscal_year", "2023"), ("fiscal_year", "fy 2024")])
    assert query.url_query() == "fiscal_year=2023&fiscal_year=2024"
    assert query.describe() == "signed in fiscal year 2024 or 2023"


def test_parameters_that_others_add_are_ignored() -> None:
    added = [
        "utm_source",
        "utm_campaign",
        "fbclid",
        "gclid",
        "_",
        "mc_eid",
        "ref",
        "ref_src",
        "share",
        "gbraid",
        "x" * 999,
    ]
    assert read_query([*((name, "x" * 999) for name in added), ("vendor", "axon")]) == read_query({"vendor": "axon"})


@pytest.mark.parametrize(
    ("params", "complaint"),
    [
        ({"vendro": "x"}, "unknown parameter 'vendro'; did you mean 'vendor'?"),
        ({"event": "terminate"}, "did you mean 'terminated'?"),
        ({"sort": "obligatd"}, "unknown sort 'obligatd'; did you mean 'obligated'?"),
        ({"competition": "not_competed"}, "unknown competition 'not_competed'; did you mean 'not-competed'?"),
        ({"competition": "C"}, "unknown competition 'C'; there are competed, not-competed, unknown"),
        ({"set_aside": "()"}, "set_aside has no letter or digit to search for"),
        ({"band": "secret"}, "unknown band 'secret'"),
        ({"since": "2024-13-01"}, "since '2024-13-01' is not a date; write it as 2024-09-30"),
        ({"since": "20240101"}, "is not a date"),
        ({"since": "2024-02-01", "until": "2024-01-01"}, "since is after until"),
        ({"fiscal_year": "24"}, "fiscal_year '24' is not a fiscal year; write it as 2024"),
        ({"min_amount": "lots"}, "is not an amount in dollars"),
        ({"min_amount": "NaN"}, "is not an amount in dollars"),
        ({"min_amount": "1e999"}, "is not an amount in dollars"),
        ({"min_amount": "9" * 18}, "is not an amount in dollars"),
        ({"q": "%&"}, "q has no letter or digit"),
        ({"q": "x" * 10_000}, "q is longer than 1,000 characters"),
        ({"vendor": "x" * 10_000}, "vendor is longer than 200 characters"),
        ({"vendor": "a b"}, "is not an id"),
        ([("since", "2024-01-01"), ("since", "2024-01-02")], "since is given more than once"),
        ([("vendor", str(number)) for number in range(21)], "vendor is given more than 20 times"),
        ({"q": " ".join(str(number) for number in range(33))}, "more than 32 words"),
    ],
)
def test_what_cannot_be_read_gets_one_line(params: dict[str, str], complaint: str) -> None:
    with pytest.raises(InvalidQuery) as caught:
        read_query(params)
    assert complaint in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@given(st.lists(st.tuples(st.sampled_from([*PARAMETERS, "x"]), st.text(max_size=30)), max_size=4))
def test_whatever_is_given_is_read_or_refused_and_comes_back_the_same(params: list[tuple[str, str]]) -> None:
    try:
        query = read_query(params)
    except InvalidQuery as error:
        assert len(str(error).splitlines()) == 1
        return
    again = read_query(query.url_params())
    assert again.url_params() == query.url_params()
    assert query.describe().isprintable()
