"""The documented recipes publish what is stored, although a source refuses."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import feedparser

from storage.database import open_database
from tests.commands import environment
from tests.procurewatch.site import fill
from tests.sources.scripted_server import Script, ScriptedServer

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "feeds.md").read_text()
CRON = re.findall(r"^    0 \*/6 \* \* \*  (.*)$", GUIDE, re.MULTILINE)
CI = re.findall(r"^    (procurewatch poll \|\|.*?)^\n", GUIDE, re.MULTILINE | re.DOTALL)


def program(folder: Path) -> Path:
    """Return a folder with the command `procurewatch`, which runs the code that is tested."""
    file = folder / "bin" / "procurewatch"
    file.parent.mkdir()
    file.write_text(f'#!/bin/sh\nexec {sys.executable} -m procurewatch "$@"\n')
    file.chmod(0o755)
    return file.parent


def test_systemd_ignores_the_exit_code_of_poll_only() -> None:
    assert re.findall(r"ExecStart=(-?)\S+ (\w+)", GUIDE) == [("-", "poll"), ("", "feeds")]


def test_a_ci_job_publishes_before_it_fails() -> None:
    poll, build, publish, end = CI[0].strip().splitlines()
    assert (poll, build.rpartition(" || ")[2]) == ("procurewatch poll || failed=1", "failed=1")
    assert publish.strip().startswith("# publish")
    assert end.strip() == "exit ${failed:-0}"


def test_cron_publishes_although_a_source_refuses(tmp_path: Path) -> None:
    site = tmp_path / "site"
    with closing(open_database(f"sqlite:///{tmp_path / 'procurewatch.sqlite3'}")) as database:
        fill(database)
    script = CRON[0].replace("/var/www/procurewatch", str(site))
    with ScriptedServer(Script(status=403, body=b"Access denied")) as refusing:
        own = environment(
            PATH=f"{program(tmp_path)}{os.pathsep}{os.environ['PATH']}",
            PROCUREWATCH_DATA_DIR=str(tmp_path),
            PROCUREWATCH_ONLY_SOURCES='["usaspending"]',
            PROCUREWATCH_SOURCES__USASPENDING__BASE_URL=refusing.base_url,
            PROCUREWATCH_SOURCES__USASPENDING__SECONDS_BETWEEN="0",
        )
        done = subprocess.run(
            ["sh", "-c", script],
            cwd=ROOT,
            env=own,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert "procurewatch: blocked: usaspending: " in done.stderr
    assert (site / "index.html").is_file()
    assert len(feedparser.parse((site / "all.atom").read_bytes()).entries) > 1
    [entry] = feedparser.parse((site / "health.atom").read_bytes()).entries
    assert entry.title.endswith("(blocked)")
