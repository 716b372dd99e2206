"""Disputes: a payer's bank takes money back, and decides later whose it is.

Seen in whatever order and however often, each is booked once, under its payment's lock:

    opened   `disputed` → `clearing:<provider>`   the provider holds it no more; it is neither ours nor lost
    won      `clearing:<provider>` → `disputed`   the provider holds it again
    lost     `unapplied` → `disputed`             it is gone; whoever sold something for it takes that back into `unapplied`

(The account on the left gets less, that on the right more; `clearing:<provider>` and `disputed` are below zero by what is held
there.) Meanwhile, and for ever once it is lost, as much of the payment can be refunded less: money goes back once.
"""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from vezne.kernel.db import Database, Tx
from vezne.kernel.errors import NotFound
from vezne.kernel.ids import new_id, public_id
from vezne.kernel.money import Money
from vezne.kernel.principal import Principal
from vezne.payments import queries, queries_disputes
from vezne.payments.events import DisputeLost, DisputeOpened, DisputeWon
from vezne.payments.gateways import Gateways
from vezne.payments.models import Attempt, AttemptStatus, Payment
from vezne.payments.models_disputes import DISPUTE_MOVES, DISPUTES_OPEN, Dispute, DisputeStatus
from vezne.payments.operations import settling
from vezne.payments.operations.trying import in_turn, try_now
from vezne.payments.providers.base import Disputing, ProviderDispute, ProviderRefused

DISPUTED = "disputed"
LOOK_AGAIN = timedelta(days=1)
_SWEEP = 100
_LONGEST_REASON = 200


class DisputeUnknown(NotFound):
    """There is no dispute {dispute_id}."""


async def dispute(tx: Tx, dispute_id: UUID) -> Dispute:
    """The dispute. Raises DisputeUnknown."""
    found = await queries_disputes.select_dispute(tx, dispute_id)
    if found is None:
        raise DisputeUnknown(dispute_id=public_id("dsp", dispute_id))
    return found


async def disputes_page(
    tx: Tx, *, limit: int, before: UUID | None = None, payment_id: UUID | None = None, status: str | None = None
) -> list[Dispute]:
    """At most `limit` disputes, newest first, older than `before`."""
    return await queries_disputes.select_disputes(tx, limit=limit, before=before, payment_id=payment_id, status=status)


async def look_at_dispute(
    db: Database, gateways: Gateways, principal: Principal, provider: str, dispute_ref: str
) -> tuple[bool, str | None]:
    """Ask the provider about a dispute and act on the answer: whether its money is known here, and the payment it is about.

    A payment whose money is not taken yet is looked up first. Raises ProviderUnknown, ProviderUnavailable.
    """
    adapter = gateways.provider(provider)
    if not isinstance(adapter, Disputing):
        return False, None
    try:
        seen = await adapter.fetch_dispute(dispute_ref)
    except ProviderRefused:
        return False, None
    attempt = await _attempt(db, principal, provider, seen)
    if attempt is not None and attempt.status is not AttemptStatus.CAPTURED:
        await settling.look_up(db, gateways, principal, attempt)
    if attempt is None:
        return False, seen.provider_ref
    known = await in_turn(db, principal, lambda tx: settle(tx, attempt, seen))
    return known, seen.provider_ref


async def _attempt(db: Database, principal: Principal, provider: str, seen: ProviderDispute) -> Attempt | None:
    async with db.transaction(principal, read_only=True) as tx:
        return await queries.select_attempt_by_ref(tx, provider, seen.provider_ref)


async def settle(tx: Tx, disputed: Attempt, seen: ProviderDispute) -> bool:
    """Book what is new of a dispute. False, and nothing done, while the attempt's money is not taken."""
    asked = await settling.lock(tx, disputed.payment_id)
    attempt = await queries.select_attempt(tx, disputed.id)
    if attempt is None or attempt.status is not AttemptStatus.CAPTURED or seen.amount.minor <= 0:
        return False
    found = await queries_disputes.select_dispute_by_ref(tx, attempt.provider, seen.dispute_ref)
    if found is None:
        found = await _open(tx, asked, attempt, seen)
    status = DisputeStatus(seen.status)
    if status not in DISPUTE_MOVES[found.status]:
        return True
    if status in DISPUTES_OPEN:
        moved = replace(found, status=status, reason=seen.reason[:_LONGEST_REASON], respond_by=seen.respond_by)
        await queries_disputes.update_dispute(tx, moved)
        return True
    await _end(tx, found, won=status is DisputeStatus.WON)
    return True


async def _open(tx: Tx, asked: Payment, attempt: Attempt, seen: ProviderDispute) -> Dispute:
    dispute_id = new_id()
    counts = attempt.is_final and seen.amount.currency == asked.currency
    reserved = min(seen.amount.minor, asked.refundable_minor) if counts else 0
    entry_id = await settling.post(
        tx, "payment.disputed", DISPUTED, f"clearing:{attempt.provider}", seen.amount, f"dispute:{dispute_id}:opened"
    )
    made = Dispute(
        id=dispute_id,
        payment_id=asked.id,
        attempt_id=attempt.id,
        provider=attempt.provider,
        dispute_ref=seen.dispute_ref,
        status=DisputeStatus.NEEDS_RESPONSE,
        amount_minor=seen.amount.minor,
        reserved_minor=reserved,
        currency=seen.amount.currency,
        reason=seen.reason[:_LONGEST_REASON],
        respond_by=seen.respond_by,
        opened_entry_id=entry_id,
        ended_entry_id=None,
        look_at=tx.now + LOOK_AGAIN,
        created_at=tx.now,
        ended_at=None,
    )
    await queries.update_refunding(tx, asked.id, refunding=reserved, refunded=0)
    await queries_disputes.insert_dispute(tx, made)
    await _tell(tx, made, DisputeOpened)
    return made


async def _end(tx: Tx, found: Dispute, *, won: bool) -> None:
    source = f"clearing:{found.provider}" if won else settling.UNAPPLIED
    kind = "payment.dispute_won" if won else "payment.dispute_lost"
    amount = Money(found.amount_minor, found.currency)
    entry_id = await settling.post(tx, kind, source, DISPUTED, amount, f"dispute:{found.id}:ended")
    refunded = 0 if won else found.reserved_minor
    await queries.update_refunding(tx, found.payment_id, refunding=-found.reserved_minor, refunded=refunded)
    status = DisputeStatus.WON if won else DisputeStatus.LOST
    await queries_disputes.update_dispute(
        tx, replace(found, status=status, ended_entry_id=entry_id, look_at=None, ended_at=tx.now)
    )
    await _tell(tx, found, DisputeWon if won else DisputeLost)


async def _tell(tx: Tx, found: Dispute, event: type[DisputeOpened]) -> None:
    await tx.publish(
        event(
            dispute_id=found.id,
            payment_id=found.payment_id,
            amount_minor=found.amount_minor,
            currency=found.currency,
            reason=found.reason,
        )
    )


async def look_at_due(db: Database, gateways: Gateways, principal: Principal) -> int:
    """Look at every open dispute of the tenant that was not looked at for a day (up to 100); how many."""
    async with db.transaction(principal) as tx:
        due = await queries_disputes.take_due_disputes(tx, _SWEEP, LOOK_AGAIN)
    for found in due:
        shown = public_id("dsp", found.id)
        await try_now(shown, look_at_dispute(db, gateways, principal, found.provider, found.dispute_ref))
    return len(due)
