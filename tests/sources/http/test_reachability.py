"""The look at whether there is a network."""

from __future__ import annotations

import socket

import pytest

from sources.http import reachability
from sources.http.reachability import find_unreachable
from tests.sources.scripted_server import closed_port

PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def test_one_server_that_accepts_is_enough() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        assert find_unreachable([f"http://127.0.0.1:{closed_port()}", f"http://localhost:{port}/api"]) == {}


def test_the_reason_is_given_for_each_host() -> None:
    addresses = [f"http://{host}:{closed_port()}" for host in ("127.0.0.1", "localhost")]
    assert find_unreachable(addresses) == {"127.0.0.1": "Connection refused", "localhost": "Connection refused"}


def test_a_proxy_is_connected_to_instead_of_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        monkeypatch.setenv("https_proxy", f"127.0.0.1:{listening.getsockname()[1]}")
        assert find_unreachable(["https://api.usaspending.gov"]) == {}
    monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{closed_port()}")
    assert find_unreachable(["https://api.usaspending.gov"]) == {"api.usaspending.gov": "Connection refused"}


def test_a_server_that_never_answers_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reachability, "MAX_SECONDS", 0.3)
    with socket.socket() as full:  # its queue of connections is full, so that a further one waits
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(full.getsockname())
        address = f"http://127.0.0.1:{full.getsockname()[1]}"
        assert find_unreachable([address]) == {"127.0.0.1": "no response within 0.3 seconds"}
        assert find_unreachable([address], is_stopping=lambda: True) == {}
        for each in waiting:
            each.close()
