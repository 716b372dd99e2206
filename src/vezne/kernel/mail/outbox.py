"""The outbox: letters waiting, sent, failed or kept as files, per tenant."""

from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import datetime, timedelta
from uuid import UUID

from asyncpg import Record

from vezne.kernel.db import Tx
from vezne.kernel.errors import Conflict, NotFound
from vezne.kernel.ids import new_id, public_id
from vezne.kernel.mail import letters
from vezne.kernel.mail.letters import Letter, Mail, Status

JOB = "mail.send"
_COLUMNS = tuple(each.name for each in fields(Mail))


class MailUnknown(NotFound):
    """There is no mail {mail_id}."""


class MailWaiting(Conflict):
    """Mail {mail_id} is still to be sent."""


async def post(tx: Tx, letter: Letter) -> UUID | None:
    """Put a letter into the outbox, to be sent once this transaction has committed; None when its `dedupe` is there already."""
    posted = await post_all(tx, [letter])
    return posted[0] if posted else None


async def post_all(tx: Tx, posted: Sequence[Letter]) -> list[UUID]:
    """Many letters at once; the ids of those that were not there already."""
    rows = await tx.fetch(
        """INSERT INTO mails (tenant_id, id, recipient, subject, purpose, about, dedupe, status, body, created_at)
           SELECT $1, letter.id, letter.recipient, letter.subject, letter.purpose, letter.about, letter.dedupe, 'waiting',
                  letter.body, $2
           FROM unnest($3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::bytea[])
                AS letter (id, recipient, subject, purpose, about, dedupe, body)
           ON CONFLICT (tenant_id, dedupe) DO NOTHING RETURNING id""",
        tx.tenant_id,
        tx.now,
        [new_id() for _ in posted],
        [letter.to for letter in posted],
        [letters.one_line(letter.subject) for letter in posted],
        [letter.purpose for letter in posted],
        [letter.about for letter in posted],
        [letter.dedupe for letter in posted],
        [letters.seal(tx.vault, letter) for letter in posted],
    )
    for row in rows:
        await call_later(tx, row["id"])
    return [row["id"] for row in rows]


async def is_posted(tx: Tx, dedupe: str) -> bool:
    """Whether a letter with this `dedupe` is there."""
    found: bool = await tx.fetchval(
        "SELECT EXISTS (SELECT FROM mails WHERE tenant_id = $1 AND dedupe = $2)", tx.tenant_id, dedupe
    )
    return found


async def call_later(tx: Tx, mail_id: UUID, *, tries: int = 0, after: timedelta = timedelta()) -> None:
    """Have the mail sent once this transaction has committed and `after` has passed."""
    public = public_id("eml", mail_id)
    await tx.enqueue(JOB, {"mail_id": public}, after=after, dedupe=f"{public}:{tries}")


async def mail(tx: Tx, mail_id: UUID, *, lock: bool = False) -> Mail:
    """One mail. Raises MailUnknown."""
    return (await _row(tx, mail_id, lock=lock))[0]


async def letter_of(tx: Tx, mail_id: UUID) -> Letter:
    """What a mail says. Raises MailUnknown."""
    return letters.unseal(tx.vault, (await _row(tx, mail_id))[1])


async def _row(tx: Tx, mail_id: UUID, *, lock: bool = False) -> tuple[Mail, bytes]:
    row = (
        await tx.fetchrow("SELECT * FROM mails WHERE tenant_id = $1 AND id = $2 FOR UPDATE", tx.tenant_id, mail_id)
        if lock
        else await tx.fetchrow("SELECT * FROM mails WHERE tenant_id = $1 AND id = $2", tx.tenant_id, mail_id)
    )
    if row is None:
        raise MailUnknown(mail_id=public_id("eml", mail_id))
    return _mail(row), row["body"]


async def mails(
    tx: Tx,
    *,
    limit: int,
    before: UUID | None = None,
    status: Status | None = None,
    recipient: str | None = None,
    about: str | None = None,
) -> list[Mail]:
    """Mails, newest first."""
    rows = await tx.fetch(
        """SELECT id, recipient, subject, purpose, about, status, tries, last_error, message_id, not_before, created_at, sent_at
           FROM mails WHERE tenant_id = $1 AND ($2::uuid IS NULL OR id < $2) AND ($3::text IS NULL OR status = $3)
                        AND ($4::text IS NULL OR recipient = $4) AND ($5::text IS NULL OR about = $5)
           ORDER BY id DESC LIMIT $6""",
        tx.tenant_id,
        before,
        status,
        recipient,
        about,
        limit,
    )
    return [_mail(row) for row in rows]


async def send_again(tx: Tx, mail_id: UUID) -> Mail:
    """Post the same letter anew, as a message of its own. Raises MailUnknown, MailWaiting."""
    found, body = await _row(tx, mail_id, lock=True)
    if found.status == "waiting":
        raise MailWaiting(mail_id=public_id("eml", mail_id))
    letter = letters.unseal(tx.vault, body)
    again = await post(tx, replace(letter, dedupe=None))
    if again is None:
        raise RuntimeError("a letter without dedupe was there already")
    return await mail(tx, again)


async def update_trying(tx: Tx, mail_id: UUID, *, message_id: str, until: datetime) -> None:
    """The mail is being sent, by nobody else until then; its Message-ID stays what it was at the first try."""
    await tx.execute(
        """UPDATE mails SET tries = tries + 1, not_before = $3, message_id = coalesce(message_id, $4)
           WHERE tenant_id = $1 AND id = $2""",
        tx.tenant_id,
        mail_id,
        until,
        message_id,
    )


async def update_tried(
    tx: Tx, mail_id: UUID, *, status: Status, error: str | None = None, not_before: datetime | None = None
) -> None:
    """What became of a try."""
    await tx.execute(
        """UPDATE mails SET status = $3, last_error = $4, not_before = $5, sent_at = $6
           WHERE tenant_id = $1 AND id = $2 AND status = 'waiting'""",
        tx.tenant_id,
        mail_id,
        status,
        error,
        not_before,
        tx.now if status in {"sent", "kept"} else None,
    )


def _mail(row: Record) -> Mail:
    return Mail(**{name: row[name] for name in _COLUMNS})
