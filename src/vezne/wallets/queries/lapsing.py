"""SQL of lots whose time is over."""

from collections.abc import Sequence
from uuid import UUID

from vezne.kernel.db import Tx
from vezne.wallets.models import Lot


async def select_lapsed(tx: Tx, limit: int) -> list[tuple[UUID, UUID]]:
    """Lots in which something lapsed that no hold reserves, each with its wallet, an open one; those that lapsed first first."""
    rows = await tx.fetch(
        """SELECT lots.id, lots.wallet_id FROM lots
           JOIN wallets ON wallets.tenant_id = lots.tenant_id AND wallets.id = lots.wallet_id
           WHERE lots.tenant_id = $1 AND lots.expires_at <= $2 AND lots.remaining_minor > lots.held_minor
             AND lots.remaining_minor > 0 AND wallets.status = 'open'
           ORDER BY lots.expires_at LIMIT $3""",
        tx.tenant_id,
        tx.now,
        limit,
    )
    return [(row["id"], row["wallet_id"]) for row in rows]


async def select_lots_now(tx: Tx, lot_ids: Sequence[UUID]) -> list[Lot]:
    """These lots as they are, in the order of their ids. The caller has locked their wallets' accounts."""
    rows = await tx.fetch(
        """SELECT id, wallet_id, type, origin, amount_minor, remaining_minor, held_minor, granted_at, expires_at FROM lots
           WHERE tenant_id = $1 AND id = ANY ($2::uuid[]) ORDER BY id""",
        tx.tenant_id,
        lot_ids,
    )
    return [Lot(*row) for row in rows]
