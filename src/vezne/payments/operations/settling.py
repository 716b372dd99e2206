"""The one finaliser: redirect, webhook and poller all end here, in any order and at once.

Each only says "look": what is true is asked of the provider, outside any transaction; then one short transaction, under the
payment's lock, moves attempt and payment forward, books the money once and tells those above.
"""

from datetime import timedelta
from uuid import UUID

from vezne import identity, ledger
from vezne.kernel.db import Database, Tx
from vezne.kernel.errors import Conflict, NotFound
from vezne.kernel.ids import new_id, public_id
from vezne.kernel.money import Money
from vezne.kernel.principal import Principal
from vezne.payments import queries, queries_transactions, queries_webhooks
from vezne.payments.events import AttemptStarted, PaymentFailed, PaymentFlagged, PaymentSucceeded, PaymentSucceededLate
from vezne.payments.gateways import Gateways
from vezne.payments.models import (
    ATTEMPT_MOVES,
    LIVE,
    MAX_ATTEMPTS,
    OPEN,
    PAYMENT_AT,
    PAYMENT_MOVES,
    Attempt,
    AttemptStatus,
    Flag,
    Payment,
    PaymentStatus,
    attempt_status,
)
from vezne.payments.models_methods import off_session
from vezne.payments.operations import methods
from vezne.payments.operations.trying import in_turn
from vezne.payments.providers import bank_transfer
from vezne.payments.providers.base import Grade, Provider, ProviderPayment

TIME_TO_PAY = timedelta(minutes=15)
"""A customer who was just sent to a provider has at least so long to pay."""

LEFT, LAPSED = "left_for_another", "not_paid_in_time"
"""Why we ended an attempt that its provider may still take money for."""
UNAPPLIED = "unapplied"
"""Where money stands that came in and has paid for nothing yet."""
_UNDER_WAY = frozenset({AttemptStatus.PROCESSING, AttemptStatus.AUTHORISED})


class PaymentInFlight(Conflict):
    """Payment {payment_id} is being processed by its provider; wait for the outcome."""


class UnknownPayment(NotFound):
    """There is no payment {payment_id}."""


async def payment(tx: Tx, payment_id: UUID) -> Payment:
    """The payment. Raises UnknownPayment."""
    found = await queries.select_payment(tx, payment_id)
    if found is None:
        raise UnknownPayment(payment_id=public_id("pay", payment_id))
    return found


async def lock(tx: Tx, payment_id: UUID) -> Payment:
    """The payment, locked until the transaction ends. Raises UnknownPayment."""
    found = await queries.lock_payment(tx, payment_id)
    if found is None:
        raise UnknownPayment(payment_id=public_id("pay", payment_id))
    return found


async def move(tx: Tx, asked: Payment, to: PaymentStatus, *, error: str | None = None) -> None:
    """Move a locked payment; a move that PAYMENT_MOVES does not know is a bug of ours and undoes the transaction."""
    if to not in PAYMENT_MOVES[asked.status]:
        raise RuntimeError(f"payment {asked.id} cannot go from {asked.status} to {to}")
    await queries.update_status(tx, asked.id, to, error=error)


async def finalise(db: Database, gateways: Gateways, principal: Principal, payment_id: UUID) -> Payment:
    """Ask the provider about the payment's live attempt, if there is one, and act on the answer; the payment as it then is.

    Safe to call from anywhere, any number of times, at once: the money is booked once. Raises UnknownPayment,
    ProviderUnavailable.
    """
    async with db.transaction(principal, read_only=True) as tx:
        found = await payment(tx, payment_id)
        live = [attempt for attempt in await queries.select_attempts(tx, [payment_id]) if attempt.status in LIVE]
    for attempt in live:
        await look_up(db, gateways, principal, attempt)
    if not live:
        return found
    async with db.transaction(principal, read_only=True) as tx:
        return await payment(tx, payment_id)


async def look_up(db: Database, gateways: Gateways, principal: Principal, attempt: Attempt) -> None:
    """Ask the provider about this attempt and act on the answer; an attempt the provider does not know yet stays as it is.

    An offline provider cannot be asked: staff tell. Raises ProviderUnavailable.
    """
    provider = gateways.provider(attempt.provider)
    if provider.capabilities.offline:
        return
    if attempt.provider_ref is None:
        seen = await provider.find(attempt.reference, tenant_id=principal.tenant_id)
    else:
        seen = await provider.fetch(attempt.provider_ref)
    if seen is not None:
        await act_on(db, provider, principal, attempt, seen)


async def act_on(db: Database, provider: Provider, principal: Principal, attempt: Attempt, seen: ProviderPayment) -> None:
    """Act on what a provider was seen to say about an attempt; money it only promised is taken first."""
    if seen.grade is Grade.AUTHORISED:
        async with db.transaction(principal, read_only=True) as tx:
            asked = await payment(tx, attempt.payment_id)
        if seen.amount == asked.amount and seen.amount is not None:
            wanted = asked.status in OPEN
            seen = await (provider.capture(seen.provider_ref, seen.amount) if wanted else provider.cancel(seen.provider_ref))
    await in_turn(db, principal, lambda tx: settle(tx, attempt.payment_id, attempt.id, seen))


