"""The fake USAspending runs as a program, and says in one line what is wrong with its arguments."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from tests.upstreams.usaspending.search.served import WRONG
from tests.upstreams.usaspending.server import FakeUsaspending

PROGRAM = (sys.executable, "-m", "tests.upstreams.usaspending")


def ran(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*PROGRAM, *arguments], capture_output=True, text=True, timeout=60, check=False)


@contextmanager
def serving(*arguments: str, stop: signal.Signals = signal.SIGTERM) -> Iterator[str]:
    """Start the program; give the address it prints; stop it and see that it ends well."""
    with subprocess.Popen([*PROGRAM, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        assert program.stderr is not None
        address = re.search(r"http://127\.0\.0\.1:\d+", program.stdout.readline())
        assert address, program.stderr.read()
        try:
            yield address[0]
        finally:
            program.send_signal(stop)
            assert program.wait(timeout=30) == 0
            assert program.stderr.read() == ""


def get(address: str, path: str) -> dict[str, object]:
    with urllib.request.urlopen(f"{address}/api/v2/{path}", timeout=30) as answer:  # noqa: S310 - http on loopback
        content: dict[str, object] = json.loads(answer.read())
        return content


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_the_demo_corpus_at_its_port_until_it_is_stopped(stop: signal.Signals) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with serving("--port", str(port), stop=stop) as address:
        assert address.endswith(f":{port}")
        assert get(address, "awards/last_updated/") == {"last_updated": "09/30/2024"}
        assert get(address, "awards/324/")["id"] == 324


@pytest.mark.parametrize(
    ("arguments", "path", "status"),
    [
        (["--wrong", "last-updated", "--wrong", "keyword-message"], "awards/last_updated/", "500"),
        (["--empty"], "awards/1/", "404"),
    ],
)
def test_it_can_be_wrong_or_empty(arguments: Sequence[str], path: str, status: str) -> None:
    with serving(*arguments) as address, pytest.raises(urllib.error.HTTPError, match=status):
        get(address, path)


def test_the_list_names_every_assumption_with_one_sentence() -> None:
    listed = ran("--list")
    assert listed.returncode == 0
    lines = [line.split(": ", 1) for line in listed.stdout.splitlines()]
    assert [name for name, _ in lines] == list(WRONG)
    assert all(says.endswith(".") for _, says in lines)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--wrong", "no-such-name"], "no assumption is named no-such-name; there are: keyword-message, "),
        (["--port", "abc"], "'abc' is no port"),
        (["--port", "70000"], "'70000' is no port"),
        (["--port"], "expected one argument"),
        (["--nonsense"], "--nonsense"),
    ],
)
def test_wrong_arguments_are_one_line_and_exit_code_2(arguments: Sequence[str], words: str) -> None:
    refused = ran(*arguments)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert words in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


def test_a_port_that_is_taken_is_one_line() -> None:
    with FakeUsaspending([]) as server:
        port = server.base_url.rpartition(":")[2]
        refused = ran("--port", port)
    assert refused.returncode == 1
    assert refused.stderr == f"fake_usaspending: cannot listen on port {port}: Address already in use\n"
