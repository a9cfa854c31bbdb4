"""An amended notice of SAM.gov: a new id and the same solicitation number, and one record here."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest

from sources.base import NotModified
from sources.errors import SourceChanged
from sources.records import Payload, Problem, Publication
from sources.sam.opportunities.notice_parser import shared_key
from tests.sources.sam.notices import SOURCE, TODAY, memory, poll, publications, read, removals
from tests.upstreams.sam_opportunities import SAMPLES, FaultySamOpportunities, Json, notice

DAY = timedelta(days=1)
KEY = "SAM_NOTICE_N6264926R0001_017.1700_SOLICITATION"
LATER = "2026-03-01T12:00:00-05:00"


@pytest.fixture
def server() -> Iterator[FaultySamOpportunities]:
    with FaultySamOpportunities() as server:
        yield server


def hit(number: int, day: date = TODAY, **fields: object) -> Json:
    return notice(number, **{"postedDate": day.isoformat(), "title": "Clearview AI licences", **fields})


def award_notice(number: int, piid: str, day: date = TODAY, **fields: object) -> Json:
    award = {"date": day.isoformat(), "number": piid, "amount": "100", "awardee": {"name": "Clearview AI, Inc."}}
    return hit(number, day, type="Award Notice", solicitationNumber="N6264926R0001", award=award, **fields)


def test_an_amendment_is_the_same_record(server: FaultySamOpportunities) -> None:
    server.notices = [hit(1, responseDeadLine=LATER)]
    stored = memory()
    (first,) = publications(poll(server, stored))
    amended = server.amend(1, 77, postedDate=(TODAY + DAY).isoformat(), responseDeadLine="2026-03-09T12:00:00-04:00")
    items = poll(server, stored, TODAY + DAY)
    (second,) = publications(items)
    assert removals(items) == []
    assert first.key == second.key == KEY
    assert second.deadline == datetime(2026, 3, 9, 16, tzinfo=UTC)
    assert second.url == f"https://sam.gov/opp/{77:032x}/view"
    assert second.revision.startswith(f"{77:032x}:")
    assert json.loads(second.documents[0].body) == amended
    assert [type(item) for item in poll(server, stored, TODAY + DAY)] == [NotModified]


def test_an_older_amendment_is_found_by_solicitation_number(server: FaultySamOpportunities) -> None:
    server.notices = [hit(1, responseDeadLine=LATER)]
    stored = memory()
    poll(server, stored)
    server.amend(1, 77, responseDeadLine="2026-03-09T12:00:00-04:00")  # keeps its day of posting
    stored.notes["read"] = (TODAY + 7 * DAY).isoformat()
    items = poll(server, stored, TODAY + 10 * DAY)
    assert [record.key for record in publications(items)] == [KEY]
    assert removals(items) == []
    assert server.searches[-1]["solnum"] == "N6264926R0001"


def test_an_award_notice_is_a_separate_record(server: FaultySamOpportunities) -> None:
    server.notices = [hit(1, responseDeadLine=LATER)]
    stored = memory()
    poll(server, stored)
    server.notices = [award_notice(80, "70CDCR26P0001", TODAY + 9 * DAY)]
    stored.notes["read"] = (TODAY + 12 * DAY).isoformat()
    items = poll(server, stored, TODAY + 15 * DAY)  # the award notice has left the window
    assert removals(items) == []
    (record,) = publications(items)
    assert record.key == "SAM_NOTICE_N6264926R0001_017.1700_AWARDNOTICE_70CDCR26P0001"
    assert KEY not in json.loads(stored.notes["watched"])


def test_two_award_notices_of_a_solicitation_are_two_records(server: FaultySamOpportunities) -> None:
    server.notices = [award_notice(80, "70CDCR26P0001"), award_notice(81, "70CDCR26P0002")]
    stored = memory()
    assert len({record.key for record in publications(poll(server, stored))}) == 2
    assert [type(item) for item in poll(server, stored)] == [NotModified, NotModified]


def test_two_notices_in_one_response_are_two_records(server: FaultySamOpportunities) -> None:
    server.notices = [hit(1)]
    stored = memory()
    poll(server, stored)
    twin = hit(2, TODAY + DAY, solicitationNumber="N6264926R0001", title="Clearview AI: another one")
    server.notices.append(twin)
    items = poll(server, stored, TODAY + DAY)
    keys = sorted(item.key for item in items if isinstance(item, (Payload, NotModified)))
    assert keys == [f"SAM_NOTICE_{2:032x}", KEY]
    assert [record.title for record in publications(items)] == ["Clearview AI: another one"]
    again = poll(server, stored, TODAY + DAY)
    assert sorted(item.key for item in again if isinstance(item, NotModified)) == keys
    del server.notices[0]  # the twin stays what it was when the other one has left the window
    stored.notes["watched"] = "{}"
    alone = poll(server, stored, TODAY + 2 * DAY)
    assert [item.key for item in alone if isinstance(item, NotModified)] == keys[:1]


def test_two_new_notices_in_one_response_are_two_records(server: FaultySamOpportunities) -> None:
    server.notices = [hit(1), hit(2, solicitationNumber="N6264926R0001")]
    assert len({record.key for record in publications(poll(server, memory()))}) == 2


def test_two_notices_on_different_pages_are_two_records(server: FaultySamOpportunities) -> None:
    others = [notice(number, postedDate=TODAY.isoformat()) for number in (50, 51)]
    server.most = 2
    server.notices = [hit(1), *others, hit(2, solicitationNumber="N6264926R0001")]
    stored = memory()
    poll(server, stored)
    assert sorted(stored.records) == [f"SAM_NOTICE_{2:032x}", KEY]
    again = poll(server, stored)
    assert sorted(item.key for item in again if isinstance(item, NotModified)) == sorted(stored.records)


def test_an_invalid_id_is_one_problem(server: FaultySamOpportunities) -> None:
    server.notices = [hit(1, noticeId="\ud800"), hit(3)]
    problems = [record for record in read(poll(server, memory())) if isinstance(record, Problem)]
    assert len(problems) == 1
    assert "expected SAM_NOTICE" in problems[0].reason


@pytest.mark.parametrize(
    ("number", "shared"),
    [
        ("N6264926R0001", "N6264926R0001"),
        (" n62649-26-r-0001 ", "N6264926R0001"),
        ("RFI", ""),
        ("TBD", ""),
        ("2026", ""),
        ("20260203", ""),
        ("RFI-2026", ""),
        ("N/A", ""),
        ("X" * 30, ""),
        ("A1" * 21, ""),
        (None, ""),
        (["N6264926R0001"], ""),
    ],
)
def test_an_invalid_solicitation_number_has_no_versions(number: object, shared: str) -> None:
    key = f"SAM_NOTICE_{shared}_017.1700_SOLICITATION" if shared else ""
    assert shared_key(hit(1, solicitationNumber=number)) == key


@pytest.mark.parametrize(
    "fields", [{"fullParentPathCode": None}, {"baseType": None}, {"fullParentPathCode": 7}, {"award": 7}]
)
def test_without_a_buyer_or_a_type_there_are_no_versions(fields: Json) -> None:
    assert shared_key(hit(1, **fields)) == ""


def test_the_buyer_and_first_type_identify_a_notice() -> None:
    keys = [
        shared_key(hit(1)),
        shared_key(hit(2, solicitationNumber="N6264926R0001", type="Combined Synopsis/Solicitation")),
        shared_key(hit(3, solicitationNumber="N6264926R0001", baseType="Sources Sought")),
        shared_key(hit(4, solicitationNumber="N6264926R0001", fullParentPathCode="070.7012.X")),
    ]
    assert keys[0] == keys[1] == KEY
    assert len(set(keys)) == 3


def test_a_payload_has_its_own_or_its_shared_key(server: FaultySamOpportunities) -> None:
    server.notices = [hit(1)]
    (item,) = poll(server, memory())
    assert isinstance(item, Payload)
    for key, kind in ((KEY, Publication), (f"SAM_NOTICE_{1:032x}", Publication), ("SAM_NOTICE_X", Problem)):
        (record,) = SOURCE.parse(Payload(source=item.source, key=key, revision="", documents=item.documents))
        assert type(record) is kind


def test_a_notice_without_a_number_is_watched_by_its_id(server: FaultySamOpportunities) -> None:
    server.notices = [hit(1, solicitationNumber=None, responseDeadLine=LATER)]
    stored = memory()
    poll(server, stored)
    stored.notes["read"] = (TODAY + 7 * DAY).isoformat()
    assert [type(item) for item in poll(server, stored, TODAY + 10 * DAY)] == [NotModified]
    assert server.searches[-1]["noticeid"] == f"{1:032x}"
    server.notices.clear()
    assert [record.key for record in removals(poll(server, stored, TODAY + 11 * DAY))] == [f"SAM_NOTICE_{1:032x}"]


@pytest.mark.parametrize("number", ["N6264926R0001", None])
def test_an_ignored_filter_fails_the_step(server: FaultySamOpportunities, number: str | None) -> None:
    server.notices = [hit(1, solicitationNumber=number, responseDeadLine=LATER)]
    stored = memory()
    poll(server, stored)
    server.notices = [notice(5, postedDate=TODAY.isoformat())]
    server.ignored = {"solnum", "noticeid"}
    stored.notes["read"] = (TODAY + 7 * DAY).isoformat()
    with pytest.raises(SourceChanged, match="got 1 other notices"):
        poll(server, stored, TODAY + 10 * DAY)
    assert len(json.loads(stored.notes["watched"])) == 1
    name = "solicitation-search" if number else "notice-id-search"
    stored.notes[f"assumption/{name}"] = "does not hold"
    before = len(server.searches)
    assert removals(poll(server, stored, TODAY + 10 * DAY)) == []
    assert len(server.searches) == before + 1


def test_the_keys_of_the_samples() -> None:
    assert [shared_key(sample) for sample in SAMPLES] == [
        "",  # version 1 of the API named no codes
        "SAM_NOTICE_TEST123456789_047.4732_AWARDNOTICE_4376487348950",
        "SAM_NOTICE_N6264926RK007_017.1700_SOLICITATION",
        "SAM_NOTICE_N0002426SN20_017.1700_SPECIALNOTICE",
    ]
