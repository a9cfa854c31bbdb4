"""Take the screenshots in docs/images/ from a running demo: `python -m scripts.take_screenshots ADDRESS`."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

IMAGES = Path(__file__).parents[1] / "docs" / "images"
WIDE = (1280, 800)
PICTURES = {
    "index-page": ("/", WIDE),
    "search-page": ("/search?q=cellebrite", WIDE),
    "compare-page": ("/compare?category=device-forensics&fiscal_year=2024&rows=agency&columns=vendor", WIDE),
    "award-page": ("/awards/CONT_AWD_70CMSD21P00000127_7012_-NONE-_-NONE-.html", WIDE),
    "vendor-page": ("/vendor/cellebrite.html#years", WIDE),
    "sql-page": ("/sql/procurewatch/who-sells", WIDE),
}


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
        browser.close()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
