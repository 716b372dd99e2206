"""Charging a stored method while the customer is away.

An attempt like any other, whose customer is not there: it counts as under way from its first moment, so that nothing else is
begun and nothing cancelled beside it; a job asks the provider, under the attempt's own reference however often it asks.
"""

from uuid import UUID

from vezne.kernel.db import Database, Tx
from vezne.kernel.ids import new_id, public_id
from vezne.kernel.principal import Principal
from vezne.payments import queries, queries_methods
from vezne.payments.gateways import Gateways
from vezne.payments.models import LIVE, Attempt, AttemptStatus, Payment, PaymentStatus, wait_before
from vezne.payments.models_methods import PaymentMethod
from vezne.payments.operations import methods, settling
from vezne.payments.operations.paying import PaymentNotOpen, PaymentUnderReview, refuse_unless_open
from vezne.payments.operations.settling import PaymentInFlight
from vezne.payments.operations.trying import try_now
from vezne.payments.providers.base import ChargeRequest, Charging, Provider, ProviderPayment, ProviderRefused

NOT_CHARGED = "not_charged_in_time"
FORGOTTEN = "method_forgotten"
CANNOT = "provider_cannot_charge"


async def charge(tx: Tx, payment_id: UUID, method_id: UUID) -> Attempt:
    """Charge a payment to its customer's stored method, at that method's provider; a job asks, and the finaliser ends it.

    Again while it is under way: the same attempt. A decline leaves the payment open for the next attempt (PaymentFailed).
    Raises UnknownPayment, PaymentNotOpen, PaymentUnderReview, PaymentInFlight, and MethodUnknown for another customer's method
    or a forgotten one.
    """
    asked = await settling.lock(tx, payment_id)
    refuse_unless_open(asked)
    shown = public_id("pay", payment_id)
    if asked.flag is not None:
        raise PaymentUnderReview(payment_id=shown)
    attempts = await queries.select_attempts(tx, [payment_id])
    last = attempts[-1] if attempts else None
    if last is not None and last.status in LIVE:
        if last.method_id == method_id:
            return last
        raise PaymentInFlight(payment_id=shown)
    if asked.expires_at <= tx.now:
        raise PaymentNotOpen(payment_id=shown, status=PaymentStatus.EXPIRED)
    if asked.customer_id is None:
        raise methods.MethodUnknown(method_id=public_id("mtd", method_id))
    chosen = await methods.method_of(tx, asked.customer_id, method_id)
    made = _attempt(tx, asked, last, chosen)
    await queries.insert_attempt(tx, made)
    await settling.move(tx, asked, PaymentStatus.PROCESSING)
    await tx.enqueue("payments.charge", {"attempt_id": made.reference})
    await tx.enqueue("payments.poll", {"attempt_id": made.reference}, after=wait_before(0))
    return made


def _attempt(tx: Tx, asked: Payment, last: Attempt | None, chosen: PaymentMethod) -> Attempt:
    return Attempt(
        id=new_id(),
        payment_id=asked.id,
        number=last.number + 1 if last else 1,
        parent_id=last.id if last else None,
        provider=chosen.provider,
        provider_ref=None,
        status=AttemptStatus.PROCESSING,
        is_final=False,
        failure_code=None,
        redirect_url=None,
        return_url="",
        locale="",
        captured_minor=0,
        polls=0,
        entry_id=None,
        created_at=tx.now,
        ended_at=None,
        method_id=chosen.id,
    )


async def charge_at_provider(db: Database, gateways: Gateways, principal: Principal, attempt_id: UUID) -> None:
    """Ask the provider to charge, and act on its answer. Again: it is looked for first, and asked for under the same reference.

    While there is no outcome the next try is enqueued beforehand. What was forgotten or is out of time, and was never asked for
    or is not known to the provider, is not charged any more.
    """
    async with db.transaction(principal) as tx:
        attempt = await queries.select_attempt(tx, attempt_id)
        if attempt is None or attempt.method_id is None or attempt.status not in LIVE:
            return
        tries = await queries.update_polls(tx, attempt_id)
        chosen = await methods.method(tx, attempt.method_id)
        asked = await settling.payment(tx, attempt.payment_id)
        late = NOT_CHARGED if asked.expires_at <= tx.now else None if chosen.active else FORGOTTEN
        name = await queries_methods.select_customer(tx, attempt.provider, chosen.customer_id)
        after = wait_before((tries or 0) + 1)
        await tx.enqueue("payments.charge", {"attempt_id": attempt.reference}, after=after, dedupe=f"{attempt_id}:{tries}")
    request = ChargeRequest(
        reference=attempt.reference,
        amount=asked.amount,
        method_ref=chosen.method_ref,
        customer_ref=chosen.customer_ref or name,
        webhook_url=gateways.webhook_url(attempt.provider, principal.tenant_id),
        tenant_id=principal.tenant_id,
        description=asked.purpose,
    )
    work = _ask_and_settle(db, gateways.providers.get(attempt.provider), principal, attempt, request, late, again=bool(tries))
    await try_now(attempt.reference, work)


async def _ask_and_settle(
    db: Database,
    provider: Provider | None,
    principal: Principal,
    attempt: Attempt,
    request: ChargeRequest,
    late: str | None,
    *,
    again: bool,
) -> None:
    if provider is None or not isinstance(provider, Charging):
        code = CANNOT
    else:
        seen, code = await _ask(provider, attempt, request, late, again=again)
        if seen is not None:
            await settling.act_on(db, provider, principal, attempt, seen)
            return
    async with db.transaction(principal) as tx:
        await settling.end_charge(tx, attempt.payment_id, attempt.id, code)


async def _ask(
    provider: Provider, attempt: Attempt, request: ChargeRequest, late: str | None, *, again: bool
) -> tuple[ProviderPayment | None, str]:
    """What the provider says of the charge; None, and why, when there is none and is to be none."""
    if attempt.provider_ref is not None:
        return await provider.fetch(attempt.provider_ref), ""
    found = await provider.find(attempt.reference, tenant_id=request.tenant_id) if again else None
    if found is not None:
        return found, ""
    if late is not None or not isinstance(provider, Charging):
        return None, late or CANNOT
    try:
        return await provider.charge(request), ""
    except ProviderRefused as refused:
        return None, str(refused.facts["failure_code"])
