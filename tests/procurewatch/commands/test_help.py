"""The help of the command line, and what it costs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from procurewatch.cli import SECTIONS
from tests.commands import run as run_command

HEAVY = ("sqlalchemy", "httpx", "pydantic", "rich", "fastapi")


@pytest.mark.parametrize("option", ["--version", "--help"])
def test_help_and_version_import_no_more_than_they_need(option: str) -> None:
    program = f"""
import sys
from procurewatch.cli import app
app(["{option}"], prog_name="procurewatch", standalone_mode=False)
print(sorted(set(sys.modules) & set({HEAVY})), file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(("procurewatch 0", "Usage: procurewatch [OPTIONS] COMMAND"))
    assert done.stderr.strip() == "[]"


@pytest.mark.parametrize("command", [name for section in SECTIONS.values() for name in section])
def test_every_command_has_help(command: str, tmp_path: Path) -> None:
    done = run_command(tmp_path, command, "--help")
    assert done.returncode == 0
    assert done.stdout.startswith(f"Usage: procurewatch {command}")


def test_a_mistyped_command_is_refused_with_the_nearest(tmp_path: Path) -> None:
    done = run_command(tmp_path, "bakfill")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "procurewatch: No such command 'bakfill'. Did you mean 'backfill'? (see --help)\n"


def test_help_is_in_sections_and_names_values_in_words(tmp_path: Path) -> None:
    shown = run_command(tmp_path, "search", "--help").stdout
    assert shown.startswith("Usage: procurewatch search [OPTIONS] [WORD]...\n")
    assert [line for line in shown.splitlines() if line.endswith(":") and line[0] != " "] == [
        "Arguments:",
        "Filters:",
        "Options:",
    ]
    assert "--since DAY " in shown
    assert "--limit N " in shown
    every = "".join(run_command(tmp_path, *command, "--help").stdout for command in ((), ("vendors", "add")))
    for types in ("<str>", "<path>", "<list[str]>", "<int"):
        assert types not in shown + every


def test_help_has_the_name_that_the_program_was_started_as(tmp_path: Path) -> None:
    shown = run_command(tmp_path, "poll", "--help", PROCUREWATCH_COMMAND="python3 start.py").stdout
    assert shown.startswith("Usage: python3 start.py poll [OPTIONS]\n")
