"""Which words made a record match: the fields they stand in, cut into marked and unmarked pieces."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from feeds.entries.matches import published_matches
from feeds.text import ELLIPSIS, MAX_TEXT_LENGTH, clean
from storage.models import StoredMatch, StoredRecord, StoredSignal

_WHOLE_UP_TO = 400
_BEFORE, _AFTER = 120, 240

_FIELD_WORDS = {
    "recipient_name": "Recipient",
    "recipient_uei": "Recipient's UEI",
    "recipient_parent_name": "Recipient's parent",
    "recipient_parent_uei": "Parent's UEI",
    "description": "Award description",
    "action_description": "Action description",
}

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of cleaned (not yet escaped) text; `marked` when it is what matched."""

    text: str
    marked: bool


@dataclass(frozen=True, slots=True)
class Quote:
    """The words of one field that made an award match: where they stand, and the field around them."""

    where: str
    pieces: tuple[Piece, ...]


def marked_pieces(text: str, signals: Iterable[StoredSignal]) -> tuple[Piece, ...]:
    """Return the text in pieces, what the signals point at marked. A text too long to show is cut, and says so."""
    cut = len(text) - MAX_TEXT_LENGTH
    shown = text[:MAX_TEXT_LENGTH]
    pieces = _cut(shown, _spans(shown, signals), 0, len(shown))
    if cut > 0:
        pieces = (*pieces, Piece(f"{ELLIPSIS} [cut here: {cut:,} more characters]", marked=False))
    return pieces


def quotes(match: StoredMatch, award: StoredRecord, action_texts: Mapping[str, str]) -> tuple[Quote, ...]:
    """Return what made a match, field by field.

    `action_texts` holds the descriptions of the actions at hand by action key. Of a field that is not at hand, and
    where the stored words are no longer found in it, the words alone are quoted.
    """
    fields: dict[tuple[str, str], list[StoredSignal]] = {}
    for signal in match.signals:
        fields.setdefault((signal.field, signal.action_key), []).append(signal)
    return tuple(
        Quote(_where(field), _excerpt(_field_text(award, action_texts, field, action_key), signals))
        for (field, action_key), signals in fields.items()
    )


def signals_on(award: StoredRecord, field: str, action_key: str = "") -> list[StoredSignal]:
    """Return the signals of all told matches that point into one field."""
    return [
        signal
        for match in published_matches(award)
        for signal in match.signals
        if signal.field == field and (not action_key or signal.action_key == action_key)
    ]


def _where(field: str) -> str:
    return _FIELD_WORDS.get(field, field.replace("_", " ").capitalize())


def _field_text(award: StoredRecord, action_texts: Mapping[str, str], field: str, action_key: str) -> str:
    if field == "action_description":
        return action_texts.get(action_key, "")
    text = getattr(award, field, "") if field in _FIELD_WORDS else ""
    return text if isinstance(text, str) else ""


def _excerpt(text: str, signals: Sequence[StoredSignal]) -> tuple[Piece, ...]:
    spans = _spans(text, signals)
    if not spans:
        words = dict.fromkeys(clean(signal.text or signal.term) for signal in signals)
        return (Piece(", ".join(filter(None, words)), marked=True),)
    if len(text) <= _WHOLE_UP_TO:
        return _cut(text, spans, 0, len(text))
    start = max(0, spans[0][0] - _BEFORE)
    end = min(len(text), min(spans[0][1], spans[0][0] + _WHOLE_UP_TO) + _AFTER)
    head = (Piece(ELLIPSIS, marked=False),) if start else ()
    tail = (Piece(ELLIPSIS, marked=False),) if end < len(text) else ()
    return (*head, *_cut(text, spans, start, end), *tail)


def _spans(text: str, signals: Iterable[StoredSignal]) -> list[Span]:
    """Return where the signals point, in order, overlaps merged."""
    merged: list[Span] = []
    for start, end in sorted(filter(None, (_span(text, signal) for signal in signals))):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _span(text: str, signal: StoredSignal) -> Span | None:
    # The text may have changed since it matched: a span counts only if the words are still there.
    words, start, end = signal.text, signal.start, signal.end
    if 0 <= start < end <= len(text) and (not words or text[start:end].casefold() == words.casefold()):
        return start, end
    found = re.search(re.escape(words), text, re.IGNORECASE) if words else None
    return found.span() if found else None


def _cut(text: str, spans: Iterable[Span], start: int, end: int) -> tuple[Piece, ...]:
    """Return text[start:end] in pieces. Cleaning comes after cutting, since spans count the source's characters."""
    pieces, at = [], start
    for span_start, span_end in spans:
        left, right = max(span_start, at), min(span_end, end)
        if left < right:
            pieces += [Piece(clean(text[at:left]), marked=False), Piece(clean(text[left:right]), marked=True)]
            at = right
    pieces.append(Piece(clean(text[at:end]), marked=False))
    return tuple(piece for piece in pieces if piece.text)
