"""How a message leaves: by SMTP, or as a file in the data folder where no mail server is set."""

import ipaddress
import ssl
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Literal, Self
from urllib.parse import unquote, urlsplit

import aiosmtplib
from aiosmtplib import errors

from vezne.kernel.settings import Settings

TIMEOUT_SECONDS = 30
"""Of each step of the talk with the server."""
_PORTS = {"smtp": 25, "smtps": 465}
_SUBMISSION = 587
_PERMANENT = 500


class ServerUrlWrong(ValueError):
    """VEZNE_SMTP_URL is smtp://user:password@host:587 or smtps://…; user, password and port may be left out."""


class NotNow(Exception):
    """The message was not taken, and may be later."""


class NotEver(Exception):
    """The message was refused for good."""


@dataclass(frozen=True, slots=True)
class Server:
    """The deployment's mail server. `smtps` speaks TLS from the first byte; `smtp` turns to it where the server offers it."""

    host: str
    port: int
    tls: bool
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    context: ssl.SSLContext | None = field(default=None, repr=False)
    """Whom to trust; None: the machine's authorities."""

    @classmethod
    def read(cls, url: str) -> Self:
        """The server that a URL names. Raises ServerUrlWrong."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            raise ServerUrlWrong(ServerUrlWrong.__doc__) from None
        user, password = parts.username, parts.password
        if (
            parts.scheme not in _PORTS
            or not host
            or parts.path not in {"", "/"}
            or parts.query
            or (user is None) != (password is None)
        ):
            raise ServerUrlWrong(ServerUrlWrong.__doc__)
        usual = _SUBMISSION if parts.scheme == "smtp" and user else _PORTS[parts.scheme]
        return cls(
            host,
            usual if port is None else port,
            parts.scheme == "smtps",
            None if user is None else unquote(user),
            None if password is None else unquote(password),
        )

    @property
    def on_this_machine(self) -> bool:
        """Whether nobody stands between."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


@dataclass(frozen=True, slots=True)
class Postman:
    """Takes messages to the server, or into `folder`."""

    server: Server | None
    folder: Path
    default_sender: str

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """As the deployment says. Raises ServerUrlWrong."""
        url = None if settings.smtp_url is None else settings.smtp_url.get_secret_value()
        return cls(None if not url else Server.read(url), settings.data_dir / "mail", settings.mail_from)

    async def deliver(
        self, message: EmailMessage, *, sender: str, recipient: str, tenant: str, name: str
    ) -> Literal["sent", "kept"]:
        """Hand the message over. Raises NotNow, NotEver."""
        if self.server is None:
            self._keep(message, tenant, name)
            return "kept"
        try:
            await self._send(self.server, message, sender, recipient)
        except errors.SMTPRecipientsRefused as refused:
            first = refused.recipients[0]
            raise _judged(first.code, first.message) from refused
        except (errors.SMTPAuthenticationError, errors.SMTPConnectResponseError) as refused:
            raise NotNow(f"{refused.code} {refused.message}") from refused  # our own account or the server: not this message
        except errors.SMTPResponseException as refused:
            raise _judged(refused.code, refused.message) from refused
        except (errors.SMTPNotSupported, UnicodeError) as refused:
            raise NotEver(str(refused)) from refused
        except (errors.SMTPException, OSError, TimeoutError) as away:
            raise NotNow(str(away) or type(away).__name__) from away
        return "sent"

    async def _send(self, server: Server, message: EmailMessage, sender: str, recipient: str) -> None:
        client = aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            use_tls=server.tls,
            start_tls=False,
            tls_context=server.context,
            timeout=TIMEOUT_SECONDS,
        )
        async with client:
            await client.ehlo()
            if not server.tls and client.supports_extension("starttls"):
                await client.starttls(tls_context=server.context)
            elif not server.tls and server.user and not server.on_this_machine:
                raise errors.SMTPException("the server offers no TLS: the password is not sent in the clear")
            if server.user and server.password is not None:
                await client.login(server.user, server.password)
            await client.send_message(message, sender=sender, recipients=[recipient])

    def _keep(self, message: EmailMessage, tenant: str, name: str) -> None:
        """A file that any mail program opens; there whole, or not there."""
        folder = self.folder / tenant
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        partial = folder / f".{name}.part"
        partial.write_bytes(message.as_bytes())
        partial.rename(folder / f"{name}.eml")


def _judged(code: int, said: str) -> NotNow | NotEver:
    """RFC 5321: 4xx is for now, 5xx for good."""
    text = f"{code} {said}"
    return NotEver(text) if code >= _PERMANENT else NotNow(text)
