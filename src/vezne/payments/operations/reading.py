"""Looking at payments."""

from collections.abc import Sequence
from uuid import UUID

from vezne.kernel.db import Tx
from vezne.payments import queries
from vezne.payments.models import Attempt


async def attempts(tx: Tx, payment_ids: Sequence[UUID]) -> list[Attempt]:
    """All attempts of these payments, each payment's in their order."""
    return await queries.select_attempts(tx, payment_ids)
