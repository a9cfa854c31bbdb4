"""The table of what spares a request names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
GUIDE = (TESTS.parent / "docs" / "developing.md").read_text()


def test_every_summary_has_a_test_of_what_it_cannot_show() -> None:
    section = GUIDE.partition("## What spares a request")[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| ")][2:]
    written = "\n".join(file.read_text() for file in TESTS.rglob("test_*.py"))
    assert len(rows) >= 12
    for row in rows:
        named = re.findall(r"`(test_\w+)`", row)
        assert named, row
        assert [name for name in named if f"def {name}(" not in written] == []
