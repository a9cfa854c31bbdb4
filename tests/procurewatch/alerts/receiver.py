"""A receiver of webhooks on this machine, and alerts whose messages go there."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import update

from procurewatch.context import AppContext
from sources.records import Award
from storage.alerts.deliveries import list_deliveries
from storage.alerts.models import ChannelKind, Delivery, Rhythm, Subscription
from storage.alerts.subscriptions import add_subscription, load_subscription
from storage.database import Database
from storage.schema.tables import ClaimRow, DeliveryRow, SubscriptionRow
from storage.search.query import read_query
from tests.app_context import app_context_with
from tests.records import match
from tests.storage.database_helpers import save
from tests.upstreams.server import Answer, FakeServer, LoggedRequest

HOUR = timedelta(hours=1)


class Receiver(FakeServer):
    """Accepts what is posted to /ok; any other path is the status to answer with. `before` is called first."""

    headers: dict[str, str] = {}  # noqa: RUF012  of this instance's answers
    before: Callable[[LoggedRequest], None] = staticmethod(lambda _request: None)

    def answer(self, request: LoggedRequest) -> Answer:
        self.before(request)
        status = request.path.strip("/").partition("/")[0]
        return Answer(status=int(status) if status.isdecimal() else 200, body=b'{"ok": true}', headers=self.headers)

    def messages(self, path: str = "") -> list[Any]:
        """The bodies received, of one path or of all, in order."""
        return [json.loads(request.body) for request in self.requests if path in request.path]


@contextmanager
def app_context_at(folder: Path, database_url: str | None = None, **settings: object) -> Iterator[AppContext]:
    """Open an app context whose messages may go to this machine."""
    given = {"alerts_to_private_addresses": True, "feed_min_change": 0, **settings}
    with app_context_with({"usaspending": {}}, folder, "clearview-ai", database_url=database_url, **given) as opened:
        yield opened


def add_alert(
    database: Database,
    address: str,
    rhythm: Rhythm = Rhythm.AT_ONCE,
    *,
    channel: ChannelKind = ChannelKind.WEBHOOK,
    **query: str,
) -> Subscription:
    """Add an alert about a search."""
    with database.writing() as session:
        return add_subscription(
            session,
            channel=channel,
            address=address,
            rhythm=rhythm,
            now=datetime.now(UTC) - HOUR / 2,
            query=read_query(query),
        )


def publish(database: Database, *awards: Award) -> None:
    """Store awards that are news now."""
    for award in awards:
        save(database, award, match(award), now=datetime.now(UTC))


def reload(database: Database, alert: Subscription) -> Subscription:
    """Return an alert as it is stored now."""
    with database.reading() as session:
        found = load_subscription(session, alert.id)
        assert found is not None
        return found


def log_of(database: Database, alert: Subscription) -> list[Delivery]:
    """Return the deliveries of an alert, newest first."""
    with database.reading() as session:
        return list_deliveries(session, alert.id)


def pass_time(database: Database, time: timedelta) -> None:
    """Move everything about alerts into the past, and the lease of a process that was killed."""
    moments = {
        DeliveryRow: ("next_attempt",),
        SubscriptionRow: ("position", "muted_until", "begins"),
        ClaimRow: ("renewed",),
    }
    for table, names in moments.items():
        with database.writing() as session:
            for row in session.query(table):
                for name in names:
                    if moment := getattr(row, name):
                        setattr(row, name, moment - time)


def make_unreadable(database: Database, alert: Subscription) -> None:
    """Store a search that cannot be read, as if the query language had changed."""
    with database.writing() as session:
        session.execute(update(SubscriptionRow).where(SubscriptionRow.id == alert.id).values(query="since=soon"))  # type: ignore[arg-type]
