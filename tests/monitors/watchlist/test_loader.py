from __future__ import annotations

from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from monitors.normalize import is_common
from monitors.runs.jobs import Lookback, poll_window, search_terms
from monitors.watchlist.loader import load_watchlist
from monitors.watchlist.model import Evidence, Kind, KnownName, Portfolio, Strength
from monitors.watchlist.search_terms import mentions, search_names, search_phrases
from monitors.watchlist.yaml_reader import WatchlistError
from sources.usaspending.awards import Usaspending
from tests.app_context import shipped

ENTRY = """vendors:
  - id: acme-eyes
    name: Acme Eyes
    category: face-recognition
    legal_names: ["ACME EYES, INC."]
"""


def write(folder: Path, text: str, name: str = "my-vendors.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_the_shipped_list_is_documented() -> None:
    watchlist = load_watchlist()
    kinds = Counter((vendor.kind, vendor.evidence is Evidence.BACKGROUND) for vendor in watchlist.vendors)
    assert kinds[Kind.VENDOR, False] >= 165
    assert kinds[Kind.VENDOR, True] >= 139
    assert kinds[Kind.TOPIC, False] >= 20
    assert not kinds[Kind.TOPIC, True]
    assert len(watchlist.categories) <= 20
    assert {vendor.category for vendor in watchlist.vendors} == set(watchlist.categories)
    for vendor in watchlist.vendors:
        unverified = vendor.evidence is Evidence.BACKGROUND
        assert vendor.evidence is not Evidence.OWN, vendor.id
        assert vendor.sources or (unverified and "nverified" in vendor.note), vendor.id


def test_every_shipped_vendor_can_be_asked_for() -> None:
    for vendor in shipped().vendors:
        names, phrases = search_names(vendor), search_phrases(vendor)
        named = vendor.kind is Kind.VENDOR and vendor.portfolio is not Portfolio.BROAD
        assert bool(names) == named or vendor.portfolio is Portfolio.BROAD, vendor.id
        assert names or phrases or not vendor.products or vendor.portfolio is Portfolio.BROAD, vendor.id
        assert all((len(name) >= 6 and not is_common(name)) or " " in name for name in names), (vendor.id, names)
        assert all(len(phrase) >= 3 for phrase in phrases)
        assert not any(a != b and a in b for a in names for b in names)
        weak = {product.phrase for product in vendor.products if product.strength is Strength.WEAK}
        assert not weak & set(phrases), vendor.id


def test_no_shipped_strong_phrase_is_a_common_word() -> None:
    for vendor in shipped().vendors:
        for product in vendor.products:
            if product.strength is Strength.STRONG and " " not in product.phrase and not product.near:
                assert not is_common(product.phrase.upper()), (vendor.id, product.phrase)


def test_search_names_know_punctuation_and_short_names() -> None:
    by_id = shipped().by_id
    assert {"PEN-LINK", "PENLINK", "PEN LINK"} <= set(search_names(by_id["penlink"]))
    assert {"B.I. INCORPORATED", "BI INCORPORATED"} <= set(search_names(by_id["bi-incorporated"]))
    assert "MSAB INCORPORATED" in search_names(by_id["msab"])
    assert "MSAB" not in search_names(by_id["msab"])
    assert "NEC" not in search_names(by_id["nec"])
    assert search_names(by_id["palantir"]) == ("PALANTIR",)


def test_search_phrases_find_the_resellers_words() -> None:
    by_id = shipped().by_id
    assert {"GRAYKEY", "GRAY KEY", "GREYKEY", "GREY KEY"} <= set(search_phrases(by_id["magnet-forensics"]))
    assert "BABEL STREET" in search_phrases(by_id["babel-street"])
    assert "CLEAR" not in search_phrases(by_id["thomson-reuters"])


def test_a_name_of_one_word_is_a_medium_mention() -> None:
    vendor = shipped().by_id["penlink"]
    assert {mention.phrase: mention.strength for mention, _ in mentions(vendor)} == {
        "COBWEBS TECHNOLOGIES": Strength.STRONG,
        "COBWEBS AMERICA": Strength.STRONG,
    }


def test_a_users_file_extends_the_list(tmp_path: Path) -> None:
    watchlist = load_watchlist(write(tmp_path, ENTRY))
    vendor = watchlist.by_id["acme-eyes"]
    assert vendor.evidence is Evidence.OWN
    assert vendor.portfolio is Portfolio.PURE
    assert len(watchlist.vendors) == len(shipped().vendors) + 1
    assert list(watchlist.by_id) == sorted(watchlist.by_id)


def test_a_users_file_overrides_by_id_and_changes_the_version(tmp_path: Path) -> None:
    mine = "vendors:\n  - {id: palantir, name: Palantir, category: analytics, portfolio: mixed}\n"
    watchlist = load_watchlist(write(tmp_path, mine))
    assert watchlist.by_id["palantir"].portfolio is Portfolio.MIXED
    assert watchlist.by_id["palantir"].ueis == ()
    assert watchlist.version != shipped().version
    assert load_watchlist().version == load_watchlist().version


def test_numbers_and_odd_words_are_taken_as_written(tmp_path: Path) -> None:
    mine = ENTRY + "    aliases: [360, 2024-01-02, 0x1F]\n"
    assert load_watchlist(write(tmp_path, mine)).by_id["acme-eyes"].names[-3:] == ("360", "2024-01-02", "0x1F")


@pytest.mark.parametrize(
    ("addition", "message"),
    [
        ("    alises: [X]\n", 'line 6, vendor "acme-eyes": unknown field "alises", did you mean "aliases"?'),
        ("    aliases: ACME\n", 'line 6, vendor "acme-eyes": "aliases" must be a list'),
        ("    aliases: [[ACME]]\n", 'line 6, vendor "acme-eyes": "name" must be text'),
        ("    aliases:\n      - ACME\n      - XY\n", 'line 8, vendor "acme-eyes": "XY" is too short: at least 3'),
        ("    aliases: ['']\n", 'line 6, vendor "acme-eyes": "" is too short'),
        ("    aliases: [null]\n", 'line 6, vendor "acme-eyes": "name" must be text'),
        ("    ueis: [E5BEYXDQYJSO]\n", 'line 6, vendor "acme-eyes": "E5BEYXDQYJSO" is not a UEI'),
        ("    ueis: [05BEYXDQYJS6]\n", '"05BEYXDQYJS6" is not a UEI'),
        ("    ueis: [E5BEYXDQYJS]\n", '"E5BEYXDQYJS" is not a UEI'),
        ("    products: [{phrase: EYE}]\n", 'missing field "strength"'),
        ("    products: [{phrase: EYEWALL, strength: strnog}]\n", 'unknown strength "strnog", did you mean "strong"?'),
        ("    products: [{phrase: ab, strength: weak}]\n", '"ab" is too short'),
        ("    portfolio: both\n", 'unknown portfolio "both"'),
        ("    ueis: [E123456789AB]\n", '"E123456789AB" is not a UEI'),
        ("    cages: [1URG]\n", '"1URG" is not a CAGE code'),
        ("    aliases: [{nam: X}]\n", 'line 6, vendor "acme-eyes": unknown field "nam", did you mean "name"?'),
        ("    aliases: [{from: 2019}]\n", 'missing field "name"'),
        ("    parents:\n      - {name: BIG CO, from: 19}\n", 'line 7, vendor "acme-eyes": "from" must be a year'),
        ("    aliases: [{name: ACME, from: 2020, until: 2019}]\n", '"from" 2020 is after "until" 2019'),
        ("    aliases: [{name: ACME, portfolio: hugh}]\n", 'unknown portfolio "hugh"'),
        ("    products: [{phrase: EYE, strength: weak, search: maybe}]\n", '"search" must be true or false'),
        ("    kind: topic\n", 'the id of a topic, and of nothing else, begins with "topic-"'),
        ("  - {id: topic-x, name: Topic X, category: dna}\n", "the id of a topic, and of nothing else"),
        ("  - {id: topic-x, name: Topic X, category: dna, kind: topic}\n", 'a topic needs "products"'),
        (
            "  - {id: topic-x, name: Topic X, category: dna, kind: topic, ueis: [E5BEYXDQYJS6]}\n",
            'a topic names no company: it has no "ueis"',
        ),
        ("    sources: [file:///etc/passwd]\n", 'source "file:///etc/passwd" is not a web address'),
        ("    name: Twice\n", 'field "name" is given twice'),
        ("  - id: acme-eyes\n    name: B\n    category: spyware\n", "too short"),
        ("  - {id: acme-eyes, name: Other, category: spyware}\n", "duplicate id, first used on line 2"),
        ("  - {id: other, name: ACME EYES LLC, category: spyware}\n", 'is also a name of vendor "acme-eyes"'),
        ("  - {id: other, name: Palantir USG, category: spyware}\n", 'is also a name of vendor "palantir"'),
        ("  - {name: Other, category: spyware}\n", 'vendor "Other": missing field "id"'),
        ("  - {id: Other One, name: Other, category: spyware}\n", "id must be lower-case words joined by hyphens"),
        ("  - {id: other, name: Other, category: spywear}\n", 'unknown category "spywear", did you mean "spyware"?'),
        ("  - nonsense\n", "expected fields (name: value)"),
        ("    note: &x hello\n", "line 6: YAML anchors and aliases are not allowed"),
        ("    note: [\n", "not valid YAML"),
        ("    note: [[[[[[[[[[[[1]]]]]]]]]]]]\n", "nested too deeply"),
        ("    note: !!python/object:os.system x\n  - {id: a, name: Aa}\n", 'missing field "category"'),
    ],
)
def test_an_error_names_file_line_and_vendor(tmp_path: Path, addition: str, message: str) -> None:
    with pytest.raises(WatchlistError) as caught:
        load_watchlist(write(tmp_path, ENTRY + addition))
    error = str(caught.value)
    assert error.startswith("my-vendors.yaml line ")
    assert message in error
    assert "\n" not in error


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "my-vendors.yaml: empty"),
        (b"\xff\xfe\x00", "my-vendors.yaml: not UTF-8 text"),
        (b"vendors:\n  - id: \x07x\n", "characters that do not belong in a text file"),
        (b"- a\n", "my-vendors.yaml line 1: expected fields"),
        (b"vendor: []\n", 'my-vendors.yaml line 1: unknown field "vendor", did you mean "vendors"?'),
        (b"{}\n", 'missing field "vendors"'),
        (b"#" * 5_000_001, "larger than 5 MB"),
        (b"[" * 100_000, "my-vendors.yaml line 1: "),
    ],
)
def test_files_that_are_not_a_watchlist(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "my-vendors.yaml"
    path.write_bytes(content)
    with pytest.raises(WatchlistError) as caught:
        load_watchlist(path)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_a_folder_are_said_plainly(tmp_path: Path) -> None:
    with pytest.raises(WatchlistError, match=r"gone.yaml: cannot be read: No such file"):
        load_watchlist(tmp_path / "gone.yaml")
    with pytest.raises(WatchlistError, match="cannot be read: Is a directory"):
        load_watchlist(tmp_path)


def test_a_billion_laughs_file_is_refused(tmp_path: Path) -> None:
    bomb = "a: &a [x, x]\nb: &b [*a, *a]\nvendors: [*b, *b]\n"
    with pytest.raises(WatchlistError, match="anchors and aliases are not allowed"):
        load_watchlist(write(tmp_path, bomb))


def test_years_and_portfolios_of_names(tmp_path: Path) -> None:
    mine = ENTRY + "    former_names: [OLD EYES, {name: ACME OPTICS, from: 2010, until: 2019, portfolio: mixed}]\n"
    vendor = load_watchlist(write(tmp_path, mine)).by_id["acme-eyes"]
    assert vendor.former_names == (KnownName("OLD EYES"), KnownName("ACME OPTICS", 2010, 2019, Portfolio.MIXED))
    assert [known.years for known in vendor.former_names] == ["", "2010 to 2019"]
    assert [vendor.portfolio_of(known) for known in vendor.former_names] == [Portfolio.PURE, Portfolio.MIXED]


def test_a_poll_of_the_whole_list_takes_tens_of_requests() -> None:
    today = date(2026, 11, 23)
    terms = search_terms(shipped().vendors)
    ordinary = Usaspending().poll_steps(terms, poll_window(today, today, today, Lookback()))
    sweep = Usaspending().poll_steps(terms, poll_window(today, today, None, Lookback()))
    assert len(ordinary) <= 90
    assert len(sweep) <= 300
    assert not {"MOTOROLA", "TASER", "FLIR", "LPR", "SUAS", "CLEAR", "PALANTIR GOTHAM"} & set(terms.phrases)


@pytest.mark.parametrize(
    "content",
    [
        "vendors:\n" + "- {}\n" * 110_000,
        "vendors:\n- {id: a, name: Acme, category: analytics, aliases: [" + "{x: 1}, " * 110_000 + "]}\n",
    ],
)
def test_a_file_with_too_many_values_is_refused_before_it_is_validated(content: str, tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(content, "utf-8")
    with pytest.raises(WatchlistError, match="more than 200,000 values"):
        load_watchlist(file)


def test_a_message_quotes_a_long_value_only_in_part(tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(f"vendors:\n- id: {'a-' * 100_000}\n  name: Acme\n  category: {'b' * 100_000}\n", "utf-8")
    with pytest.raises(WatchlistError) as caught:
        load_watchlist(file)
    assert len(str(caught.value)) < 1000
