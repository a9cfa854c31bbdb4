"""What `vendors check` finds, and that it finds nothing serious in what is shipped."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitors.matching.lint import Finding, RecordTexts, lint_watchlist
from monitors.watchlist.loader import read_categories, read_entries

NAMES = [
    "RANGER LAND SYSTEMS INC",
    "RANGER AMERICAN OF V.I., INC.",
    "RANGER AMERICAN ARMORED SERVICES, LLC",
    "RANGER AMERICAN OF PUERTO RICO, LLC",
    "ACME EYES, INC.",
]
TEXTS = RecordTexts(names=NAMES, descriptions=[(f"RECIPIENT {n} LLC", "TRAFFIC CONES") for n in range(25)])


def findings(folder: Path, entries: str, texts: RecordTexts | None = None) -> list[Finding]:
    path = folder / "mine.yaml"
    path.write_text(f"vendors:\n{entries}")
    mine = {"acme", "beta"}
    found = lint_watchlist(read_entries(path, categories=read_categories()), texts)
    return [finding for finding in found if finding.entry in mine]


def test_nothing_serious_is_shipped() -> None:
    assert not [
        finding for finding in lint_watchlist(read_entries(categories=read_categories()), TEXTS) if finding.serious
    ]


@pytest.mark.parametrize(
    ("fields", "message", "serious"),
    [
        ("name: Palantir Inc", 'is also a name of vendor "palantir"', True),
        ("ueis: [E5BEYXDQYJS6]", "is also one of", True),
        ("cages: [1URG6]", 'CAGE code "1URG6" is also one of', True),
        ("products: [{phrase: Gray-Key, strength: strong}]", 'strong phrase "GRAYKEY" is also one of "magnet-f', True),
        ("ueis: [E5BEYXDQYJS9]", 'UEI "E5BEYXDQYJS9" is mistyped: after E5BEYXDQYJS comes 6', True),
        ("ueis: [5EBEYXDQYJS6]", 'UEI "5EBEYXDQYJS6" is mistyped: after 5EBEYXDQYJS comes', True),
        (
            "products: [{phrase: OR ELSE, strength: medium}]",
            'phrase "OR ELSE" begins with OR, which searches take for an operator: leave the word out',
            True,
        ),
        ("products: [{phrase: 'EYE (BALL', strength: strong}]", 'phrase "EYE (BALL" has ( without its counterp', True),
        ("portfolio: pure", "has no source", False),
        ("name: General Services", "made of common words", False),
        ("products: [{phrase: A WALL, strength: weak}, {phrase: a-wall, strength: weak}]", "listed twice", False),
        ("products: [{phrase: RANGER, strength: strong}]", 'phrase "RANGER" is a common word: in 4 recipient', True),
        ("products: [{phrase: RANGER, strength: medium}]", "is a common word", False),
        ("products: [{phrase: TRAFFIC, strength: strong}]", "in descriptions of 25 recipients", False),
    ],
)
def test_it_finds(fields: str, message: str, serious: bool, tmp_path: Path) -> None:
    name = "" if fields.startswith("name:") else "name: Acme Eyes, "
    found = findings(tmp_path, f"  - {{id: acme, category: dna, {name}{fields}}}\n", TEXTS)
    assert [each.serious for each in found if message in each.what] == [serious]


@pytest.mark.parametrize(
    "product",
    [
        "{phrase: OR ELSE, strength: medium, search: false}",
        "{phrase: OR ELSE, strength: weak}",
        "{phrase: EYE (BALL), strength: strong}",
    ],
)
def test_a_phrase_that_is_not_sent_or_can_be_read_is_fine(product: str, tmp_path: Path) -> None:
    entry = f"  - {{id: acme, name: Acme (Eyes, category: dna, products: [{product}], sources: [https://e.org]}}\n"
    assert findings(tmp_path, entry) == []


def test_an_excluded_use_and_its_own_name_do_not_count(tmp_path: Path) -> None:
    entry = (
        "  - {id: acme, name: Ranger, category: dna, legal_names: [RANGER LAND SYSTEMS INC],"
        " exclusions: [RANGER AMERICAN], products: [{phrase: RANGERCAM, strength: strong}], sources: [https://e.org]}\n"
    )
    assert findings(tmp_path, entry, TEXTS) == []
