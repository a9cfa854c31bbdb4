"""Reading records and events, on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime

import pytest

from sources.records import AwardCategory, Publication, PublicationKind, Recipient
from storage.database import Database
from storage.models import StoredRecord
from storage.reading.records import (
    actions_of,
    find_by_identifier,
    known_agencies,
    known_vendors,
    load_publication_version,
    matched_award_keys,
    noticed_solicitations,
    published_agreements,
    published_keys,
    records_by_key,
)
from storage.search.query import read_query
from storage.search.search import find_events
from storage.writing.save import save_publication
from tests.records import (
    BABEL,
    CLEARVIEW,
    CLEARVIEW_FORENSIC,
    EQUIPMENT,
    LATER,
    LATER_STILL,
    acted,
    match,
)
from tests.storage.database_helpers import publish_all, publish_none, published_ids, save
from tests.storage.fixtures import save_sample_awards


@pytest.mark.parametrize(
    "identifier",
    [
        BABEL.key,
        BABEL.key.lower(),
        "70B03C23F00001053",
        " 70b03c23f00001053\n",
        f"https://www.usaspending.gov/award/{BABEL.key}",
        f"https://www.usaspending.gov/award/{BABEL.key}/",
        f"usaspending.gov/award/{BABEL.key}/",
    ],
)
def test_an_award_is_found_by_key_piid_or_url(sample: Database, identifier: str) -> None:
    with sample.reading() as session:
        assert [award.key for award in find_by_identifier(session, identifier)] == [BABEL.key]


def test_several_awards_may_share_a_piid_and_a_partial_piid_finds_none(sample_copy: Database) -> None:
    twin = replace(CLEARVIEW, key="CONT_AWD_70CMSD21P00000127_9700_-NONE-_-NONE-", actions=(), documents=())
    save(sample_copy, twin)
    with sample_copy.reading() as session:
        assert [award.key for award in find_by_identifier(session, CLEARVIEW.piid)] == [CLEARVIEW.key, twin.key]
        for identifier in ("70CMSD21P", "", "/", "%", "https://www.usaspending.gov/award/"):
            assert find_by_identifier(session, identifier) == []


def test_an_award_has_its_matches_best_first(sample: Database) -> None:
    with sample.reading() as session:
        (award,) = records_by_key(session, ["nobody", BABEL.key])
        assert [(m.vendor_id, m.band, m.score) for m in award.matches] == [
            ("panamerica", "review", 0.97),
            ("babel-street", "published", 0.9),
        ]
        assert award.matches[0].signals[0].text == "PANAMERICA COMPUTERS, INC."
        assert records_by_key(session, [EQUIPMENT.key])[0].matches == ()
        assert [action.signed for action in actions_of(session, EQUIPMENT.key)] == [
            action.signed for action in EQUIPMENT.actions
        ]


def find(database: Database, limit: int = 50, **asked: str) -> list[tuple[str, date | None]]:
    with database.reading() as session:
        return [(event.record.piid, event.signed) for event in find_events(session, read_query(asked), limit)]


def test_events_are_ordered_by_first_seen_then_signed_then_id(database: Database) -> None:
    save(database, CLEARVIEW, match(CLEARVIEW))
    old = acted(CLEARVIEW, "P00004", "2022-12-01", "1.00")
    save(database, acted(old, "P00006", "2023-12-01", "1.00"), match(CLEARVIEW), now=LATER_STILL)
    same_day = replace(CLEARVIEW_FORENSIC, key="CONT_AWD_A_7012_-NONE-_-NONE-", piid="A")
    for award in (CLEARVIEW_FORENSIC, same_day):
        unique = replace(award, actions=tuple(replace(action, key=award.key) for action in award.actions))
        save(database, unique, match(unique), now=LATER)
    undated = replace(CLEARVIEW_FORENSIC, key="CONT_AWD_U", piid="U", signed=None, actions=(), documents=())
    save(database, undated, match(undated), now=LATER)
    expected = [
        (CLEARVIEW.piid, date(2023, 12, 1)),
        (CLEARVIEW.piid, date(2022, 12, 1)),
        (CLEARVIEW_FORENSIC.piid, date(2024, 9, 3)),
        ("A", date(2024, 9, 3)),
        ("U", None),
        (CLEARVIEW.piid, date(2021, 9, 3)),
    ]
    assert find(database) == expected
    for limit in range(len(expected)):
        assert find(database, limit=limit) == expected[:limit]


def test_events_are_filtered_by_published_vendor_category_and_agency(sample: Database) -> None:
    clearview = [(CLEARVIEW_FORENSIC.piid, date(2024, 9, 3)), (CLEARVIEW.piid, date(2021, 9, 3))]
    babel = [(BABEL.piid, date(2023, 9, 25))]
    assert find(sample, vendor="clearview-ai") == find(sample, category="face-recognition") == clearview
    assert find(sample, agency="7012") == clearview
    assert find(sample, vendor="babel-street") == find(sample, agency="7014") == babel
    assert find(sample, vendor="panamerica") == find(sample, category="resellers") == []
    assert find(sample, vendor="babel-street", agency="7012") == find(sample, agency="9999") == []


def test_unpublished_events_are_not_found(sample_copy: Database) -> None:
    before = find(sample_copy)
    more = acted(CLEARVIEW, "P00006", "2025-09-12", "1.00")
    save(sample_copy, more, match(more), now=LATER_STILL, should_publish=publish_none)
    assert find(sample_copy) == before
    assert len(published_ids(sample_copy)) == 3


def test_known_vendors_and_agencies_are_those_with_published_matches(sample: Database) -> None:
    with sample.reading() as session:
        assert known_vendors(session) == [
            ("babel-street", "Babel Street", "social-media"),
            ("clearview-ai", "Clearview AI", "face-recognition"),
        ]
        assert known_agencies(session) == [
            ("070", "Department of Homeland Security"),
            ("7014", "U.S. Customs and Border Protection"),
            ("7012", "U.S. Immigration and Customs Enforcement"),
        ]
        assert published_keys(session) == sorted([BABEL.key, CLEARVIEW.key, CLEARVIEW_FORENSIC.key])


def version(database: Database) -> tuple[str, datetime | None]:
    with database.reading() as session:
        return load_publication_version(session)


def test_the_publication_version_changes_only_with_public_data(database: Database) -> None:
    assert version(database)[1] is None
    save_sample_awards(database)
    before = version(database)
    assert before[1] is not None
    save(database, CLEARVIEW, match(CLEARVIEW, first_seen=LATER_STILL), now=LATER_STILL)
    assert version(database) == before
    more = acted(CLEARVIEW, "P00006", "2025-09-12", "1.00")
    save(database, more, match(more), now=LATER_STILL)
    after = version(database)
    assert after[0] != before[0]
    assert after[1] is not None
    assert after[1] > before[1]


def test_views_are_immutable(sample: Database) -> None:
    with sample.reading() as session:
        (award,) = find_by_identifier(session, BABEL.key)
    assert isinstance(award, StoredRecord)
    with pytest.raises(AttributeError):
        award.piid = "another"  # type: ignore[misc]


def test_the_awards_agreements_and_solicitations_that_are_looked_for_in_large_files(sample_copy: Database) -> None:
    agreements = {
        band: replace(CLEARVIEW, key=f"CONT_IDV_{band}_7012", category=AwardCategory.IDV, actions=(), documents=())
        for band in ("published", "review", "rejected")
    }
    notices = {
        band: Publication(
            key=f"NOTICE_{band}", source="samnotices", kind=kind, recipient=Recipient(name=""), solicitation=f"S-{band}"
        )
        for band, kind in (("published", PublicationKind.NOTICE), ("review", PublicationKind.NOTICE))
    }
    for band, agreement in agreements.items():
        save(sample_copy, agreement, match(agreement, band=band))
    with sample_copy.writing() as session:
        for band, notice in notices.items():
            save_publication(session, notice, [match(notice, band=band)], LATER, publish_all)
    with sample_copy.reading() as session:
        assert matched_award_keys(session) == {
            *(award.key for award in (BABEL, CLEARVIEW, CLEARVIEW_FORENSIC)),
            *(agreements[band].key for band in ("published", "review")),
        }
        assert published_agreements(session) == {agreements["published"].key}
        assert noticed_solicitations(session) == {"S-published"}
