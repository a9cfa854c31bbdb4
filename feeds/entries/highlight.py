"""Highlights the words that made a record match."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from feeds.entries.matches import published_matches
from feeds.text import ELLIPSIS, MAX_TEXT_LENGTH, clean, format_signed, one_line
from storage.models import StoredAction, StoredMatch, StoredRecord, StoredSignal

_FULL_TEXT_LENGTH = 400
_CHARACTERS_BEFORE, _CHARACTERS_AFTER = 120, 240

_FIELD_LABELS = {
    "recipient_name": "Recipient",
    "recipient_uei": "Recipient UEI",
    "recipient_parent_name": "Recipient parent",
    "recipient_parent_uei": "Recipient parent UEI",
    "title": "Title",
    "description": "Award description",
    "psc_text": "Product or service (PSC)",
    "naics_text": "Industry (NAICS)",
}
_KEY_PARTS = 6  # of an action's key: agency, parent agency, PIID, modification, parent PIID, transaction
_TEXTS = ("title", "description", "action_description")

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of cleaned text, not escaped; `marked` if it matched."""

    text: str
    marked: bool


@dataclass(frozen=True, slots=True)
class Quote:
    """The matched words of one field, within the text around them. `where` is the field's label."""

    field: str
    pieces: tuple[Piece, ...]


def marked_pieces(text: str, signals: Iterable[StoredSignal]) -> tuple[Piece, ...]:
    """Return the text in pieces, with the signals' words marked. A very long text is cut, with a note."""
    cut = len(text) - MAX_TEXT_LENGTH
    shown = text[:MAX_TEXT_LENGTH]
    pieces = _cut(shown, _spans(shown, signals), 0, len(shown))
    if cut > 0:
        pieces = (*pieces, Piece(f"{ELLIPSIS} [shortened: {cut:,} more characters]", marked=False))
    return pieces


def quotes(match: StoredMatch, award: StoredRecord, actions: Mapping[str, StoredAction]) -> tuple[Quote, ...]:
    """Return the matched words, one quote per field.

    `actions` are those at hand, by key. If a field's text is missing or has changed, only the matched words are quoted.
    A quote is the source's own text, with an ellipsis where it is cut.
    """
    fields: dict[tuple[str, str], list[StoredSignal]] = {}
    for signal in match.signals:
        fields.setdefault((signal.field, signal.action_key), []).append(signal)
    found = (
        Quote(
            _where(field, action_key, actions), _excerpt(_field_text(award, actions, field, action_key), field, signals)
        )
        for (field, action_key), signals in fields.items()
    )
    return tuple(quote for quote in found if quote.pieces)


def signals_on(award: StoredRecord, field: str, action_key: str = "") -> list[StoredSignal]:
    """Return the signals in one field, from all published matches."""
    return [
        signal
        for match in published_matches(award)
        for signal in match.signals
        if signal.field == field and (not action_key or signal.action_key == action_key)
    ]


def action_label(key: str, actions: Mapping[str, StoredAction]) -> str:
    """Return which action a key stands for: "modification P00003, signed 2022-09-06". `actions` are those at hand."""
    action, parts = actions.get(key), key.split("_")
    modification = action.modification if action else parts[3] if len(parts) == _KEY_PARTS else ""
    number = one_line(modification)
    label = f"modification {number}" if number.strip("0") else "the base award" if number else "an action"
    return f"{label}, signed {format_signed(action.signed)}" if action and action.signed else label


def _where(field: str, action_key: str, actions: Mapping[str, StoredAction]) -> str:
    if field == "action_description":
        return f"Description of {action_label(action_key, actions)}"
    return _FIELD_LABELS.get(field, field.replace("_", " ").capitalize())


def _field_text(award: StoredRecord, actions: Mapping[str, StoredAction], field: str, action_key: str) -> str:
    if field == "action_description":
        return actions[action_key].description if action_key in actions else ""
    text = getattr(award, field, "") if field in _FIELD_LABELS else ""
    return text if isinstance(text, str) else ""


def _excerpt(text: str, field: str, signals: Sequence[StoredSignal]) -> tuple[Piece, ...]:
    spans = _spans(text, signals)
    if not spans:
        return _matched_words(field, signals)
    if len(text) <= _FULL_TEXT_LENGTH:
        return _cut(text, spans, 0, len(text))
    start = max(0, spans[0][0] - _CHARACTERS_BEFORE)
    end = min(len(text), min(spans[0][1], spans[0][0] + _FULL_TEXT_LENGTH) + _CHARACTERS_AFTER)
    head = (Piece(ELLIPSIS, marked=False),) if start else ()
    tail = (Piece(ELLIPSIS, marked=False),) if end < len(text) else ()
    return (*head, *_cut(text, spans, start, end), *tail)


def _matched_words(field: str, signals: Sequence[StoredSignal]) -> tuple[Piece, ...]:
    """Return the matched words of a text that is not at hand, in its order, with an ellipsis for what is left out."""
    merged: list[tuple[int, str]] = []
    for start, words in sorted({(signal.start, signal.text) for signal in signals if signal.text}):
        before, read = merged[-1] if merged else (0, "")
        if merged and start <= before + len(read):
            merged[-1] = before, read + words[before + len(read) - start :]
        else:
            merged.append((start, words))
    is_part = field in _TEXTS
    pieces = [Piece(ELLIPSIS, marked=False)] if is_part and merged and merged[0][0] > 0 else []
    for number, (_, words) in enumerate(merged):
        pieces += [Piece(f" {ELLIPSIS} ", marked=False)] if number else []
        pieces.append(Piece(clean(words), marked=True))
    return (*pieces, Piece(ELLIPSIS, marked=False)) if is_part and merged else tuple(pieces)


def _spans(text: str, signals: Iterable[StoredSignal]) -> list[Span]:
    """Return the spans of the signals in order, with overlapping ones merged."""
    merged: list[Span] = []
    for start, end in sorted(filter(None, (_span(text, signal) for signal in signals))):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _span(text: str, signal: StoredSignal) -> Span | None:
    # The text may have changed since the match: use a span only if the words are still there.
    words, start, end = signal.text, signal.start, signal.end
    if 0 <= start < end <= len(text) and (not words or text[start:end].casefold() == words.casefold()):
        return start, end
    found = re.search(re.escape(words), text, re.IGNORECASE) if words else None
    return found.span() if found else None


def _cut(text: str, spans: Iterable[Span], start: int, end: int) -> tuple[Piece, ...]:
    """Return text[start:end] in pieces. Cleaning comes last, because spans count the source's characters."""
    pieces, at = [], start
    for span_start, span_end in spans:
        left, right = max(span_start, at), min(span_end, end)
        if left < right:
            pieces += [Piece(clean(text[at:left]), marked=False), Piece(clean(text[left:right]), marked=True)]
            at = right
    pieces.append(Piece(clean(text[at:end]), marked=False))
    return tuple(piece for piece in pieces if piece.text)
