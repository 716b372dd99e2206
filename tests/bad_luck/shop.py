"""A shop of seats and storage whose customers pay in their browsers, through PayU or the simulated provider."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import httpx2

from orders_fixtures import BoxOffice, seats
from payu_fixtures import Counter, form_in
from vezne import bookings, catalog
from vezne.kernel.ids import parse_id

SEAT, DAY, DAYS = 5_000, 2_000, 2
TOTAL = 2 * SEAT + DAYS * DAY
BROWSER = {"accept": "text/html"}


@dataclass
class Visit:
    """A customer's browser on the way through the checkout."""

    shop: "Shop"
    placed: dict[str, Any]
    provider: str
    ref: str = ""
    way_back: dict[str, Any] = field(default_factory=dict)

    @property
    def token(self) -> str:
        """What the checkout's address hides."""
        return str(urlsplit(self.placed["checkout_url"]).path.removeprefix("/checkout/"))

    @property
    def payment_id(self) -> UUID:
        """The order's payment."""
        return parse_id("pay", self.placed["payment"]["id"])

    async def enter(self) -> None:
        """Choose the provider, and stand on its page."""
        http = self.shop.http
        pressed = await http.post(f"/checkout/{self.token}/attempts", data={"provider": self.provider})
        assert pressed.status_code == 303, pressed.text
        there = pressed.headers["location"]
        if self.provider == "simulated":
            self.ref = urlsplit(there).path.rpartition("/")[2]
            return
        action, fields = form_in((await http.get(there)).text)
        assert (await self.shop.sandbox.client.post(action, data=fields)).status_code == 303
        self.ref = fields["txnid"]

    async def pay(self) -> None:
        """Use a good card there; the browser is not back yet."""
        if self.provider == "simulated":
            await self.shop.sandbox.play(self.ref)
        else:
            self.way_back = await self.shop.act(self.ref)

    async def come_back(self) -> httpx2.Response:
        """The provider sends the browser back; the page it ends on."""
        http, there = self.shop.http, f"/checkout/{self.token}/return"
        if self.provider == "payu":
            back = await self.shop.post_back(self.way_back)
            assert back.status_code == 303, back.text
            there = back.headers["location"]
        return await http.get(there, headers=BROWSER, follow_redirects=True)

    async def webhook(self) -> None:
        """The provider's webhook arrives and is acted on."""
        await self.shop.until_told(self.ref)
        await self.shop.work("payments.act_on_webhook")

    async def poll(self) -> None:
        """Nobody tells anything; we ask."""
        await self.shop.work("payments.poll", ahead=timedelta(minutes=1))


@dataclass
class Shop(BoxOffice, Counter):
    """The box office of a counter: rupees."""

    async def depot(self, units: int = 1, payee_id: UUID | None = None) -> bookings.Resource:
        """Storage units at a price a day."""
        async with self.db.transaction(self.principal) as tx:
            asked = catalog.NewItem(name="Storage", per="day", prices={"INR": DAY}, payee_id=payee_id)
            item = await catalog.create_item(tx, asked)
            made = await bookings.create_resource(tx, kind="storage", name="Depot", item_id=item.id, payee_id=payee_id)
            await bookings.add_units(tx, made.id, [f"Unit {number}" for number in range(units)])
        return made

    async def stay(self, depot: bookings.Resource, days: int = DAYS) -> dict[str, Any]:
        """A line of some days next month."""
        async with self.db.transaction(self.principal, read_only=True) as tx:
            begin = tx.now.date() + timedelta(days=30)
        return seats(depot, checkin_date=str(begin), checkout_date=str(begin + timedelta(days=days)))

    async def give_back(self) -> None:
        """Let refunds that are on their way arrive."""
        async with asyncio.timeout(10):
            while await self.held("unapplied", "INR"):
                await self.work("payments.refund_at_provider", ahead=timedelta(minutes=2))
                await asyncio.sleep(0.02)

    async def visit(self, lines: list[dict[str, Any]], provider: str, **more: Any) -> Visit:  # noqa: ANN401
        """A new customer orders, and stands on the provider's page."""
        customer = more.pop("customer", None) or await self.customer()
        visit = Visit(self, await self.order(customer, lines, currency="INR", **more), provider)
        await visit.enter()
        return visit


async def all_at_once(visit: Visit) -> None:
    """Browser, webhook and poller, each several times, at the same moment."""
    await visit.shop.until_told(visit.ref)
    ways: list[Callable[[], Awaitable[object]]] = [visit.come_back, visit.webhook, visit.poll]
    await asyncio.gather(*(way() for way in ways for _ in range(3)))
    await visit.webhook()