async def settle(tx: Tx, payment_id: UUID, attempt_id: UUID, seen: ProviderPayment) -> None:
    """Move the attempt, and the payment with it, to where the provider sees it. Older news than ours changes nothing."""
    asked = await lock(tx, payment_id)
    attempt = await queries.select_attempt(tx, attempt_id)
    if attempt is None:
        return
    if attempt.method_id is not None:
        seen = off_session(seen)
    if attempt.provider_ref is None:
        await _name(tx, attempt, seen.provider_ref, seen.redirect_url)
    await methods.keep_seen(tx, asked, attempt.provider, seen)
    status = attempt_status(seen.grade) if _agrees(asked, seen) else AttemptStatus.MISMATCHED
    if status not in ATTEMPT_MOVES[attempt.status]:
        return
    await _record(tx, asked, attempt, seen)
    if status is AttemptStatus.CAPTURED:
        await _take(tx, asked, attempt, seen)
        return
    await queries.update_attempt_status(tx, attempt.id, status, code=seen.failure_code, ended=status not in LIVE)
    if asked.status in OPEN:
        await _follow(tx, asked, attempt, status, seen.failure_code)
    if status is AttemptStatus.MISMATCHED:
        await _flag(tx, asked, attempt, Flag.AMOUNT_MISMATCH, seen)


def _agrees(asked: Payment, seen: ProviderPayment) -> bool:
    """Whether the provider speaks of exactly the money that we do."""
    captured_whole = seen.grade is not Grade.CAPTURED or seen.captured == asked.amount
    return seen.amount in {None, asked.amount} and captured_whole


async def _record(tx: Tx, asked: Payment, attempt: Attempt, seen: ProviderPayment) -> None:
    await queries_transactions.insert_transaction(
        tx,
        payment_id=asked.id,
        attempt_id=attempt.id,
        provider=attempt.provider,
        provider_ref=seen.provider_ref,
        status=seen.grade,
        amount=seen.captured if seen.grade is Grade.CAPTURED else seen.amount or asked.amount,
        failure_code=seen.failure_code,
        response=seen.response,
    )


async def name(tx: Tx, attempt_id: UUID, provider_ref: str, redirect_url: str | None) -> Payment:
    """Keep the provider's name for an attempt that is starting. Again: nothing changes. The payment as it was."""
    attempt = await queries.select_attempt(tx, attempt_id)
    if attempt is None:
        raise UnknownPayment(payment_id="of this attempt")
    asked = await lock(tx, attempt.payment_id)
    attempt = await queries.select_attempt(tx, attempt_id) or attempt
    if attempt.provider_ref is None:
        await _name(tx, attempt, provider_ref, redirect_url)
    if attempt.status is AttemptStatus.STARTING:
        await queries.update_attempt_status(tx, attempt.id, AttemptStatus.PENDING, code=None, ended=False)
        if asked.status in OPEN:
            await move(tx, asked, PAYMENT_AT[AttemptStatus.PENDING])
    return asked


async def _name(tx: Tx, attempt: Attempt, provider_ref: str, redirect_url: str | None) -> None:
    await queries.update_attempt_named(tx, attempt.id, provider_ref, redirect_url)
    until = await queries.update_expiry(tx, attempt.payment_id, tx.now + await _time_to_pay(tx, attempt))
    await tx.publish(
        AttemptStarted(
            attempt_id=attempt.id,
            payment_id=attempt.payment_id,
            provider=attempt.provider,
            number=attempt.number,
            pay_until=until,
        )
    )
    await wake_webhooks(tx, attempt.provider, provider_ref)


async def wake_webhooks(tx: Tx, provider: str, provider_ref: str) -> None:
    """Act on the webhooks that waited for a payment of this name."""
    for webhook_id in await queries_webhooks.select_unprocessed(tx, provider, provider_ref):
        await tx.enqueue("payments.act_on_webhook", {"webhook_id": public_id("whk", webhook_id)})


async def _time_to_pay(tx: Tx, attempt: Attempt) -> timedelta:
    """A promised bank transfer is days on its way."""
    if attempt.provider != bank_transfer.NAME:
        return TIME_TO_PAY
    return timedelta(days=(await identity.settings_of(tx)).transfer_days)


async def abandon(tx: Tx, payment_id: UUID, attempt_id: UUID) -> None:
    """The customer leaves a live attempt for another provider. Money on its way is not left: raises PaymentInFlight then."""
    asked = await lock(tx, payment_id)
    attempt = await queries.select_attempt(tx, attempt_id)
    if attempt is None or attempt.status not in LIVE:
        return
    if attempt.status in _UNDER_WAY:
        raise PaymentInFlight(payment_id=public_id("pay", payment_id))
    await queries.update_attempt_status(tx, attempt_id, AttemptStatus.CANCELLED, code=LEFT, ended=True)
    if asked.status in OPEN:
        await move(tx, asked, PaymentStatus.REQUIRES_PAYMENT)


