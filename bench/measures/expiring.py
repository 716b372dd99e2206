"""A million lots that lapse in one night, written off beside the same work as plain SQL; memory that does not grow."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import asyncpg

from bench.figures import Bench, Figure, at_least
from bench.memory import stays_flat, watching_own_memory
from bench.product import Product, move_clock, open_product, open_tenant
from bench.session import Session
from vezne import identity, ledger, wallets
from vezne.app.audit import audit_tenant
from vezne.kernel.db import Tx
from vezne.kernel.jobs import JobCall
from vezne.kernel.money import Money
from vezne.kernel.principal import Principal
from vezne.wallets import jobs

_LOTS, _LOTS_QUICK = 1_000_000, 40_000
_LOTS_A_WALLET = 20
_BESIDE = 5  # the plain SQL writes off a fifth as many
_AT_ONCE = 2000
_GRANTS_AT_ONCE = 4000
_GRANTED, _LAPSED = datetime(2031, 1, 1, 12, tzinfo=UTC), datetime(2031, 2, 1, tzinfo=UTC)
_PLAIN = (Path(__file__).parents[1] / "limit" / "expiry.sql").read_text()


async def _measure(session: Session) -> list[Figure]:
    lots = _LOTS_QUICK if session.quick else _LOTS
    async with open_product(session) as product:
        principals = [await open_tenant(product, name, _GRANTED) for name in ("expiring", "beside")]
        for principal, count in zip(principals, (lots, lots // _BESIDE), strict=True):
            session.say(f"granting {count:,} lots")
            await _grant(product, principal, count)
            await move_clock(product, principal, _LAPSED + timedelta(hours=1))
        await product.gather_statistics()
        session.say("plain SQL")
        plain = await _expire_plainly(product, principals[1], lots // _BESIDE)
        session.say(f"expiring {lots:,} lots")
        async with watching_own_memory() as memory:
            spent, stopped_at = await _expire(product, principals[0], lots)
        await product.gather_statistics()
        await _verify(product, principals[0], lots)
    return [
        Figure(
            what=f"{lots:,} lapsed lots of {lots // _LOTS_A_WALLET:,} wallets written off",
            value=lots / spent,
            unit="lots/s",
            beside=plain,
            beside_what="one statement of plain SQL a batch",
            target=at_least(0.25),
            note=f"{spent:.0f} s; stopped once, after {stopped_at:,}, and gone on",
        ),
        stays_flat(memory),
    ]


async def _grant(product: Product, principal: Principal, count: int) -> None:
    """Lots of one credit each, all of which lapse at the same moment."""
    for first in range(0, count, _GRANTS_AT_ONCE):
        numbers = range(first, min(first + _GRANTS_AT_ONCE, count))
        async with product.database.transaction(principal) as tx:
            ids = await _wallets(tx, sorted({number // _LOTS_A_WALLET for number in numbers}))
            lot = wallets.LotSpec("purchased", "bench", _LAPSED)
            moves = [
                wallets.Credit(wallet_id=ids[number // _LOTS_A_WALLET], amount=Money(1, "CREDIT"), lot=lot) for number in numbers
            ]
            for outcome in await wallets.move(tx, moves):
                assert isinstance(outcome, wallets.Moved), outcome


async def _wallets(tx: Tx, numbers: Sequence[int]) -> dict[int, UUID]:
    references = {number: f"customer-{number}" for number in numbers}
    customers = await identity.customers_by_reference(tx, list(references.values()))
    keys = {number: wallets.WalletKey(customers[text].id, "credits", "CREDIT") for number, text in references.items()}
    found = await wallets.wallets_of(tx, list(keys.values()))
    return {number: found[key].id for number, key in keys.items()}


async def _expire_plainly(product: Product, principal: Principal, lots: int) -> float:
    """Lots a second, each batch its own transaction."""
    async with product.database.transaction(principal) as tx:
        house = await ledger.house_account(tx, "expired", "CREDIT")
    owner = await asyncpg.connect(product.owner_dsn)
    try:
        began = time.perf_counter()
        done = 0
        while batch := await owner.fetchval(_PLAIN, principal.tenant_id, _LAPSED + timedelta(hours=1), _AT_ONCE, house):
            done += int(batch)
        assert done == lots, done
        return done / (time.perf_counter() - began)
    finally:
        await owner.close()


async def _expire(product: Product, principal: Principal, lots: int) -> tuple[float, int]:
    """As the worker's job does; stopped in the middle of a batch and started again. Seconds, and lots written off at the stop."""
    call = JobCall("wallets.expire_lots", principal.tenant_id)
    began = time.perf_counter()
    job = asyncio.create_task(jobs.expire_lots(product.database, call))
    while (stopped_at := await _written_off(product, principal)) < lots // 2:  # noqa: ASYNC110  # no event tells how far it is
        await asyncio.sleep(0.2)
    job.cancel()
    with suppress(asyncio.CancelledError):
        await job
    await jobs.expire_lots(product.database, call)
    return time.perf_counter() - began, stopped_at


async def _written_off(product: Product, principal: Principal) -> int:
    async with product.database.connection() as connection:
        query = "SELECT coalesce(sum(balance), 0)::bigint FROM accounts WHERE tenant_id = $1 AND code = 'expired'"
        return int(await connection.fetchval(query, principal.tenant_id))


async def _verify(product: Product, principal: Principal, lots: int) -> None:
    done = await _written_off(product, principal)
    findings = await audit_tenant(product.database, principal)
    if done != lots or findings:
        raise RuntimeError(f"{done} of {lots} lots were written off, and the books say {findings[:3]}")


EXPIRING = Bench(
    name="expiry",
    title="Expiry of a million lots",
    about=(
        "Lots of one credit each, twenty a wallet, all of which lapse at the same moment, as a month's credits do; written off "
        "by the worker's job over one connection, batches of 2,000, with an entry a wallet, a move and an event a lot. The job "
        "is stopped in the middle of a batch once and started again. Beside it a fifth as many lots of another tenant, the same "
        "rows written by one statement of plain SQL a batch. Afterwards every lot is written off once and the audit is clean."
    ),
    measure=_measure,
)
