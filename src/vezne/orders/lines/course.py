"""A course, sold by the course platform at its own price: the money is the tenant's revenue as soon as it is paid."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from vezne.kernel.db import Tx
from vezne.kernel.errors import Invalid
from vezne.kernel.money import AmountMinor, Currency, Money, currency_is_unit
from vezne.orders.lines.base import Details, Priced, lowered
from vezne.orders.lines.earning import earn
from vezne.orders.models import Line, Seats, Snapshot

KIND = "course"
Text = Annotated[str, StringConstraints(max_length=200)]


class CoursePaidInMoney(Invalid):
    """A course is paid in money; {currency} is a unit of the tenant's own."""


class CourseDetails(Details):
    """A course at the price that the course platform names. It is no member of `AskedLine`: a buyer never names a price."""

    kind: Literal["course"] = "course"
    course_id: Text | None = Field(None, description="the platform's own name of the course")
    description: Text = ""
    amount_minor: AmountMinor
    currency: Currency


class Course:
    """Fulfilled by moving the money from `unapplied` to `revenue`, undone by moving it back."""

    name = KIND
    is_scarce = False

    async def price(self, _tx: Tx, _customer_id: UUID, asked: CourseDetails, _currency: str) -> Priced:
        """What the platform says. Raises CoursePaidInMoney."""
        if currency_is_unit(asked.currency):
            raise CoursePaidInMoney(loc=("body", "currency"), currency=asked.currency)
        return Priced(
            amount=Money(asked.amount_minor, asked.currency),
            description=asked.description or asked.course_id or "Course",
            details={"course_id": asked.course_id},
        )

    async def discounted(self, _tx: Tx, priced: Priced, discount: Money, _trial_days: int) -> Priced:
        """Its price is made of nothing but itself."""
        return lowered(priced, discount)

    async def hold(self, _tx: Tx, _line: Line, _customer_id: UUID, _until: datetime) -> Mapping[str, Any]:
        """A course has room for everybody."""
        return {}

    async def extend(self, _tx: Tx, _line: Line, _until: datetime) -> None:
        """Nothing is kept."""

    async def release(self, _tx: Tx, _line: Line) -> None:
        """Nothing is kept."""

    def snapshot(self, _line: Line, _taken_at: datetime) -> Snapshot | None:
        """Nobody has a share in it."""
        return None

    async def fulfil(self, tx: Tx, line: Line, amount: Money, cause: str) -> None:
        """The money is earned. Again with the same cause: it was."""
        await earn(tx, "course.paid", [(line, amount, cause)])

    async def undo(self, tx: Tx, line: Line, amount: Money, cause: str, _seats: Seats) -> None:
        """The money is to go back. Again with the same cause: it was moved."""
        await earn(tx, "course.refunded", [(line, -amount, cause)])
