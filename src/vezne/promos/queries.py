"""SQL of promotions, their codes and uses."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any
from uuid import UUID

import msgspec
from asyncpg import Record

from vezne.kernel.db import Tx
from vezne.promos.models import Code, Offer, Performance, Promotion, Redemption

_JSON = ("cap_minor", "amount_minor", "minimum_minor", "customer_metadata", "metadata")
_LISTS = ("currencies", "item_ids", "plan_ids", "line_kinds")


_PROMOTION = [field.name for field in fields(Promotion)]
_CODE = [field.name for field in fields(Code)]


def _promotion(row: Record) -> Promotion:
    facts: dict[str, Any] = {name: row[name] for name in _PROMOTION}
    for name in _JSON:
        facts[name] = msgspec.json.decode(facts[name])
    for name in _LISTS:
        facts[name] = tuple(facts[name])
    return Promotion(**facts)


def _redemption(row: Record) -> Redemption:
    facts = {name: value for name, value in row.items() if name != "tenant_id"}
    facts["line_discounts"] = {int(number): minor for number, minor in msgspec.json.decode(facts["line_discounts"]).items()}
    facts["lines"], facts["identities"] = tuple(facts["lines"]), tuple(facts["identities"])
    return Redemption(**facts)


async def insert_promotion(tx: Tx, promotion: Promotion) -> None:
    """A new promotion."""
    facts = {name: getattr(promotion, name) for name in _PROMOTION}
    facts.update({name: msgspec.json.encode(facts[name]).decode() for name in _JSON})
    facts.update({name: list(facts[name]) for name in _LISTS})
    await tx.copy("promotions", ["tenant_id", *facts], [(tx.tenant_id, *facts.values())])


async def insert_listed(tx: Tx, promotion_id: UUID, customer_ids: Sequence[UUID]) -> None:
    """Who may use it."""
    rows = [(tx.tenant_id, promotion_id, customer_id) for customer_id in customer_ids]
    await tx.copy("promotion_customers", ["tenant_id", "promotion_id", "customer_id"], rows)


async def delete_listed(tx: Tx, promotion_id: UUID) -> None:
    """Nobody is on a locked promotion's list."""
    await tx.execute("DELETE FROM promotion_customers WHERE tenant_id = $1 AND promotion_id = $2", tx.tenant_id, promotion_id)


async def count_listed(tx: Tx, promotion_ids: Sequence[UUID]) -> dict[UUID, int]:
    """How many customers are on each list."""
    rows = await tx.fetch(
        """SELECT promotion_id, count(*) AS listed FROM promotion_customers
           WHERE tenant_id = $1 AND promotion_id = ANY ($2::uuid[]) GROUP BY promotion_id""",
        tx.tenant_id,
        promotion_ids,
    )
    return {row["promotion_id"]: row["listed"] for row in rows}


async def select_promotion(tx: Tx, promotion_id: UUID) -> Promotion | None:
    """The promotion, not locked."""
    row = await tx.fetchrow("SELECT * FROM promotions WHERE tenant_id = $1 AND id = $2", tx.tenant_id, promotion_id)
    return None if row is None else _promotion(row)


async def lock_promotion(tx: Tx, promotion_id: UUID) -> Promotion | None:
    """The promotion, to be changed; whoever takes or gives up a use waits."""
    row = await tx.fetchrow("SELECT * FROM promotions WHERE tenant_id = $1 AND id = $2 FOR UPDATE", tx.tenant_id, promotion_id)
    return None if row is None else _promotion(row)


async def select_promotions(tx: Tx, *, limit: int, before: UUID | None, active: bool | None) -> list[Promotion]:
    """Promotions, newest first."""
    rows = await tx.fetch(
        """SELECT * FROM promotions
           WHERE tenant_id = $1 AND ($2::uuid IS NULL OR id < $2) AND ($3::boolean IS NULL OR active = $3)
           ORDER BY id DESC LIMIT $4""",
        tx.tenant_id,
        before,
        active,
        limit,
    )
    return [_promotion(row) for row in rows]


async def update_promotion(tx: Tx, promotion: Promotion) -> None:
    """What may be changed of a locked promotion."""
    await tx.execute(
        """UPDATE promotions SET name = $3, starts_at = $4, ends_at = $5, max_uses = $6, max_uses_per_customer = $7,
                                 listed_only = $8, metadata = $9, active = $10, uses = $11
           WHERE tenant_id = $1 AND id = $2""",
        tx.tenant_id,
        promotion.id,
        promotion.name,
        promotion.starts_at,
        promotion.ends_at,
        promotion.max_uses,
        promotion.max_uses_per_customer,
        promotion.listed_only,
        msgspec.json.encode(promotion.metadata).decode(),
        promotion.active,
        promotion.uses,
    )


