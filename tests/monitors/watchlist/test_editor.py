"""Changing a user's watchlist file: the entry is in, the comments stay, and a mistake changes nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as some

from monitors.watchlist import editor
from monitors.watchlist.editor import entry_text, write_entries
from monitors.watchlist.loader import read_categories, read_file
from monitors.watchlist.model import KnownName, Product, Strength, Vendor
from monitors.watchlist.yaml_reader import WatchlistError, compose
from tests.app_context import shipped

ACME = Vendor(
    id="acme",
    name="Acme: Eyes",
    category="dna",
    legal_names=(KnownName("ACME EYES, INC."), KnownName("360", 2010, 2019)),
    products=(Product("ACMEFACE", Strength.STRONG), Product("YES", Strength.WEAK, search=False)),
    note="# no comment",
)
MINE = """# my list
vendors:
  # a good one
  - id: other   # keep me
    name: Other
    category: dna
  # the last word

"""


def vendors_in(file: Path) -> dict[str, Vendor]:
    return {vendor.id: vendor for vendor, _ in read_file(file, read_categories())}


def write(file: Path, *vendors: Vendor) -> None:
    expected = (vendors_in(file) if file.exists() else {}) | {vendor.id: vendor for vendor in vendors}
    write_entries(file, vendors, vendors_in, expected)


def test_a_file_is_made_with_its_folder(tmp_path: Path) -> None:
    file = tmp_path / "new" / "watchlist.yaml"
    write(file, ACME)
    assert vendors_in(file) == {"acme": ACME}


@pytest.mark.parametrize(
    "before",
    [
        MINE,
        MINE.rstrip(),
        "vendors: []\n",
        "vendors:   [ ]  # none yet\n",
        "vendors:\n- {id: other, name: Other, category: dna}\n",
        "vendors:\n    - id: other\n      name: Other\n      category: dna\n",
        "vendors:\n",
        "\ufeffvendors:\n  - id: other\n    name: Ōther\n    category: dna\n",
    ],
)
def test_an_entry_is_appended_and_nothing_else_changes(before: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(before, encoding="utf-8")
    others = vendors_in(file) if "other" in before else {}
    write_entries(file, [ACME], vendors_in, {**others, "acme": ACME})
    after = file.read_text(encoding="utf-8")
    if "[" not in before:
        assert after.startswith(before.rstrip("\n"))


def test_an_entry_is_replaced_where_it_stands(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(MINE)
    file.chmod(0o640)
    write(file, ACME)
    write(file, Vendor(id="other", name="Another", category="spyware"))
    text = file.read_text()
    assert vendors_in(file)["other"].name == "Another"
    assert text.index("another".title()) < text.index("# the last word") < text.index("acme")
    assert "# a good one" in text
    assert file.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".yaml"] == ["mine.yaml"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("vendors: [{id: other, name: Other, category: dna}]\n", "must begin on a line with its dash"),
        ("vendors:\n  -\n    id: other\n    name: Other\n    category: dna\n", "must begin on a line with its dash"),
        ("vendors:\n  - id: other\n    name: Other\n    category: dna\n...\n", "mine.yaml"),
        ("vendors:\n  - id: other\n    nmae: Other\n", 'unknown field "nmae"'),
        ("vendors: {\n", "not valid YAML"),
    ],
)
def test_what_cannot_be_changed_safely_is_left_alone(content: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(content)
    with pytest.raises(WatchlistError) as caught:
        write_entries(file, [ACME], vendors_in, {"acme": ACME})
    assert message in str(caught.value)
    assert file.read_text() == content
    assert sorted(path.name for path in tmp_path.iterdir()) == [".mine.yaml.lock", "mine.yaml"]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real.yaml").write_text(MINE)
    (tmp_path / "mine.yaml").symlink_to(tmp_path / "real.yaml")
    write(tmp_path / "mine.yaml", ACME)
    assert (tmp_path / "mine.yaml").is_symlink()
    assert "acme" in vendors_in(tmp_path / "real.yaml")


def test_every_shipped_entry_is_written_as_it_was_read(tmp_path: Path) -> None:
    vendors = shipped().vendors
    file = tmp_path / "all.yaml"
    file.write_text("vendors:\n" + "".join(map(entry_text, vendors)), encoding="utf-8")
    assert tuple(vendors_in(file).values()) == vendors


@given(some.text("ab: #-{}[]&*!|>'\"%@`,?\\\u2028é0", min_size=1, max_size=20))
def test_any_text_is_written_as_it_is(text: str) -> None:
    vendor = Vendor(id="acme", name=" ".join(f"Acme {text}".split()), category="dna")
    shown = entry_text(vendor)
    assert shown.startswith("  - id: acme\n")
    assert "\n  - " not in shown


def test_the_file_is_parsed_once_for_all_entries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "own.yaml"
    write(file, ACME)
    parsed: list[bytes] = []

    def counted(content: bytes, name: str) -> yaml.Node:
        parsed.append(content)
        return compose(content, name)

    monkeypatch.setattr(editor, "compose", counted)
    others = [replace(ACME, id=f"acme-{n}", name=f"Acme {n}", legal_names=()) for n in range(50)]
    replaced = replace(ACME, note="Changed.")
    write(file, others[0], replaced, *others[1:])
    assert len(parsed) == 1
    assert list(vendors_in(file).values()) == [replaced, *others]
