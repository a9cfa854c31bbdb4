"""One request with a body to an address that a user has named: no redirect is followed, and nothing is retried here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

import httpx

from sources.http.client import Timeouts, user_agent
from sources.http.deadline import Deadline
from sources.http.environment import describe_environment_fault
from sources.http.public_addresses import resolve_public
from sources.http.status import read_retry_after

MAX_EXCERPT = 1000  # bytes of the response that are read

Resolve = Callable[[str, int], Sequence[str]]


class NotSent(Exception):
    """There was no response. The message is one line, without the URL, which may contain a password."""


@dataclass(frozen=True, slots=True)
class PostResponse:
    """A response: its status, the seconds that its Retry-After asks to wait, and the beginning of its body."""

    status: int
    retry_after: float | None
    excerpt: str


def post_once(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    timeouts: Timeouts,
    contact: str = "",
    resolve: Resolve | None = resolve_public,
    is_stopping: Callable[[], bool] = lambda: False,
) -> PostResponse:
    """Post a body once.

    Args:
        resolve: returns the addresses to connect to, and raises `PrivateAddress` if that is not allowed. The proxies of
            the environment are not used then. With `None` any address is allowed, and so are proxies.
        is_stopping: whether the program is to stop, so that waiting for a response ends, too.

    Raises:
        PrivateAddress: the host is not to be connected to.
        NotSent: there is no response.
    """
    try:
        target = httpx.URL(url)
        port = target.port or (443 if target.scheme == "https" else 80)
        hosts = resolve(target.host, port) if resolve else [target.host]
        own = {
            **headers,
            "Accept-Encoding": "identity",
            "Host": target.netloc.decode("ascii"),
            "User-Agent": user_agent(contact),
        }
        deadline = Deadline(is_stopping)
        deadline.begin(timeouts.total)
        extensions = {"sni_hostname": target.raw_host.decode("ascii"), "trace": deadline.watch}
        timeout = httpx.Timeout(timeouts.read, connect=timeouts.connect)
        with _client(timeout, trust_env=resolve is None) as client:
            build = partial(client.build_request, "POST", content=body, headers=own, extensions=extensions)
            return _send_to_first(client, [build(target.copy_with(host=host)) for host in hosts])
    except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError) as error:
        reason = f"{type(error).__name__}: {error}".removesuffix(": ")
    # Raised outside of the handler: httpx's error contains the URL.
    raise NotSent(reason)


def _client(timeout: httpx.Timeout, *, trust_env: bool) -> httpx.Client:
    try:
        return httpx.Client(trust_env=trust_env, timeout=timeout)
    except (httpx.InvalidURL, ImportError, OSError, ValueError) as error:
        reason = describe_environment_fault(error)
    raise NotSent(reason)


def _send_to_first(client: httpx.Client, requests: Sequence[httpx.Request]) -> PostResponse:
    """Send the first of these requests whose host can be connected to."""
    for request in requests[:-1]:
        with suppress(httpx.ConnectError, httpx.ConnectTimeout), closing(client.send(request, stream=True)) as response:
            return _read(response)
    with closing(client.send(requests[-1], stream=True)) as response:
        return _read(response)


def _read(response: httpx.Response) -> PostResponse:
    wait = read_retry_after(response.headers.get("retry-after"), datetime.now(UTC))
    content = b""
    for chunk in response.iter_raw():
        content += chunk
        if len(content) >= MAX_EXCERPT:
            break
    return PostResponse(response.status_code, wait, content[:MAX_EXCERPT].decode("utf-8", "replace"))
