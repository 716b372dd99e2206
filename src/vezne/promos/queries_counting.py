"""SQL that takes and gives up uses. Promotions are locked first, by id, then codes by id, then identities.

Where there is a limit, the row counts and is locked; where there is none it is only held still, and many do that at once.
"""

from collections.abc import Sequence
from typing import Literal
from uuid import UUID

from vezne.kernel.db import Tx

Found = Literal["taken", "exhausted", "inactive"]


async def take_promotion(tx: Tx, promotion_id: UUID, *, late: bool) -> Found:
    """One use of the promotion; `late`: whether it is still given was judged when the order was placed."""
    while True:
        if await tx.execute(
            """UPDATE promotions SET uses = uses + 1
               WHERE tenant_id = $1 AND id = $2 AND uses < max_uses AND (active OR $3)""",
            tx.tenant_id,
            promotion_id,
            late,
        ):
            return "taken"
        row = await tx.fetchrow(
            "SELECT active, max_uses, uses FROM promotions WHERE tenant_id = $1 AND id = $2 FOR SHARE", tx.tenant_id, promotion_id
        )
        if row is None or not (row["active"] or late):
            return "inactive"
        if row["max_uses"] is None:
            return "taken"
        if row["uses"] >= row["max_uses"]:
            return "exhausted"


async def take_code(tx: Tx, code_id: UUID, *, late: bool) -> Found:
    """One use of the code."""
    while True:
        if await tx.execute(
            """UPDATE promo_codes SET uses = uses + 1
               WHERE tenant_id = $1 AND id = $2 AND uses < max_uses AND (active OR $3)""",
            tx.tenant_id,
            code_id,
            late,
        ):
            return "taken"
        row = await tx.fetchrow(
            "SELECT active, max_uses, uses FROM promo_codes WHERE tenant_id = $1 AND id = $2 FOR SHARE", tx.tenant_id, code_id
        )
        if row is None or not (row["active"] or late):
            return "inactive"
        if row["max_uses"] is None:
            return "taken"
        if row["uses"] >= row["max_uses"]:
            return "exhausted"


async def take_identities(tx: Tx, promotion_id: UUID, identities: Sequence[bytes], limit: int | None) -> bool:
    """One use of the promotion by somebody known by these; False when one of them has had `limit` uses."""
    taken = await tx.execute(
        """INSERT INTO promo_identity_uses AS known (tenant_id, promotion_id, identity, uses)
           SELECT $1, $2, identity, 1 FROM unnest($3::bytea[]) AS identity ORDER BY identity
           ON CONFLICT (tenant_id, promotion_id, identity) DO UPDATE SET uses = known.uses + 1
           WHERE $4::integer IS NULL OR known.uses < $4""",
        tx.tenant_id,
        promotion_id,
        identities,
        limit,
    )
    return taken == len(identities)


async def give_up_promotion(tx: Tx, promotion_id: UUID) -> None:
    """One use less."""
    while not await tx.execute(
        "UPDATE promotions SET uses = uses - 1 WHERE tenant_id = $1 AND id = $2 AND max_uses IS NOT NULL",
        tx.tenant_id,
        promotion_id,
    ):
        unlimited = await tx.fetchval(
            "SELECT max_uses IS NULL FROM promotions WHERE tenant_id = $1 AND id = $2 FOR SHARE", tx.tenant_id, promotion_id
        )
        if unlimited is not False:
            return


async def give_up_code(tx: Tx, code_id: UUID) -> None:
    """One use less."""
    while not await tx.execute(
        "UPDATE promo_codes SET uses = uses - 1 WHERE tenant_id = $1 AND id = $2 AND max_uses IS NOT NULL", tx.tenant_id, code_id
    ):
        unlimited = await tx.fetchval(
            "SELECT max_uses IS NULL FROM promo_codes WHERE tenant_id = $1 AND id = $2 FOR SHARE", tx.tenant_id, code_id
        )
        if unlimited is not False:
            return


async def give_up_identities(tx: Tx, promotion_id: UUID, identities: Sequence[bytes]) -> None:
    """One use less by somebody known by these."""
    await tx.execute(
        """WITH held AS (
               SELECT identity FROM promo_identity_uses
               WHERE tenant_id = $1 AND promotion_id = $2 AND identity = ANY ($3::bytea[]) ORDER BY identity FOR UPDATE)
           UPDATE promo_identity_uses AS known SET uses = known.uses - 1 FROM held
           WHERE known.tenant_id = $1 AND known.promotion_id = $2 AND known.identity = held.identity""",
        tx.tenant_id,
        promotion_id,
        identities,
    )
