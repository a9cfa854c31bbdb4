"""A journalist's questions, answered from the home page in at most three clicks, with the numbers of the record."""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal

import httpx
import pytest
from playwright.sync_api import Page, expect

from procurewatch.context import AppContext
from storage.schema.tables import RecordRow
from storage.writing.publication import publish_changes
from tests.records import SOLE_SOURCE
from tests.upstreams.usaspending.corpus import SUB_AGENCIES, CorpusAward, load_corpus

pytestmark = pytest.mark.browser
ICE = "U.S. Immigration and Customs Enforcement"
PARENT = {"parent_piid": "HSHQDC12D00013", "parent_key": "CONT_IDV_HSHQDC12D00013_7001"}


def dollars(amount: Decimal) -> str:
    return f"${amount:,.2f}"


def bought_by_ice(recipient: str) -> Sequence[CorpusAward]:
    """Return the awards of the extract that ICE signed with a company."""
    return [award for award in load_corpus() if award.recipient_name == recipient and award.agency == "7012"]


def complete(app_context: AppContext, keys: Sequence[str], **facts: object) -> None:
    """Add to awards what the extract lacks."""
    with app_context.database.writing() as session:
        for key in keys:
            row = session.get_one(RecordRow, key)
            for name, value in facts.items():
                setattr(row, name, value)
        publish_changes(session, set(keys))


def row_of(page: Page, region: str, name: str | re.Pattern[str]) -> list[str]:
    """Return the cells of the row of a section's table that has this name."""
    row = page.get_by_role("region", name=region, exact=True).get_by_role("row").filter(has_text=name)
    return [" ".join(text.split()) for text in row.locator("th, td").all_inner_texts()]


def test_what_ice_has_paid_clearview_ai(page: Page, address: str, app_context: AppContext) -> None:
    older, newer = sorted(bought_by_ice("CLEARVIEW AI, INC."), key=lambda award: award.actions[0].action_date)
    paid = {award.key: sum((action.obligation or Decimal(0) for action in award.actions), Decimal(0))
            for award in (older, newer)}  # fmt: skip
    today = app_context.database.now().date()
    ends = today + timedelta(days=42)
    complete(app_context, [older.key], ends=today - timedelta(days=400), **SOLE_SOURCE)
    complete(app_context, [newer.key], ends=ends, may_end=ends + timedelta(days=365), **SOLE_SOURCE, **PARENT)
    page.goto(address)
    page.get_by_role("navigation", name="Site").get_by_role("link", name="Feeds").click()
    page.get_by_role("link", name="Clearview AI", exact=True).click()
    page.get_by_role("link", name=ICE, exact=True).first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Clearview AI")
    sums = page.locator("dl.sums").inner_text()
    assert dollars(sum(paid.values(), Decimal(0))) in sums, "how much"
    assert str(older.actions[0].action_date) in sums, "since when"
    through = row_of(page, "Recipients", "CLEARVIEW AI, INC.")
    assert through[1:] == ["directly", "2", dollars(sum(paid.values(), Decimal(0)))], "through whom"
    vehicle = row_of(page, "Contract vehicles", "HSHQDC12D00013")
    assert vehicle[1:] == ["CLEARVIEW AI, INC.", "1", dollars(paid[newer.key])], "under which vehicles"
    own = row_of(page, "Contract vehicles", re.compile("^None"))
    assert own[-1] == dollars(paid[older.key])
    ending = row_of(page, "When contracts end", newer.piid)
    assert ending[0] == f"{ends} in 42 days", "when it expires"
    assert ending[3] == f"until {ends + timedelta(days=365)}", "options left"
    assert page.get_by_role("region", name="When contracts end").get_by_role("row").count() == 2, "not what has ended"
    assert row_of(page, "Competition", "Not competed")[1:3] == [SOLE_SOURCE["not_competed_reason"], "2"], "competed"
    new = page.get_by_role("region", name="Newest entries", exact=True)
    entries = new.locator("ol.timeline > li")
    expect(new).to_contain_text(f"{entries.count()} entries first seen since {today - timedelta(days=30)}")
    assert entries.count() > 0, "what is new since last month"
    new.get_by_label("New since").fill(str(today + timedelta(days=1)))
    new.get_by_role("button", name="Show").click()
    expect(page.get_by_role("region", name="New since")).to_contain_text("No entries first seen since")
    expect(page.locator(".lead")).to_contain_text(ICE)


def test_which_agencies_bought_phone_unlocking_tools_in_fiscal_year_2024(page: Page, read_only_address: str) -> None:
    found = httpx.get(f"{read_only_address}/search.csv?category=device-forensics").text
    keys = {row["record_key"] for row in csv.DictReader(found.splitlines())}
    assert len(keys) > 10
    year = date(2023, 10, 1), date(2024, 9, 30)
    paid: defaultdict[str, Decimal] = defaultdict(Decimal)
    for award in load_corpus():
        for action in award.actions if award.key in keys else ():
            if year[0] <= action.action_date <= year[1]:
                paid[SUB_AGENCIES[award.agency]] += action.obligation or 0
    assert len(paid) == 2
    page.goto(read_only_address)
    page.get_by_role("navigation", name="Site").get_by_role("link", name="Compare").click()
    technology = page.get_by_role("row").filter(has_text="forensics")
    column = page.get_by_role("columnheader").all_inner_texts().index("2024")
    technology.locator("th, td").nth(column).get_by_role("link").click()
    table = page.get_by_role("table")
    for agency, dollars_paid in paid.items():
        cells = table.get_by_role("row").filter(has_text=agency).locator("td").all_inner_texts()
        assert f"${int(dollars_paid):,}" in cells, agency
    expect(table.locator("tfoot")).to_contain_text(f"${int(sum(paid.values())):,}")
    expect(page.get_by_role("heading", level=2)).to_contain_text("2024")
