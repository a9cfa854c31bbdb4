"""Sending alerts to a real receiver: each entry once, retries, giving up, digests, and what holds messages back."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text, update

from procurewatch.alerts import sending
from procurewatch.alerts.messages import make_message
from procurewatch.alerts.sending import SendReport, send_due, send_test
from procurewatch.context import AppContext
from storage.alerts.deliveries import replay_delivery
from storage.alerts.due import due_events, events_of_delivery
from storage.alerts.models import ChannelKind, DeliveryState, Rhythm, SubscriptionState
from storage.alerts.subscriptions import mute_subscription, pause_subscription, resume_subscription
from storage.schema.tables import DeliveryRow, SubscriptionRow
from tests.procurewatch.alerts.receiver import (
    HOUR,
    Receiver,
    add_alert,
    app_context_at,
    log_of,
    make_unreadable,
    pass_time,
    publish,
    reload,
)
from tests.procurewatch.alerts.smtp_server import Mailbox, smtp_server
from tests.records import CLEARVIEW_AT_FIRST, CLEARVIEW_FORENSIC
from tests.storage.alerts.helpers import reject

DAY = timedelta(days=1)
NOTHING = SendReport()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        yield server


@pytest.fixture
def app(tmp_path: Path, database_url: str) -> Iterator[AppContext]:
    with app_context_at(tmp_path, database_url, alert_tries=3) as opened:
        yield opened


@pytest.fixture
def sqlite_app(tmp_path: Path) -> Iterator[AppContext]:
    with app_context_at(tmp_path, alert_tries=3) as opened:
        yield opened


def now() -> datetime:
    return datetime.now(UTC)


def test_a_message_is_sent_once_and_signed(app: AppContext, receiver: Receiver) -> None:
    alert = add_alert(app.database, f"{receiver.base_url}/ok", vendor="clearview-ai")
    assert send_due(app) == NOTHING
    publish(app.database, CLEARVIEW_FORENSIC)
    assert send_due(app) == SendReport(sent=1)
    assert send_due(app) == NOTHING
    [request], [body], [delivery] = receiver.requests, receiver.messages(), log_of(app.database, alert)
    assert (delivery.state, delivery.attempts, delivery.events, delivery.error) == (DeliveryState.SENT, 1, 1, "")
    assert delivery.answer == 'HTTP 200 {"ok": true}'
    assert request.headers["idempotency-key"] == body["key"] == delivery.key
    signed = request.headers["procurewatch-timestamp"].encode() + b"." + request.body
    expected = hmac.new(alert.secret.encode(), signed, hashlib.sha256).hexdigest()
    assert request.headers["procurewatch-signature"] == f"sha256={expected}"
    assert body["type"] == "events"
    about = {"id": alert.id, "title": "records about Clearview AI", "query": "vendor=clearview-ai", "award": ""}
    assert body["subscription"] == about
    [event] = body["events"]
    assert (event["record_key"], event["kind"], event["amount"]) == (CLEARVIEW_FORENSIC.key, "new-award", "1102500.00")
    assert event["title"] == body["subject"]
    assert event["record"]["matches"][0]["vendor_id"] == "clearview-ai"


def test_a_channel_that_fails_is_tried_again_and_stops_no_other(app: AppContext, receiver: Receiver) -> None:
    failing = add_alert(app.database, f"{receiver.base_url}/500/failing")
    working = add_alert(app.database, f"{receiver.base_url}/ok")
    publish(app.database, CLEARVIEW_FORENSIC)
    assert send_due(app) == SendReport(sent=1, failed=1)
    [waiting] = log_of(app.database, failing)
    assert (waiting.state, waiting.attempts) == (DeliveryState.PENDING, 1)
    assert waiting.error.startswith("HTTP 500")
    publish(app.database, CLEARVIEW_AT_FIRST)
    assert send_due(app) == SendReport(sent=1)  # the failed one waits, and what is new waits for it
    pass_time(app.database, timedelta(minutes=2))
    assert send_due(app) == SendReport(failed=1)
    pass_time(app.database, timedelta(minutes=2))
    assert send_due(app) == NOTHING  # it waits longer after the second try
    first, second = receiver.messages("failing")
    assert first["key"] == second["key"] == waiting.key
    assert first["events"] == second["events"]
    assert len(log_of(app.database, failing)) == 1
    assert len(log_of(app.database, working)) == 2


def test_an_alert_that_fails_too_often_is_disabled_and_loses_nothing(app: AppContext, receiver: Receiver) -> None:
    alert = add_alert(app.database, f"{receiver.base_url}/503/secret-path")
    publish(app.database, CLEARVIEW_FORENSIC)
    reports = []
    for _ in range(app.settings.alert_tries):
        reports.append(send_due(app))
        pass_time(app.database, DAY)
    assert reports == [SendReport(failed=1)] * 2 + [SendReport(failed=1, disabled=(alert.id,))]
    disabled = reload(app.database, alert)
    assert disabled.state(now()) is SubscriptionState.DISABLED
    assert disabled.disabled_reason.startswith("HTTP 503")
    assert disabled.disabled_reason.endswith("(after 3 tries)")
    publish(app.database, CLEARVIEW_AT_FIRST)
    assert send_due(app) == NOTHING
    receiver.before = lambda request: object.__setattr__(request, "path", "/ok")
    with app.database.writing() as session:
        resume_subscription(session, alert.id, now())
    assert send_due(app) == SendReport(sent=1)
    assert send_due(app) == SendReport(sent=1)
    records = [event["record_key"] for body in receiver.messages()[3:] for event in body["events"]]
    assert records == [CLEARVIEW_FORENSIC.key, CLEARVIEW_AT_FIRST.key]


def test_a_receiver_that_is_gone_disables_the_alert_at_once(sqlite_app: AppContext, receiver: Receiver) -> None:
    alert = add_alert(sqlite_app.database, f"{receiver.base_url}/410")
    publish(sqlite_app.database, CLEARVIEW_FORENSIC)
    assert send_due(sqlite_app) == SendReport(failed=1, disabled=(alert.id,))
    assert len(receiver.requests) == 1


def test_whoever_runs_it_gets_a_mail_when_an_alert_is_disabled(tmp_path: Path, receiver: Receiver) -> None:
    mailbox = Mailbox()
    with smtp_server(mailbox) as port:
        mail = {"host": "127.0.0.1", "port": port, "security": "none", "sender": "alerts@example.org"}
        site = "https://watch.example.org"
        for folder, settings in (
            ("mail", {"mail": mail, "contact": "newsroom@example.org", "site_url": site}),
            ("web", {"mail": mail, "contact": "https://example.org/@newsroom"}),
            ("none", {"contact": "newsroom@example.org"}),
        ):
            with app_context_at(tmp_path / folder, **settings) as app:
                alert = add_alert(app.database, f"{receiver.base_url}/410/secret-path", vendor="clearview-ai")
                publish(app.database, CLEARVIEW_FORENSIC)
                assert send_due(app) == SendReport(failed=1, disabled=(alert.id,))
                assert send_due(app) == NOTHING
    [notice] = mailbox.mails
    assert mailbox.recipients == ["newsroom@example.org"]
    assert notice["Subject"] == f"Alert {alert.id} is disabled: records about Clearview AI"
    text = notice.get_content()
    assert 'HTTP 410 {"ok": true} (after 1 try)' in text
    assert f"    procurewatch alerts resume {alert.id}" in text
    assert f"{site}/alerts/{alert.id}" in text
    assert "secret-path" not in text


def test_a_link_to_unsubscribe_leads_to_a_server_not_to_files(tmp_path: Path) -> None:
    mailbox, site, server = Mailbox(), "https://files.example.org", "https://server.example.org"
    with smtp_server(mailbox) as port:
        mail = {"host": "127.0.0.1", "port": port, "security": "none", "sender": "alerts@example.org"}
        for number, settings in enumerate(({}, {"server_url": server})):
            folder = tmp_path / str(number)
            with app_context_at(folder, mail=mail, site_url=site, site_folder=folder / "site", **settings) as app:
                add_alert(app.database, "ana@example.org", channel=ChannelKind.EMAIL)
                publish(app.database, CLEARVIEW_FORENSIC)
                assert send_due(app) == SendReport(sent=1)
    without, with_link = mailbox.mails
    for found in mailbox.mails:
        assert f"{site}/awards/" in found.as_string(), "the pages of awards are files, too"
    assert "List-Unsubscribe" not in without
    assert "alerts/link" not in without.as_string()
    assert "procurewatch alerts remove" in without.as_string()
    assert with_link["List-Unsubscribe"].startswith(f"<{server}/alerts/link/")


def test_a_notice_that_cannot_be_sent_changes_nothing(tmp_path: Path, receiver: Receiver) -> None:
    mailbox = Mailbox(rcpt_answer="550 no such user")
    with smtp_server(mailbox) as port:
        mail = {"host": "127.0.0.1", "port": port, "security": "none", "sender": "alerts@example.org"}
        with app_context_at(tmp_path, mail=mail, contact="newsroom@example.org") as app:
            alert = add_alert(app.database, f"{receiver.base_url}/410")
            publish(app.database, CLEARVIEW_FORENSIC)
            assert send_due(app) == SendReport(failed=1, disabled=(alert.id,))


def test_a_receiver_may_ask_to_wait(sqlite_app: AppContext, receiver: Receiver) -> None:
    receiver.headers = {"Retry-After": "7200"}
    alert = add_alert(sqlite_app.database, f"{receiver.base_url}/429")
    publish(sqlite_app.database, CLEARVIEW_FORENSIC)
    send_due(sqlite_app)
    [waiting] = log_of(sqlite_app.database, alert)
    assert timedelta(minutes=110) < waiting.next_attempt - now() < timedelta(minutes=121)


def test_a_digest_is_sent_at_its_hour_with_everything_since_the_last(
    sqlite_app: AppContext, receiver: Receiver
) -> None:
    alert = add_alert(sqlite_app.database, f"{receiver.base_url}/ok", Rhythm.MONTHLY)
    publish(sqlite_app.database, CLEARVIEW_FORENSIC)
    if now().astimezone(UTC).day != 1:  # else it may be due
        assert send_due(sqlite_app) == NOTHING
    publish(sqlite_app.database, CLEARVIEW_AT_FIRST)
    pass_time(sqlite_app.database, 32 * DAY)
    assert send_due(sqlite_app) == SendReport(sent=1)
    [body] = receiver.messages()
    assert len(body["events"]) == 2
    pass_time(sqlite_app.database, 32 * DAY)
    assert send_due(sqlite_app) == NOTHING  # there is nothing new
    assert now() - reload(sqlite_app.database, alert).position < HOUR


def test_a_pause_holds_messages_back(sqlite_app: AppContext, receiver: Receiver) -> None:
    paused, muted, forgetful = (add_alert(sqlite_app.database, f"{receiver.base_url}/ok/{n}") for n in range(3))
    with sqlite_app.database.writing() as session:
        pause_subscription(session, paused.id, now())
        mute_subscription(session, muted.id, now() + DAY)
        pause_subscription(session, forgetful.id, now())
    publish(sqlite_app.database, CLEARVIEW_FORENSIC)
    assert send_due(sqlite_app) == NOTHING
    with sqlite_app.database.writing() as session:
        resume_subscription(session, paused.id, now())
        mute_subscription(session, muted.id, now() - HOUR)
        resume_subscription(session, forgetful.id, now(), from_now=True)
    assert send_due(sqlite_app) == SendReport(sent=2)
    assert receiver.messages("/ok/2") == []


def test_a_digest_that_is_resumed_is_sent_at_its_next_time(sqlite_app: AppContext, receiver: Receiver) -> None:
    alert = add_alert(sqlite_app.database, f"{receiver.base_url}/ok", Rhythm.MONTHLY)
    publish(sqlite_app.database, CLEARVIEW_FORENSIC)
    pass_time(sqlite_app.database, 32 * DAY)
    with sqlite_app.database.writing() as session:
        resume_subscription(session, alert.id, now())
    assert send_due(sqlite_app) == NOTHING
    pass_time(sqlite_app.database, 32 * DAY)
    assert send_due(sqlite_app) == SendReport(sent=1)


def test_an_alert_that_is_paused_while_its_news_are_looked_for_sends_nothing(
    sqlite_app: AppContext, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    alert = add_alert(sqlite_app.database, f"{receiver.base_url}/ok")
    publish(sqlite_app.database, CLEARVIEW_FORENSIC)

    def pause_meanwhile(*arguments: Any) -> list[str]:
        with sqlite_app.database.writing() as session:
            pause_subscription(session, alert.id, now())
        return due_events(*arguments)

    monkeypatch.setattr("procurewatch.alerts.sending.due_events", pause_meanwhile)
    assert send_due(sqlite_app) == NOTHING
    assert log_of(sqlite_app.database, alert) == []


def test_a_pause_holds_back_a_message_that_is_to_be_tried_again(sqlite_app: AppContext, receiver: Receiver) -> None:
    alert = add_alert(sqlite_app.database, f"{receiver.base_url}/500")
    publish(sqlite_app.database, CLEARVIEW_FORENSIC)
    send_due(sqlite_app)
    with sqlite_app.database.writing() as session:
        pause_subscription(session, alert.id, now())
    pass_time(sqlite_app.database, DAY)
    assert send_due(sqlite_app) == NOTHING


def test_an_alert_whose_search_cannot_be_read_stops_no_other(
    sqlite_app: AppContext, receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    make_unreadable(sqlite_app.database, add_alert(sqlite_app.database, f"{receiver.base_url}/ok/unreadable"))
    add_alert(sqlite_app.database, f"{receiver.base_url}/ok")
    publish(sqlite_app.database, CLEARVIEW_FORENSIC)
    assert send_due(sqlite_app) == SendReport(sent=1)
    assert receiver.messages("unreadable") == []
    assert "the news of an alert could not be looked for" in "".join(capsys.readouterr())


def test_an_unexpected_error_of_a_channel_stops_no_other(
    sqlite_app: AppContext, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = add_alert(sqlite_app.database, f"{receiver.base_url}/ok/broken-secret")
    add_alert(sqlite_app.database, f"{receiver.base_url}/ok")
    publish(sqlite_app.database, CLEARVIEW_FORENSIC)

    def fail_for_one(*arguments: Any, **options: Any) -> object:
        if any(getattr(each, "id", 0) == broken.id for each in arguments):
            raise ZeroDivisionError(f"no message to {broken.address}")
        return make_message(*arguments, **options)

    monkeypatch.setattr("procurewatch.alerts.sending.make_message", fail_for_one)
    assert send_due(sqlite_app) == SendReport(sent=1, failed=1)
    [waiting] = log_of(sqlite_app.database, broken)
    assert waiting.state is DeliveryState.PENDING
    assert "ZeroDivisionError" in waiting.error
    assert "broken-secret" not in waiting.error


def test_programs_get_many_entries_in_several_messages(
    sqlite_app: AppContext, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "EVENTS_PER_WEBHOOK", 1)
    alert = add_alert(sqlite_app.database, f"{receiver.base_url}/ok")
    publish(sqlite_app.database, CLEARVIEW_FORENSIC, CLEARVIEW_AT_FIRST)
    assert send_due(sqlite_app) == SendReport(sent=2)
    oldest_first = [body["events"][0]["record_key"] for body in receiver.messages()]
    assert oldest_first == [CLEARVIEW_FORENSIC.key, CLEARVIEW_AT_FIRST.key]
    assert [delivery.events for delivery in log_of(sqlite_app.database, alert)] == [1, 1]
    failing = add_alert(sqlite_app.database, f"{receiver.base_url}/500")
    assert send_due(sqlite_app) == SendReport(failed=1)
    assert [delivery.attempts for delivery in log_of(sqlite_app.database, failing)] == [0, 1]


def test_what_was_withdrawn_is_not_sent_and_what_was_sent_is_corrected(
    sqlite_app: AppContext, receiver: Receiver
) -> None:
    sent = add_alert(sqlite_app.database, f"{receiver.base_url}/ok")
    late = add_alert(sqlite_app.database, f"{receiver.base_url}/500/late")
    publish(sqlite_app.database, CLEARVIEW_FORENSIC)
    assert send_due(sqlite_app) == SendReport(sent=1, failed=1)
    reject(sqlite_app.database, CLEARVIEW_FORENSIC.key, now())
    pass_time(sqlite_app.database, timedelta(minutes=2))
    assert send_due(sqlite_app) == SendReport(sent=1)
    assert [delivery.state for delivery in log_of(sqlite_app.database, late)] == [DeliveryState.EMPTY]
    kinds = [event["kind"] for body in receiver.messages("/ok") for event in body["events"]]
    assert kinds == ["new-award", "withdrawn"]
    assert len(log_of(sqlite_app.database, sent)) == 2


def test_a_delivery_is_replayed_with_its_key_and_entries(sqlite_app: AppContext, receiver: Receiver) -> None:
    alert = add_alert(sqlite_app.database, f"{receiver.base_url}/ok")
    publish(sqlite_app.database, CLEARVIEW_FORENSIC)
    send_due(sqlite_app)
    with sqlite_app.database.writing() as session:
        assert replay_delivery(session, log_of(sqlite_app.database, alert)[0].id, now())
        assert not replay_delivery(session, 99, now())
    assert send_due(sqlite_app) == SendReport(sent=1)
    first, second = receiver.messages()
    assert first == second


def test_a_test_is_sent_and_not_noted(sqlite_app: AppContext, receiver: Receiver) -> None:
    publish(sqlite_app.database, CLEARVIEW_FORENSIC, CLEARVIEW_AT_FIRST)
    alert = add_alert(sqlite_app.database, f"{receiver.base_url}/ok", min_amount="1000000")
    assert send_test(sqlite_app, alert) == 'HTTP 200 {"ok": true}'
    [body] = receiver.messages()
    assert body["type"] == "test"
    assert body["subject"].startswith("Test: ")
    assert len(body["events"]) == 1
    assert log_of(sqlite_app.database, alert) == []


def test_a_test_of_an_alert_without_entries_is_sent(sqlite_app: AppContext, receiver: Receiver) -> None:
    alert = add_alert(sqlite_app.database, f"{receiver.base_url}/ok")
    send_test(sqlite_app, alert)
    [body] = receiver.messages()
    assert body["events"] == []
    assert body["subject"]


def test_an_entry_that_cannot_be_read_does_not_hold_up_the_others(sqlite_app: AppContext, receiver: Receiver) -> None:
    alert = add_alert(sqlite_app.database, f"{receiver.base_url}/ok")
    publish(sqlite_app.database, CLEARVIEW_AT_FIRST)
    publish(sqlite_app.database, CLEARVIEW_FORENSIC)
    with sqlite_app.database.writing() as session:
        broken = text("UPDATE event_snapshot SET facts = '{' WHERE event_id LIKE :id")
        session.execute(broken, {"id": f"%{CLEARVIEW_FORENSIC.key}/%"})
    assert send_due(sqlite_app) == SendReport(sent=1)
    [body], [delivery] = receiver.messages(), log_of(sqlite_app.database, alert)
    assert [event["record_key"] for event in body["events"]] == [CLEARVIEW_AT_FIRST.key]
    with sqlite_app.database.reading() as session:
        events = events_of_delivery(session, alert, delivery.id)
        message = make_message(sqlite_app, session, alert, events, key="x", since=now(), until=now())
    said = f"Record {CLEARVIEW_FORENSIC.key}: its entry is missing here, because of an error"
    assert said in " ".join(message.text.split())


def test_a_clock_that_was_a_year_ahead_silences_no_alert(app: AppContext, receiver: Receiver) -> None:
    add_alert(app.database, f"{receiver.base_url}/ok", Rhythm.DAILY)
    failing = add_alert(app.database, f"{receiver.base_url}/503")
    publish(app.database, CLEARVIEW_AT_FIRST)
    pass_time(app.database, DAY)
    assert send_due(app) == SendReport(sent=1, failed=1)
    with app.database.writing() as session:
        session.execute(update(SubscriptionRow).values(position=now() + 365 * DAY))
        session.execute(update(DeliveryRow).values(next_attempt=now() + 365 * DAY))
    publish(app.database, CLEARVIEW_FORENSIC)
    assert send_due(app) == SendReport(sent=1, failed=1)
    told = [event["record_key"] for body in receiver.messages("ok") for event in body["events"]]
    assert told == [CLEARVIEW_AT_FIRST.key, CLEARVIEW_FORENSIC.key]
    assert log_of(app.database, failing)[0].attempts == 2
