"""Waiting for a receiver ends when the program is to stop, whether for a name server, a mail server or a chat."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import TypeVar

SECONDS = 6.0  # that an answer may still come after the program was asked to stop
SLICE = 0.25
Answer = TypeVar("Answer")


class Stopped(Exception):
    """The program is to stop, and the answer has not come."""


def call_until_stopped(call: Callable[[], Answer], stop: threading.Event) -> Answer:
    """Return what a call returns, or raise what it raises.

    Raises:
        Stopped: `stop` was set and the call has not ended some seconds later. Its thread ends with the process.
    """
    future: Future[Answer] = Future()

    def answer() -> None:
        try:
            future.set_result(call())
        except BaseException as error:  # noqa: BLE001  raised in the thread that waits
            future.set_exception(error)

    threading.Thread(target=answer, name="alert", daemon=True).start()
    ends: float | None = None
    while not wait([future], timeout=SLICE).done:
        if stop.is_set():
            ends = ends or time.monotonic() + SECONDS
            if time.monotonic() > ends:
                raise Stopped
    return future.result()
