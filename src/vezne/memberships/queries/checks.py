"""The audit's SQL: what must be true of memberships and periods whatever happened."""

from collections.abc import Mapping
from typing import LiteralString
from uuid import UUID

from vezne.kernel.db import Tx

_CHECKS: Mapping[str, tuple[str, LiteralString]] = {
    "periods follow each other": (
        "mbs",
        """
        SELECT membership_id AS id, 'period ' || number || ' begins at ' || starts_at || ', the one before ends at ' || before
               AS message
        FROM (SELECT period.membership_id, period.number, period.starts_at, period.reason,
                     lag(period.ends_at) OVER (PARTITION BY period.membership_id ORDER BY period.number) AS before
              FROM membership_periods AS period
              JOIN memberships ON memberships.tenant_id = period.tenant_id AND memberships.id = period.membership_id
              WHERE period.tenant_id = $1 AND memberships.billing = 'vezne'
                AND (period.status = 'paid' OR (period.status = 'open' AND period.reason <> 'change'))) AS lined_up
        WHERE before IS NOT NULL AND starts_at <> before AND (reason <> 'resume' OR starts_at < before)
        ORDER BY membership_id LIMIT $2""",
    ),
    "the running period is known": (
        "mbs",
        """
        SELECT memberships.id, 'period ' || memberships.period_number || ' is told otherwise' AS message
        FROM memberships
        LEFT JOIN membership_periods AS period ON period.tenant_id = memberships.tenant_id AND period.id = memberships.period_id
             AND period.membership_id = memberships.id
        WHERE memberships.tenant_id = $1
          AND (period.id IS NULL OR period.number <> memberships.period_number OR period.number > memberships.numbers
               OR (memberships.billing = 'vezne' AND memberships.status IN ('trialing', 'active', 'past_due')
                   AND (period.starts_at, period.ends_at, period.plan_id)
                       <> (memberships.period_start, memberships.period_end, memberships.plan_id)))
        ORDER BY memberships.id LIMIT $2""",
    ),
    "what is paid for is paid until then": (
        "mbs",
        """
        SELECT memberships.id, 'says ' || coalesce(memberships.paid_until::text, 'never') || ', its periods ' || last.ends_at
               AS message
        FROM memberships
        JOIN (SELECT membership_id, max(ends_at) AS ends_at FROM membership_periods
              WHERE tenant_id = $1 AND status = 'paid' GROUP BY membership_id) AS last ON last.membership_id = memberships.id
        WHERE memberships.tenant_id = $1 AND memberships.billing = 'vezne'
          AND memberships.paid_until IS DISTINCT FROM last.ends_at
        ORDER BY memberships.id LIMIT $2""",
    ),
    "a membership that we bill goes on": (
        "mbs",
        """
        SELECT memberships.id, 'is ' || status || ', and nothing is to follow' AS message FROM memberships
        WHERE tenant_id = $1 AND billing = 'vezne' AND status IN ('trialing', 'active', 'past_due')
          AND (renews_at IS NOT NULL) = EXISTS (
              SELECT FROM membership_periods AS period
              WHERE period.tenant_id = memberships.tenant_id AND period.membership_id = memberships.id
                AND period.status = 'open' AND period.reason <> 'change')
        ORDER BY id LIMIT $2""",
    ),
    "what is over waits for nothing": (
        "mbs",
        """
        SELECT memberships.id, 'is ' || memberships.status || ', and period ' || period.number || ' waits' AS message
        FROM memberships
        JOIN membership_periods AS period ON period.tenant_id = memberships.tenant_id AND period.membership_id = memberships.id
        WHERE memberships.tenant_id = $1 AND memberships.billing = 'vezne' AND period.status = 'open'
          AND memberships.status IN ('cancelled', 'ended', 'paused')
        ORDER BY memberships.id LIMIT $2""",
    ),
    "one live membership of a family": (
        "cus",
        """
        SELECT customer_id AS id, count(*) || ' of ' || family AS message FROM memberships
        WHERE tenant_id = $1 AND status IN ('incomplete', 'trialing', 'active', 'past_due', 'paused')
        GROUP BY customer_id, family HAVING count(*) > 1 ORDER BY customer_id LIMIT $2""",
    ),
    "credits of a period are given once": (
        "mpd",
        """
        SELECT period.id, period.credits_granted || ' granted, ' || coalesce(given.credits, 0) || ' posted' AS message
        FROM membership_periods AS period
        LEFT JOIN (SELECT postings.entry_id, max(postings.amount) AS credits, count(DISTINCT period.id) AS periods
                   FROM membership_periods AS period
                   JOIN postings ON postings.tenant_id = period.tenant_id AND postings.entry_id = period.grant_id
                   WHERE period.tenant_id = $1 GROUP BY postings.entry_id) AS given ON given.entry_id = period.grant_id
        WHERE period.tenant_id = $1
          AND (period.credits_granted <> coalesce(given.credits, 0) OR given.periods > 1
               OR (period.status <> 'paid' AND period.credits_granted > 0))
        ORDER BY period.id LIMIT $2""",
    ),
}


async def select_findings(tx: Tx, limit: int) -> list[tuple[str, str, UUID, str]]:
    """Check, id prefix, id and fault of what is wrong, at most `limit` of each check."""
    found: list[tuple[str, str, UUID, str]] = []
    for check, (prefix, sql) in _CHECKS.items():
        found += [(check, prefix, row["id"], row["message"]) for row in await tx.fetch(sql, tx.tenant_id, limit)]
    return found
