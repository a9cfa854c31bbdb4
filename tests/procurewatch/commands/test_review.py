"""`review` and its subcommands, in the real program."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from storage.database import open_database
from storage.models import recipient_subjects
from storage.reading.review_queue import review_queue
from storage.writing.reviews import list_decisions
from tests.commands import environment, run, start
from tests.records import BABEL, CLEARVIEW, CLEARVIEW_FORENSIC, match
from tests.storage.database_helpers import save

FIRST, SECOND = (replace(award, psc="7A21") for award in (CLEARVIEW, CLEARVIEW_FORENSIC))
RECIPIENT = recipient_subjects(CLEARVIEW.recipient.name, "")[0]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder with two pending matches of one recipient, one pending of another, and one by the name only."""
    with closing(open_database(f"sqlite:///{tmp_path / 'procurewatch.sqlite3'}")) as database:
        clue = {"text": "HSI, ANALYTICS", "points": 3}
        save(database, FIRST, match(FIRST, band="review", priority=4, clues=[clue]))
        save(database, SECOND, match(SECOND, band="review", priority=3), match(SECOND, "nuix", band="name-only"))
        save(database, BABEL, match(BABEL, "babel-street", band="review", priority=1))
    return tmp_path


def stored(folder: Path) -> tuple[list[tuple[str, str]], int]:
    """Return the decisions as (subject, decision), and how many matches are pending review."""
    with (
        closing(open_database(f"sqlite:///{folder / 'procurewatch.sqlite3'}")) as database,
        database.reading() as session,
    ):
        return [(one.subject, one.decision.value) for one in list_decisions(session)], len(review_queue(session))


def test_the_list_has_groups_in_order_of_priority_with_their_clues(folder: Path) -> None:
    shown = run(folder, "review", "list").stdout
    assert "3 matches pending review, in 2 groups" in shown
    assert 0 < shown.index("70CMSD21P00000127 and 1 more") < shown.index("Babel Street")
    assert "+3 HSI, ANALYTICS" in shown
    assert "Not listed: 1 match by a company's name only" in shown


def test_a_dry_run_says_what_a_decision_settles_and_saves_nothing(folder: Path) -> None:
    decide = ("review", "decide", FIRST.piid, "clearview-ai", "never", "--scope", "psc")
    told = run(folder, *decide, "--dry-run").stdout
    assert told == "product or service code 7A21, recipient CLEARVIEW AI, INC.: settles 2 matches pending review\n"
    assert stored(folder) == ([], 3)
    assert run(folder, *decide).stdout == f"{told}0 new entries in feeds\n"
    assert stored(folder) == ([(f"psc:7A21@{RECIPIENT}", "never")], 1)
    undo = ("review", "undo", FIRST.piid, "clearview-ai", "--scope", "psc")
    assert run(folder, *undo).stdout == "undone: product or service code 7A21, recipient CLEARVIEW AI, INC.\n"
    assert stored(folder) == ([], 3)
    assert "there is no decision" in run(folder, *undo).stderr


@pytest.mark.parametrize(
    ("options", "subject"),
    [
        (("rejected",), f"record:{CLEARVIEW.key}"),
        (("never",), RECIPIENT),
        (("confirmed", "--scope", "order"), f"order:{CLEARVIEW.key}"),
        (("never", "--phrase", "Facial  RECOGNITION!"), f"phrase:facial recognition@{RECIPIENT}"),
        (("never", "--phrase", "facial recognition", "--scope", "any"), "phrase:facial recognition@"),
    ],
)
def test_what_a_decision_is_about(folder: Path, options: tuple[str, ...], subject: str) -> None:
    done = run(folder, "review", "decide", FIRST.piid, "clearview-ai", *options)
    assert done.returncode == 0, done.stderr
    assert stored(folder)[0] == [(subject, options[0])]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--phrase", "?!"), "a phrase needs words"),
        (("--phrase", "radios", "--scope", "order"), "a phrase goes with no scope but any"),
        (("--scope", "any"), "the scope any needs a phrase"),
        (("--scope", "psc"), "the record has no product or service code"),
    ],
)
def test_a_scope_that_cannot_be_is_explained(folder: Path, options: tuple[str, ...], message: str) -> None:
    done = run(folder, "review", "decide", BABEL.piid, "babel-street", "never", *options)
    assert (done.returncode, message in done.stderr) == (2, True), done.stderr


