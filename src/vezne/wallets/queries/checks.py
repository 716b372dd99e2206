"""SQL of the audit: stored value checked against the ledger on another path than the one that wrote it."""

from collections.abc import Sequence
from typing import LiteralString
from uuid import UUID

from vezne.kernel.db import Tx

_CHECKS: dict[str, LiteralString] = {
    "every wallet has its account": """
        SELECT wallets.id, 'account ' || coalesce(wallets.account::text, 'none') AS message FROM wallets
        LEFT JOIN accounts ON accounts.tenant_id = wallets.tenant_id AND accounts.number = wallets.account
             AND accounts.code = 'wallet:' || wallets.id AND accounts.currency = wallets.currency
        WHERE wallets.tenant_id = $1 AND (accounts.number IS NULL OR accounts.floor IS DISTINCT FROM 0)
        ORDER BY wallets.id LIMIT $2""",
    "status is the ledger's": """
        SELECT wallets.id, 'is ' || wallets.status AS message FROM wallets
        JOIN accounts ON accounts.tenant_id = wallets.tenant_id AND accounts.number = wallets.account
        WHERE wallets.tenant_id = $1 AND ((wallets.status = 'open') <> accounts.accepts_debits
              OR (wallets.status = 'open' AND NOT accounts.accepts_credits)
              OR (wallets.status = 'closed' AND (accounts.accepts_credits OR accounts.balance <> 0 OR accounts.held <> 0)))
        ORDER BY wallets.id LIMIT $2""",
    "lots sum to the balance": """
        SELECT wallets.id, 'lots have ' || coalesce(sum(lots.remaining_minor), 0) || ', the ledger ' || accounts.balance
               AS message
        FROM wallets
        JOIN accounts ON accounts.tenant_id = wallets.tenant_id AND accounts.number = wallets.account
        LEFT JOIN lots ON lots.tenant_id = wallets.tenant_id AND lots.wallet_id = wallets.id AND lots.remaining_minor > 0
        WHERE wallets.tenant_id = $1 AND wallets.kind = ANY ($3::text[])
        GROUP BY wallets.id, accounts.balance, accounts.held
        HAVING coalesce(sum(lots.remaining_minor), 0) <> accounts.balance OR coalesce(sum(lots.held_minor), 0) <> accounts.held
        ORDER BY wallets.id LIMIT $2""",
    "plain money has no lots": """
        SELECT DISTINCT wallets.id, 'has lots' AS message FROM wallets
        JOIN lots ON lots.tenant_id = wallets.tenant_id AND lots.wallet_id = wallets.id
        WHERE wallets.tenant_id = $1 AND wallets.kind <> ALL ($3::text[]) ORDER BY wallets.id LIMIT $2""",
    "a lot is the sum of its moves": """
        SELECT lots.wallet_id AS id, 'lot ' || lots.id || ' has ' || lots.remaining_minor || ', its moves say '
               || coalesce(sum(lot_moves.delta_minor), 0) AS message
        FROM lots LEFT JOIN lot_moves ON lot_moves.tenant_id = lots.tenant_id AND lot_moves.lot_id = lots.id
        WHERE lots.tenant_id = $1
        GROUP BY lots.id, lots.wallet_id, lots.remaining_minor
        HAVING coalesce(sum(lot_moves.delta_minor), 0) <> lots.remaining_minor ORDER BY lots.wallet_id LIMIT $2""",
    "an entry's lot moves are its postings": """
        WITH moved AS MATERIALIZED (  -- summed before postings are joined: of a million moves, each is looked at once
            SELECT lots.wallet_id, lot_moves.entry_id, sum(lot_moves.delta_minor) AS delta FROM lot_moves
            JOIN lots ON lots.tenant_id = lot_moves.tenant_id AND lots.id = lot_moves.lot_id
            WHERE lot_moves.tenant_id = $1 GROUP BY lots.wallet_id, lot_moves.entry_id
        )
        SELECT moved.wallet_id AS id, 'entry ' || moved.entry_id || ' moved ' || moved.delta || ' in lots' AS message
        FROM moved JOIN wallets ON wallets.tenant_id = $1 AND wallets.id = moved.wallet_id
        LEFT JOIN postings ON postings.tenant_id = $1 AND postings.account = wallets.account
             AND postings.entry_id = moved.entry_id
        WHERE moved.delta IS DISTINCT FROM postings.amount ORDER BY moved.wallet_id LIMIT $2""",
    "open holds sum to what is held": """
        SELECT wallets.id, 'holds have ' || coalesce(sum(holds.amount_minor - holds.captured_minor - holds.released_minor), 0)
               || ', the ledger ' || accounts.held AS message
        FROM wallets
        JOIN accounts ON accounts.tenant_id = wallets.tenant_id AND accounts.number = wallets.account
        LEFT JOIN holds ON holds.tenant_id = wallets.tenant_id AND holds.wallet_id = wallets.id AND holds.status = 'open'
        WHERE wallets.tenant_id = $1
        GROUP BY wallets.id, accounts.held
        HAVING coalesce(sum(holds.amount_minor - holds.captured_minor - holds.released_minor), 0) <> accounts.held
        ORDER BY wallets.id LIMIT $2""",
    "holds reserve their lots": """
        SELECT lots.wallet_id AS id, 'lot ' || lots.id || ' holds ' || lots.held_minor || ', its holds '
               || coalesce(sum(hold_lots.amount_minor), 0) AS message
        FROM lots LEFT JOIN hold_lots ON hold_lots.tenant_id = lots.tenant_id AND hold_lots.lot_id = lots.id
        WHERE lots.tenant_id = $1
        GROUP BY lots.id, lots.wallet_id, lots.held_minor
        HAVING coalesce(sum(hold_lots.amount_minor), 0) <> lots.held_minor ORDER BY lots.wallet_id LIMIT $2""",
    "refunds stay within their debit": """
        SELECT wallets.id, 'entry ' || refunds.refunded_entry_id || ' took ' || coalesce(-postings.amount, 0)
               || ', refunds gave back ' || refunds.amount AS message
        FROM (SELECT refunded_entry_id, sum(amount_minor) AS amount FROM wallet_refunds
              WHERE tenant_id = $1 GROUP BY refunded_entry_id) AS refunds
        JOIN postings ON postings.tenant_id = $1 AND postings.entry_id = refunds.refunded_entry_id
        JOIN wallets ON wallets.tenant_id = $1 AND wallets.account = postings.account
        WHERE refunds.amount > -postings.amount ORDER BY wallets.id LIMIT $2""",
    "every refund entry is counted": """
        SELECT wallets.id, 'refund entry ' || entries.id || ' is not counted as it was posted' AS message
        FROM entries
        JOIN postings ON postings.tenant_id = entries.tenant_id AND postings.entry_id = entries.id
        JOIN wallets ON wallets.tenant_id = entries.tenant_id AND wallets.account = postings.account
        LEFT JOIN wallet_refunds ON wallet_refunds.tenant_id = entries.tenant_id AND wallet_refunds.entry_id = entries.id
        WHERE entries.tenant_id = $1 AND entries.kind = 'refund' AND postings.amount IS DISTINCT FROM wallet_refunds.amount_minor
        ORDER BY wallets.id LIMIT $2""",
    "what was taken back stays within its credit": """
        SELECT wallets.id, 'entry ' || reversals.reversed_entry_id || ' gave ' || coalesce(postings.amount, 0)
               || ', taken back were ' || reversals.amount AS message
        FROM (SELECT reversed_entry_id, sum(amount_minor) AS amount FROM wallet_reversals
              WHERE tenant_id = $1 GROUP BY reversed_entry_id) AS reversals
        JOIN postings ON postings.tenant_id = $1 AND postings.entry_id = reversals.reversed_entry_id
        JOIN wallets ON wallets.tenant_id = $1 AND wallets.account = postings.account
        WHERE reversals.amount > postings.amount ORDER BY wallets.id LIMIT $2""",
    "every reversal is counted": """
        SELECT wallets.id, 'reversal ' || wallet_reversals.entry_id || ' is not counted as it was posted' AS message
        FROM wallet_reversals
        JOIN postings AS given ON given.tenant_id = $1 AND given.entry_id = wallet_reversals.reversed_entry_id
        JOIN wallets ON wallets.tenant_id = $1 AND wallets.account = given.account
        LEFT JOIN postings AS taken ON taken.tenant_id = $1 AND taken.entry_id = wallet_reversals.entry_id
             AND taken.account = wallets.account
        WHERE wallet_reversals.tenant_id = $1 AND wallet_reversals.entry_id IS NOT NULL
          AND taken.amount IS DISTINCT FROM -wallet_reversals.amount_minor
        ORDER BY wallets.id LIMIT $2""",
    "a day's count belongs to a wallet": """
        SELECT wallet_days.wallet_id AS id, 'counted ' || wallet_days.transactions || ' for ' || wallet_days.amount_minor
               AS message
        FROM wallet_days
        LEFT JOIN wallets ON wallets.tenant_id = wallet_days.tenant_id AND wallets.id = wallet_days.wallet_id
        WHERE wallet_days.tenant_id = $1
          AND (wallets.id IS NULL OR wallet_days.amount_minor < wallet_days.transactions)
        ORDER BY wallet_days.wallet_id LIMIT $2""",
}


async def select_findings(tx: Tx, kinds_with_lots: Sequence[str], limit: int) -> list[tuple[str, UUID, str]]:
    """Check, wallet and fault of what is wrong, at most `limit` of each check."""
    found: list[tuple[str, UUID, str]] = []
    for check, sql in _CHECKS.items():
        values = [tx.tenant_id, limit, kinds_with_lots] if "$3" in sql else [tx.tenant_id, limit]
        found += [(check, row["id"], row["message"]) for row in await tx.fetch(sql, *values)]
    return found
