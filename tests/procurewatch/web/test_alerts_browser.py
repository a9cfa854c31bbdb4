"""Alerts in a real Chromium: their pages, and a message as a mail program shows it."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from feeds.digests.digest import make_digest
from procurewatch.alerts.links import link_token
from procurewatch.context import AppContext
from storage.alerts.models import ChannelKind, Rhythm
from storage.alerts.subscriptions import add_subscription
from storage.database import server_time
from storage.search.query import Query
from tests.feeds.digests.test_digest import FRAME, LATER, NEW, RESOLD, WITHDRAWN
from tests.procurewatch.web.fixtures import TOKEN

pytestmark = pytest.mark.browser
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


def check(page: Page, widths: tuple[int, ...]) -> None:
    """Check that a page has no fault of accessibility and no horizontal scroll, in both color schemes."""
    for width in widths:
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        found = Axe().run(page).response["violations"]
        faults = [
            (fault["id"], fault["nodes"][0]["html"]) for fault in found if fault["impact"] in ("serious", "critical")
        ]
        assert faults == [], scheme


def test_the_pages_of_alerts_in_a_browser(page: Page, address: str, app_context: AppContext) -> None:
    with app_context.database.writing() as session:
        alert = add_subscription(
            session,
            channel=ChannelKind.EMAIL,
            address="ana@example.org",
            rhythm=Rhythm.AT_ONCE,
            now=server_time(session),
            query=Query(vendor=("cellebrite",)),
        )
    page.goto(f"{address}/alerts/{alert.id}")
    page.get_by_label("Your name").fill("Ana")
    page.get_by_label("Token").fill(TOKEN)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Alert {alert.id}")
    check(page, (375, 1280))
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_text("State: paused.")).to_be_visible()
    for path in ("/alerts", "/alerts/add?vendor=cellebrite", f"/alerts/link/{link_token(alert)}"):
        page.goto(address + path)
        check(page, (375, 1280))
    page.get_by_role("button", name="Unsubscribe").click()
    expect(page.get_by_role("status")).to_contain_text("You are unsubscribed.")


def test_a_digest_is_readable_in_a_mail_program(page: Page) -> None:
    events = [NEW, RESOLD, LATER, WITHDRAWN]
    page.set_content(make_digest(events, FRAME).html)
    check(page, (600, 375))
    dark = page.locator("h1").evaluate("heading => getComputedStyle(heading).color")
    page.emulate_media(color_scheme="light")
    assert dark != page.locator("h1").evaluate("heading => getComputedStyle(heading).color")
    long = replace(RESOLD, record=replace(RESOLD.record, description="W" * 300, recipient_name="X" * 200))
    page.set_content(make_digest([long], FRAME).html)
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
