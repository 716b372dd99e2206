"""Sending: leased in one transaction, sent outside any, settled in another.

A worker that dies between the server's answer and the second transaction leaves the lease; whoever takes the job over waits for
its end and sends the same message again, with the same Message-ID, by which mail servers and readers know a repeat.
"""

from datetime import datetime, timedelta
from email.message import EmailMessage
from uuid import UUID

from vezne.kernel import clock
from vezne.kernel.db import Database, Tx
from vezne.kernel.ids import parse_id, public_id
from vezne.kernel.jobs import Job, JobCall
from vezne.kernel.mail import letters, outbox
from vezne.kernel.mail.events import MailFailed, MailSent
from vezne.kernel.mail.letters import AddressUnusable, Mail
from vezne.kernel.mail.postman import NotEver, NotNow, Postman
from vezne.kernel.telemetry import MAILS

LEASE = timedelta(minutes=3)
PAUSES = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 180, 360, 720, 1440, 1440))
"""How long is waited after each try that the server did not take: three days in all, then the mail has failed."""
_LONGEST_ERROR = 500


def send_with(postman: Postman) -> Job:
    """The job that sends one mail by this postman."""

    async def send(db: Database, call: JobCall) -> None:
        """Send a mail that waits. Again: nothing, once it has left."""
        mail_id = parse_id("eml", call.payload["mail_id"])
        async with db.transaction(call.principal) as tx:
            leased = await _lease(tx, mail_id, postman)
        if leased is None:
            return
        mail, message, tenant = leased
        if isinstance(message, str):
            await _give_up(db, call, mail, message)
            return
        try:
            sender = message["From"].addresses[0].addr_spec
            recipient = message["To"].addresses[0].addr_spec
            name = public_id("eml", mail_id)
            how = await postman.deliver(message, sender=sender, recipient=recipient, tenant=tenant, name=name)
        except NotEver as refused:
            await _give_up(db, call, mail, str(refused))
        except NotNow as refused:
            await _wait(db, call, mail, str(refused))
        else:
            async with db.transaction(call.principal) as tx:
                await outbox.update_tried(tx, mail_id, status=how)
                await tx.publish(MailSent(mail_id=mail_id, purpose=mail.purpose, tries=mail.tries))
            MAILS.labels(how).inc()

    return send


async def _lease(tx: Tx, mail_id: UUID, postman: Postman) -> tuple[Mail, EmailMessage | str, str] | None:
    """The mail as it is to be sent by us alone, or why it cannot be; None when it has left or is not due."""
    mail = await outbox.mail(tx, mail_id, lock=True)
    now = clock.real_now()
    if mail.status != "waiting":
        return None
    if mail.not_before is not None and now < mail.not_before:
        await tx.enqueue(
            outbox.JOB,
            {"mail_id": public_id("eml", mail_id)},
            after=mail.not_before - now,
            dedupe=f"{public_id('eml', mail_id)}:{mail.tries}:then",
        )
        return None
    letter = await outbox.letter_of(tx, mail_id)
    try:
        sender = letters.sender_of(letter, postman.default_sender)
        message_id = mail.message_id or f"<{public_id('eml', mail_id)}@{sender.domain}>"
        message: EmailMessage | str = letters.message_of(
            letter, default_sender=postman.default_sender, message_id=message_id, date=mail.created_at
        )
    except AddressUnusable as wrong:
        message_id, message = mail.message_id or "", str(wrong)
    await outbox.update_trying(tx, mail_id, message_id=message_id, until=now + LEASE)
    tenant = await tx.fetchval("SELECT slug FROM tenants WHERE tenant_id = $1", tx.tenant_id)
    return await outbox.mail(tx, mail_id), message, tenant


async def _wait(db: Database, call: JobCall, mail: Mail, reason: str) -> None:
    if mail.tries > len(PAUSES):
        await _give_up(db, call, mail, reason)
        return
    pause = PAUSES[mail.tries - 1]
    then: datetime = clock.real_now() + pause
    async with db.transaction(call.principal) as tx:
        await outbox.update_tried(tx, mail.id, status="waiting", error=reason[:_LONGEST_ERROR], not_before=then)
        await outbox.call_later(tx, mail.id, tries=mail.tries, after=pause)
    MAILS.labels("put_off").inc()


async def _give_up(db: Database, call: JobCall, mail: Mail, reason: str) -> None:
    async with db.transaction(call.principal) as tx:
        await outbox.update_tried(tx, mail.id, status="failed", error=reason[:_LONGEST_ERROR])
        await tx.publish(MailFailed(mail_id=mail.id, purpose=mail.purpose, tries=mail.tries))
    MAILS.labels("failed").inc()
