"""Small charts of money: where each mark goes. Across in per cent of the width, down in pixels, so that text keeps its
size on any screen; what is drawn is in a table beneath too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import accumulate, pairwise

from feeds.text import format_money, format_short_money

HEIGHT = 190.0
TOP, BOTTOM = 24.0, 26.0  # room for the labels above and below
MARGIN = 2.0  # per cent on either side, so that no mark is cut
FEWEST_ACTIONS = 2
MOST_LABELS = 9


@dataclass(frozen=True, slots=True)
class Bar:
    """A mark from the zero line up, or down if money was taken back. `x` is its middle; `about` says what it is."""

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
    """A label: an "amount" beside its mark, or a "tick" under the chart. `anchor` is SVG's text-anchor."""

    x: float
    y: float
    words: str
    kind: str
    anchor: str = "middle"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A chart, ready to draw. `summary` says in a sentence what it shows; `width` is that of a bar, in per cent."""

    summary: str
    bars: tuple[Bar, ...]
    texts: tuple[ChartLabel, ...]
    zero: float
    lines: tuple[Line, ...] = ()
    width: float = 0.0
    height: float = HEIGHT


def years_chart(amounts: Sequence[tuple[int, Decimal]]) -> Chart | None:
    """Return columns of dollars by fiscal year, those without money between them too; `None` for a single year."""
    if len(amounts) < FEWEST_ACTIONS:
        return None
    known = dict(amounts)
    years = range(min(known), max(known) + 1)
    scale = _Scale(list(known.values()))
    step = (100 - 2 * MARGIN) / len(years)
    every = -(-len(years) // MOST_LABELS)
    middles = {year: MARGIN + step * (position + 0.5) for position, year in enumerate(years)}
    with_money = [year for year in years if known.get(year)]
    bars = [scale.bar(middles[year], known[year], f"fiscal year {year}") for year in with_money]
    labels = [scale.label(middles[year], known[year]) for year in with_money] if every == 1 else []
    ticks = [ChartLabel(middles[year], HEIGHT - 4, str(year), "tick") for year in years[::every]]
    most = max(known, key=lambda year: known[year])
    span = f"{years[0]} to {years[-1]}"
    return Chart(
        summary=f"Dollars obligated by fiscal year, {span}; most in {most}: {format_money(known[most])}.",
        bars=tuple(bars),
        texts=(*labels, *ticks),
        zero=scale.zero,
        width=step * 0.62,
    )


def actions_chart(amounts: Sequence[tuple[date, Decimal]]) -> Chart | None:
    """Return an award's obligations over time, and a line of their sum; `None` if there is no course to show.

    `amounts` are (day signed, dollars) of every action that moves money, in any order.
    """
    ordered = sorted(amounts)
    if len(ordered) < FEWEST_ACTIONS or ordered[0][0] == ordered[-1][0]:
        return None
    sums = list(accumulate(dollars for _, dollars in ordered))
    scale = _Scale([*sums, *(dollars for _, dollars in ordered)])
    first, last = ordered[0][0], ordered[-1][0]
    days = (last - first).days
    places = [MARGIN + (100 - 2 * MARGIN) * (day - first).days / days for day, _ in ordered]
    bars = [scale.bar(x, dollars, f"signed {day}") for x, (day, dollars) in zip(places, ordered, strict=True)]
    lines: list[Line] = []
    for (x1, one), (x2, other) in pairwise(zip(places, sums, strict=True)):
        lines += [Line(x1, scale.y(one), x2, scale.y(one)), Line(x2, scale.y(one), x2, scale.y(other))]
    return Chart(
        summary=f"Dollars obligated by {len(ordered)} actions, {first} to {last}; together {format_money(sums[-1])}.",
        bars=tuple(bars),
        texts=(
            ChartLabel(100, scale.y(sums[-1]) - 8, f"{format_short_money(sums[-1])} in all", "amount", "end"),
            ChartLabel(0, HEIGHT - 4, first.isoformat(), "tick", "start"),
            ChartLabel(100, HEIGHT - 4, last.isoformat(), "tick", "end"),
        ),
        zero=scale.zero,
        lines=tuple(line for line in lines if (line.x1, line.y1) != (line.x2, line.y2)),
    )


def share(part: Decimal, largest: Decimal) -> float:
    """Return how long a bar in a table is, in per cent of the longest."""
    return round(float(max(part, Decimal(0)) / largest * 100), 2) if largest > 0 else 0.0


class _Scale:
    """From dollars to pixels: all amounts, and zero, within the chart."""

    def __init__(self, amounts: Sequence[Decimal]) -> None:
        self._most = max(*amounts, Decimal(0)) if amounts else Decimal(0)
        self._span = float(self._most - min(*amounts, Decimal(0))) or 1.0
        self.zero = self.y(Decimal(0))

    def y(self, dollars: Decimal) -> float:
        return round(TOP + float(self._most - dollars) / self._span * (HEIGHT - TOP - BOTTOM), 2)

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
