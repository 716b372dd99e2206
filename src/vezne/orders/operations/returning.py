"""Money that came too late, twice, or for nothing we know: where it goes, at once by setting or later by a person's decision."""

from uuid import UUID

from vezne import identity, ledger, payments, wallets
from vezne.kernel.db import Tx
from vezne.kernel.errors import Conflict, Invalid, NotFound, Refusal
from vezne.kernel.ids import new_id, public_id
from vezne.kernel.money import Money
from vezne.orders import queries, queries_unmatched
from vezne.orders.events import OrderPaidLate, UnmatchedFound, UnmatchedResolved
from vezne.orders.models import Action, Order, OrderStatus, Reason, Unmatched
from vezne.orders.operations import ending

KEPT = "revenue"


class UnknownUnmatched(NotFound):
    """There is no unmatched money {unmatched_id}."""


class UnmatchedDecided(Conflict):
    """It was decided already that the money {unmatched_id} is {action}: that cannot be changed."""


class UnmatchedPartlyReturned(Conflict):
    """Part of the money {unmatched_id} is on its way back already: the rest can only follow it."""


class UnmatchedCustomerNeeded(Invalid):
    """This money has no customer of its own: name the customer whose wallet it is for."""


async def keep(
    tx: Tx, event: payments.PaymentSucceeded, reason: Reason, *, order: Order | None = None, detail: str = ""
) -> Unmatched:
    """Keep a paid payment's money apart for somebody to decide about; it stands in `unapplied`. Again: as it was."""
    payment = await payments.payment(tx, event.payment_id)
    found = Unmatched(
        id=new_id(),
        payment_id=payment.id,
        attempt_id=event.attempt_id,
        order_id=None if order is None else order.id,
        customer_id=payment.customer_id,
        reason=reason,
        detail=detail,
        amount_minor=event.amount_minor,
        currency=event.currency,
        status="waiting",
        action=None,
        refund_id=None,
        transaction_id=None,
        entry_id=None,
        resolved_by=None,
        created_at=tx.now,
        resolved_at=None,
    )
    await _insert(tx, found)
    return found


async def _insert(tx: Tx, found: Unmatched) -> None:
    if await queries_unmatched.insert_unmatched(tx, found):
        await tx.publish(
            UnmatchedFound(
                unmatched_id=found.id,
                payment_id=found.payment_id,
                reason=found.reason,
                amount_minor=found.amount_minor,
                currency=found.currency,
            )
        )


async def on_payment_flagged(tx: Tx, event: payments.PaymentFlagged) -> None:
    """A payment that came twice, or with another amount, waits for a person."""
    payment = await payments.payment(tx, event.payment_id)
    order = await queries.select_order_of_payment(tx, event.payment_id)
    twice = event.flag == payments.Flag.PAID_TWICE
    taken = payment.amount if twice else await payments.captured_of(tx, payment.id, event.attempt_id)
    amount = taken or Money(0, event.reported_currency)
    await _insert(
        tx,
        Unmatched(
            id=new_id(),
            payment_id=payment.id,
            attempt_id=event.attempt_id,
            order_id=None if order is None else order.id,
            customer_id=payment.customer_id,
            reason="paid_twice" if twice else "amount_mismatch",
            detail="" if twice else f"{event.reported_minor} {event.reported_currency}",
            amount_minor=amount.minor,
            currency=amount.currency,
            status="waiting",
            action=None,
            refund_id=None,
            transaction_id=None,
            entry_id=None,
            resolved_by=None,
            created_at=tx.now,
            resolved_at=None,
        ),
    )


async def return_money(tx: Tx, order: Order, event: payments.PaymentSucceeded, reason: str) -> None:
    """What the money was to pay cannot be given any more (`reason`): end the order, and send the money where `late_money` says.

    Where that is refused (the wallet is closed), it waits for a person.
    """
    if order.status is OrderStatus.PENDING:
        await ending.end(tx, order, OrderStatus.FAILED)
    await queries.mark_stuck(tx, order.id, reason)
    found = await keep(tx, event, "paid_late", order=order, detail=reason)
    went = (await identity.settings_of(tx)).late_money
    try:
        async with tx.savepoint():
            await resolve(tx, found.id, went)
    except Refusal:
        await tx.publish(OrderPaidLate(order_id=order.id, payment_id=event.payment_id, reason=reason, went="staff"))
        return
    await tx.publish(OrderPaidLate(order_id=order.id, payment_id=event.payment_id, reason=reason, went=went))


async def unmatched(tx: Tx, unmatched_id: UUID) -> Unmatched:
    """The money. Raises UnknownUnmatched, also to one payee's staff."""
    found = await queries_unmatched.select_unmatched(tx, unmatched_id)
    if found is None or tx.principal.payee_id is not None:
        raise UnknownUnmatched(unmatched_id=public_id("umt", unmatched_id))
    return found


