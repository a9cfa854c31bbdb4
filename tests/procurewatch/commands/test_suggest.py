"""`procurewatch vendors suggest` as its user runs it, on a store that a poll has filled."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from monitors.watchlist.loader import load_watchlist, read_categories, read_file
from monitors.watchlist.model import Portfolio
from sources.registry import SOURCES
from storage.models import RunStatus
from tests.app_context import app_context_with, ignore
from tests.commands import run
from tests.upstreams.usaspending.corpus import CorpusAction, CorpusAward
from tests.upstreams.usaspending.server import FakeUsaspending

WIDE = {"COLUMNS": "250"}
ENTRIES = ("axon", "cellebrite", "topic-license-plate-readers", "topic-body-worn-cameras")
READERS = "VETTED SECURITY SOLUTIONS LLC"  # a real dealer; the awards are made up from real descriptions
TOPIC = "LICENSE PLATE READERS FOR SAC DETROIT"


def bought(number: int, recipient: str, description: str, agency: str = "7012", uei: str = "") -> CorpusAward:
    action = CorpusAction(
        modification="0", action_date=date(2024, 8, number), obligation=Decimal(1000), description=description
    )
    return CorpusAward(
        piid=f"70CMSD24P{number:08}",
        agency=agency,
        awarding_sub_code=agency,
        recipient_name=recipient,
        recipient_uei=uei or None,
        actions=[action],
        date_signed=action.action_date,
        last_modified_date=action.action_date,
    )


AWARDS = [
    bought(1, READERS, TOPIC, uei="Z1H9VJS8NG16"),
    bought(2, READERS, "LICENSE PLATE READER KITS, PHYSICAL ANALYZER"),
    bought(3, "VETTED SECURITY SOLUTIONS, LLC", TOPIC, agency="7014"),
    bought(4, "ONE TIME SELLER INC", TOPIC),
    bought(5, "AXON ENTERPRISE, INC.", "BODY WORN CAMERAS"),
    bought(6, "AXON ENTERPRISE, INC.", TOPIC),
    bought(7, "DEALER OF ALL LLC", TOPIC),
    bought(8, "DEALER OF ALL LLC", "LICENSE PLATE READER"),
    bought(9, "DEALER OF ALL LLC", "CELLEBRITE UFED LICENSES"),
    bought(10, "DEALER OF ALL LLC", "CELLEBRITE UFED RENEWAL"),
    bought(11, "REDACTED DUE TO PII", TOPIC),
    bought(12, "REDACTED DUE TO PII", TOPIC),
]  # fmt: skip


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("suggest")
    with FakeUsaspending(AWARDS) as upstream:
        asked = {"usaspending": {"base_url": upstream.base_url}}
        with app_context_with(asked, folder, *ENTRIES) as app_context:
            report = app_context.poll(SOURCES["usaspending"], date(2024, 8, 31), ignore)
    assert report.status is RunStatus.BASELINE_SEEDED
    return folder


def test_suggests_recipients_about_topics_with_no_vendor(stored: Path) -> None:
    done = run(stored, "vendors", "suggest", **WIDE)
    assert done.returncode == 0, done.stderr
    [row] = [line for line in done.stdout.splitlines() if READERS in line]
    cells = [cell.strip() for cell in row.split("│")[1:-1]]
    assert cells == [READERS, "License plate readers", "3", "3", "$3,000.00", "0", TOPIC]
    for left_out in ("ONE TIME SELLER", "AXON", "DEALER OF ALL", "REDACTED"):
        assert left_out not in done.stdout
    assert "ONE TIME SELLER INC" in run(stored, "vendors", "suggest", "--min-signals", "1", **WIDE).stdout


def test_options_limit_the_records_and_the_list(stored: Path) -> None:
    few = run(stored, "vendors", "suggest", "--min-signals", "1", "--limit", "1", **WIDE)
    assert "1 of 2 recipients" in few.stdout
    assert "ONE TIME SELLER" not in few.stdout
    border = run(stored, "vendors", "suggest", "--min-signals", "1", "--agency", "7014", **WIDE)
    assert border.stdout.split("\n")[0].strip() == "1 recipient"
    none = run(stored, "vendors", "suggest", "--agency", "9700", **WIDE)
    assert (none.returncode, "no recipient of the stored awards is suggested" in none.stderr) == (1, True)
    assert run(stored, "vendors", "suggest", "--since", "yesterday").returncode == 2


def test_the_entries_can_be_used_as_they_are(stored: Path, tmp_path: Path) -> None:
    file = tmp_path / "suggested.yaml"
    done = run(stored, "vendors", "suggest", "--output", str(file))
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert run(stored, "vendors", "suggest", "--yaml").stdout == file.read_text()
    [(entry, _)] = read_file(file, read_categories())
    assert (entry.id, entry.category, entry.portfolio) == (
        "vetted-security-solutions", "license-plate-readers", Portfolio.MIXED,
    )  # fmt: skip
    assert {known.name for known in entry.legal_names} == {READERS, "VETTED SECURITY SOLUTIONS, LLC"}
    assert entry.ueis == ("Z1H9VJS8NG16",)
    assert len(entry.sources) == 3
    assert all(source.startswith("https://www.usaspending.gov/award/CONT_AWD_70CMSD24P") for source in entry.sources)
    assert "would match 3 of" in " ".join(run(stored, "vendors", "preview", str(file)).stdout.split())
    listed = run(stored, "vendors", "check", PROCUREWATCH_WATCHLIST=f'["{file}"]')
    assert f"{len(load_watchlist().vendors) + 1} entries, 0 serious findings" in " ".join(listed.stdout.split())
    again = run(stored, "vendors", "suggest", PROCUREWATCH_WATCHLIST=f'["{file}"]')
    assert again.returncode == 1, "it is on the list now"


def test_names_and_ids_of_the_watchlist_are_taken(stored: Path, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    entry = "  - {id: %s, name: %s, category: dna, resellers: [%s]}\n"
    file.write_text("vendors:\n" + entry % ("vetted-security-solutions", "Other Optics", "One Time Seller"))
    done = run(stored, "vendors", "suggest", "--min-signals", "1", "--yaml", PROCUREWATCH_WATCHLIST=f'["{file}"]')
    assert [line for line in done.stdout.splitlines() if "id:" in line] == ["  - id: vetted-security-solutions-2"]
