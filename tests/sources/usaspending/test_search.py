"""Walking USAspending's searches: nothing is lost between pages, and what cannot be proved complete is reported."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from sources.base import IncompleteResult, NotModified, SearchTerms, Source
from sources.errors import Refused, SourceChanged
from sources.fields import read_json
from sources.records import MatchedAward
from sources.usaspending.assistance import Assistance
from sources.usaspending.awards import Usaspending
from sources.usaspending.batches import IMPOSSIBLE
from sources.usaspending.filters import (
    ALL_ASSISTANCE_TYPES,
    ALL_TYPES,
    ASSISTANCE_TYPES,
    AWARD_COUNT,
    AWARD_DATES,
    AWARD_FIELDS,
    AWARD_SEARCH,
    AWARD_TYPES,
    EARLIEST,
    GROUPED_SEARCH,
    LAST_DAY_FIELD,
    REORDERINGS,
    SUBAWARD_TYPES,
    TEXT_FILTERS,
    TRANSACTION_COUNT,
    TRANSACTION_DATES,
    TRANSACTION_SEARCH,
    text_filter,
    time_filter,
)
from sources.usaspending.search import search_awards
from sources.usaspending.subawards import Subawards
from tests.sources.fakes import Memory
from tests.sources.scripted_server import Script, ScriptedServer
from tests.sources.usaspending.helpers import (
    DATA,
    DAY,
    SOURCE,
    AlteredSubawards,
    AlteredUsaspending,
    Json,
    action,
    award,
    client_of,
    fetched,
    filters_of,
    grant,
    step_of,
    subaward,
    walk,
)
from tests.sources.usaspending.test_plan import SWEEP
from tests.upstreams.usaspending.corpus import CorpusAction, CorpusAward

TRANSACTIONS = step_of("transactions")
ONE_DAY = step_of("transactions", since=DAY, until=DAY)


class Served(AlteredUsaspending):
    """A fake server, and what a program finds there that has already read all of it in this run."""

    def found(self, step: Any) -> tuple[list[str], list[IncompleteResult]]:
        """The keys of the awards a step finds, and what is missing of them."""
        items = fetched(self, step, Memory(read={award.key for award in self.awards}))
        missing = [item for item in items if isinstance(item, IncompleteResult)]
        keys = [item.key for item in items if isinstance(item, NotModified)]
        assert len(keys) + len(missing) == len(items)
        return keys, missing

    def searches(self, path: str) -> list[Json]:
        """What was asked there, but for the daily check of the filters."""
        return [body for body in self.asked(path) if IMPOSSIBLE not in str(body)]


def keys_of(awards: Sequence[CorpusAward]) -> list[str]:
    return [award.key for award in awards]


@pytest.mark.parametrize(("number", "searches", "counts"), [(0, 1, 0), (100, 1, 0), (101, 2, 1), (250, 3, 1)])
def test_the_award_cursor_finds_every_award_once(number: int, searches: int, counts: int) -> None:
    awards = [award(n, agency="7012" if n % 2 else "7014") for n in range(number)]
    with Served([*awards, award(9999, recipient_name="OTHER")]) as server:
        assert server.found(step_of()) == (keys_of(awards), [])
        assert len(server.searches(AWARD_SEARCH)) == searches
        assert len(server.asked(AWARD_COUNT)) == counts


def test_the_award_cursor_handles_many_awards_of_one_piid() -> None:
    awards = [award(1, agency=f"{agency:04}") for agency in range(230)]
    with Served(awards) as server:
        found, missing = server.found(step_of())
    assert (sorted(found), missing) == (sorted(keys_of(awards)), [])


def test_contracts_and_idvs_are_searched_separately() -> None:
    idvs, contracts = [award(n, category="idv", type="IDV_B") for n in range(3)], [award(n) for n in range(3, 5)]
    with Served([*idvs, *contracts]) as server:
        assert server.found(step_of("idvs")) == (keys_of(idvs), [])
        assert server.found(step_of("contracts")) == (keys_of(contracts), [])


def test_missing_awards_are_an_incomplete_result() -> None:
    with Served([award(n) for n in range(150)]) as server:
        server.alter(AWARD_COUNT, lambda answer: answer["results"].update(contracts=157))
        found, missing = server.found(step_of())
    assert len(found) == 150
    assert missing == [IncompleteResult(step="test/contracts", expected=157, received=150)]


def set_page(**values: object) -> Any:
    """A change of `page_metadata`; `...` removes a name."""

    def change(answer: Json) -> None:
        page = answer["page_metadata"]
        page.update(values)
        for name in [name for name, value in page.items() if value is ...]:
            del page[name]

    return change


def first_row(change: Any) -> Any:
    """A change of the first row, where there is one."""
    return lambda answer: change(answer["results"][0]) and None if answer["results"] else None


def say(message: object) -> Any:
    return lambda answer: answer.update(messages=message)


def used(unused: str) -> str:
    return f"The following filters from the request were not used: {unused}. See https://api.usaspending.gov/docs"


CURSORS = {
    "text None": (set_page(last_record_sort_value="None"), "a cursor that leads nowhere"),
    "no text": (set_page(last_record_sort_value=None), "no last_record_sort_value"),
    "no number": (set_page(last_record_unique_id=None), "no last_record_unique_id"),
    "a truth": (set_page(last_record_unique_id=True), "no last_record_unique_id"),
    "unmoved": (set_page(last_record_unique_id=5, last_record_sort_value="70X"), "a cursor that leads nowhere"),
}
SHAPES = {
    "hasNext missing": (set_page(hasNext=...), "no hasNext"),
    "hasNext a text": (set_page(hasNext="true"), "no hasNext"),
    "hasNext a number": (set_page(hasNext=1), "no hasNext"),
    "page missing": (lambda answer: answer.pop("page_metadata") and None, "no page_metadata"),
    "page a list": (lambda answer: answer.update(page_metadata=[]), "no page_metadata"),
    "results renamed": (lambda answer: answer.update(rows=answer.pop("results")), "no results"),
    "results an object": (lambda answer: answer.update(results={}), "no results"),
    "key renamed": (first_row(lambda row: row.pop("generated_internal_id")), "no generated_internal_id"),
    "key a number": (first_row(lambda row: row.update(generated_internal_id=7)), "no generated_internal_id"),
    "row a text": (lambda answer: answer.update(results=["row"] * bool(answer["results"])), "a row that is no object"),
    "a list": (lambda answer: [answer], "not a JSON object"),
    "filter unused": (say([used("{'recipient_search_text'}")]), "a filter was ignored: The following"),
    "two unused": (say([used("{'keyword_search', 'award_ids'}")]), "a filter was ignored: The following"),
    "said otherwise": (say("A filter was NOT USED"), "a filter was ignored: A filter was NOT USED"),
}
COUNTS = {
    "group missing": (lambda answer: answer["results"].pop("contracts") * 0 or None, "no contracts"),
    "group a text": (lambda answer: answer["results"].update(contracts="12"), "no contracts"),
    "group a truth": (lambda answer: answer["results"].update(contracts=True), "no contracts"),
    "results a list": (lambda answer: answer.update(results=[]), "no results"),
    "filter unused": (say([used("{'keyword_search'}")]), "a filter was ignored"),
}


@pytest.mark.parametrize(("change", "said"), (CURSORS | SHAPES).values(), ids=(CURSORS | SHAPES).keys())
def test_an_award_search_of_another_shape_is_a_changed_source(change: Any, said: str) -> None:
    with Served([award(n) for n in range(101)]) as server:
        server.alter(AWARD_SEARCH, change)
        with pytest.raises(SourceChanged, match=said):
            server.found(step_of())
        assert len(server.requests) <= 3


@pytest.mark.parametrize(("change", "said"), SHAPES.values(), ids=SHAPES.keys())
def test_a_transaction_search_of_another_shape_is_a_changed_source(change: Any, said: str) -> None:
    with Served([award(1)]) as server:
        server.alter(TRANSACTION_SEARCH, change)
        with pytest.raises(SourceChanged, match=said):
            server.found(TRANSACTIONS)


@pytest.mark.parametrize("path", [AWARD_COUNT, TRANSACTION_COUNT])
@pytest.mark.parametrize(("change", "said"), COUNTS.values(), ids=COUNTS.keys())
def test_a_count_of_another_shape_is_a_changed_source(change: Any, said: str, path: str) -> None:
    with Served([award(n) for n in range(101)]) as server:
        server.alter(path, change)
        with pytest.raises(SourceChanged, match=said):
            server.found(step_of() if path == AWARD_COUNT else TRANSACTIONS)


def test_the_unused_keywords_message_is_ignored_for_transactions() -> None:
    """Only there: a search of awards uses `keywords` under their own name."""
    message = say([used("{'keyword_search'}")])
    with Served([award(1)]) as server:
        assert server.found(step_of("transactions", "keywords", ("DRONES",)))[0] == [award(1).key]
        assert all(b"not used: {'keyword_search'}" in body for body in server.sent[TRANSACTION_SEARCH])
        server.alter(AWARD_SEARCH, message)
        with pytest.raises(SourceChanged, match="a filter was ignored"):
            server.found(step_of("contracts", "keywords", ("DRONES",)))


def test_endless_award_pages_fail() -> None:
    turns = iter(range(10**6))

    def never_last(answer: Json) -> None:
        answer["page_metadata"].update(hasNext=True, last_record_unique_id=1, last_record_sort_value=f"A{next(turns)}")

    today = datetime.now(UTC).date().isoformat()
    memory = Memory(notes={"filter/awards/recipient_search_text": today})
    with AlteredUsaspending([award(1)]) as server:
        server.alter(AWARD_SEARCH, never_last)
        error = walk(SOURCE, server, [step_of()], memory).error
        assert len(server.asked(AWARD_SEARCH)) == 501
    assert isinstance(error, SourceChanged)
    assert "more rows than a watchlist can match" in str(error)


# The transaction search


def busy_day(number: int = 350) -> list[CorpusAward]:
    """Awards of one type with one action each, all on one day, of the same amount and words."""
    return [award(n, recipient_name="ACME", piid=f"70X{n % 2:05}", agency=f"{n:04}") for n in range(number)]


def busy_month() -> list[CorpusAward]:
    """600 actions over a month, most of them on a few days, of all types."""
    awards = []
    for n in range(600):
        day = date(2024, 3, 1) + timedelta(days=(n * n) % 31 if n % 3 else 10)
        types = {"category": "idv", "type": "IDV_C"} if n % 5 == 0 else {"type": "ABCD"[n % 4]}
        awards.append(award(n, action(day=day), **types))
    return awards


def paged_naively(server: AlteredUsaspending, day: date) -> list[str]:
    """Read page after page in one order, believing every page: the keys of the awards."""
    found: list[str] = []
    period = {"start_date": day.isoformat(), "end_date": day.isoformat(), "date_type": "action_date"}
    filters = {"recipient_search_text": ["ACME"], "time_period": [period], "award_type_codes": list(ALL_TYPES)}
    with client_of(server.base_url) as client:
        for number in range(1, 100):
            body = {"filters": filters, "fields": ["Action Date"], "sort": "Action Date", "limit": 100, "page": number}
            answer: Json = read_json(client.post(TRANSACTION_SEARCH, body), "naive")
            found += [row["generated_internal_id"] for row in answer["results"]]
            if not answer["page_metadata"]["hasNext"]:
                return found
    raise AssertionError("pages without end")


@pytest.mark.parametrize("number", [0, 1, 100])
def test_a_single_page_takes_one_request(number: int) -> None:
    awards = [award(n) for n in range(number)]
    with Served([*awards, award(9999, recipient_name="OTHER")]) as server:
        found, missing = server.found(ONE_DAY)
        assert (sorted(found), missing) == (keys_of(awards), [])
        assert len(server.searches(TRANSACTION_SEARCH)) == 1
        assert server.asked(TRANSACTION_COUNT) == []


def test_an_unsplittable_day_is_read_in_several_sort_orders() -> None:
    awards = busy_day()
    with Served(awards) as server:
        naive = paged_naively(server, DAY)
        assert len(naive) == 350
        assert len(set(naive)) < 350  # some came twice, and others not at all
        server.requests.clear()
        found, missing = server.found(ONE_DAY)
        orders = [(body["sort"], body["order"]) for body in server.searches(TRANSACTION_SEARCH)]
    assert (sorted(found), missing) == (sorted(keys_of(awards)), [])
    paged = [order for order in orders if order[0] != "Action Date"]
    assert len(set(paged)) > 1
    assert all(paged.count(order) == 4 for order in set(paged))  # each order is walked to its last page


def test_a_busy_month_is_split_by_day_and_type() -> None:
    awards = busy_month()
    with Served(awards) as server:
        found, missing = server.found(step_of("transactions", since=date(2024, 3, 1), until=date(2024, 3, 31)))
        pages = [body for body in server.searches(TRANSACTION_SEARCH) if body["page"] > 1]
        assert len(server.requests) < 60
        assert len(server.asked(TRANSACTION_COUNT)) < 5
    assert (sorted(found), missing) == (sorted(keys_of(awards)), [])
    for body in pages:  # only what can be cut no further is paged
        period = filters_of(body)["time_period"][0]
        assert (period["start_date"], len(filters_of(body)["award_type_codes"])) == (period["end_date"], 1)


def test_a_search_by_two_date_types_is_split() -> None:
    """What was modified now and what was signed ninety days before overlap: no count of both would say anything."""
    signed = DAY - timedelta(days=90)
    old = [award(n, action(day=signed)) for n in range(120)]
    new = [award(n, action(modified=DAY, day=date(2023, 1, 1))) for n in range(1000, 1120)]
    both = [award(n, action(modified=DAY, day=signed)) for n in range(2000, 2030)]
    step = step_of("transactions", since=DAY, until=DAY, date_type="last_modified_date", reveals=True)
    with Served([*old, *new, *both]) as server:
        found, missing = server.found(step)
        counted = [filters_of(body)["time_period"] for body in server.asked(TRANSACTION_COUNT)]
    assert (sorted(found), missing) == (sorted(keys_of([*old, *new, *both])), [])
    assert all(len(periods) == 1 for periods in counted)
    assert {periods[0]["date_type"] for periods in counted} == {"last_modified_date", "action_date"}


def test_identical_rows_are_complete() -> None:
    """Three transactions of one award with the same modification, date, amount and words."""
    twin = award(1, *(CorpusAction(**{**vars(action()), "transaction_number": str(n)}) for n in range(3)))
    with Served([*busy_day(300), twin]) as server:
        found, missing = server.found(ONE_DAY)
        orders = [(body["sort"], body["order"]) for body in server.searches(TRANSACTION_SEARCH)]
    assert (len(found), missing) == (301, [])
    assert len(set(orders)) < 2 * len(REORDERINGS)


@pytest.mark.parametrize("days_apart", [0, 1])
def test_missing_transactions_are_an_incomplete_result(days_apart: int) -> None:
    awards = [award(n, action(day=DAY + timedelta(days=n % 2 * days_apart))) for n in range(120)]
    with Served(awards) as server:
        server.alter(TRANSACTION_COUNT, lambda answer: answer["results"].update(idvs=3))
        found, missing = server.found(step_of("transactions", since=DAY, until=DAY + timedelta(days=days_apart)))
    assert sorted(found) == keys_of(awards)
    assert missing == [IncompleteResult(step="test/transactions", expected=123, received=120)]


def test_a_transaction_search_refused_for_any_type_fails() -> None:
    memory = Memory(notes={"filter/transactions/recipient_search_text": datetime.now(UTC).date().isoformat()})
    with Served([award(1)]) as server:
        server.fail(lambda request: request.path == TRANSACTION_SEARCH, 422)
        error = walk(SOURCE, server, [TRANSACTIONS], memory).error
        types = [tuple(filters_of(body)["award_type_codes"]) for body in server.asked(TRANSACTION_SEARCH)]
    assert isinstance(error, Refused)
    assert types == [ALL_TYPES, AWARD_TYPES["contracts"]] * 2, "for its texts, then for one that is impossible"


@pytest.mark.parametrize(("counted", "walked"), [(50_000, True), (50_001, False)])
def test_too_many_transactions_are_a_changed_source(counted: int, walked: bool) -> None:
    with Served([award(n, action(day=DAY + timedelta(days=n % 2))) for n in range(101)]) as server:
        server.alter(TRANSACTION_COUNT, lambda answer: answer["results"].update(contracts=counted))
        if walked:
            assert server.found(TRANSACTIONS)[1] == [
                IncompleteResult(step="test/transactions", expected=50_000, received=101)
            ]
            return
        with pytest.raises(SourceChanged, match="more rows than a watchlist can match"):
            server.found(TRANSACTIONS)
        assert len(server.searches(TRANSACTION_SEARCH)) == 1


HELD = (MatchedAward("CONT_AWD_70X00001_7012_-NONE-_-NONE-", "70X00001"), MatchedAward("ASST", "EMW2024SS00001"))
TERMS = SearchTerms(
    names=("NOBODY",),
    short_names=("NONE",),
    ueis=("UEI1",),
    phrases=("NOTHING",),
    stored={"contract": HELD, "assistance": HELD},
)


@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("keyword", ["DRONES"]),
        ("recipient_id", ["ACME"]),
        ("", ["ACME"]),
        ("keywords", []),
        ("keywords", ["AI"]),
        ("keywords", ["DRONES", " AI "]),
        ("recipient_search_text", [""]),
        ("recipient_search_text", ["ACME", " \t"]),
        ("award_ids", [""]),
    ],
)
def test_an_invalid_text_filter_is_refused(name: str, texts: list[str]) -> None:
    with pytest.raises(ValueError, match="USAspending"):
        text_filter(name, texts)


@pytest.mark.parametrize(
    ("start", "end", "date_type", "known", "said"),
    [
        (date(2007, 9, 30), date(2008, 1, 1), "action_date", AWARD_DATES, "begins on 2007-10-01; 2007-09-30 is before"),
        (date(2024, 1, 2), date(2024, 1, 1), "action_date", AWARD_DATES, "ends .2024-01-01. before it begins"),
        (date(2024, 1, 1), date(2024, 1, 1), "signed_date", AWARD_DATES, "no date type 'signed_date'"),
        (date(2024, 1, 1), date(2024, 1, 1), "new_awards_only", TRANSACTION_DATES, "no date type 'new_awards_only'"),
    ],
)
def test_an_invalid_date_range_is_refused(
    start: date, end: date, date_type: str, known: Sequence[str], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        time_filter(start, end, date_type, known)


def test_filters_are_written_for_the_api() -> None:
    assert text_filter("award_ids", ("A1", "B2")) == {"award_ids": ["A1", "B2"]}
    expected = {"start_date": "2007-10-01", "end_date": "2007-10-01", "date_type": "date_signed"}
    assert time_filter(EARLIEST, EARLIEST, "date_signed", AWARD_DATES) == expected


@pytest.mark.parametrize("group", ["contracts", "idvs", "transactions"])
@pytest.mark.parametrize(
    "bad",
    [
        {"since": date(2007, 9, 30)},
        {"since": date(2025, 1, 1)},
        {"date_type": "signed"},
        {"filter_name": "keywords", "texts": ("AI",)},
        {"filter_name": "recipient_id"},
    ],
)
def test_an_invalid_search_is_not_sent(group: str, bad: Mapping[str, object]) -> None:
    with AlteredUsaspending([]) as server:
        with pytest.raises(ValueError, match=r"USAspending|the range ends"):
            fetched(server, step_of(group, **bad))  # type: ignore[arg-type]
        assert {text for body in server.asked("/") for text in texts_in(body)} <= {IMPOSSIBLE}
        fetched(server, step_of(group))
        assert "ACME" in texts_in(server.asked("/")[-1])  # the same search without the mistake is sent


def texts_in(body: Mapping[str, Any]) -> list[str]:
    """The texts a request asks for."""
    return [str(text) for name in TEXT_FILTERS for text in filters_of(body).get(name, [])]


TYPES: dict[str, dict[str, set[tuple[str, ...]]]] = {
    "usaspending": {
        AWARD_SEARCH: set(AWARD_TYPES.values()),
        TRANSACTION_SEARCH: {ALL_TYPES},
        GROUPED_SEARCH: {ALL_TYPES},
    },
    "assistance": {
        AWARD_SEARCH: set(ASSISTANCE_TYPES.values()),
        TRANSACTION_SEARCH: {ALL_ASSISTANCE_TYPES},
        GROUPED_SEARCH: {ALL_ASSISTANCE_TYPES},
    },
    "subawards": {AWARD_SEARCH: set(SUBAWARD_TYPES.values())},
}


@pytest.mark.parametrize("source", [Usaspending(), Assistance(), Subawards()], ids=lambda source: source.name)
def test_award_types_of_each_search(source: Source) -> None:
    """Award types of one group in award searches, of all groups in transaction searches."""
    types: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    steps = [*source.poll_steps(TERMS, SWEEP), *source.backfill_steps(TERMS, EARLIEST, EARLIEST)]
    with AlteredSubawards([subaward(1, prime=award(1)), subaward(2, prime=grant(1))]) as server:
        done = walk(source, server, steps)
        assert (done.items, done.error) == ([], None)
        for request in server.requests:
            types[request.path].add(tuple(filters_of(request.json())["award_type_codes"]))
    assert types == TYPES[source.name]


def body_of(name: str) -> bytes:
    return (DATA / f"recorded_{name}.json").read_bytes()


def content_of(name: str) -> Json:
    content: Json = json.loads(body_of(name))
    return content


FOUND = {
    "contracts": ["80GSFC18C0008", "NAS1510000", "NNJ06TA25C", "NNM07AB03C", "80GSFC18C0008"],
    "idvs": ["NNJ09GA02B", "80JSC019C0012", "NNK10LB00B"],
    "grants": ["NNM11AA01A", "NNX12AD05A", "NNX16AO69A"],
}
LAST_PAGE = {"results": [], "page_metadata": {"page": 3, "hasNext": False}}


@pytest.mark.parametrize(("group", "numbers"), FOUND.items())
def test_a_search_and_the_cursor_to_its_next_page(group: str, numbers: list[str]) -> None:
    answers = (body_of(f"search_{group}"), LAST_PAGE, {"results": {group: len(set(numbers))}})
    scripts = [Script(body=each if isinstance(each, bytes) else json.dumps(each).encode()) for each in answers]
    with ScriptedServer(*scripts) as server, client_of(server.base_url) as client:
        rows = list(search_awards(client, "step", group, {"keywords": ["SPACE"]}))
        _, second, _ = [json.loads(request.body) for request in server.requests]
    found = [row for row in rows if not isinstance(row, IncompleteResult)]
    assert [row["Award ID"] for row in found] == numbers
    assert all({*AWARD_FIELDS, LAST_DAY_FIELD[group]} <= set(row) for row in found)
    page = content_of(f"search_{group}")["page_metadata"]
    cursor = ("last_record_unique_id", "last_record_sort_value")
    assert [second[name] for name in cursor] == [page[name] for name in cursor]
