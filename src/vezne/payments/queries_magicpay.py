"""SQL of what MagicPay's demo knows."""

from asyncpg import Record

from vezne.kernel.db import Tx
from vezne.payments.providers.magicpay_sessions import DemoRefund, DemoSession, SessionStatus


def _session(row: Record) -> DemoSession:
    facts = {name: value for name, value in row.items() if name != "tenant_id"}
    facts["status"] = SessionStatus(facts["status"])
    return DemoSession(**facts)


async def insert_session(tx: Tx, session: DemoSession) -> DemoSession:
    """Keep a session, or, when there is one of its reference already (also one being made just now), the one there is."""
    row = await tx.fetchrow(
        """INSERT INTO magicpay_sessions (tenant_id, id, reference, amount_minor, currency, status, return_url, locale,
                                          created_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
           ON CONFLICT (tenant_id, reference) DO NOTHING RETURNING *""",
        tx.tenant_id,
        session.id,
        session.reference,
        session.amount_minor,
        session.currency,
        session.status,
        session.return_url,
        session.locale,
        session.created_at,
    )
    return session if row is not None else (await select_session_by_reference(tx, session.reference) or session)


async def select_session_by_reference(tx: Tx, reference: str) -> DemoSession | None:
    """The session made under a reference."""
    row = await tx.fetchrow("SELECT * FROM magicpay_sessions WHERE tenant_id = $1 AND reference = $2", tx.tenant_id, reference)
    return None if row is None else _session(row)


async def select_session(tx: Tx, session_id: str) -> DemoSession | None:
    """The session, not locked."""
    row = await tx.fetchrow("SELECT * FROM magicpay_sessions WHERE tenant_id = $1 AND id = $2", tx.tenant_id, session_id)
    return None if row is None else _session(row)


async def lock_session(tx: Tx, session_id: str) -> DemoSession | None:
    """The session, locked until this transaction ends."""
    row = await tx.fetchrow(
        "SELECT * FROM magicpay_sessions WHERE tenant_id = $1 AND id = $2 FOR UPDATE", tx.tenant_id, session_id
    )
    return None if row is None else _session(row)


async def update_session(tx: Tx, session: DemoSession) -> None:
    """Keep a locked session as it now is."""
    await tx.execute(
        """UPDATE magicpay_sessions SET status = $3, failure_code = $4, card_last4 = $5, refunded_minor = $6, settles_at = $7
           WHERE tenant_id = $1 AND id = $2""",
        tx.tenant_id,
        session.id,
        session.status,
        session.failure_code,
        session.card_last4,
        session.refunded_minor,
        session.settles_at,
    )


async def insert_refund(tx: Tx, refund: DemoRefund) -> None:
    """Keep a refund whose session is locked."""
    await tx.execute(
        """INSERT INTO magicpay_refunds (tenant_id, id, session_id, reference, amount_minor, created_at)
           VALUES ($1, $2, $3, $4, $5, $6)""",
        tx.tenant_id,
        refund.id,
        refund.session_id,
        refund.reference,
        refund.amount_minor,
        refund.created_at,
    )


async def select_refund_by_reference(tx: Tx, reference: str) -> DemoRefund | None:
    """The refund made under a reference."""
    row = await tx.fetchrow(
        """SELECT refund.id, refund.session_id, refund.reference, refund.amount_minor, refund.created_at, session.currency
           FROM magicpay_refunds AS refund
           JOIN magicpay_sessions AS session ON session.tenant_id = refund.tenant_id AND session.id = refund.session_id
           WHERE refund.tenant_id = $1 AND refund.reference = $2""",
        tx.tenant_id,
        reference,
    )
    return None if row is None else DemoRefund(**row)


async def select_refund(tx: Tx, refund_id: str) -> DemoRefund | None:
    """The refund."""
    row = await tx.fetchrow(
        """SELECT refund.id, refund.session_id, refund.reference, refund.amount_minor, refund.created_at, session.currency
           FROM magicpay_refunds AS refund
           JOIN magicpay_sessions AS session ON session.tenant_id = refund.tenant_id AND session.id = refund.session_id
           WHERE refund.tenant_id = $1 AND refund.id = $2""",
        tx.tenant_id,
        refund_id,
    )
    return None if row is None else DemoRefund(**row)
