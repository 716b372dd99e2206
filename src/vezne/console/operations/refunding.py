"""What a refund would do, before it is done: the real refund, in a part of the transaction that is undone."""

from dataclasses import dataclass
from uuid import UUID

from vezne import orders
from vezne.kernel.db import Tx
from vezne.kernel.money import Money


@dataclass(frozen=True, slots=True)
class Share:
    """What goes back to one tender."""

    tender: orders.Tender
    amount: Money


@dataclass(frozen=True, slots=True)
class Preview:
    """What a refund would give back, to which tenders, and how many seats come free."""

    amount: Money
    shares: list[Share]
    seats: int


class _OnlyTriedError(Exception):
    """The refund was tried, told what it would do, and is to be undone."""

    def __init__(self, preview: Preview) -> None:
        self.preview = preview
        super().__init__()


async def preview(
    tx: Tx, order_id: UUID, amount_minor: int | None = None, lines: tuple[orders.AskedLineRefund, ...] = ()
) -> Preview:
    """What this refund would come to; nothing is kept. Raises what `orders.refund` refuses with."""
    try:
        async with tx.savepoint():
            made = await orders.refund(tx, order_id, amount_minor, lines=lines)
            raise _OnlyTriedError(await _told(tx, made))  # noqa: TRY301 - raising is what undoes the part
    except _OnlyTriedError as tried:
        return tried.preview


async def _told(tx: Tx, made: orders.OrderRefund) -> Preview:
    _, shares = await orders.refunds_of(tx, made.order_id)
    mine = [share for share in shares if share.refund_id == made.id]
    tenders = {tender.id: tender for tender in await orders.tenders_of(tx, [made.order_id])}
    sums: dict[UUID, int] = {}
    seats: dict[UUID, int] = {}
    for share in mine:
        sums[share.tender_id] = sums.get(share.tender_id, 0) + share.amount_minor
        seats[share.line_id] = max(seats.get(share.line_id, 0), share.seats)
    parts = [Share(tenders[tender_id], Money(amount, made.currency)) for tender_id, amount in sums.items()]
    return Preview(Money(made.amount_minor, made.currency), parts, sum(seats.values()))
