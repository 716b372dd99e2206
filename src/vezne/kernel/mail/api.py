"""Mail over HTTP: what was sent to whom, what it said, and sending it again."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel, Field

from vezne.kernel.http import TxDep, refusals, requires, router
from vezne.kernel.ids import PublicId
from vezne.kernel.mail import outbox
from vezne.kernel.mail.letters import Letter, Mail, Status
from vezne.kernel.mail.outbox import MailUnknown, MailWaiting
from vezne.kernel.paging import CursorUnknown, Page, PageParams, by_id, page_of

api = router("/v1/mails", "Mail")

MailId = Annotated[UUID, PublicId("eml")]


class MailFilter(PageParams):
    """Which mail is asked for."""

    status: Status | None = None
    to: str | None = Field(None, max_length=320, description="the address, exactly")
    about: str | None = Field(None, max_length=100, description="the public id of what it is about: an order, a membership")


class MailOut(BaseModel):
    """A letter in the outbox."""

    id: MailId
    to: str
    subject: str
    purpose: str
    about: str | None
    status: Status = Field(description="waiting, sent, failed, or kept: a file in the data folder, where no mail server is set")
    tries: int
    last_error: str | None
    not_before: datetime | None = Field(description="when it is tried again")
    created_at: datetime
    sent_at: datetime | None


class AttachmentOut(BaseModel):
    """A file that came with it."""

    name: str
    media_type: str
    size: int


class MailDetailOut(MailOut):
    """A letter and what it says."""

    text: str
    html: str
    attachments: list[AttachmentOut]


@api.get("", dependencies=[requires("mail.read")], responses=refusals(CursorUnknown))
async def list_mails(tx: TxDep, asked: Annotated[MailFilter, Query()]) -> Page[MailOut]:
    """Mail, newest first."""
    found = await outbox.mails(
        tx, limit=asked.limit + 1, before=asked.id_of("eml"), status=asked.status, recipient=asked.to, about=asked.about
    )
    return page_of(found, asked, _shown, by_id("eml"))


@api.get("/{mail_id}", dependencies=[requires("mail.read")], responses=refusals(MailUnknown))
async def get_mail(tx: TxDep, mail_id: MailId) -> MailDetailOut:
    """One mail, and what it says."""
    return _detailed(await outbox.mail(tx, mail_id), await outbox.letter_of(tx, mail_id))


@api.post(
    "/{mail_id}/resends", status_code=201, dependencies=[requires("mail.write")], responses=refusals(MailUnknown, MailWaiting)
)
async def post_resend(tx: TxDep, mail_id: MailId) -> MailOut:
    """Send the same letter again, as a mail of its own: after one that failed, or to somebody who has lost it."""
    return _shown(await outbox.send_again(tx, mail_id))


def _shown(mail: Mail) -> MailOut:
    return MailOut(
        id=mail.id,
        to=mail.recipient,
        subject=mail.subject,
        purpose=mail.purpose,
        about=mail.about or None,
        status=mail.status,
        tries=mail.tries,
        last_error=mail.last_error,
        not_before=mail.not_before if mail.status == "waiting" else None,
        created_at=mail.created_at,
        sent_at=mail.sent_at,
    )


def _detailed(mail: Mail, letter: Letter) -> MailDetailOut:
    files = [AttachmentOut(name=each.name, media_type=each.media_type, size=len(each.content)) for each in letter.attachments]
    return MailDetailOut(**_shown(mail).model_dump(), text=letter.text, html=letter.html, attachments=files)
