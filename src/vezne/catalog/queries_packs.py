"""The SQL of packs; their items are read beside them."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec
from asyncpg import Record

from vezne.catalog.packs import PackTerms, PackTier
from vezne.kernel.db import Tx


async def insert_pack(tx: Tx, item_id: UUID, terms: PackTerms) -> None:
    """Write a new item's terms."""
    await tx.execute(
        """INSERT INTO packs (tenant_id, item_id, units, per_units, tiers, min_units, max_units, bonus_units, life_days,
                              wallet_kind, unit, manner)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)""",
        tx.tenant_id,
        item_id,
        *_columns(terms),
        terms.wallet_kind,
        terms.unit,
        terms.manner,
    )


async def update_pack(tx: Tx, item_id: UUID, terms: PackTerms) -> None:
    """Write a locked item's terms."""
    await tx.execute(
        """UPDATE packs SET units = $3, per_units = $4, tiers = $5, min_units = $6, max_units = $7, bonus_units = $8,
                            life_days = $9 WHERE tenant_id = $1 AND item_id = $2""",
        tx.tenant_id,
        item_id,
        *_columns(terms),
    )


async def select_terms(tx: Tx, item_ids: Sequence[UUID]) -> dict[UUID, dict[str, Any]]:
    """The terms of those of these items that are packs."""
    rows = await tx.fetch("SELECT * FROM packs WHERE tenant_id = $1 AND item_id = ANY ($2::uuid[])", tx.tenant_id, item_ids)
    return {row["item_id"]: _terms(row) for row in rows}


async def select_pack_ids(tx: Tx, *, wallet_kind: str | None, active: bool | None, before: UUID | None, limit: int) -> list[UUID]:
    """The items that are packs, newest first."""
    rows = await tx.fetch(
        """SELECT items.id FROM packs JOIN items ON items.tenant_id = packs.tenant_id AND items.id = packs.item_id
           WHERE packs.tenant_id = $1 AND ($2::text IS NULL OR packs.wallet_kind = $2)
             AND ($3::boolean IS NULL OR items.active = $3) AND ($4::uuid IS NULL OR items.id < $4)
           ORDER BY items.id DESC LIMIT $5""",
        tx.tenant_id,
        wallet_kind,
        active,
        before,
        limit,
    )
    return [row["id"] for row in rows]


async def select_all_terms(tx: Tx) -> Mapping[UUID, dict[str, Any]]:
    """The terms of every pack."""
    rows = await tx.fetch("SELECT * FROM packs WHERE tenant_id = $1", tx.tenant_id)
    return {row["item_id"]: _terms(row) for row in rows}


def _columns(terms: PackTerms) -> tuple[object, ...]:
    tiers = [[tier.from_units, tier.prices] for tier in terms.tiers]
    return (
        terms.units,
        terms.per_units,
        msgspec.json.encode(tiers).decode(),
        terms.min_units,
        terms.max_units,
        terms.bonus_units,
        terms.life_days,
    )


def _terms(row: Record) -> dict[str, Any]:
    terms = {name: row[name] for name in ("wallet_kind", "unit", "manner", "units", "per_units", "min_units", "max_units")}
    tiers = tuple(PackTier(start, prices) for start, prices in msgspec.json.decode(row["tiers"]))
    return {**terms, "tiers": tiers, "bonus_units": row["bonus_units"], "life_days": row["life_days"]}
