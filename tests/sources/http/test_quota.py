"""A key that may make only so many requests a day: each try is counted before it is sent, and none is wasted."""

from __future__ import annotations

import pytest

from sources.errors import QuotaUsedUp, Unreachable
from sources.http.client import Client, Timeouts
from tests.sources.clients import client_at
from tests.sources.fakes import MIDNIGHT, CountingQuota
from tests.sources.scripted_server import How, Script, ScriptedServer

TIMEOUTS = Timeouts(connect=5, read=5, total=5, tries=4, first_wait=0.001)
GOOD = Script()


def with_quota(server: ScriptedServer, quota: CountingQuota | None) -> Client:
    return client_at(server.base_url, timeouts=TIMEOUTS, quota=quota)


def test_without_a_quota_nothing_is_counted() -> None:
    with ScriptedServer() as server, with_quota(server, None) as client:
        client.get("/x/")
        assert client.requests_remaining is None


@pytest.mark.parametrize("bad", [Script(status=503, body=b""), Script(how=How.RESET), Script(body=b"")])
def test_every_attempt_is_counted_before_it_is_sent(bad: Script) -> None:
    quota = CountingQuota(10)
    with ScriptedServer(bad, bad, GOOD) as server, with_quota(server, quota) as client:
        assert client.get("/x/").body == GOOD.body
        assert (len(server.requests), client.requests_remaining) == (3, 7)
    assert quota.spent == ["GET /x/"] * 3


def test_a_request_over_the_quota_is_not_sent() -> None:
    with ScriptedServer() as server, with_quota(server, CountingQuota(1)) as client:
        client.get("/x/")
        with pytest.raises(QuotaUsedUp) as caught:
            client.post("/y/", {})
        assert (len(server.requests), client.requests_sent) == (1, 1)
    assert caught.value.retry_at == MIDNIGHT
    assert str(caught.value).startswith("example: POST /y/: all requests of today are used")


def test_retries_stop_at_the_quota() -> None:
    with ScriptedServer(Script(status=503, body=b"")) as server, with_quota(server, CountingQuota(2)) as client:
        with pytest.raises(QuotaUsedUp):
            client.get("/x/")
        assert len(server.requests) == 2


@pytest.mark.parametrize("headers", [{}, {"Retry-After": "0"}, {"Retry-After": "99999"}, {"Retry-After": "soon"}])
def test_a_429_is_not_retried_and_closes_the_quota(headers: dict[str, str]) -> None:
    throttled = Script(status=429, headers=headers, body=b'{"code":"900804"}')
    with ScriptedServer(throttled, GOOD) as server, with_quota(server, CountingQuota(10)) as client:
        with pytest.raises(QuotaUsedUp, match="900804") as caught:
            client.get("/x/")
        assert (len(server.requests), client.requests_remaining) == (1, 0)
        with pytest.raises(QuotaUsedUp):
            client.get("/x/")
        assert len(server.requests) == 1
    assert (caught.value.status, caught.value.retry_at) == (429, MIDNIGHT)


def test_a_failing_source_does_not_use_up_the_daily_quota() -> None:
    with ScriptedServer(Script(status=501)) as server, with_quota(server, CountingQuota(10)) as client:
        with pytest.raises(Unreachable):
            client.get("/x/")
        assert client.requests_remaining == 9
