"""What adapters share: readers of JSON fields, award keys, the XML parser, and reading a search to its end."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest

from sources.award_keys import ActionIdentity
from sources.base import IncompleteResult
from sources.fields import (
    Fields,
    join_place,
    read_count,
    read_date,
    read_dollars,
    read_identifier,
    read_object,
    read_objects,
    read_required,
    read_text,
    read_texts,
)
from sources.paging import RowCounter, fiscal_years, read_in_parts, read_pages, split_days
from sources.records import InvalidRecord
from sources.xml import InvalidXml, parse_xml

MAY = (date(2024, 5, 1), date(2024, 5, 31))


@pytest.mark.parametrize(
    ("read", "value", "expected"),
    [
        (read_text, " a\x00b\ud800 ", "ab?"),
        (read_text, None, ""),
        (read_text, "DUN &AMP; BRADSTREET", "DUN & BRADSTREET"),
        (
            read_text,
            "LEADS &amp; TARGETING &lt;R&D&gt; &#39;A&#x27; &copy; &amp;amp; A&B;",
            "LEADS & TARGETING <R&D> 'A' &copy; &amp; A&B;",
        ),
        (read_required, "a", "a"),
        (read_identifier, " x1 ", "X1"),
        (read_date, "2019-10-27 20:06:44", date(2019, 10, 27)),
        (read_date, "", None),
        (read_dollars, "10.5", Decimal("10.50")),
        (read_dollars, "", None),
        (read_count, 3, 3),
        (read_object, None, {}),
        (read_texts, ["a", None, "a", "b"], ("a", "b")),
        (read_texts, "a", ("a",)),
    ],
)
def test_a_field_is_read(read: Callable[[Fields, str], object], value: object, expected: object) -> None:
    assert read({"x": value}, "x") == expected


@pytest.mark.parametrize(
    ("read", "value"),
    [
        (read_text, 1),
        (read_required, " "),
        (read_identifier, "x" * 201),
        (read_date, "27.10.2019"),
        (read_dollars, "0.001"),
        (read_count, "1.5"),
        (read_object, ["x"]),
        (lambda fields, name: list(read_objects(fields, name)), [1]),
    ],
)
def test_a_field_of_the_wrong_type_is_an_invalid_record(read: Callable[[Fields, str], object], value: object) -> None:
    with pytest.raises(InvalidRecord):
        read({"x": value}, "x")


def test_objects_are_read_along_a_path() -> None:
    assert read_object({"a": {"b": {"c": 1}}}, "a", "b") == {"c": 1}
    assert read_object({"a": None}, "a", "b") == {}
    assert join_place("Dayton", "", "Ohio") == "Dayton, Ohio"


def test_keys_are_those_of_usaspending() -> None:
    order = ActionIdentity(
        agency="7012",
        piid="70CMSD24F1",
        modification="P00001",
        transaction="0",
        parent_agency="4732",
        parent_piid="GS1",
        is_idv=False,
    )
    assert order.award_key == "CONT_AWD_70CMSD24F1_7012_GS1_4732"
    assert order.action_key == "7012_4732_70CMSD24F1_P00001_GS1_0"
    assert order.parent_key == "CONT_IDV_GS1_4732"
    vehicle = ActionIdentity(
        agency="7012", piid="D1", modification="", transaction="", parent_agency="", parent_piid="", is_idv=True
    )
    assert vehicle.award_key == "CONT_IDV_D1_7012"
    assert vehicle.action_key == "7012_-NONE-_D1_-NONE-_-NONE-_-NONE-"
    assert vehicle.parent_key == ""


@pytest.mark.parametrize(
    "body", [b"", b"<a>", b"not XML", b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>', b"<a>&unknown;</a>"]
)
def test_malformed_xml_and_doctypes_are_refused(body: bytes) -> None:
    with pytest.raises(InvalidXml):
        parse_xml(body)


def test_days_are_split_in_two_without_gap_or_overlap() -> None:
    first, second = split_days(*MAY)
    assert (first[0], second[1]) == MAY
    assert second[0] - first[1] == timedelta(days=1)
    assert split_days(MAY[0], MAY[0]) == ()


def test_fiscal_years_cover_every_day_once() -> None:
    spans = list(fiscal_years(date(2019, 10, 1), date(2022, 3, 1)))
    assert [year for year, _, _ in spans] == [2020, 2021, 2022]
    assert (spans[0][1], spans[-1][2]) == (date(2019, 10, 1), date(2022, 3, 1))
    assert all(later[1] - earlier[2] == timedelta(days=1) for earlier, later in pairwise(spans))
    assert [year for year, _, _ in fiscal_years(date(2012, 1, 1), date(2022, 3, 1), years=5)] == [2014, 2019, 2024]


def test_a_search_is_read_in_parts_of_one_page() -> None:
    def read(days: tuple[date, date]) -> tuple[int, bool]:
        size = (days[1] - days[0]).days + 1
        return size, size > 3

    parts = list(read_in_parts(MAY, read, lambda days: split_days(*days)))
    assert sum(page for _, page, _ in parts) == 31
    assert all(is_whole for _, _, is_whole in parts)
    [(_, page, is_whole)] = read_in_parts(MAY, read, lambda _days: ())
    assert (page, is_whole) == (31, False)


def test_pages_are_read_until_the_last_one() -> None:
    assert list(read_pages(lambda number: (number * 10, number < 3))) == [10, 20, 30]


def test_distinct_rows_are_compared_with_the_count() -> None:
    counter = RowCounter()
    assert [counter.add(row) for row in ("a", "b", "a")] == [True, True, False]
    assert list(counter.check("step", 2)) == []
    assert list(counter.check("step", 3)) == [IncompleteResult(step="step", expected=3, received=2)]
