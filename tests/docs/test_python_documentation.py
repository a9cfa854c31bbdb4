"""Every example in docs/python.md runs as it stands and prints what the page shows."""

from __future__ import annotations

import re
from contextlib import redirect_stdout
from dataclasses import fields
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

import procurewatch.store
from storage.models import StoredAction, StoredEvent, StoredEvidence, StoredMatch, StoredRecord
from storage.schema.fields import RECORD_FIELDS

PAGE = (Path(__file__).parents[2] / "docs" / "python.md").read_text()
EXAMPLES = re.findall(r"```python\n(.*?)```(?:\n\n```text\n(.*?)```)?", PAGE, re.DOTALL)


def test_the_examples_print_what_the_page_shows(demo_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROCUREWATCH_DATA_DIR", str(demo_folder))
    names: dict[str, Any] = {}
    assert len(EXAMPLES) > 5
    for code, shown in EXAMPLES:
        with redirect_stdout(StringIO()) as out:
            exec(code, names)  # noqa: S102  the documentation's own
        assert out.getvalue() == shown, code


@pytest.mark.parametrize(
    "model", [StoredMatch, StoredAction, StoredEvent, StoredEvidence], ids=lambda each: each.__name__
)
def test_documented_fields_exist(model: type) -> None:
    [row] = re.findall(rf"^\| `{model.__name__}` \| (.*) \|$", PAGE, re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", row)) <= {name for name in dir(model) if not name.startswith("_")}


def test_the_fields_with_another_name_are_listed() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| `(\w+)` \|$", PAGE, re.MULTILINE))
    exported = {field.name: field.public_name for field in RECORD_FIELDS} | {"obligated": "award_obligated_total"}
    assert rows == {"key": "record_key"} | {name: public for name, public in exported.items() if name != public}
    assert set(rows) <= {field.name for field in fields(StoredRecord)}


def test_every_method_is_documented() -> None:
    methods = [name for name in dir(procurewatch.store.Store) if not name.startswith("_")]
    assert [name for name in methods if not re.search(rf"`{name}\b|store\.{name}\(", PAGE)] == []
