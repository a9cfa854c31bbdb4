"""Tests of the fixtures in `conftest`."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from platformdirs import user_config_path, user_data_path

from tests.conftest import NetworkUsed


@pytest.mark.parametrize("host", ["192.0.2.1", "example.com", "::ffff:192.0.2.1", "2001:db8::1"])
def test_no_test_reaches_another_machine(host: str) -> None:
    with pytest.raises(NetworkUsed, match="stay on this machine"):
        socket.create_connection((host, 80), timeout=1)
    family = socket.AF_INET6 if ":" in str(host) else socket.AF_INET
    with socket.socket(family) as plain, pytest.raises(NetworkUsed):
        plain.connect_ex((host, 80))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_test_reaches_its_own_machine(host: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        here = (host, server.getsockname()[1])
        socket.create_connection(here, timeout=5).close()
        with socket.socket() as plain:
            assert plain.connect_ex(here) == 0


def test_no_test_sees_the_users_settings(tmp_path: Path) -> None:
    assert not [name for name in os.environ if name.startswith("PROCUREWATCH_")]
    session = tmp_path.parent
    for path in (Path.home(), user_data_path("procurewatch"), user_config_path("procurewatch")):
        assert path.is_relative_to(session)
