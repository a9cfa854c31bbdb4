"""The watchlist as CSV: exactly back, whatever is in it, and safe to open."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from monitors.watchlist.csv_io import COLUMNS, FORMULA_STARTS, MAX_ENTRIES, read_spreadsheet, write_spreadsheet
from monitors.watchlist.loader import read_categories
from monitors.watchlist.model import Evidence, Kind, KnownName, Portfolio, Product, Strength, Vendor
from monitors.watchlist.yaml_reader import WatchlistError
from tests.app_context import shipped

CATEGORIES = read_categories()


def back(vendors: list[Vendor], folder: Path) -> list[Vendor]:
    file = folder / "list.csv"
    file.write_bytes(write_spreadsheet(vendors).encode())
    return [vendor for vendor, _ in read_spreadsheet(file, CATEGORIES)]


def test_the_shipped_list_comes_back_exactly(tmp_path: Path) -> None:
    vendors = list(shipped().vendors)
    assert back(vendors, tmp_path) == vendors


ODD = (
    "=1+1",
    "'=1",
    "''@x",
    "+x",
    "-x",
    "@x",
    "a|b",
    "a\\b",
    "\\|",
    "A [2010-2011]",
    "A [pure]",
    "A []",
    "x, y",
    'q"q',
)
TEXTS = some.one_of(some.sampled_from(ODD), some.text("aB0|\\'=-+@[]\" ,;é", min_size=1, max_size=12)).map(
    lambda text: " ".join(f"{text} abc".split())
)
YEARS = some.none() | some.integers(1900, 1950)
NAMES = some.lists(
    some.builds(
        KnownName, TEXTS, YEARS, YEARS.map(lambda year: year and year + 60), some.none() | some.sampled_from(Portfolio)
    ),
    max_size=3,
).map(tuple)
PORTFOLIOS = some.none() | some.sampled_from(Portfolio)
NEAR = some.lists(some.sampled_from(("CAMERA", "360", "日本")), max_size=2).map(tuple)
PRODUCTS = some.lists(
    some.builds(Product, TEXTS, some.sampled_from(Strength), some.booleans(), NEAR, PORTFOLIOS), max_size=4
).map(lambda products: tuple(sorted(products, key=lambda product: list(Strength).index(product.strength))))
VENDORS = some.builds(
    Vendor,
    id=some.just("acme"),
    name=TEXTS,
    category=some.sampled_from(sorted(CATEGORIES)),
    kind=some.just(Kind.VENDOR),
    legal_names=NAMES,
    former_names=NAMES,
    dba_names=NAMES,
    aliases=NAMES,
    parents=NAMES,
    subsidiaries=NAMES,
    ueis=some.just(("E5BEYXDQYJS6",)),
    cages=some.just(("1URG6",)),
    products=PRODUCTS,
    exclusions=some.lists(TEXTS, max_size=2).map(tuple),
    portfolio=some.sampled_from(Portfolio),
    resellers=some.lists(TEXTS, max_size=2).map(tuple),
    sources=some.just(("https://example.org/?a=b|c",)),
    evidence=some.sampled_from(Evidence),
    note=TEXTS,
)


@given(VENDORS)
def test_any_entry_comes_back_exactly_and_runs_nothing(
    tmp_path_factory: pytest.TempPathFactory, vendor: Vendor
) -> None:
    folder = tmp_path_factory.mktemp("csv")
    assert back([vendor], folder) == [vendor]
    for row in csv.reader(io.StringIO(write_spreadsheet([vendor]))):
        assert not [cell for cell in row if cell.lstrip(" ").startswith(FORMULA_STARTS)]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_what_spreadsheets_write_is_read(delimiter: str, tmp_path: Path) -> None:
    rows = [
        ["Name", "Legal names", "id", "CATEGORY"],
        ["Acme", "ACME LLC | ACME INC [2010-]", "acme", "dna"],
        ["", "", "", ""],
    ]
    file = tmp_path / "list.csv"
    file.write_bytes(b"\xef\xbb\xbf" + "\r\n".join(delimiter.join(row) for row in rows).encode())
    ((vendor, place),) = read_spreadsheet(file, CATEGORIES)
    assert vendor.legal_names == (KnownName("ACME LLC"), KnownName("ACME INC", 2010))
    assert (vendor.evidence, place.line) == (Evidence.OWN, 2)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "list.csv line 1: empty"),
        ("id,nmae\n", 'list.csv line 1: unknown column "nmae", did you mean "name"?'),
        ("id,id\n", 'list.csv line 1: column "id" is given twice'),
        ("id,name\nacme,Acme\n", 'list.csv line 2, vendor "acme": missing field "category"'),
        ("id,name,category\nacme,Acme,dna\nacme,Acme,dna\n", 'vendor "acme": duplicate id, first used on line 2'),
        ("id,name,category\nacme,Acme,dna,x\n", "list.csv line 2: the row has more cells than the header has columns"),
        ('id,name,category\nacme,"two\nlines",dna\nbeta,Beta,dan\n', 'line 4, vendor "beta": unknown category "dan"'),
        ("id,name,category,ueis\nacme,Acme,dna,XX\n", 'list.csv line 2, vendor "acme": "XX" is not a UEI'),
        ("id,name,category,legal_names\na-b,Acme,dna,ACME [2020-2010]\n", '"from" 2020 is after "until" 2010'),
        ("id,name,category,legal_names\na-b,Acme,dna,ACME [purr]\n", 'unknown portfolio "purr", did you mean "pure"?'),
        ('id,name\nacme,"Acme\n', "list.csv line 2: not CSV"),
    ],
)  # fmt: skip
def test_an_error_names_the_line(content: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_text(content, newline="")
    with pytest.raises(WatchlistError) as caught:
        read_spreadsheet(file, CATEGORIES)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_other_encodings_are_said_plainly(tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_bytes("id,name\n1,Caf\xe9\n".encode("latin-1"))
    with pytest.raises(WatchlistError, match="not UTF-8 text; save it as CSV UTF-8"):
        read_spreadsheet(file, CATEGORIES)


def test_every_field_has_a_column() -> None:
    fields = set(Vendor.__dataclass_fields__) - {"products"}
    assert fields < set(COLUMNS)


def test_a_file_with_too_many_entries_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "many.csv"
    rows = "".join(f"v-{n},Vendor {n},analytics\n" for n in range(MAX_ENTRIES + 1))
    file.write_text(f"id,name,category\n{rows}", "utf-8")
    with pytest.raises(WatchlistError, match="more than 5,000 entries"):
        read_spreadsheet(file, CATEGORIES)


def test_a_cell_of_blanks_is_read_at_once(tmp_path: Path) -> None:
    """With a pattern that tries every blank as the last of a name, this takes minutes."""
    file = tmp_path / "blanks.csv"
    blanks = " " * 130_000
    file.write_text(
        f"id,name,category,aliases,codes\nacme,Acme Robotics,analytics,Acme{blanks}Drones,x{blanks}[\n", "utf-8"
    )
    with pytest.raises(WatchlistError, match="PSC"):
        read_spreadsheet(file, CATEGORIES)
    file.write_text(f"id,name,category,aliases\nacme,Acme Robotics,analytics,Acme{blanks}Drones\n", "utf-8")
    [(vendor, _)] = read_spreadsheet(file, CATEGORIES)
    assert [known.name for known in vendor.aliases] == ["Acme Drones"]
