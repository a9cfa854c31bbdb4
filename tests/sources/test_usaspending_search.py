"""Walking the two searches: nothing is lost between pages, and what cannot be proved complete is said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import pytest

from procurewatch.demo.upstream import CorpusAward
from sources.contract import Shortfall
from sources.errors import SourceChanged
from sources.http import Client
from sources.reading import read_json
from sources.usaspending_queries import ALL_TYPES, AWARD_COUNT, AWARD_SEARCH, TRANSACTION_COUNT, TRANSACTION_SEARCH, Row
from sources.usaspending_search import Slice, award_rows, transaction_rows
from tests.sources.upstream import DAY, AlteredUsaspending, Json, action, award, client_of, filters_of

RECIPIENT = {"recipient_search_text": ["ACME"]}
Identity = tuple[str, str]


def awards_found(server: AlteredUsaspending, group: str = "contracts") -> tuple[list[str], list[Shortfall]]:
    """Walk the award search: the PIIDs in the order found, and what is said to be missing."""
    with client_of(server.base_url) as client:
        return sorted_out(list(award_rows(client, "step", group, RECIPIENT)), "Award ID")


def sorted_out(items: Sequence[Row | Shortfall], name: str) -> tuple[list[str], list[Shortfall]]:
    """Tell rows, by one of their fields, from shortfalls."""
    rows = [str(item[name]) for item in items if not isinstance(item, Shortfall)]
    return rows, [item for item in items if isinstance(item, Shortfall)]


@pytest.mark.parametrize(("number", "searches", "counts"), [(0, 1, 0), (100, 1, 0), (101, 2, 1), (250, 3, 1)])
def test_the_award_cursor_finds_every_award_once(number: int, searches: int, counts: int) -> None:
    awards = [award(n, agency="7012" if n % 2 else "7014") for n in range(number)]
    with AlteredUsaspending([*awards, award(9999, recipient_name="OTHER")]) as server:
        found, missing = awards_found(server)
        assert len(server.asked(AWARD_SEARCH)) == searches
        assert len(server.asked(AWARD_COUNT)) == counts
    assert found == [award.piid for award in awards]
    assert missing == []


def test_the_award_cursor_passes_many_awards_of_one_piid() -> None:
    awards = [award(1, agency=f"{agency:04}") for agency in range(230)]
    with AlteredUsaspending(awards) as server, client_of(server.base_url) as client:
        rows = list(award_rows(client, "step", "contracts", RECIPIENT))
    assert {row["generated_internal_id"] for row in rows if not isinstance(row, Shortfall)} == {a.key for a in awards}


def test_contracts_and_idvs_are_walked_apart() -> None:
    awards = [award(n, category="idv", type="IDV_B") for n in range(3)] + [award(n) for n in range(3, 5)]
    with AlteredUsaspending(awards) as server:
        assert awards_found(server, "idvs")[0] == ["70X00000", "70X00001", "70X00002"]
        assert awards_found(server, "contracts")[0] == ["70X00003", "70X00004"]


def test_awards_the_count_knows_and_the_pages_do_not_bring_are_a_shortfall() -> None:
    def one_more(answer: Json) -> None:
        answer["results"]["contracts"] += 7

    with AlteredUsaspending([award(n) for n in range(150)]) as server:
        server.alter(AWARD_COUNT, one_more)
        found, missing = awards_found(server)
    assert len(found) == 150
    assert missing == [Shortfall(step="step", expected=157, received=150)]


def set_page(**values: object) -> Any:
    """A change of `page_metadata`; `...` removes a name."""

    def change(answer: Json) -> None:
        page = answer["page_metadata"]
        page.update(values)
        for name in [name for name, value in page.items() if value is ...]:
            del page[name]

    return change


def rename_results(answer: Json) -> None:
    answer["rows"] = answer.pop("results")


def rename_key(answer: Json) -> None:
    for row in answer["results"]:
        row["award_key"] = row.pop("generated_internal_id")


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
    "results renamed": (rename_results, "no results"),
    "results an object": (lambda answer: answer.update(results={}), "no results"),
    "key renamed": (rename_key, "no generated_internal_id"),
    "key a number": (lambda answer: answer["results"][0].update(generated_internal_id=7), "no generated_internal_id"),
    "row a text": (lambda answer: answer.update(results=["row"]), "a row that is no object"),
    "filter unused": (lambda answer: answer.update(messages="A filter was NOT USED"), "a filter was ignored"),
    "a list": (lambda answer: [answer], "not a JSON object"),
}
COUNTS = {
    "group missing": (lambda answer: answer["results"].pop("idvs") and None, "no idvs"),
    "group a text": (lambda answer: answer["results"].update(contracts="12"), "no contracts"),
    "group a truth": (lambda answer: answer["results"].update(contracts=True), "no contracts"),
    "results a list": (lambda answer: answer.update(results=[]), "no results"),
}


@pytest.mark.parametrize(("change", "told"), (CURSORS | SHAPES).values(), ids=(CURSORS | SHAPES).keys())
def test_an_award_search_of_another_shape_means_that_the_source_changed(change: Any, told: str) -> None:
    with AlteredUsaspending([award(n) for n in range(101)]) as server:
        server.alter(AWARD_SEARCH, change)
        with pytest.raises(SourceChanged, match=told):
            awards_found(server)
        assert len(server.requests) <= 2


def test_a_filter_that_the_source_says_it_did_not_use_stops_the_search() -> None:
    with AlteredUsaspending([award(1)]) as server, client_of(server.base_url) as client:
        with pytest.raises(SourceChanged, match=r"a filter was ignored: .*recipient_search_txt"):
            list(award_rows(client, "step", "contracts", {"recipient_search_txt": ["ACME"]}))
        assert list(award_rows(client, "step", "contracts", RECIPIENT)) != []  # ordinary messages do not


def test_award_pages_without_end_are_given_up() -> None:
    turns = iter(range(10**6))

    def never_last(answer: Json) -> None:
        answer["page_metadata"].update(hasNext=True, last_record_unique_id=1, last_record_sort_value=f"A{next(turns)}")

    with AlteredUsaspending([]) as server:
        server.alter(AWARD_SEARCH, never_last)
        with pytest.raises(SourceChanged, match="more rows than a watchlist can mean"):
            awards_found(server)
        assert len(server.requests) == 501


# The transaction search


def actions_of(awards: Sequence[CorpusAward]) -> Counter[Identity]:
    """(award key, modification) of every action there is."""
    return Counter((award.key, action.modification) for award in awards for action in award.actions)


def part_of(start: date, end: date, types: tuple[str, ...] = ALL_TYPES) -> Slice:
    return Slice(step="step", filters=RECIPIENT, start=start, end=end, date_type="action_date", types=types)


def walked(client: Client, part: Slice) -> tuple[set[Identity], list[Shortfall]]:
    """Read a slice as the adapter does."""
    items = list(transaction_rows(client, part))
    rows = {(str(i["generated_internal_id"]), str(i["Mod"])) for i in items if not isinstance(i, Shortfall)}
    return rows, [item for item in items if isinstance(item, Shortfall)]


def paged_naively(client: Client, part: Slice) -> list[Identity]:
    """Read page after page in one order, believing every page."""
    found: list[Identity] = []
    fields = ["Award ID", "Mod", "Action Date"]
    for number in range(1, 100):
        body = {"filters": part.asked(), "fields": fields, "sort": "Action Date", "limit": 100, "page": number}
        answer: Json = read_json(client.post(TRANSACTION_SEARCH, body), "naive")
        found += [(row["generated_internal_id"], row["Mod"]) for row in answer["results"]]
        if not answer["page_metadata"]["hasNext"]:
            return found
    raise AssertionError("pages without end")


def one_busy_day() -> list[CorpusAward]:
    """350 actions on one day, of one type: 5 awards, 70 actions each, all of the same amount and words."""
    return [award(n, *(action(f"P{m:05}") for m in range(70))) for n in range(5)]


def busy_month() -> list[CorpusAward]:
    """1,000 actions over a month, most of them on a few days."""
    awards = []
    for n in range(250):
        days = [date(2024, 3, 1) + timedelta(days=(n * n + 7 * m) % 31 if n % 3 else 10) for m in range(4)]
        types = {"category": "idv", "type": "IDV_C"} if n % 5 == 0 else {"type": "ABCD"[n % 4]}
        awards.append(award(n, *(action(f"P{m:05}", day) for m, day in enumerate(days)), **types))
    return awards


def test_a_slice_that_cannot_be_cut_is_read_in_several_orders_until_nothing_is_missing() -> None:
    awards, part = one_busy_day(), part_of(DAY, DAY, ("B",))
    with AlteredUsaspending(awards) as server, client_of(server.base_url) as client:
        naive = paged_naively(client, part)
        assert len(naive) == 350
        assert len(set(naive)) < 350  # some came twice, and others not at all
        before = len(server.requests)
        found, missing = walked(client, part)
        orders = [(body["sort"], body["order"]) for body in server.asked(TRANSACTION_SEARCH) if "order" in body]
        assert len(server.requests) - before == 1 + len(orders)
    assert (found, missing) == (set(actions_of(awards)), [])
    assert len(set(orders)) > 1
    assert all(orders.count(order) == 4 for order in set(orders))  # each order is walked to its last page


def test_a_busy_month_is_cut_until_each_slice_is_one_page_or_one_day_of_one_type() -> None:
    awards, part = busy_month(), part_of(date(2024, 3, 1), date(2024, 3, 31))
    with AlteredUsaspending(awards) as server, client_of(server.base_url) as client:
        assert len(set(paged_naively(client, part))) < 1000
        server.requests.clear()
        found, missing = walked(client, part)
        pages = [body for body in server.asked(TRANSACTION_SEARCH) if body["page"] > 1]
        requests = len(server.requests)
    assert (found, missing) == (set(actions_of(awards)), [])
    assert requests < 120
    for body in pages:  # only what can be cut no further is paged
        period = filters_of(body)["time_period"][0]
        assert (period["start_date"], len(filters_of(body)["award_type_codes"])) == (period["end_date"], 1)


@pytest.mark.parametrize("number", [0, 1, 100])
def test_a_slice_of_one_page_costs_two_requests_and_an_empty_one_costs_one(number: int) -> None:
    awards = [award(n) for n in range(number)]
    with AlteredUsaspending(awards) as server, client_of(server.base_url) as client:
        assert walked(client, part_of(DAY, DAY)) == (set(actions_of(awards)), [])
        assert len(server.requests) == (2 if number else 1)


@pytest.mark.parametrize(("awards", "types", "more"), [([award(1)], ALL_TYPES, 4), (one_busy_day(), ("B",), 3)])
def test_transactions_that_are_counted_but_do_not_come_are_a_shortfall(
    awards: list[CorpusAward], types: tuple[str, ...], more: int
) -> None:
    def count_more(answer: Json) -> None:
        answer["results"]["idvs"] += more

    with AlteredUsaspending(awards) as server, client_of(server.base_url) as client:
        server.alter(TRANSACTION_COUNT, count_more)
        found, missing = walked(client, part_of(DAY, DAY, types))
        orders = {(body["sort"], body["order"]) for body in server.asked(TRANSACTION_SEARCH)}
    received = actions_of(awards).total()
    assert found == set(actions_of(awards))
    assert missing == [Shortfall(step="step", expected=received + more, received=received)]
    assert len(orders) == (1 if received <= 100 else 10)  # everything is tried before it is given up


def test_more_transactions_than_a_watchlist_can_mean_are_not_walked() -> None:
    counted = iter([50_000, 50_001])

    def flood(answer: Json) -> None:
        answer["results"].update(contracts=next(counted))

    with AlteredUsaspending([award(1)]) as server, client_of(server.base_url) as client:
        server.alter(TRANSACTION_COUNT, flood)
        assert next(transaction_rows(client, part_of(DAY, DAY, ("B",))))
        server.requests.clear()
        with pytest.raises(SourceChanged, match="more rows than a watchlist can mean"):
            next(transaction_rows(client, part_of(DAY, DAY, ("B",))))
        assert server.asked(TRANSACTION_SEARCH) == []


@pytest.mark.parametrize(("change", "told"), SHAPES.values(), ids=SHAPES.keys())
def test_a_transaction_search_of_another_shape_means_that_the_source_changed(change: Any, told: str) -> None:
    with AlteredUsaspending([award(1)]) as server, client_of(server.base_url) as client:
        server.alter(TRANSACTION_SEARCH, change)
        with pytest.raises(SourceChanged, match=told):
            walked(client, part_of(DAY, DAY))


@pytest.mark.parametrize(("change", "told"), COUNTS.values(), ids=COUNTS.keys())
def test_a_count_of_another_shape_means_that_the_source_changed(change: Any, told: str) -> None:
    with AlteredUsaspending([award(1, category="idv", type="IDV_A")]) as server, client_of(server.base_url) as client:
        server.alter(TRANSACTION_COUNT, change)
        with pytest.raises(SourceChanged, match=told):
            walked(client, part_of(DAY, DAY))


def test_cutting_loses_no_day_and_no_type() -> None:
    def leaves(part: Slice) -> list[tuple[date, str]]:
        halves = part.halves()
        if halves is None:
            assert (part.start, len(part.types)) == (part.end, 1)
            return [(part.start, part.types[0])]
        return [leaf for half in halves for leaf in leaves(half)]

    start = date(2024, 2, 20)
    days = [start + timedelta(days=n) for n in range(23)]
    expected = [(day, kind) for day in days for kind in ALL_TYPES]
    assert leaves(part_of(start, days[-1])) == expected
