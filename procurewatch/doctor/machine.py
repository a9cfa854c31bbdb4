"""Checks of the program, the data folder, and the proxy and certificate variables of the environment."""

from __future__ import annotations

import os
import platform
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlsplit

from procurewatch.doctor.findings import Finding, Result
from sources.http.client import Client, RateLimit

SECTION = "This machine"
PROXIES = ("http_proxy", "https_proxy", "all_proxy")
NO_PROXY = "no_proxy"
CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR")  # the first that is set is used
GIGABYTE, MEGABYTE = 10**9, 10**6
RECOMMENDED_SPACE = 2 * GIGABYTE  # an extract from SAM.gov needs up to 1 GB
MIN_SPACE = 200 * MEGABYTE  # for the database's journal


def check_program() -> Iterator[Finding]:
    """Report the versions."""
    python = f"Python {platform.python_version()}"
    system = f"{platform.system()} {platform.machine()}"
    message = f"Procurewatch {version('procurewatch')}, {python}, SQLite {sqlite3.sqlite_version}, {system}."
    yield Finding(SECTION, "program", Result.OK, message)


def check_disk(folder: Path) -> Iterator[Finding]:
    """Report whether the data folder can be written, and how much space is free."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            free = shutil.disk_usage(folder).free
    except OSError as error:
        message = f"The data folder {folder} cannot be written: {error.strerror or error}."
        action = "Change its owner or permissions, or name another with --data-dir."
        yield Finding(SECTION, "disk", Result.PROBLEM, message, action)
        return
    message = f"{_size(free)} free at the data folder, {folder}."
    if free < MIN_SPACE:
        yield Finding(SECTION, "disk", Result.PROBLEM, message, f"Free at least {_size(MIN_SPACE)}.")
    elif free < RECOMMENDED_SPACE:
        yield Finding(SECTION, "disk", Result.WARNING, message, "An extract from SAM.gov may need 1 GB.")
    else:
        yield Finding(SECTION, "disk", Result.OK, message)


def _size(count: int) -> str:
    return f"{count / GIGABYTE:.1f} GB" if count >= GIGABYTE else f"{count / MEGABYTE:.0f} MB"


def check_environment() -> Iterator[Finding]:
    """Report the proxy and certificates in use, and the variables that httpx cannot use."""
    given = _variables()
    proxies = {name: value for name, value in given.items() if name not in CERTIFICATES}
    wrong = [
        Finding(SECTION, "proxy", Result.PROBLEM, *_proxy_fault(*each))
        for each in proxies.items()
        if _is_unusable(*each)
    ]
    yield from wrong or [Finding(SECTION, "proxy", Result.OK, _describe_proxies(proxies))]
    named = [(name, given[name]) for name in CERTIFICATES if name in given]
    wrong = [
        Finding(SECTION, "certificates", Result.PROBLEM, *_certificate_fault(name, value))
        for name, value in named
        if _is_unusable(name, value) or not Path(value).exists()
    ]
    used = f"From {named[0][0]}." if named else "Those included with Procurewatch."
    yield from wrong or [Finding(SECTION, "certificates", Result.OK, used)]


def _variables() -> dict[str, str]:
    """Return the proxy and certificate variables of the environment."""
    proxies = (*PROXIES, NO_PROXY)
    return {
        name: each for name, each in os.environ.items() if each and (name.lower() in proxies or name in CERTIFICATES)
    }


@contextmanager
def _only_variables(variables: Mapping[str, str]) -> Iterator[None]:
    """Replace the proxy and certificate variables of the environment by these."""
    saved = _variables()
    for name in saved:
        del os.environ[name]
    os.environ.update(variables)
    try:
        yield
    finally:
        for name in variables:
            del os.environ[name]
        os.environ.update(saved)


def _is_unusable(name: str, value: str) -> bool:
    """Return whether httpx fails with this variable."""
    with _only_variables({name: value}):
        try:
            with Client("doctor", base_url="https://example.org", rate_limit=RateLimit(seconds_between=0)):
                return False
        except Exception:  # noqa: BLE001  its errors have no common class
            return True


def _proxy_fault(name: str, value: str) -> tuple[str, str]:
    """Return what is wrong with a proxy variable, and what to do."""
    if name.lower() == NO_PROXY:
        hosts = [host.strip() for host in value.split(",")]
        wrong = " and ".join(f'"{host}"' for host in hosts if host and _is_unusable(name, host))
        return (
            f"{name} holds {wrong}, which cannot be read.",
            "Remove it: list hosts and single addresses, not networks.",
        )
    if value.lower().startswith("socks"):
        return f"{name} names a SOCKS proxy, which needs a package.", "Install socksio, or name an http:// proxy."
    return f"{name} is not a valid proxy address.", "Write http://HOST:PORT, or unset it."


def _certificate_fault(name: str, value: str) -> tuple[str, str]:
    fault = "holds no certificates" if Path(value).exists() else "does not exist"
    return f"{name} points to {value}, which {fault}.", "Point it to your organization's certificates, or unset it."


def _describe_proxies(proxies: Mapping[str, str]) -> str:
    used = [f"{name} is {_host(value)}" for name, value in proxies.items() if name.lower() != NO_PROXY]
    around = [f"{name} is {value}" for name, value in proxies.items() if name.lower() == NO_PROXY and used]
    return f"{'; '.join(used + around)}." if used else "No proxy is set."


def _host(address: str) -> str:
    """Return a proxy's host and port, without user and password."""
    return urlsplit(address if "://" in address else f"//{address}").netloc.rpartition("@")[2]
