"""SQL of what pays orders, of what their prices were made of, and of what goes back."""

from collections.abc import Sequence
from dataclasses import astuple, fields
from uuid import UUID

from asyncpg import Record

from vezne.kernel.db import Tx
from vezne.orders.models import OrderRefund, RefundShare, RefundStatus, Snapshot, Tender


def _tender(row: Record) -> Tender:
    return Tender(**{name: value for name, value in row.items() if name != "tenant_id"})


async def insert_tenders(tx: Tx, tenders: Sequence[Tender]) -> None:
    """The tenders of a new order."""
    columns = [field.name for field in fields(Tender)]
    await tx.copy("order_tenders", ["tenant_id", *columns], [(tx.tenant_id, *astuple(tender)) for tender in tenders])


async def select_tenders(tx: Tx, order_ids: Sequence[UUID]) -> list[Tender]:
    """The tenders of these orders, each order's in their order."""
    rows = await tx.fetch(
        "SELECT * FROM order_tenders WHERE tenant_id = $1 AND order_id = ANY ($2::uuid[]) ORDER BY order_id, number",
        tx.tenant_id,
        order_ids,
    )
    return [_tender(row) for row in rows]


async def update_captured(tx: Tx, tender_id: UUID, *, hold_id: UUID | None, transaction_id: UUID | None) -> None:
    """The tender of a locked order has paid; by which hold and debit, when it is stored value."""
    await tx.execute(
        """UPDATE order_tenders SET status = 'captured', hold_id = $3, transaction_id = $4
           WHERE tenant_id = $1 AND id = $2""",
        tx.tenant_id,
        tender_id,
        hold_id,
        transaction_id,
    )


async def update_released(tx: Tx, order_id: UUID) -> None:
    """What still waits of a locked order's tenders pays nothing."""
    await tx.execute(
        "UPDATE order_tenders SET status = 'released' WHERE tenant_id = $1 AND order_id = $2 AND status = 'waiting'",
        tx.tenant_id,
        order_id,
    )


async def update_tender_refunded(tx: Tx, tender_id: UUID, by_minor: int, units: int) -> None:
    """Add to what a tender of a locked order has got back."""
    await tx.execute(
        """UPDATE order_tenders SET refunded_minor = refunded_minor + $3, refunded_units = refunded_units + $4
           WHERE tenant_id = $1 AND id = $2""",
        tx.tenant_id,
        tender_id,
        by_minor,
        units,
    )


async def insert_snapshots(tx: Tx, snapshots: Sequence[Snapshot]) -> None:
    """What lines' prices are made of, for good."""
    columns = [field.name for field in fields(Snapshot)]
    await tx.copy("order_snapshots", ["tenant_id", *columns], [(tx.tenant_id, *astuple(taken)) for taken in snapshots])


async def select_snapshots(tx: Tx, order_ids: Sequence[UUID]) -> dict[UUID, Snapshot]:
    """The snapshots of these orders' lines, by line."""
    rows = await tx.fetch(
        "SELECT * FROM order_snapshots WHERE tenant_id = $1 AND order_id = ANY ($2::uuid[])", tx.tenant_id, order_ids
    )
    return {row["line_id"]: Snapshot(**{name: value for name, value in row.items() if name != "tenant_id"}) for row in rows}


async def insert_refund(tx: Tx, refund: OrderRefund) -> None:
    """A new refund."""
    await tx.execute(
        """INSERT INTO order_refund_requests (tenant_id, id, order_id, amount_minor, currency, reason, status, created_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8)""",
        tx.tenant_id,
        refund.id,
        refund.order_id,
        refund.amount_minor,
        refund.currency,
        refund.reason,
        refund.status,
        refund.created_at,
    )


def _refund(row: Record) -> OrderRefund:
    return OrderRefund(**{name: value for name, value in row.items() if name != "tenant_id"})


