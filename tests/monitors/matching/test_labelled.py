"""The matcher on labelled records (tests/data/labelled): the figures it must reach, and examples of each rule."""

from __future__ import annotations

import json
from typing import Any

import pytest

from benchmarks.labelled import FOLDER, read_awards, read_labels
from benchmarks.matching import TARGETS, scores, vendors_found
from monitors.matching.matcher import Matcher
from tests.app_context import shipped
from tests.awards import award

EXAMPLES = [json.loads(line) for line in (FOLDER / "examples.jsonl").read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def matcher() -> Matcher:
    return Matcher(shipped())


def test_the_matcher_reaches_its_figures(matcher: Matcher) -> None:
    """The targets on both parts, and not one pair worse than now: a better figure is written down here."""
    labels = read_labels()
    found = vendors_found(matcher, read_awards().values(), matcher.topics)
    held_out = scores([label for label in labels if label.part == "held-out"], found)["all"]
    everything = scores(labels, found)["all"]
    for score in (held_out, everything):
        assert all(score.figures()[name] >= target for name, target in TARGETS.items()), score.figures()
    missed = everything.required - everything.found
    only_for_review = everything.required_publish - everything.found_publish
    assert (everything.wrong, missed, only_for_review) == (0, 4, 21)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: f"{example['recipient']} {example['description']}")
def test_an_example_gets_its_bands_by_its_rules(example: dict[str, Any], matcher: Matcher) -> None:
    actions = tuple(example.get("actions", ()))
    record = award(example["recipient"], example["description"], actions=actions, parent_name=example.get("parent", ""))
    found = {match.vendor_id: f"{match.band.value} {match.rule}" for match in matcher.matches(record)}
    assert found == example["expected"], example["why"]
