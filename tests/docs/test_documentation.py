"""The documentation names every command, and every command it names is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.main import get_command

from procurewatch.cli import app
from storage.models import RunStatus
from storage.reading.export_rows import COLUMNS, RowType

ROOT = Path(__file__).parents[2]
COMMANDS = (ROOT / "docs" / "commands.md").read_text()


def names() -> set[str]:
    """Return every command as it is typed."""
    found: set[str] = set()
    for name, lazy in getattr(get_command(app), "commands").items():  # noqa: B009  the class is typer's own
        command = lazy.load()
        inner = getattr(command, "commands", None)
        found |= {f"{name} {each}" for each in inner or ()}
        if not inner or getattr(command, "invoke_without_command", False):
            found.add(name)
    return found


def test_every_command_is_documented_and_every_documented_command_is_there() -> None:
    documented = {re.match(r"[a-z]+( [a-z]+)?", row)[0] for row in re.findall(r"^\| `([a-z][^`]*)` \|", COMMANDS, re.M)}  # type: ignore[index]
    assert documented == names()


@pytest.mark.parametrize("status", RunStatus)
def test_every_run_status_is_documented(status: RunStatus) -> None:
    assert re.search(rf"^\| {status.value} \|", COMMANDS, re.M)


def test_the_readme_gives_the_commands_that_ci_runs() -> None:
    readme = (ROOT / "README.md").read_text()
    assert "python3 start.py demo" in readme
    assert "python3 start.py test" in readme
    assert "python3 start.py test" in (ROOT / ".ci" / "run").read_text()


@pytest.mark.parametrize("kind", RowType)
def test_every_column_of_an_export_is_documented(kind: RowType) -> None:
    exports = (ROOT / "docs" / "exports.md").read_text()
    named = {name for row in re.findall(r"^\| (`[^|]+) \|", exports, re.M) for name in re.findall(r"`([a-z_]+)`", row)}
    assert set(COLUMNS[kind]) <= named


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(ROOT.glob("docs/*.md"))], ids=lambda page: page.name
)
def test_every_link_leads_to_a_file(page: Path) -> None:
    targets = re.findall(r"\]\(([^)]+)\)", page.read_text())
    for target in targets:
        if not target.startswith(("http", "#")):
            assert (page.parent / target.partition("#")[0]).is_file(), target


def test_every_page_that_the_program_names_exists() -> None:
    packages = ("sources", "monitors", "storage", "feeds", "procurewatch")
    files = [file for package in packages for file in (ROOT / package).rglob("*") if file.suffix in {".py", ".html"}]
    named = {name for file in files for name in re.findall(r"(?<!\w)docs/[\w-]+\.md", file.read_text())}
    assert {name for name in named if not (ROOT / name).is_file()} == set()