async def select_refund(tx: Tx, refund_id: UUID) -> OrderRefund | None:
    """The refund."""
    row = await tx.fetchrow("SELECT * FROM order_refund_requests WHERE tenant_id = $1 AND id = $2", tx.tenant_id, refund_id)
    return None if row is None else _refund(row)


async def select_refunds(tx: Tx, order_id: UUID) -> list[OrderRefund]:
    """The order's refunds, newest first."""
    rows = await tx.fetch(
        "SELECT * FROM order_refund_requests WHERE tenant_id = $1 AND order_id = $2 ORDER BY id DESC", tx.tenant_id, order_id
    )
    return [_refund(row) for row in rows]


async def update_refund_status(tx: Tx, refund_id: UUID, status: RefundStatus) -> None:
    """What became of a locked order's refund."""
    await tx.execute(
        "UPDATE order_refund_requests SET status = $3 WHERE tenant_id = $1 AND id = $2", tx.tenant_id, refund_id, status
    )


async def insert_share(tx: Tx, order_id: UUID, share: RefundShare, status: RefundStatus) -> None:
    """Which part of a refund came from which line and goes to which tender."""
    await tx.execute(
        """INSERT INTO order_refunds
               (tenant_id, refund_id, line_id, tender_id, order_id, amount_minor, given_minor, seats, status)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)""",
        tx.tenant_id,
        share.refund_id,
        share.line_id,
        share.tender_id,
        order_id,
        share.amount_minor,
        share.given_minor,
        share.seats,
        status,
    )


async def end_shares(tx: Tx, refund_id: UUID, status: RefundStatus) -> list[RefundShare]:
    """The pending shares of a refund whose outcome is known now."""
    rows = await tx.fetch(
        """UPDATE order_refunds SET status = $3 WHERE tenant_id = $1 AND refund_id = $2 AND status = 'pending'
           RETURNING refund_id, line_id, tender_id, amount_minor, given_minor, seats""",
        tx.tenant_id,
        refund_id,
        status,
    )
    return [RefundShare(**row) for row in rows]


async def select_shares(tx: Tx, refund_ids: Sequence[UUID]) -> list[RefundShare]:
    """The shares of these refunds."""
    rows = await tx.fetch(
        """SELECT refund_id, line_id, tender_id, amount_minor, given_minor, seats FROM order_refunds
           WHERE tenant_id = $1 AND refund_id = ANY ($2::uuid[]) ORDER BY refund_id, line_id, tender_id""",
        tx.tenant_id,
        refund_ids,
    )
    return [RefundShare(**row) for row in rows]


async def shares_are_pending(tx: Tx, order_id: UUID) -> bool:
    """Whether any refund of the order has no outcome yet."""
    found: bool = await tx.fetchval(
        "SELECT EXISTS (SELECT FROM order_refunds WHERE tenant_id = $1 AND order_id = $2 AND status = 'pending')",
        tx.tenant_id,
        order_id,
    )
    return found


async def count_shares(tx: Tx, line_id: UUID) -> int:
    """How often something of the line went back, or was tried to."""
    found: int = await tx.fetchval(
        "SELECT count(*) FROM order_refunds WHERE tenant_id = $1 AND line_id = $2", tx.tenant_id, line_id
    )
    return found


async def insert_placed_quote(tx: Tx, quote_id: UUID, order_id: UUID) -> UUID:
    """The order this quote places: `order_id`, or the one it placed before, for whose transaction this waits."""
    made = await tx.execute(
        """INSERT INTO placed_quotes (tenant_id, quote_id, order_id, placed_at) VALUES ($1, $2, $3, $4)
           ON CONFLICT (tenant_id, quote_id) DO NOTHING""",
        tx.tenant_id,
        quote_id,
        order_id,
        tx.now,
    )
    if made:
        return order_id
    first: UUID = await tx.fetchval(
        "SELECT order_id FROM placed_quotes WHERE tenant_id = $1 AND quote_id = $2", tx.tenant_id, quote_id
    )
    return first
