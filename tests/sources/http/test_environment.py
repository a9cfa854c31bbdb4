"""A proxy or certificate variable that cannot be used is named, without the password that it may contain."""

from __future__ import annotations

import pytest

from sources.http.environment import CERTIFICATES
from tests.sources.clients import client_at

VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
SOCKS = 'names a SOCKS proxy, which needs a package: pip install "httpx[socks]"'


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("NO_PROXY", "fd00::/8", "NO_PROXY contains fd00::/8; list hosts and single addresses, not networks"),
        ("no_proxy", "localhost,::1,[::1]", "no_proxy contains [::1]; list hosts"),
        ("ALL_PROXY", "socks5://me:hush@127.0.0.1:1080", f"ALL_PROXY {SOCKS}"),
        ("https_proxy", "socks5h://127.0.0.1:1080", f"https_proxy {SOCKS}"),
        ("HTTPS_PROXY", "ftp://me:hush@127.0.0.1", "HTTPS_PROXY is not the address of a proxy; write http://HOST:PORT"),
        ("HTTP_PROXY", "http://me:hush@127.0.0.1:80a", "HTTP_PROXY is not the address of a proxy"),
        ("SSL_CERT_FILE", "/nonexistent/ca.pem", "SSL_CERT_FILE is /nonexistent/ca.pem: No such file or directory"),
        ("SSL_CERT_FILE", __file__, f"SSL_CERT_FILE is {__file__}: "),
    ],
)
def test_a_variable_that_cannot_be_used_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    for variable in (*VARIABLES, *map(str.upper, VARIABLES), *CERTIFICATES):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match=r"^example: ") as caught:
        client_at("https://api.example.invalid")
    assert str(caught.value).removeprefix("example: ").startswith(said)
    assert "hush" not in str(caught.value)
    assert caught.value.__context__ is None, "the cause would quote the address"


def test_a_client_on_loopback_needs_none_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "fd00::/8")
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1080")
    with client_at("http://127.0.0.1:9") as client:
        assert client.requests_sent == 0
