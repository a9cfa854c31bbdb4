"""The fake USAspending as a program: `python -m tests.upstreams.usaspending --port 8500`.

It serves the demo's awards until Ctrl-C or SIGTERM, as strict as the real API. `--wrong NAME` breaks one assumption
about the API, as `--list` describes.
"""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from collections.abc import Sequence
from typing import NoReturn

from tests.upstreams.usaspending.corpus import load_corpus
from tests.upstreams.usaspending.search.served import WRONG, known_names
from tests.upstreams.usaspending.server import FakeUsaspending

USAGE_ERROR = 2
FAILED = 1


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Say what is wrong in one line, and exit."""
        self.exit(USAGE_ERROR, f"fake_usaspending: {message}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until a signal stops it. Returns the exit code, 1 for a port that is taken; exits with 2 at wrong input."""
    parser = _parser()
    asked = parser.parse_args(arguments)
    if asked.list:
        sys.stdout.writelines(f"{name}: {says}\n" for name, says in WRONG.items())
        return 0
    try:
        wrong = known_names(asked.wrong)
    except ValueError as error:
        parser.error(str(error))
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    try:
        server = FakeUsaspending([] if asked.empty else load_corpus(), port=asked.port, wrong=wrong)
    except OSError as error:
        sys.stderr.write(f"fake_usaspending: cannot listen on port {asked.port}: {error.strerror}\n")
        return FAILED
    with server:
        sys.stdout.write(f"Fake USAspending at {server.base_url} (Ctrl-C stops it)\n")
        sys.stdout.flush()
        stopped.wait()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="fake_usaspending", description="Serve the demo's awards as api.usaspending.gov would.")
    parser.add_argument("--port", type=_port, default=0, help="Port on this machine; 0, the default, takes a free one.")
    parser.add_argument("--wrong", action="append", default=[], metavar="NAME", help="An assumption to break.")
    parser.add_argument("--list", action="store_true", help="List the assumptions that can be broken, and stop.")
    parser.add_argument("--empty", action="store_true", help="Serve no awards, as a new database without an index.")
    return parser


def _port(text: str) -> int:
    port = int(text) if text.isascii() and text.isdigit() else -1
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port; a port is a number from 0 to 65535")
    return port


if __name__ == "__main__":
    sys.exit(main())
