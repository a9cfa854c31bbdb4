"""Matching many records at once, with the same matches as one by one.

Every distinct name and text of the records goes through a sieve first, once; only records that hold something which
passes, or an identifier, are read by the matcher. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import TypeVar

from monitors.blocks import blocks
from monitors.matcher import Match, Matcher
from monitors.namesieve import NameSieve
from monitors.phrases import PhraseFinding
from monitors.signals import NameFinding
from monitors.subject import Subject, subject_of
from monitors.textsieve import TextSieve
from sources.records import Award, Publication

AnyRecord = TypeVar("AnyRecord", bound=Award | Publication)
AT_ONCE = 5_000  # records whose names and texts are looked at together


class BulkMatcher:
    """Matches records like the matcher it is given. `arrays`: whether to use NumPy; by default, if it is installed."""

    def __init__(self, matcher: Matcher, *, arrays: bool | None = None) -> None:
        self._matcher = matcher
        self._indexes = matcher.indexes
        self._arrays = arrays

    @cached_property
    def _names(self) -> NameSieve:
        return NameSieve(self._indexes.names, arrays=self._arrays)

    @cached_property
    def _texts(self) -> TextSieve:
        return TextSieve(self._indexes.phrases, self._indexes.slips, arrays=self._arrays)

    def matches(self, records: Iterable[AnyRecord]) -> Iterator[tuple[AnyRecord, tuple[Match, ...]]]:
        """Yield each record with what `Matcher.matches` says of it, in order."""
        for block in blocks(records, AT_ONCE):
            subjects = [subject_of(record) for record in block]
            names = dict.fromkeys(name for subject in subjects for name in _names_of(subject) if name)
            texts = dict.fromkeys(text for subject in subjects for text in _texts_of(subject) if text)
            telling_names = set(self._names.sift(names))
            telling_texts = set(self._texts.sift(texts))
            for record, subject in zip(block, subjects, strict=True):
                told = (
                    not telling_names.isdisjoint(_names_of(subject))
                    or not telling_texts.isdisjoint(_texts_of(subject))
                    or self._matcher.identifies(subject.recipient)
                )
                yield record, self._matcher.matches(record) if told else ()

    def names(self, values: Iterable[str]) -> dict[str, tuple[NameFinding, ...]]:
        """Return what `NameIndex.find` finds in each distinct value, without the values it finds nothing in."""
        find = self._indexes.names.find
        return {raw: found for raw in self._names.sift(values) if (found := find(raw))}

    def texts(self, values: Iterable[str]) -> dict[str, tuple[PhraseFinding, ...]]:
        """Return the phrases, as written and misspelt, in each distinct value, without the values that hold none."""
        find, slips = self._indexes.phrases.find, self._indexes.slips.find
        return {raw: found for raw in self._texts.sift(values) if (found := (*find(raw), *slips(raw)))}


def _names_of(subject: Subject) -> tuple[str, str]:
    return subject.recipient.name, subject.recipient.parent_name


def _texts_of(subject: Subject) -> list[str]:
    return [text for _, text, _ in subject.texts]
