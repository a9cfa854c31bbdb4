"""The cache of feeds: bounded, built once, and honest when building fails."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from procurewatch.web.cache.feed_cache import FeedCache, Served, served

THEN = datetime(2026, 1, 1, tzinfo=UTC)


def test_it_never_keeps_more_bytes_than_it_may_and_drops_the_least_used_first() -> None:
    cache = FeedCache(most_bytes=250)
    built: list[str] = []

    def document(key: str) -> Served:
        def build() -> Served:
            built.append(key)
            return served(b"x" * 100, THEN)

        return cache.document(key, "1", build)

    for key in ("a", "b", "a", "c", "a", "b"):
        document(key)
    assert built == ["a", "b", "c", "b"]
    assert cache.known("b", "1") is not None  # a client that has it is told so, though its bytes are gone
    assert cache.known("b", "2") is None


def test_what_is_larger_than_all_room_is_served_and_not_kept() -> None:
    cache = FeedCache(most_bytes=10)
    assert cache.document("a", "1", lambda: served(b"x" * 100, THEN)).content == b"x" * 100
    assert cache.document("a", "1", lambda: served(b"y" * 100, THEN)).content == b"y" * 100


def test_a_document_that_a_change_left_alone_keeps_its_date() -> None:
    cache, later = FeedCache(), THEN + timedelta(days=1)
    cache.document("a", "1", lambda: served(b"same", THEN))
    assert cache.document("a", "2", lambda: served(b"same", later)).modified == THEN
    assert cache.document("a", "3", lambda: served(b"other", later)).modified == later


def test_one_builds_while_all_wait_and_a_failure_reaches_all_and_is_not_kept() -> None:
    cache, begun, go = FeedCache(), threading.Event(), threading.Event()
    calls: list[int] = []

    def fail() -> Served:
        calls.append(1)
        begun.set()
        go.wait(10)
        raise ValueError("no")

    def ask() -> str:
        with pytest.raises(ValueError, match="no"):
            cache.document("a", "1", fail)
        return "raised"

    with ThreadPoolExecutor(4) as readers:
        first = readers.submit(ask)
        assert begun.wait(10)
        others = [readers.submit(ask) for _ in range(3)]
        go.set()
        assert [task.result(10) for task in (first, *others)] == ["raised"] * 4
    assert cache.document("a", "1", lambda: served(b"x", THEN)).content == b"x"
