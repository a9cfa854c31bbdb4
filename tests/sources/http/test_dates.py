"""The time at a server: one request without a key, whatever it answers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from sources.errors import Unreachable
from tests.sources.clients import client_at
from tests.sources.fakes import CountingQuota
from tests.sources.scripted_server import How, Script, ScriptedServer, closed_port

NOON = "Sun, 06 Nov 1994 12:00:00 GMT"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Date": NOON}, datetime(1994, 11, 6, 12, tzinfo=UTC)),
        ({"Date": "Sun, 06 Nov 1994 12:00:00 -0000"}, datetime(1994, 11, 6, 12, tzinfo=UTC)),
        ({"Date": "Sun, 06 Nov 1994 12:00:00 +0200"}, datetime(1994, 11, 6, 10, tzinfo=UTC)),
        ({"Date": NOON, "Age": "90"}, datetime(1994, 11, 6, 12, 1, 30, tzinfo=UTC)),
        ({"Date": NOON, "Age": "soon"}, datetime(1994, 11, 6, 12, tzinfo=UTC)),
        ({"Date": NOON, "Age": "9" * 30}, None),
        ({"Date": "noon"}, None),
        ({}, None),
    ],
)
@pytest.mark.parametrize("status", [200, 301, 403, 503])
def test_the_date_of_any_response_is_used(headers: dict[str, str], expected: datetime | None, status: int) -> None:
    script = Script(status=status, headers={"Location": "/other", **headers}, body=b"")
    with ScriptedServer(script) as server, client_at(server.base_url) as asking:
        assert asking.server_date() == expected
    assert [request.path for request in server.requests] == ["/"]


def test_a_probe_uses_no_quota_and_sends_no_key() -> None:
    quota = CountingQuota(requests_per_day=1)
    with ScriptedServer() as server:
        given: dict[str, Any] = {
            "key_headers": {"X-Api-Key": "sesame"},
            "quota": quota,
            "extra_hosts": {"other": f"{server.base_url}/other"},
        }
        with client_at(server.base_url, **given) as asking:
            asking.server_date()
            asking.server_date("/there", host="other")
    assert [request.path for request in server.requests] == ["/", "/other/there"]
    assert ["x-api-key" in request.headers for request in server.requests] == [False, False]
    assert quota.remaining() == 1


def test_a_probe_without_response_fails_at_once() -> None:
    with (
        client_at(f"http://127.0.0.1:{closed_port()}") as asking,
        pytest.raises(Unreachable, match="ConnectError"),
    ):
        asking.server_date()
    with ScriptedServer(Script(how=How.HANG_UP)) as server, client_at(server.base_url) as asking:
        with pytest.raises(Unreachable, match="RemoteProtocolError"):
            asking.server_date()
        assert len(server.requests) == 1
    with client_at("http://127.0.0.1:80a") as asking, pytest.raises(Unreachable, match="InvalidURL"):
        asking.server_date()
