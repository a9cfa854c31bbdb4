"""A site with a hostile record and with private notes, which the tests look for in everything public."""

from __future__ import annotations

import pickle
from contextlib import closing
from dataclasses import fields, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from httpx import Client

from procurewatch.context import AppContext
from procurewatch.web.app import make_app
from sources.records import Award
from storage.alerts.models import ChannelKind, Rhythm
from storage.alerts.subscriptions import add_subscription
from storage.database import Database, open_database, server_time
from storage.schema.sql_views import VIEWS
from tests.procurewatch.site import context_for, fill, serve
from tests.procurewatch.web.fixtures import TOKEN, sign_in
from tests.procurewatch.web.security.crawl import get_routes, public_answers
from tests.records import BABEL, CLEARVIEW, EQUIPMENT, acted, match
from tests.storage.database_helpers import save

API_KEY = "zzapikeyzz-0123456789"  # of a source, not a secret
NOTE, NAME, REASON = "zzprivatenotezz", "zzreviewernamezz", "zzpublicreasonzz"
ADDRESS = "zzmailaddresszz@example.org"  # of an alert
PRIVATE = (NOTE, NAME, API_KEY, TOKEN, ADDRESS)
DECIDED = [
    (CLEARVIEW.key, "clearview-ai", "rejected"),
    (EQUIPMENT.key, "panamerica", "rejected"),
    (BABEL.key, "babel-street", "confirmed"),
]
TAG = "\"'><zztag onload=zz()></script></title><!--"
FORMULA = "=HYPERLINK(1)"
SCRIPT_URL = "javascript:zz()"
HOSTILE = f"{FORMULA}{TAG}{{{{7*7}}}}%0d%0aX-Zz: 1 \r\nX-Zz: 1"
# What identifies a record, or is a code that its parser has checked.
CHECKED = {"key", "source", "url", "parent_key", "replaces", "piid", "parent_piid", "code", "sub_code"}


def hostile(given: Any) -> Any:
    """Return a record with hostile text in every field that its parser does not check."""
    texts = [field.name for field in fields(given) if isinstance(getattr(given, field.name), str)]
    return replace(given, **{name: HOSTILE for name in texts if name not in CHECKED and name != "category"})


def hostile_award() -> Award:
    """Return an award whose texts are attacks."""
    award = acted(CLEARVIEW, "P00009", "2024-01-02", "1.00")
    made: Award = replace(
        hostile(award),
        url=SCRIPT_URL,
        recipient=hostile(award.recipient),
        awarding=hostile(award.awarding),
        funding=hostile(award.funding),
        actions=tuple(replace(hostile(action), action_type="") for action in award.actions),
        documents=tuple(
            replace(document, url=SCRIPT_URL, content_type="text/html", body=HOSTILE.encode())
            for document in award.documents
        ),
    )
    return made


def context(database: Database, folder: Path) -> AppContext:
    """Return an application context with an API key."""
    return context_for(database, folder, sources={"usaspending": {"base_url": "http://127.0.0.1:9", "key": API_KEY}})


def build(folder: Path) -> None:
    """Fill a database, decide as a reviewer with notes, and store all public responses and the site's routes."""
    with closing(open_database(f"sqlite:///{folder / 'procurewatch.sqlite3'}")) as database:
        fill(database)
        award = hostile_award()  # with two matches, so that it stays public when one is rejected
        save(database, award, match(award, reason=HOSTILE), match(award, "babel-street", reason=HOSTILE))
        with database.writing() as session:
            add_subscription(
                session, channel=ChannelKind.EMAIL, address=ADDRESS, rhythm=Rhythm.DAILY, now=server_time(session)
            )
        app_context = context(database, folder)
        with serve(app_context) as address, Client(base_url=address, timeout=120) as client:
            decide(address)
            routes = get_routes(make_app(app_context, address))
            starts = ["/feeds.opml", "/sql/", f"/search?q={quote(HOSTILE)}"]
            starts += [path for path in routes if "{" not in path]
            starts += [f"/sql/procurewatch/{view.name}{ending}" for view in VIEWS for ending in (".json", ".csv")]
            starts += [f"/api/v1/records/{key}" for key, _, _ in DECIDED]
            starts += [
                "/alerts/1",
                "/alerts/1/mail",
                f"/alerts/add?award={CLEARVIEW.key}",
            ]
            starts += ["/sql/procurewatch/awards", "/sql/procurewatch/actions"]
            (folder / "crawled").write_bytes(pickle.dumps((public_answers(client, starts), routes)))
        with database.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")


def decide(address: str) -> None:
    """Decide as a reviewer does, in a session of its own."""
    with Client(base_url=address, follow_redirects=True, timeout=60) as reviewer:
        word = sign_in(reviewer, NAME)
        for record, vendor, decision in DECIDED:
            form = {"record": record, "vendor": vendor, "decision": decision, "csrf": word}
            answer = reviewer.post("/review/decide", data={**form, "note": NOTE, "public_reason": REASON})
            assert answer.status_code == 200, answer.text
        assert NAME in reviewer.get("/review").text
