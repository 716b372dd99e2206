"""The catalogue's SQL."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from asyncpg import Record

from vezne.catalog.models import FeeRule, Item, PriceRecord, Tier
from vezne.kernel.db import Tx


async def insert_item(tx: Tx, item: Item) -> None:
    """Write a new item, without its prices."""
    await tx.execute(
        """INSERT INTO items (tenant_id, id, created_at, name, description, kind, payee_id, fee_rule_id, per, accepts,
                              on_sale_from, on_sale_until, max_per_order, active, metadata)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)""",
        tx.tenant_id,
        item.id,
        item.created_at,
        *_columns(item),
    )


async def update_item(tx: Tx, item: Item) -> None:
    """Write an item's details."""
    await tx.execute(
        """UPDATE items SET name = $3, description = $4, kind = $5, payee_id = $6, fee_rule_id = $7, per = $8, accepts = $9,
                            on_sale_from = $10, on_sale_until = $11, max_per_order = $12, active = $13, metadata = $14
           WHERE tenant_id = $1 AND id = $2""",
        tx.tenant_id,
        item.id,
        *_columns(item),
    )


async def lock_item(tx: Tx, item_id: UUID) -> bool:
    """Hold an item until the transaction ends; False when there is none."""
    sql = "SELECT 1 FROM items WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE"
    return await tx.fetchval(sql, tx.tenant_id, item_id) is not None


async def select_items_by_id(tx: Tx, item_ids: Sequence[UUID], payee_id: UUID | None) -> dict[UUID, Item]:
    """These items with their present prices; of one payee only, when it is given."""
    rows = await tx.fetch(
        "SELECT * FROM items WHERE tenant_id = $1 AND id = ANY ($2::uuid[]) AND ($3::uuid IS NULL OR payee_id = $3)",
        tx.tenant_id,
        item_ids,
        payee_id,
    )
    return {item.id: item for item in await _priced(tx, rows)}


async def select_items(
    tx: Tx, *, kind: str | None, payee_id: UUID | None, active: bool | None, before: UUID | None, limit: int
) -> list[Item]:
    """Items with their present prices, newest first."""
    rows = await tx.fetch(
        """SELECT * FROM items
           WHERE tenant_id = $1 AND ($2::text IS NULL OR kind = $2) AND ($3::uuid IS NULL OR payee_id = $3)
             AND ($4::boolean IS NULL OR active = $4) AND ($5::uuid IS NULL OR id < $5)
           ORDER BY id DESC LIMIT $6""",
        tx.tenant_id,
        kind,
        payee_id,
        active,
        before,
        limit,
    )
    return await _priced(tx, rows)


async def insert_prices(tx: Tx, item_id: UUID, prices: Mapping[str, int | None]) -> None:
    """Add prices to an item that is locked or new."""
    await tx.execute(
        """INSERT INTO item_prices (tenant_id, item_id, number, currency, amount_minor, set_at)
           SELECT $1, $2, known.number + priced.place, priced.currency, priced.amount_minor, $5
           FROM (SELECT coalesce(max(number), 0) AS number FROM item_prices WHERE tenant_id = $1 AND item_id = $2) AS known,
                unnest($3::text[], $4::bigint[]) WITH ORDINALITY AS priced (currency, amount_minor, place)""",
        tx.tenant_id,
        item_id,
        list(prices),
        list(prices.values()),
        tx.now,
    )


async def select_price_history(
    tx: Tx, item_id: UUID, *, currency: str | None, before: int | None, limit: int
) -> list[PriceRecord]:
    """What an item has cost, newest first."""
    rows = await tx.fetch(
        """SELECT number, currency, amount_minor, set_at FROM item_prices
           WHERE tenant_id = $1 AND item_id = $2 AND ($3::text IS NULL OR currency = $3) AND ($4::bigint IS NULL OR number < $4)
           ORDER BY number DESC LIMIT $5""",
        tx.tenant_id,
        item_id,
        currency,
        before,
        limit,
    )
    return [PriceRecord(*row) for row in rows]


async def _priced(tx: Tx, rows: Sequence[Record]) -> list[Item]:
    prices: dict[UUID, dict[str, int]] = {row["id"]: {} for row in rows}
    found = await tx.fetch(
        """SELECT DISTINCT ON (item_id, currency) item_id, currency, amount_minor FROM item_prices
           WHERE tenant_id = $1 AND item_id = ANY ($2::uuid[]) ORDER BY item_id, currency, number DESC""",
        tx.tenant_id,
        list(prices),
    )
    for item_id, currency, amount_minor in found:
        if amount_minor is not None:
            prices[item_id][currency] = amount_minor
    return [_item(row, prices[row["id"]]) for row in rows]


async def insert_fee_rule(tx: Tx, rule_id: UUID) -> None:
    """Write a new fee rule, whose first version follows."""
    await tx.execute(
        "INSERT INTO fee_rules (tenant_id, id, latest, created_at) VALUES ($1, $2, 1, $3)", tx.tenant_id, rule_id, tx.now
    )


async def number_next_version(tx: Tx, rule_id: UUID) -> int | None:
    """The number of the rule's next version, the rule locked; None when there is no such rule."""
    number: int | None = await tx.fetchval(
        "UPDATE fee_rules SET latest = latest + 1 WHERE tenant_id = $1 AND id = $2 RETURNING latest", tx.tenant_id, rule_id
    )
    return number


