"""A source with assumptions, and a server whose answers can break each of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any
from unittest.mock import patch

from procurewatch.doctor import Finding, Result, examine
from procurewatch.settings import Settings
from sources.base import Assumption, DailyQuota, ExpectedRows, Fetched, FetchStep, Source
from sources.fields import read_json
from sources.http.client import Client, RateLimit
from sources.records import Record
from sources.registry import SOURCES
from tests.upstreams.server import Answer, FakeServer, LoggedRequest, json_answer

NAMES = ("unquoted", "paging", "empty")
KEY = "open-sesame"


def _assumption(name: str) -> Assumption:
    def probe(client: Client) -> bool:
        return bool(read_json(client.get(f"/{name}"), client.source)["holds"])

    return Assumption(
        name=name,
        says=f"The city answers {name} requests",
        otherwise=f"It is asked without {name} requests.",
        basis="a test",
        probe=probe,
    )


class City(Source):
    """A source with a control query and assumptions of its own."""

    name = "city"
    title = "City of Example"
    base_url = "https://city.example"
    rate_limit = RateLimit(seconds_between=0)
    expected_rows = ExpectedRows(at_least=0, at_most=10)
    assumptions: Sequence[Assumption] = tuple(map(_assumption, NAMES))

    def health_check(self, client: Client) -> bool:
        """Whether the control query finds something."""
        return bool(read_json(client.get("/control"), client.source)["found"])

    def poll_steps(self, *_: Any) -> list[FetchStep]:
        """Plan nothing; nor do the others, which no doctor asks."""
        return []

    def backfill_steps(self, *_: Any) -> list[FetchStep]:
        return []

    def fetch(self, *_: Any) -> Iterator[Fetched]:
        return iter(())

    def parse(self, *_: Any) -> list[Record]:
        return []


class Suburb(City):
    """Another source at the same server."""

    name = "suburb"
    title = "Suburb"


class KeyedCity(City):
    """The same, with a key and few requests a day."""

    name = "keyed"
    title = "Keyed city"
    api_key_header: str | None = "X-Api-Key"
    quota: DailyQuota | None = DailyQuota(name="city", requests_per_day=10)


class CityServer(FakeServer):
    """Answers the control query and the probes; `answers` holds what is answered otherwise, by path.

    `date` is its `Date`, "" if it gives none.
    """

    def __init__(self, answers: Mapping[str, Answer] | None = None, *, date: str = "") -> None:
        self.answers = dict(answers or {})
        self.date = date
        super().__init__()

    def answer(self, request: LoggedRequest) -> Answer:
        """Return the answer to a request; the place itself answers 403, as some do."""
        if request.path in self.answers:
            return self.answers[request.path]
        if request.path == "/":
            return Answer(status=HTTPStatus.FORBIDDEN, headers={"Date": self.date} if self.date else {})
        return json_answer({"found": True, "holds": True})

    @property
    def asked(self) -> list[str]:
        """The paths that were asked for, without that of the place itself."""
        return [request.path for request in self.requests if request.path != "/"]


WRONG = json_answer({"found": False, "holds": False})


@contextmanager
def cities(*sources: Source) -> Iterator[None]:
    """Put sources in the place of all others."""
    with patch.dict(SOURCES, {source.name: source for source in sources}, clear=True):
        yield


def settings_at(folder: Path, base_url: str, *names: str, **given: object) -> Settings:
    """Return settings under which sources are asked at an address, with a key."""
    own = {"base_url": base_url, "key": KEY, "tries": 1}
    return Settings.model_validate({"data_dir": folder, "sources": dict.fromkeys(names or ("city",), own), **given})


def looked_at(folder: Path, source: Source, *, server: CityServer | None = None, **how: object) -> list[Finding]:
    """Return what is found about one source, that is asked at a server of its own if none is given."""
    with ExitStack() as stack:
        stack.enter_context(cities(source))
        upstream = server or stack.enter_context(CityServer())
        found = list(examine(settings_at(folder, upstream.base_url, source.name), **how))  # type: ignore[arg-type]
    return [finding for finding in found if finding.sources == (source.name,)]


def results(findings: Sequence[Finding]) -> dict[str, Result]:
    """Return what each check came to; the last, if there are several of a name."""
    return {finding.check: finding.result for finding in findings}
