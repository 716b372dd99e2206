"""Coins that staff give and take, and coins that are spent freely: each once for its customer, type and reference."""

from uuid import UUID

from vezne import identity, wallets
from vezne.kernel.db import Tx
from vezne.kernel.ids import new_id
from vezne.kernel.money import Money
from vezne.rewards.events import WalletCoinsAdjusted, WalletCoinsRedeemed
from vezne.rewards.models.rewards import CoinMove, MoveType
from vezne.rewards.queries import moves as queries
from vezne.rewards.queries import rewards as customers
from vezne.rewards.refusals import AdjustmentEmpty, CoinReferenceReused

ADJUSTMENTS, REDEMPTIONS = "coin_adjustments", "coin_redemptions"
"""The house accounts that adjusted coins come from, and redeemed ones go to."""


async def adjust(tx: Tx, customer_id: UUID, amount_minor: int, *, reason: str, reference: str | None = None) -> CoinMove:
    """Give (positive) or take coins, for a reason; never below zero. With a `reference` once; again answers the first time.

    What staff take is no spending of the customer's, so spending limits do not bind it. Raises AdjustmentEmpty,
    CoinReferenceReused, InsufficientFunds, WalletFull, WalletFrozen, WalletClosed.
    """
    if not amount_minor:
        raise AdjustmentEmpty(loc=("body", "amount_minor"))
    made_id = new_id()
    made = await _once(tx, "adjustment", customer_id, reference, amount_minor)
    if made is not None:
        return made
    wallet = await coin_wallet(tx, customer_id)
    known = reference or str(made_id)
    done = await _adjusted(tx, wallet, amount_minor, known, reason)
    move = _move(tx, made_id, customer_id, "adjustment", known, amount_minor, reason, done)
    await queries.insert_move(tx, move)
    await tx.publish(
        WalletCoinsAdjusted(
            wallet_id=wallet.id,
            customer_id=customer_id,
            transaction_id=done.id,
            amount_minor=amount_minor,
            currency=wallet.currency,
            reason=reason,
        )
    )
    return move


async def redeem(tx: Tx, customer_id: UUID, amount_minor: int, *, reference: str, description: str = "") -> CoinMove:
    """Spend coins on something of the tenant's own; once for `reference`, again answers the first time.

    Raises CoinReferenceReused, InsufficientFunds, WalletFrozen, WalletClosed, the wallet's spending limits.
    """
    made = await _once(tx, "redemption", customer_id, reference, -amount_minor)
    if made is not None:
        return made
    wallet = await coin_wallet(tx, customer_id)
    done = await wallets.debit(
        tx,
        wallets.Debit(
            wallet_id=wallet.id,
            amount=Money(amount_minor, wallet.currency),
            reference=wallets.Reference("redemption", reference),
            description=description,
            contra=REDEMPTIONS,
        ),
    )
    move = _move(tx, new_id(), customer_id, "redemption", reference, -amount_minor, description, done)
    await queries.insert_move(tx, move)
    await tx.publish(
        WalletCoinsRedeemed(
            wallet_id=wallet.id,
            customer_id=customer_id,
            transaction_id=done.id,
            amount_minor=amount_minor,
            currency=wallet.currency,
            reference=reference,
        )
    )
    return move


async def moves(
    tx: Tx, *, type_: MoveType | None = None, customer_id: UUID | None = None, before: UUID | None = None, limit: int = 20
) -> list[CoinMove]:
    """Adjustments and free redemptions, newest first."""
    return await queries.select_moves(tx, type_=type_, customer_id=customer_id, before=before, limit=limit)


async def coin_wallet(tx: Tx, customer_id: UUID) -> wallets.Wallet:
    """The customer's wallet of the tenant's coins, made when first needed."""
    unit = (await identity.settings_of(tx)).coin_unit
    return await wallets.wallet_of(tx, customer_id, "coins", unit)


async def _adjusted(tx: Tx, wallet: wallets.Wallet, amount_minor: int, reference: str, reason: str) -> wallets.WalletTransaction:
    amount, about = Money(abs(amount_minor), wallet.currency), wallets.Reference("adjustment", reference)
    if amount_minor > 0:
        credit = wallets.Credit(
            wallet_id=wallet.id,
            amount=amount,
            lot=wallets.LotSpec("promotional", "adjustment"),
            reference=about,
            description=reason,
            contra=ADJUSTMENTS,
        )
        return await wallets.credit(tx, credit)
    debit = wallets.Debit(
        wallet_id=wallet.id, amount=amount, reference=about, description=reason, contra=ADJUSTMENTS, unlimited=True
    )
    return await wallets.debit(tx, debit)


async def _once(tx: Tx, type_: MoveType, customer_id: UUID, reference: str | None, amount_minor: int) -> CoinMove | None:
    """What was done under this reference before; the customer is locked from here on."""
    await customers.lock_customers(tx, [customer_id])
    made = None if reference is None else await queries.select_move(tx, customer_id, type_, reference)
    if made is not None and made.amount_minor != amount_minor:
        raise CoinReferenceReused(
            loc=("body", "reference_id"),
            type=type_,
            reference=reference,
            was_minor=abs(made.amount_minor) if type_ == "redemption" else made.amount_minor,
            asked_minor=abs(amount_minor) if type_ == "redemption" else amount_minor,
        )
    return made


def _move(
    tx: Tx,
    id_: UUID,
    customer_id: UUID,
    type_: MoveType,
    reference: str,
    amount_minor: int,
    reason: str,
    done: wallets.WalletTransaction,
) -> CoinMove:
    return CoinMove(
        id=id_,
        customer_id=customer_id,
        type=type_,
        reference=reference,
        amount_minor=amount_minor,
        currency=done.amount.currency,
        reason=reason,
        transaction_id=done.id,
        actor=tx.principal.actor,
        created_at=tx.now,
    )
