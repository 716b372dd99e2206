"""SQL of checkout sessions."""

from uuid import UUID

from vezne.checkout.models import Session
from vezne.kernel.db import Tx


async def insert_session(tx: Tx, session: Session) -> None:
    """A new session."""
    await tx.execute(
        """INSERT INTO checkout_sessions (tenant_id, id, order_id, token_hash, expires_at, created_at)
           VALUES ($1, $2, $3, $4, $5, $6)""",
        tx.tenant_id,
        session.id,
        session.order_id,
        session.token_hash,
        session.expires_at,
        session.created_at,
    )


async def select_session(tx: Tx, session_id: UUID) -> Session | None:
    """The session."""
    row = await tx.fetchrow(
        "SELECT id, order_id, expires_at, token_hash, created_at FROM checkout_sessions WHERE tenant_id = $1 AND id = $2",
        tx.tenant_id,
        session_id,
    )
    return None if row is None else Session(**row)


async def select_overlong(tx: Tx) -> list[UUID]:
    """Sessions that end after the payment they lead to."""
    rows = await tx.fetch(
        """SELECT session.id FROM checkout_sessions session
           JOIN orders ON orders.tenant_id = session.tenant_id AND orders.id = session.order_id
           JOIN payments ON payments.tenant_id = session.tenant_id AND payments.id = orders.payment_id
           WHERE session.tenant_id = $1 AND session.expires_at > payments.expires_at""",
        tx.tenant_id,
    )
    return [row["id"] for row in rows]
