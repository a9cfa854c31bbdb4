"""No answer takes longer than a whole answer may, however it comes."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from sources.errors import Unreachable
from sources.http.client import Timeouts
from tests.sources.clients import client_at
from tests.sources.scripted_server import How, Script, ScriptedServer

TIMEOUTS = Timeouts(connect=5, read=5, total=0.5, tries=1)
SLOW_HEAD = Script(how=How.DRIP_HEAD, pause=0.02, headers={"X-Filler": "x" * 1000})


@pytest.mark.parametrize(
    "slow", [SLOW_HEAD, Script(how=How.DRIP, pause=0.02, body=b"x" * 1000), Script(how=How.HANG)], ids=lambda s: s.how
)
def test_a_slow_or_hanging_response_times_out(slow: Script) -> None:
    with ScriptedServer(slow) as server, client_at(server.base_url, timeouts=TIMEOUTS) as asking:
        begun = time.monotonic()
        with pytest.raises(Unreachable, match=r"ReadTimeout: the response took longer than 0\.5 seconds"):
            asking.get("/x/")
        assert 0.4 < time.monotonic() - begun < 2


def test_response_headers_of_a_download_time_out(tmp_path: Path) -> None:
    with (
        ScriptedServer(SLOW_HEAD) as server,
        client_at(server.base_url, timeouts=TIMEOUTS) as asking,
        pytest.raises(Unreachable, match="longer than"),
    ):
        asking.download("/x/", tmp_path / "file")


def test_slow_headers_within_the_deadline_are_read() -> None:
    slow = replace(SLOW_HEAD, headers={}, pause=0.005)
    with (
        ScriptedServer(slow) as server,
        client_at(server.base_url, timeouts=replace(TIMEOUTS, total=20)) as asking,
    ):
        assert asking.get("/x/").body == asking.get("/x/").body == slow.body


def test_each_response_on_a_connection_has_its_own_deadline() -> None:
    stays = {"Connection": "keep-alive"}
    with ScriptedServer(Script(headers=stays)) as server, client_at(server.base_url, timeouts=TIMEOUTS) as asking:
        asking.get("/x/")
        time.sleep(0.6)
        assert asking.get("/x/").body


def test_a_large_download_may_take_longer_while_it_progresses(tmp_path: Path) -> None:
    body = b"x" * 60
    with (
        ScriptedServer(Script(how=How.DRIP, pause=0.02, body=body)) as server,
        client_at(server.base_url, timeouts=TIMEOUTS) as asking,
    ):
        begun = time.monotonic()
        assert asking.download("/x/", tmp_path / "file").size == 60
        assert time.monotonic() - begun > TIMEOUTS.total
    assert (tmp_path / "file").read_bytes() == body
