"""The measurement of the matcher: how files are read, and how each label counts."""

from __future__ import annotations

import gzip
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from benchmarks.counting import Score
from benchmarks.extracts import awards_of, read_extract
from benchmarks.labelled import Label, Verdict, part_of
from benchmarks.matching import as_json, entries_of, main, measure_files
from monitors.matching.matcher import Matcher
from storage.models import MatchBand
from tests.app_context import shipped

HEADER = (
    "Agency,Award ID,Recipient Name,Federal Action Obligation,Action Date,Modification,Product/Service Description,"
    "NAICS Description,Transaction Description,Generated Award ID,"
)
ACTIONS = f"""\
{HEADER}PSC code,recipient_uei,Awarding Office Name
ICE,A1,CELLEBRITE INC,"1,234.50",2024-09-30,0,,,UFED LICENSES,CONT_AWD_A1,7A21,ABCDEFGHJKL1,HSI CYBER DIVISION
ICE,A1,CELLEBRITE INC,-0.5,10/1/2024,P00001,,,ADMINISTRATIVE CHANGE,CONT_AWD_A1,7A21,ABCDEFGHJKL1,HSI CYBER DIVISION
ICE,A1,CELLEBRITE INC,-0.5,10/1/2024,P00001,,,ADMINISTRATIVE CHANGE,CONT_AWD_A1,7A21,ABCDEFGHJKL1,HSI CYBER DIVISION
CBP,A2,ACME LLC,$(5.00),2024-01-02,0,,,RENTAL OF OFFICE FURNITURE,CONT_AWD_A2,,,
CBP,A3,ACME LLC,much,2024-01-02T00:00:00,0,,,RAPID DNA AND SOCIAL MEDIA MONITORING,CONT_AWD_A3
CBP,A4,ACME LLC,1,some day,0,,,LOST,CONT_AWD_A4,,,
CBP,A4,ACME LLC,1,2024-01-02,0,,,LOST,,,,
"""
LABELS = """\
award_key,modification,action_date,stratum,label,subjects,reason
CONT_AWD_A1,0,2024-09-30,words,P,cellebrite; topic-device-forensics;no-such-entry,sells UFED
CONT_AWD_A1,P00001,2024-10-01,silent,p,cellebrite,
CONT_AWD_A2,0,2024-01-02,ordinary,N,,furniture
CONT_AWD_A2,0,2024-01-02,ordinary,N,,furniture
CONT_AWD_A3,0,2024-01-02,words,R,topic-rapid-dna,
CONT_AWD_A3,0,2024-01-02,words,P,topic-rapid-dna,
CONT_AWD_A9,0,2024-01-02,words,P,cellebrite,not in the file
CONT_AWD_A2,P00002,2024-01-02,words,X,,no such label
"""


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    actions, labels = tmp_path / "actions.csv", tmp_path / "labels.csv.gz"
    actions.write_text(ACTIONS, encoding="utf-8-sig")
    labels.write_bytes(gzip.compress(LABELS.encode()))
    return actions, labels


def test_an_extract_is_read_with_its_optional_columns_and_odd_cells(files: tuple[Path, Path]) -> None:
    first, second, third = awards_of(read_extract(files[0]))
    assert (first.psc, first.recipient.uei, first.awarding.office) == ("7A21", "ABCDEFGHJKL1", "HSI CYBER DIVISION")
    assert [(action.modification, action.obligation) for action in first.actions] == [
        ("0", Decimal("1234.50")),
        ("P00001", Decimal("-0.50")),
    ]
    assert second.actions[0].obligation == Decimal("-5.00")
    assert third.actions[0].obligation is None
    assert third.psc == ""


def test_what_cannot_be_used_is_counted_and_named(files: tuple[Path, Path]) -> None:
    watchlist = shipped()
    measured = measure_files("made up", Matcher(watchlist), *files, frozenset(watchlist.by_id))
    assert measured.problems.found == {
        "actions": {"rows repeated": 1, "rows without award key or date": 2},
        "subjects that are not in the watchlist": {"no-such-entry": 1},
        "repeated labels": {"CONT_AWD_A2/0/2024-01-02": 1},
        "contradictory labels": {"CONT_AWD_A3/0/2024-01-02": 1},
        "labels that cannot be read": {"CONT_AWD_A2/P00002/2024-01-02 X": 1},
        "labels whose action is not in the file": {"CONT_AWD_A9/0/2024-01-02": 1},
    }


def test_json_has_figures_and_counts_by_part_kind_and_stratum(files: tuple[Path, Path]) -> None:
    watchlist = shipped()
    measured = measure_files("made up", Matcher(watchlist), *files, frozenset(watchlist.by_id))
    result: dict[str, Any] = json.loads(json.dumps(as_json(measured, entries_of(watchlist))))
    vendors = result["parts"]["all"]["vendor"]
    assert (result["awards"], result["labels"]) == (3, 4)
    assert {name: vendors["strata"]["all"][name] for name in ("right", "wrong", "required", "found_publish")} == {
        "right": 2,
        "wrong": 0,
        "required": 2,
        "found_publish": 2,
    }
    assert vendors["strata"]["ordinary"]["publish precision"] is None
    assert vendors["labels_by_band"] == {"P": {"published": 2}, "N": {"none": 1}, "R": {"none": 1}}
    topics = result["parts"]["all"]["topic"]["strata"]["all"]
    assert (topics["required"], topics["wrong"], topics["recall of publish + review"]) == (2, 2, 0.5)
    none = {"review": 0, "name-only": 0}
    assert result["pairs"] == {"vendor": {"published": 1, **none}, "topic": {"published": 2, **none}}
    parts = [result["parts"][part]["vendor"]["strata"]["all"]["actions"] for part in ("tune", "held-out")]
    assert parts == [
        [part_of(label.label.award_key) for label in measured.part("all")].count(p) for p in ("tune", "held-out")
    ]


