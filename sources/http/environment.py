"""Which variable of the environment the HTTP client cannot use: its own errors name none."""

from __future__ import annotations

import os
from ipaddress import ip_address

import httpx

PROXIES = ("http_proxy", "https_proxy", "all_proxy")
CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE")
SOCKS = 'names a SOCKS proxy, which needs a package: pip install "httpx[socks]"'


def describe_environment_fault(error: Exception) -> str:
    """Return which proxy or certificate variable made a client impossible, and what to do about it.

    The URL of a proxy is not quoted, since it may contain a password.
    """
    if isinstance(error, OSError):
        name = next((name for name in CERTIFICATES if os.environ.get(name)), "SSL_CERT_FILE")
        return f"{name} is {os.environ.get(name, '')}: {error.strerror or error}"
    given = {name: value for name, value in os.environ.items() if value and name.lower() in PROXIES}
    for name, value in given.items():
        if not _is_usable_proxy(value):
            is_socks = isinstance(error, ImportError) and value.lower().startswith("socks")
            return f"{name} {SOCKS if is_socks else 'is not the address of a proxy; write http://HOST:PORT'}"
    name = next((name for name in os.environ if name.lower() == "no_proxy"), "NO_PROXY")
    hosts = [host.strip() for host in os.environ.get(name, "").split(",")]
    wrong = [host for host in hosts if ":" in host and not _is_address(host)] or hosts
    return f"{name} contains {' and '.join(wrong)}; list hosts and single addresses, not networks"


def _is_usable_proxy(url: str) -> bool:
    try:
        httpx.Client(proxy=url if "://" in url else f"http://{url}", trust_env=False, verify=False).close()  # noqa: S501  sends nothing
    except (httpx.InvalidURL, ImportError, ValueError):
        return False
    return True


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
