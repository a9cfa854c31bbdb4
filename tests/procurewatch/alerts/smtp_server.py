"""A real SMTP server on loopback, which stores what it accepts and answers as a test wants."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

OK = "250 OK"


@dataclass
class Mailbox:
    """What a server has accepted, and its answers to MAIL, RCPT and DATA. `hangs_up`: after it has accepted a mail."""

    mail_answer: str = OK
    rcpt_answer: str = OK
    data_answer: str = OK
    hangs_up: bool = False
    raw: list[bytes] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)
    arrived: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))  # once for each mail

    @property
    def mails(self) -> list[EmailMessage]:
        """The accepted mails, parsed."""
        return [self.parse(raw) for raw in self.raw]

    @staticmethod
    def parse(raw: bytes) -> EmailMessage:
        parsed = BytesParser(policy=policy.default).parsebytes(raw)
        assert isinstance(parsed, EmailMessage)
        return parsed

    async def handle_MAIL(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        envelope.mail_from = address
        return self.mail_answer

    async def handle_RCPT(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if self.rcpt_answer == OK:
            envelope.rcpt_tos.append(address)
        return self.rcpt_answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.data_answer == OK:
            assert isinstance(envelope.content, bytes)
            self.raw.append(envelope.content)
            self.recipients += envelope.rcpt_tos
            self.encrypted.append(bool(session.ssl or _transport(server).get_extra_info("ssl_object")))
            self.arrived.release()
        return self.data_answer

    async def handle_QUIT(self, server: SMTP, _session: Session, _envelope: Envelope) -> str:  # noqa: N802
        if self.hangs_up:
            _transport(server).abort()
        return "221 Bye"


def _transport(server: SMTP) -> asyncio.WriteTransport:
    assert isinstance(server.transport, asyncio.WriteTransport)
    return server.transport


@contextmanager
def smtp_server(mailbox: Mailbox, *, is_tls: bool = False, **options: Any) -> Iterator[int]:
    """Serve a mailbox on a free port of 127.0.0.1 and yield the port.

    Args:
        is_tls: encrypted from the start, with `tls_context`.
        options: of `aiosmtpd.smtp.SMTP`: `tls_context` for STARTTLS, `authenticator` ...
    """
    loop = asyncio.new_event_loop()
    context = options.pop("tls_context") if is_tls else None

    def protocol() -> SMTP:
        return SMTP(mailbox, hostname="mail.example.org", loop=loop, **options)

    started: asyncio.Server = _run(loop, loop.create_server(protocol, "127.0.0.1", 0, ssl=context))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield started.sockets[0].getsockname()[1]
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        started.close()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        _run(loop, asyncio.sleep(0))
        _run(loop, loop.shutdown_asyncgens())
        loop.close()


def _run(loop: asyncio.AbstractEventLoop, coroutine: Any) -> Any:
    """Run a coroutine in a thread of its own: a browser's event loop may be running in this one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(loop.run_until_complete, coroutine).result()


def knows(user: str, password: str) -> Any:
    """Return an authenticator that knows one user."""

    def authenticate(_server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: Any) -> AuthResult:
        is_known = (data.login, data.password) == (user.encode(), password.encode())
        return AuthResult(success=is_known, handled=False)

    return authenticate


def certificate(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """Return a server's context with a new self-signed certificate for 127.0.0.1, and the file with it."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    built = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file, key_file = folder / "certificate.pem", folder / "key.pem"
    file.write_bytes(built.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, key_file)
    return context, file
