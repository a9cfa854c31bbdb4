"""Alerts by e-mail: what arrives at a real SMTP server, and what each of its faults means."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from feeds.digests.contents import DigestFrame
from feeds.digests.digest import make_digest
from procurewatch.alerts.channels.channel import InvalidAddress, Message, Refused, Undelivered
from procurewatch.alerts.channels.mail import MailChannel
from procurewatch.alerts.links import manage_url
from procurewatch.context import AppContext
from procurewatch.settings import Settings
from storage.alerts.models import ChannelKind, Rhythm, Subscription
from storage.models import EventKind
from tests.feeds.records import BABEL, BABEL_ACTIONS, SEEN, event, hostile
from tests.procurewatch.alerts.smtp_server import OK, Mailbox, certificate, knows, smtp_server

SITE = "https://watch.a-newsroom-with-a-rather-long-name.example.org/procurewatch"
SUBSCRIPTION = Subscription(
    id=3, title="", query="vendor=babel-street", award_key="", channel=ChannelKind.EMAIL, address="ana@example.org",
    rhythm=Rhythm.AT_ONCE, secret="a-secret",  # noqa: S106
    created=SEEN, begins=SEEN, position=SEEN, paused_at=None,
    muted_until=None, disabled_at=None, disabled_reason="",
)  # fmt: skip
EVENT = event(BABEL, BABEL_ACTIONS[1], EventKind.OPTION_EXERCISED)


def channel(port: int, site_url: str = SITE, **mail: Any) -> MailChannel:
    """Return the channel with these settings of e-mail."""
    given = {"host": "127.0.0.1", "port": port, "security": "none", "sender": "alerts@example.org", **mail}
    settings = Settings.model_validate({"site_url": site_url, "mail": given})
    return MailChannel(cast("AppContext", SimpleNamespace(settings=settings)))


def message(text: str = "") -> Message:
    found = hostile(text) if text else EVENT
    frame = DigestFrame(
        title=text or "records about Babel Street", rhythm=Rhythm.AT_ONCE, since=None, until=SEEN, base_url=SITE,
        manage_url=manage_url(SUBSCRIPTION, SITE),
    )  # fmt: skip
    digest = make_digest([found], frame)
    return Message(
        key="5f0e7b0e-0000-4000-8000-000000000001",
        subscription=SUBSCRIPTION,
        title=frame.title,
        subject=digest.subject,
        text=digest.text,
        html=digest.html,
        events=(found,),
        entries=(),
    )


def test_a_mail_has_text_html_and_the_headers_of_a_list() -> None:
    mailbox, sent = Mailbox(), message()
    with smtp_server(mailbox) as port:
        assert channel(port).send(sent) == "accepted by 127.0.0.1"
        channel(port).send(sent)
    mail, again = mailbox.mails
    assert mailbox.recipients[0] == "ana@example.org"
    assert mail["From"] == "Procurewatch <alerts@example.org>"
    assert mail["To"] == "ana@example.org"
    assert mail["Subject"] == sent.subject
    assert mail["Message-ID"] == again["Message-ID"] == f"<{sent.key}@example.org>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["List-Id"].endswith("<alert-3.watch.a-newsroom-with-a-rather-long-name.example.org>")
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert abs((datetime.now(UTC) - parsedate_to_datetime(mail["Date"])).total_seconds()) < 3600
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]
    text, html = (mail.get_body((kind,)) for kind in ("plain", "html"))
    assert text is not None
    assert html is not None
    assert text.get_content().replace("\r\n", "\n") == sent.text
    assert html.get_content().replace("\r\n", "\n") == sent.html
    assert max(map(len, mailbox.raw[0].split(b"\r\n"))) < 998  # RFC 5321, 4.5.3.1.6


def test_the_link_to_unsubscribe_is_not_folded_or_encoded() -> None:
    mailbox = Mailbox()
    with smtp_server(mailbox) as port:
        channel(port).send(message())
    assert f"\r\nList-Unsubscribe: <{manage_url(SUBSCRIPTION, SITE)}>\r\n".encode() in mailbox.raw[0]


def test_one_click_needs_https_and_a_link_a_site() -> None:
    mailbox = Mailbox()
    with smtp_server(mailbox) as port:
        channel(port, "http://watch.example.org").send(message())
        channel(port, "").send(message())
    insecure, none = mailbox.mails
    assert insecure["List-Unsubscribe"].startswith("<http://watch.example.org/alerts/link/3.")
    assert "List-Unsubscribe-Post" not in insecure
    assert "List-Unsubscribe" not in none
    assert "<alert-3.example.org>" in none["List-Id"]


@pytest.mark.parametrize(
    "text", ["two\r\nBcc: all@example.org", "x" * 3000, "Ü\u202e\x00 \ud800", "=?utf-8?q?=0ABcc:?="]
)
def test_text_from_outside_adds_no_header(text: str) -> None:
    mailbox = Mailbox()
    with smtp_server(mailbox) as port:
        channel(port).send(replace(message(text), key=text))
        channel(port).send(replace(message(), subject=text.encode("utf-8", "replace").decode()))
    for mail in mailbox.mails:
        assert "Bcc" not in mail
        assert "\n" not in mail["Subject"]
        assert mail["To"] == "ana@example.org"
    assert set(mailbox.recipients) == {"ana@example.org"}


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")  # it is encrypted from the start
@pytest.mark.parametrize("is_tls", [True, False])
def test_a_mail_is_encrypted_after_a_login(is_tls: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mailbox, (context, file) = Mailbox(), certificate(tmp_path)
    options: dict[str, Any] = {"tls_context": context, "authenticator": knows("me", "sesame"), "auth_required": True}
    login = {"security": "tls" if is_tls else "starttls", "user": "me", "password": "sesame"}
    options |= {"auth_require_tls": not is_tls, "require_starttls": not is_tls}
    with smtp_server(mailbox, is_tls=is_tls, **options) as port:
        with pytest.raises(Undelivered, match="its certificate cannot be verified: self-signed"):
            channel(port, **login).send(message())
        monkeypatch.setenv("SSL_CERT_FILE", str(file))
        cast("Any", ssl.create_default_context).cache_clear()  # of the tests (tests/conftest.py)
        with pytest.raises(Undelivered, match="535") as raised:
            channel(port, **{**login, "password": "open-up"}).send(message())
        channel(port, **login).send(message())
    cast("Any", ssl.create_default_context).cache_clear()
    assert "open-up" not in str(raised.value)
    assert mailbox.encrypted == [True]


def test_a_server_without_encryption_gets_nothing() -> None:
    mailbox = Mailbox()
    with smtp_server(mailbox) as port, pytest.raises(Undelivered, match="STARTTLS"):
        channel(port, security="starttls").send(message())
    assert not mailbox.raw


@pytest.mark.parametrize(
    ("answers", "failure", "reason"),
    [
        ({"rcpt_answer": "550 5.1.1 no such user"}, Refused, "refuses the address: 550 5.1.1 no such user"),
        ({"rcpt_answer": "451 4.7.1 greylisted, try later"}, Undelivered, "451 4.7.1 greylisted"),
        ({"mail_answer": "553 5.7.1 not your address"}, Undelivered, "refuses mail.sender: 553 5.7.1"),
        ({"data_answer": "554 5.7.1 looks like spam"}, Refused, "554 5.7.1 looks like spam"),
        ({"data_answer": "452 4.3.1 out of storage"}, Undelivered, "452 4.3.1 out of storage"),
        ({"data_answer": f"554 {'very long ' * 40}"}, Refused, "very long"),
    ],
)
def test_a_refusal_is_permanent_or_not(answers: dict[str, Any], failure: type[Exception], reason: str) -> None:
    mailbox = Mailbox(**answers)
    with smtp_server(mailbox) as port, pytest.raises(failure, match=reason) as raised:
        channel(port).send(message())
    assert len(str(raised.value)) < 260
    assert not mailbox.raw


@contextmanager
def odd_server(answer: Callable[[socket.socket], None]) -> Iterator[int]:
    """Listen on a free port and give each connection to a function; yield the port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with closing(listening.accept()[0]) as connection:
                answer(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            thread.join()


def test_a_silent_or_closed_connection_is_tried_again() -> None:
    is_done = threading.Event()
    with odd_server(lambda _connection: (is_done.wait(), None)[1]) as port:
        with pytest.raises(Undelivered, match="timed out"):
            channel(port, timeout_seconds=0.2).send(message())
        is_done.set()
    with odd_server(lambda connection: connection.close()) as port, pytest.raises(Undelivered, match=r"127\.0\.0\.1"):
        channel(port).send(message())
    with pytest.raises(Undelivered, match="Connection refused"):
        channel(port).send(message())  # nothing listens there any more
    with odd_server(lambda it: it.sendall(b"500 \xff\r\n")) as port, pytest.raises(Undelivered, match="500"):
        channel(port).send(message())


def test_a_mail_that_was_accepted_stays_accepted_if_the_server_hangs_up() -> None:
    mailbox = Mailbox(hangs_up=True)
    with smtp_server(mailbox) as port:
        assert channel(port).send(message()) == "accepted by 127.0.0.1"
    assert len(mailbox.raw) == 1


def test_a_connection_that_ends_before_the_answer_is_tried_again() -> None:
    class Cut(Mailbox):
        async def handle_DATA(self, server: Any, *_: Any) -> str:  # noqa: N802
            server.transport.abort()
            return OK

    with smtp_server(Cut()) as port, pytest.raises(Undelivered):
        channel(port).send(message())


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        (" ana@example.org ", "ana@example.org"),
        ("Ana.B+alerts@Example.ORG", "Ana.B+alerts@example.org"),
        ("ana@bücher.example", "ana@xn--bcher-kva.example"),
        ("ana@localhost", "ana@localhost"),
    ],
)
def test_an_address_is_stored_in_its_ascii_form(given: str, stored: str) -> None:
    assert channel(25).check(given) == stored
    assert channel(25).shown(stored) == stored


@pytest.mark.parametrize(
    "given",
    [
        "", "ana", "@example.org", "ana@", "ana@@example.org", "a b@example.org", "ana@example.org, eve@example.org",
        "Ana <ana@example.org>", "ana@exa mple.org", "ana@example.org\r\nBcc: eve@example.org", "ana@-x.org",
        f"{'a' * 65}@example.org", f"a@{'b' * 63}.{'c' * 63}.{'d' * 63}.{'e' * 63}.org", "añá@example.org", "ana@.org",
        "ana\x00@example.org", "=?utf-8?q?=0ABcc:x?=@example.org", ".ana@example.org", "ana@example..org",
        '"ana eve"@example.org',
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused(given: str) -> None:
    with pytest.raises(InvalidAddress, match=r"write it as name@example\.org"):
        channel(25).check(given)


def test_without_a_server_mail_says_what_to_set() -> None:
    off = channel(25, host="")
    with pytest.raises(InvalidAddress, match=r"set mail\.host and mail\.sender"):
        off.check("ana@example.org")
    with pytest.raises(Undelivered, match=r"set mail\.host and mail\.sender"):
        off.send(message())