PUBLISHED, REVIEW, NAME_ONLY = MatchBand.PUBLISHED, MatchBand.REVIEW, MatchBand.NAME_ONLY


@pytest.mark.parametrize(
    ("verdict", "subjects", "bands", "counts"),
    [
        pytest.param("P", {"a"}, {"a": PUBLISHED}, {"right": 1, "found": 1, "found_publish": 1}, id="P published"),
        pytest.param("P", {"a"}, {"a": REVIEW}, {"found": 1}, id="P in review is found, not published"),
        pytest.param("P", {"a"}, {"a": NAME_ONLY}, {}, id="P by the name only is not found"),
        pytest.param("R", {"a"}, {"a": NAME_ONLY}, {}, id="R by the name only is not found"),
        pytest.param("M", {"a"}, {"a": NAME_ONLY}, {"found": 1}, id="M by the name only is found"),
        pytest.param("P", {"a"}, {"b": PUBLISHED}, {"wrong": 1}, id="P published as another entry"),
        pytest.param("P", {"t"}, {"b": PUBLISHED}, {"not_judged": 1}, id="P of the other kind does not judge this one"),
        pytest.param("P", {"a"}, {"also": PUBLISHED}, {}, id="an entry that may match counts neither way"),
        pytest.param("R", {"a"}, {"a": REVIEW}, {"found": 1}, id="R in review"),
        pytest.param("R", {"a"}, {"a": PUBLISHED}, {"found": 1, "wrong": 1}, id="R published is found but wrong"),
        pytest.param("G", {"a"}, {"a": PUBLISHED}, {"found": 1, "right": 1}, id="G may be published"),
        pytest.param("G", set(), {"b": PUBLISHED}, {"not_judged": 1}, id="G without a subject of the kind"),
        pytest.param("O", {"a"}, {"a": PUBLISHED}, {"wrong": 1}, id="O published is wrong"),
        pytest.param("O", {"a"}, {"a": REVIEW}, {}, id="O in review counts neither way"),
        pytest.param("S", {"a"}, {"a": PUBLISHED}, {"not_judged": 1}, id="S published"),
        pytest.param("N", set(), {"b": PUBLISHED}, {"wrong": 1}, id="N published is wrong"),
        pytest.param("N", set(), {"b": REVIEW}, {}, id="N in review counts neither way"),
        pytest.param("M", {"a"}, {"a": PUBLISHED}, {"found": 1, "right": 1}, id="M may be published"),
    ],
)
def test_how_a_label_counts(
    verdict: str, subjects: set[str], bands: dict[str, MatchBand], counts: dict[str, int]
) -> None:
    label = Label(
        award_key="A",
        modification="0",
        action_date="2024-01-01",
        stratum="words",
        part="tune",
        verdict=Verdict(verdict),
        subjects=frozenset(subjects),
        also=frozenset({"also"}),
    )
    kind = frozenset({"a", "b", "also"})
    score = Score()
    score.add(label, bands, kind)
    counted = {"actions": 1, **counts}
    if verdict in "PRGM" and subjects & kind:
        counted["required"] = 1
        if verdict == "P":
            counted["required_publish"] = 1
    assert score == Score(**counted)


def test_a_match_of_another_action_does_not_count(tmp_path: Path) -> None:
    actions, labels = tmp_path / "actions.csv", tmp_path / "labels.csv"
    rows = ("1,2024-01-02,0,,,PHONE PLANS", "9000,2024-05-02,P00001,,,BODY WORN CAMERAS")
    actions.write_text("\n".join([HEADER.rstrip(","), *(f"ICE,A1,ACME LLC,{row},CONT_AWD_A1" for row in rows)]))
    header = LABELS.splitlines()[0]
    labels.write_text(
        f"{header}\nCONT_AWD_A1,0,2024-01-02,words,N,,\nCONT_AWD_A1,P00001,2024-05-02,words,P,topic-body-worn-cameras,\n"
    )
    watchlist = shipped()
    measured = measure_files("made up", Matcher(watchlist), actions, labels, frozenset(watchlist.by_id))
    bands = {case.label.modification: case.bands for case in measured.part("all")}
    assert bands == {"0": {}, "P00001": {"topic-body-worn-cameras": PUBLISHED}}


def test_the_command_prints_tables_or_json(files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--actions", str(files[0]), "--labels", str(files[1])]
    main([*arguments, "--misses"])
    printed = capsys.readouterr().out
    assert "labels whose action is not in the file: CONT_AWD_A9/0/2024-01-02" in printed
    main([*arguments, "--json"])
    assert json.loads(capsys.readouterr().out)["sets"][0]["labels"] == 4
    main(["--actions", str(files[0])])
    assert "cellebrite" in capsys.readouterr().out


def test_a_file_without_a_column_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "other.csv"
    file.write_text("Recipient Name,Action Date\nACME LLC,2024-01-02\n")
    with pytest.raises(SystemExit):
        main(["--actions", str(file)])
    assert "no column Generated Award ID, Modification, Transaction Description" in capsys.readouterr().err
