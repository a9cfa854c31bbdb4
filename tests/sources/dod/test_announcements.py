"""The adapter's `fetch` over real HTTP: index, pages, the archive where pages are refused, and never a silent zero."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from sources.base import DateWindow, Fetched, SearchTerms, StoredVersion
from sources.errors import Blocked, SourceChanged, Unreachable
from sources.records import Payload, Problem
from tests.sources.clients import ERRORS, SOME_FAULTS, client_for
from tests.sources.dod.articles import (
    OLD,
    PLAIN,
    SOURCE,
    fetched,
    holding,
    july,
    kinds,
    page,
    publications,
    records_of,
    step_of,
)
from tests.sources.fakes import Memory
from tests.upstreams.dod import FakeDod, FaultyDod
from tests.upstreams.faults import Fault
from tests.upstreams.server import Answer

TERMS = SearchTerms(names=("ACME",))
RSS = "RSS.ashx"
COPY = "20260705120000"
FIRST_KEY = "DOD_4532001"
ITEM = "<item><title>Contracts for July 9, 2026</title><link>{}</link><pubDate>{}</pubDate></item>"


def test_pages_in_the_window_are_read_oldest_first() -> None:
    late = page(40)
    with FakeDod([page(2), page(1), OLD, late]) as server:
        items = fetched(server)
        assert server.asked("/Article/") == [page(1).path, page(2).path]
        assert server.asked(RSS) == ["/DesktopModules/ArticleCS/RSS.ashx?ContentType=400&Site=945&max=60"]
    assert kinds(items) == [("Payload", FIRST_KEY), ("Payload", "DOD_4532002")]
    [first, second] = publications(records_of(items))
    assert (first.key, first.published, first.recipient.name) == (
        "DOD_4532001_1_1",
        date(2026, 7, 1),
        "Acme Drones LLC",
    )
    assert second.url == "https://www.war.gov/News/Contracts/Contract/Article/4532002/"
    assert [fact.value for fact in first.facts if fact.label == "read from"] == ["war.gov"]


def test_evidence_is_the_page_byte_for_byte() -> None:
    with FakeDod([page(1), OLD]) as server:
        [payload] = fetched(server)
        assert isinstance(payload, Payload)
        [document] = payload.documents
        assert (document.body, document.url) == (page(1).body, server.base_url + page(1).path)


@pytest.mark.parametrize("stored", ["DOD_4532001_1_1", "DOD_4532001_2_1", "DOD_4532001_3_1"])
def test_a_page_already_read_is_not_requested_again(stored: str) -> None:
    with FakeDod([page(1), page(2), OLD]) as server:
        items = fetched(server, holding(stored))
        assert server.asked("/Article/") == [page(2).path]
    assert kinds(items) == [("NotModified", stored), ("Payload", "DOD_4532002")]


def test_index_items_that_are_not_contract_pages_are_ignored() -> None:
    other = "<item><title>Today in the department</title><link>https://x/</link></item>"
    with FakeDod([page(1), OLD], others=other) as server:
        assert kinds(fetched(server)) == [("Payload", FIRST_KEY)]


@pytest.mark.parametrize(
    ("link", "published"),
    [
        ("https://www.war.gov/", "Thu, 09 Jul 2026 21:00:00 GMT"),
        ("https://www.war.gov/News/Contracts/Contract/Article/4532009/", "yesterday"),
        ("", ""),
        ("https://evil.example/News/Contracts/Contract/Article/4532009/../../x", "Thu, 09 Jul 2026 21:00:00 GMT"),
        ("file:///etc/passwd/Article/4532009", "Thu, 09 Jul 2026 21:00:00 GMT"),
        ("https://[::1/Article/4532009", "Thu, 09 Jul 2026 21:00:00 GMT"),
    ],
)
def test_an_incomplete_index_item_is_a_problem_and_the_rest_is_read(link: str, published: str) -> None:
    with FakeDod([page(1), OLD], others=ITEM.format(link, published)) as server:
        problem, payload = fetched(server)
        assert server.asked("/Article/") == [page(1).path]
    assert isinstance(problem, Problem)
    assert (problem.key, len(problem.documents)) == ("DOD_INDEX_2026-07-09", 1)
    assert kinds([payload]) == [("Payload", FIRST_KEY)]


@pytest.mark.parametrize("stray", ["Thu, 09 Jul 2062", "Tue, 09 Jul 2002", "Thu, 01 Jan 1970"])
def test_the_date_in_the_title_overrides_a_distant_item_date(stray: str) -> None:
    link = "https://www.war.gov/News/Contracts/Contract/Article/4532009/x/"
    with FakeDod([page(1)], others=ITEM.format(link, f"{stray} 21:00:00 GMT")) as server:
        server.hidden.append(page(9))
        items = fetched(server, step=step_of(date(2026, 6, 29)))
    assert kinds(items) == [("IncompleteResult", "0/2"), ("Payload", FIRST_KEY), ("Payload", "DOD_4532009")]


def test_an_item_with_another_host_is_read_from_the_configured_host() -> None:
    item = ITEM.format(
        "http://www.defense.gov/News/Contracts/Contract/Article/4532002/x/", "Thu, 02 Jul 2026 21:00:00 GMT"
    )
    with FakeDod([page(1), OLD], others=item.replace("July 9", "July 2")) as server:
        server.pages.append(page(2))
        fetched(server)
        assert server.asked("/Article/4532002") == ["/News/Contracts/Contract/Article/4532002/x/"]


def test_entities_of_the_index_are_not_resolved() -> None:
    class Doctored(FakeDod):
        def _index(self, query: dict[str, str]) -> Answer:
            answer = super()._index(query)
            doctype = b'<!DOCTYPE rss [<!ENTITY x "https://www.war.gov/News/Contracts/Contract/Article/4532009/">]><rss'
            return replace(answer, body=answer.body.replace(b"<rss", doctype, 1))

    item = ITEM.format("&x;", "Thu, 09 Jul 2026 21:00:00 GMT")
    with Doctored([page(1), OLD], others=item) as server, pytest.raises(SourceChanged, match="a document type"):
        fetched(server)


def test_a_longer_index_is_requested_if_the_first_is_too_short() -> None:
    pages = [page(n, day=datetime(2026, 7, 1, tzinfo=UTC) + timedelta(hours=n)) for n in range(1, 70)]
    with FakeDod([*pages, OLD]) as server:
        fetched(server, holding(*(f"DOD_{one.number}_1_1" for one in pages)))
        assert [path.rpartition("=")[2] for path in server.asked(RSS)] == ["60", "500"]


def test_days_before_the_index_are_an_incomplete_result() -> None:
    with FakeDod([page(9)]) as server:  # Thursday 9 July; six business days before it
        items = fetched(server)
    assert kinds(items) == [("IncompleteResult", "0/6"), ("Payload", "DOD_4532009")]


def test_a_window_before_the_index_is_wholly_missing() -> None:
    with FakeDod([page(9)]) as server:
        items = fetched(server, step=step_of(date(2026, 6, 1), date(2026, 6, 7)))
    assert kinds(items) == [("IncompleteResult", "0/5")]


def test_a_refused_page_is_read_from_the_archive_and_marked() -> None:
    with FakeDod([page(1, copies=["20260703010203"]), OLD], refuses=True) as server:
        items = fetched(server)
        assert len(server.asked("/wayback/available?url=https%3A%2F%2Fwww.war.gov%2FNews%2F")) == 1
    [publication] = publications(records_of(items))
    assert publication.key == "DOD_4532001_1_1"
    origin = [fact.value for fact in publication.facts if fact.label == "read from"]
    assert origin == ["the Internet Archive's copy of 2026-07-03 01:02:03 UTC"]


def test_a_refused_page_is_not_retried() -> None:
    pages = [page(n, copies=[f"2026070{n + 1}120000"]) for n in (1, 2, 3)]
    with FakeDod([*pages, OLD], refuses=True) as server:
        assert len(publications(records_of(fetched(server)))) == 3
        assert [path for path in server.asked("/Article/") if path.startswith("/News")] == [pages[0].path]


def test_an_archive_copy_older_than_the_page_is_rejected() -> None:
    with FakeDod([page(1, copies=["20260701205959"]), page(2, copies=[COPY]), OLD], refuses=True) as server:
        items = fetched(server)
        assert len(server.asked("/web/")) == 1
    assert kinds(items) == [("Payload", "DOD_4532002"), ("IncompleteResult", "1/2")]


def test_a_redirected_archive_copy_older_than_the_page_is_rejected() -> None:
    class Moving(FakeDod):
        def _copy(self, path: str) -> Answer:
            self.pages[0].copies = ["20260101000000"]
            return super()._copy(path)

    with Moving([page(1, copies=[COPY]), OLD], refuses=True) as server, pytest.raises(Blocked):
        fetched(server)


def test_missing_pages_are_recorded_and_requested_again() -> None:
    memory = holding("DOD_4532002_1_1")
    pages = [page(1), page(2), OLD]
    with FakeDod(pages, refuses=True) as server:
        assert kinds(fetched(server, memory)) == [("NotModified", "DOD_4532002_1_1"), ("IncompleteResult", "1/2")]
        assert memory.notes == {"missing": "4532001"}
        pages[0].copies.append(COPY)
        july = step_of(date(2026, 7, 2))  # the page's own day is out of the window by now
        assert kinds(fetched(server, memory, july)) == [("Payload", FIRST_KEY), ("NotModified", "DOD_4532002_1_1")]
    assert memory.notes == {"missing": ""}


def test_a_backfill_leaves_the_missing_pages_of_polls_alone() -> None:
    memory = Memory(notes={"missing": "4532001"})
    with FakeDod([page(1), page(2), OLD]) as server:
        step = step_of(date(2026, 7, 2), key="rss/2026-07")
        assert kinds(fetched(server, memory, step)) == [("Payload", "DOD_4532002")]
    assert memory.notes == {"missing": "4532001"}


def test_a_backfill_continues_after_a_month_of_unreadable_pages() -> None:
    memory = Memory(notes={"missing": "4532001"})
    with FakeDod([page(2), OLD], refuses=True) as server:
        assert kinds(fetched(server, memory, step_of(key="rss/2026-07"))) == [("IncompleteResult", "0/1")]
    assert memory.notes == {"missing": "4532001"}


def test_a_run_that_reads_nothing_is_blocked_with_advice() -> None:
    memory = Memory()
    with FakeDod([page(1), page(2), OLD], refuses=True) as server, pytest.raises(Blocked) as caught:
        fetched(server, memory)
    told = str(caught.value)
    assert "2 pages could not be read" in told
    assert "procurewatch import dod FILE" in told
    assert "\n" not in told
    assert caught.value.status == 403
    assert memory.notes == {"missing": "4532001 4532002"}


def test_only_more_than_the_usual_archive_lag_is_a_block() -> None:
    held = holding("DOD_4532001_1_1")
    with FakeDod([OLD, *(page(n) for n in (1, 2, 3, 4))], refuses=True) as server:
        few_days_later = step_of(until=date(2026, 7, 6))
        assert kinds(fetched(server, held, few_days_later)) == [("NotModified", "DOD_4532001_1_1")]
        assert held.notes == {"missing": "4532002 4532003 4532004"}, "the next poll asks for them"
        assert kinds(fetched(server, held))[-1] == ("IncompleteResult", "1/4"), "after ten days it is no usual lag"
        server.pages.append(page(5))
        with pytest.raises(Blocked, match="4 pages"):
            fetched(server, held)


THREE = (PLAIN, PLAIN.replace("Acme", "Bolt"), PLAIN.replace("Acme", "Crow"))


def edited(*paragraphs: str, until: date = date(2026, 7, 3)) -> list[Fetched]:
    """Read a page of three announcements, edit it, and read it again."""
    memory = Memory()
    with FakeDod([page(1, *THREE), OLD]) as server:
        for record in publications(records_of(fetched(server, memory))):
            memory.records[record.key] = StoredVersion(key=record.key, revision=record.revision)
        server.pages[0] = page(1, *paragraphs)
        return fetched(server, memory, step_of(until=until))


def test_a_page_edited_within_days_is_read_again() -> None:
    corrected = THREE[1].replace("$9,000,000", "$9,500,000")
    items = edited(THREE[0], corrected, THREE[2])
    assert kinds(items) == [("Payload", FIRST_KEY)]
    assert [record.amounts[0].dollars for record in publications(records_of(items))] == [9000000, 9500000, 9000000]
    assert kinds(edited(*THREE)) == [("NotModified", "DOD_4532001_1_1")]
    assert kinds(edited(THREE[0], corrected, THREE[2], until=date(2026, 7, 6))) == [("NotModified", "DOD_4532001_1_1")]


def test_a_mostly_changed_page_needs_a_person() -> None:
    new = [PLAIN.replace("Acme", name) for name in ("Dove", "Elk")]
    assert kinds(edited(*new, *THREE)) == [("Problem", FIRST_KEY)], "each has moved by two"


def test_a_page_with_an_inserted_paragraph_needs_a_person() -> None:
    items = edited(PLAIN.replace("Acme", "New"), *THREE)
    assert kinds(items) == [("Problem", FIRST_KEY)]
    [problem] = items
    assert isinstance(problem, Problem)
    assert "4 of its 4 records are not where they were" in problem.reason
    assert kinds(edited(*THREE, PLAIN.replace("Acme", "New"))) == [("Payload", FIRST_KEY)], "one at the end is new"
    for moved in ((*THREE[:2], PLAIN.replace("Acme", "New"), THREE[2]), THREE[::2]):
        assert kinds(edited(*moved)) == [("Problem", FIRST_KEY)], "the last one stands in another place"


class Ill(FakeDod):
    """Upstream, which cannot give its first page."""

    def _page(self, path: str) -> Answer:
        return Answer(status=503) if FIRST_KEY.removeprefix("DOD_") in path else super()._page(path)


def test_a_failing_stored_page_does_not_block_new_pages() -> None:
    with Ill([page(1), page(2), OLD]) as server:
        items = fetched(server, holding("DOD_4532001_1_1"), step_of(until=date(2026, 7, 2)))
    assert kinds(items) == [("NotModified", "DOD_4532001_1_1"), ("Payload", "DOD_4532002")]


def test_a_failing_new_page_is_reported_after_the_others_are_read() -> None:
    items: list[Fetched] = []
    with Ill([page(1), page(2), OLD]) as server, client_for(SOURCE, server.base_url) as client:
        with pytest.raises(Unreachable, match="503"):
            items.extend(SOURCE.fetch(client, step_of(), Memory()))
        assert kinds(items) == [("Payload", "DOD_4532002")]
        server.pages[0].copies.append(COPY)
        assert len(fetched(server)) == 2, "the archive has it"


@pytest.mark.parametrize(
    "fault", [Fault.UNAVAILABLE, Fault.TOO_MANY_HOUR, Fault.FORBIDDEN, Fault.RESET, Fault.SERVER_ERROR]
)
@pytest.mark.parametrize("on", ["/wayback/", "/web/"])
def test_a_failing_archive_is_named_and_not_requested_again(fault: Fault, on: str) -> None:
    with FaultyDod([page(1, copies=[COPY]), page(2, copies=[COPY]), OLD], refuses=True) as server:
        server.play(fault, on=on)
        with pytest.raises(Blocked, match=on):
            fetched(server)
        assert len(set(server.asked(on))) == 1


@pytest.mark.parametrize("fault", [Fault.HTML_OK, Fault.TRUNCATED_JSON])
def test_an_unreadable_archive_response_is_no_copy(fault: Fault) -> None:
    with FaultyDod([page(1, copies=[COPY]), OLD], refuses=True) as server:
        server.play(fault, on="/wayback/")
        with pytest.raises(Blocked, match="no copy"):
            fetched(server)


def test_an_archived_block_page_is_no_copy() -> None:
    with FaultyDod([page(1, copies=[COPY]), page(2, copies=[COPY]), OLD], refuses=True) as server:
        server.play(Fault.HTML_OK, on="/web/", times=1)
        assert kinds(fetched(server)) == [("Payload", "DOD_4532002"), ("IncompleteResult", "1/2")]


@pytest.mark.parametrize("fault", SOME_FAULTS)
def test_a_failing_page_raises_its_error_and_keeps_the_pages_read(fault: Fault) -> None:
    with FaultyDod([page(1), page(2), OLD]) as server:
        server.play(fault, on="/Article/", after=1)
        with client_for(SOURCE, server.base_url) as client:
            walk = SOURCE.fetch(client, step_of(), Memory())
            assert kinds([next(walk)]) == [("Payload", FIRST_KEY)]
            with pytest.raises(ERRORS[fault]):
                next(walk)


def test_an_index_without_contract_pages_means_the_source_changed() -> None:
    releases = FakeDod([], others="<item><title>Releases</title></item>")
    with releases as server, pytest.raises(SourceChanged, match="lists no page of contracts"):
        fetched(server)


def test_a_deleted_page_is_a_problem_with_its_first_record_key() -> None:
    class Gone(FakeDod):
        def _page(self, path: str) -> Answer:
            return super()._page("/gone" if "4532001" in path else path)

    with Gone([page(1), page(2), OLD]) as server:
        assert kinds(fetched(server)) == [("Problem", f"{FIRST_KEY}_1_1"), ("Payload", "DOD_4532002")]


def test_a_page_with_another_title_than_the_index_is_rejected() -> None:
    wrong = page(1)
    wrong.body = page(2).body
    with FakeDod([wrong, OLD]) as server, pytest.raises(SourceChanged, match="July 2, 2026"):
        fetched(server)


def test_a_poll_is_one_step_and_a_backfill_one_per_month() -> None:
    window = DateWindow(until=date(2026, 7, 15), signed_since=date(2026, 3, 17), modified_since=date(2026, 7, 1))
    [step] = SOURCE.poll_steps(TERMS, window)
    assert (step.key, dict(step.query), step.days) == ("rss", {}, (date(2026, 3, 17), date(2026, 7, 15)))
    steps = SOURCE.backfill_steps(TERMS, date(2026, 5, 20), date(2026, 7, 15))
    assert [(one.key, *one.days) for one in steps] == [
        ("rss/2026-05", date(2026, 5, 20), date(2026, 5, 31)),
        ("rss/2026-06", date(2026, 6, 1), date(2026, 6, 30)),
        ("rss/2026-07", date(2026, 7, 1), date(2026, 7, 15)),
    ]
    whole = SOURCE.backfill_steps(TERMS, date(2008, 1, 1), date(2026, 7, 15))
    assert (whole[0].since, len(whole)) == (date(2024, 8, 24), 24)


@pytest.mark.parametrize(
    ("wrong", "missing"), [("", []), ("open-pages", []), ("archive-copies", []), ("long-index", ["0/15"])]
)
def test_a_poll_succeeds_when_one_assumption_is_wrong(wrong: str, missing: list[str]) -> None:
    with july(wrong) as server:
        items = fetched(server)
    payloads = [item for item in items if isinstance(item, Payload)]
    assert [detail for kind, detail in kinds(items) if kind == "IncompleteResult"] == missing
    assert len(payloads) == (10 if missing else 31)
