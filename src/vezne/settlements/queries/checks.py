"""SQL of the audit: settlements and payouts checked against the ledger on another path than the one that wrote them."""

from typing import LiteralString
from uuid import UUID

from vezne.kernel.db import Tx

_CHECKS: dict[str, tuple[str, LiteralString]] = {
    "settlement adds up from its moves": (
        "stl",
        """
        SELECT settlements.id, 'its moves give ' || coalesce(sum(moves.share_minor), 0) || ' of '
               || coalesce(sum(moves.gross_minor), 0) AS message
        FROM settlements
        LEFT JOIN settlement_moves AS moves ON moves.tenant_id = settlements.tenant_id AND moves.settlement_id = settlements.id
        WHERE settlements.tenant_id = $1
        GROUP BY settlements.tenant_id, settlements.id
        HAVING sum(moves.share_minor) IS DISTINCT FROM settlements.share_minor - settlements.clawed_share_minor
            OR sum(moves.gross_minor) IS DISTINCT FROM settlements.gross_minor
               - CASE WHEN settlements.gross_minor = 0 THEN 0 ELSE settlements.clawed_minor END
            OR sum(moves.reserve_minor) IS DISTINCT FROM CASE WHEN settlements.released_at IS NULL
               THEN greatest(0, settlements.reserve_minor - settlements.clawed_share_minor) ELSE 0 END
            OR count(*) FILTER (WHERE moves.kind = 'sale') <> 1
        ORDER BY settlements.id LIMIT $2""",
    ),
    "claw-back is in proportion": (
        "stl",
        """
        SELECT id, clawed_share_minor || ' of ' || share_minor || ' clawed back' AS message
        FROM settlements CROSS JOIN LATERAL (SELECT CASE WHEN gross_minor = 0 THEN parts ELSE gross_minor END AS whole) AS made
        WHERE tenant_id = $1
          AND clawed_share_minor <> floor((2 * share_minor::numeric * clawed_minor + made.whole) / (2 * made.whole))
        ORDER BY id LIMIT $2""",
    ),
    "move is what was posted": (
        "stl",
        """
        SELECT moves.settlement_id AS id, 'entry of ' || moves.kind || ' ' || moves.cause || ' says otherwise' AS message
        FROM settlement_moves AS moves
        LEFT JOIN (
            SELECT postings.entry_id,
                   sum(postings.amount) FILTER (WHERE accounts.number = payee.account) AS payee_minor,
                   sum(postings.amount) FILTER (WHERE accounts.number = payee.reserve_account) AS reserve_minor,
                   sum(postings.amount) FILTER (WHERE accounts.code = 'fees') AS fee_minor,
                   -sum(postings.amount) FILTER (WHERE accounts.code = 'unapplied') AS gross_minor,
                   sum(abs(postings.amount)) AS moved
            FROM settlement_moves AS booked
            JOIN payee_accounts AS payee ON payee.tenant_id = booked.tenant_id AND payee.payee_id = booked.payee_id
                 AND payee.currency = booked.currency
            JOIN postings ON postings.tenant_id = booked.tenant_id AND postings.entry_id = booked.entry_id
            JOIN accounts ON accounts.tenant_id = postings.tenant_id AND accounts.number = postings.account
            WHERE booked.tenant_id = $1
            GROUP BY postings.entry_id
        ) AS posted ON posted.entry_id = moves.entry_id
        WHERE moves.tenant_id = $1
          AND ((coalesce(posted.payee_minor, 0), coalesce(posted.reserve_minor, 0), coalesce(posted.fee_minor, 0),
                coalesce(posted.gross_minor, 0)) <> (moves.payee_minor, moves.reserve_minor, moves.fee_minor, moves.gross_minor)
            OR coalesce(posted.moved, 0) <> abs(moves.payee_minor) + abs(moves.reserve_minor) + abs(moves.fee_minor)
               + abs(moves.gross_minor))
        ORDER BY moves.settlement_id LIMIT $2""",
    ),
    "payee's account is what no payout took": (
        "pye",
        """
        SELECT payee.payee_id AS id, 'holds ' || account.balance || ' and ' || reserve.balance || ' ' || payee.currency
               || ', moves say ' || coalesce(sums.payee_minor, 0) || ' and ' || coalesce(sums.reserve_minor, 0) AS message
        FROM payee_accounts AS payee
        JOIN accounts AS account ON account.tenant_id = payee.tenant_id AND account.number = payee.account
        JOIN accounts AS reserve ON reserve.tenant_id = payee.tenant_id AND reserve.number = payee.reserve_account
        LEFT JOIN (
            SELECT payee_id, currency, sum(payee_minor) FILTER (WHERE payout_id IS NULL) AS payee_minor,
                   sum(reserve_minor) AS reserve_minor
            FROM settlement_moves WHERE tenant_id = $1 GROUP BY payee_id, currency
        ) AS sums ON sums.payee_id = payee.payee_id AND sums.currency = payee.currency
        WHERE payee.tenant_id = $1
          AND (account.balance <> coalesce(sums.payee_minor, 0) OR reserve.balance <> coalesce(sums.reserve_minor, 0)
               OR account.code <> 'payee:' || payee.payee_id OR reserve.code <> 'payee_reserve:' || payee.payee_id)
        ORDER BY payee.payee_id LIMIT $2""",
    ),
    "payout is the sum of what it pays": (
        "pot",
        """
        SELECT payouts.id, 'is of ' || payouts.amount_minor || ', its items of ' || coalesce(sum(items.amount_minor), 0)
               AS message
        FROM payouts
        LEFT JOIN payout_items AS items ON items.tenant_id = payouts.tenant_id AND items.payout_id = payouts.id
        LEFT JOIN settlement_moves AS moves ON moves.tenant_id = items.tenant_id AND moves.id = items.move_id
        WHERE payouts.tenant_id = $1
        GROUP BY payouts.tenant_id, payouts.id
        HAVING sum(items.amount_minor) IS DISTINCT FROM payouts.amount_minor
            OR bool_or(items.live <> (payouts.status NOT IN ('rejected', 'failed')))
            OR bool_or(items.live AND moves.payout_id IS DISTINCT FROM payouts.id)
            OR bool_or(NOT items.live AND moves.payout_id IS NOT DISTINCT FROM payouts.id)
            OR bool_or((moves.payee_id, moves.currency, moves.payee_minor)
                       IS DISTINCT FROM (payouts.payee_id, payouts.currency, items.amount_minor))
        ORDER BY payouts.id LIMIT $2""",
    ),
    "what a payout took along is its item": (
        "stl",
        """
        SELECT moves.settlement_id AS id, 'a ' || moves.kind || ' is in a payout that does not list it' AS message
        FROM settlement_moves AS moves
        LEFT JOIN payout_items AS items ON items.tenant_id = moves.tenant_id AND items.payout_id = moves.payout_id
             AND items.move_id = moves.id AND items.live
        WHERE moves.tenant_id = $1 AND moves.payout_id IS NOT NULL AND items.move_id IS NULL
        ORDER BY moves.settlement_id LIMIT $2""",
    ),
    "nobody decided on their own payout": (
        "pot",
        """
        SELECT id, 'asked for and decided by ' || requested_by AS message FROM payouts
        WHERE tenant_id = $1 AND decided_by = requested_by ORDER BY id LIMIT $2""",
    ),
}


async def select_findings(tx: Tx, limit: int) -> list[tuple[str, str, UUID, str]]:
    """Check, id prefix, id and fault of what is wrong, at most `limit` of each check."""
    found: list[tuple[str, str, UUID, str]] = []
    for check, (prefix, sql) in _CHECKS.items():
        found += [(check, prefix, row["id"], row["message"]) for row in await tx.fetch(sql, tx.tenant_id, limit)]
    return found


async def select_under_way(tx: Tx) -> dict[str, int]:
    """The sum of payouts under way by currency, from the payouts."""
    rows = await tx.fetch(
        """SELECT currency, sum(amount_minor)::bigint AS amount FROM payouts
           WHERE tenant_id = $1 AND status IN ('requested', 'approved', 'sent') GROUP BY currency""",
        tx.tenant_id,
    )
    return {row["currency"]: row["amount"] for row in rows}
