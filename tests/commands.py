"""Run the real program in a separate process."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.processes import Process

PROGRAM = "import warnings; warnings.simplefilter('error'); from procurewatch.cli import main; main()"
SOURCE = "PROCUREWATCH_SOURCES__USASPENDING__"


def environment(base_url: str = "", **more: str) -> dict[str, str]:
    """Return an environment with a fake server as the only source, without rate limit."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("PROCUREWATCH_")}
    if base_url:
        own["PROCUREWATCH_ONLY_SOURCES"] = '["usaspending"]'
        own |= {f"{SOURCE}BASE_URL": base_url, f"{SOURCE}SECONDS_BETWEEN": "0", f"{SOURCE}TRIES": "1"}
    return own | {"NO_COLOR": "1"} | more


def start(folder: Path, *arguments: str, base_url: str = "", **more: str) -> Process:
    """Start `procurewatch` with its data in a folder."""
    command = ["procurewatch", "--data-dir", str(folder), *arguments]
    return Process(PROGRAM, command, environment(base_url, **more))


def run(folder: Path, *arguments: str, base_url: str = "", **more: str) -> subprocess.CompletedProcess[str]:
    """Run `procurewatch` to its end."""
    with start(folder, *arguments, base_url=base_url, **more) as process:
        out, err = process.communicate()
        return subprocess.CompletedProcess(["procurewatch", *arguments], process.wait(), out, err)
