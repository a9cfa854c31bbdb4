"""The process that sends one message with Apprise. It reads a request from its input and writes its answer, in JSON.

Apprise has more than a hundred services, each with its own way to connect, and takes 60 MB. In a process of its own it
can be ended when it takes too long, and every connection that it makes can be checked: the hook sees the address that
is connected to, after names are resolved and redirects are followed.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import sys
from typing import Any

from sources.http.public_addresses import is_public

MAX_REASON = 300  # characters
PROXIES = ("http_proxy", "https_proxy", "all_proxy")


def main() -> None:
    """Answer the request on standard input: {"url", "title", "body", "seconds", "private"}; no "body": only check."""
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # a library may print
    request = json.load(sys.stdin)
    if not request["private"]:
        _forbid_private_addresses()
    json.dump(_answer(request), answer)
    answer.close()


def _answer(request: dict[str, Any]) -> dict[str, str]:
    from apprise import Apprise, AppriseAsset, NotifyFormat  # noqa: PLC0415  after the hook is set
    from apprise.manager_attachment import AttachmentManager  # noqa: PLC0415

    manager: Any = AttachmentManager
    manager().remove("file")  # else the parameter "template" of some services would send any file
    reasons = _Reasons(logging.WARNING)
    logging.getLogger("apprise").handlers = [reasons]
    asset = AppriseAsset(
        app_id="Procurewatch",
        app_desc="Procurewatch",
        async_mode=False,
        storage_mode="memory",
        service_timeout=request["seconds"],
    )
    service = Apprise.instantiate(request["url"], asset=asset)
    if service is None:
        return {"service": "", "error": reasons.text or "Apprise does not know this address"}
    answer = {"service": str(service.service_name), "error": ""}
    if "body" in request:
        sender = Apprise(asset=asset)
        sender.add(service)
        if not sender.notify(title=request["title"], body=request["body"], body_format=NotifyFormat.TEXT):
            answer["error"] = reasons.text or "the message was not accepted"
    return answer


class _Reasons(logging.Handler):
    """Collects what Apprise logs when it fails."""

    text = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Add a line."""
        self.text = " ".join(f"{self.text} {record.getMessage()}".split())[:MAX_REASON]


def _forbid_private_addresses() -> None:
    """Refuse connections to anything but public addresses, and do not use the proxies of the environment."""
    for name in [name for name in os.environ if name.lower() in PROXIES]:
        del os.environ[name]

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event not in ("socket.connect", "socket.sendto"):
            return
        opened, address = arguments[:2]
        is_ip = opened.family in (socket.AF_INET, socket.AF_INET6)
        if not (is_ip and isinstance(address, tuple) and is_public(str(address[0]))):
            logging.getLogger("apprise").warning("the address is in a private network, or is this machine")
            raise PermissionError("the address is in a private network, or is this machine")

    sys.addaudithook(hook)
