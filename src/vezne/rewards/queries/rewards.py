"""The SQL of rewards, what was taken back of them, and the customers they are for."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from asyncpg import Record

from vezne.kernel.db import Tx
from vezne.rewards.models.rewards import ClawBack, Reward, RewardType

Key = tuple[UUID, RewardType, str]
"""Customer, type and reference: what a reward is given once for."""


async def lock_customers(tx: Tx, customer_ids: Iterable[UUID]) -> dict[UUID, int]:
    """What each of these customers owes, their rows locked in the order of their ids and made where there are none."""
    wanted = sorted(set(customer_ids))
    rows = await _lock(tx, wanted)
    if len(rows) < len(wanted):
        await tx.execute(
            """INSERT INTO coin_customers (tenant_id, customer_id, created_at)
               SELECT $1, wanted.id, $3 FROM unnest($2::uuid[]) AS wanted (id) ORDER BY wanted.id ON CONFLICT DO NOTHING""",
            tx.tenant_id,
            wanted,
            tx.now,
        )
        rows = await _lock(tx, wanted)
    return {row["customer_id"]: row["owed_minor"] for row in rows}


async def _lock(tx: Tx, wanted: list[UUID]) -> list[Record]:
    return await tx.fetch(
        """SELECT customer_id, owed_minor FROM coin_customers WHERE tenant_id = $1 AND customer_id = ANY ($2::uuid[])
           ORDER BY customer_id FOR NO KEY UPDATE""",
        tx.tenant_id,
        wanted,
    )


async def select_owed(tx: Tx, customer_id: UUID) -> int:
    """What a customer owes."""
    sql = "SELECT owed_minor FROM coin_customers WHERE tenant_id = $1 AND customer_id = $2"
    return await tx.fetchval(sql, tx.tenant_id, customer_id) or 0


async def update_owed(tx: Tx, owed: dict[UUID, int]) -> None:
    """Write what locked customers owe."""
    await tx.execute(
        """UPDATE coin_customers SET owed_minor = new.owed_minor
           FROM unnest($2::uuid[], $3::bigint[]) AS new (customer_id, owed_minor)
           WHERE coin_customers.tenant_id = $1 AND coin_customers.customer_id = new.customer_id""",
        tx.tenant_id,
        list(owed),
        list(owed.values()),
    )


async def insert_rewards(tx: Tx, rewards: Sequence[Reward]) -> None:
    """Write new rewards; their customers are locked, so nobody else writes the same."""
    await tx.execute(
        """INSERT INTO rewards (tenant_id, currency, created_at, id, customer_id, type, reference, rule_id, rule_version, tier,
                                override_minor, asked_minor, amount_minor, status, set_off_minor, cause, life_days, description,
                                transaction_id, due_at, granted_at)
           SELECT $1, $2, $3, made.* FROM unnest($4::uuid[], $5::uuid[], $6::text[], $7::text[], $8::uuid[], $9::integer[],
               $10::text[], $11::bigint[], $12::bigint[], $13::bigint[], $14::text[], $15::bigint[], $16::text[],
               $17::integer[], $18::text[], $19::uuid[], $20::timestamptz[], $21::timestamptz[]) AS made""",
        tx.tenant_id,
        rewards[0].currency,
        tx.now,
        *(
            [getattr(reward, name) for reward in rewards]
            for name in (
                "id",
                "customer_id",
                "type",
                "reference",
                "rule_id",
                "rule_version",
                "tier",
                "override_minor",
                "asked_minor",
                "amount_minor",
                "status",
                "set_off_minor",
                "cause",
                "life_days",
                "description",
                "transaction_id",
                "due_at",
                "granted_at",
            )
        ),
    )


async def select_by_key(tx: Tx, keys: Sequence[Key]) -> dict[Key, Reward]:
    """Those of these rewards that were given before."""
    rows = await tx.fetch(
        """SELECT rewards.* FROM rewards
           JOIN unnest($2::uuid[], $3::text[], $4::text[]) AS wanted (customer_id, type, reference)
             USING (customer_id, type, reference)
           WHERE tenant_id = $1""",
        tx.tenant_id,
        [key[0] for key in keys],
        [key[1] for key in keys],
        [key[2] for key in keys],
    )
    found = [_reward(row) for row in rows]
    return {(reward.customer_id, reward.type, reward.reference): reward for reward in found}


async def select_reward(tx: Tx, reward_id: UUID, *, lock: bool = False) -> Reward | None:
    """One reward; locked, if asked for."""
    sql = "SELECT * FROM rewards WHERE tenant_id = $1 AND id = $2"
    row = await tx.fetchrow(sql + " FOR NO KEY UPDATE" if lock else sql, tx.tenant_id, reward_id)
    return None if row is None else _reward(row)


async def select_of_causes(tx: Tx, causes: Sequence[str]) -> list[Reward]:
    """Rewards that were given for one of these causes, or under one of them as reference, and are not over."""
    rows = await tx.fetch(
        """SELECT * FROM rewards WHERE tenant_id = $1 AND cause = ANY ($2::text[]) AND status IN ('pending', 'granted')
           UNION
           SELECT * FROM rewards WHERE tenant_id = $1 AND reference = ANY ($2::text[]) AND status IN ('pending', 'granted')
           ORDER BY customer_id, id""",
        tx.tenant_id,
        causes,
    )
    return [_reward(row) for row in rows]


async def select_page(
    tx: Tx,
    *,
    customer_id: UUID | None,
    type_: str | None,
    status: str | None,
    reference: str | None,
    before: UUID | None,
    limit: int,
) -> list[Reward]:
    """Rewards, newest first."""
    rows = await tx.fetch(
        """SELECT * FROM rewards
           WHERE tenant_id = $1 AND ($2::uuid IS NULL OR customer_id = $2) AND ($3::text IS NULL OR type = $3)
             AND ($4::text IS NULL OR status = $4) AND ($5::text IS NULL OR reference = $5) AND ($6::uuid IS NULL OR id < $6)
           ORDER BY id DESC LIMIT $7""",
        tx.tenant_id,
        customer_id,
        type_,
        status,
        reference,
        before,
        limit,
    )
    return [_reward(row) for row in rows]


async def select_due(tx: Tx, limit: int) -> list[Reward]:
    """Rewards whose day has come, the longest due first; not locked, since their customers are to be locked before them."""
    rows = await tx.fetch(
        """SELECT * FROM rewards WHERE tenant_id = $1 AND status = 'pending' AND due_at <= $2 ORDER BY due_at, id LIMIT $3""",
        tx.tenant_id,
        tx.now,
        limit,
    )
    return [_reward(row) for row in rows]


async def lock_pending(tx: Tx, reward_ids: Sequence[UUID]) -> list[Reward]:
    """Those of these rewards that are still pending, locked in the order of their ids."""
    rows = await tx.fetch(
        """SELECT * FROM rewards WHERE tenant_id = $1 AND id = ANY ($2::uuid[]) AND status = 'pending'
           ORDER BY id FOR NO KEY UPDATE""",
        tx.tenant_id,
        reward_ids,
    )
    return [_reward(row) for row in rows]


async def select_pending_minor(tx: Tx, customer_id: UUID, currency: str) -> int:
    """The coins that a customer is to have on a day to come."""
    sql = """SELECT coalesce(sum(amount_minor), 0)::bigint FROM rewards
             WHERE tenant_id = $1 AND customer_id = $2 AND currency = $3 AND status = 'pending'"""
    pending: int = await tx.fetchval(sql, tx.tenant_id, customer_id, currency)
    return pending


async def mark_granted(tx: Tx, rewards: Sequence[Reward]) -> None:
    """Write that pending rewards, which are locked, were granted."""
    await tx.execute(
        """UPDATE rewards SET status = 'granted', granted_at = $2, set_off_minor = done.set_off_minor,
                              transaction_id = done.transaction_id
           FROM unnest($3::uuid[], $4::bigint[], $5::uuid[]) AS done (id, set_off_minor, transaction_id)
           WHERE rewards.tenant_id = $1 AND rewards.id = done.id""",
        tx.tenant_id,
        tx.now,
        [reward.id for reward in rewards],
        [reward.set_off_minor for reward in rewards],
        [reward.transaction_id for reward in rewards],
    )


async def mark_postponed(tx: Tx, reward_ids: Sequence[UUID], due_at: datetime) -> None:
    """Write that pending rewards, which are locked, are to be tried again then."""
    await tx.execute(
        "UPDATE rewards SET due_at = $3 WHERE tenant_id = $1 AND id = ANY ($2::uuid[])", tx.tenant_id, reward_ids, due_at
    )


async def mark_lowered(tx: Tx, reward_id: UUID, amount_minor: int) -> None:
    """Write that a pending reward, which is locked, will give so much only."""
    await tx.execute(
        "UPDATE rewards SET amount_minor = $3 WHERE tenant_id = $1 AND id = $2", tx.tenant_id, reward_id, amount_minor
    )


async def mark_revoked(tx: Tx, reward_id: UUID) -> None:
    """Write that a pending reward, which is locked, will not be granted."""
    await tx.execute("UPDATE rewards SET status = 'revoked' WHERE tenant_id = $1 AND id = $2", tx.tenant_id, reward_id)


async def mark_clawed(tx: Tx, reward: Reward) -> None:
    """Write how much of a granted reward, which is locked, was taken back."""
    await tx.execute(
        "UPDATE rewards SET clawed_minor = $3, status = $4 WHERE tenant_id = $1 AND id = $2",
        tx.tenant_id,
        reward.id,
        reward.clawed_minor,
        reward.status,
    )


async def insert_claw_back(tx: Tx, made: ClawBack) -> None:
    """Write what was taken back of a reward, which is locked."""
    await tx.execute(
        """INSERT INTO reward_claw_backs (tenant_id, id, reward_id, customer_id, cause, amount_minor, taken_minor, missing_minor,
                                          transaction_id, reason, actor, created_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)""",
        tx.tenant_id,
        made.id,
        made.reward_id,
        made.customer_id,
        made.cause,
        made.amount_minor,
        made.taken_minor,
        made.missing_minor,
        made.transaction_id,
        made.reason,
        made.actor,
        made.created_at,
    )


async def select_claw_backs(tx: Tx, reward_id: UUID) -> list[ClawBack]:
    """What was taken back of a reward, oldest first."""
    rows = await tx.fetch(
        "SELECT * FROM reward_claw_backs WHERE tenant_id = $1 AND reward_id = $2 ORDER BY id", tx.tenant_id, reward_id
    )
    return [ClawBack(**{name: value for name, value in row.items() if name != "tenant_id"}) for row in rows]


def _reward(row: Record) -> Reward:
    return Reward(**{name: value for name, value in row.items() if name != "tenant_id"})
