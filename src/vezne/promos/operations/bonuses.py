"""Credits on top: granted when the order is fulfilled, taken back in proportion to what is refunded of what they were for."""

from dataclasses import replace
from uuid import UUID

from vezne import identity, wallets
from vezne.kernel.db import Tx
from vezne.kernel.ids import public_id
from vezne.kernel.money import Money
from vezne.promos import queries
from vezne.promos.events import RedemptionBonusGranted, RedemptionBonusRevoked
from vezne.promos.models import Redemption
from vezne.promos.operations.redeeming import without_codes


async def grant_bonus(tx: Tx, order_id: UUID) -> None:
    """Grant the bonuses of a locked order that is fulfilled, each a promotional lot of the customer's credits. Again: nothing.

    Raises what the wallet refuses with; the limit of a balance does not bind what was promised.
    """
    if without_codes(order_id) in tx.remembered:
        return
    for each in await queries.select_redemptions(tx, [order_id]):
        if each.bonus_units and each.bonus_transaction_id is None and each.status == "redeemed":
            granted = await _credit(tx, each, each.bonus_units, public_id("rdm", each.id))
            await queries.mark_bonus(tx, replace(each, bonus_transaction_id=granted))
            await tx.publish(
                RedemptionBonusGranted(
                    redemption_id=each.id,
                    promo_id=each.promotion_id,
                    order_id=order_id,
                    customer_id=each.customer_id,
                    units=each.bonus_units,
                )
            )


async def _credit(tx: Tx, redemption: Redemption, units: int, reference: str) -> UUID:
    unit = (await identity.settings_of(tx)).credit_unit
    wallet = await wallets.wallet_of(tx, redemption.customer_id, "credits", unit)
    done = await wallets.credit(
        tx,
        wallets.Credit(
            wallet_id=wallet.id,
            amount=Money(units, unit),
            lot=wallets.LotSpec("promotional", origin=reference),
            reference=wallets.Reference("promo", reference),
            once=True,
            description=redemption.code,
            beyond_limit=True,
        ),
    )
    return done.id


async def settle_bonus(tx: Tx, redemption: Redemption, refunded: int, whole: int) -> None:
    """Bring what was taken back of a bonus to `refunded` of `whole` of what it was for: the last part takes all of it.

    Only its own lot is taken from: what was spent of it or has lapsed stays so, and is counted as missing. What a refund that
    failed took back is granted again.
    """
    if redemption.bonus_transaction_id is None:
        return
    due = redemption.bonus_units * refunded // whole
    gone = redemption.bonus_taken + redemption.bonus_missing
    number = redemption.bonus_moves + 1
    reference = f"{public_id('rdm', redemption.id)}/{number}"
    if due > gone:
        await _revoke(tx, redemption, redemption.bonus_transaction_id, due - gone, reference)
    elif due < gone:
        forgiven = min(redemption.bonus_missing, gone - due)
        again = gone - due - forgiven
        granted = redemption.bonus_transaction_id
        if again:
            credit_id = await _credit(tx, redemption, again, reference)
            granted = credit_id if again == redemption.bonus_units else granted
        await queries.mark_bonus(
            tx,
            replace(
                redemption,
                bonus_transaction_id=granted,
                bonus_taken=redemption.bonus_taken - again,
                bonus_missing=redemption.bonus_missing - forgiven,
                bonus_moves=number,
            ),
        )


async def _revoke(tx: Tx, redemption: Redemption, transaction_id: UUID, units: int, reference: str) -> None:
    revoked = await wallets.revoke(
        tx, transaction_id, units, cause=reference, reference=wallets.Reference("promo", reference), description=redemption.code
    )
    await queries.mark_bonus(
        tx,
        replace(
            redemption,
            bonus_taken=redemption.bonus_taken + revoked.taken_minor,
            bonus_missing=redemption.bonus_missing + units - revoked.taken_minor,
            bonus_moves=redemption.bonus_moves + 1,
        ),
    )
    await tx.publish(
        RedemptionBonusRevoked(
            redemption_id=redemption.id,
            promo_id=redemption.promotion_id,
            order_id=redemption.order_id,
            customer_id=redemption.customer_id,
            units=revoked.taken_minor,
            missing=units - revoked.taken_minor,
        )
    )
