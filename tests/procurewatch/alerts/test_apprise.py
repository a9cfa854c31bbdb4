"""What Apprise sends: to a real receiver, in a process of its own that reaches no private address and reads no file."""

from __future__ import annotations

from pathlib import Path

import pytest

from procurewatch.alerts.channels.apprise_channel import MAX_TEXT, AppriseChannel, chat_text
from procurewatch.alerts.channels.channel import InvalidAddress
from procurewatch.alerts.messages import make_message
from procurewatch.alerts.sending import SendReport, send_due
from storage.alerts.models import ChannelKind, DeliveryState
from storage.database import server_time
from storage.search.query import Query
from storage.search.search import find_events
from tests.procurewatch.alerts.receiver import Receiver, add_alert, app_context_at, log_of, publish
from tests.records import CLEARVIEW_AT_FIRST, CLEARVIEW_FORENSIC

DISCORD = "discord://123456789012345678/abcdefghijklmnopqrstuvwxyz0123456789/"


def test_a_message_is_sent_by_apprise(tmp_path: Path) -> None:
    with Receiver() as receiver, app_context_at(tmp_path) as app:
        json_url = receiver.base_url.replace("http", "json")
        working = add_alert(app.database, f"{json_url}/ok/secret-token", channel=ChannelKind.APPRISE)
        failing = add_alert(app.database, f"{json_url}/500/secret-token", channel=ChannelKind.APPRISE)
        publish(app.database, CLEARVIEW_FORENSIC)
        assert send_due(app) == SendReport(sent=1, failed=1)
        [body] = receiver.messages("/ok")
        [sent], [failed] = log_of(app.database, working), log_of(app.database, failing)
    assert body["title"] == "Clearview AI · $1,102,500 · ICE · new contract"
    assert body["message"].endswith(f"\nhttps://www.usaspending.gov/award/{CLEARVIEW_FORENSIC.key}/")
    assert (sent.state, sent.answer) == (DeliveryState.SENT, "accepted by JSON")
    assert failed.state is DeliveryState.PENDING
    assert "500" in failed.error
    assert "secret-token" not in failed.error


def test_apprise_reaches_no_private_address_and_reads_no_file(tmp_path: Path) -> None:
    with Receiver() as receiver, app_context_at(tmp_path, alerts_to_private_addresses=False) as app:
        address = f"{receiver.base_url.replace('http', 'json')}/ok"
        alert = add_alert(app.database, address, channel=ChannelKind.APPRISE)
        publish(app.database, CLEARVIEW_FORENSIC)
        assert send_due(app) == SendReport(failed=1)
        assert receiver.requests == []
        assert "private network" in log_of(app.database, alert)[0].error
        channel = AppriseChannel(app)
        assert channel.check(DISCORD) == DISCORD
        with pytest.raises(InvalidAddress, match=r"Apprise cannot use this discord://\.\.\. URL"):
            channel.check(f"{DISCORD}?template=/etc/hostname")
        with pytest.raises(InvalidAddress, match="looks like slack://"):
            channel.check("slack")


def test_what_apprise_says_gives_no_secret_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with app_context_at(tmp_path) as app:
        alert = add_alert(app.database, DISCORD, channel=ChannelKind.APPRISE)
        publish(app.database, CLEARVIEW_FORENSIC)
        said = {"service": "Discord", "error": f"Failed to send to {DISCORD}: 404"}
        monkeypatch.setattr(AppriseChannel, "_ask", lambda *_: said)
        assert send_due(app) == SendReport(failed=1)
        with pytest.raises(InvalidAddress) as refusal:
            AppriseChannel(app).check(DISCORD)
        for text in (log_of(app.database, alert)[0].error, str(refusal.value)):
            assert "abcdefghijklmnopqrstuvwxyz" not in text
            assert "404" in text


def test_only_the_kind_of_service_is_shown(tmp_path: Path) -> None:
    with app_context_at(tmp_path) as app:
        assert AppriseChannel(app).shown(DISCORD) == "discord://..."


def test_a_text_has_as_many_entries_as_fit(tmp_path: Path) -> None:
    with app_context_at(tmp_path) as app:
        publish(app.database, CLEARVIEW_AT_FIRST, CLEARVIEW_FORENSIC)
        alert = add_alert(app.database, "json://example.org")
        with app.database.reading() as session:
            now = server_time(session)
            events = find_events(session, Query(), 10)
            few = make_message(app, session, alert, events, key="k", since=now, until=now)
            many = make_message(app, session, alert, events * 10, key="k", since=now, until=now)
    assert len(events) == 2
    assert chat_text(few).count("https://") == len(events)
    text = chat_text(many)
    shown = text.count("https://")
    assert text.endswith(f"\n\nand {10 * len(events) - shown} more")
    assert MAX_TEXT / 2 < len(text) < MAX_TEXT + 100
