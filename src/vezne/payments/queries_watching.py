"""SQL of watching: what of one customer's payments was refused or asked back lately."""

from datetime import datetime
from uuid import UUID

from vezne.kernel.db import Tx


async def count_declines(tx: Tx, customer_id: UUID, since: datetime) -> int:
    """How many attempts to pay of the customer were declined after `since`, whatever the payment."""
    count: int = await tx.fetchval(
        """SELECT count(*) FROM payments
           JOIN payment_attempts AS attempts ON attempts.tenant_id = payments.tenant_id AND attempts.payment_id = payments.id
           WHERE payments.tenant_id = $1 AND payments.customer_id = $2
             AND attempts.status = 'failed' AND attempts.ended_at > $3""",
        tx.tenant_id,
        customer_id,
        since,
    )
    return count


async def count_refunds(tx: Tx, customer_id: UUID, since: datetime) -> int:
    """How many refunds of the customer's payments were asked for after `since`, whatever became of them."""
    count: int = await tx.fetchval(
        """SELECT count(*) FROM payments
           JOIN payment_refunds AS refunds ON refunds.tenant_id = payments.tenant_id AND refunds.payment_id = payments.id
           WHERE payments.tenant_id = $1 AND payments.customer_id = $2 AND refunds.created_at > $3""",
        tx.tenant_id,
        customer_id,
        since,
    )
    return count
