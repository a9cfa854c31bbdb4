"""The cache of responses: bounded, built once, and honest when building fails."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from procurewatch.web.cache import ResponseCache
from procurewatch.web.responses import Body, body_of

THEN = datetime(2026, 1, 1, tzinfo=UTC)


def test_it_never_keeps_more_bytes_than_it_may_and_drops_the_least_used_first() -> None:
    cache = ResponseCache(max_bytes=250)
    built: list[str] = []

    def document(key: str) -> Body:
        def build() -> Body:
            built.append(key)
            return body_of(b"x" * 100, THEN)

        return cache.get(key, "1", build)

    for key in ("a", "b", "a", "c", "a", "b"):
        document(key)
    assert built == ["a", "b", "c", "b"]


def test_what_is_larger_than_all_room_is_served_and_not_kept() -> None:
    cache = ResponseCache(max_bytes=10)
    assert cache.get("a", "1", lambda: body_of(b"x" * 100, THEN)).content == b"x" * 100
    assert cache.get("a", "1", lambda: body_of(b"y" * 100, THEN)).content == b"y" * 100


def test_a_document_that_a_change_left_alone_keeps_its_date() -> None:
    cache, later = ResponseCache(), THEN + timedelta(days=1)
    cache.get("a", "1", lambda: body_of(b"same", THEN))
    assert cache.get("a", "2", lambda: body_of(b"same", later)).modified == THEN
    assert cache.get("a", "3", lambda: body_of(b"other", later)).modified == later


def test_one_builds_while_all_wait_and_a_failure_reaches_all_and_is_not_kept() -> None:
    cache, begun, go = ResponseCache(), threading.Event(), threading.Event()
    calls: list[int] = []

    def fail() -> Body:
        calls.append(1)
        begun.set()
        go.wait(10)
        raise ValueError("no")

    def ask() -> str:
        with pytest.raises(ValueError, match="no"):
            cache.get("a", "1", fail)
        return "raised"

    with ThreadPoolExecutor(4) as readers:
        first = readers.submit(ask)
        assert begun.wait(10)
        others = [readers.submit(ask) for _ in range(3)]
        go.set()
        assert [task.result(10) for task in (first, *others)] == ["raised"] * 4
    assert cache.get("a", "1", lambda: body_of(b"x", THEN)).content == b"x"
