"""MagicPay's demo client: it plays the provider inside this process, for tenants in `demo_local` and `GATEWAY_DEMO`.

What it knows stands in the tenant's own rows (`magicpay_sessions`), so every process sees it and it survives a restart. It
opens short transactions of its own. No money in it is real, so a live tenant is refused.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Literal

from vezne import identity
from vezne.kernel.db import Database, Tx
from vezne.kernel.money import Money
from vezne.kernel.principal import Principal
from vezne.payments import queries_magicpay as queries
from vezne.payments.providers.base import (
    Grade,
    ProviderPayment,
    ProviderRefund,
    ProviderRefused,
    ProviderUnavailable,
    RefundGrade,
    RefundRequest,
    Started,
    StartRequest,
)
from vezne.payments.providers.magicpay_sessions import (
    DECLINED,
    PAID,
    DemoRefund,
    DemoSession,
    MagicPaySessionDecided,
    MagicPaySessionUnknown,
    SessionStatus,
    last4_of,
    new_ref,
    outcome_of,
    tenant_of_ref,
)

NAME = "magicpay"
Mode = Literal["demo", "live"]

_GRADES = {
    SessionStatus.OPEN: Grade.PENDING,
    SessionStatus.PROCESSING: Grade.PROCESSING,
    SessionStatus.PAID: Grade.CAPTURED,
    SessionStatus.FAILED: Grade.FAILED,
    SessionStatus.CANCELLED: Grade.CANCELLED,
}


class MagicPayDemo:
    """The demo client."""

    def __init__(self, *, public_url: str) -> None:
        self._public_url = public_url
        self._db: Database | None = None

    def bind(self, db: Database) -> None:
        """Where it keeps what it knows."""
        self._db = db

    async def mode_of(self, tenant_id: int) -> Mode:
        """Which client a tenant's `payment_mode` asks for. Raises ProviderRefused for a live tenant in a demo mode."""
        db, system = self._of(tenant_id)
        async with db.transaction(system, read_only=True) as tx:
            tenant = await identity.tenant_of(tx)
        if tenant.settings.payment_mode == "live":
            return "live"
        if tenant.livemode:
            raise ProviderRefused(provider=NAME, failure_code="demo_mode_in_live_tenant")
        return "demo"

    async def is_live(self, tenant_id: int) -> bool:
        """Whether a tenant takes real money, and so may have sessions elsewhere."""
        db, _ = self._of(tenant_id)
        return await identity.livemode_of(db, tenant_id) is True

    async def start(self, request: StartRequest) -> Started:
        """Make a session. The same `reference` again: the same session."""
        db, system = self._of(request.tenant_id)
        async with db.transaction(system) as tx:
            asked = DemoSession(
                id=new_ref("session", request.tenant_id),
                reference=request.reference,
                amount_minor=request.amount.minor,
                currency=request.amount.currency,
                status=SessionStatus.OPEN,
                return_url=request.return_url,
                locale=request.locale,
                created_at=tx.now,
            )
            session = await queries.insert_session(tx, asked)
        return Started(provider_ref=session.id, redirect_url=self.page_url(session.id))

    def page_url(self, session_id: str) -> str:
        """Where the customer pays a session."""
        return f"{self._public_url}/payments/magicpay/demo/{session_id}"

    async def find(self, reference: str, tenant_id: int) -> ProviderPayment | None:
        """The session made under a reference, if there is one."""
        db, system = self._of(tenant_id)
        async with db.transaction(system, read_only=True) as tx:
            session = await queries.select_session_by_reference(tx, reference)
            return None if session is None else self._seen(session.at(tx.now))

    async def session(self, session_id: str) -> DemoSession:
        """The session as it stands. Raises MagicPaySessionUnknown."""
        db, system = self._of_ref("session", session_id)
        async with db.transaction(system, read_only=True) as tx:
            session = await queries.select_session(tx, session_id)
            if session is None:
                raise MagicPaySessionUnknown(session_id=session_id[:80])
            return session.at(tx.now)

    async def fetch(self, session_id: str) -> ProviderPayment:
        """The session as a payment. Raises ProviderRefused when there is none."""
        with _refusing():
            return self._seen(await self.session(session_id))

    async def pay(self, session_id: str, card: str) -> DemoSession:
        """The customer pays with this card. A session that was decided stays as it is: a form sent twice pays once.

        Raises MagicPaySessionUnknown, CardUnknown.
        """
        db, system = self._of_ref("session", session_id)
        async with db.transaction(system) as tx:
            found = await _lock(tx, session_id)
            played = found.play(outcome_of(found.amount_minor, card), tx.now, last4_of(card))
            return await _keep(tx, found, played)

    async def complete(self, session_id: str, *, success: bool) -> DemoSession:
        """Decide a session without its page. The same again: nothing changes.

        Raises MagicPaySessionUnknown, and MagicPaySessionDecided when it was decided the other way, or cancelled.
        """
        db, system = self._of_ref("session", session_id)
        async with db.transaction(system) as tx:
            found = (await _lock(tx, session_id)).at(tx.now)
            if found.status is SessionStatus.CANCELLED or (
                found.status is not SessionStatus.OPEN and success is (found.status is SessionStatus.FAILED)
            ):
                raise MagicPaySessionDecided(session_id=session_id, status=found.status)
            return await _keep(tx, found, found.play(PAID if success else DECLINED, tx.now, None))

    async def cancel(self, session_id: str) -> ProviderPayment:
        """Close a session that was not paid; one that was decided is returned as it is. Raises ProviderRefused."""
        with _refusing():
            db, system = self._of_ref("session", session_id)
            async with db.transaction(system) as tx:
                found = await _lock(tx, session_id)
                return self._seen(await _keep(tx, found, found.cancel()))

    async def refund(self, request: RefundRequest) -> ProviderRefund:
        """Give money back, at once. The same `reference` again: the same refund. Raises ProviderRefused."""
        with _refusing():
            db, system = self._of_ref("session", request.provider_ref)
            async with db.transaction(system) as tx:
                session = (await _lock(tx, request.provider_ref)).at(tx.now)
                made = await queries.select_refund_by_reference(tx, request.reference)
                return _seen_refund(made or await _give_back(tx, session, request))

    async def fetch_refund(self, refund_id: str) -> ProviderRefund:
        """The refund. Raises ProviderRefused when there is none."""
        with _refusing():
            db, system = self._of_ref("mref", refund_id)
            async with db.transaction(system, read_only=True) as tx:
                found = await queries.select_refund(tx, refund_id)
        if found is None:
            raise ProviderRefused(provider=NAME, failure_code="unknown_refund")
        return _seen_refund(found)

    def _of(self, tenant_id: int) -> tuple[Database, Principal]:
        if self._db is None:
            raise ProviderUnavailable(provider=NAME, reason="the demo has no database")
        return self._db, Principal.system(tenant_id, "magicpay-demo")

    def _of_ref(self, noun: str, ref: str) -> tuple[Database, Principal]:
        tenant_id = tenant_of_ref(noun, ref)
        if tenant_id is None:
            raise MagicPaySessionUnknown(session_id=ref[:80])
        return self._of(tenant_id)

    def _seen(self, session: DemoSession) -> ProviderPayment:
        return ProviderPayment(
            provider_ref=session.id,
            reference=session.reference,
            grade=_GRADES[session.status],
            amount=session.amount,
            captured=Money(session.amount_minor if session.status is SessionStatus.PAID else 0, session.currency),
            refunded=Money(session.refunded_minor, session.currency),
            failure_code=session.failure_code,
            redirect_url=self.page_url(session.id),
            response=_told(session),
        )


