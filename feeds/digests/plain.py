"""Digests as plain text, in lines of at most 76 characters."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from feeds.digests.contents import DigestContents
from feeds.digests.items import DigestItem, OverviewRow
from feeds.text import clean, format_money, pluralize

WIDTH = 76


def plain_text(contents: DigestContents) -> str:
    """Return a digest as plain text; it ends with a line break."""
    return clean("\n".join(_lines(contents))) + "\n"


def _lines(contents: DigestContents) -> Iterator[str]:
    yield contents.heading
    yield from _wrapped(contents.lead)
    if contents.overview:
        yield from _heading("By vendor and agency")
        for row in contents.overview:
            yield from _wrapped(_row(row), "- ")
        if contents.more_rows:
            yield f"- {contents.more_rows} more"
    for section in contents.sections:
        yield from _heading(section.vendor)
        for item in section.items:
            yield from _item(item)
    if contents.corrections:
        yield from _heading("Corrections and withdrawals")
        for item in contents.corrections:
            yield from _item(item)
    yield from _ending(contents)


def _ending(contents: DigestContents) -> Iterator[str]:
    frame = contents.frame
    if contents.left_out:
        yield from ("", *_wrapped(f"{pluralize(contents.left_out, 'more entry', 'more entries')} not shown here."))
        if frame.whole_url:
            yield f"All of them: {frame.whole_url}"
    yield from _heading("What could not be checked")
    for line in contents.unchecked:
        yield from _wrapped(line, "- ")
    yield ""
    yield "-" * 40
    yield from _wrapped(f"You get this because of the alert “{frame.title}”, sent {frame.how_often}.")
    if frame.manage_url:
        yield "Unsubscribe, pause or change how often it comes:"
        yield frame.manage_url
    elif frame.how_to_stop:
        yield from _wrapped(frame.how_to_stop)


def _item(item: DigestItem) -> Iterator[str]:
    yield from _wrapped(item.title, "* ")
    text = "".join(piece.text for piece in item.description).strip()
    if text:
        yield from _wrapped(f"“{text}”", "  ", "  ")
    for detail in item.details:
        yield from _wrapped(f"{detail.label}: {detail.value}", "  ", "    ")
    for reason in item.reasons:
        yield from _wrapped(f"Why: {reason}", "  ", "    ")
    yield from _wrapped(item.dates, "  ", "    ")
    yield f"  {item.link}"
    if item.official_url != item.link:
        yield f"  Source: {item.official_url}"
    yield ""


def _row(row: OverviewRow) -> str:
    obligated = "" if row.obligated is None else f", {format_money(row.obligated)} obligated"
    return f"{row.vendor}, {row.agency}: {pluralize(row.entries, 'entry', 'entries')}{obligated}"


def _heading(text: str) -> Iterator[str]:
    yield ""
    yield from _wrapped(text.upper())
    yield "=" * min(len(text), WIDTH)


def _wrapped(text: str, first: str = "", then: str = "  ") -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=first,
        subsequent_indent=then if first else "",
        break_long_words=False,
        break_on_hyphens=False,
    )
