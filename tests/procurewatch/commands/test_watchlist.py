"""The vendors commands as their user runs them: real processes on what the demo has stored."""

from __future__ import annotations

import csv
import io
import re
import shutil
from pathlib import Path

import pytest

from monitors.watchlist.loader import load_watchlist
from monitors.watchlist.model import Vendor
from procurewatch.settings import load_settings
from tests.commands import run

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def stored(demo_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of what the demo has stored."""
    return shutil.copytree(demo_folder / "demo", tmp_path_factory.mktemp("demo"), dirs_exist_ok=True)


def said(text: str) -> str:
    return " ".join(re.sub(r"[^\x20-\x7e]", " ", text).split())


def test_list_filters(tmp_path: Path) -> None:
    done = run(tmp_path, "vendors", "list", "--category", "spyware", "--evidence", "press")
    assert done.returncode == 0, done.stderr
    assert "paragon-solutions" in done.stdout
    assert "clearview-ai" not in done.stdout
    assert "boldend" not in done.stdout
    assert run(tmp_path, "vendors", "list", "no such words").returncode == 1
    wrong = run(tmp_path, "vendors", "list", "--category", "spywear")
    assert (wrong.returncode, "no category 'spywear'" in said(wrong.stderr)) == (2, True)


def test_show_has_every_fact_and_source(tmp_path: Path) -> None:
    done = run(tmp_path, "vendors", "show", "Axon Enterprise")
    assert done.returncode == 0, done.stderr
    for fact in (
        "TASER INTERNATIONAL, INC. [-2017, mixed]",
        "TBW7MGPYURM7",
        "https://www.axon.com/",
        "body-cameras.yaml line",
    ):
        assert fact in said(done.stdout)
    assert "Unverified" in run(tmp_path, "vendors", "show", "boldend").stdout
    assert " TASERS " not in said(done.stdout).partition("searched by phrase")[2]
    assert run(tmp_path, "vendors", "show", "nobody").returncode == 2
    short = said(run(tmp_path, "vendors", "show", "thorn").stdout)
    assert re.search(r"searched by whole name\W+THORN", short)


def test_add_writes_the_file_of_the_data_folder(tmp_path: Path) -> None:
    add = ("vendors", "add", "Acme Eyes", "--category", "dna")
    done = run(tmp_path, *add, "--legal-name", "ACME EYES, INC.", "--phrase", "ACMEFACE=strong", "--phrase", "EYEWALL")
    assert done.returncode == 0, done.stderr
    own = tmp_path / "watchlist.yaml"
    own.write_text(own.read_text().replace("vendors:", "# mine\nvendors:"))
    again = run(tmp_path, *add)
    assert (again.returncode, "--replace replaces it" in again.stderr) == (2, True)
    assert run(tmp_path, *add, "--replace", "--note", "now: noted").returncode == 0
    assert "now: noted" in run(tmp_path, "vendors", "show", "acme-eyes").stdout
    assert "# mine" in own.read_text()
    mistyped = run(tmp_path, *add, "--replace", "--uei", "E5BEYXDQYJS9")
    assert mistyped.returncode == 0
    assert 'acme-eyes: UEI "E5BEYXDQYJS9" is mistyped: after E5BEYXDQYJS comes 6' in mistyped.stderr
    wrong = run(tmp_path, "vendors", "add", "Palantir USG", "--id", "other", "--category", "dna")
    assert (wrong.returncode, 'is also a name of vendor "palantir"' in wrong.stderr) == (2, True)
    assert "other" not in own.read_text()


@pytest.mark.parametrize(
    ("phrase", "reason"),
    [
        (
            "AND THEN=strong",
            'phrase "AND THEN" begins with AND, which searches take for an operator: leave the word out',
        ),
        ("EYE OR", 'phrase "EYE OR" ends with OR, which searches take for an operator: leave the word out'),
        ("EYE (BALL=strong", 'phrase "EYE (BALL" has ( without its counterpart: add that, or leave both out'),
        ('EYE "BALL', 'phrase "EYE "BALL" has " without its counterpart: add that, or leave both out'),
    ],
)
def test_add_refuses_an_unsearchable_phrase(phrase: str, reason: str, tmp_path: Path) -> None:
    refused = run(tmp_path, "vendors", "add", "Acme Eyes", "--category", "dna", "--phrase", phrase)
    assert (refused.returncode, refused.stderr) == (2, f"procurewatch: acme-eyes: {reason}\n")
    assert not (tmp_path / "watchlist.yaml").exists()


def test_import_and_check_refuse_an_unsearchable_phrase(tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_text("id,name,category,strong_phrases\nacme,Acme Eyes,dna,OR ELSE\n")
    refused = run(tmp_path, "vendors", "import", str(file))
    assert (refused.returncode, 'acme: phrase "OR ELSE" begins with OR' in refused.stderr) == (2, True)
    assert not (tmp_path / "watchlist.yaml").exists()
    by_hand = "vendors:\n  - {id: acme, name: Acme, category: dna, products: [{phrase: OR ELSE, strength: strong}]}\n"
    (tmp_path / "watchlist.yaml").write_text(by_hand)
    check = run(tmp_path, "vendors", "check")
    assert (check.returncode, 'phrase "OR ELSE" begins with OR' in said(check.stdout)) == (1, True)


def test_add_writes_the_named_file(tmp_path: Path) -> None:
    own = tmp_path / "team.yaml"
    variable = {"PROCUREWATCH_WATCHLIST": f'["{own}"]'}
    own.write_text("vendors: []\n")
    assert run(tmp_path, "vendors", "add", "Acme Eyes", "--category", "dna", **variable).returncode == 0
    assert "acme-eyes" in own.read_text()
    assert not (tmp_path / "watchlist.yaml").exists()
    settings = load_settings(data_dir=tmp_path, watchlist=[own])
    assert settings.watchlist_files == [own]


def test_a_topic_can_be_added(tmp_path: Path) -> None:
    topic = (
        "vendors",
        "add",
        "Smart rings",
        "--kind",
        "topic",
        "--id",
        "topic-smart-rings",
        "--category",
        "biometrics",
    )
    assert run(tmp_path, *topic, "--phrase", "SMART RING=strong").returncode == 0
    assert load_watchlist(tmp_path / "watchlist.yaml").by_id["topic-smart-rings"].kind == "topic"


def test_check_uses_the_stored_records(stored: Path, tmp_path: Path) -> None:
    fine = run(stored, "vendors", "check")
    assert fine.returncode == 0, fine.stdout
    assert "0 serious findings" in fine.stdout
    empty = run(tmp_path, "vendors", "check")
    assert "no records are stored" in empty.stdout
    (tmp_path / "watchlist.yaml").write_text(
        "vendors:\n  - {id: acme, name: Acme Eyes, category: dna, ueis: [E5BEYXDQYJS6]}\n"
    )
    serious = run(tmp_path, "vendors", "check")
    assert (serious.returncode, 'is also one of "' in said(serious.stdout)) == (1, True)


def test_preview_counts_matches_and_saves_nothing(stored: Path, tmp_path: Path) -> None:
    before = sorted(path.name for path in stored.iterdir())
    done = run(stored, "vendors", "preview", "--name", "Gray Box", "--phrase", "GRAYKEY=strong", "--examples", "2")
    assert done.returncode == 0, done.stderr
    figures = r"would match (\d+) of (\d+) stored records .*: (\d+) published, (\d+) for review, [\d.]+ a month"
    found = re.search(figures, said(done.stdout))
    assert found
    total, of, published, review = map(int, found.groups())
    assert 0 < total == published + review < of
    assert said(done.stdout).count("GRAYKEY") >= 2
    assert run(stored, "vendors", "preview", "--name", "Nobody At All").returncode == 1
    assert run(stored, "vendors", "preview").returncode == 2
    file = tmp_path / "new.yaml"
    file.write_text("vendors:\n  - {id: x-y, name: Thundercat Technology, category: dna}\n")
    assert "Thundercat Technology: would match" in run(stored, "vendors", "preview", str(file)).stdout
    assert sorted(path.name for path in stored.iterdir()) == before


def test_export_and_import_round_trip(tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    assert run(tmp_path, "vendors", "export", "-o", str(file)).returncode == 0
    same = run(tmp_path, "vendors", "import", str(file))
    assert (same.returncode, "0 new, 0 replaced" in same.stdout) == (0, True)
    assert not (tmp_path / "watchlist.yaml").exists()
    rows = list(csv.DictReader(io.StringIO(file.read_bytes().decode())))
    rows = [row for row in rows if row["id"] == "axon"]
    rows[0]["note"] = "=HYPERLINK(1)"
    rows.append({**dict.fromkeys(rows[0], ""), "id": "acme", "name": "Acme Eyes", "category": "dna"})
    changed = io.StringIO(newline="")
    writer = csv.DictWriter(changed, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    file.write_text(changed.getvalue(), newline="")
    assert run(tmp_path, "vendors", "import", str(file)).returncode == 2
    done = run(tmp_path, "vendors", "import", str(file), "--replace")
    assert "1 new, 1 replaced, 0 unchanged" in done.stdout
    listed = load_watchlist(tmp_path / "watchlist.yaml").by_id
    assert listed["axon"].note == "=HYPERLINK(1)"
    assert listed["axon"].former_names == load_watchlist().by_id["axon"].former_names
    assert "'=HYPERLINK(1)" in run(tmp_path, "vendors", "export", "--category", "body-cameras").stdout


def test_every_field_and_command_is_in_the_documentation() -> None:
    words = (ROOT / "docs" / "watchlist.md").read_text()
    for field in Vendor.__dataclass_fields__:
        assert re.search(rf"^\| `{field}` \|", words, re.M), field
    for command in ("preview", "add", "check", "export", "import"):
        assert f"vendors {command}" in words
