"""Looking at settlements and payouts. Who acts for one payee sees that payee's only."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from vezne.kernel.db import Tx
from vezne.kernel.ids import public_id
from vezne.settlements.models import Move, Payout, PayoutItem, PayoutStatus, Settlement, SettlementStatus
from vezne.settlements.operations.paying_out import demand_seen
from vezne.settlements.queries import payouts as payout_queries
from vezne.settlements.queries import settlements as queries
from vezne.settlements.refusals import SettlementMissing


@dataclass(frozen=True, slots=True)
class SettlementSeen:
    """A settlement and where it stands."""

    settlement: Settlement
    status: SettlementStatus


async def settlements_page(
    tx: Tx,
    *,
    payee_id: UUID | None = None,
    order_id: UUID | None = None,
    currency: str | None = None,
    status: SettlementStatus | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    before: UUID | None = None,
    limit: int = 20,
) -> list[SettlementSeen]:
    """Settlements, newest first, made from `since` to before `until`."""
    only = tx.principal.payee_id
    if only is not None and payee_id not in {None, only}:
        return []
    rows = await queries.select_page(
        tx,
        payee_id=only or payee_id,
        order_id=order_id,
        currency=currency,
        status=status,
        since=since,
        until=until,
        before=before,
        limit=limit,
    )
    return [SettlementSeen(found, SettlementStatus(stands)) for found, stands in rows]


async def settlement(tx: Tx, settlement_id: UUID) -> tuple[SettlementSeen, list[Move]]:
    """One settlement with all that was done to it. Raises SettlementMissing."""
    row = await queries.select_one(tx, settlement_id)
    if row is None or tx.principal.payee_id not in {None, row[0].payee_id}:
        raise SettlementMissing(settlement_id=public_id("stl", settlement_id))
    return SettlementSeen(row[0], SettlementStatus(row[1])), await queries.select_moves(tx, [settlement_id])


async def payouts(
    tx: Tx,
    *,
    payee_id: UUID | None = None,
    currency: str | None = None,
    status: PayoutStatus | None = None,
    before: UUID | None = None,
    limit: int = 20,
) -> list[Payout]:
    """Payouts, newest first."""
    only = tx.principal.payee_id
    if only is not None and payee_id not in {None, only}:
        return []
    return await payout_queries.select_page(
        tx, payee_id=only or payee_id, currency=currency, status=status, before=before, limit=limit
    )


async def payout(tx: Tx, payout_id: UUID) -> Payout:
    """One payout. Raises PayoutMissing."""
    return demand_seen(tx, await payout_queries.select_payout(tx, payout_id), payout_id)


async def payout_items(tx: Tx, payout_id: UUID) -> list[PayoutItem]:
    """What a payout pays, by settlement. Raises PayoutMissing."""
    return await payout_queries.select_items(tx, [(await payout(tx, payout_id)).id])
