"""SQL of the audit of promos."""

from typing import LiteralString
from uuid import UUID

from vezne.kernel.db import Tx

_CHECKS: dict[str, tuple[str, LiteralString]] = {
    "promotion's uses are its redemptions": (
        "prm",
        """
        SELECT promotions.id, promotions.uses || ' counted, ' || count(redemption.id) || ' there' AS message FROM promotions
        LEFT JOIN promo_redemptions AS redemption ON redemption.tenant_id = promotions.tenant_id
             AND redemption.promotion_id = promotions.id AND redemption.status <> 'released'
        WHERE promotions.tenant_id = $1 AND promotions.max_uses IS NOT NULL
        GROUP BY promotions.tenant_id, promotions.id
        HAVING count(redemption.id) <> promotions.uses OR count(redemption.id) > promotions.max_uses
        ORDER BY promotions.id LIMIT $2""",
    ),
    "code's uses are its redemptions": (
        "pcd",
        """
        SELECT code.id, code.uses || ' counted, ' || count(redemption.id) || ' there' AS message FROM promo_codes AS code
        LEFT JOIN promo_redemptions AS redemption ON redemption.tenant_id = code.tenant_id
             AND redemption.code_id = code.id AND redemption.status <> 'released'
        WHERE code.tenant_id = $1 AND code.max_uses IS NOT NULL
        GROUP BY code.tenant_id, code.id
        HAVING count(redemption.id) <> code.uses OR count(redemption.id) > code.max_uses
        ORDER BY code.id LIMIT $2""",
    ),
    "what somebody used is counted": (
        "prm",
        """
        SELECT coalesce(known.promotion_id, used.promotion_id) AS id,
               coalesce(known.uses, 0) || ' counted, ' || coalesce(used.uses, 0) || ' there' AS message
        FROM (SELECT * FROM promo_identity_uses WHERE tenant_id = $1) AS known
        FULL JOIN (
            SELECT promotion_id, identity, count(*) AS uses
            FROM promo_redemptions CROSS JOIN unnest(identities) AS identity
            WHERE tenant_id = $1 AND status <> 'released' GROUP BY promotion_id, identity
        ) AS used ON used.promotion_id = known.promotion_id AND used.identity = known.identity
        WHERE coalesce(known.uses, 0) <> coalesce(used.uses, 0)
        ORDER BY 1 LIMIT $2""",
    ),
    "code and promotion of a redemption belong together": (
        "rdm",
        """
        SELECT redemption.id, 'its code is of another promotion' AS message FROM promo_redemptions AS redemption
        JOIN promo_codes AS code ON code.tenant_id = redemption.tenant_id AND code.id = redemption.code_id
        WHERE redemption.tenant_id = $1 AND code.promotion_id <> redemption.promotion_id
        ORDER BY redemption.id LIMIT $2""",
    ),
    "redemption takes off what its lines say": (
        "rdm",
        """
        SELECT redemption.id, redemption.discount_minor || ' in all, not the sum of its lines' AS message
        FROM promo_redemptions AS redemption
        WHERE redemption.tenant_id = $1
          AND redemption.discount_minor
              <> (SELECT coalesce(sum(value::bigint), 0) FROM jsonb_each_text(redemption.line_discounts))
        ORDER BY redemption.id LIMIT $2""",
    ),
}


async def select_findings(tx: Tx, limit: int) -> list[tuple[str, str, UUID, str]]:
    """Check, id prefix, id and fault of what is wrong, at most `limit` of each check."""
    found: list[tuple[str, str, UUID, str]] = []
    for check, (prefix, sql) in _CHECKS.items():
        found += [(check, prefix, row["id"], row["message"]) for row in await tx.fetch(sql, tx.tenant_id, limit)]
    return found
