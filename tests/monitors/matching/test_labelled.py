"""The matcher on labelled records (tests/data/labelled): the figures it must reach, and every near miss."""

from __future__ import annotations

import json

import pytest

from benchmarks.labelled import FOLDER, read_awards, read_labels
from benchmarks.matching import TARGETS, scores, vendors_found
from monitors.matching.matcher import Matcher
from tests.app_context import shipped
from tests.awards import award

NEAR_MISSES = [json.loads(line) for line in (FOLDER / "near_misses.jsonl").read_text(encoding="utf-8").splitlines()]


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


@pytest.mark.parametrize("record", NEAR_MISSES, ids=lambda record: f"{record['recipient']} {record['description']}")
def test_a_near_miss_gets_its_band(record: dict[str, str | dict[str, str]], matcher: Matcher) -> None:
    matches = matcher.matches(award(str(record["recipient"]), str(record["description"])))
    bands = {match.vendor_id: match.band.value for match in matches if match.vendor_id not in matcher.topics}
    assert bands == record["expected"], record["why"]
