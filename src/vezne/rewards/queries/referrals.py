"""The SQL of who brought whom."""

from typing import NamedTuple
from uuid import UUID

from vezne.kernel.db import Tx


class Referral(NamedTuple):
    """Who brought whom, and under which reference."""

    referee_id: UUID
    referrer_id: UUID
    reference: str


async def select_referral(tx: Tx, referee_id: UUID) -> Referral | None:
    """Who brought this customer."""
    row = await tx.fetchrow(
        "SELECT referee_id, referrer_id, reference FROM referrals WHERE tenant_id = $1 AND referee_id = $2",
        tx.tenant_id,
        referee_id,
    )
    return None if row is None else Referral(*row)


async def insert_referral(tx: Tx, made: Referral) -> None:
    """Keep who brought whom; both are locked."""
    await tx.execute(
        "INSERT INTO referrals (tenant_id, referee_id, referrer_id, reference, created_at) VALUES ($1, $2, $3, $4, $5)",
        tx.tenant_id,
        *made,
        tx.now,
    )