async def insert_fee_rule_version(tx: Tx, rule: FeeRule) -> None:
    """Write a version of a fee rule."""
    await tx.execute(
        """INSERT INTO fee_rule_versions (tenant_id, fee_rule_id, version, name, percentage, fixed_minor, minimum_minor,
                                          maximum_minor, tiers, fee_borne_by, discount_borne_by, valid_from, created_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)""",
        tx.tenant_id,
        rule.id,
        rule.version,
        rule.name,
        rule.percentage,
        _json(rule.fixed_minor),
        _json(rule.minimum_minor),
        _json(rule.maximum_minor),
        _json([[tier.from_minor, tier.percentage] for tier in rule.tiers]),
        rule.fee_borne_by,
        rule.discount_borne_by,
        rule.valid_from,
        tx.now,
    )


async def select_versions(tx: Tx, rule_id: UUID, *, before: int | None = None, limit: int | None = None) -> list[FeeRule]:
    """A rule's versions, newest first."""
    rows = await tx.fetch(
        """SELECT * FROM fee_rule_versions
           WHERE tenant_id = $1 AND fee_rule_id = $2 AND ($3::integer IS NULL OR version < $3) ORDER BY version DESC LIMIT $4""",
        tx.tenant_id,
        rule_id,
        before,
        limit,
    )
    return [_fee_rule(row) for row in rows]


async def select_fee_rules(
    tx: Tx, *, at: datetime, rule_id: UUID | None = None, payee_id: UUID | None, before: UUID | None, limit: int
) -> list[FeeRule]:
    """Rules in the version that holds `at` (the first, where none does yet), newest first; one payee's items' only, if given."""
    rows = await tx.fetch(
        """SELECT version.* FROM fee_rules
           CROSS JOIN LATERAL (
               SELECT * FROM fee_rule_versions
               WHERE tenant_id = $1 AND fee_rule_id = fee_rules.id AND (valid_from <= $2 OR version = 1)
               ORDER BY version DESC LIMIT 1
           ) AS version
           WHERE fee_rules.tenant_id = $1 AND ($3::uuid IS NULL OR fee_rules.id = $3)
             AND ($4::uuid IS NULL OR EXISTS (
                 SELECT FROM items WHERE tenant_id = $1 AND payee_id = $4 AND fee_rule_id = fee_rules.id))
             AND ($5::uuid IS NULL OR fee_rules.id < $5)
           ORDER BY fee_rules.id DESC LIMIT $6""",
        tx.tenant_id,
        at,
        rule_id,
        payee_id,
        before,
        limit,
    )
    return [_fee_rule(row) for row in rows]


async def select_gaps(tx: Tx) -> list[Record]:
    """Items and rules whose prices or versions do not count 1, 2, 3, … as far as they must."""
    return await tx.fetch(
        """SELECT 'itm' AS prefix, item_id AS id, count(*) AS rows, max(number)::bigint AS newest FROM item_prices
           WHERE tenant_id = $1 GROUP BY item_id HAVING count(*) <> max(number)
           UNION ALL
           SELECT 'fee', fee_rules.id, count(version), fee_rules.latest FROM fee_rules
           LEFT JOIN fee_rule_versions AS known ON known.tenant_id = $1 AND known.fee_rule_id = fee_rules.id
           WHERE fee_rules.tenant_id = $1 GROUP BY fee_rules.id, fee_rules.latest
           HAVING count(version) <> fee_rules.latest OR max(version) IS DISTINCT FROM fee_rules.latest""",
        tx.tenant_id,
    )


async def select_all_versions(tx: Tx) -> list[FeeRule]:
    """Every version of every rule."""
    rows = await tx.fetch("SELECT * FROM fee_rule_versions WHERE tenant_id = $1", tx.tenant_id)
    return [_fee_rule(row) for row in rows]


async def select_priced_currencies(tx: Tx) -> list[Record]:
    """Each item's priced currencies."""
    return await tx.fetch(
        "SELECT item_id, array_agg(DISTINCT currency) AS currencies FROM item_prices WHERE tenant_id = $1 GROUP BY item_id",
        tx.tenant_id,
    )


def _columns(item: Item) -> tuple[object, ...]:
    return (
        item.name,
        item.description,
        item.kind,
        item.payee_id,
        item.fee_rule_id,
        item.per,
        list(item.accepts),
        item.on_sale_from,
        item.on_sale_until,
        item.max_per_order,
        item.active,
        _json(item.metadata),
    )


def _json(value: Any) -> str:  # noqa: ANN401 - JSON
    return msgspec.json.encode(value).decode()


def _item(row: Record, prices: Mapping[str, int]) -> Item:
    return Item(
        id=row["id"],
        name=row["name"],
        description=row["description"],
        kind=row["kind"],
        payee_id=row["payee_id"],
        fee_rule_id=row["fee_rule_id"],
        per=row["per"],
        prices=prices,
        accepts=tuple(row["accepts"]),
        on_sale_from=row["on_sale_from"],
        on_sale_until=row["on_sale_until"],
        max_per_order=row["max_per_order"],
        active=row["active"],
        metadata=msgspec.json.decode(row["metadata"]),
        created_at=row["created_at"],
    )


def _fee_rule(row: Record) -> FeeRule:
    return FeeRule(
        id=row["fee_rule_id"],
        version=row["version"],
        name=row["name"],
        percentage=row["percentage"],
        fixed_minor=msgspec.json.decode(row["fixed_minor"]),
        minimum_minor=msgspec.json.decode(row["minimum_minor"]),
        maximum_minor=msgspec.json.decode(row["maximum_minor"]),
        tiers=tuple(Tier(*tier) for tier in msgspec.json.decode(row["tiers"])),
        fee_borne_by=row["fee_borne_by"],
        discount_borne_by=row["discount_borne_by"],
        valid_from=row["valid_from"],
    )
