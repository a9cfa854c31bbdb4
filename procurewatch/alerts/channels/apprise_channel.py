"""Everything that Apprise knows: chats, phones and push services, each named by a URL that contains its passwords."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from feeds.text import excerpt, one_line
from procurewatch.alerts.channels.channel import InvalidAddress, Message, Undelivered, without_secrets
from procurewatch.context import AppContext

SECONDS = 15.0  # for the service
GRACE_SECONDS = 10.0  # more until its process is ended: it takes about a second to start
STOPPING_SECONDS = 5.0  # instead, if the program is to stop
SLICE = 0.25
MAX_TEXT = 1500  # characters: Discord takes 2,000, Telegram and ntfy 4,096
PRIVATE = "private network"
FOLDER = Path(__file__).parents[3]  # of the package
PROGRAM = "from procurewatch.alerts.channels.apprise_worker import main; main()"
ALLOW = "set alerts_to_private_addresses to allow it"


class AppriseChannel:
    """Sends short texts with links; see `procurewatch.alerts.channels.channel.Channel`."""

    def __init__(self, app_context: AppContext) -> None:
        self._app = app_context

    def check(self, address: str) -> str:
        """Return the URL. Raises `InvalidAddress`."""
        if "://" not in address:
            raise InvalidAddress("an Apprise URL looks like slack://... ; https://github.com/caronc/apprise lists them")
        try:
            answer = self._ask({"url": address})
        except Undelivered as failure:
            raise InvalidAddress(f"Apprise could not check this {self.shown(address)} URL: {failure}") from None
        if answer["error"]:
            reason = without_secrets(str(answer["error"]), address)
            raise InvalidAddress(f"Apprise cannot use this {self.shown(address)} URL: {one_line(reason)}")
        return address

    def shown(self, address: str) -> str:
        """Return the scheme of the URL: any other part may be a password."""
        return f"{one_line(address.partition('://')[0])[:40]}://..."

    def send(self, message: Message) -> str:
        """Send a message. Raises `Undelivered`."""
        address = message.subscription.address
        answer = self._ask({"url": address, "title": message.subject, "body": chat_text(message)})
        if answer["error"]:
            reason = without_secrets(str(answer["error"]), address)
            raise Undelivered(one_line(f"{reason}; {ALLOW}" if PRIVATE in reason else reason))
        return f"accepted by {answer['service']}"

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """Ask a worker process. Raises `Undelivered` if it does not answer in time."""
        allowed = self._app.settings.alerts_to_private_addresses
        text = json.dumps({**request, "seconds": SECONDS, "private": allowed})
        with subprocess.Popen(  # noqa: S603  our own program; the address is in its input
            [sys.executable, "-P", "-c", PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": str(FOLDER)},
            start_new_session=True,
            text=True,
            encoding="utf-8",
        ) as worker:
            began = time.monotonic()
            ends = began + SECONDS + GRACE_SECONDS
            said: str | None = text
            while True:
                try:
                    out, _ = worker.communicate(said, timeout=SLICE)
                    break
                except subprocess.TimeoutExpired:
                    said = None
                if self._app.stop.is_set():
                    ends = min(ends, began + STOPPING_SECONDS)
                if time.monotonic() > ends:
                    worker.kill()
                    raise Undelivered("the service did not answer in time")
        try:
            answer: dict[str, Any] = json.loads(out)
        except ValueError:
            raise Undelivered(f"the process that runs Apprise ended with code {worker.returncode}") from None
        return answer


def chat_text(message: Message) -> str:
    """Return a message as a short text: the title and link of each entry, as many as fit."""
    if len(message.entries) == 1:
        [entry] = message.entries
        return f"{excerpt(entry.summary, MAX_TEXT // 2)}\n{entry.link}"
    parts: list[str] = []
    for entry in message.entries:
        part = f"{excerpt(entry.title, 200)}\n{entry.link}"
        if parts and sum(map(len, parts)) + len(part) > MAX_TEXT:
            more = len(message.entries) - len(parts)
            parts.append(f"and {more} more" + (f": {message.whole_url}" if message.whole_url else ""))
            break
        parts.append(part)
    return "\n\n".join(parts) or message.text[:MAX_TEXT]
