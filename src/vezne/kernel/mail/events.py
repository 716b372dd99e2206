"""What became of mail. Neither address nor content is told."""

from dataclasses import dataclass
from uuid import UUID

from vezne.kernel.events import Event


@dataclass(frozen=True, kw_only=True, slots=True)
class MailSent(Event):
    """The mail server took a letter; `tries` counts how often it was asked."""

    mail_id: UUID
    purpose: str
    tries: int


@dataclass(frozen=True, kw_only=True, slots=True)
class MailFailed(Event):
    """A letter was given up: the server refused it for good, or was not there for days."""

    mail_id: UUID
    purpose: str
    tries: int
