"""A thousand buyers for a hundred seats over HTTP, and how long a webhook takes to become a fulfilled order."""

import asyncio
import json
import random
from collections.abc import Iterator, Sequence
from uuid import UUID

import asyncpg
import httpx2

from bench.figures import Bench, Figure, under
from bench.limit.selling import measure_selling
from bench.load import Load, encode_request, generate_load, percentile
from bench.product import gather_statistics
from bench.service import HOST, Service, running_service
from bench.session import Session
from vezne import bookings, catalog
from vezne.app.visitor import CARD, Visitor
from vezne.kernel.ids import public_id

_CONNECTIONS = 64
_SEATS, _BUYERS = 100, 1_000
_FUNDS, _PRICE = 10**9, 500
_SOLD, _SOLD_OUT = 201, 409


async def _measure(session: Session) -> list[Figure]:
    events = 1 if session.quick else 5
    server = await session.server()
    session.say("pgbench sells seats")
    clients = (8,) if session.quick else (8, 32, 64)
    limit, limit_what = await measure_selling(server, seats=_SEATS, buyers=_BUYERS, clients=clients)
    async with running_service(session) as service:
        await service.open_funded_wallets(_BUYERS, _FUNDS)
        buyers = await _customers(service)
        await gather_statistics(service.dsn)
        loads = [await _sell(session, service, buyers, number) for number in range(events)]
        waits = await _webhooks(session, service, buyers)
        await gather_statistics(service.dsn)
        await service.audit()
    tries = sum(load.answered for load in loads) / sum(load.seconds for load in loads)
    sold = sum(load.statuses.get(_SOLD, 0) for load in loads)
    return [
        Figure(
            what=f"{_BUYERS:,} buyers for {_SEATS} seats, tries answered",
            value=tries,
            unit="/s",
            beside=limit,
            beside_what=limit_what,
            note=f"{sold} of {events * _SEATS} seats sold, none twice; p99 {max(load.p99_ms for load in loads):.0f} ms",
        ),
        Figure(
            what="from webhook to fulfilled order, median",
            value=percentile(waits, 0.5) * 1000,
            unit="ms",
            target=under(100),
            note=f"{len(waits)} orders, longest {max(waits) * 1000:.0f} ms",
        ),
    ]


async def _customers(service: Service) -> list[UUID]:
    async with service.database.connection() as connection:
        rows = await connection.fetch(
            "SELECT id FROM customers WHERE tenant_id = $1 AND reference LIKE 'bench:%' ORDER BY id", service.principal.tenant_id
        )
    return [row["id"] for row in rows]


async def _event(service: Service, name: str, seats: int) -> UUID:
    async with service.database.transaction(service.principal) as tx:
        item = await catalog.create_item(tx, catalog.NewItem(name=name, prices={"TRY": _PRICE}))
        made = await bookings.create_resource(tx, kind="event", name=name, capacity=seats, item_id=item.id)
    return made.id


async def _sell(session: Session, service: Service, buyers: Sequence[UUID], number: int) -> Load:
    """All buyers try once; exactly the seats there are must be sold, and everybody else told so."""
    event = await _event(service, f"Concert {number}", _SEATS)
    session.say(f"{_BUYERS} buyers for {_SEATS} seats, event {number + 1}")
    load = await generate_load(
        [(HOST, service.port)],
        _orders(service, event, buyers),
        connections=_CONNECTIONS,
        seconds=120,
        expect=frozenset({_SOLD, _SOLD_OUT}),
    )
    load.verified()
    if load.statuses != {_SOLD: _SEATS, _SOLD_OUT: _BUYERS - _SEATS}:
        raise RuntimeError(f"{_SEATS} seats, but {dict(load.statuses)}")
    return load


def _orders(service: Service, event: UUID, buyers: Sequence[UUID]) -> Iterator[bytes]:
    shuffled = random.Random(event.int).sample(buyers, len(buyers))
    for buyer in shuffled:
        body = {
            "customer_id": public_id("cus", buyer),
            "currency": "TRY",
            "lines": [{"kind": "booking", "resource_id": public_id("rsc", event), "quantity": 1}],
            "tenders": [{"kind": "wallet"}],
        }
        headers = service.headers | {"Idempotency-Key": f"{event.hex}-{buyer.hex}"}
        yield encode_request("POST", "/v1/orders", headers=headers, body=json.dumps(body).encode())


async def _webhooks(session: Session, service: Service, buyers: Sequence[UUID]) -> list[float]:
    """Seconds from a webhook's arrival to its order's fulfilment; the customers never come back, so nothing else can tell."""
    count = 10 if session.quick else 100
    session.say(f"{count} seats paid by card, one after the other")
    event = await _event(service, "Matinee", count)
    async with httpx2.AsyncClient(timeout=20) as client:
        for buyer in buyers[:count]:
            await _pay_by_card(client, service, event, buyer)
    return sorted(await _waits(service, count))


async def _pay_by_card(client: httpx2.AsyncClient, service: Service, event: UUID, buyer: UUID) -> None:
    body = {
        "customer_id": public_id("cus", buyer),
        "currency": "TRY",
        "lines": [{"kind": "booking", "resource_id": public_id("rsc", event), "quantity": 1}],
    }
    url = f"http://{HOST}:{service.port}"
    placed = (await client.post(f"{url}/v1/orders", json=body, headers=service.headers)).raise_for_status().json()
    await Visitor(client).pay(placed["checkout_url"], CARD)
    await asyncio.sleep(0.05)  # the pace of customers: this measures a wait, not a throughput


async def _waits(service: Service, count: int) -> list[float]:
    rows: list[asyncpg.Record] = []
    for _ in range(200):
        async with service.database.connection() as connection:
            rows = await connection.fetch(
                """SELECT extract(epoch FROM orders.fulfilled_at - min(hook.received_at)) AS seconds
                   FROM orders
                   JOIN payment_attempts AS attempt ON attempt.tenant_id = orders.tenant_id
                        AND attempt.payment_id = orders.payment_id AND attempt.is_final
                   JOIN inbound_webhooks AS hook ON hook.tenant_id = orders.tenant_id
                        AND hook.provider_ref = attempt.provider_ref
                   WHERE orders.tenant_id = $1 AND orders.fulfilled_at IS NOT NULL
                   GROUP BY orders.id, orders.fulfilled_at""",
                service.principal.tenant_id,
            )
        if len(rows) == count:
            return [float(row["seconds"]) for row in rows]
        await asyncio.sleep(0.1)
    raise RuntimeError(f"of {count} orders {len(rows)} were fulfilled")


SEATS = Bench(
    name="seats",
    title="The last seats",
    about=(
        f"{_BUYERS:,} buyers with funded wallets ask POST /v1/orders for one of {_SEATS} seats, each once, over {_CONNECTIONS} "
        "connections: a claim, an order, a hold and its capture, a settlement, a ticket, events and the stored answer in one "
        "transaction for those who get a seat, a refusal for the rest. Beside it pgbench in one stored function: a guarded seat "
        "counter, an order, a ticket and the limit's debit. Then customers pay by card one after the other and close the "
        "browser: the time is taken from the arrival of the provider's webhook to the fulfilled order, the worker running. "
        "Afterwards exactly the seats there are must be sold, and the audit clean."
    ),
    measure=_measure,
)
