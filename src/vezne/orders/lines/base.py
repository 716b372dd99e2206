"""What an order line is: something with a price that can be given once it is paid, and taken back when it is refunded.

Money that has come in stands in the ledger's `unapplied` account. To fulfil a line is to move what was paid for it from there
to where it belongs; to undo it is to move it back.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from vezne.kernel.db import Tx
from vezne.kernel.money import Money
from vezne.orders.models import Line


class Details(BaseModel):
    """What is asked for when a line of some kind is ordered; `kind` tells which."""

    model_config = ConfigDict(extra="forbid", strict=True)

    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Priced:
    """What a line costs, what it is called, and what is kept of it."""

    amount: Money
    description: str
    details: Mapping[str, Any]


Asked_contra = TypeVar("Asked_contra", bound=Details, contravariant=True)


class LineKind(Protocol[Asked_contra]):
    """One kind of thing that can be bought; `Asked_contra` is what its orders say."""

    @property
    def name(self) -> str:
        """The kind's name in requests and rows."""
        ...

    @property
    def fulfils_late(self) -> bool:
        """Whether it may still be given when its payment came after the order had ended."""
        ...

    async def price(self, tx: Tx, customer_id: UUID, asked: Asked_contra) -> Priced:
        """What it costs this customer now; refuses what could not be given."""
        ...

    async def fulfil(self, tx: Tx, line: Line, amount: Money, cause: str) -> None:
        """Give what `amount` has paid for, out of `unapplied`, once for each `cause`. Raises a Refusal when it cannot."""
        ...

    async def undo(self, tx: Tx, line: Line, amount: Money, cause: str) -> None:
        """Take back what `amount` had paid for, into `unapplied`, once for each `cause`. Raises a Refusal when it is gone."""
        ...
