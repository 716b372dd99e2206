"""The voucher catalogue: what is offered, and its stock."""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any
from uuid import UUID

from vezne.kernel.db import Tx
from vezne.kernel.ids import new_id, public_id
from vezne.rewards.events import VoucherChanged, VoucherCreated, VoucherStocked
from vezne.rewards.models.vouchers import MOST_IN_STOCK, Inventory, Stocked, Voucher, VoucherTerms
from vezne.rewards.queries import vouchers as queries
from vezne.rewards.refusals import CodesNeeded, CodesNotTaken, StockTooLarge, StockTooSmall, VoucherUnknown

_PURPOSE = "voucher codes"


async def create_voucher(tx: Tx, terms: VoucherTerms, inventory: Inventory, *, quantity: int = 0) -> Voucher:
    """Offer something for coins; its stock is a number, or codes to be uploaded. Raises VoucherMalformed, CodesNeeded."""
    if inventory == "codes" and quantity:
        raise CodesNeeded(loc=("body", "quantity"))
    facts: dict[str, Any] = {each.name: getattr(terms, each.name) for each in fields(VoucherTerms)}
    voucher = Voucher(id=new_id(), inventory=inventory, stocked=quantity, redeemed=0, created_at=tx.now, **facts)
    await queries.insert_voucher(tx, voucher)
    await tx.publish(VoucherCreated(voucher_id=voucher.id, name=voucher.name, price_minor=voucher.price_minor))
    return voucher


async def change_voucher(tx: Tx, voucher_id: UUID, changes: Mapping[str, Any]) -> Voucher:
    """Change those details that are given; what was redeemed stays. The same again: no change.

    Raises VoucherUnknown, VoucherMalformed.
    """
    before = await _lock(tx, voucher_id)
    after = replace(before, **changes)
    changed = sorted(name for name in changes if getattr(before, name) != getattr(after, name))
    if changed:
        await queries.update_voucher(tx, after)
        await tx.publish(VoucherChanged(voucher_id=voucher_id, changed=changed))
    return after


async def add_stock(tx: Tx, voucher_id: UUID, quantity: int) -> Stocked:
    """Put so many more (negative: fewer) into a counted stock.

    Raises VoucherUnknown, CodesNeeded, StockTooSmall, StockTooLarge.
    """
    voucher = await _lock(tx, voucher_id)
    if voucher.inventory == "codes":
        raise CodesNeeded(loc=("body", "quantity"))
    if voucher.left + quantity < 0:
        raise StockTooSmall(loc=("body", "quantity"), voucher_id=public_id("vch", voucher_id), left=voucher.left)
    return await _stock(tx, voucher, quantity, 0)


async def upload_codes(tx: Tx, voucher_id: UUID, codes: Sequence[str]) -> Stocked:
    """Put codes into the stock, each once however often it is uploaded; unreadable at rest.

    Raises VoucherUnknown, CodesNotTaken, StockTooLarge.
    """
    voucher = await _lock(tx, voucher_id)
    if voucher.inventory != "codes":
        raise CodesNotTaken(loc=("body", "codes"))
    keys = tx.vault.keys(_PURPOSE)
    digests = {code: [_digest(key, code) for key in keys] for code in dict.fromkeys(codes)}
    known = await queries.select_known_digests(tx, voucher_id, [digest for each in digests.values() for digest in each])
    fresh = [code for code, each in digests.items() if known.isdisjoint(each)]
    if fresh:
        await queries.insert_codes(tx, voucher_id, [(digests[code][0], tx.vault.seal(code.encode())) for code in fresh])
    return await _stock(tx, voucher, len(fresh), len(codes) - len(fresh))


async def voucher(tx: Tx, voucher_id: UUID) -> Voucher:
    """One voucher; a customer's own token sees what is offered. Raises VoucherUnknown."""
    found = await queries.select_voucher(tx, voucher_id)
    if found is None or (tx.principal.customer_id is not None and found.withheld(tx.now) is not None):
        raise VoucherUnknown(voucher_id=public_id("vch", voucher_id))
    return found


async def vouchers(
    tx: Tx, *, offered: bool = False, active: bool | None = None, before: UUID | None = None, limit: int = 20
) -> list[Voucher]:
    """Vouchers, newest first; a customer's own token sees what can be had now."""
    offered = offered or tx.principal.customer_id is not None
    return await queries.select_vouchers(tx, offered=offered, active=active, before=before, limit=limit)


def _digest(key: bytes, code: str) -> bytes:
    """Tells whether two codes are the same, to whoever has the key."""
    return hmac.new(key, code.encode(), hashlib.sha256).digest()


async def _lock(tx: Tx, voucher_id: UUID) -> Voucher:
    found = await queries.select_voucher(tx, voucher_id, lock=True)
    if found is None:
        raise VoucherUnknown(voucher_id=public_id("vch", voucher_id))
    return found


async def _stock(tx: Tx, before: Voucher, added: int, known: int) -> Stocked:
    if before.stocked + added > MOST_IN_STOCK:
        raise StockTooLarge(loc=("body", "quantity"), most=MOST_IN_STOCK)
    after = replace(before, stocked=before.stocked + added)
    if added:
        await queries.update_stocked(tx, before.id, after.stocked)
        await tx.publish(VoucherStocked(voucher_id=before.id, added=added, left=after.left))
    return Stocked(after, added, known)
