"""Words of the description that are one letter away from a product or vendor."""

from __future__ import annotations

import pytest

from monitors.matching.matcher import Matcher
from monitors.matching.phrase_index import vendor_terms
from monitors.matching.typos import TypoIndex
from storage.models import MatchBand
from tests.app_context import shipped
from tests.awards import award, of_vendors

WATCHLIST = shipped()
MATCHER = Matcher(WATCHLIST)
SLIPS = TypoIndex(WATCHLIST.vendors, [term for vendor in WATCHLIST.vendors for term in vendor_terms(vendor)])


@pytest.mark.parametrize(
    ("description", "words", "vendor"),
    [
        ("RENEWAL: Celebrrite licences", "Celebrrite", "cellebrite"),
        ("DATAMINER SUBSCRIPTION", "DATAMINER", "dataminr"),
        ("PALANITR USERS", "PALANITR", "palantir"),
    ],
)
def test_a_slip_in_a_long_rare_word_goes_to_review(description: str, words: str, vendor: str) -> None:
    (match,) = of_vendors(MATCHER.matches(award(description=description)))
    assert (match.vendor_id, match.band) == (vendor, MatchBand.REVIEW)
    assert match.signals[0].text == words
    assert description[match.signals[0].start : match.signals[0].end] == words


@pytest.mark.parametrize(
    ("description", "vendor"),
    [
        ("2 EA CHAINALISIS SEATS", "chainalysis"),
        ("CELLEBRITTE LICENSES", "cellebrite"),
        ("SHADOWDRAGN LICENSE", "shadowdragon"),
    ],
)
def test_a_slip_in_a_very_long_word_counts_like_the_word(description: str, vendor: str) -> None:
    (match,) = of_vendors(MATCHER.matches(award(description=description)))
    assert (match.vendor_id, match.band, match.rule) == (vendor, MatchBand.PUBLISHED, "strong-phrase")


@pytest.mark.parametrize(
    "description",
    [
        "ACQUISITION SUPPORT SERVICES",  # MACQUISITION, a letter less at its beginning
        "TELEPHONIC INTERPRETATION",  # TELEPHONICS
        "SPRINKLER INSPECTION",  # SPRINKLR: an exclusion
        "IMMIGRATIONS BOND SOFTWARE",  # IMMIGRATIONOS: an exclusion
        "CELEBRITY SPEAKER",  # CELEBRITE, itself a misspelling that is listed
        "GEOLOGY SURVEY",  # NEOLOGY: too short
        "CELLEBRITE",  # as it should be
        "CELLEBRITES",
        "",
        " ",
        "A" * 5_000,
    ],
)
def test_ordinary_words_are_no_slips(description: str) -> None:
    assert SLIPS.find(description) == ()
