"""The page that says what was read completely, by source, department and fiscal year."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

from httpx import Client

from storage.database import Database
from storage.models import RunStatus
from storage.possible_days import fiscal_year_days, fiscal_year_of
from storage.schema.tables import RunRow
from storage.writing.archives import save_archive_coverage, save_archive_file
from storage.writing.runs import begin_coverage, continue_coverage, save_coverage
from tests.app_context import few
from tests.procurewatch.web.fixtures import tree_of

ENTRIES = [vendor.id for vendor in few().vendors]
NOW = datetime.now(UTC)
THIS_YEAR = fiscal_year_of(NOW.date())


def rows(client: Client, section: str) -> list[list[str]]:
    """Return the cells of a section's table, by row."""
    [home] = {link.get("href") for link in tree_of(client.get("/").content).xpath("//p[@class='state']/a")}
    page = tree_of(client.get(f"/{home}").content)
    found = page.xpath(f"//section[@aria-labelledby='{section}']//tbody/tr")
    return [[" ".join(cell.text_content().split()) for cell in row] for row in found]


def test_coverage_is_stated_by_source_department_and_fiscal_year(made: tuple[Client, Database]) -> None:
    client, database = made
    assert [row[1:3] for row in rows(client, "sources")] == [["never", "never"]]
    assert rows(client, "years") == []
    began, two = NOW.date() - timedelta(days=1), ENTRIES[:2]
    with database.writing() as session:
        run = RunRow(source="usaspending", purpose="poll", started=NOW, ended=NOW, status=RunStatus.NOTHING_NEW.value)
        session.add(run)
        begin_coverage(session, "usaspending", dict.fromkeys(ENTRIES, "1"), began, NOW)
        for vendor in two:
            save_coverage(session, "usaspending", vendor, until=date(2010, 9, 30), terms="1", now=NOW)
        for year in (2012, 2013):
            since, until = fiscal_year_days(year)
            terms = dict.fromkeys(ENTRIES, "1")
            save_archive_coverage(session, "archive", terms, agency="070", since=since, until=until, now=NOW)
            facts = {"url": "", "kind": "contracts", "agency": "070", "fiscal_year": year, "is_complete": True}
            save_archive_file(session, f"FY{year}", facts, NOW)
    assert rows(client, "sources")[0][1] == str(NOW.date())
    every, some = f"all {len(ENTRIES)}", f"2 of {len(ENTRIES)}"
    by_year = {row[0][:4]: row[1:] for row in rows(client, "years")}
    assert list(by_year)[-1] == "2008"
    assert (by_year["2008"], by_year["2011"]) == ([some, some], ["no", "no"])
    assert (by_year["2012"], by_year["2013"]) == (["no", "all"], ["no", "all"])
    whole_year = fiscal_year_days(THIS_YEAR)[0] >= began
    assert by_year[str(THIS_YEAR)] == (["all", "all"] if whole_year else ["partly", "partly"])
    day = str(NOW.date())
    found = rows(client, "by-source")
    assert sorted([*row[1:4], re.split("[A-Z]", row[4])[0].strip(), row[5]] for row in found) == sorted([
        ["department 070", "2011-10-01", "2013-09-30", every, day],
        ["All agencies", "2007-10-01", "2010-09-30", some, day],
        ["All agencies", str(began), "today, by polls", every, day],
    ])  # fmt: skip
    assert [row[:3] for row in rows(client, "archives")] == [["contracts", "department 070", "2012-2013"]]

    with database.writing() as session:  # the search terms change
        continue_coverage(session, "usaspending", dict.fromkeys(ENTRIES, "2"), NOW.date(), NOW.date())
    assert {row[0][:4]: row[1:] for row in rows(client, "years")}.get("2008") is None
    assert sum("under other names than now" in row[4] for row in rows(client, "by-source")) == 2
