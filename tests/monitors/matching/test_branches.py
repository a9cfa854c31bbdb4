"""Recipient names that are a known name with something added (a branch, an owner's holding, brackets) or misspelt."""

from __future__ import annotations

import pytest

from monitors.matching.matcher import Matcher
from monitors.matching.name_index import NameIndex, SignalKind
from monitors.watchlist.model import KnownName, Vendor
from storage.models import MatchBand
from tests.app_context import shipped
from tests.awards import award, of_vendors

WATCHLIST = shipped()
MATCHER = Matcher(WATCHLIST)
NAMES = NameIndex(WATCHLIST.vendors)


@pytest.mark.parametrize(
    ("name", "vendor"),
    [
        ("CELLEBRITE (USA) INC", "cellebrite"),
        ("SKYDIO PARENT, INC.", "skydio"),
        ("MAGNET FORENSICS INTERMEDIATE HOLDINGS LLC", "magnet-forensics"),
        ("ACME GLOBAL INC (FORMERLY SHADOWDRAGON, LLC)", "shadowdragon"),
        ("TRM LABS GOVERNMENT SOLUTIONS, INC.", "trm-labs"),
        ("BERLA FEDERAL LLC", "berla"),
        ("MSAB USA INC", "msab"),
    ],
)
def test_a_branch_or_another_writing_of_a_name_is_published(name: str, vendor: str) -> None:
    (match,) = of_vendors(MATCHER.matches(award(name, "ADD FUNDING")))
    assert (match.vendor_id, match.band) == (vendor, MatchBand.PUBLISHED)


@pytest.mark.parametrize(
    ("name", "vendor"), [("GIANT OAK FEDERAL LLC", "giant-oak"), ("AMPED SOFTWARE HOLDINGS INC", "amped-software")]
)
def test_a_branch_of_a_name_of_common_words_is_for_a_person(name: str, vendor: str) -> None:
    (match,) = of_vendors(MATCHER.matches(award(name, "ADD FUNDING")))
    assert (match.vendor_id, match.band) == (vendor, MatchBand.REVIEW)


@pytest.mark.parametrize(
    "name",
    [
        "DIGITAL INTELLIGENCE SYSTEMS LLC",  # another company: a kind of business after common words
        "THORN FEDERAL LLC",  # one common word
        "AWARE USA LLC",
        "FEDERAL HOLDINGS LLC",  # nothing but branch words
        "USA",
    ],
)
def test_common_words_and_a_kind_of_business_are_another_company(name: str) -> None:
    assert NAMES.find(name) == ()


@pytest.mark.parametrize(
    ("known", "misspelt", "another"),  # made up
    [
        ("Zebratron 12", "ZEBRATRAN 12", "ZEBRATRON 13"),  # another number
        ("Zebratronical Quaxim", "ZEBRATRONICAL QUAXAM", "ZEBRATRONICAL QUAPAM"),  # two letters differ in one word
        ("Zebratron", "ZEBRATRAN", "ZEBRATRONS"),  # a single word with a letter more at its end
    ],
)
def test_a_misspelt_name_is_known_and_a_name_like_it_is_another_company(
    known: str, misspelt: str, another: str
) -> None:
    vendor = Vendor(id="zebratron", name=known, legal_names=(KnownName(known),), category="spyware")
    names = NameIndex([vendor])
    assert [finding.kind for finding in names.find(misspelt)] == [SignalKind.FUZZY_NAME]
    assert names.find(another) == ()
