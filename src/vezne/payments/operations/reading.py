"""Looking at payments."""

from collections.abc import Sequence
from uuid import UUID

from vezne.kernel.db import Tx
from vezne.payments import queries, queries_transactions
from vezne.payments.models import Attempt, Payment, ProviderTransaction, Refund


async def payments_page(
    tx: Tx, *, limit: int, before: UUID | None = None, customer_id: UUID | None = None, status: str | None = None
) -> list[Payment]:
    """At most `limit` payments, newest first, older than `before`."""
    return await queries.select_payments(tx, limit=limit, before=before, customer_id=customer_id, status=status)


async def attempts(tx: Tx, payment_ids: Sequence[UUID]) -> list[Attempt]:
    """All attempts of these payments, each payment's in their order."""
    return await queries.select_attempts(tx, payment_ids)


async def refunds(tx: Tx, payment_id: UUID) -> list[Refund]:
    """The payment's refunds, newest first."""
    return await queries.select_refunds(tx, payment_id)


async def transactions(tx: Tx, payment_id: UUID) -> list[ProviderTransaction]:
    """Everything the payment's providers said that moved it or a refund of it, in the order it was heard."""
    return await queries_transactions.select_transactions(tx, payment_id)
