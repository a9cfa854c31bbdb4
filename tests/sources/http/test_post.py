"""One request to an address that a user has named: where it connects to, and what it does not follow."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Sequence
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from sources.http.client import Timeouts
from sources.http.post import NotSent, PostResponse, post_once
from sources.http.public_addresses import PrivateAddress
from tests.upstreams.server import Answer, FakeServer, LoggedRequest

LONG = Timeouts(connect=60, read=60, total=60)


class Receiver(FakeServer):
    """Gives one answer to every request."""

    given = Answer(status=202, body=b"thanks, " + b"x" * 5000)

    def answer(self, request: LoggedRequest) -> Answer:  # noqa: ARG002
        return self.given


def port_of(server: FakeServer) -> int:
    return int(server.base_url.rpartition(":")[2])


def send(url: str, *addresses: str, timeouts: Timeouts = LONG) -> PostResponse:
    """Post to the addresses that the name of the host has."""

    def resolve(_host: str, _port: int) -> Sequence[str]:
        return addresses

    headers = {"X-Signature": "abc"}
    return post_once(url, b"{}", headers, timeouts=timeouts, resolve=resolve if addresses else None)


def test_it_connects_to_the_checked_address_in_the_name_of_the_host() -> None:
    with Receiver() as server:
        response = send(f"http://hook.example.org:{port_of(server)}/a?b=c", "127.0.0.1")
    [request] = server.requests
    assert (request.method, request.path, request.body) == ("POST", "/a?b=c", b"{}")
    assert request.headers["host"] == f"hook.example.org:{port_of(server)}"
    assert request.headers["x-signature"] == "abc"
    assert response.status == 202
    assert response.excerpt.startswith("thanks, x")
    assert len(response.excerpt) == 1000


def test_it_tries_the_next_address_if_one_cannot_be_connected_to() -> None:
    with Receiver() as server:  # it listens on 127.0.0.1 only
        assert send(f"http://hook.example.org:{port_of(server)}/", "127.0.0.2", "127.0.0.1").status == 202
        assert send(f"http://hook.example.org:{port_of(server)}/", "127.0.0.1", "127.0.0.2").status == 202
        with pytest.raises(NotSent, match="ConnectError"):
            send(f"http://hook.example.org:{port_of(server)}/", "127.0.0.2", "127.0.0.3")
    assert len(server.requests) == 2


@pytest.mark.parametrize("location", ["http://127.0.0.1:{port}/inner", "http://169.254.169.254/latest/meta-data"])
def test_a_redirect_is_not_followed(location: str) -> None:
    with Receiver() as inner, Receiver() as server:
        server.given = Answer(status=302, headers={"Location": location.format(port=port_of(inner))})
        assert send(f"http://hook.example.org:{port_of(server)}/", "127.0.0.1").status == 302
        assert inner.requests == []


def test_a_private_address_is_not_connected_to() -> None:
    with Receiver() as server, pytest.raises(PrivateAddress):
        post_once(f"{server.base_url}/", b"", {}, timeouts=LONG)
    assert server.requests == []


def test_without_a_check_any_address_is_allowed() -> None:
    with Receiver() as server:
        server.given = Answer(status=503, headers={"Retry-After": "77"})
        response = send(f"{server.base_url}/")
    assert (response.status, response.retry_after) == (503, 77)


def test_a_receiver_that_does_not_answer_is_given_up() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as silent, pytest.raises(NotSent, match="ReadTimeout"):
        url = f"http://hook.example.org:{silent.getsockname()[1]}/"
        send(url, "127.0.0.1", timeouts=Timeouts(connect=60, read=0.2, total=0.2))


@pytest.mark.parametrize("url", ["http://user:secret@[::1/", "http://", "https://user:secret@/"])
def test_an_address_that_is_none_gives_no_secret_away(url: str) -> None:
    with pytest.raises(NotSent) as failure:
        send(url)
    assert "secret" not in str(failure.value)
    assert failure.value.__cause__ is None


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl makes the certificate")
def test_a_certificate_must_be_for_the_host_not_for_its_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    made = ["-addext", "subjectAltName=DNS:hook.example.org", "-subj", "/CN=test", "-days", "2"]
    new = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    subprocess.run([*new, "-keyout", key, "-out", certificate, *made], check=True, capture_output=True)
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.load_verify_locations(certificate)
    monkeypatch.setattr(ssl, "create_default_context", lambda *_, **__: trusting)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        port = server.server_address[1]
        assert send(f"https://hook.example.org:{port}/", "127.0.0.1").status == 204
        with pytest.raises(NotSent, match=r"(?i)hostname mismatch"):
            send(f"https://other.example.org:{port}/", "127.0.0.1")
        server.shutdown()


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        (
            "ALL_PROXY",
            "socks5://127.0.0.1:1",
            'ALL_PROXY names a SOCKS proxy, which needs a package: pip install "httpx',
        ),
        ("NO_PROXY", "fd00::/8", "NO_PROXY contains fd00::/8; list hosts and single addresses"),
        ("SSL_CERT_FILE", "/nonexistent/ca.pem", "SSL_CERT_FILE is /nonexistent/ca.pem"),
    ],
)
def test_a_variable_that_cannot_be_used_is_named(
    variable: str, value: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(NotSent) as raised:
        post_once("https://example.org/", b"", {}, timeouts=LONG, resolve=None)
    assert str(raised.value).startswith(said)
