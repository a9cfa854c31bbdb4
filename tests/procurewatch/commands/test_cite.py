"""`foia` and `cite` as their user runs them, on what is stored in each kind of database."""

from __future__ import annotations

import hashlib
import json
import subprocess
from dataclasses import replace
from pathlib import Path

import docx
import pytest

from feeds.entries.titles import title_for
from feeds.urls import event_anchor, event_path
from storage.database import Database
from storage.reading.events import events_of
from tests.commands import run
from tests.records import BABEL, CLEARVIEW, match
from tests.storage.database_helpers import save


@pytest.fixture
def ask(database: Database, database_url: str, tmp_path: Path) -> Asker:
    """Give what runs a command on a database that holds two purchases."""
    save(database, CLEARVIEW, match(CLEARVIEW))
    save(database, BABEL, match(BABEL, "babel-street"))
    return Asker(tmp_path, database_url, database)


class Asker:
    """Runs the program on one database."""

    def __init__(self, folder: Path, url: str, database: Database) -> None:
        self.folder, self.url, self.database = folder, url, database

    def __call__(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return run(self.folder, "--database-url", self.url, *arguments, **more)


def test_foia_writes_the_letter_and_says_what_to_check(ask: Asker) -> None:
    done = ask("foia", "70CMSD21P00000127", "--name", "Ida B. Wells", "--organization", "Memphis Free Speech")
    assert done.returncode == 0, done.stderr
    for needed in (CLEARVIEW.key, "P00005 (2023-09-12)", "500 12th Street SW", "Ida B. Wells", "Memphis Free Speech"):
        assert needed in done.stdout
    for note in ("Check the address before you send", "https://www.muckrock.com/foi/create/?", "mailto:?subject="):
        assert note in done.stderr
    assert "Check the address" not in done.stdout
    citizen = ask("foia", CLEARVIEW.key, "--not-media")
    assert "news media" not in citizen.stdout


def test_foia_writes_a_word_file(ask: Asker, tmp_path: Path) -> None:
    file = tmp_path / "request.docx"
    done = ask("foia", BABEL.key, "--docx", str(file))
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    text = "\n".join(paragraph.text for paragraph in docx.Document(str(file)).paragraphs)
    assert "HSHQDC12D00013" in text
    nowhere = ask("foia", BABEL.key, "--docx", str(tmp_path / "no" / "such" / "folder.docx"))
    assert nowhere.returncode != 0
    assert "Traceback" not in nowhere.stderr


def test_cite_uses_the_stored_evidence(ask: Asker) -> None:
    proof = hashlib.sha256(CLEARVIEW.documents[0].body).hexdigest()
    text = ask("cite", CLEARVIEW.key, PROCUREWATCH_SITE_URL="https://watch.example.org")
    assert text.returncode == 0, text.stderr
    assert proof in text.stdout
    assert f"https://watch.example.org/awards/{CLEARVIEW.key}.html" in text.stdout
    assert text.stdout.count("\n") == 1
    assert ask("cite", CLEARVIEW.key, "--format", "bibtex").stdout.startswith(f"@misc{{procurewatch-{CLEARVIEW.key},")
    assert ask("cite", CLEARVIEW.key, "--format", "markdown").stdout.startswith("U.S. Immigration and Customs")
    assert json.loads(ask("cite", CLEARVIEW.key, "--format", "csl-json").stdout)[0]["URL"] == CLEARVIEW.url


def test_cite_names_one_event_by_its_id_or_by_its_link(ask: Asker) -> None:
    with ask.database.reading() as session:
        bought = next(event for event in events_of(session, BABEL.key) if event.action)
    link = f"https://watch.example.org/{event_path(bought)}"
    texts = [ask("cite", BABEL.piid, "--event", given, PROCUREWATCH_SITE_URL="https://watch.example.org") for given in
             (bought.id, link, event_anchor(bought.id))]  # fmt: skip
    assert len({text.stdout for text in texts}) == 1
    for needed in (title_for(bought), f"Dated {bought.signed}.", link):
        assert needed in texts[0].stdout
    missing = ask("cite", CLEARVIEW.key, "--event", bought.id)
    assert missing.returncode == 2
    assert "has no event" in missing.stderr


def test_an_ambiguous_award_is_one_clear_line(ask: Asker) -> None:
    key = CLEARVIEW.key.replace("_7012_", "_7014_", 1)
    save(ask.database, replace(CLEARVIEW, key=key, actions=(), documents=()))
    for command in ("foia", "cite"):
        several = ask(command, CLEARVIEW.piid)
        assert several.returncode == 2
        assert "is the PIID of 2 awards" in several.stderr
        assert key in several.stderr
        missing = ask(command, "nothing-like-it")
        assert (missing.returncode, missing.stderr) == (1, "procurewatch: no award 'nothing-like-it' is stored\n")
