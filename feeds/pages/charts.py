"""Layout of small SVG charts of dollars: x in per cent of the width, y in pixels, so that text keeps its size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import accumulate, pairwise

from feeds.text import format_money, format_short_money
from storage.possible_days import is_possible

HEIGHT = 190.0
TOP, BOTTOM = 24.0, 26.0  # room for the labels above and below
MARGIN = 2.0  # per cent on either side
MIN_POINTS = 2
MAX_LABELS = 9


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar from the zero line, downward if negative. `x` is its middle, `about` its description."""

    x: float
    y: float
    height: float
    is_below: bool
    about: str


@dataclass(frozen=True, slots=True)
class Line:
    """A straight line."""

    x1: float
    y1: float
    x2: float
    y2: float


@dataclass(frozen=True, slots=True)
class ChartLabel:
    """A label: an "amount" beside a bar, or a "tick" below the chart. `anchor` is SVG's text-anchor."""

    x: float
    y: float
    text: str
    kind: str
    anchor: str = "middle"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A chart. `summary` describes it in one sentence; `width` is that of a bar, in per cent."""

    summary: str
    bars: tuple[Bar, ...]
    labels: tuple[ChartLabel, ...]
    zero: float
    lines: tuple[Line, ...] = ()
    width: float = 0.0
    height: float = HEIGHT


def is_possible_year(code: str) -> bool:
    """Return whether a fiscal year can be in a chart: sources state days that cannot be true."""
    return len(code) == 4 and code.isdigit() and is_possible(date(int(code) or 1, 1, 1))


def years_chart(amounts: Sequence[tuple[int, Decimal]], height: float = HEIGHT) -> Chart | None:
    """Return a bar chart of dollars by fiscal year, including years without money; `None` for a single year."""
    if len(amounts) < MIN_POINTS:
        return None
    known = dict(amounts)
    years = range(min(known), max(known) + 1)
    scale = _Scale(list(known.values()), height)
    step = (100 - 2 * MARGIN) / len(years)
    tick_step = -(-len(years) // MAX_LABELS)
    middles = {year: MARGIN + step * (position + 0.5) for position, year in enumerate(years)}
    with_money = [year for year in years if known.get(year)]
    bars = [scale.bar(middles[year], known[year], f"fiscal year {year}") for year in with_money]
    labels = [scale.label(middles[year], known[year]) for year in with_money] if tick_step == 1 else []
    ticks = [ChartLabel(middles[year], height - 4, str(year), "tick") for year in years[::tick_step]]
    most = max(known, key=lambda year: known[year])
    span = f"{years[0]} to {years[-1]}"
    return Chart(
        summary=f"Dollars obligated by fiscal year, {span}; most in {most}: {format_money(known[most])}.",
        bars=tuple(bars),
        labels=(*labels, *ticks),
        zero=scale.zero,
        width=step * 0.62,
        height=height,
    )


def actions_chart(amounts: Sequence[tuple[date, Decimal]]) -> Chart | None:
    """Return a chart of an award's obligations and their running total; `None` if all have the same date.

    `amounts` are (date signed, dollars), in any order.
    """
    ordered = sorted(amounts)
    if len(ordered) < MIN_POINTS or ordered[0][0] == ordered[-1][0]:
        return None
    sums = list(accumulate(dollars for _, dollars in ordered))
    scale = _Scale([*sums, *(dollars for _, dollars in ordered)], HEIGHT)
    first, last = ordered[0][0], ordered[-1][0]
    days = (last - first).days
    places = [MARGIN + (100 - 2 * MARGIN) * (day - first).days / days for day, _ in ordered]
    bars = [scale.bar(x, dollars, f"signed {day}") for x, (day, dollars) in zip(places, ordered, strict=True)]
    lines: list[Line] = []
    for (x1, one), (x2, other) in pairwise(zip(places, sums, strict=True)):
        lines += [Line(x1, scale.y(one), x2, scale.y(one)), Line(x2, scale.y(one), x2, scale.y(other))]
    return Chart(
        summary=f"Dollars obligated by {len(ordered)} actions, {first} to {last}; total {format_money(sums[-1])}.",
        bars=tuple(bars),
        labels=(
            ChartLabel(100, scale.y(sums[-1]) - 8, f"{format_short_money(sums[-1])} total", "amount", "end"),
            ChartLabel(0, HEIGHT - 4, first.isoformat(), "tick", "start"),
            ChartLabel(100, HEIGHT - 4, last.isoformat(), "tick", "end"),
        ),
        zero=scale.zero,
        lines=tuple(line for line in lines if (line.x1, line.y1) != (line.x2, line.y2)),
    )


def share(part: Decimal, largest: Decimal) -> float:
    """Return the length of a bar in a table, in per cent of the longest."""
    return round(float(max(part, Decimal(0)) / largest * 100), 2) if largest > 0 else 0.0


class _Scale:
    """Converts dollars to pixels so that all amounts and zero fit the chart."""

    def __init__(self, amounts: Sequence[Decimal], height: float) -> None:
        self._height = height
        self._most = max(*amounts, Decimal(0)) if amounts else Decimal(0)
        self._span = float(self._most - min(*amounts, Decimal(0))) or 1.0
        self.zero = self.y(Decimal(0))

    def y(self, dollars: Decimal) -> float:
        return round(TOP + float(self._most - dollars) / self._span * (self._height - TOP - BOTTOM), 2)

    def bar(self, x: float, dollars: Decimal, when: str) -> Bar:
        end = self.y(dollars)
        return Bar(
            x=round(x, 2),
            y=min(end, self.zero),
            height=round(max(abs(end - self.zero), 1.0), 2),
            is_below=dollars < 0,
            about=f"{format_money(dollars)}, {when}",
        )

    def label(self, x: float, dollars: Decimal) -> ChartLabel:
        beside = 15 if dollars < 0 else -7
        return ChartLabel(x, self.y(dollars) + beside, format_short_money(dollars), "amount")
