"""Several hosts and redirections: a key goes to the source's own host, and to no other."""

from __future__ import annotations

import re

import pytest

from sources.errors import Blocked, Refused, SourceChanged, SourceError, Unreachable
from sources.http.client import MAX_REDIRECTS, Client, Timeouts
from tests.sources.clients import client_at
from tests.sources.scripted_server import Script, ScriptedServer

TIMEOUTS = Timeouts(connect=5, read=5, total=5, tries=1)
KEYS = {"X-Api-Key": "s3cr3t"}


def client(server: ScriptedServer, **also: ScriptedServer) -> Client:
    extra_hosts = {name: f"{other.base_url}/" for name, other in also.items()}
    return client_at(server.base_url, timeouts=TIMEOUTS, key_headers=KEYS, extra_hosts=extra_hosts)


def moved(target: str, status: int = 302) -> Script:
    return Script(status=status, headers={"Location": target}, body=b"moved")


def test_another_host_gets_its_name_and_no_key() -> None:
    with ScriptedServer() as home, ScriptedServer(Script(body=b"other")) as other, client(home, files=other) as asking:
        got = asking.get("/a?b=c", host="files", accept="text/csv")
        asking.get("/a")
        with pytest.raises(KeyError):
            asking.get("/a", host="unknown")
    assert (got.url, got.body) == (f"{other.base_url}/a?b=c", b"other")
    assert [request.headers["accept"] for request in other.requests] == ["text/csv"]
    assert "x-api-key" not in other.requests[0].headers
    assert [request.headers["x-api-key"] for request in home.requests] == ["s3cr3t"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_followed_only_on_request(status: int) -> None:
    with ScriptedServer(moved("/there?x=1", status), Script(body=b"there")) as home, client(home) as asking:
        got = asking.get("/here", follow_redirects=True)
        assert (got.url, got.body) == (f"{home.base_url}/there?x=1", b"there")
        assert [request.path for request in home.requests] == ["/here", "/there?x=1"]
        assert {request.headers["x-api-key"] for request in home.requests} == {"s3cr3t"}
    with ScriptedServer(moved("/there", status)) as home, client(home) as asking:
        with pytest.raises(SourceChanged, match="moved to /there"):
            asking.get("/here")
        assert len(home.requests) == 1


def test_a_key_is_sent_only_to_its_own_host_in_a_redirect_chain() -> None:
    with ScriptedServer() as home, ScriptedServer() as other:
        home.scripts[:] = [moved(f"{other.base_url}/there"), Script(body=b"back")]
        other.scripts[:] = [moved(f"{home.base_url}/back")]
        with client(home) as asking:
            assert asking.get("/here", follow_redirects=True).body == b"back"
    assert ["x-api-key" in request.headers for request in home.requests] == [True, True]
    assert ["x-api-key" in request.headers for request in other.requests] == [False]


def test_a_redirect_back_home_sends_the_key_only_home() -> None:
    with (
        ScriptedServer(Script(body=b"home")) as home,
        ScriptedServer(moved(f"{home.base_url}/x")) as other,
        client(home, files=other) as asking,
    ):
        assert asking.get("/a", host="files", follow_redirects=True).body == b"home"
    assert "x-api-key" not in other.requests[0].headers
    assert "x-api-key" in home.requests[0].headers


@pytest.mark.parametrize(
    "target",
    [
        "http://example.invalid/",  # neither encrypted nor this machine
        "http://127.0.0.1.example.invalid/",
        "file:///etc/passwd",
        "ftp://127.0.0.2/",
        "//example.invalid/x",
    ],
)
def test_a_redirect_to_a_forbidden_address_is_not_followed(target: str) -> None:
    with ScriptedServer(moved(target)) as home, client(home) as asking:
        with pytest.raises(SourceChanged, match=re.escape(f"moved to {target}")):
            asking.get("/here", follow_redirects=True)
        assert len(home.requests) == 1


@pytest.mark.parametrize("target", ["javascript:1", "data:,x", "http://[::1", "http://127.0.0.1:abc/", "https://xn--/"])
@pytest.mark.parametrize("follow", [True, False])
def test_a_redirect_to_what_is_no_address_is_a_typed_error(target: str, follow: bool) -> None:
    with ScriptedServer(moved(target)) as home, client(home) as asking, pytest.raises(SourceError):
        asking.get("/here", follow_redirects=follow)


def test_a_redirect_to_https_is_followed() -> None:
    refused = pytest.raises(Unreachable, match="ConnectError")
    with ScriptedServer(moved("https://127.0.0.1:9/")) as home, client(home) as asking, refused:
        asking.get("/here", follow_redirects=True)


def test_redirects_are_limited() -> None:
    with ScriptedServer(moved("/round")) as home, client(home) as asking:
        with pytest.raises(Unreachable, match=f"TooManyRedirects: more than {MAX_REDIRECTS} redirects"):
            asking.get("/round", follow_redirects=True)
        assert len(home.requests) == MAX_REDIRECTS
    way = [moved(f"/{n}") for n in range(MAX_REDIRECTS - 1)]
    with ScriptedServer(*way, Script(body=b"end")) as home, client(home) as asking:
        assert asking.get("/round", follow_redirects=True).body == b"end"


def test_a_redirect_without_a_location_means_the_source_changed() -> None:
    with ScriptedServer(Script(status=302)) as home, client(home) as asking, pytest.raises(SourceChanged):
        asking.get("/here", follow_redirects=True)


def test_a_204_is_accepted_only_where_allowed() -> None:
    with ScriptedServer(Script(status=204, body=b"")) as home, client(home) as asking:
        assert asking.get("/x", allow_204=True).body == b""
        with pytest.raises(Unreachable, match="HTTP 204 with an empty body"):
            asking.get("/x")
    empty = pytest.raises(Unreachable, match="HTTP 200 with an empty body")
    with ScriptedServer(Script(body=b"")) as home, client(home) as asking, empty:
        asking.get("/x", allow_204=True)


def test_a_404_is_accepted_only_where_allowed() -> None:
    with ScriptedServer(Script(status=404, body=b"No Data found")) as home, client(home) as asking:
        assert asking.get("/x", allow_404=True).body == b"No Data found"
        with pytest.raises(Refused, match="HTTP 404: No Data found"):
            asking.get("/x")
    for status, body, kind in [(404, b"", Refused), (400, b"no", Refused), (403, b"no", Blocked)]:
        with ScriptedServer(Script(status=status, body=body)) as home, client(home) as asking, pytest.raises(kind):
            asking.get("/x", allow_404=True)
