"""Alerts by e-mail: one message of text and HTML over SMTP, with one-click unsubscribe (RFC 8058)."""

from __future__ import annotations

import re
import smtplib
import ssl
from contextlib import suppress
from datetime import UTC, datetime
from email.headerregistry import Address, BaseHeader, HeaderRegistry, UnstructuredHeader
from email.message import EmailMessage
from email.policy import SMTP, Policy
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from feeds.text import one_line, shorten
from procurewatch.alerts.channels.channel import InvalidAddress, Message, Refused, Undelivered
from procurewatch.alerts.links import manage_url
from procurewatch.settings import MailSettings

if TYPE_CHECKING:
    from procurewatch.context import AppContext

NOT_SET_UP = "e-mail is not set up: set mail.host and mail.sender (docs/alerts.md)"
PORTS = {"starttls": 587, "tls": 465, "none": 25}
MAX_ADDRESS_LENGTH = 254  # RFC 5321, 4.5.3.1.3
MAX_KEY_LENGTH = 64
MAX_ANSWER_LENGTH = 200  # characters of a server's answer that are kept
# RFC 5322: a dot-atom. Quoted names are not accepted.
_LOCAL = re.compile(r"(?=.{1,64}$)[\w!#$%&'*+/=?^`{|}~-]+(\.[\w!#$%&'*+/=?^`{|}~-]+)*", re.ASCII)
_DOMAIN = re.compile(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)


class _OnOneLine(UnstructuredHeader, BaseHeader):
    """A header that is not folded: folding would encode a long URL, so that nothing could read it."""

    def fold(self, *, policy: Policy) -> str:
        """Return the header as it is."""
        return f"{self.name}: {self}{policy.linesep}"


_HEADERS = HeaderRegistry()
_HEADERS.map_to_type("list-unsubscribe", _OnOneLine)
POLICY = SMTP.clone(header_factory=_HEADERS)


class MailChannel:
    """The e-mail channel. Its addresses are plain mail addresses and hold no secrets."""

    def __init__(self, app: AppContext) -> None:
        self._mail = app.settings.mail
        self._base_url = app.settings.answering_url

    def check(self, address: str) -> str:
        """Return an address as it is stored. Raises `InvalidAddress`, also if e-mail is not set up."""
        if not self._mail.is_on:
            raise InvalidAddress(NOT_SET_UP)
        return checked_address(address)

    def shown(self, address: str) -> str:
        """Return an address; there is no secret in it."""
        return address

    def send(self, message: Message) -> str:
        """Send a message; return the server's answer.

        Raises:
            Undelivered: the server cannot be reached, or rejects it for now, or rejects the sender.
            Refused: it rejects the recipient or the message for good.
        """
        if not self._mail.is_on:
            raise Undelivered(NOT_SET_UP)
        return _deliver(self._mail, write_mail(message, sender=self._mail.sender, base_url=self._base_url))

    def notify(self, address: str, subject: str, text: str) -> str:
        """Send a plain text to whoever runs the program; return the server's answer. Raises as `send`."""
        written = _new_mail(self._mail.sender, checked_address(address), subject)
        written.set_content(text, cte="quoted-printable")
        return _deliver(self._mail, written)


def checked_address(address: str) -> str:
    """Return a mail address with its domain in ASCII. Raises `InvalidAddress`."""
    local, _, domain = address.strip().rpartition("@")
    with suppress(UnicodeError):
        domain = domain.encode("idna").decode().lower()
    checked = f"{local}@{domain}"
    # `EmailMessage` would decode "=?...?=" in a header.
    is_valid = _LOCAL.fullmatch(local) and _DOMAIN.fullmatch(domain) and "=?" not in local
    if not is_valid or len(checked) > MAX_ADDRESS_LENGTH:
        raise InvalidAddress("this is not a mail address; write it as name@example.org")
    return checked


