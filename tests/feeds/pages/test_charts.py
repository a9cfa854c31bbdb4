"""Charts: every mark within its chart, in proportion, and said in words."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.pages.charts import HEIGHT, Chart, actions_chart, share, years_chart
from feeds.text import format_short_money

DOLLARS = st.decimals(min_value=-(10**12), max_value=10**12, places=2)


def is_within(chart: Chart) -> bool:
    bars = all(0 <= bar.x <= 100 and bar.y >= 0 and bar.y + bar.height <= HEIGHT for bar in chart.bars)
    return bars and all(0 <= value <= HEIGHT for line in chart.lines for value in (line.y1, line.y2))


@given(st.dictionaries(st.integers(1990, 2030), DOLLARS, min_size=2))
def test_years_stay_within_the_chart(amounts: dict[int, Decimal]) -> None:
    chart = years_chart(sorted(amounts.items()))
    assert chart
    assert is_within(chart)
    assert [bar.is_below for bar in chart.bars] == [amounts[year] < 0 for year in sorted(amounts) if amounts[year]]


@given(st.lists(st.tuples(st.dates(date(1990, 1, 1), date(2030, 1, 1)), DOLLARS), min_size=2))
def test_actions_stay_within_the_chart(amounts: list[tuple[date, Decimal]]) -> None:
    chart = actions_chart(amounts)
    assert (chart is None) == (len({day for day, _ in amounts}) == 1)
    assert chart is None or is_within(chart)


def test_heights_are_in_proportion_and_money_taken_back_goes_down() -> None:
    chart = years_chart([(2021, Decimal(400)), (2022, Decimal(100)), (2024, Decimal(-200))])
    assert chart
    first, second, third = chart.bars
    assert first.height == pytest.approx(4 * second.height, abs=0.1)
    assert first.height == pytest.approx(2 * third.height, abs=0.1)
    assert third.is_below
    assert third.y == chart.zero
    assert [label.text for label in chart.labels if label.kind == "tick"] == ["2021", "2022", "2023", "2024"]
    assert "most in 2021: $400.00" in chart.summary


def test_one_year_or_one_day_is_no_course() -> None:
    assert years_chart([(2021, Decimal(1))]) is None
    assert actions_chart([(date(2021, 1, 1), Decimal(1)), (date(2021, 1, 1), Decimal(2))]) is None


def test_short_amounts() -> None:
    said = [
        format_short_money(Decimal(amount)) for amount in ("0", "45.4", "787500", "2287500", "-12000000", "3000000000")
    ]
    assert said == ["$0", "$45", "$788K", "$2.3M", "\N{MINUS SIGN}$12M", "$3B"]
    assert share(Decimal(-1), Decimal(5)) == 0
    assert share(Decimal(1), Decimal(4)) == 25
