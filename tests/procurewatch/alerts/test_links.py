"""The signed link in a message: it leads to its own subscription as long as that exists, and no other link does."""

from __future__ import annotations

from procurewatch.alerts.links import link_token, manage_url, read_link
from storage.alerts.models import ChannelKind, Rhythm, Subscription
from storage.alerts.subscriptions import add_subscription, remove_subscription
from storage.database import Database
from tests.feeds.records import SEEN


def add(database: Database) -> Subscription:
    with database.writing() as session:
        return add_subscription(
            session, channel=ChannelKind.EMAIL, address="ana@example.org", rhythm=Rhythm.DAILY, now=SEEN
        )


def test_a_link_leads_to_its_subscription_until_that_is_removed(database: Database) -> None:
    first, second = add(database), add(database)
    assert manage_url(first, "https://example.org/watch/") == (
        f"https://example.org/watch/alerts/link/{link_token(first)}"
    )
    assert not manage_url(first, "")
    with database.writing() as session:
        assert read_link(session, link_token(first)) == first
        assert read_link(session, link_token(second)) == second
        remove_subscription(session, first.id)
        assert read_link(session, link_token(first)) is None


def test_a_forged_link_leads_nowhere(database: Database) -> None:
    first, second = add(database), add(database)
    signature = link_token(first).partition(".")[2]
    forged = [
        "", ".", str(first.id), f"{first.id}.", f"{second.id}.{signature}", f"0{first.id}.{signature}",
        link_token(first)[:-1], f"{link_token(first)}x", f"-1.{signature}", f"{'9' * 30}.{signature}",
        f"\N{SUPERSCRIPT TWO}.{signature}", f"{first.id}.\udcff",
    ]  # fmt: skip
    with database.reading() as session:
        assert [token for token in forged if read_link(session, token)] == []
