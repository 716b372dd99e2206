"""A box office in a deployment: seats and storage bought by every road, checked in, given back and paid out, whatever dies."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random
from typing import Any, Literal
from urllib.parse import urljoin, urlsplit

import httpx2

from faults.clients import NOT_AN_ANSWER, PATIENCE, PAUSE, Client
from faults.deployment import Running
from figures_fixtures import Figures
from payu_fixtures import form_in

Road = Literal["wallet", "simulated", "payu", "magicpay"]
Thing = Literal["seats", "storage", "the last seat"]
Then = Literal["come in", "give back", "keep"]
ROADS: tuple[Road, ...] = ("wallet", "simulated", "payu", "magicpay")
SEAT, DAY, PART, FUNDS = 1_500, 700, 400, 100_000
SEATS, UNITS, FORTNIGHT = 4_000, 3, 14
FIRST_DAY = date(2031, 3, 20)  # the clocks of many zones change within the fortnight
IBAN = "TR330006100519786457841326"
CARDS = {"simulated": "4242424242424242", "payu": "5123456789012346"}


@dataclass
class Purchase:
    """What a customer ordered, and what has become of it as far as anybody was told."""

    road: Road
    order: dict[str, Any]
    wallet: str
    thing: Thing
    ref: str = ""
    charged: bool = False
    went: str = ""
    refunded: int = 0
    refunds: int = 0
    let_in: set[str] = field(default_factory=set)

    @property
    def id(self) -> str:
        """The order's id."""
        return str(self.order["id"])

    @property
    def line(self) -> dict[str, Any]:
        """Its one line."""
        line: dict[str, Any] = self.order["lines"][0]
        return line

    def part(self, kind: str, name: str = "amount_minor") -> int:
        """What the tenders of a kind come to."""
        return sum(tender[name] for tender in self.order["tenders"] if tender["kind"] == kind)