async def insert_codes(tx: Tx, codes: Sequence[Code]) -> list[Code]:
    """Those of these codes that nobody has; the others are not written."""
    rows = await tx.fetch(
        """INSERT INTO promo_codes (tenant_id, promotion_id, max_uses, active, created_at, id, code, folded)
           SELECT $1, $2, $3, $4, $5, new.* FROM unnest($6::uuid[], $7::text[], $8::text[]) AS new
           ON CONFLICT (tenant_id, folded) DO NOTHING RETURNING id""",
        tx.tenant_id,
        codes[0].promotion_id,
        codes[0].max_uses,
        codes[0].active,
        codes[0].created_at,
        [code.id for code in codes],
        [code.code for code in codes],
        [code.folded for code in codes],
    )
    made = {row["id"] for row in rows}
    return [code for code in codes if code.id in made]


def _code(row: Record) -> Code:
    return Code(**{name: row[name] for name in _CODE})


async def select_code(tx: Tx, code_id: UUID) -> Code | None:
    """The code, not locked."""
    row = await tx.fetchrow("SELECT * FROM promo_codes WHERE tenant_id = $1 AND id = $2", tx.tenant_id, code_id)
    return None if row is None else _code(row)


async def lock_code(tx: Tx, code_id: UUID) -> Code | None:
    """The code, to be changed."""
    row = await tx.fetchrow("SELECT * FROM promo_codes WHERE tenant_id = $1 AND id = $2 FOR UPDATE", tx.tenant_id, code_id)
    return None if row is None else _code(row)


async def select_codes(tx: Tx, *, limit: int, before: UUID | None, promotion_id: UUID | None, folded: str | None) -> list[Code]:
    """Codes, newest first."""
    rows = await tx.fetch(
        """SELECT * FROM promo_codes
           WHERE tenant_id = $1 AND ($2::uuid IS NULL OR id < $2) AND ($3::uuid IS NULL OR promotion_id = $3)
             AND ($4::text IS NULL OR folded = $4)
           ORDER BY id DESC LIMIT $5""",
        tx.tenant_id,
        before,
        promotion_id,
        folded,
        limit,
    )
    return [_code(row) for row in rows]


async def select_codes_with_uses(tx: Tx, promotion_id: UUID) -> list[tuple[Code, int]]:
    """Every code of a promotion, oldest first, and how many of its uses are reserved or redeemed."""
    rows = await tx.fetch(
        """SELECT code.*, coalesce(used.used, 0) AS used FROM promo_codes AS code
           LEFT JOIN (SELECT code_id, count(*) AS used FROM promo_redemptions
                      WHERE tenant_id = $1 AND promotion_id = $2 AND status <> 'released' GROUP BY code_id) AS used
               ON used.code_id = code.id
           WHERE code.tenant_id = $1 AND code.promotion_id = $2 ORDER BY code.id""",
        tx.tenant_id,
        promotion_id,
    )
    return [(_code(row), row["used"]) for row in rows]


async def update_code(tx: Tx, code: Code) -> None:
    """What may be changed of a locked code."""
    await tx.execute(
        "UPDATE promo_codes SET max_uses = $3, active = $4, uses = $5 WHERE tenant_id = $1 AND id = $2",
        tx.tenant_id,
        code.id,
        code.max_uses,
        code.active,
        code.uses,
    )


async def select_offers(tx: Tx, folded: Sequence[str], customer_id: UUID) -> dict[str, Offer]:
    """The codes there are of these, each with its promotion, and whether the customer is on its list."""
    codes = [
        _code(row)
        for row in await tx.fetch(
            "SELECT * FROM promo_codes WHERE tenant_id = $1 AND folded = ANY ($2::text[])", tx.tenant_id, folded
        )
    ]
    rows = await tx.fetch(
        """SELECT promotions.*, EXISTS (
               SELECT FROM promotion_customers AS listed
               WHERE listed.tenant_id = $1 AND listed.promotion_id = promotions.id AND listed.customer_id = $3) AS listed
           FROM promotions WHERE tenant_id = $1 AND id = ANY ($2::uuid[])""",
        tx.tenant_id,
        [code.promotion_id for code in codes],
        customer_id,
    )
    promotions = {row["id"]: (_promotion(row), row["listed"]) for row in rows}
    return {code.folded: Offer(code, *promotions[code.promotion_id]) for code in codes}


async def count_uses(tx: Tx, *, promotion_id: UUID | None = None, code_id: UUID | None = None) -> int:
    """How many uses of a locked promotion, or of a code of it, are reserved or redeemed."""
    found: int = await tx.fetchval(
        """SELECT count(*) FROM promo_redemptions
           WHERE tenant_id = $1 AND status <> 'released'
             AND ($2::uuid IS NULL OR promotion_id = $2) AND ($3::uuid IS NULL OR code_id = $3)""",
        tx.tenant_id,
        promotion_id,
        code_id,
    )
    return found


async def select_identity_uses(tx: Tx, identities: Sequence[bytes], promotion_ids: Sequence[UUID]) -> dict[UUID, int]:
    """How often somebody known by one of these has used each promotion."""
    rows = await tx.fetch(
        """SELECT promotion_id, max(uses) AS uses FROM promo_identity_uses
           WHERE tenant_id = $1 AND promotion_id = ANY ($2::uuid[]) AND identity = ANY ($3::bytea[]) GROUP BY promotion_id""",
        tx.tenant_id,
        promotion_ids,
        identities,
    )
    return {row["promotion_id"]: row["uses"] for row in rows}


