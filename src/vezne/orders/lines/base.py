"""What an order line is: something with a price that can be given once it is paid, and taken back when it is refunded.

Money that has come in stands in the ledger's `unapplied` account. To fulfil a line is to move what was paid for it from there
to where it belongs; to undo it is to move it back.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from vezne.kernel.db import Tx
from vezne.kernel.money import Money
from vezne.orders.models import Line, Seats, Snapshot


class Details(BaseModel):
    """What is asked for when a line of some kind is ordered; `kind` tells which."""

    model_config = ConfigDict(extra="forbid", strict=True)

    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Priced:
    """What a line costs, what it is called, and what is kept of it.

    `accepts`: the kinds of stored value that may pay it (`money`, `gift_card`, `credits`, `coins`). `life`: how long it can be
    kept for an order that is not paid; None: as long as the order is open. `discount_minor`: what promo codes took off its price,
    which they do not where it is not `discountable`: what gives its own price's worth of money. `recurs`: it is to be paid again
    later, so the provider is asked to keep what it is paid with.
    """

    amount: Money
    description: str
    details: Mapping[str, Any]
    quantity: int = 1
    payee_id: UUID | None = None
    accepts: tuple[str, ...] = field(default=())
    life: timedelta | None = None
    discountable: bool = True
    discount_minor: int = 0
    recurs: bool = False

    @property
    def price(self) -> Money:
        """What promo codes may take off: the price without them, and without a fee that the buyer bears."""
        charge = self.details.get("charge")
        minor = self.amount.minor + self.discount_minor if charge is None else charge["base_minor"]
        return Money(minor, self.amount.currency)


def lowered(priced: Priced, discount: Money) -> Priced:
    """The same for less, where a price is made of nothing but itself; both are kept beside each other in its details."""
    details = {**priced.details, "price_minor": priced.amount.minor, "discount_minor": discount.minor}
    return replace(priced, amount=priced.amount - discount, discount_minor=discount.minor, details=details)


Asked_contra = TypeVar("Asked_contra", bound=Details, contravariant=True)


class LineKind(Protocol[Asked_contra]):
    """One kind of thing that can be bought; `Asked_contra` is what its orders say."""

    @property
    def name(self) -> str:
        """The kind's name in requests and rows."""
        ...

    @property
    def is_scarce(self) -> bool:
        """Whether it may be gone by the time its money comes; then the money goes back, rather than wait for it."""
        ...

    async def price(self, tx: Tx, customer_id: UUID, asked: Asked_contra, currency: str, /) -> Priced:
        """What it costs this customer now, in `currency` where it has several prices; refuses what could not be given."""
        ...

    async def discounted(self, tx: Tx, priced: Priced, discount: Money, trial_days: int, /) -> Priced:
        """The same with `discount` taken off by promo codes, and (of a membership) free for `trial_days` at first."""
        ...

    async def hold(self, tx: Tx, line: Line, customer_id: UUID, until: datetime, /) -> Mapping[str, Any]:
        """Keep it for this customer until then; what is to be added to the line's details."""
        ...

    async def extend(self, tx: Tx, line: Line, until: datetime, /) -> None:
        """Keep it longer, because it is being paid. What is no longer kept is kept no longer."""
        ...

    async def release(self, tx: Tx, line: Line, /) -> None:
        """Keep it no longer; once given, it stays given. Again: nothing."""
        ...

    def snapshot(self, line: Line, taken_at: datetime, /) -> Snapshot | None:
        """What the line's price is made of; None where it is made of nothing but itself."""
        ...

    async def fulfil(self, tx: Tx, line: Line, amount: Money, cause: str, /) -> None:
        """Give what `amount` (zero: it is free) has paid for, out of `unapplied`, once for each `cause`.

        Raises a Refusal when it cannot.
        """
        ...

    async def undo(self, tx: Tx, line: Line, amount: Money, cause: str, seats: Seats, /) -> None:
        """Take back what `amount` had paid for, into `unapplied`, and these seats, once for each `cause`.

        Raises a Refusal when it is gone.
        """
        ...