@dataclass
class BoxOffice:
    """The house, its customers and its cashiers, who never give up."""

    client: Client
    checker: Client
    running: Running
    figures: Figures
    random: Random
    things: dict[str, str] = field(default_factory=dict)
    host: str = ""
    purchases: list[Purchase] = field(default_factory=list)
    checked: list[Purchase] = field(default_factory=list)
    payouts: dict[str, int] = field(default_factory=dict)

    async def open(self) -> None:
        """A host's halls in two currencies, and a depot with few units."""
        chosen = {"other_providers": ["payu", "magicpay"], "payment_mode": "GATEWAY_DEMO", "commission_rate": 1_000}
        answer = await self.client.ask("PATCH", "/v1/tenant", {"settings": chosen})
        assert answer.status_code == 200, answer.text
        key = await self.client.make("/v1/api-keys", {"kind": "secret", "name": "checker"})
        self.checker.headers = {"Authorization": f"Bearer {key['key']}"}
        payee = {"name": "Host", "country": "TR", "account_holder": "Host", "iban": IBAN}
        self.host = (await self.client.make("/v1/payees", payee))["id"]
        for name, kind, per, price in (("seats", "event", "unit", SEAT), ("storage", "storage", "day", DAY)):
            item = {"name": name, "kind": kind, "per": per, "prices": {"TRY": price, "INR": price}, "payee_id": self.host}
            item_id = (await self.client.make("/v1/items", item))["id"]
            made = {"kind": kind, "name": name, "item_id": item_id} | ({"capacity": SEATS} if kind == "event" else {})
            self.things[name] = (await self.client.make("/v1/resources", made))["id"]
        units = [f"Unit {number}" for number in range(UNITS)]
        await self.client.make(f"/v1/resources/{self.things['storage']}/units", {"names": units})

    async def delay_webhooks(self, milliseconds: int) -> None:
        """The sandbox's webhooks set out so much later from now on."""
        armed = {"webhooks": {"delay_ms": milliseconds}} if milliseconds else {}
        asked = {"Authorization": f"Bearer {self.running.sandbox_key}"}
        async with httpx2.AsyncClient(base_url=self.running.sandbox_url, headers=asked, trust_env=False) as http:
            (await http.post("/simulated/v1/faults", json=armed)).raise_for_status()

    async def buy(self, road: Road, thing: Thing = "seats") -> Purchase | None:
        """One new customer orders, by this road; None when what was wanted is gone."""
        customer = (await self.client.make("/v1/customers", {}))["id"]
        wallet = (await self.client.make("/v1/wallets", {"customer_id": customer, "currency": "TRY"}))["id"]
        await self.client.make(f"/v1/wallets/{wallet}/credits", {"amount_minor": FUNDS, "currency": "TRY"})
        tenders: list[dict[str, Any]] = [{"kind": "wallet", "wallet_id": wallet}] if road == "wallet" else []
        if road in {"simulated", "magicpay"}:
            tenders = [{"kind": "wallet", "wallet_id": wallet, "amount_minor": PART}]
        body = {
            "customer_id": customer,
            "currency": "INR" if road == "payu" else "TRY",
            "lines": [{"kind": "booking", "resource_id": self.things[thing], **self._what(thing)}],
            "tenders": tenders,
        }
        answer = await self.client.ask("POST", "/v1/orders", body, f"order-{customer}")
        if answer.status_code == 409:
            assert answer.json()["code"] in {"sold_out", "no_unit_free"}, answer.text
            self.figures["refused, as it was gone"] += 1
            return None
        assert answer.status_code == 201, answer.text
        placed = answer.json()
        bought = Purchase(road, placed["order"], wallet, thing)
        self.purchases.append(bought)
        self.figures[f"{thing} by {road}"] += 1
        if road == "wallet":
            assert bought.order["status"] == "fulfilled", placed
        else:
            await Browser(self, bought, placed["checkout_url"]).enter()
        return bought

    async def too_late(self, went: str) -> Purchase:
        """A customer stands on PayU's page, and the last seat becomes somebody else's; late money goes to `went`."""
        settings = {"settings": {"late_money": went}}
        assert (await self.client.ask("PATCH", "/v1/tenant", settings)).status_code == 200
        hall = (await self.client.ask("GET", f"/v1/resources/{self.things['seats']}")).json()
        made = {"kind": "event", "name": "The last seat", "capacity": 1, "item_id": hall["item_id"]}
        self.things["the last seat"] = (await self.client.make("/v1/resources", made))["id"]
        bought = await self.buy("payu", "the last seat")
        assert bought is not None
        bought.went = went
        released = await self.client.ask("POST", f"/v1/claims/{bought.line['details']['claim_id']}/releases")
        assert released.status_code == 201, released.text
        assert await self.buy("wallet", "the last seat") is not None
        return bought

    def _what(self, thing: str) -> dict[str, Any]:
        if thing != "storage":
            return {"quantity": self.random.randint(1, 3) if thing == "seats" else 1}
        first = FIRST_DAY + timedelta(days=self.random.randrange(FORTNIGHT))
        return {"checkin_date": str(first), "checkout_date": str(first + timedelta(days=self.random.randint(1, 3)))}

    async def pay(self, bought: Purchase, *, comes_back: bool) -> None:
        """Use a good card, and perhaps let the browser find its way back."""
        if bought.road != "wallet":
            await Browser(self, bought, "").pay(comes_back=comes_back)

    async def customer(self, road: Road, thing: Thing, then: Then) -> None:
        """One customer's whole story: order, pay, and then come in, give something back, or keep it all."""
        bought = await self.buy(road, thing)
        if bought is None:
            return
        await self.pay(bought, comes_back=self.random.random() < 0.5)
        await self.settled(bought)
        if then == "come in":
            await self.come_in(bought)
        elif then == "give back":
            await self.give_back(bought)

    async def settled(self, bought: Purchase) -> None:
        """Wait until the order has come to an end."""
        bought.order = await self.until(f"/v1/orders/{bought.id}", lambda seen: seen["status"] not in {"pending", "paid"})

    async def until(self, url: str, holds: Callable[[Any], bool]) -> Any:  # noqa: ANN401 - JSON
        """What is there once it is so."""
        seen: Any = None
        try:
            async with asyncio.timeout(PATIENCE):
                while not holds(seen := (await self.client.ask("GET", url)).json()):
                    await asyncio.sleep(0.1)
        except TimeoutError:
            raise AssertionError(f"{url} never came to its end: {seen}") from None
        return seen

    async def come_in(self, bought: Purchase) -> None:
        """One of the customer's tickets is scanned at the door."""
        tickets = (await self.client.ask("GET", f"/v1/tickets?claim_id={bought.line['details']['claim_id']}")).json()["data"]
        code = (await self.client.ask("GET", f"/v1/tickets/{tickets[0]['id']}/code")).json()["code"]
        answer = await self.client.ask("POST", "/v1/check-ins", {"code": code, "nonce": f"scan-{bought.id}"})
        assert answer.status_code == 201, answer.text
        bought.let_in.add(tickets[0]["id"])
        self.figures["let in"] += 1

    async def give_back(self, bought: Purchase) -> None:
        """One seat goes back, or all of it."""
        some = bought.line["quantity"] > 1 and self.random.random() < 0.5
        body = {"lines": [{"line_id": bought.line["id"], "quantity": 1}]} if some else {}
        answer = await self.client.ask("POST", f"/v1/orders/{bought.id}/refunds", body, f"refund-{bought.id}")
        assert answer.status_code == 201, answer.text
        bought.refunded += answer.json()["amount_minor"]
        bought.refunds += 1
        self.figures["refunds"] += 1

    async def pay_out(self) -> None:
        """What the host is owed in TRY is asked for, approved, sent and confirmed."""
        key = f"payout-{self.random.getrandbits(60):x}"
        asked = await self.client.ask("POST", "/v1/payouts", {"payee_id": self.host, "currency": "TRY"}, key)
        if asked.status_code == 409:
            assert asked.json()["code"] in {"payout_nothing_due", "payout_below_minimum"}, asked.text
            return
        assert asked.status_code == 201, asked.text
        payout = asked.json()
        for step, body in (("approvals", {}), ("dispatches", {}), ("confirmations", {"bank_reference": key})):
            answer = await self.checker.ask("POST", f"/v1/payouts/{payout['id']}/{step}", body, f"{key}-{step}")
            assert answer.status_code == 201, answer.text
        self.payouts[payout["id"]] = payout["amount_minor"]
        self.figures["payouts"] += 1


