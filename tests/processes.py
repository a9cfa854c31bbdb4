"""Processes forked from one that has imported the program, because importing takes most of a short process's time."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Self, TextIO

from procurewatch.cli import SECTIONS

_FORKING = multiprocessing.get_context("forkserver")
COMMANDS = sorted({f"procurewatch.{name.partition(':')[0]}" for part in SECTIONS.values() for name, _ in part.values()})
_FORKING.set_forkserver_preload(
    ["procurewatch.failures", *COMMANDS, "procurewatch.web.app", "uvicorn", "tests.preloaded"]
)


class Process:
    """A process that runs a Python program, with the interface of `subprocess.Popen` and text pipes.

    `arguments` are its `sys.argv`, `variables` its environment if it differs from ours.
    """

    def __init__(self, program: str, arguments: Sequence[str], variables: Mapping[str, str] | None = None) -> None:
        pipes = [os.pipe() for _ in range(3)]
        pipes[0] = pipes[0][::-1]  # its standard input: ours is the end for writing
        self.stdin: TextIO = os.fdopen(pipes[0][0], "w", encoding="utf-8")
        self.stdout: TextIO = os.fdopen(pipes[1][0], encoding="utf-8")
        self.stderr: TextIO = os.fdopen(pipes[2][0], encoding="utf-8")
        theirs = [Connection(end) for _, end in pipes]
        given = dict(os.environ if variables is None else variables)
        self._process = _FORKING.Process(target=_become, args=(program, list(arguments), given, theirs))
        self._process.start()
        for end in theirs:
            end.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error:
            self.kill()
        self._close()
        self.wait()

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid or 0

    @property
    def returncode(self) -> int | None:
        """The exit code, below 0 if a signal ended it; `None` while it runs."""
        return self._process.exitcode

    def poll(self) -> int | None:
        """Return the exit code, `None` while it runs."""
        return self.returncode

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal if it is running."""
        if self._process.pid and self.returncode is None:
            os.kill(self._process.pid, number)

    def kill(self) -> None:
        """Kill it."""
        self.send_signal(signal.SIGKILL)

    def wait(self, timeout: float = 120) -> int:
        """Wait for the end and return the exit code. Raises `TimeoutError` after `timeout` seconds."""
        self._process.join(timeout)
        if self.returncode is None:
            self.kill()
            raise TimeoutError(f"not at its end after {timeout:g} seconds")
        return self.returncode

    def communicate(self, said: str = "", timeout: float = 120) -> tuple[str, str]:
        """Write to its stdin, read all of its output, and wait for its end."""
        if not self.stdin.closed:
            self.stdin.write(said)
            self.stdin.close()
        with ThreadPoolExecutor(2) as readers:
            out, err = readers.map(lambda stream: stream.read(), (self.stdout, self.stderr))
        self.wait(timeout)
        self._close()
        return out, err

    def _close(self) -> None:
        for stream in (self.stdin, self.stdout, self.stderr):
            stream.close()


def _become(program: str, arguments: list[str], variables: dict[str, str], ends: list[Connection]) -> None:
    for number, end in enumerate(ends):
        os.dup2(end.fileno(), number)
        end.close()
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", encoding="utf-8", closefd=False)
    os.environ.clear()
    os.environ.update(variables)
    sys.argv = arguments
    exec(program, {"__name__": "__main__"})  # noqa: S102  a test's own
