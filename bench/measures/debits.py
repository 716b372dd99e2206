"""Debits over HTTP against the whole service, beside what pgbench reaches with the same durable work."""

import random
from collections.abc import Iterator, Sequence

from bench.figures import Bench, Figure, at_least, under
from bench.limit import ACCOUNTS, SPREADS, Spread
from bench.load import Load, encode_request, generate_load
from bench.product import gather_statistics
from bench.service import HOST, Service, running_service
from bench.session import Session

_CONNECTIONS = 64
_TARGETS: dict[Spread, float] = {"random": 1, "hot": 4}
_FUNDS = 10**10
_KEY = b"bench-00000000-0000-0000-0000-0000"  # replaced by each request's own
_BODY = b'{"amount_minor":1,"currency":"TRY"}'


async def _measure(session: Session) -> list[Figure]:
    figures: list[Figure] = []
    for spread, factor in _TARGETS.items():
        best = (await session.limit(spread)).best
        async with running_service(session) as service:
            wallet_ids = await service.open_funded_wallets(ACCOUNTS + 1, _FUNDS)
            await gather_statistics(service.dsn)
            session.say(f"debits over HTTP, {SPREADS[spread]}")
            warm = await _debit_for(service, wallet_ids, spread, 1.0)  # not counted, but owed an account of
            load = await _debit_for(service, wallet_ids, spread, session.seconds)
            await _verify(service, len(wallet_ids) * _FUNDS, warm.answered + load.answered)
        figures += [
            Figure(
                what=f"debits, {SPREADS[spread]}",
                value=load.per_second,
                unit="/s",
                beside=best.per_second,
                beside_what=str(best),
                target=at_least(factor),
                note=f"{load.answered:,} answered",
            ),
            Figure(what=f"their p99, {SPREADS[spread]}", value=load.p99_ms, unit="ms", target=under(60), note=_latencies(load)),
        ]
    return figures


def _latencies(load: Load) -> str:
    return f"median {load.p50_ms:.1f} ms, longest {load.max_ms:.0f} ms"


async def _debit_for(service: Service, wallet_ids: Sequence[str], spread: Spread, seconds: float) -> Load:
    """Debits of one minor unit over 64 connections; every answer is 201, or this raises."""
    requests = _requests(service, wallet_ids, spread)
    load = await generate_load(
        [(HOST, service.port)], requests, connections=_CONNECTIONS, seconds=seconds, expect=frozenset({201})
    )
    return load.verified()


def _requests(service: Service, wallet_ids: Sequence[str], spread: Spread) -> Iterator[bytes]:
    """Requests without end, each with an Idempotency-Key of its own."""
    *ordinary, hot = wallet_ids
    chosen = [hot] if spread == "hot" else ordinary
    parts = [_encoded(service, wallet_id).partition(_KEY) for wallet_id in chosen]
    choose, run = random.Random(1).choice, random.randbytes(8).hex()
    number = 0
    while True:
        number += 1
        before, _, after = choose(parts)
        yield b"%b%b-%015d%b" % (before, run.encode(), number, after)


def _encoded(service: Service, wallet_id: str) -> bytes:
    headers = service.headers | {"Idempotency-Key": _KEY.decode()}
    return encode_request("POST", f"/v1/wallets/{wallet_id}/debits", headers=headers, body=_BODY)


async def _verify(service: Service, funded: int, debits: int) -> None:
    """Every answered debit took its unit once, left its key and its event, and the books are whole."""
    left, keys, events = (
        await service.held_by_wallets(),
        await service.count("idempotency_keys"),
        await service.count("wallet.debited"),
    )
    if (left, keys, events) != (funded - debits, debits, debits):
        raise RuntimeError(f"{debits} debits were answered, but {funded - left} taken, {keys} keys and {events} events left")
    await gather_statistics(service.dsn)
    await service.audit()


DEBITS = Bench(
    name="debits",
    title="Debits over HTTP",
    about=(
        "POST /v1/wallets/…/debits to the service as `vezne run` starts it, as many HTTP processes as cores, over "
        f"{_CONNECTIONS} kept-alive connections, each request with an Idempotency-Key of its own: over {ACCOUNTS:,} wallets at "
        "random, and on one wallet alone. An event and the stored answer are written with each debit, all durable before the "
        "answer. Afterwards every answer must have been 201, the wallets' sum, keys and events must be those of the answers, "
        "and the audit clean."
    ),
    measure=_measure,
)
