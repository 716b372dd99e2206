"""Paying at MagicPay's demo: what its page shows, and what follows at once from a card or from a result that is said."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from vezne import identity
from vezne.kernel.db import Database
from vezne.kernel.principal import Principal
from vezne.payments import queries
from vezne.payments.gateways import Gateways, ProviderUnknown
from vezne.payments.models import Payment, PaymentStatus
from vezne.payments.operations import settling
from vezne.payments.providers.magicpay import MagicPay
from vezne.payments.providers.magicpay_demo import NAME, MagicPayDemo
from vezne.payments.providers.magicpay_sessions import DemoSession, MagicPaySessionUnknown, SessionStatus, tenant_of_ref

PaymentStatusShown = Literal["pending", "processing", "paid", "failed", "cancelled", "expired"]
_SHOWN: Mapping[PaymentStatus, PaymentStatusShown] = {
    PaymentStatus.PROCESSING: "processing",
    PaymentStatus.SUCCEEDED: "paid",
    PaymentStatus.FAILED: "failed",
    PaymentStatus.CANCELLED: "cancelled",
    PaymentStatus.EXPIRED: "expired",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoView:
    """A session of the demo with the payment it is for."""

    session: DemoSession
    payment: Payment
    merchant: str
    time_zone: str
    checkout_url: str
    now: datetime

    @property
    def payment_status(self) -> PaymentStatusShown:
        """How the payment stands, in the words of the storage documents; `failed` may be this session's failure alone."""
        shown = _SHOWN.get(self.payment.status)
        if shown is None:
            return "failed" if self.session.status is SessionStatus.FAILED else "pending"
        return shown


async def demo_session(db: Database, gateways: Gateways, session_id: str) -> DemoView:
    """What a session of the demo is for and how it stands. Raises MagicPaySessionUnknown."""
    demo = _demo(gateways, session_id)
    session = await demo.session(session_id)
    async with db.transaction(_visitor(session_id), read_only=True) as tx:
        tenant = await identity.tenant_of(tx)
        attempt = await queries.select_attempt_by_ref(tx, NAME, session_id)
        if attempt is None:  # its start was never heard of: nobody was sent there
            raise MagicPaySessionUnknown(session_id=session_id)
        return DemoView(
            session=session,
            payment=await settling.payment(tx, attempt.payment_id),
            merchant=tenant.name,
            time_zone=tenant.settings.time_zone,
            checkout_url=demo.page_url(session_id),
            now=tx.now,
        )


async def pay_demo(db: Database, gateways: Gateways, session_id: str, card: str) -> DemoView:
    """The customer pays with a test card; the payment follows at once. A session that was decided stays as it is.

    Raises MagicPaySessionUnknown, CardUnknown.
    """
    await _demo(gateways, session_id).pay(session_id, card)
    return await _follow(db, gateways, _visitor(session_id), session_id)


async def complete_demo(db: Database, gateways: Gateways, principal: Principal, session_id: str, *, success: bool) -> DemoView:
    """Decide a session without its page; the payment follows at once. The same again: nothing changes.

    Raises MagicPaySessionUnknown, also for another tenant's, and MagicPaySessionDecided when it was decided otherwise.
    """
    if tenant_of_ref("session", session_id) != principal.tenant_id:
        raise MagicPaySessionUnknown(session_id=session_id[:80])
    await _demo(gateways, session_id).complete(session_id, success=success)
    return await _follow(db, gateways, principal, session_id)


async def leave_demo(db: Database, gateways: Gateways, session_id: str) -> DemoView:
    """The customer turns back: the session is closed unless it was decided. Raises MagicPaySessionUnknown."""
    await _demo(gateways, session_id).cancel(session_id)
    return await _follow(db, gateways, _visitor(session_id), session_id)


async def _follow(db: Database, gateways: Gateways, principal: Principal, session_id: str) -> DemoView:
    async with db.transaction(principal, read_only=True) as tx:
        attempt = await queries.select_attempt_by_ref(tx, NAME, session_id)
    if attempt is not None:
        await settling.look_up(db, gateways, principal, attempt)
    return await demo_session(db, gateways, session_id)


def _demo(gateways: Gateways, session_id: str) -> MagicPayDemo:
    """The demo, if this could be one of its sessions. Raises MagicPaySessionUnknown."""
    try:
        found = gateways.provider(NAME)
    except ProviderUnknown:
        found = None
    if not isinstance(found, MagicPay) or tenant_of_ref("session", session_id) is None:
        raise MagicPaySessionUnknown(session_id=session_id[:80])
    return found.demo


def _visitor(session_id: str) -> Principal:
    """Whoever holds a session's address: it cannot be guessed, and opens this one session."""
    return Principal(tenant_of_ref("session", session_id) or 0, f"payer:{session_id}", "public", frozenset())
