"""`python -m tests.faults --kills 200`: kill every command at random moments, many times; prints the counts."""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from tests.faults.commands import commands
from tests.faults.killing import kill_repeatedly


def main() -> None:
    """Kill each command equally often."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="kills in all, at least (default: 200)")
    parser.add_argument("--seed", type=int, default=1, help="from which the moments are drawn (default: 1)")
    parser.add_argument("--only", default="", help="kill only this command")
    given = parser.parse_args()
    total = 0
    with commands() as found, tempfile.TemporaryDirectory() as folder:
        chosen = [command for command in found if given.only in ("", command.name)]
        for command in chosen:
            begun = time.monotonic()
            share = -(-given.kills // len(chosen))
            killed = kill_repeatedly(command, Path(folder) / command.name, share, given.seed)
            total += killed.kills
            seconds = time.monotonic() - begun
            print(f"{command.name:14} {killed.kills} kills, {killed.ends} ends, {seconds:.0f} s", flush=True)  # noqa: T201
    print(f"{total} kills: nothing lost, nothing twice")  # noqa: T201


if __name__ == "__main__":
    main()
