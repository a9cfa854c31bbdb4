"""An alert is sent at least once and recorded once, if its sender is killed and if two processes send at once."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

from storage.alerts.deliveries import pending_deliveries
from storage.alerts.models import DeliveryState
from storage.database import Database
from tests.commands import run, start
from tests.procurewatch.alerts.receiver import HOUR, Receiver, add_alert, log_of, pass_time, publish
from tests.records import CLEARVIEW_AT_FIRST, CLEARVIEW_FORENSIC
from tests.upstreams.server import LoggedRequest

ALLOWED = {"PROCUREWATCH_ALERTS_TO_PRIVATE_ADDRESSES": "true", "PROCUREWATCH_FEED_MIN_CHANGE": "0"}


def settings_of(database: Database) -> dict[str, str]:
    return {**ALLOWED, "PROCUREWATCH_DATABASE_URL": database.engine.url.render_as_string(hide_password=False)}


def test_a_crash_between_sending_and_noting_repeats_that_one_message(tmp_path: Path, database: Database) -> None:
    own = settings_of(database)
    with Receiver() as receiver:
        noted = add_alert(database, f"{receiver.base_url}/ok/noted")
        publish(database, CLEARVIEW_FORENSIC)
        assert run(tmp_path, "alerts", "send", **own).stdout == "1 message sent\n"
        killed = add_alert(database, f"{receiver.base_url}/ok/killed")
        publish(database, CLEARVIEW_AT_FIRST)
        number: list[int] = []
        known = threading.Event()

        def kill_the_sender(request: LoggedRequest) -> None:
            if "killed" in request.path and known.wait(60) and number:
                os.kill(number.pop(), signal.SIGKILL)

        receiver.before = kill_the_sender  # it has received the message, and its answer never arrives
        with start(tmp_path, "alerts", "send", **own) as sender:
            number.append(sender.pid)
            known.set()
            assert sender.wait() == -signal.SIGKILL
        with database.reading() as session:
            assert {each.subscription_id for each in pending_deliveries(session)} >= {killed.id}
        pass_time(database, HOUR)
        assert run(tmp_path, "alerts", "send", **own).returncode == 0
        assert run(tmp_path, "alerts", "send", **own).stdout == "0 messages sent\n"
        first, again = receiver.messages("killed")
        assert first == again
        sent = [event["event_id"] for body in receiver.messages("noted") for event in body["events"]]
        assert len(set(sent)) == 2
    assert [delivery.state for delivery in log_of(database, killed)] == [DeliveryState.SENT]
    assert {delivery.state for delivery in log_of(database, noted)} == {DeliveryState.SENT}


def test_two_processes_do_not_send_the_same_message(tmp_path: Path, database: Database) -> None:
    own = settings_of(database)
    received, released = threading.Event(), threading.Event()

    def hold(_request: LoggedRequest) -> None:
        received.set()
        released.wait(60)

    with Receiver() as receiver:
        receiver.before = hold
        add_alert(database, f"{receiver.base_url}/ok")
        publish(database, CLEARVIEW_FORENSIC)
        with start(tmp_path, "alerts", "send", **own) as first:
            assert received.wait(60)
            second = run(tmp_path, "alerts", "send", **own)
            released.set()
            assert (first.wait(), second.returncode) == (0, 3)
        assert second.stderr == "procurewatch: another process is sending alerts; it sends these too\n"
        assert len(receiver.requests) == 1
