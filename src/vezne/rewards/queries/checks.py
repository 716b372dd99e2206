"""SQL of the audit: rewards and vouchers checked against the ledger on another path than the one that wrote them."""

from typing import LiteralString
from uuid import UUID

from vezne.kernel.db import Tx

_CHECKS: dict[str, tuple[str, LiteralString]] = {
    "reward is what was credited": (
        "rwd",
        """
        SELECT rewards.id, 'credited ' || coalesce(postings.amount, 0) || ' of ' || (rewards.amount_minor - rewards.set_off_minor)
               AS message
        FROM rewards
        LEFT JOIN wallets ON wallets.tenant_id = rewards.tenant_id AND wallets.customer_id = rewards.customer_id
             AND wallets.kind = 'coins' AND wallets.currency = rewards.currency AND wallets.label = 'main'
        LEFT JOIN postings ON postings.tenant_id = rewards.tenant_id AND postings.account = wallets.account
             AND postings.entry_id = rewards.transaction_id
        WHERE rewards.tenant_id = $1 AND rewards.granted_at IS NOT NULL
          AND coalesce(postings.amount, 0) <> rewards.amount_minor - rewards.set_off_minor
        ORDER BY rewards.id LIMIT $2""",
    ),
    "what a reward lost is what was taken back": (
        "rwd",
        """
        SELECT rewards.id, 'lost ' || rewards.clawed_minor || ', claw-backs say ' || coalesce(sum(back.amount_minor), 0)
               AS message
        FROM rewards
        LEFT JOIN reward_claw_backs AS back ON back.tenant_id = rewards.tenant_id AND back.reward_id = rewards.id
        WHERE rewards.tenant_id = $1
        GROUP BY rewards.tenant_id, rewards.id
        HAVING coalesce(sum(back.amount_minor), 0) <> rewards.clawed_minor
        ORDER BY rewards.id LIMIT $2""",
    ),
    "a claw-back is what was posted": (
        "rwd",
        """
        SELECT back.reward_id AS id, 'took ' || back.taken_minor || ', posted ' || coalesce(posted.amount, 0) AS message
        FROM reward_claw_backs AS back
        LEFT JOIN LATERAL (
            SELECT sum(-postings.amount) AS amount FROM wallets
            JOIN postings ON postings.tenant_id = wallets.tenant_id AND postings.account = wallets.account
                 AND postings.entry_id = back.transaction_id
            WHERE wallets.tenant_id = back.tenant_id AND wallets.customer_id = back.customer_id AND wallets.kind = 'coins'
        ) AS posted ON true
        WHERE back.tenant_id = $1 AND coalesce(posted.amount, 0) <> back.taken_minor
        ORDER BY back.reward_id LIMIT $2""",
    ),
    "a customer owes what was missing and not set off": (
        "cus",
        """
        SELECT owing.customer_id AS id, 'owes ' || owing.owed_minor || ', rewards say '
               || coalesce(back.missing, 0) - coalesce(given.set_off, 0) AS message
        FROM coin_customers AS owing
        LEFT JOIN (SELECT customer_id, sum(missing_minor) AS missing FROM reward_claw_backs WHERE tenant_id = $1
                   GROUP BY customer_id) AS back ON back.customer_id = owing.customer_id
        LEFT JOIN (SELECT customer_id, sum(set_off_minor) AS set_off FROM rewards WHERE tenant_id = $1
                   GROUP BY customer_id) AS given ON given.customer_id = owing.customer_id
        WHERE owing.tenant_id = $1 AND owing.owed_minor <> coalesce(back.missing, 0) - coalesce(given.set_off, 0)
        ORDER BY owing.customer_id LIMIT $2""",
    ),
    "adjusted and spent coins are what was posted": (
        "txn",
        """
        SELECT moves.transaction_id AS id, moves.type || ' of ' || moves.amount_minor || ' posted '
               || coalesce(postings.amount, 0) AS message
        FROM coin_moves AS moves
        LEFT JOIN wallets ON wallets.tenant_id = moves.tenant_id AND wallets.customer_id = moves.customer_id
             AND wallets.kind = 'coins' AND wallets.currency = moves.currency AND wallets.label = 'main'
        LEFT JOIN postings ON postings.tenant_id = moves.tenant_id AND postings.account = wallets.account
             AND postings.entry_id = moves.transaction_id
        WHERE moves.tenant_id = $1 AND postings.amount IS DISTINCT FROM moves.amount_minor
        ORDER BY moves.transaction_id LIMIT $2""",
    ),
    "a redemption is what was posted": (
        "rdm",
        """
        SELECT had.id, 'of ' || had.price_minor || ' posted ' || coalesce(paid.amount, 0) || ' and ' || coalesce(back.amount, 0)
               AS message
        FROM voucher_redemptions AS had
        LEFT JOIN wallets ON wallets.tenant_id = had.tenant_id AND wallets.customer_id = had.customer_id
             AND wallets.kind = 'coins' AND wallets.currency = had.currency AND wallets.label = 'main'
        LEFT JOIN postings AS paid ON paid.tenant_id = had.tenant_id AND paid.account = wallets.account
             AND paid.entry_id = had.transaction_id
        LEFT JOIN postings AS back ON back.tenant_id = had.tenant_id AND back.account = wallets.account
             AND back.entry_id = had.refund_transaction_id
        WHERE had.tenant_id = $1 AND (paid.amount IS DISTINCT FROM -had.price_minor
              OR coalesce(back.amount, 0) <> CASE had.status WHEN 'cancelled' THEN had.price_minor ELSE 0 END)
        ORDER BY had.id LIMIT $2""",
    ),
    "a voucher's stock is what was not redeemed": (
        "vch",
        """
        SELECT vouchers.id, 'has given ' || vouchers.redeemed || ' of ' || vouchers.stocked || ', redemptions say ' || had.number
               || ', codes ' || codes.given || ' of ' || codes.number AS message
        FROM vouchers
        CROSS JOIN LATERAL (SELECT count(*) AS number FROM voucher_redemptions
                            WHERE tenant_id = $1 AND voucher_id = vouchers.id AND NOT restocked) AS had
        CROSS JOIN LATERAL (SELECT count(*) AS number, count(redemption_id) AS given FROM voucher_codes
                            WHERE tenant_id = $1 AND voucher_id = vouchers.id) AS codes
        WHERE vouchers.tenant_id = $1
          AND (had.number <> vouchers.redeemed OR codes.number <> CASE inventory WHEN 'codes' THEN vouchers.stocked ELSE 0 END
               OR codes.given <> CASE inventory WHEN 'codes' THEN vouchers.redeemed ELSE 0 END)
        ORDER BY vouchers.id LIMIT $2""",
    ),
    "what a rule gave is within its limits": (
        "rul",
        """
        SELECT sums.rule_id AS id, 'gave ' || given.coins || ', counted ' || sums.given_minor || ' up to ' || sums.limit_minor
               AS message
        FROM reward_sums AS sums
        CROSS JOIN LATERAL (
            SELECT coalesce(sum(rewards.amount_minor), 0) AS coins FROM rewards
            JOIN reward_rule_versions AS held ON held.tenant_id = rewards.tenant_id AND held.rule_id = rewards.rule_id
                 AND held.version = rewards.rule_version
            WHERE rewards.tenant_id = $1 AND rewards.rule_id = sums.rule_id
              AND CASE sums.customer_id WHEN '00000000-0000-0000-0000-000000000000' THEN held.budget_minor IS NOT NULL
                  ELSE held.customer_total_minor IS NOT NULL AND rewards.customer_id = sums.customer_id END
        ) AS given
        WHERE sums.tenant_id = $1 AND sums.period = 'total' AND sums.rule_id <> '00000000-0000-0000-0000-000000000000'
          AND (given.coins > sums.given_minor OR sums.given_minor > sums.limit_minor)
        ORDER BY sums.rule_id LIMIT $2""",
    ),
    "a streak is what its last day says": (
        "cus",
        """
        SELECT streaks.customer_id AS id, streaks.activity || ' is ' || streaks.length || ' long' AS message
        FROM streaks
        LEFT JOIN streak_days AS days ON days.tenant_id = streaks.tenant_id AND days.customer_id = streaks.customer_id
             AND days.activity = streaks.activity AND days.every = streaks.every AND days.starts_on = streaks.last_on
        WHERE streaks.tenant_id = $1 AND days.length IS DISTINCT FROM streaks.length
        ORDER BY streaks.customer_id LIMIT $2""",
    ),
}

