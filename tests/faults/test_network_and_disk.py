"""A network, a disk or another program that fails: one line that names it, nothing lost, the next poll succeeds."""

from __future__ import annotations

import re
import socket
import sqlite3
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from storage.database import open_database
from tests.app_context import dump
from tests.commands import PROGRAM, environment, run
from tests.faults.commands import WIDE, small_corpus
from tests.faults.killing import DATABASE
from tests.processes import Process
from tests.upstreams.usaspending.server import FakeUsaspending

CERTIFICATE = Path(__file__).with_name("expired.pem")  # self-signed, with its key; valid in January 2020
REFUSAL = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
NO_PROXY = dict.fromkeys(("NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy"), "")
ELSEWHERE = "https://api.procurewatch.invalid"
SMALL_DISK = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({0}, {0}))\n"
IMPATIENT = "import storage.database; storage.database.BUSY_SECONDS = 1\n"


@contextmanager
def answering(answer: Callable[[socket.socket], None]) -> Iterator[int]:
    """Give each connection to a function; yield the port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    answer(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()


def refuse(connection: socket.socket) -> None:
    """Answer as a proxy that wants a password."""
    if connection.recv(10_000):
        connection.sendall(REFUSAL)


def tunnel(connection: socket.socket) -> None:
    """Answer as a proxy behind which a server shows the certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    if connection.recv(10_000):
        connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        with suppress(OSError):  # the client hangs up
            context.wrap_socket(connection, server_side=True).close()


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("name", r"ConnectError: \[Errno -\d\] .*(resolution|not known|address)"),
        ("untrusted", "CERTIFICATE_VERIFY_FAILED.*self-signed certificate"),
        ("expired", "CERTIFICATE_VERIFY_FAILED.*certificate has expired"),
        ("proxy", "ProxyError: 407"),
    ],
)
def test_a_network_that_fails_is_named_in_one_line_and_in_the_health(tmp_path: Path, fault: str, reason: str) -> None:
    with answering(refuse if fault == "proxy" else tunnel) as port:
        proxy = "" if fault == "name" else f"http://127.0.0.1:{port}"
        variables = dict.fromkeys(("HTTPS_PROXY", "https_proxy"), proxy)
        if fault == "expired":
            variables["SSL_CERT_FILE"] = str(CERTIFICATE)
        failed = run(tmp_path, "poll", base_url=ELSEWHERE, **NO_PROXY, **variables)
    [line] = [line for line in failed.stderr.splitlines() if line.startswith("procurewatch: ")]
    assert failed.returncode == 1
    assert line.startswith("procurewatch: source unreachable: usaspending: "), line
    assert_found(reason, line)
    assert_found(reason, " ".join(run(tmp_path, "sources", COLUMNS="400").stdout.split()))


def test_a_full_disk_stops_a_poll_and_the_next_one_reads_everything(tmp_path: Path) -> None:
    assert run(tmp_path, "sources").returncode == 0
    limit = (tmp_path / DATABASE).stat().st_size + 20_000
    with FakeUsaspending(small_corpus()) as upstream:
        failed = run_program(SMALL_DISK.format(limit), tmp_path, upstream.base_url)
    assert failed[0] != 0
    [line] = [line for line in failed[1].splitlines() if line.startswith("procurewatch: ")]
    assert "disk I/O error" in line
    assert_next_poll_is_good(tmp_path)


def test_a_database_that_another_program_has_locked_is_named(tmp_path: Path) -> None:
    assert run(tmp_path, "sources").returncode == 0
    with (
        FakeUsaspending(small_corpus()) as upstream,
        closing(sqlite3.connect(tmp_path / DATABASE, isolation_level=None)) as other,
    ):
        other.execute("BEGIN IMMEDIATE")
        code, said = run_program(IMPATIENT, tmp_path, upstream.base_url)
        assert not upstream.requests
    assert code != 0
    [line] = [line for line in said.splitlines() if line.startswith("procurewatch: ")]
    assert "another process is writing to the database for more than a minute; try again when it is done" in line
    assert_next_poll_is_good(tmp_path)


def run_program(before: str, folder: Path, base_url: str) -> tuple[int, str]:
    """Poll in a process that runs some code first; return its exit code and what it wrote to standard error."""
    command = ["procurewatch", "--data-dir", str(folder), "poll"]
    with Process(before + PROGRAM, command, environment(base_url, **dict(WIDE))) as process:
        _, said = process.communicate()
        return process.wait(), said


def assert_found(reason: str, text: str) -> None:
    """Assert that a text has a match of a pattern."""
    assert re.search(reason, text), text


def assert_next_poll_is_good(folder: Path) -> None:
    """Poll without a fault, and compare what is stored with a poll that never failed."""
    fresh = folder / "fresh"
    with FakeUsaspending(small_corpus()) as upstream:
        for each in (folder, fresh):
            done = run(each, "poll", "--now", base_url=upstream.base_url, **dict(WIDE))
            assert done.returncode == 0, done.stderr
    found = []
    for each in (folder, fresh):
        with closing(open_database(f"sqlite:///{each / DATABASE}")) as database:
            found.append({name: rows for name, rows in dump(database).items() if name in ("record", "action", "event")})
    assert found[0] == found[1]
    assert len(found[0]["record"]) > 10
