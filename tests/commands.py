"""Running the real program in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

SOURCE = "PROCUREWATCH_SOURCES__USASPENDING__"


def environment(base_url: str = "", **more: str) -> dict[str, str]:
    """Return an environment in which the program asks a stand-in, in haste."""
    unwanted = ("PROCUREWATCH_", "PYTHONDONTWRITEBYTECODE")  # without its bytecode each process would take seconds more
    own = {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
    if base_url:
        own["PROCUREWATCH_ONLY_SOURCES"] = '["usaspending"]'
        own |= {f"{SOURCE}BASE_URL": base_url, f"{SOURCE}SECONDS_BETWEEN": "0", f"{SOURCE}TRIES": "1"}
    return own | {"NO_COLOR": "1", "PYTHONWARNINGS": "error"} | more


def start(folder: Path, *arguments: str, base_url: str = "", **more: str) -> subprocess.Popen[str]:
    """Start `procurewatch` with its data in a folder."""
    return subprocess.Popen(
        [sys.executable, "-m", "procurewatch", "--data-dir", str(folder), *arguments],
        env=environment(base_url, **more),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(folder: Path, *arguments: str, base_url: str = "", **more: str) -> subprocess.CompletedProcess[str]:
    """Run `procurewatch` to its end."""
    with start(folder, *arguments, base_url=base_url, **more) as process:
        out, err = process.communicate(timeout=120)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)