_DAYS: LiteralString = """
    SELECT day, currency, difference_minor, opening_minor, expected
    FROM (SELECT day, currency, difference_minor, opening_minor,
                 lag(balance_minor) OVER (PARTITION BY currency ORDER BY day) AS expected,
                 begins_at, lag(ends_at) OVER (PARTITION BY currency ORDER BY day) AS ended_at
          FROM coin_summaries WHERE tenant_id = $1) AS days
    WHERE difference_minor <> 0 OR opening_minor <> coalesce(expected, opening_minor)
       OR begins_at <> coalesce(ended_at, begins_at)
    ORDER BY day, currency LIMIT $2"""


async def select_findings(tx: Tx, limit: int) -> list[tuple[str, str, UUID, str]]:
    """Check, id prefix, id and fault of what is wrong, at most `limit` of each check."""
    found: list[tuple[str, str, UUID, str]] = []
    for check, (prefix, sql) in _CHECKS.items():
        found += [(check, prefix, row["id"], row["message"]) for row in await tx.fetch(sql, tx.tenant_id, limit)]
    return found


async def select_wrong_days(tx: Tx, limit: int) -> list[tuple[str, str]]:
    """Days whose summary does not agree with the ledger or with the day before, and how."""
    rows = await tx.fetch(_DAYS, tx.tenant_id, limit)
    return [
        (
            f"{row['day']} {row['currency']}",
            f"off by {row['difference_minor']}, opened with {row['opening_minor']} after {row['expected']}",
        )
        for row in rows
    ]