async def insert_redemptions(tx: Tx, redemptions: Sequence[Redemption]) -> None:
    """The uses an order reserves."""
    columns = [field.name for field in fields(Redemption) if field.name not in {"code", "kind"}]
    rows = []
    for each in redemptions:
        facts = {name: getattr(each, name) for name in columns}
        facts["line_discounts"] = msgspec.json.encode({str(line): off for line, off in each.line_discounts.items()}).decode()
        rows.append((tx.tenant_id, *facts.values()))
    await tx.copy("promo_redemptions", ["tenant_id", *columns], rows)


async def select_redemptions(tx: Tx, order_ids: Sequence[UUID]) -> list[Redemption]:
    """The uses of these orders, each order's by promotion: the order in which they are locked."""
    rows = await tx.fetch(
        """SELECT redemption.*, code.code, promotion.kind FROM promo_redemptions AS redemption
           JOIN promo_codes AS code ON code.tenant_id = redemption.tenant_id AND code.id = redemption.code_id
           JOIN promotions AS promotion ON promotion.tenant_id = redemption.tenant_id AND promotion.id = redemption.promotion_id
           WHERE redemption.tenant_id = $1 AND redemption.order_id = ANY ($2::uuid[])
           ORDER BY redemption.order_id, redemption.promotion_id""",
        tx.tenant_id,
        order_ids,
    )
    return [_redemption(row) for row in rows]


async def select_redemptions_page(
    tx: Tx, *, limit: int, before: UUID | None, promotion_id: UUID | None, code_id: UUID | None, customer_id: UUID | None
) -> list[Redemption]:
    """Uses, newest first."""
    rows = await tx.fetch(
        """SELECT redemption.*, code.code, promotion.kind FROM promo_redemptions AS redemption
           JOIN promo_codes AS code ON code.tenant_id = redemption.tenant_id AND code.id = redemption.code_id
           JOIN promotions AS promotion ON promotion.tenant_id = redemption.tenant_id AND promotion.id = redemption.promotion_id
           WHERE redemption.tenant_id = $1 AND ($2::uuid IS NULL OR redemption.id < $2)
             AND ($3::uuid IS NULL OR redemption.promotion_id = $3) AND ($4::uuid IS NULL OR redemption.code_id = $4)
             AND ($5::uuid IS NULL OR redemption.customer_id = $5)
           ORDER BY redemption.id DESC LIMIT $6""",
        tx.tenant_id,
        before,
        promotion_id,
        code_id,
        customer_id,
        limit,
    )
    return [_redemption(row) for row in rows]


async def mark_redeemed(tx: Tx, redemption_id: UUID) -> None:
    """The order is paid."""
    await tx.execute(
        """UPDATE promo_redemptions SET status = 'redeemed', redeemed_at = $3, released_at = NULL
           WHERE tenant_id = $1 AND id = $2""",
        tx.tenant_id,
        redemption_id,
        tx.now,
    )


async def mark_released(tx: Tx, redemption_id: UUID) -> None:
    """The order ended unpaid."""
    await tx.execute(
        "UPDATE promo_redemptions SET status = 'released', released_at = $3 WHERE tenant_id = $1 AND id = $2",
        tx.tenant_id,
        redemption_id,
        tx.now,
    )


async def mark_bonus(tx: Tx, redemption: Redemption) -> None:
    """Where a bonus was granted, and what of it came back."""
    await tx.execute(
        """UPDATE promo_redemptions SET bonus_transaction_id = $3, bonus_taken = $4, bonus_missing = $5, bonus_moves = $6
           WHERE tenant_id = $1 AND id = $2""",
        tx.tenant_id,
        redemption.id,
        redemption.bonus_transaction_id,
        redemption.bonus_taken,
        redemption.bonus_missing,
        redemption.bonus_moves,
    )


async def select_performance(tx: Tx, *, promotion_id: UUID | None = None, code_id: UUID | None = None) -> list[Performance]:
    """What a promotion, or a code, has done, by currency. An order with two of a tenant's promotions is revenue of both."""
    rows = await tx.fetch(
        """SELECT currency, count(*) FILTER (WHERE status = 'reserved') AS reserved,
                  count(*) FILTER (WHERE status = 'redeemed') AS redeemed,
                  count(*) FILTER (WHERE status = 'released') AS released,
                  coalesce(sum(discount_minor) FILTER (WHERE status = 'redeemed'), 0)::bigint AS discount_minor,
                  coalesce(sum(order_minor) FILTER (WHERE status = 'redeemed'), 0)::bigint AS revenue_minor,
                  coalesce(sum(bonus_units - bonus_taken) FILTER (WHERE bonus_transaction_id IS NOT NULL), 0)::bigint
                      AS bonus_units
           FROM promo_redemptions
           WHERE tenant_id = $1 AND ($2::uuid IS NULL OR promotion_id = $2) AND ($3::uuid IS NULL OR code_id = $3)
           GROUP BY currency ORDER BY currency""",
        tx.tenant_id,
        promotion_id,
        code_id,
    )
    return [Performance(**row) for row in rows]
