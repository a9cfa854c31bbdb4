"""Names are copied from ICE and CBP contract actions of fiscal years 2021-2024 where they look real."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitors.normalize import (
    is_common,
    map_text,
    normalize_name,
    normalize_text,
    parse_name,
    parse_names,
    strip_legal_suffix,
)


@pytest.mark.parametrize(
    ("raw", "core", "form"),
    [
        ("CLEARVIEW AI, INC.", "CLEARVIEW AI", "INC"),
        ("B.I. INCORPORATED", "BI", "INC"),
        ("B I INC", "BI", "INC"),
        ("PEN-LINK, LIMITED", "PEN LINK", "LTD"),
        ("Pen-Link, Ltd", "PEN LINK", "LTD"),
        ("PARAGON SOLUTIONS (US) INC", "PARAGON SOLUTIONS US", "INC"),
        ("THE GEO GROUP, INC.", "GEO GROUP", "INC"),
        ("CREDENCE MANAGEMENT SOLUTIONS LIMITED LIABILITY COMPANY", "CREDENCE MANAGEMENT SOLUTIONS", "LLC"),
        ("W S DARLEY & CO", "WS DARLEY AND", "CO"),
        ("ANRAY INT'L CORPORATION", "ANRAY INTL", "CORP"),
        ("Société Générale S.A.", "SOCIETE GENERALE", "SA"),
        ("FIVECAST PTY LTD", "FIVECAST", "PTY LTD"),
        ("INC", "INC", ""),
        ("THE", "THE", ""),
    ],
)
def test_a_name_is_taken_apart(raw: str, core: str, form: str) -> None:
    name = parse_name(raw)
    assert name is not None
    assert (name.core, name.form) == (core, form)


@pytest.mark.parametrize("raw", ["", "   ", "---", "\u200e\u202e", "..."])
def test_nothing_is_no_name(raw: str) -> None:
    assert parse_name(raw) is None
    assert parse_names(raw) == ()


def test_the_same_company_has_the_same_tight_name() -> None:
    names = [parse_name(raw) for raw in ("PEN-LINK, LIMITED", "PENLINK LTD", "Pen Link")]
    assert {name.no_spaces for name in names if name} == {"PENLINK"}


@pytest.mark.parametrize("dba", ["D/B/A", "DBA", "d.b.a.", "doing business as", "D / B / A"])
def test_doing_business_as_gives_a_second_name_with_its_place(dba: str) -> None:
    raw = f"EASTCOR ENGINEERING, LLC {dba} Advanced Technology Solutions"
    first, second = parse_names(raw)
    assert first.core == "EASTCOR ENGINEERING"
    assert raw[first.start : first.end] == "EASTCOR ENGINEERING, LLC"
    assert raw[second.start : second.end] == "Advanced Technology Solutions"


@pytest.mark.parametrize("between", ["FKA", "F/K/A", "f.k.a.", "formerly", "FORMERLY KNOWN AS", "trading as"])
def test_a_former_name_in_the_field_is_a_second_name(between: str) -> None:
    names = parse_names(f"Acme Optics LLC ({between} Sharp Eyes, Inc.)")
    assert [name.full for name in names] == ["ACME OPTICS LLC", "SHARP EYES INC"]


def test_a_name_with_brackets_is_also_read_without_them() -> None:
    raw = "ACME OPTICAL SYSTEM (AOSYS), INC"
    names = parse_names(raw)
    assert [name.full for name in names] == ["ACME OPTICAL SYSTEM AOSYS INC", "ACME OPTICAL SYSTEM INC", "AOSYS"]
    assert [raw[name.start : name.end] for name in names] == [raw, raw, "AOSYS"]


def test_every_pair_of_brackets_is_left_out() -> None:
    raw = "ACME (US) OPTICS (AOSYS), INC"
    names = parse_names(raw)
    assert [name.full for name in names] == ["ACME US OPTICS AOSYS INC", "ACME OPTICS INC", "US", "AOSYS"]
    assert [raw[name.start : name.end] for name in names] == [raw, raw, "US", "AOSYS"]


@pytest.mark.parametrize("raw", ["(", ")", "()", "A (", ") LLC (", "(()) X", "FKA", "X FKA", "(FKA)"])
def test_brackets_without_sense_are_no_error(raw: str) -> None:
    assert all(0 <= name.start < name.end <= len(raw) for name in parse_names(raw))


def test_a_name_after_an_acronym_and_a_dash_is_also_read_alone() -> None:
    raw = "GSS - Government Support Services LLC"
    names = parse_names(raw)
    assert [name.core for name in names] == ["GSS GOVERNMENT SUPPORT SERVICES", "GOVERNMENT SUPPORT SERVICES"]
    assert [raw[name.start : name.end] for name in names] == [raw, "Government Support Services LLC"]
    assert len(parse_names("CACI, INC. - FEDERAL")) == 1
    assert len(parse_names("PEN-LINK, LIMITED")) == 1


def test_dba_inside_a_word_splits_nothing() -> None:
    assert len(parse_names("GOLDBAR SYSTEMS LLC")) == 1


@pytest.mark.parametrize(("raw", "core"), [("THE THORN", "THORN"), ("The Thorn Co.", "THORN"), ("THE", "THE")])
def test_a_leading_article_is_no_part_of_a_name(raw: str, core: str) -> None:
    name = parse_name(raw)
    assert name is not None
    assert name.core == core


def test_common_words() -> None:
    assert is_common("PARAGON SOLUTIONS US")
    assert not is_common("BABEL STREET")


def test_text_keeps_words_apart_that_a_name_joins() -> None:
    assert normalize_text("LICENSES.SHADOWDRAGON, KHARON'S R&D") == "LICENSES SHADOWDRAGON KHARON S R AND D"
    assert normalize_name("A.B.C. O'BRIEN R&D") == "ABC OBRIEN R AND D"


@given(st.text())
def test_normalising_twice_changes_nothing(raw: str) -> None:
    assert normalize_name(normalize_name(raw)) == normalize_name(raw)
    assert normalize_text(normalize_text(raw)) == normalize_text(raw)


@given(st.text())
def test_the_quick_and_the_mapped_fold_agree(raw: str) -> None:
    text = map_text(raw)
    assert text.words == normalize_text(raw)
    assert len(text.words) == len(text.origin)
    assert list(text.origin) == sorted(text.origin)


@given(st.text(alphabet="aé ß&.-\u202eXfi½"))
def test_every_folded_letter_comes_from_its_place(raw: str) -> None:
    text = map_text(raw)
    for index, letter in enumerate(text.words):
        start, end = text.place(index, index + 1)
        assert end == start + 1
        if letter != " ":
            assert letter in normalize_text(raw[start:end])


@given(st.text())
def test_peeling_leaves_something(raw: str) -> None:
    normalised = normalize_name(raw)
    assert bool(strip_legal_suffix(normalised)[0]) == bool(normalised)


@pytest.mark.parametrize(
    "written",
    [
        "GEO GROUP, INC., THE",
        "GEO GROUP INC (THE)",
        "GEO GROUP, INC (THE)",
        "THE GEO GROUP INC",
        "GEO GROUP, THE, INC.",
    ],
)
def test_an_article_at_either_end_is_no_part_of_a_name(written: str) -> None:
    assert ("GEO GROUP", "INC") in [(name.core, name.form) for name in parse_names(written)]


def test_a_name_is_never_only_an_article_less() -> None:
    assert [strip_legal_suffix(name)[0] for name in ("THE", "THE THE", "INC THE", "THE INC")] == [
        "THE",
        "THE",
        "INC",
        "THE",
    ]
