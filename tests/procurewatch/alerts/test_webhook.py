"""Addresses of webhooks: which are accepted, what is shown of them, and what a slow or redirecting receiver causes."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from procurewatch.alerts.channels import webhook
from procurewatch.alerts.channels.channel import InvalidAddress, without_secrets
from procurewatch.alerts.channels.webhook import WebhookChannel
from procurewatch.alerts.sending import SendReport, send_due
from procurewatch.context import AppContext
from sources.http.client import Timeouts
from tests.procurewatch.alerts.receiver import Receiver, add_alert, app_context_at, log_of, publish
from tests.records import CLEARVIEW_FORENSIC

HOST = "93.184.216.34"


@pytest.fixture
def strict(tmp_path: Path) -> Iterator[AppContext]:
    """Yield an app context that allows public addresses only."""
    with app_context_at(tmp_path, alerts_to_private_addresses=False) as opened:
        yield opened


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("ftp://example.org/x", "is a URL such as https"),
        ("https:///x", "is a URL such as https"),
        ("https://[::1/x", "is a URL such as https"),
        (f"https://{HOST}:99999/x", "is a URL such as https"),
        (f"https://{HOST}/x#y", "no spaces and no #"),
        (f"https://{HOST}/a b", "no spaces and no #"),
        ("http://127.0.0.1:8080/x", "set alerts_to_private_addresses to allow it"),
        ("http://169.254.169.254/latest/meta-data/", "169.254.169.254 is in a private network"),
        ("https://localhost/x", "localhost is in a private network, or is this machine"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused(strict: AppContext, address: str, reason: str) -> None:
    with pytest.raises(InvalidAddress, match=reason):
        WebhookChannel(strict).check(address)


def test_only_scheme_and_host_of_an_address_are_shown(strict: AppContext) -> None:
    channel = WebhookChannel(strict)
    address = f"https://user:password@{HOST}:8443/services/T0KEN?key=s3cret"
    assert channel.check(address) == address
    assert channel.shown(address) == f"https://{HOST}:8443/..."
    assert channel.shown(f"https://{HOST}/") == f"https://{HOST}/"


def test_an_answer_that_repeats_the_address_gives_no_secret_away() -> None:
    address = "https://hook.example.org/services/T0KEN12?key=s3cret%2Fpart"
    said = "HTTP 404 /services/T0KEN12?key=s3cret/part at hook.example.org: s3cret%2Fpart"
    shown = without_secrets(said, address)
    assert "T0KEN12" not in shown
    assert "s3cret" not in shown
    assert "at hook.example.org" in shown


def test_a_receiver_that_redirects_is_not_followed(tmp_path: Path) -> None:
    with Receiver() as inner, Receiver() as receiver, app_context_at(tmp_path) as app:
        receiver.headers = {"Location": f"{inner.base_url}/ok"}
        alert = add_alert(app.database, f"{receiver.base_url}/307")
        publish(app.database, CLEARVIEW_FORENSIC)
        assert send_due(app) == SendReport(failed=1)
        assert inner.requests == []
        assert log_of(app.database, alert)[0].error == (
            "HTTP 307: the address has moved; redirects are not followed; add the alert with its new address"
        )


def test_a_receiver_that_moves_to_a_private_address_gets_nothing(strict: AppContext) -> None:
    with Receiver() as receiver:
        alert = add_alert(strict.database, f"{receiver.base_url}/ok")  # checked when it had another address
        publish(strict.database, CLEARVIEW_FORENSIC)
        assert send_due(strict) == SendReport(failed=1)
        assert receiver.requests == []
    assert "private network" in log_of(strict.database, alert)[0].error


def test_a_receiver_that_is_silent_or_away_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "TIMEOUTS", Timeouts(connect=60, read=0.2, total=0.2))
    with closing(socket.create_server(("127.0.0.1", 0))) as silent, app_context_at(tmp_path) as app:
        port = silent.getsockname()[1]
        quiet = add_alert(app.database, f"http://127.0.0.1:{port}/secret-path")
        with closing(socket.create_server(("127.0.0.1", 0))) as gone:
            away = add_alert(app.database, f"http://127.0.0.1:{gone.getsockname()[1]}/secret-path")
        publish(app.database, CLEARVIEW_FORENSIC)
        assert send_due(app) == SendReport(failed=2)
        [silence], [absence] = log_of(app.database, quiet), log_of(app.database, away)
    assert "ReadTimeout" in silence.error
    assert "ConnectError" in absence.error
    assert "secret-path" not in silence.error + absence.error
