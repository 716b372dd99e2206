"""Mail: written with what caused it, sent once by a mail server that may be away, refuse, or hang up."""

import asyncio
import ssl
from dataclasses import replace
from datetime import timedelta
from email.message import EmailMessage
from ipaddress import ip_address
from pathlib import Path
from typing import Literal

import asyncpg
import pytest
import time_machine
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from prometheus_client import REGISTRY
from pydantic import SecretStr

from mail_fixtures import CLOSE, MailServer, PostOffice, listening, read
from tenancy_fixtures import TestTenant
from vezne.kernel.clock import real_now
from vezne.kernel.db import Database
from vezne.kernel.ids import public_id
from vezne.kernel.mail import outbox
from vezne.kernel.mail.jobs import LEASE, PAUSES
from vezne.kernel.mail.letters import Attachment, Letter
from vezne.kernel.mail.postman import NotNow, Postman, Server, ServerUrlWrong
from vezne.kernel.settings import Settings

PDF = Attachment("makbuz-ğüş.pdf", "application/pdf", b"%PDF-1.7\x00\xff")


def counted(outcome: str) -> float:
    return REGISTRY.get_sample_value("vezne_mails_total", {"outcome": outcome}) or 0


async def test_a_letter_is_sent_once_however_often_the_job_runs(post_office: PostOffice, mail_server: MailServer) -> None:
    before = counted("sent")
    mail_id = await post_office.post(text="Merhaba", html="<p>Merhaba</p>", attachments=(PDF,), language="tr")
    sent = await post_office.send(mail_id)
    assert await post_office.send(mail_id) == sent
    assert (sent.status, sent.tries, sent.last_error) == ("sent", 1, None)
    assert sent.sent_at is not None
    (message,) = mail_server.messages()
    assert mail_server.taken[0].rcpt_tos == ["ayse@example.com"]
    assert mail_server.taken[0].mail_from == "vezne@pay.example"
    assert message["From"] == "Kampüs <vezne@pay.example>"
    assert message["Message-ID"] == f"<{public_id('eml', mail_id)}@pay.example>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert [part.get_content_type() for part in message.walk()] == [
        "multipart/mixed",
        "multipart/alternative",
        "text/plain",
        "text/html",
        "application/pdf",
    ]
    assert message.get_body(("plain",)).get_content().strip() == "Merhaba"  # type: ignore[union-attr]
    (attached,) = message.iter_attachments()
    assert (attached.get_filename(), attached.get_content()) == (PDF.name, PDF.content)
    assert counted("sent") == before + 1


async def test_of_letters_with_one_dedupe_the_first_is_posted(post_office: PostOffice, db: Database) -> None:
    first = await post_office.post_or_not(dedupe="receipt:1", subject="One")
    assert await post_office.post_or_not(dedupe="receipt:1", subject="Two") is None
    others = await asyncio.gather(*[post_office.post_or_not(dedupe="receipt:2") for _ in range(8)])
    assert sum(each is not None for each in others) == 1
    assert {mail.subject for mail in await post_office.mails() if mail.id == first} == {"One"}


