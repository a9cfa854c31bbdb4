"""The commands that the fault suite kills."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal as Dollars
from functools import partial
from pathlib import Path

from procurewatch.static_site.manifest import MANIFEST, digest_file, read_manifest
from storage.database import open_database
from storage.models import record_subject
from storage.writing.reviews import Decision, ReviewDecision, write_decisions
from tests.commands import run
from tests.faults.killing import DATABASE, Command, files_of, records_of
from tests.procurewatch.site import fill
from tests.records import BABEL, CLEARVIEW, COURT_REPORTER, LATER
from tests.sources.dod.articles import page
from tests.upstreams.fpds import Action, feed
from tests.upstreams.usaspending.corpus import CorpusAction, CorpusAward, load_corpus
from tests.upstreams.usaspending.server import FakeUsaspending

WIDE = (("PROCUREWATCH_LOOKBACK_DAYS", "4000"), ("PROCUREWATCH_FULL_SWEEP_DAYS", "4000"))
PARAGRAPH = "Paragon Lenses Inc., Reston, Virginia, is awarded a ${}0,000,000 contract (W9124C-26-C-{:04}) for lenses."
LENSES = """vendors:
  - id: paragon-lenses
    name: Paragon Lenses
    category: face-recognition
    legal_names: [PARAGON LENSES INC]
    sources: [https://example.org/why]
"""
SAVED = b"<!-- saved from url=(0066)https://www.war.gov/News/Contracts/Contract/Article/4532001/ -->\n<html>"


def small_corpus() -> list[CorpusAward]:
    """Return awards of two vendors and of a reseller."""
    names = ("CLEARVIEW AI", "COBWEBS", "PANAMERICA")
    return [award for award in load_corpus() if any(name in (award.recipient_name or "") for name in names)]


@contextmanager
def commands() -> Iterator[list[Command]]:
    """Serve a fake USAspending, and yield the commands."""
    with FakeUsaspending(small_corpus()) as upstream, FakeUsaspending(_with_news()) as later:
        yield [
            Command(
                name="poll",
                arguments=("poll",),
                prepare=_nothing,
                result=records_of,
                is_run=True,
                base_url=upstream.base_url,
                variables=WIDE,
            ),
            Command(
                name="poll again",
                arguments=("poll", "--now"),
                prepare=partial(_poll, base_url=upstream.base_url),
                result=records_of,
                is_run=True,
                base_url=later.base_url,
                variables=WIDE,
            ),
            Command(
                name="backfill",
                arguments=("backfill", "babel-street", "--since", "2020-10-01", "--notify"),
                prepare=_nothing,
                result=records_of,
                is_run=True,
                base_url=upstream.base_url,
            ),
            Command(
                name="import",
                arguments=("import", "fpds", "--notify", "{folder}/archive.xml"),
                prepare=_archive,
                result=records_of,
                is_run=True,
            ),
            Command(name="rematch", arguments=("rematch",), prepare=_unmatched, result=records_of),
            Command(name="migration", arguments=("sources",), prepare=_nothing, result=records_of),
            Command(
                name="review import",
                arguments=("review", "import", "{folder}/decisions.jsonl"),
                prepare=_decisions,
                result=records_of,
            ),
            Command(
                name="site",
                arguments=("feeds", "build", "{folder}/site", "--site-url", "https://example.org"),
                prepare=_records,
                result=_site,
            ),
            Command(
                name="export",
                arguments=(
                    "export",
                    "--format",
                    "csv",
                    "--no-data-package",
                    "--output",
                    "{folder}/exported/records.csv",
                ),
                prepare=_records,
                result=partial(files_of, name="exported"),
            ),
        ]


def _nothing(_folder: Path) -> None:
    """Prepare nothing."""


def _with_news() -> list[CorpusAward]:
    """Return the corpus with a modification of every award."""
    awards = small_corpus()
    today = datetime.now(UTC).date()
    for number, award in enumerate(awards):
        action = CorpusAction(
            modification="P00099",
            action_date=today - timedelta(days=5),
            obligation=Dollars(1000 + number),
            description="ADDITIONAL FUNDING",
        )
        award.actions.append(action)
        award.last_modified_date = today - timedelta(days=3)
    return awards


def _poll(folder: Path, base_url: str) -> None:
    done = run(folder, "poll", base_url=base_url, **dict(WIDE))
    assert done.returncode == 0, done.stderr


def _records(folder: Path) -> None:
    (folder / "exported").mkdir()
    with closing(open_database(f"sqlite:///{folder / DATABASE}")) as database:
        fill(database)


def _site(folder: Path) -> object:
    """Return the site's files. Pagefind names those of its index otherwise in each build: of them, how many pages."""
    site = folder / "site"
    for path, file in read_manifest(site).files.items():
        assert digest_file(site / path) == file.sha256, path
    files = {path: content for path, content in files_of(folder, "site").items() if not path.endswith(MANIFEST)}
    index = {path: content for path, content in files.items() if path.startswith("site/pagefind/")}
    entry = json.loads(index.get("site/pagefind/pagefind-entry.json", b"{}"))
    pages = {language: found["page_count"] for language, found in entry.get("languages", {}).items()}
    return {path: files[path] for path in files.keys() - index.keys()}, pages


def _archive(folder: Path) -> None:
    actions = [
        Action(piid=f"70CTD024C{number:08}", modification=modification, description=f"LICENSES {number} CLEARVIEW AI")
        for number in range(20)
        for modification in ("0", "P00001")
    ]
    (folder / "archive.xml").write_bytes(feed(*actions))


def _unmatched(folder: Path) -> None:
    """Store announcements of a company that is added to the watchlist afterwards."""
    paragraphs = [PARAGRAPH.format(number % 9 + 1, number) for number in range(1, 9)]
    file = folder / "saved.html"
    file.write_bytes(page(1, *paragraphs).body.replace(b"<html>", SAVED))
    done = run(folder, "import", "dod", str(file))
    assert done.returncode == 0, done.stderr
    (folder / "watchlist.yaml").write_text(LENSES)


def _decisions(folder: Path) -> None:
    _records(folder)
    made = [
        ReviewDecision(
            vendor_id=vendor_id,
            subject=record_subject(key),
            decision=decision,
            decided_by="Ana",
            note="",
            decided_at=LATER,
        )
        for key, vendor_id, decision in (
            (CLEARVIEW.key, "clearview-ai", Decision.REJECTED),
            (COURT_REPORTER.key, "panamerica", Decision.CONFIRMED),
            (BABEL.key, "babel-street", Decision.REJECTED),
        )
    ]
    (folder / "decisions.jsonl").write_text("".join(f"{line}\n" for line in write_decisions(made)))
