"""Running the real program in a process of its own."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

from procurewatch.cli import main

FORKING = multiprocessing.get_context("forkserver")
FORKING.set_forkserver_preload(["tests.commands"])
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
    """Run `procurewatch` to its end, in a process of its own.

    The process is forked from one that has the program's modules read already: to read them is most of what a command
    takes, and there are hundreds in the tests.
    """
    command = ["--data-dir", str(folder), *arguments]
    with tempfile.TemporaryDirectory() as results:
        out, err = Path(results) / "out", Path(results) / "err"
        process = FORKING.Process(target=_run_main, args=(command, environment(base_url, **more), out, err))
        process.start()
        process.join(120)
        if process.exitcode is None:
            process.kill()
            raise TimeoutError(f"{command} did not end in two minutes")
        return subprocess.CompletedProcess(
            ["procurewatch", *command], process.exitcode, out.read_text("utf-8"), err.read_text("utf-8")
        )


def _run_main(command: list[str], variables: dict[str, str], out: Path, err: Path) -> None:
    """Become the program, as its script does, with its output in files."""
    for file, descriptor in ((out, 1), (err, 2)):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT), descriptor)
    sys.stdout, sys.stderr = (open(number, "w", encoding="utf-8", closefd=False) for number in (1, 2))  # noqa: SIM115
    os.environ.clear()
    os.environ.update(variables)
    warnings.simplefilter("error")
    sys.argv = ["procurewatch", *command]
    main()