async def test_what_is_undone_sends_nothing(post_office: PostOffice, db: Database, tenant: TestTenant) -> None:
    async def write_and_fail() -> None:
        async with db.transaction(tenant.principal) as tx:
            await outbox.post(tx, Letter(to="a@example.com", subject="x", text="x", purpose="test"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await write_and_fail()
    assert await post_office.mails() == []


async def test_the_body_is_unreadable_at_rest(
    post_office: PostOffice, owner: "asyncpg.Connection[asyncpg.Record]", tenant: TestTenant
) -> None:
    mail_id = await post_office.post(text="bought a secret thing", attachments=(PDF,))
    row = await owner.fetchrow("SELECT * FROM mails WHERE tenant_id = $1", tenant.tenant_id)
    assert row is not None
    assert b"secret thing" not in row["body"]
    assert "secret thing" not in repr(row)
    assert (await post_office.letter(mail_id)).attachments == (PDF,)


@pytest.mark.parametrize("answer", ["451 later", "452 full", "421 bye", CLOSE])
@pytest.mark.parametrize("step", ["to_recipients", "to_messages"])
async def test_a_server_that_cannot_now_is_asked_again(
    post_office: PostOffice, mail_server: MailServer, step: str, answer: str
) -> None:
    getattr(mail_server, step).append(answer)
    mail_id = await post_office.post()
    waiting = await post_office.send(mail_id)
    assert (waiting.status, waiting.tries) == ("waiting", 1)
    assert waiting.last_error
    assert waiting.not_before is not None
    assert PAUSES[0] - timedelta(seconds=10) < waiting.not_before - real_now() <= PAUSES[0]
    assert (await post_office.send(mail_id)).tries == 1  # too early
    with time_machine.travel(real_now() + PAUSES[0] + timedelta(seconds=1)):
        sent = await post_office.send(mail_id)
    assert (sent.status, sent.tries, sent.last_error) == ("sent", 2, None)
    assert [message["Message-ID"] for message in mail_server.messages()] == [sent.message_id]


@pytest.mark.parametrize("answer", ["550 no such user", "554 refused"])
@pytest.mark.parametrize("step", ["to_recipients", "to_messages"])
async def test_a_server_that_refuses_for_good_ends_it(
    post_office: PostOffice, mail_server: MailServer, step: str, answer: str
) -> None:
    getattr(mail_server, step).append(answer)
    before = counted("failed")
    failed = await post_office.send(await post_office.post())
    assert failed.status == "failed"
    assert failed.last_error is not None
    assert answer[:3] in failed.last_error
    assert counted("failed") == before + 1
    assert (await post_office.send(failed.id)).tries == 1
    assert mail_server.taken == []


async def test_a_server_that_is_away_for_days_is_given_up(
    post_office: PostOffice, owner: "asyncpg.Connection[asyncpg.Record]", tenant: TestTenant
) -> None:
    away = replace(post_office.postman, server=Server("127.0.0.1", 1, tls=False))
    mail_id = await post_office.post()
    begun = now = real_now()
    for number, pause in enumerate(PAUSES, 1):
        with time_machine.travel(now, tick=False):
            waiting = await post_office.send(mail_id, away)
        assert (waiting.status, waiting.tries) == ("waiting", number)
        now += pause
    with time_machine.travel(now, tick=False):
        failed = await post_office.send(mail_id, away)
    assert (failed.status, failed.tries) == ("failed", len(PAUSES) + 1)
    assert timedelta(days=2) < now - begun < timedelta(days=5)
    told = await owner.fetch("SELECT type FROM events WHERE tenant_id = $1 AND type LIKE 'mail.%'", tenant.tenant_id)
    assert [row["type"] for row in told] == ["mail.failed"]


class DiesAfterwards(Postman):
    """A worker killed between the server's answer and its own commit."""

    async def deliver(
        self, message: EmailMessage, *, sender: str, recipient: str, tenant: str, name: str
    ) -> Literal["sent", "kept"]:
        await super().deliver(message, sender=sender, recipient=recipient, tenant=tenant, name=name)
        raise asyncio.CancelledError


async def test_a_worker_killed_after_sending_leaves_the_same_message_to_be_sent_again(
    post_office: PostOffice, mail_server: MailServer
) -> None:
    mail_id = await post_office.post(attachments=(PDF,), html="<p>x</p>")
    postman = post_office.postman
    with pytest.raises(asyncio.CancelledError):
        await post_office.send(mail_id, DiesAfterwards(postman.server, postman.folder, postman.default_sender))
    assert (await post_office.send(mail_id)).status == "waiting"  # it may be alive: nobody sends beside it
    assert len(mail_server.taken) == 1
    with time_machine.travel(real_now() + LEASE + timedelta(seconds=1)):
        assert (await post_office.send(mail_id, replace(postman, default_sender="x@other.example"))).status == "sent"
    first, second = mail_server.messages()
    assert first["Message-ID"] == second["Message-ID"]
    assert first["Date"] == second["Date"]


async def test_two_workers_with_one_mail_send_it_once(post_office: PostOffice, mail_server: MailServer) -> None:
    mail_id = await post_office.post()
    await asyncio.gather(*[post_office.send(mail_id) for _ in range(5)])
    assert len(mail_server.taken) == 1


async def test_an_early_job_comes_again_when_it_is_time(
    post_office: PostOffice, mail_server: MailServer, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    mail_server.to_messages.append("451 later")
    mail_id = await post_office.post()
    await post_office.send(mail_id)
    await post_office.send(mail_id)
    await post_office.send(mail_id)
    keys = await owner.fetch(
        "SELECT dedupe_key FROM jobs.pgqueuer WHERE dedupe_key LIKE $1 ORDER BY id", f"%{public_id('eml', mail_id)}%"
    )
    assert [row["dedupe_key"].split(":", 3)[-1] for row in keys] == ["0", "1", "1:then"]


# ------------------------------------------------------------------------------------------------ without a server


async def test_without_a_mail_server_a_letter_is_kept_as_a_file(post_office: PostOffice, mail_server: MailServer) -> None:
    postman = replace(post_office.postman, server=None)
    mail_id = await post_office.post(subject="Makbuzunuz", to_name="Ayşe Öztürk", attachments=(PDF,))
    kept = await post_office.send(mail_id, postman)
    assert (kept.status, await post_office.send(mail_id, postman)) == ("kept", kept)
    (file,) = postman.folder.glob("*/*")
    assert file.name == f"{public_id('eml', mail_id)}.eml"
    assert file.parent.stat().st_mode & 0o077 == 0
    message = read(file.read_bytes())
    assert (message["Subject"], message["To"]) == ("Makbuzunuz", "Ayşe Öztürk <ayse@example.com>")
    assert mail_server.taken == []


# ------------------------------------------------------------------------------------------------ the mail server


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://mail.example", Server("mail.example", 25, tls=False)),
        ("smtp://mail.example:2525/", Server("mail.example", 2525, tls=False)),
        ("smtp://me%40x.example:p%3Aw@mail.example", Server("mail.example", 587, False, "me@x.example", "p:w")),
        ("smtps://a:b@mail.example", Server("mail.example", 465, True, "a", "b")),
        ("smtp://[::1]:25", Server("::1", 25, tls=False)),
    ],
)
def test_a_server_is_read_from_its_url(url: str, server: Server) -> None:
    assert Server.read(url) == server
    assert "p:w" not in repr(server)


@pytest.mark.parametrize(
    "url",
    ["mail.example", "http://mail.example", "smtp://", "smtp://me@mail.example", "smtp://h:x", "smtp://h/path", "smtp://h?x"],
)
def test_a_url_that_names_no_server_is_refused(url: str) -> None:
    with pytest.raises(ServerUrlWrong):
        Server.read(url)


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's TLS with a certificate of its own, and a client's that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail.test")])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(real_now() - timedelta(days=1))
        .not_valid_after(real_now() + timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "server.pem"
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(secret + certificate.public_bytes(Encoding.PEM))
    theirs, ours = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context(cafile=str(file))
    theirs.load_cert_chain(file)
    return theirs, ours


async def test_tls_is_used_where_it_is_offered_and_the_password_told_under_it(
    post_office: PostOffice, certified: tuple[ssl.SSLContext, ssl.SSLContext]
) -> None:
    theirs, ours = certified
    made = MailServer(users={b"me": b"secret"})
    async with listening(made, tls_context=theirs, authenticator=made.authenticate, auth_required=True, auth_require_tls=True):
        server = Server(made.host, made.port, False, "me", "secret", ours)
        sent = await post_office.send(await post_office.post(), replace(post_office.postman, server=server))
        assert (sent.status, sent.last_error) == ("sent", None)
        assert made.secured == [True]
        wrong = replace(server, password="guess")
        waiting = await post_office.send(await post_office.post(), replace(post_office.postman, server=wrong))
        assert waiting.status == "waiting"
        assert "535" in (waiting.last_error or "")


async def test_smtps_speaks_tls_from_the_first_byte(
    post_office: PostOffice, certified: tuple[ssl.SSLContext, ssl.SSLContext]
) -> None:
    theirs, ours = certified
    made = MailServer()
    async with listening(made, ssl=theirs):
        server = Server(made.host, made.port, True, context=ours)
        assert (await post_office.send(await post_office.post(), replace(post_office.postman, server=server))).status == "sent"
        stranger = replace(server, context=None)
        waiting = await post_office.send(await post_office.post(), replace(post_office.postman, server=stranger))
        assert waiting.status == "waiting"  # a certificate nobody vouches for


async def test_a_password_is_not_sent_in_the_clear(
    post_office: PostOffice, mail_server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Server, "on_this_machine", property(lambda _self: False))
    server = Server(mail_server.host, mail_server.port, False, "me", "secret")
    with pytest.raises(NotNow, match="in the clear"):
        await replace(post_office.postman, server=server).deliver(
            EmailMessage(), sender="a@b.example", recipient="c@d.example", tenant="t", name="n"
        )
    assert mail_server.taken == []


def test_the_folder_is_the_deployments(tmp_path: Path) -> None:
    postman = Postman.from_settings(Settings(data_dir=tmp_path, smtp_url=SecretStr("smtps://a:b@mail.example")))
    assert postman.folder == tmp_path / "mail"
    assert postman.server == Server("mail.example", 465, True, "a", "b")
    assert Postman.from_settings(Settings(data_dir=tmp_path)).server is None