def test_one_answer_settles_a_group_and_can_be_undone(folder: Path) -> None:
    with start(folder, "review") as process:
        shown, error = process.communicate("a\nu\nx\nr\n")
    assert "All of these: product or service code 7A21, recipient CLEARVIEW AI, INC.: settles 2 matches" in shown, error
    assert "2 decisions; 0 matches still pending." in shown
    assert stored(folder) == ([(f"record:{BABEL.key}", "rejected"), (f"psc:7A21@{RECIPIENT}", "never")], 0)


def test_decisions_are_written_whole_or_not_at_all(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "decisions.jsonl"
    file.write_text("the file of an earlier export\n")
    assert (
        run(folder, "review", "decide", FIRST.piid, "clearview-ai", "rejected", "--note", "x" * 60_000).returncode == 0
    )
    full = run_with_small_files(folder, "review", "export", str(file))
    assert full.returncode == 1
    assert full.stderr.startswith(f"procurewatch: {file} was not written: File too large")
    assert file.read_text() == "the file of an earlier export\n"
    left_over = tmp_path / f".{file.name}.{2**22 + 1}.part"
    left_over.write_bytes(b"of an export that was killed")
    assert run(folder, "review", "export", str(file)).returncode == 0
    assert json.loads(file.read_text())["decision"] == "rejected"
    assert not list(tmp_path.glob(".*.part")), "what a killed export has left is removed by the next one"


def run_with_small_files(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the program where no file may grow beyond 32 kB."""
    program = (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (32_768, resource.RLIM_INFINITY));"
        "from procurewatch.cli import main; main()"
    )
    command = [sys.executable, "-c", program, "--data-dir", str(folder), *arguments]
    return subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("note", "half a pair: \ud800", "it has a character that cannot be stored"),
        ("decided_by", "A\x00", "it has a character that cannot be stored"),
        ("decided_at", "9999-12-31T23:59:59+00:00", "9999-12-31T23:59:59+00:00 cannot be when it was decided"),
        ("decided_at", "0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00+14:00 cannot be when it was decided"),
    ],
)
def test_a_decision_that_cannot_be_stored_or_true_is_one_line(folder: Path, field: str, value: str, why: str) -> None:
    decision = {
        "vendor_id": "clearview-ai",
        "subject": f"record:{FIRST.key}",
        "decision": "rejected",
        "decided_by": "A",
        "note": "",
        "public_reason": "",
        "decided_at": "2026-11-01T12:00:00+00:00",
    }
    file = folder / "decisions.jsonl"
    file.write_text(f"{json.dumps(decision)}\n{json.dumps({**decision, field: value})}\n")
    done = run(folder, "review", "import", str(file))
    assert done.returncode == 2
    assert f"decisions.jsonl: line 2 is not a review decision: {why}" in done.stderr
    assert done.stderr.count("\n") == 1
    assert stored(folder)[0] == []


def test_decisions_with_a_byte_order_mark_and_any_separator_are_imported(folder: Path) -> None:
    decision = {
        "vendor_id": "clearview-ai",
        "subject": f"record:{CLEARVIEW.key}",
        "decision": "rejected",
        "decided_by": "A",
        "note": "first line\u2028second\x85third",
        "public_reason": "",
        "decided_at": "2026-11-01T12:00:00+00:00",
    }
    file = folder / "decisions.jsonl"
    file.write_text(f"{json.dumps(decision, ensure_ascii=False)}\r\n", "utf-8-sig", newline="")
    done = run(folder, "review", "import", str(file))
    assert (done.returncode, done.stdout) == (0, "1 decisions imported, 0 unchanged\n"), done.stderr
    file.write_text(json.dumps(decision), "utf-16")
    assert "decisions.jsonl: not UTF-8 text" in run(folder, "review", "import", str(file)).stderr
