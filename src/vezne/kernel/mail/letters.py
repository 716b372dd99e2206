"""Letters: what is said to whom, how it is kept, and the message it becomes.

What people typed may stand in a name or a subject: line breaks and other control characters are taken out of every header.
"""

import unicodedata
import zlib
from dataclasses import dataclass, replace
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, getaddresses
from typing import Literal
from uuid import UUID

import msgspec

from vezne.kernel.vault import Vault

Status = Literal["waiting", "sent", "failed", "kept"]
LONGEST_HEADER = 200
_JOINED = "\u200d"  # joins emoji; the other invisible format characters turn text around or hide it


class AddressUnusable(ValueError):
    """Mail cannot be sent to, or from, this address."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that comes with a letter."""

    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A letter to one person. `dedupe`: of letters with the same text here only the first is posted."""

    to: str
    subject: str
    text: str
    html: str = ""
    to_name: str = ""
    sender: str = ""
    """`Name <address>` or an address; empty: the deployment's address under `sender_name`."""
    sender_name: str = ""
    language: str = "en"
    purpose: str
    about: str = ""
    """The public id of what it is about."""
    dedupe: str | None = None
    attachments: tuple[Attachment, ...] = ()

    def with_files(self, *files: Attachment) -> "Letter":
        """The same letter with these files."""
        return replace(self, attachments=(*self.attachments, *files))


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """A letter in the outbox, without its body."""

    id: UUID
    recipient: str
    subject: str
    purpose: str
    about: str
    status: Status
    tries: int
    last_error: str | None
    message_id: str | None
    not_before: datetime | None
    created_at: datetime
    sent_at: datetime | None


def one_line(text: str) -> str:
    """Text fit for a header: no control or hidden character, on one line, not too long."""
    kept = "".join(each if unicodedata.category(each)[0] != "C" or each == _JOINED else " " for each in text)
    return " ".join(kept.replace("=?", "= ?").split())[:LONGEST_HEADER].strip()  # "=?" would begin an encoded word


def seal(vault: Vault, letter: Letter) -> bytes:
    """The letter, unreadable at rest, and packed: a receipt with its PDF is a third of its size."""
    return vault.seal(zlib.compress(msgspec.msgpack.encode(letter)))


def unseal(vault: Vault, body: bytes) -> Letter:
    """The letter that was sealed. Raises SealBroken."""
    return msgspec.msgpack.decode(zlib.decompress(vault.open(body)), type=Letter)


def sender_named(sender: str) -> Address:
    """The address in `Name <address>`, or in an address alone. Raises AddressUnusable."""
    named = getaddresses([one_line(sender)])
    if len(named) != 1:
        raise AddressUnusable(f"{sender[:100]!r} is not one address")
    return address(*named[0])


def address(name: str, given: str) -> Address:
    """An address for a header; its domain in the letters that every server takes. Raises AddressUnusable."""
    local, _, domain = given.rpartition("@")
    if not local or not domain or any(sign in local + domain for sign in '@<>()[],;:\\" \t\r\n'):
        raise AddressUnusable(f"{given[:100]!r} is no address")
    try:
        plain = domain if domain.isascii() else domain.encode("idna").decode("ascii")
        return Address(display_name=one_line(name), username=local, domain=plain)
    except (ValueError, IndexError) as wrong:
        raise AddressUnusable(f"{given[:100]!r} is no address") from wrong


def message_of(letter: Letter, *, default_sender: str, message_id: str, date: datetime) -> EmailMessage:
    """The message as it is sent: plain text, HTML beside it, attachments. Raises AddressUnusable."""
    message = EmailMessage(SMTP)
    message["From"] = sender_of(letter, default_sender)
    message["To"] = address(letter.to_name, letter.to)
    message["Subject"] = one_line(letter.subject)
    message["Date"] = format_datetime(date)
    message["Message-ID"] = message_id
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: out-of-office programs do not answer
    message["Content-Language"] = letter.language
    message.set_content(letter.text)
    if letter.html:
        message.add_alternative(letter.html, subtype="html")
    for attachment in letter.attachments:
        main, _, sub = attachment.media_type.partition("/")
        message.add_attachment(attachment.content, maintype=main, subtype=sub, filename=one_line(attachment.name))
    return message


def sender_of(letter: Letter, default_sender: str) -> Address:
    """Who the letter is from: its own sender, else the deployment's address under the letter's name. Raises AddressUnusable."""
    if letter.sender:
        return sender_named(letter.sender)
    default = sender_named(default_sender)
    return address(letter.sender_name or default.display_name, default.addr_spec)
