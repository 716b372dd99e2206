"""Stored payment methods as plain values."""

from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from uuid import UUID

from vezne.payments.providers.base import Grade, ProviderPayment

AUTHENTICATION_REQUIRED = "authentication_required"
"""The failure code of a charge that only the customer could have approved."""
_NOTHING_CAME = MappingProxyType(
    {Grade.REQUIRES_ACTION: AUTHENTICATION_REQUIRED, Grade.CANCELLED: "cancelled", Grade.EXPIRED: "expired"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentMethod:
    """A card (or a wallet on a phone) that its provider keeps; of its number only what a person knows it by."""

    id: UUID
    customer_id: UUID
    provider: str
    method_ref: str
    customer_ref: str | None
    brand: str
    last4: str
    expires_year: int | None
    expires_month: int | None
    is_default: bool
    active: bool
    created_at: datetime
    forgotten_at: datetime | None


def off_session(seen: ProviderPayment) -> ProviderPayment:
    """What an answer means where no customer is there to act on it: to need one, to be left or to lapse is to have failed."""
    code = _NOTHING_CAME.get(seen.grade)
    return seen if code is None else replace(seen, grade=Grade.FAILED, failure_code=seen.failure_code or code)
