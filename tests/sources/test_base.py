"""Every source follows the contract, so that the run, the commands and the documentation can rely on it."""

from __future__ import annotations

import ast
import inspect
import re
from datetime import date
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from sources.base import DateWindow, FetchStep, SearchTerms, Source
from sources.http.client import Client, Timeouts
from sources.records import MatchedAward
from sources.registry import SOURCES
from tests.upstreams.every_source import FAKE_UPSTREAMS, FakeUpstream

ROOT = Path(__file__).parents[2]
TERMS = SearchTerms(
    names=tuple(f"VENDOR {n}" for n in range(230)),
    ueis=tuple(f"UEI{n:09}" for n in range(230)),
    phrases=tuple(f"PRODUCT {n}" for n in range(230)),
    stored={
        "contract": tuple(MatchedAward(f"CONT_AWD_{n}", f"C{n:08}") for n in range(600)),
        "idv": (MatchedAward("CONT_IDV_I1", "IDV00001"),),
    },
)
DAY = date(2024, 5, 6)
WINDOWS = [
    DateWindow(until=DAY, signed_since=DAY, modified_since=DAY),
    DateWindow(until=DAY, signed_since=date(2024, 1, 1), modified_since=date(2024, 4, 22)),
    DateWindow(until=DAY, signed_since=date(2024, 1, 1), modified_since=DAY, acted_since=date(2023, 1, 1)),
    DateWindow(until=DAY, signed_since=date(1999, 1, 1), modified_since=DAY, acted_since=date(1999, 1, 1)),
]

each_source = pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES.keys())


@each_source
def test_a_source_declares_its_name_and_limits(source: Source) -> None:
    assert SOURCES[source.name] is source
    assert re.fullmatch(r"[a-z][a-z0-9]*", source.name)
    assert source.title
    assert source.title == source.title.strip()
    address = urlsplit(source.base_url)
    assert (address.scheme, address.query, address.fragment, source.base_url[-1] != "/") == ("https", "", "", True)
    assert address.hostname
    assert source.rate_limit.seconds_between >= 0.1
    assert 1 <= source.rate_limit.at_once <= 2
    assert 0 <= source.expected_rows.at_least < source.expected_rows.at_most


@each_source
def test_a_source_module_documents_its_upstream(source: Source) -> None:
    module = inspect.getmodule(type(source))
    told = inspect.getdoc(module) or ""
    for heading in ("Upstream:", "Access:", "Limits:", "Lag:", "Corrections:", "Caveats:"):
        assert re.search(rf"(?<!\w){heading}\s+\w", told), f"{source.name} does not say {heading}"


@pytest.mark.parametrize("fake", FAKE_UPSTREAMS, ids=str)
def test_the_health_check_succeeds(fake: FakeUpstream) -> None:
    source = SOURCES[fake.source]
    with fake.open() as server:
        timeouts = Timeouts(tries=1, read=10)
        keys = {source.api_key_header: fake.key} if source.api_key_header else {}
        with Client(
            source.name, base_url=server.base_url, rate_limit=source.rate_limit, timeouts=timeouts, key_headers=keys
        ) as client:
            assert source.health_check(client) is True
        assert len(server.requests) == 1


def plans(source: Source) -> list[list[FetchStep]]:
    """The steps of several polls and backfills."""
    polls = [list(source.poll_steps(TERMS, window)) for window in WINDOWS]
    spans = [(DAY, DAY), (date(2008, 1, 1), DAY), (date(1990, 1, 1), DAY), (date(2023, 10, 1), date(2024, 9, 30))]
    return polls + [list(source.backfill_steps(TERMS, since, until)) for since, until in spans]


@each_source
def test_step_keys_are_unique_stable_and_valid(source: Source) -> None:
    again = type(source)()
    for steps, repeated in zip(plans(source), plans(again), strict=True):
        keys = [step.key for step in steps]
        assert steps
        assert len(keys) == len(set(keys))
        assert steps == repeated
        assert all(re.fullmatch(r"[a-z0-9_/-]{1,100}", key) for key in keys)
        assert all(step.since <= step.until for step in steps if step.since and step.until)


@each_source
def test_no_search_terms_give_no_steps(source: Source) -> None:
    assert [list(source.poll_steps(SearchTerms(), window)) for window in WINDOWS] == [[], [], [], []]
    assert list(source.backfill_steps(SearchTerms(), date(2008, 1, 1), DAY)) == []
    assert list(source.backfill_steps(TERMS, DAY, date(2024, 5, 5))) == []


def imported_by(path: Path) -> set[str]:
    """The top names of everything a module imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.add(str(node.module).partition(".")[0])
    return names


def test_only_the_http_client_uses_the_network() -> None:
    packages = ("sources", "monitors", "storage", "feeds", "procurewatch")
    modules = [path for package in packages for path in (ROOT / package).rglob("*.py")]
    imports = {path.relative_to(ROOT).as_posix(): imported_by(path) for path in modules}
    importers = {
        name: [path for path, imported in imports.items() if name in imported]
        for name in ("httpx", "httpcore", "requests", "aiohttp", "urllib3", "tests")
    }
    assert importers == {
        "httpx": ["sources/http/client.py", "sources/http/environment.py", "sources/http/post.py"],
        "httpcore": ["sources/http/deadline.py"],  # the deadline of a connection
        "requests": [],
        "aiohttp": [],
        "urllib3": [],
        "tests": [],
    }


def test_adapters_do_not_import_each_other() -> None:
    adapters = {type(source).__module__ for source in SOURCES.values()}
    for adapter in adapters:
        path = ROOT / f"{adapter.replace('.', '/')}.py"
        nodes = [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.ImportFrom)]
        assert not {str(node.module) for node in nodes} & (adapters - {adapter}), path
