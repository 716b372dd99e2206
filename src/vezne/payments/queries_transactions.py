"""SQL of what providers said: written once, never changed."""

from collections.abc import Mapping
from uuid import UUID

import msgspec

from vezne.kernel.db import Tx
from vezne.kernel.ids import new_id
from vezne.kernel.money import Money
from vezne.payments.models import ProviderTransaction


async def insert_transaction(
    tx: Tx,
    *,
    payment_id: UUID,
    attempt_id: UUID,
    refund_id: UUID | None = None,
    provider: str,
    provider_ref: str,
    status: str,
    amount: Money,
    failure_code: str | None,
    response: Mapping[str, object],
) -> None:
    """Keep an answer; what it says in its own words is encrypted."""
    await tx.execute(
        """INSERT INTO payment_transactions (tenant_id, id, payment_id, attempt_id, refund_id, provider, provider_ref, status,
                                             amount_minor, currency, failure_code, response, seen_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)""",
        tx.tenant_id,
        new_id(),
        payment_id,
        attempt_id,
        refund_id,
        provider,
        provider_ref,
        status,
        amount.minor,
        amount.currency,
        failure_code,
        tx.vault.seal(msgspec.json.encode(response)),
        tx.now,
    )


async def select_transactions(tx: Tx, payment_id: UUID) -> list[ProviderTransaction]:
    """All that was said of a payment, in the order it was heard."""
    rows = await tx.fetch(
        "SELECT * FROM payment_transactions WHERE tenant_id = $1 AND payment_id = $2 ORDER BY id", tx.tenant_id, payment_id
    )
    return [
        ProviderTransaction(
            **{name: value for name, value in row.items() if name not in {"tenant_id", "response"}},
            response=msgspec.json.decode(tx.vault.open(row["response"])),
        )
        for row in rows
    ]
