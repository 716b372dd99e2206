"""Receipts: everything a person is to read of a paid order, gathered; and the letters that orders send."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

from vezne import identity, memberships, payments, promos, wallets
from vezne.kernel import mail
from vezne.kernel.db import Database, Tx
from vezne.kernel.errors import Conflict
from vezne.kernel.ids import parse_id, public_id
from vezne.kernel.money import Money
from vezne.kernel.principal import Principal
from vezne.orders import queries_packs, receipts
from vezne.orders.models import Line, Order, Tender
from vezne.orders.operations import reading
from vezne.orders.receipts import Given, PaidBy, Receipt, ReceiptLine


class ReceiptNotYet(Conflict):
    """Order {order_id} is {status}: there is a receipt once it is paid."""


async def receipt(tx: Tx, order_id: UUID) -> Receipt:
    """What a receipt shows; once a payment is there. Raises UnknownOrder, ReceiptNotYet."""
    view = await reading.view(tx, order_id)
    order = view.order
    if order.paid_at is None:
        raise ReceiptNotYet(order_id=public_id("ord", order_id), status=order.status)
    return Receipt(
        order=order,
        lines=[await _line(tx, line) for line in view.lines],
        bonus=await _bonus(tx, order),
        paid=[await _paid_by(tx, tender, view.attempts) for tender in view.tenders if tender.status == "captured"],
        customer=await identity.customer(tx, order.customer_id),
        tenant=await identity.tenant_of(tx),
    )


async def send_receipt(db: Database, principal: Principal, order_id: UUID) -> None:
    """Post the receipt, once an order, where the tenant wants that and the customer has an address."""
    async with db.transaction(principal, read_only=True) as tx:
        reader = await _reader(tx, order_id)
        if reader is None:
            return
        found = await receipt(tx, order_id)
    file = await asyncio.to_thread(receipts.pdf, found, reader.language)
    letter = receipts.receipt_letter(found, reader, file)
    async with db.transaction(principal) as tx:
        await mail.post(tx, letter)


async def send_refund_letter(tx: Tx, order_id: UUID, refund_id: UUID) -> None:
    """Post what of a refund goes back where, once a refund, where the tenant wants that and the customer has an address."""
    reader = await _reader(tx, order_id)
    if reader is None:
        return
    found = await receipt(tx, order_id)
    refunds, shares = await reading.refunds_of(tx, order_id)
    refund = next(each for each in refunds if each.id == refund_id)
    parts = [
        (by, sum(share.amount_minor for share in shares if (share.refund_id, share.tender_id) == (refund_id, by.tender.id)))
        for by in found.paid
    ]
    await mail.post(tx, receipts.refund_letter(found, reader, refund, [(by, part) for by, part in parts if part]))


async def _reader(tx: Tx, order_id: UUID) -> identity.Reader | None:
    if not (await identity.settings_of(tx)).mail_receipts:
        return None
    order = await reading.order(tx, order_id)
    return (await identity.readers(tx, [order.customer_id])).get(order.customer_id)


async def _line(tx: Tx, line: Line) -> ReceiptLine:
    if line.kind == "credit_pack":
        grants = await queries_packs.select_grants(tx, line.id)
        return ReceiptLine(line, await _given(tx, [grant.transaction_id for grant in grants]))
    if line.kind == "membership" and "period_id" in line.details:
        period = await memberships.period(tx, parse_id("mpd", line.details["period_id"]))
        given = await _given(tx, [] if period.grant_id is None else [period.grant_id])
        return ReceiptLine(line, given, (period.starts_at, period.ends_at))
    return ReceiptLine(line)


async def _bonus(tx: Tx, order: Order) -> Sequence[Given]:
    uses = await promos.redemptions_of(tx, [order.id])
    return await _given(tx, [use.bonus_transaction_id for use in uses if use.bonus_transaction_id is not None])


async def _given(tx: Tx, transaction_ids: Sequence[UUID]) -> list[Given]:
    """The lots that these credits granted, as they were granted."""
    lots = await wallets.granted_lots(tx, transaction_ids)
    held = {lot.wallet_id: await wallets.wallet(tx, lot.wallet_id) for lot in lots}
    return [Given(Money(lot.amount_minor, held[lot.wallet_id].currency), lot.expires_at) for lot in lots]


async def _paid_by(tx: Tx, tender: Tender, attempts: Sequence[payments.Attempt]) -> PaidBy:
    if tender.wallet_id is not None:
        wallet = await wallets.wallet(tx, tender.wallet_id)
        units = Money(tender.units, wallet.currency) if wallet.kind_name == "coins" else None
        return PaidBy(tender, wallet.kind_name, units=units)
    final = next((attempt for attempt in attempts if attempt.is_final), None)
    if final is None:
        return PaidBy(tender, "online")
    card = ""
    if final.method_id is not None:
        method = await payments.method(tx, final.method_id)
        card = f"{method.brand.capitalize()} •••• {method.last4}"
    return PaidBy(tender, final.provider, final.provider_ref or final.reference, card)
