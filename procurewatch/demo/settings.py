"""The settings of the demo: its own data folder, and no source but the recorded one."""

from __future__ import annotations

from datetime import date

from procurewatch.settings import Settings

LAST_DAY = date(2024, 9, 30)  # of the recorded awards: fiscal years 2021 to 2024
DAYS = 1461
FETCHING = frozenset({"poll", "run", "backfill", "import"})  # commands that would mix other records into the demo's


def demo_settings(settings: Settings) -> Settings:
    """Return settings with a database of its own for the demo."""
    return settings.model_copy(
        update={
            "data_dir": settings.data_dir / "demo",
            "database_url": None,
            "lookback_days": DAYS,
            "full_sweep_days": DAYS,
            "only_sources": ["usaspending"],
            "sources": {},
        }
    )


def reason_not_to_run(command: str | None, settings: Settings) -> str:
    """Return why a command cannot use the demo's records, "" if it can. `settings` are the demo's."""
    if command in FETCHING:
        return f"{command} fetches records, and the demo's are a recording; run it without --demo"
    if not (settings.data_dir / "procurewatch.sqlite3").is_file():
        return "the demo has not run yet; run the command `demo` first"
    return ""
