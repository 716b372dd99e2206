"""SQL of the lots that credits have granted."""

from collections.abc import Sequence
from uuid import UUID

from vezne.kernel.db import Tx
from vezne.wallets.models import Lot


async def select_granted(tx: Tx, entry_ids: Sequence[UUID]) -> list[Lot]:
    """The lots that these entries filled first, in the order of granting."""
    rows = await tx.fetch(
        """SELECT lots.id, lots.wallet_id, lots.type, lots.origin, lots.amount_minor, lots.remaining_minor, lots.held_minor,
                  lots.granted_at, lots.expires_at
           FROM lots
           WHERE lots.tenant_id = $1 AND lots.id IN (
               SELECT lot_moves.lot_id FROM lot_moves
               WHERE lot_moves.tenant_id = $1 AND lot_moves.entry_id = ANY ($2::uuid[]) AND lot_moves.delta_minor > 0)
           ORDER BY lots.granted_at, lots.id""",
        tx.tenant_id,
        entry_ids,
    )
    return [Lot(**row) for row in rows]
