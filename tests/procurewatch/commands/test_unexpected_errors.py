"""Whatever goes wrong in a command is one line on stderr; its traceback is in the debug log."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

import pytest

from storage.database import open_database
from tests.commands import PROGRAM, environment, run
from tests.processes import Process
from tests.procurewatch.site import fill

BROKEN = (
    "import procurewatch.commands.sources as module\n"
    "def fail(*_given):\n"
    "    raise KeyError('the key s3cret-key and the p%40ssword')\n"
    "module.load_health = fail\n"
)


def sources(folder: Path, *options: str, **variables: str) -> tuple[int, str]:
    """Run the command `sources` with an error in it; return its exit code and stderr."""
    command = ["procurewatch", "--data-dir", str(folder), *options, "sources"]
    with Process(BROKEN + PROGRAM, command, environment(**variables)) as process:
        _, err = process.communicate()
        return process.wait(), err


def test_an_unexpected_error_is_one_line_and_a_debug_log_without_secrets(tmp_path: Path) -> None:
    code, err = sources(tmp_path, PROCUREWATCH_SOURCES__SAMNOTICES__KEY="s3cret-key")
    assert code == 1
    line = "procurewatch: unexpected error: KeyError: 'the key s3cret-key and the p%40ssword'"
    assert err.startswith(line.replace("s3cret-key", "[secret]"))
    assert err.endswith(f"; the details are in {tmp_path / 'debug.log'}\n")
    assert err.count("\n") == 1
    log = (tmp_path / "debug.log").read_text()
    assert "Traceback (most recent call last)" in log
    assert "KeyError: 'the key [secret] and the p%40ssword'" in log


def test_debug_prints_the_traceback(tmp_path: Path) -> None:
    code, err = sources(tmp_path, "--debug")
    assert code == 1
    assert err.startswith("Traceback (most recent call last)")
    assert err.splitlines()[-1].startswith("procurewatch: unexpected error: KeyError: ")
    assert not (tmp_path / "debug.log").exists()


@pytest.mark.skipif(os.geteuid() != 0 and not os.access("/proc", os.W_OK), reason="needs a folder that refuses files")
def test_a_data_folder_that_refuses_the_log_does_not_hide_the_error(tmp_path: Path) -> None:
    (tmp_path / "debug.log").mkdir()
    code, err = sources(tmp_path, TMPDIR=str(tmp_path / "elsewhere"))
    assert code == 1
    assert err.startswith("procurewatch: unexpected error: KeyError: ")
    assert err.count("\n") == 1


def test_poll_reports_each_source_by_itself(tmp_path: Path) -> None:
    done = run(
        tmp_path,
        "poll",
        PROCUREWATCH_ONLY_SOURCES='["samnotices", "dod"]',
        PROCUREWATCH_SOURCES__SAMNOTICES__KEY="k\u00e9y" * 10,
        PROCUREWATCH_SOURCES__DOD__BASE_URL="http://127.0.0.1:9",
        PROCUREWATCH_SOURCES__DOD__TRIES="1",
        PROCUREWATCH_SOURCES__DOD__SECONDS_BETWEEN="0",
    )
    said = [line for line in done.stderr.splitlines() if line.startswith("procurewatch: ")]
    assert done.returncode == 1
    assert any(line.startswith("procurewatch: samnotices: its key holds characters") for line in said)
    assert any(line.startswith("procurewatch: source unreachable: dod: ") for line in said)


ONE_BROKEN_PAGE = """
import procurewatch.static_site.pages as module
plain = module.record_page
def fail_for_one(session, key, titles):
    if "70CMSD24P00000119" in key:
        raise OverflowError("date value out of range")
    return plain(session, key, titles)
module.record_page = fail_for_one
"""


def test_one_page_that_cannot_be_built_is_named_and_the_others_are_written(tmp_path: Path) -> None:
    with closing(open_database(f"sqlite:///{tmp_path / 'procurewatch.sqlite3'}")) as database:
        fill(database)
    site = tmp_path / "site"
    command = ["procurewatch", "--data-dir", str(tmp_path), "feeds", "build", str(site)]
    with Process(ONE_BROKEN_PAGE + PROGRAM, command, environment()) as process:
        out, err = process.communicate()
    missing = "awards/CONT_AWD_70CMSD24P00000119_7012_-NONE-_-NONE-.html"
    assert process.returncode == 1
    assert err.splitlines()[-1] == f"procurewatch: 1 file could not be built: {missing}"
    assert "files written" in out
    pages = list((site / "awards").iterdir())
    assert len(pages) > 2
    assert site / missing not in pages
    assert (site / "index.html").is_file()
