"""The cache of responses: bounded, built once, and honest when building fails."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from procurewatch.web.cache import ResponseCache
from procurewatch.web.responses import Body, body_of

THEN = datetime(2026, 1, 1, tzinfo=UTC)


def test_the_least_recently_used_entry_is_dropped_first() -> None:
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


def test_too_large_an_entry_is_not_cached() -> None:
    cache = ResponseCache(max_bytes=10)
    assert cache.get("a", "1", lambda: body_of(b"x" * 100, THEN)).content == b"x" * 100
    assert cache.get("a", "1", lambda: body_of(b"y" * 100, THEN)).content == b"y" * 100


def test_an_unchanged_document_keeps_its_date() -> None:
    cache, later = ResponseCache(), THEN + timedelta(days=1)
    cache.get("a", "1", lambda: body_of(b"same", THEN))
    assert cache.get("a", "2", lambda: body_of(b"same", later)).modified == THEN
    assert cache.get("a", "3", lambda: body_of(b"other", later)).modified == later


def test_concurrent_requests_build_once_and_share_failures() -> None:
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
