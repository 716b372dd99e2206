"""SQL of watching: what many wallets hold, in one short question."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from asyncpg import Connection, Record
from asyncpg.pool import PoolConnectionProxy

from vezne.wallets.models import Sight

WatchedWallet = tuple[int, UUID]
"""A wallet that somebody watches, with its tenant."""


async def select_sights(
    connection: "Connection[Record] | PoolConnectionProxy[Record]", watched: Iterable[WatchedWallet], now: datetime
) -> dict[WatchedWallet, Sight]:
    """What these wallets hold, at `now` or where their tenant's clock is held. It stands above tenants, and writes nothing."""
    wanted = list(watched)
    rows = await connection.fetch(
        """SELECT wallets.tenant_id, wallets.id, wallets.currency, accounts.balance, accounts.held, accounts.sequence,
                  coalesce(clocks.held_at, $3) AS at, coalesce((
                      SELECT sum(remaining_minor - held_minor) FROM lots
                      WHERE lots.tenant_id = wallets.tenant_id AND lots.wallet_id = wallets.id AND remaining_minor > 0
                        AND expires_at <= coalesce(clocks.held_at, $3)), 0)::bigint AS lapsed
           FROM unnest($1::bigint[], $2::uuid[]) AS wanted (tenant_id, wallet_id)
           JOIN wallets ON wallets.tenant_id = wanted.tenant_id AND wallets.id = wanted.wallet_id
           JOIN accounts ON accounts.tenant_id = wallets.tenant_id AND accounts.number = wallets.account
           LEFT JOIN clocks ON clocks.tenant_id = wallets.tenant_id""",
        [tenant_id for tenant_id, _ in wanted],
        [wallet_id for _, wallet_id in wanted],
        now,
    )
    return {(row["tenant_id"], row["id"]): _sight(row) for row in rows}


def _sight(row: Record) -> Sight:
    return Sight(
        wallet_id=row["id"],
        balance_minor=row["balance"],
        available_minor=row["balance"] - row["held"] - row["lapsed"],
        held_minor=row["held"],
        currency=row["currency"],
        version=row["sequence"],
        at=row["at"],
    )
