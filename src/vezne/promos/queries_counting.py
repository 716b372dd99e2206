"""SQL that takes and gives up uses. Promotions are locked first, by id, then codes by id, then identities.

Where there is a limit, the row counts and is locked; where there is none it is only held still, and many do that at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, LiteralString
from uuid import UUID

from vezne.kernel.db import Tx

Found = Literal["taken", "exhausted", "inactive"]


@dataclass(frozen=True, slots=True)
class Counted:
    """Something whose uses are counted where they are limited."""

    take: LiteralString
    give_up: LiteralString
    look: LiteralString
    hold_still: LiteralString


PROMOTIONS = Counted(
    take="UPDATE promotions SET uses = uses + 1 WHERE tenant_id = $1 AND id = $2 AND uses < max_uses AND (active OR $3)",
    give_up="UPDATE promotions SET uses = uses - 1 WHERE tenant_id = $1 AND id = $2 AND max_uses IS NOT NULL",
    look="SELECT active, max_uses, uses FROM promotions WHERE tenant_id = $1 AND id = $2",
    hold_still="SELECT active, max_uses, uses FROM promotions WHERE tenant_id = $1 AND id = $2 FOR SHARE",
)
CODES = Counted(
    take="UPDATE promo_codes SET uses = uses + 1 WHERE tenant_id = $1 AND id = $2 AND uses < max_uses AND (active OR $3)",
    give_up="UPDATE promo_codes SET uses = uses - 1 WHERE tenant_id = $1 AND id = $2 AND max_uses IS NOT NULL",
    look="SELECT active, max_uses, uses FROM promo_codes WHERE tenant_id = $1 AND id = $2",
    hold_still="SELECT active, max_uses, uses FROM promo_codes WHERE tenant_id = $1 AND id = $2 FOR SHARE",
)


class _LimitedMeanwhileError(Exception):
    """There is a limit now: the row is not to be held still, or those who hold it so would wait for each other."""


async def take(tx: Tx, counted: Counted, id_: UUID, *, limited: bool, late: bool = False) -> Found:
    """One use. `limited` is what was last seen; `late`: whether it is still given was judged when the order was placed."""
    while True:
        if limited and await tx.execute(counted.take, tx.tenant_id, id_, late):
            return "taken"
        row = await tx.fetchrow(counted.look, tx.tenant_id, id_)
        if row is None or not (row["active"] or late):
            return "inactive"
        if row["max_uses"] is not None and row["uses"] >= row["max_uses"]:
            return "exhausted"
        limited = row["max_uses"] is not None
        if not limited:
            if await _unlimited(tx, counted, id_, late=late):
                return "taken"
            limited = True


async def give_up(tx: Tx, counted: Counted, id_: UUID) -> None:
    """One use less."""
    while not await tx.execute(counted.give_up, tx.tenant_id, id_):
        if await _unlimited(tx, counted, id_, late=True):
            return


async def _unlimited(tx: Tx, counted: Counted, id_: UUID, *, late: bool) -> bool:
    """Whether there is no limit, which stays so until this transaction ends; where there is one, nothing is locked."""
    try:
        async with tx.savepoint():
            await _hold_still(tx, counted, id_, late=late)
    except _LimitedMeanwhileError:
        return False
    return True


async def _hold_still(tx: Tx, counted: Counted, id_: UUID, *, late: bool) -> None:
    row = await tx.fetchrow(counted.hold_still, tx.tenant_id, id_)
    if row is None or row["max_uses"] is not None or not (row["active"] or late):
        raise _LimitedMeanwhileError


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