@contextmanager
def _refusing() -> Iterator[None]:
    """What is not there is a definite no to whoever speaks to a provider."""
    try:
        yield
    except MagicPaySessionUnknown:
        raise ProviderRefused(provider=NAME, failure_code="unknown_session") from None


def _told(session: DemoSession) -> Mapping[str, object]:
    return {
        "session_id": session.id,
        "status": session.status,
        "amount_minor": session.amount_minor,
        "currency": session.currency,
        "refunded_minor": session.refunded_minor,
        "failure_code": session.failure_code,
        "card_last4": session.card_last4,
        "mode": "demo",
    }


def _seen_refund(refund: DemoRefund) -> ProviderRefund:
    return ProviderRefund(
        refund_ref=refund.id,
        grade=RefundGrade.SUCCEEDED,
        amount=Money(refund.amount_minor, refund.currency),
        response={"refund_id": refund.id, "session_id": refund.session_id, "status": "succeeded", "mode": "demo"},
    )


async def _lock(tx: Tx, session_id: str) -> DemoSession:
    found = await queries.lock_session(tx, session_id)
    if found is None:
        raise MagicPaySessionUnknown(session_id=session_id[:80])
    return found


async def _keep(tx: Tx, before: DemoSession, after: DemoSession) -> DemoSession:
    if after != before:
        await queries.update_session(tx, after)
    return after.at(tx.now)


async def _give_back(tx: Tx, session: DemoSession, asked: RefundRequest) -> DemoRefund:
    if session.status is not SessionStatus.PAID or asked.amount.currency != session.currency:
        raise ProviderRefused(provider=NAME, failure_code="not_refundable")
    if asked.amount.minor > session.amount_minor - session.refunded_minor:
        raise ProviderRefused(provider=NAME, failure_code="amount_exceeds_captured")
    made = DemoRefund(
        id=new_ref("mref", tx.tenant_id),
        session_id=session.id,
        reference=asked.reference,
        amount_minor=asked.amount.minor,
        currency=session.currency,
        created_at=tx.now,
    )
    await queries.insert_refund(tx, made)
    await queries.update_session(tx, replace(session, refunded_minor=session.refunded_minor + made.amount_minor))
    return made
