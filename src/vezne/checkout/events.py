"""What the checkout tells those above it."""

from dataclasses import dataclass
from uuid import UUID

from vezne.kernel.events import Event


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckoutOpened(Event):
    """An order may be paid at one more address."""

    checkout_id: UUID
    order_id: UUID
    payment_id: UUID
