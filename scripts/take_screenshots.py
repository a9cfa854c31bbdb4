"""Take the screenshots in docs/images/ from a running demo: `python -m scripts.take_screenshots ADDRESS`.

The picture of an alert is of the demo's records in the default data folder (PROCUREWATCH_DATA_DIR names another).
"""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from pathlib import Path

from playwright.sync_api import sync_playwright

from procurewatch.alerts.messages import make_message
from procurewatch.alerts.preview import preview, unsaved
from procurewatch.context import open_app
from procurewatch.demo.settings import demo_settings
from procurewatch.settings import Settings
from storage.database import server_time
from storage.search.query import Query

IMAGES = Path(__file__).parents[1] / "docs" / "images"
WIDE = (1280, 800)
PICTURES = {
    "index-page": ("/", WIDE),
    "search-page": ("/search?q=cellebrite", WIDE),
    "compare-page": ("/compare?category=device-forensics&fiscal_year=2024&rows=agency&columns=vendor", WIDE),
    "award-page": ("/awards/CONT_AWD_70CMSD21P00000127_7012_-NONE-_-NONE-.html", WIDE),
    "vendor-page": ("/vendor/babel-street.html?agency=7014", WIDE),
    "sql-page": ("/sql/procurewatch/who-sells", WIDE),
}

ALERT = Query(vendor=("babel-street", "clearview-ai", "shadowdragon"))
MAIL = (680, 760)


def alert_html() -> str:
    """Return the mail that an alert about a few vendors would have sent of the demo's records."""
    settings = demo_settings(Settings()).model_copy(update={"site_url": "https://watch.example.org"})
    with open_app(settings) as app_context, app_context.database.reading() as session:
        alert = replace(
            unsaved(ALERT, "", now=server_time(session)), title="Face recognition and social media monitoring"
        )
        past = preview(session, alert, settings).messages[0]
        begin = min(event.first_seen for event in past.events)
        return make_message(app_context, session, alert, past.events, key="", since=begin, until=past.when).html


def main() -> int:
    """Return the exit code."""
    address = sys.argv[1].rstrip("/")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for name, (path, (width, height)) in PICTURES.items():
            page = browser.new_page(viewport={"width": width, "height": height})
            page.goto(address + path)
            page.screenshot(path=IMAGES / f"{name}.png")
            page.close()
        page = browser.new_page(viewport={"width": MAIL[0], "height": MAIL[1]})
        page.set_content(alert_html())
        page.screenshot(path=IMAGES / "alert.png")
        browser.close()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
