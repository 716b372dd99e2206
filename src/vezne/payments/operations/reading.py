"""Looking at payments."""

from collections.abc import Sequence
from uuid import UUID

from vezne.kernel.db import Tx
from vezne.payments import queries, queries_transactions
from vezne.payments.models import Attempt, ProviderTransaction, Refund


async def attempts(tx: Tx, payment_ids: Sequence[UUID]) -> list[Attempt]:
    """All attempts of these payments, each payment's in their order."""
    return await queries.select_attempts(tx, payment_ids)


async def refunds(tx: Tx, payment_id: UUID) -> list[Refund]:
    """The payment's refunds, newest first."""
    return await queries.select_refunds(tx, payment_id)


async def transactions(tx: Tx, payment_id: UUID) -> list[ProviderTransaction]:
    """Everything the payment's providers said that moved it or a refund of it, in the order it was heard."""
    return await queries_transactions.select_transactions(tx, payment_id)