async def resolve(tx: Tx, unmatched_id: UUID, action: Action, *, customer_id: UUID | None = None) -> Unmatched:
    """Decide what becomes of the money: back to who paid (`refund`), into a customer's `wallet`, or we keep it (`accept`).

    Decided the same way before: nothing more happens. A refund that its provider refuses makes it wait again. Raises
    UnknownUnmatched, UnmatchedDecided, UnmatchedCustomerNeeded, CustomerNotFound, and what a payment or wallet refuses with.
    """
    found = await unmatched(tx, unmatched_id)
    payment = await payments.lock(tx, found.payment_id)
    found = await queries_unmatched.lock_unmatched(tx, unmatched_id) or found
    if found.status != "waiting":
        if found.action != action:
            raise UnmatchedDecided(unmatched_id=public_id("umt", unmatched_id), action=found.action)
        return found
    if found.is_final and action != "refund" and payment.refundable_minor < found.amount_minor:
        raise UnmatchedPartlyReturned(unmatched_id=public_id("umt", unmatched_id))
    if found.reason == "amount_mismatch":
        await payments.take_mismatched(tx, found.payment_id, found.attempt_id, found.amount)
    if not found.amount_minor:
        await queries_unmatched.update_resolved(tx, found.id, action)
    elif action == "refund":
        await _refund(tx, found)
    elif action == "wallet":
        await _into_wallet(tx, found, customer_id)
    else:
        await _accept(tx, found)
    if not found.is_final:
        await payments.end_review(tx, found.payment_id, found.attempt_id)
    await tx.publish(UnmatchedResolved(unmatched_id=found.id, payment_id=found.payment_id, action=action))
    return await unmatched(tx, unmatched_id)


async def _refund(tx: Tx, found: Unmatched) -> None:
    refund_id = new_id()
    await queries_unmatched.update_under_way(tx, found.id, refund_id)
    if found.is_final:
        await payments.refund(tx, found.payment_id, reason=found.reason, refund_id=refund_id)
    else:
        await payments.refund_attempt(
            tx, found.payment_id, found.attempt_id, found.amount, reason=found.reason, refund_id=refund_id
        )


async def _into_wallet(tx: Tx, found: Unmatched, customer_id: UUID | None) -> None:
    owner = customer_id or found.customer_id
    if owner is None:
        raise UnmatchedCustomerNeeded(loc=("body", "customer_id"))
    await identity.customer(tx, owner)
    wallet = await wallets.wallet_of(tx, owner, "money", found.currency)
    done = await wallets.credit(
        tx,
        wallets.Credit(
            wallet_id=wallet.id,
            amount=found.amount,
            reference=wallets.Reference("unmatched", public_id("umt", found.id)),
            once=True,
            description="Payment",
            contra="unapplied",
        ),
    )
    await queries_unmatched.update_resolved(tx, found.id, "wallet", transaction_id=done.id)


async def _accept(tx: Tx, found: Unmatched) -> None:
    unapplied = await ledger.house_account(tx, "unapplied", found.currency)
    kept = await ledger.house_account(tx, KEPT, found.currency)
    postings = (ledger.Posting(unapplied, -found.amount_minor), ledger.Posting(kept, found.amount_minor))
    (posted,) = await ledger.post(tx, [ledger.Entry(new_id(), "unmatched.accepted", postings, reference=f"unmatched:{found.id}")])
    if isinstance(posted, ledger.Refused):
        raise posted.error
    await queries_unmatched.update_resolved(tx, found.id, "accept", entry_id=posted.entry_id)


async def on_refund_requested(tx: Tx, event: payments.RefundRequested) -> bool:
    """Whether the refund is of money that no order took; one that somebody asked of the payment itself ends the waiting.

    Raises UnmatchedDecided when the money has gone elsewhere.
    """
    if await queries_unmatched.lock_unmatched_of_refund(tx, event.refund_id) is not None:
        return True
    found = await queries_unmatched.lock_final_unmatched(tx, event.payment_id)
    if found is None:
        return False
    if found.status == "resolved" and found.action != "refund":
        raise UnmatchedDecided(unmatched_id=public_id("umt", found.id), action=found.action)
    if found.status == "waiting" and event.amount_minor == found.amount_minor:
        await queries_unmatched.update_under_way(tx, found.id, event.refund_id)
    return True


async def on_refund_ended(tx: Tx, refund_id: UUID, *, succeeded: bool) -> bool:
    """Whether the refund was of money that no order took; it is resolved now, or waits again."""
    found = await queries_unmatched.lock_unmatched_of_refund(tx, refund_id)
    if found is None:
        return False
    if succeeded:
        await queries_unmatched.update_resolved(tx, found.id, "refund")
    else:
        await queries_unmatched.update_waiting(tx, found.id)
    return True