def write_mail(message: Message, *, sender: str, base_url: str) -> EmailMessage:
    """Return a message as a mail. Sent again, it has the same Message-ID, by which mail servers drop duplicates."""
    domain = sender.rpartition("@")[2].strip("> ")
    written = _new_mail(sender, message.subscription.address, message.subject)
    written["Message-ID"] = f"<{re.sub(r'[^A-Za-z0-9.-]', '-', message.key[:MAX_KEY_LENGTH])}@{domain}>"
    written["List-Id"] = f"Procurewatch <alert-{message.subscription.id}.{urlsplit(base_url).hostname or domain}>"
    if url := manage_url(message.subscription, base_url):
        written["List-Unsubscribe"] = f"<{url}>"
        if url.startswith("https:"):  # RFC 8058 allows no other
            written["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    written.set_content(message.text, cte="quoted-printable")
    written.add_alternative(message.html, subtype="html", cte="quoted-printable")
    return written


def _new_mail(sender: str, address: str, subject: str) -> EmailMessage:
    written = EmailMessage(policy=POLICY)
    written["From"] = sender if "<" in sender else Address("Procurewatch", addr_spec=sender)
    written["To"] = Address(addr_spec=address)
    written["Subject"] = one_line(subject).replace("=?", "= ?")  # else it would be decoded, line breaks too
    written["Date"] = datetime.now(UTC)
    written["Auto-Submitted"] = "auto-generated"
    return written


def _deliver(mail: MailSettings, written: EmailMessage) -> str:
    """Send a mail; return the server's answer. Raises `Undelivered` or `Refused`."""
    server = _connect(mail)
    try:
        return _transfer(server, written, mail.host)
    finally:
        with suppress(smtplib.SMTPException, OSError):  # what was accepted stays accepted
            server.quit()
        server.close()


def _connect(mail: MailSettings) -> smtplib.SMTP:
    """Return a connection, encrypted and logged in as the settings say. Raises `Undelivered`."""
    port = mail.port or PORTS[mail.security]
    where = f"{mail.host}:{port}"
    server: smtplib.SMTP | None = None
    try:
        context = ssl.create_default_context()
        if mail.security == "tls":
            server = smtplib.SMTP_SSL(mail.host, port, timeout=mail.timeout_seconds, context=context)
        else:
            server = smtplib.SMTP(mail.host, port, timeout=mail.timeout_seconds)
        if mail.security == "starttls":
            server.starttls(context=context)
        if mail.password:
            server.login(mail.user, mail.password.get_secret_value())
    except (smtplib.SMTPException, OSError) as error:
        if server is not None:
            server.close()
        raise Undelivered(f"{where}: {_explain(error)}") from error
    return server


def _transfer(server: smtplib.SMTP, written: EmailMessage, host: str) -> str:
    """Send a mail over a connection; return what became of it. Raises `Undelivered` or `Refused`."""
    try:
        server.send_message(written)
    except smtplib.SMTPRecipientsRefused as error:
        [(code, answer)] = error.recipients.values()
        raise _failure(code, f"{host} refuses the address: {_answer(code, answer)}") from error
    except smtplib.SMTPSenderRefused as error:  # the operator's own address: it is to be corrected
        raise Undelivered(f"{host} refuses mail.sender: {_explain(error)}") from error
    except smtplib.SMTPResponseException as error:
        raise _failure(error.smtp_code, f"{host}: {_explain(error)}") from error
    except (smtplib.SMTPException, OSError) as error:
        raise Undelivered(f"{host}: {_explain(error)}") from error
    return f"accepted by {host}"


def _failure(code: int, reason: str) -> Undelivered | Refused:
    """Return the failure of an SMTP reply code: 5xx is permanent (RFC 5321, 4.2.1)."""
    return Refused(reason) if code >= 500 else Undelivered(reason)


def _explain(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        return _answer(error.smtp_code, error.smtp_error)
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate cannot be verified: {error.verify_message}"
    return shorten(one_line(str(error)), MAX_ANSWER_LENGTH) or type(error).__name__


def _answer(code: int, answer: bytes | str) -> str:
    text = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
    return shorten(one_line(f"{code} {text}"), MAX_ANSWER_LENGTH)
