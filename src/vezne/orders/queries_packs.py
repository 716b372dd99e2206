"""SQL of what lines of packs have granted."""

from dataclasses import dataclass
from uuid import UUID

from vezne.kernel.db import Tx


@dataclass(frozen=True, slots=True)
class PackGrant:
    """The credit to a wallet that a line has granted for one cause."""

    line_id: UUID
    cause: str
    transaction_id: UUID
    units: int


async def insert_grant(tx: Tx, grant: PackGrant) -> None:
    """Write a grant. Again for the same cause: it is there."""
    await tx.execute(
        """INSERT INTO pack_grants (tenant_id, line_id, cause, transaction_id, units) VALUES ($1, $2, $3, $4, $5)
           ON CONFLICT (tenant_id, line_id, cause) DO NOTHING""",
        tx.tenant_id,
        grant.line_id,
        grant.cause,
        grant.transaction_id,
        grant.units,
    )


async def select_grants(tx: Tx, line_id: UUID) -> list[PackGrant]:
    """What a line has granted, the newest first."""
    rows = await tx.fetch(
        """SELECT line_id, cause, transaction_id, units FROM pack_grants
           WHERE tenant_id = $1 AND line_id = $2 ORDER BY transaction_id DESC""",
        tx.tenant_id,
        line_id,
    )
    return [PackGrant(*row) for row in rows]


async def select_wrong_grants(tx: Tx) -> list[tuple[UUID, str]]:
    """Lines of packs whose grants, less what was taken back, are not what the money they hold stands for."""
    rows = await tx.fetch(
        """SELECT line.order_id, line.number, coalesce(sum(granted.units - granted.revoked), 0)::bigint AS stands,
                  div((line.details ->> 'granted_units')::numeric * line.applied_minor, line.amount_minor)::bigint AS expected
           FROM order_lines AS line
           LEFT JOIN (
               SELECT pack_grants.line_id, pack_grants.units, coalesce((
                          SELECT sum(amount_minor) FROM wallet_reversals
                          WHERE tenant_id = $1 AND reversed_entry_id = pack_grants.transaction_id
                            AND starts_with(cause, 'pack:')), 0) AS revoked
               FROM pack_grants WHERE pack_grants.tenant_id = $1
           ) AS granted ON granted.line_id = line.id
           WHERE line.tenant_id = $1 AND line.kind = 'credit_pack' AND line.amount_minor > 0
           GROUP BY line.id, line.order_id, line.number, line.details, line.applied_minor, line.amount_minor
           HAVING coalesce(sum(granted.units - granted.revoked), 0)
                  <> div((line.details ->> 'granted_units')::numeric * line.applied_minor, line.amount_minor)
           ORDER BY line.order_id LIMIT 100""",
        tx.tenant_id,
    )
    return [
        (row["order_id"], f"line {row['number']} stands at {row['stands']} units, its money at {row['expected']}") for row in rows
    ]
