"""This machine: the program, its data folder, and the proxies and certificates that the environment names."""

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
CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR")  # of which the first that is set counts
GIGABYTE, MEGABYTE = 10**9, 10**6
ENOUGH = 2 * GIGABYTE  # an extract of SAM.gov takes up to one
LEAST = 200 * MEGABYTE  # with less, even the database's journal may not fit


def _finding(check: str, result: Result, says: str, do: str = "") -> Finding:
    return Finding(section=SECTION, check=check, result=result, says=says, do=do)


def program() -> Iterator[Finding]:
    """Report the versions."""
    python = f"Python {platform.python_version()}"
    system = f"{platform.system()} {platform.machine()}"
    says = f"Procurewatch {version('procurewatch')}, {python}, SQLite {sqlite3.sqlite_version}, {system}."
    yield _finding("program", Result.OK, says)


def data_folder(folder: Path) -> Iterator[Finding]:
    """Report whether the data folder can be written, and how much space is free."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            free = shutil.disk_usage(folder).free
    except OSError as error:
        says = f"The data folder {folder} cannot be written: {error.strerror or error}."
        yield _finding(
            "disk", Result.PROBLEM, says, "Change its owner or permissions, or name another with --data-dir."
        )
        return
    says = f"{_size(free)} free at the data folder, {folder}."
    if free < LEAST:
        yield _finding("disk", Result.PROBLEM, says, f"Free at least {_size(LEAST)}.")
    elif free < ENOUGH:
        yield _finding("disk", Result.WARNING, says, "An extract from SAM.gov may need 1 GB.")
    else:
        yield _finding("disk", Result.OK, says)


def _size(count: int) -> str:
    return f"{count / GIGABYTE:.1f} GB" if count >= GIGABYTE else f"{count / MEGABYTE:.0f} MB"


def environment() -> Iterator[Finding]:
    """Report which proxy and which certificates are used, and which variable cannot be used."""
    given = _given()
    proxies = {name: value for name, value in given.items() if name not in CERTIFICATES}
    wrong = [_finding("proxy", Result.PROBLEM, *_proxy_fault(*each)) for each in proxies.items() if _fails(*each)]
    yield from wrong or [_finding("proxy", Result.OK, _proxies_in_words(proxies))]
    named = [(name, given[name]) for name in CERTIFICATES if name in given]
    wrong = [
        _finding("certificates", Result.PROBLEM, *_certificate_fault(name, value))
        for name, value in named
        if _fails(name, value) or not Path(value).exists()
    ]
    used = f"From {named[0][0]}." if named else "Those that come with Procurewatch."
    yield from wrong or [_finding("certificates", Result.OK, used)]


def _given() -> dict[str, str]:
    """Return the environment variables that decide how requests are sent."""
    proxies = (*PROXIES, NO_PROXY)
    return {
        name: each for name, each in os.environ.items() if each and (name.lower() in proxies or name in CERTIFICATES)
    }


@contextmanager
def _alone(variables: Mapping[str, str]) -> Iterator[None]:
    """Replace all variables that decide how requests are sent by these ones."""
    taken = _given()
    for name in taken:
        del os.environ[name]
    os.environ.update(variables)
    try:
        yield
    finally:
        for name in variables:
            del os.environ[name]
        os.environ.update(taken)


def _fails(name: str, value: str) -> bool:
    """Whether httpx, which reads this variable, fails with it."""
    with _alone({name: value}):
        try:
            with Client("doctor", base_url="https://example.org", rate_limit=RateLimit(seconds_between=0)):
                return False
        except Exception:  # noqa: BLE001  its errors have nothing in common
            return True


def _proxy_fault(name: str, value: str) -> tuple[str, str]:
    """Return what is wrong with a variable of proxies, and what to do."""
    if name.lower() == NO_PROXY:
        hosts = [host.strip() for host in value.split(",")]
        wrong = " and ".join(f'"{host}"' for host in hosts if host and _fails(name, host))
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


def _proxies_in_words(proxies: Mapping[str, str]) -> str:
    used = [f"{name} is {_host(value)}" for name, value in proxies.items() if name.lower() != NO_PROXY]
    around = [f"{name} is {value}" for name, value in proxies.items() if name.lower() == NO_PROXY and used]
    return f"{'; '.join(used + around)}." if used else "No proxy is set."


def _host(address: str) -> str:
    """Return a proxy's host and port, without the user and password that an address may hold."""
    return urlsplit(address if "://" in address else f"//{address}").netloc.rpartition("@")[2]
