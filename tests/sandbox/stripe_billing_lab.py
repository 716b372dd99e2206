"""Customers who subscribe at the sandbox's Stripe, on test clocks."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from sandbox.stripe_lab import Json, Lab, looked_at, until

START = int(datetime(2026, 1, 31, 12, 0, tzinfo=UTC).timestamp())
HOUR, DAY = 3600, 86_400


@dataclass
class Club:
    """A customer on a test clock, and what the club sells."""

    lab: Lab
    clock: str
    customer: str

    @property
    def v1(self) -> Any:  # noqa: ANN401 - tests send what its types forbid
        return self.lab.v1

    def price(self, amount: int = 2000, interval: str = "month", currency: str = "usd", **facts: object) -> str:
        """A price of its own."""
        asked = {
            "currency": currency,
            "unit_amount": amount,
            "recurring": {"interval": interval},
            "product_data": {"name": f"Plan {uuid4().hex[:6]}"},
            **facts,
        }
        return str(looked_at(self.v1.prices.create(asked))["id"])

    def subscribe(self, price: str | None = None, **facts: object) -> Json:
        """A subscription."""
        asked = {"customer": self.customer, "items": [{"price": price or self.price()}], **facts}
        return looked_at(self.v1.subscriptions.create({k: v for k, v in asked.items() if v is not None}))

    def now(self, id_: str) -> Json:
        """A subscription as it is."""
        return looked_at(self.v1.subscriptions.retrieve(id_))

    def bills(self, id_: str) -> list[Json]:
        """Its bills, oldest first, with what pays them."""
        listed = self.v1.invoices.list({"subscription": id_, "limit": 100, "expand": ["data.payments"]})
        return list(looked_at(listed)["data"][::-1])

    def advance(self, to: int | datetime | timedelta) -> None:
        """Let time pass on the clock."""
        if isinstance(to, timedelta):
            to = self.time() + int(to.total_seconds())
        at = int(to.timestamp()) if isinstance(to, datetime) else to
        self.v1.test_helpers.test_clocks.advance(self.clock, {"frozen_time": at})
        until(lambda: self.v1.test_helpers.test_clocks.retrieve(self.clock).status == "ready", 30)

    def time(self) -> int:
        """What the clock says."""
        time: int = self.v1.test_helpers.test_clocks.retrieve(self.clock).frozen_time
        return time

    def card(self, name: str) -> None:
        """The customer pays by another card from now on."""
        method = self.v1.payment_methods.attach(f"pm_card_{name}", {"customer": self.customer})
        self.v1.customers.update(self.customer, {"invoice_settings": {"default_payment_method": method.id}})


def club(lab: Lab, card: str | None = "visa", start: int = START) -> Club:
    """A new customer, with a card or without."""
    clock = lab.v1.test_helpers.test_clocks.create({"frozen_time": start}).id
    customer = lab.customer(test_clock=clock).id
    made = Club(lab, clock, customer)
    if card is not None:
        made.card(card)
    return made


def period(subscription: Json) -> tuple[int, int]:
    """The period it is in."""
    item = subscription["items"]["data"][0]
    return item["current_period_start"], item["current_period_end"]


def at(year: int, month: int, day: int, hour: int = 12) -> int:
    """An instant."""
    return int(datetime(year, month, day, hour, tzinfo=UTC).timestamp())
