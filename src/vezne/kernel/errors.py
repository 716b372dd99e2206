"""Refusals: what Vezne says when it will not do what was asked.

A refusal is one class: its name gives the code, its docstring the message, its base class the HTTP status.

    class InsufficientFunds(Conflict):
        \"\"\"Wallet {wallet_id} holds {available_minor} {currency}, less than {amount_minor}.\"\"\"

    raise InsufficientFunds(wallet_id="wal_…", available_minor=500, currency="TRY", amount_minor=900)

Anything raised that is not a `Refusal` is a bug and answers 500 without a word of its content.
"""

import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from vezne.kernel.db import Tx

_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


class Refusal(Exception):
    """The request cannot be done."""

    status: ClassVar[int] = 400
    documented_code: ClassVar[str | None] = None
    noted: "Callable[[Tx], Awaitable[None]] | None" = None
    """What is written down all the same: the edge does it in a transaction of its own, once that of the request is undone."""

    def __init__(
        self,
        *,
        loc: tuple[str | int, ...] | None = None,
        retry_after: int | None = None,
        **facts: object,
    ) -> None:
        self.facts = facts
        self.loc = loc
        self.retry_after = retry_after
        self.detail = (type(self).__doc__ or "").strip().format(**facts)
        super().__init__(self.detail)

    @classmethod
    def code(cls) -> str:
        """The machine-readable name: `InsufficientFunds` is `insufficient_funds`."""
        return _WORD.sub("_", cls.__name__).lower()

    def errors(self) -> list[dict[str, object]]:
        """The named fields at fault, in the shape of FastAPI's validation errors."""
        if self.loc is None:
            return []
        return [{"loc": list(self.loc), "msg": self.detail, "type": self.code()}]


class Malformed(Refusal):
    """The request cannot be read."""

    status = 400


class Unauthenticated(Refusal):
    """Who is asking is not known: send a valid API key as a bearer token."""

    status = 401


class Forbidden(Refusal):
    """This key may not do that."""

    status = 403


class NotFound(Refusal):
    """There is no such thing here."""

    status = 404


class Conflict(Refusal):
    """The request does not fit the present state."""

    status = 409


class TooLarge(Refusal):
    """The request is larger than is taken."""

    status = 413


class Invalid(Refusal):
    """A field is not valid."""

    status = 422


class RateLimited(Refusal):
    """Too many requests: wait {retry_after_seconds} s."""

    status = 429


class Unavailable(Refusal):
    """The service cannot answer just now; the same request may be sent again."""

    status = 503
