"""`review` and its subcommands, in the real program."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from storage.database import open_database
from storage.models import recipient_subjects
from storage.reading.review_queue import review_queue
from storage.writing.reviews import list_decisions
from tests.commands import run, start
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
