"""Redeeming vouchers: the stock goes down, the coins are spent and a code is given in one transaction, or nothing happens."""

from dataclasses import replace
from uuid import UUID

from vezne import wallets
from vezne.kernel.db import Tx
from vezne.kernel.ids import new_id, public_id
from vezne.kernel.money import Money
from vezne.rewards.events import RedemptionCancelled, VoucherRedeemed
from vezne.rewards.models.vouchers import Redemption, Voucher
from vezne.rewards.operations.moving import coin_wallet
from vezne.rewards.queries import rewards as customers
from vezne.rewards.queries import vouchers as queries
from vezne.rewards.refusals import (
    VoucherLimitReached,
    VoucherNotOffered,
    VoucherRedemptionReused,
    VoucherRedemptionUnknown,
    VoucherSoldOut,
    VoucherUnknown,
)

VOUCHERS = "coin_vouchers"
"""The house account that coins for vouchers go to."""


async def redeem_voucher(tx: Tx, customer_id: UUID, voucher_id: UUID, *, reference: str | None = None) -> Redemption:
    """Have a voucher for coins; once for `reference`, again answers the first time.

    Of many who want the last one, one gets it, and nobody else loses a coin. Raises VoucherUnknown, VoucherNotOffered,
    VoucherSoldOut, VoucherLimitReached, VoucherRedemptionReused, InsufficientFunds, WalletFrozen, WalletClosed.
    """
    await customers.lock_customers(tx, [customer_id])
    if reference is not None:
        made = await queries.select_by_reference(tx, customer_id, reference)
        if made is not None:
            return _same(made, voucher_id, reference)
    await _refuse_beyond_limit(tx, customer_id, voucher_id)
    voucher = await queries.take_one(tx, voucher_id)
    if voucher is None:
        raise await _why_not(tx, voucher_id)
    redemption_id = new_id()
    wallet = await coin_wallet(tx, customer_id)
    done = await wallets.debit(tx, _debit(voucher, wallet, redemption_id))
    made = _redeemed(tx, voucher, customer_id, redemption_id, reference, done)
    await queries.insert_redemption(tx, made)
    if voucher.inventory == "codes" and await queries.give_code(tx, voucher_id, redemption_id) is None:
        raise RuntimeError("a voucher has as many codes as its stock says")
    await tx.publish(
        VoucherRedeemed(
            voucher_id=voucher_id,
            redemption_id=redemption_id,
            customer_id=customer_id,
            transaction_id=done.id,
            price_minor=voucher.price_minor,
            currency=wallet.currency,
        )
    )
    return made


async def cancel_redemption(tx: Tx, redemption_id: UUID, *, reason: str, restock: bool = True) -> Redemption:
    """Take a voucher back: its coins return to their lots, and with `restock` somebody else can have it, code and all.

    Again: the first time. Raises VoucherRedemptionUnknown, WalletFrozen, WalletClosed.
    """
    seen = await redemption(tx, redemption_id)
    await customers.lock_customers(tx, [seen.customer_id])
    made = await queries.select_redemption(tx, redemption_id, lock=True)
    if made is None or made.status == "cancelled":
        return made or seen
    if restock:
        await queries.put_one_back(tx, made.voucher_id)
        await queries.free_code(tx, redemption_id)
    about = wallets.Reference("voucher", public_id("rdm", redemption_id))
    back = await wallets.refund(tx, made.transaction_id, reference=about, description=reason)
    after = replace(
        made,
        status="cancelled",
        restocked=restock,
        refund_transaction_id=back.id,
        reason=reason,
        cancelled_by=tx.principal.actor,
        cancelled_at=tx.now,
    )
    await queries.mark_cancelled(tx, after)
    await tx.publish(
        RedemptionCancelled(
            redemption_id=redemption_id,
            voucher_id=made.voucher_id,
            customer_id=made.customer_id,
            price_minor=made.price_minor,
            currency=made.currency,
            restocked=restock,
            reason=reason,
        )
    )
    return after


async def redemption(tx: Tx, redemption_id: UUID) -> Redemption:
    """One redemption; a customer's own token sees its own. Raises VoucherRedemptionUnknown."""
    found = await queries.select_redemption(tx, redemption_id)
    if found is None or not tx.principal.concerns(found.customer_id):
        raise VoucherRedemptionUnknown(redemption_id=public_id("rdm", redemption_id))
    return found


async def redemptions(
    tx: Tx,
    *,
    customer_id: UUID | None = None,
    voucher_id: UUID | None = None,
    status: str | None = None,
    before: UUID | None = None,
    limit: int = 20,
) -> list[Redemption]:
    """Redemptions, newest first."""
    return await queries.select_redemptions(
        tx, customer_id=customer_id, voucher_id=voucher_id, status=status, before=before, limit=limit
    )


async def code_of(tx: Tx, redemption_id: UUID) -> str | None:
    """The code that a redemption gave; None where the voucher has none, or it went back into the stock."""
    sealed = await queries.select_code(tx, redemption_id)
    return None if sealed is None else tx.vault.open(sealed).decode()


def _same(made: Redemption, voucher_id: UUID, reference: str) -> Redemption:
    if made.voucher_id != voucher_id:
        raise VoucherRedemptionReused(
            loc=("body", "reference_id"), reference=reference, voucher_id=public_id("vch", made.voucher_id)
        )
    return made


async def _refuse_beyond_limit(tx: Tx, customer_id: UUID, voucher_id: UUID) -> None:
    voucher = await queries.select_voucher(tx, voucher_id)
    if voucher is None or voucher.per_customer is None:
        return
    if await queries.count_redeemed(tx, voucher_id, customer_id) >= voucher.per_customer:
        raise VoucherLimitReached(voucher_id=public_id("vch", voucher_id), limit=voucher.per_customer)


async def _why_not(tx: Tx, voucher_id: UUID) -> VoucherUnknown | VoucherNotOffered | VoucherSoldOut:
    shown = public_id("vch", voucher_id)
    voucher = await queries.select_voucher(tx, voucher_id)
    if voucher is None:
        return VoucherUnknown(voucher_id=shown)
    reason = voucher.withheld(tx.now)
    return VoucherSoldOut(voucher_id=shown) if reason is None else VoucherNotOffered(voucher_id=shown, reason=reason)


def _redeemed(
    tx: Tx,
    voucher: Voucher,
    customer_id: UUID,
    redemption_id: UUID,
    reference: str | None,
    done: wallets.WalletTransaction,
) -> Redemption:
    return Redemption(
        id=redemption_id,
        voucher_id=voucher.id,
        customer_id=customer_id,
        reference=reference or str(redemption_id),
        price_minor=voucher.price_minor,
        currency=done.amount.currency,
        status="redeemed",
        restocked=False,
        transaction_id=done.id,
        refund_transaction_id=None,
        reason=None,
        cancelled_by=None,
        cancelled_at=None,
        created_at=tx.now,
    )


def _debit(voucher: Voucher, wallet: wallets.Wallet, redemption_id: UUID) -> wallets.Debit:
    return wallets.Debit(
        wallet_id=wallet.id,
        amount=Money(voucher.price_minor, wallet.currency),
        reference=wallets.Reference("voucher", public_id("rdm", redemption_id)),
        description=voucher.name,
        contra=VOUCHERS,
    )
