"""A sandbox that plays Stripe, in a thread of its own, as the official SDK and a browser without JavaScript meet it."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import httpx2
import stripe

from sandbox.merchant import KEY, QUICK, SECRET
from sandbox.stripe_shapes import check
from vezne.sandbox import SandboxSettings, running

STRIPE_KEY = "sk_test_ofTheTestsAndNobodyElse"
STRIPE_SECRET = "whsec_ofTheTestsAndNobodyElse"
Json = dict[str, Any]


class ShiftedClock:
    """The real time, and what it was moved by."""

    def __init__(self) -> None:
        self.by = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.by  # noqa: TID251 - the clock under the tests

    def move(self, **by: int) -> None:
        self.by += timedelta(**by)


@dataclass
class Heard:
    """A webhook as it came."""

    body: bytes
    signature: str

    @property
    def event(self) -> Json:
        event: Json = json.loads(self.body)
        return event


@dataclass
class Lab:
    """The sandbox, the SDK's client to it, a browser's requests, and the webhooks it has sent."""

    base: str
    clock: ShiftedClock
    heard: list[Heard]
    answers: list[int]
    told: str
    web: httpx2.Client = field(init=False)
    client: stripe.StripeClient = field(init=False)

    def __post_init__(self) -> None:
        self.web = httpx2.Client(base_url=self.base, headers={"authorization": f"Bearer {KEY}"}, trust_env=False, timeout=10)
        self.client = stripe.StripeClient(STRIPE_KEY, base_addresses={"api": self.base}, max_network_retries=0)

    @property
    def v1(self) -> Any:  # noqa: ANN401 - tests send what its types forbid
        return self.client.v1

    def customer(self, **facts: object) -> stripe.Customer:
        made: stripe.Customer = self.v1.customers.create({"email": "ada@example.com", **facts})
        return made

    def intent(self, card: str = "visa", amount: int = 2000, currency: str = "usd", **facts: object) -> Any:  # noqa: ANN401 - as above
        """An intent confirmed at once, by a card of the documentation."""
        asked = {
            "amount": amount,
            "currency": currency,
            "payment_method": f"pm_card_{card}",
            "payment_method_types": ["card"],
            "confirm": True,
            **facts,
        }
        return self.v1.payment_intents.create({name: value for name, value in asked.items() if value is not None})

    def session(self, amount: int = 2000, currency: str = "try", **facts: object) -> Any:  # noqa: ANN401 - as above
        price = {"currency": currency, "unit_amount": amount, "product_data": {"name": "Ten credits"}}
        asked = {
            "mode": "payment",
            "line_items": [{"price_data": price, "quantity": 1}],
            "success_url": f"{self.told}/done?session={{CHECKOUT_SESSION_ID}}",
            "cancel_url": f"{self.told}/back",
            **facts,
        }
        return self.v1.checkout.sessions.create({name: value for name, value in asked.items() if value is not None})

    def play(self, id_: str, **act: object) -> Json:
        played: Json = self.web.post(f"/stripe/play/{id_}", json=act).raise_for_status().json()
        return played

    def dashboard(self, payload: str = "snapshot", *, told: bool = True) -> None:
        body = {"webhook_url": f"{self.told}/webhook" if told else None, "payload": payload}
        self.web.put("/stripe/play/dashboard", json=body).raise_for_status()

    @contextmanager
    def armed(self, **faults: object) -> Iterator[None]:
        """Faults while the block runs; in the end each of them has fired."""
        self.web.post("/simulated/v1/faults", json=faults).raise_for_status()
        try:
            yield
            until(lambda: all(self.web.get("/simulated/v1/faults").json()["fired"].values()))
        finally:
            self.web.delete("/simulated/v1/faults").raise_for_status()

    def of(self, type_: str, id_: str) -> list[Heard]:
        """What was heard of a type about a thing."""
        return [heard for heard in self.heard if heard.event["type"] == type_ and _about(heard.event) == id_]

    def types(self, id_: str) -> list[str]:
        """The events there are about a thing, oldest first."""
        found = self.v1.events.list({"limit": 100}).auto_paging_iter()
        return [event.type for event in found if event.data.object["id"] == id_][::-1]


def _about(event: Json) -> str:
    thing = event["related_object"] if event["object"] == "v2.core.event" else event["data"]["object"]
    return str(thing["id"])


def until(true: Callable[[], object], seconds: int = 10) -> None:
    """Wait until it is so."""
    end = monotonic() + seconds
    while not true():
        assert monotonic() < end, "it has not become so"
        sleep(0.01)


def looked_at(answer: stripe.StripeObject) -> Json:
    """The object an SDK call has returned, after its shape was checked."""
    plain: Json = answer.to_dict()
    check(plain)
    return plain


def intent_of(declined: stripe.StripeError) -> stripe.PaymentIntent:
    """The intent a decline tells of."""
    assert declined.error is not None
    assert declined.error.payment_intent is not None
    return declined.error.payment_intent


@contextmanager
def listening(heard: list[Heard], answers: list[int]) -> Iterator[str]:
    """A merchant's server: it keeps webhooks and answers any page."""

    class Shop(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            heard.append(Heard(body, self.headers.get("stripe-signature", "")))
            self.send_response(answers.pop(0) if answers else 200)
            self.end_headers()

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><html lang=en><title>Shop</title><h1>Shop</h1>")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Shop)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def lab(folder: Path, **settings: object) -> Iterator[Lab]:
    """A lab with the settings given."""
    heard: list[Heard] = []
    answers: list[int] = []
    clock, found, loop = ShiftedClock(), [], asyncio.new_event_loop()
    ready, stop = threading.Event(), asyncio.Event()
    with listening(heard, answers) as told:
        chosen = SandboxSettings.model_validate(
            {
                "database": folder / "stripe.sqlite3",
                "api_key": KEY,
                "webhook_secret": SECRET,
                "retry_delays": QUICK,
                "delayed_success": timedelta(milliseconds=30),
                "stripe_secret_key": STRIPE_KEY,
                "stripe_webhook_secret": STRIPE_SECRET,
                **settings,
            }
        )

        async def serve() -> None:
            async with running(chosen, clock) as base:
                found.append(base)
                ready.set()
                await stop.wait()

        thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), daemon=True)
        thread.start()
        assert ready.wait(10), "the sandbox has not started"
        try:
            yield Lab(found[0], clock, heard, answers, told)
        finally:
            loop.call_soon_threadsafe(stop.set)
            thread.join()
            loop.close()
