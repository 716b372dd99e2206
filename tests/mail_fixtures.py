"""A mail server on the loopback that does as it is told, and the job that sends to it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTPUTF8
from pathlib import Path
from ssl import SSLContext
from typing import Any, cast
from uuid import UUID

import pytest_asyncio
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from tenancy_fixtures import TestTenant
from vezne.kernel.db import Database
from vezne.kernel.ids import public_id
from vezne.kernel.jobs import JobCall
from vezne.kernel.mail import outbox
from vezne.kernel.mail.jobs import send_with
from vezne.kernel.mail.letters import Letter, Mail
from vezne.kernel.mail.postman import Postman, Server

CLOSE = "close"
"""An answer that is none: the server hangs up."""


@dataclass
class MailServer:
    """What it was sent, and what it will answer: to recipients and to messages, 250 when nothing is said."""

    host: str = "127.0.0.1"
    port: int = 0
    taken: list[Envelope] = field(default_factory=list)
    to_recipients: list[str] = field(default_factory=list)
    to_messages: list[str] = field(default_factory=list)
    users: dict[bytes, bytes] = field(default_factory=dict)
    secured: list[bool] = field(default_factory=list)

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, _options: Sequence[str]
    ) -> str:
        answer = self.to_recipients.pop(0) if self.to_recipients else "250 yes"
        if answer == CLOSE:
            cast("asyncio.Transport", server.transport).close()
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        self.secured.append(session.ssl is not None)
        return answer

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        answer = self.to_messages.pop(0) if self.to_messages else "250 taken"
        if answer == CLOSE:
            cast("asyncio.Transport", server.transport).close()
        if answer.startswith("250"):
            self.taken.append(envelope)
        return answer

    def authenticate(self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, given: object) -> AuthResult:
        login, password = getattr(given, "login", b""), getattr(given, "password", b"")
        return AuthResult(success=login in self.users and self.users[login] == password, handled=False)

    def messages(self) -> list[EmailMessage]:
        """What was taken, read as a mail program reads it."""
        return [read(cast("bytes", envelope.original_content)) for envelope in self.taken]


def read(raw: bytes) -> EmailMessage:
    """A message as a mail program reads it."""
    return message_from_bytes(raw, policy=SMTPUTF8)


@pytest_asyncio.fixture
async def mail_server() -> AsyncIterator[MailServer]:
    """A mail server of this test's own."""
    made = MailServer()
    async with listening(made):
        yield made


class listening:  # noqa: N801 - read as a verb where it is used
    """The server listens while the block runs; `options` are aiosmtpd's."""

    def __init__(self, made: MailServer, *, ssl: SSLContext | None = None, **options: Any) -> None:  # noqa: ANN401 - aiosmtpd's
        self.made, self.ssl, self.options = made, ssl, options

    async def __aenter__(self) -> MailServer:
        loop = asyncio.get_running_loop()
        options: dict[str, Any] = {"enable_SMTPUTF8": True, "hostname": "mail.test", **self.options}
        self.server = await loop.create_server(
            lambda: SMTP(self.made, loop=loop, **options),
            self.made.host,
            0,
            ssl=self.ssl,
        )
        self.made.port = self.server.sockets[0].getsockname()[1]
        return self.made

    async def __aexit__(self, *_: object) -> None:
        self.server.close()
        await self.server.wait_closed()


@dataclass
class PostOffice:
    """One tenant's outbox, and who empties it."""

    db: Database
    tenant: TestTenant
    postman: Postman

    async def post(self, **fields: object) -> UUID:
        """Post a letter; what is not said is something."""
        posted = await self.post_or_not(**fields)
        assert posted is not None
        return posted

    async def post_or_not(self, **fields: object) -> UUID | None:
        said = {
            "to": "ayse@example.com",
            "subject": "Receipt",
            "text": "Hello",
            "purpose": "test",
            "sender_name": "Kampüs",
        } | fields
        async with self.db.transaction(self.tenant.principal) as tx:
            return await outbox.post(tx, Letter(**said))  # type: ignore[arg-type]

    async def send(self, mail_id: UUID, postman: Postman | None = None) -> Mail:
        """Do the job, as the worker would; what became of the mail."""
        call = JobCall(outbox.JOB, self.tenant.tenant_id, {"mail_id": public_id("eml", mail_id)})
        await send_with(postman or self.postman)(self.db, call)
        return await self.mail(mail_id)

    async def mail(self, mail_id: UUID) -> Mail:
        async with self.db.transaction(self.tenant.principal, read_only=True) as tx:
            return await outbox.mail(tx, mail_id)

    async def mails(self) -> list[Mail]:
        async with self.db.transaction(self.tenant.principal, read_only=True) as tx:
            return await outbox.mails(tx, limit=1000)

    async def letter(self, mail_id: UUID) -> Letter:
        async with self.db.transaction(self.tenant.principal, read_only=True) as tx:
            return await outbox.letter_of(tx, mail_id)


@pytest_asyncio.fixture
async def post_office(db: Database, tenant: TestTenant, mail_server: MailServer, tmp_path: Path) -> PostOffice:
    """The tenant's outbox, before the mail server."""
    server = Server(mail_server.host, mail_server.port, tls=False)
    return PostOffice(db, tenant, Postman(server, tmp_path / "mail", "Vezne <vezne@pay.example>"))
