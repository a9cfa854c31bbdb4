"""The matcher on labelled records (tests/data/labelled): the figures it must reach, and examples of each rule."""

from __future__ import annotations

import json
from typing import Any

import pytest

from benchmarks.counting import VENDOR, scores
from benchmarks.labelled import FOLDER, HELD_OUT
from benchmarks.matching import TARGETS, entries_of, measure_vendor_set
from monitors.matching.matcher import Matcher
from tests.app_context import shipped
from tests.awards import award

EXAMPLES = [json.loads(line) for line in (FOLDER / "examples.jsonl").read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def matcher() -> Matcher:
    return Matcher(shipped())


def test_the_matcher_reaches_its_figures(matcher: Matcher) -> None:
    """The targets on both parts, and not one pair worse than now: a better figure is written down here."""
    measured = measure_vendor_set(matcher)
    vendors = entries_of(shipped())[VENDOR]
    held_out = scores(measured.part(HELD_OUT), vendors)["all"]
    everything = scores(measured.part("all"), vendors)["all"]
    for score in (held_out, everything):
        figures = score.figures()
        assert all((figures[name] or 0) >= target for name, target in TARGETS[VENDOR].items()), figures
    missed = everything.required - everything.found
    only_for_review = everything.required_publish - everything.found_publish
    assert (everything.wrong, missed, only_for_review) == (0, 4, 21)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: f"{example['recipient']} {example['description']}")
def test_an_example_gets_its_bands_by_its_rules(example: dict[str, Any], matcher: Matcher) -> None:
    actions = tuple(example.get("actions", ()))
    record = award(example["recipient"], example["description"], actions=actions, parent_name=example.get("parent", ""))
    found = {match.vendor_id: f"{match.band.value} {match.rule}" for match in matcher.matches(record)}
    assert found == example["expected"], example["why"]
