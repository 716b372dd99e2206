"""The SQL of daily summaries: sums from the ledger's own postings, told apart by what rewards wrote of them."""

from datetime import date, datetime
from typing import LiteralString

from asyncpg import Record

from vezne.kernel.db import Tx
from vezne.rewards.models.summaries import SUMS, Standing, Summary, Sums

_POSTED: LiteralString = """
    SELECT accounts.currency, postings.entry_id, postings.amount
    FROM wallets
    JOIN accounts ON accounts.tenant_id = wallets.tenant_id AND accounts.number = wallets.account
    JOIN postings ON postings.tenant_id = accounts.tenant_id AND postings.account = accounts.number
    WHERE wallets.tenant_id = $1 AND wallets.kind = 'coins' AND accounts.last_posted_at >= $2
      AND postings.posted_at >= $2 AND postings.posted_at < $3"""

_SUMS: LiteralString = """
    SELECT currency, what, count(*)::integer AS number, abs(sum(amount))::bigint AS coins
    FROM (
        SELECT posted.currency, posted.amount,
               CASE WHEN rewards.id IS NOT NULL THEN 'granted'
                    WHEN back.id IS NOT NULL THEN 'clawed_back'
                    WHEN moves.type = 'adjustment' AND posted.amount > 0 THEN 'adjusted_up'
                    WHEN moves.type = 'adjustment' THEN 'adjusted_down'
                    WHEN moves.type = 'redemption' OR had.id IS NOT NULL THEN 'redeemed'
                    WHEN returned.id IS NOT NULL THEN 'returned'
                    WHEN entries.kind = 'expiry' THEN 'expired'
                    WHEN posted.amount > 0 THEN 'other_in'
                    ELSE 'other_out' END AS what
        FROM posted
        JOIN entries ON entries.tenant_id = $1 AND entries.id = posted.entry_id
        LEFT JOIN rewards ON rewards.tenant_id = $1 AND rewards.transaction_id = posted.entry_id
        LEFT JOIN reward_claw_backs AS back ON back.tenant_id = $1 AND back.transaction_id = posted.entry_id
        LEFT JOIN coin_moves AS moves ON moves.tenant_id = $1 AND moves.transaction_id = posted.entry_id
        LEFT JOIN voucher_redemptions AS had ON had.tenant_id = $1 AND had.transaction_id = posted.entry_id
        LEFT JOIN voucher_redemptions AS returned ON returned.tenant_id = $1 AND returned.refund_transaction_id = posted.entry_id
    ) AS told
    GROUP BY currency, what"""

_BALANCES: LiteralString = """
    SELECT accounts.currency, sum(CASE WHEN accounts.last_posted_at < $2 THEN accounts.balance
                                       ELSE coalesce(stood.balance_after, 0) END)::bigint AS balance
    FROM wallets
    JOIN accounts ON accounts.tenant_id = wallets.tenant_id AND accounts.number = wallets.account
    LEFT JOIN LATERAL (
        SELECT postings.balance_after FROM postings
        WHERE postings.tenant_id = accounts.tenant_id AND postings.account = accounts.number AND postings.posted_at < $2
        ORDER BY postings.sequence DESC LIMIT 1
    ) AS stood ON accounts.last_posted_at >= $2
    WHERE wallets.tenant_id = $1 AND wallets.kind = 'coins'
    GROUP BY accounts.currency"""


async def insert_standing(tx: Tx) -> None:
    """Begin a tenant's summaries now, unless they have begun."""
    await tx.execute(
        "INSERT INTO coin_days (tenant_id, begins_at, due_at) VALUES ($1, $2, $2) ON CONFLICT (tenant_id) DO NOTHING",
        tx.tenant_id,
        tx.now,
    )


async def lock_standing(tx: Tx) -> Standing | None:
    """Where a tenant's summaries stand, locked; None: it has no coins yet."""
    row = await tx.fetchrow("SELECT next_on, begins_at FROM coin_days WHERE tenant_id = $1 FOR NO KEY UPDATE", tx.tenant_id)
    return None if row is None else Standing(*row)


async def update_standing(tx: Tx, standing: Standing, due_at: datetime) -> None:
    """Write where a tenant's locked summaries stand."""
    await tx.execute(
        "UPDATE coin_days SET next_on = $2, begins_at = $3, due_at = $4 WHERE tenant_id = $1",
        tx.tenant_id,
        standing.next_on,
        standing.begins_at,
        due_at,
    )


async def select_sums(tx: Tx, begins_at: datetime, ends_at: datetime) -> dict[str, Sums]:
    """What was posted to coin wallets from `begins_at` until before `ends_at`, by currency."""
    rows = await tx.fetch("WITH posted AS (" + _POSTED + ") " + _SUMS, tx.tenant_id, begins_at, ends_at)
    found: dict[str, dict[str, int]] = {}
    for row in rows:
        told = found.setdefault(row["currency"], {})
        told[row["what"]], told[f"{row['what']}_minor"] = row["number"], row["coins"]
    return {currency: Sums(**told) for currency, told in found.items()}


async def select_balances(tx: Tx, at: datetime) -> dict[str, int]:
    """What all coin wallets together held just before `at`, by currency, from the ledger's running balances."""
    return {row["currency"]: row["balance"] for row in await tx.fetch(_BALANCES, tx.tenant_id, at)}


async def select_closings(tx: Tx, day: date) -> dict[str, int]:
    """What all wallets together held at the end of a day that was summarised, by currency."""
    rows = await tx.fetch(
        "SELECT currency, balance_minor FROM coin_summaries WHERE tenant_id = $1 AND day = $2", tx.tenant_id, day
    )
    return {row["currency"]: row["balance_minor"] for row in rows}


async def insert_summary(tx: Tx, summary: Summary) -> None:
    """Write a day's summary."""
    await tx.execute(
        """INSERT INTO coin_summaries (tenant_id, day, currency, begins_at, ends_at, opening_minor, balance_minor,
               difference_minor, created_at, granted, granted_minor, clawed_back, clawed_back_minor, adjusted_up,
               adjusted_up_minor, adjusted_down, adjusted_down_minor, redeemed, redeemed_minor, returned, returned_minor,
               expired, expired_minor, other_in, other_in_minor, other_out, other_out_minor)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23,
                   $24, $25, $26, $27)""",
        tx.tenant_id,
        summary.day,
        summary.currency,
        summary.begins_at,
        summary.ends_at,
        summary.opening_minor,
        summary.balance_minor,
        summary.difference_minor,
        summary.created_at,
        *(getattr(summary, name) for name in SUMS),
    )


async def select_page(
    tx: Tx, *, first: date | None, last: date | None, currency: str | None, before: tuple[date, str] | None, limit: int
) -> list[Summary]:
    """Summaries, the newest day first."""
    rows = await tx.fetch(
        """SELECT * FROM coin_summaries
           WHERE tenant_id = $1 AND ($2::date IS NULL OR day >= $2) AND ($3::date IS NULL OR day <= $3)
             AND ($4::text IS NULL OR currency = $4) AND ($5::date IS NULL OR day < $5 OR (day = $5 AND currency > $6))
           ORDER BY day DESC, currency LIMIT $7""",
        tx.tenant_id,
        first,
        last,
        currency,
        *(before or (None, None)),
        limit,
    )
    return [_summary(row) for row in rows]


def _summary(row: Record) -> Summary:
    return Summary(**{name: value for name, value in row.items() if name != "tenant_id"})