@dataclass
class Browser:
    """A customer's browser: it asks again until a page comes."""

    office: BoxOffice
    bought: Purchase
    checkout_url: str

    async def enter(self) -> None:
        """Press the button until the provider's page comes."""
        attempts = f"{urlsplit(self.checkout_url).path}/attempts"
        there = ""
        while not (there.startswith(("/simulated/pay/", "/pay/", "/payments/magicpay/demo/"))):
            pressed = await self._send("POST", attempts, data={"provider": self.bought.road})
            there = urlsplit(pressed.headers.get("location", "")).path
        self.bought.order["checkout"] = urlsplit(self.checkout_url).path
        self.bought.ref = there.rpartition("/")[2]
        if self.bought.road == "payu":
            action, fields = form_in((await self._send("GET", there)).text)
            entered = await self._send("POST", action, data=fields)
            assert entered.status_code == 303, entered.text
            self.bought.ref = fields["txnid"]

    async def pay(self, *, comes_back: bool) -> None:
        """Use the card until it is taken; then, perhaps, be led back to the shop."""
        office, bought = self.office, self.bought
        if bought.road == "magicpay":
            done = await office.client.ask("POST", f"/payments/magicpay/demo/{bought.ref}/complete", {"result": "success"})
            assert done.status_code == 200, done.text
            bought.charged = True
            return
        way_back = await self._use_card()
        bought.charged = True
        if comes_back:
            await self._send(*way_back[:2], data=way_back[2])

    async def _use_card(self) -> tuple[str, str, dict[str, str]]:
        """The way back: method, address and fields."""
        running, bought = self.office.running, self.bought
        asked: dict[str, Any] = {"headers": {"Authorization": f"Bearer {running.sandbox_key}"}}
        if bought.road == "simulated":
            url = f"{running.sandbox_url}/simulated/v1/payments/{bought.ref}/play"
            done = await self._send("POST", url, json={"card": CARDS["simulated"], "three_ds": "approve"}, **asked)
            assert done.status_code in {200, 409}, done.text
            return "GET", f"{bought.order['checkout']}/return", {}
        url = f"{running.sandbox_url}/payu/play/{bought.ref}"
        done = await self._send("POST", url, json={"card": CARDS["payu"]}, **asked)
        if done.status_code == 409:  # the answer of before was lost
            done = await self._send("POST", url, json={"act": "finish"}, **asked)
        assert done.status_code == 200, done.text
        return "POST", done.json()["action"], done.json()["fields"]

    async def _send(self, method: str, url: str, **asked: Any) -> httpx2.Response:  # noqa: ANN401
        running, figures = self.office.running, self.office.figures
        async with asyncio.timeout(PATIENCE), httpx2.AsyncClient(trust_env=False, timeout=15) as http:
            while True:
                try:
                    answer = await http.request(method, urljoin(running.url, url), **asked)
                except httpx2.TransportError:
                    figures["the browser got no page"] += 1
                else:
                    if answer.status_code not in NOT_AN_ANSWER and answer.status_code != 429:
                        assert answer.status_code < 500, f"{method} {url}: {answer.status_code} {answer.text}"
                        return answer
                    figures[f"the browser got {answer.status_code}"] += 1
                await asyncio.sleep(PAUSE)


async def several(doings: Iterable[Coroutine[Any, Any, None]]) -> None:
    """All of them at once; the first that fails ends the test."""
    async with asyncio.TaskGroup() as group:
        for doing in doings:
            group.create_task(doing)