async def give_up(tx: Tx, payment_id: UUID, attempt_id: UUID) -> None:
    """End an attempt whose time is over and whose provider cannot be told so. Money on its way is waited for.

    Its provider is still asked for a while: money that comes there all the same is late, never lost.
    """
    await lock(tx, payment_id)
    attempt = await queries.select_attempt(tx, attempt_id)
    if attempt is not None and attempt.status in LIVE - _UNDER_WAY:
        await queries.update_attempt_status(tx, attempt_id, AttemptStatus.EXPIRED, code=LAPSED, ended=True)


async def end_unstarted(tx: Tx, payment_id: UUID, attempt_id: UUID, status: AttemptStatus, code: str) -> None:
    """End an attempt that never came to life at its provider. One that did, meanwhile, stays."""
    asked = await lock(tx, payment_id)
    attempt = await queries.select_attempt(tx, attempt_id)
    if attempt is None or attempt.status is not AttemptStatus.STARTING:
        return
    await queries.update_attempt_status(tx, attempt.id, status, code=code, ended=True)
    if asked.status in OPEN:
        await _follow(tx, asked, attempt, status, code)


async def end_charge(tx: Tx, payment_id: UUID, attempt_id: UUID, code: str) -> None:
    """End a charge of a stored method that its provider knows nothing of. One that it knows, meanwhile, stays."""
    asked = await lock(tx, payment_id)
    attempt = await queries.select_attempt(tx, attempt_id)
    if attempt is None or attempt.status is not AttemptStatus.PROCESSING or attempt.provider_ref is not None:
        return
    await queries.update_attempt_status(tx, attempt.id, AttemptStatus.FAILED, code=code, ended=True)
    if asked.status in OPEN:
        await _follow(tx, asked, attempt, AttemptStatus.FAILED, code)


async def _follow(tx: Tx, asked: Payment, attempt: Attempt, status: AttemptStatus, code: str | None) -> None:
    """The open payment follows its attempt; after too many declined ones it is failed for good."""
    declined = status is AttemptStatus.FAILED
    final = declined and attempt.number >= MAX_ATTEMPTS
    to = PaymentStatus.FAILED if final else PAYMENT_AT[status]
    await move(tx, asked, to, error=code)
    if declined:
        await tx.publish(PaymentFailed(payment_id=asked.id, attempt_id=attempt.id, failure_code=code or "declined", final=final))


async def _take(tx: Tx, asked: Payment, attempt: Attempt, seen: ProviderPayment) -> None:
    """The money is ours: book it, whatever the payment's state; it is lost in none."""
    twice = PaymentStatus.SUCCEEDED not in PAYMENT_MOVES[asked.status]
    reference = f"attempt:{attempt.id}:captured" if twice else f"payment:{asked.id}:captured"
    entry_id = await book(tx, "payment.captured", attempt.provider, asked.currency, asked.amount_minor, reference)
    await queries.mark_captured(tx, attempt.id, captured=asked.amount_minor, entry_id=entry_id, is_final=not twice)
    await wake_webhooks(tx, attempt.provider, seen.provider_ref)  # of a dispute that was told of before the money
    if twice:
        await _flag(tx, asked, attempt, Flag.PAID_TWICE, seen)
        return
    await queries.mark_succeeded(tx, asked.id)
    event = PaymentSucceeded if asked.status in OPEN else PaymentSucceededLate
    await tx.publish(
        event(
            payment_id=asked.id,
            attempt_id=attempt.id,
            purpose=asked.purpose,
            amount_minor=asked.amount_minor,
            currency=asked.currency,
        )
    )


async def book(tx: Tx, kind: str, provider: str, currency: str, amount_minor: int, reference: str) -> UUID:
    """Post `amount_minor` from `clearing:{provider}` to `unapplied` (negative: back), once for each reference; the entry's id."""
    return await post(tx, kind, f"clearing:{provider}", UNAPPLIED, Money(amount_minor, currency), reference)


async def post(tx: Tx, kind: str, source: str, target: str, amount: Money, reference: str) -> UUID:
    """Post `amount` from one house account to another, once for each reference; the entry's id."""
    from_account = await ledger.house_account(tx, source, amount.currency)
    to_account = await ledger.house_account(tx, target, amount.currency)
    postings = (ledger.Posting(from_account, -amount.minor), ledger.Posting(to_account, amount.minor))
    (posted,) = await ledger.post(tx, [ledger.Entry(new_id(), kind, postings, reference=reference)])
    if isinstance(posted, ledger.Refused):
        raise posted.error
    return posted.entry_id


async def _flag(tx: Tx, asked: Payment, attempt: Attempt, flag: Flag, seen: ProviderPayment) -> None:
    await queries.mark_flagged(tx, asked.id, flag)
    reported = seen.captured if seen.captured.minor or seen.amount is None else seen.amount
    await tx.publish(
        PaymentFlagged(
            payment_id=asked.id,
            attempt_id=attempt.id,
            flag=flag,
            reported_minor=reported.minor,
            reported_currency=reported.currency,
        )
    )
