"""The demo as its user runs it, and the commands that it ends with."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import feedparser
import pytest

from tests.commands import run

ROOT = Path(__file__).parents[3]
WRITTEN = re.compile(r"^FOLDER$|\.\w+$")  # names of files and folders
COLORS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
WIDE = re.compile(r"[/\\]|--demo|poll$")  # paths and commands are never wrapped


@pytest.fixture(scope="module")
def demo(demo_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder in which the demo has run once; its last output is in demo.txt."""
    return shutil.copytree(demo_folder, tmp_path_factory.mktemp("demo"), dirs_exist_ok=True)


def files(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _feeds(written: dict[str, bytes]) -> dict[str, bytes]:
    """Return the feeds; the home page shows the time of the poll, and Pagefind's index varies."""
    kinds = (".atom", ".rss", ".json")
    return {name: it for name, it in written.items() if name.endswith(kinds) and "pagefind" not in name}


def test_the_demo_lists_real_awards_and_writes_feeds(demo: Path) -> None:
    shown = (demo / "demo.txt").read_text()
    # The sum of the extract's actions of Palantir's awards, and the newest of these.
    for fact in ("fiscal years 2021-2024", "Palantir ", "$95,924,650.81", "70CTD022FR0000170", "2022-09-20"):
        assert fact in shown
    feeds = [path for path in (demo / "demo" / "feeds").rglob("*") if path.suffix in (".atom", ".rss")]
    assert len(feeds) > 60
    for path in feeds:
        assert not feedparser.parse(path.read_bytes()).bozo, path
    clearview = feedparser.parse((demo / "demo" / "feeds" / "vendor" / "clearview-ai.atom").read_bytes())
    assert any("$1,102,500 " in entry.title for entry in clearview.entries)
    everything = feedparser.parse((demo / "demo" / "feeds" / "all.atom").read_bytes())
    assert not [entry for entry in everything.entries if "PARAGON SYSTEMS" in entry.title or "1NTEGER" in entry.title]


def test_the_demo_ends_with_commands_that_can_be_pasted(demo: Path) -> None:
    pasted = re.findall(r"^  procurewatch (--data-dir .* --demo .*)$", (demo / "demo.txt").read_text(), re.MULTILINE)
    given = [shlex.split(line) for line in pasted]
    assert [arguments[3] for arguments in given] == ["search", "show", "serve"]
    for _, folder, *command in given[:2]:
        done = run(demo, *command)
        assert (Path(folder).name, done.returncode) == ("demo", 0), done.stderr
        assert "70B03C23F00001053" in done.stdout


def test_the_readmes_commands_work_after_the_demo(demo: Path, tmp_path: Path) -> None:
    readme = (ROOT / "README.md").read_text()
    commands = [line.partition("#")[0] for line in re.findall(r"python3 start\.py --demo (.*)$", readme, re.MULTILINE)]
    assert len(commands) >= 4
    for command in commands:
        arguments = [str(tmp_path / word) if WRITTEN.search(word) else word for word in shlex.split(command)]
        if arguments[0] != "serve":
            done = run(demo, "--demo", *arguments)
            assert done.returncode == 0, f"{command}: {done.stderr}"


def test_the_readmes_answer_is_what_the_program_prints(demo: Path) -> None:
    [(command, shown)] = re.findall(
        r"^    \$ procurewatch --demo (.*)\n((?: {4}.*\n|\n)+)", (ROOT / "README.md").read_text(), re.MULTILINE
    )
    done = run(demo, "--demo", *shlex.split(command), FORCE_COLOR="1", COLUMNS="80")
    printed = [line.rstrip() for line in COLORS.sub("", done.stdout).splitlines()]
    expected = [line.removeprefix("    ") for line in shown.strip().splitlines()]
    assert printed[: len(expected)] == expected


def test_the_demos_records_are_not_mixed_with_others(demo: Path, tmp_path: Path) -> None:
    done = run(demo, "--demo", "poll")
    assert (done.returncode, done.stdout) == (2, "")
    assert "poll fetches records, and the demo's are a recording; run it without --demo" in done.stderr
    done = run(tmp_path, "--demo", "search", "babel")
    assert (done.returncode, done.stdout) == (2, "")
    assert "the demo has not run yet; run the command `demo` first" in done.stderr


def test_a_second_demo_adds_nothing_fits_the_terminal_and_opens_the_browser(demo: Path, tmp_path: Path) -> None:
    feeds = files(demo / "demo" / "feeds")
    browser, opened = tmp_path / "browser", tmp_path / "opened"
    browser.write_text(f'#!/bin/sh\necho "$1" > {opened}.part && mv {opened}.part {opened}\nkill -TERM $PPID\n')
    browser.chmod(0o755)
    terminal = {"FORCE_COLOR": "1", "COLUMNS": "60", "BROWSER": str(browser)}
    again = run(demo, "demo", "--serve", "--port", "0", **terminal)
    assert again.returncode == 0, again.stderr
    assert _feeds(files(demo / "demo" / "feeds")) == _feeds(feeds)
    shown = COLORS.sub("", again.stdout)
    assert [line for line in shown.splitlines() if len(line) > 60 and not WIDE.search(line)] == []
    assert "  newest: 70CTD022FR0000170, ICE, 2022-09-20" in shown.splitlines()
    assert [opened.read_text().strip()] == re.findall(r"Serving (http://[\d.:]+/)", shown)
