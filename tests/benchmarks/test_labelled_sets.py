"""The sets labeled for topics in tests/data/labelled: every label names an action of its extract, and known entries."""

from __future__ import annotations

import pytest

from benchmarks.extracts import action_key, read_extract
from benchmarks.labelled import FOLDER, Problems, Verdict, read_label_file
from tests.app_context import shipped


@pytest.mark.parametrize("name", sorted(file.stem for file in FOLDER.glob("*.csv")))
def test_every_label_can_be_used(name: str) -> None:
    problems = Problems.none()
    labels = read_label_file(FOLDER / f"{name}.csv", frozenset(shipped().by_id), problems)
    facts = read_extract(FOLDER / f"{name}_actions.csv.gz", problems.found["actions"])
    actions = {action_key(row) for row in facts}
    assert not any(problems.found.values())
    assert {label.action_key for label in labels} <= actions
    listed = {Verdict.PUBLISH, Verdict.REVIEW, Verdict.OTHER_BUSINESS}
    assert [label.action_key for label in labels if label.verdict in listed and not label.subjects] == []
