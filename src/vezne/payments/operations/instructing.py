"""What a customer who pays in cash or by bank transfer is told to do."""

from dataclasses import dataclass
from typing import Literal

from vezne import identity
from vezne.kernel.db import Database
from vezne.kernel.ids import public_id
from vezne.kernel.principal import Principal
from vezne.payments import queries
from vezne.payments.gateways import Gateways
from vezne.payments.models import LIVE, OPEN, Attempt, Payment, PaymentStatus
from vezne.payments.operations import settling
from vezne.payments.operations.starting import FormUnknown, read_form_token
from vezne.payments.providers.offline import code_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Instructions:
    """One promise to pay: how much, to whom, by when, and the code by which it is recognised."""

    payment: Payment
    attempt: Attempt
    merchant: str
    told: str
    time_zone: str
    test_mode: bool

    @property
    def code(self) -> str:
        """What is written with a transfer, or said at the counter."""
        return code_of(self.attempt.provider_ref or "")

    @property
    def state(self) -> Literal["awaited", "received", "over"]:
        """Whether the money is waited for."""
        if self.payment.status is PaymentStatus.SUCCEEDED:
            return "received"
        return "awaited" if self.attempt.status in LIVE and self.payment.status in OPEN else "over"


async def instructions(db: Database, gateways: Gateways, token: str) -> Instructions:
    """What to do to pay an attempt by cash or bank transfer. Changes nothing.

    Raises FormUnknown, also for an attempt at a provider that is no such, and ProviderUnknown.
    """
    tenant_id, attempt_id = read_form_token(db.vault, token)
    principal = Principal(tenant_id, f"payer:{public_id('att', attempt_id)}", "public", frozenset())
    async with db.transaction(principal, read_only=True) as tx:
        attempt = await queries.select_attempt(tx, attempt_id)
        if attempt is None or attempt.provider_ref is None:
            raise FormUnknown
        if not gateways.provider(attempt.provider).capabilities.offline:
            raise FormUnknown
        tenant = await identity.tenant_of(tx)
        return Instructions(
            payment=await settling.payment(tx, attempt.payment_id),
            attempt=attempt,
            merchant=tenant.name,
            told=tenant.settings.transfer_instructions.strip() if attempt.provider == "bank_transfer" else "",
            time_zone=tenant.settings.time_zone,
            test_mode=not tenant.livemode,
        )
