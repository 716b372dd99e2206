"""A free unit found and held among ten thousand, each with a year of reservations, beside the same work in plain SQL."""

import random
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg

from bench.figures import Bench, Figure, at_most, under
from bench.product import Product, open_product
from bench.session import Session
from vezne import bookings, identity
from vezne.kernel import clock
from vezne.kernel.ids import new_id
from vezne.kernel.principal import Principal

_UNITS, _UNITS_QUICK = 10_000, 500
_HOLDS, _HOLDS_QUICK = 1_000, 100
_REFUSALS = 100
_DAYS = 365
_START = datetime(2031, 1, 1, 12, tzinfo=UTC)
_DAY, _QUARTER = timedelta(days=1), timedelta(minutes=15)
_EVER = (datetime(1970, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))

_FIND = """
    SELECT unit_id, starts_at FROM unit_gaps
    WHERE tenant_id = $1 AND resource_id = $2 AND tstzrange(starts_at, ends_at) @> tstzrange($3, $4)
    LIMIT 1 FOR UPDATE SKIP LOCKED"""
_TAKE = """
    WITH gap AS (
        DELETE FROM unit_gaps WHERE tenant_id = $1 AND unit_id = $2 AND starts_at = $10
        RETURNING tenant_id, unit_id, resource_id, starts_at, ends_at),
    rest AS (
        INSERT INTO unit_gaps (tenant_id, unit_id, resource_id, starts_at, ends_at)
        SELECT tenant_id, unit_id, resource_id, starts_at, $3 FROM gap WHERE starts_at < $3
        UNION ALL
        SELECT tenant_id, unit_id, resource_id, $4, ends_at FROM gap WHERE ends_at > $4)
    INSERT INTO claims (tenant_id, id, resource_id, unit_id, starts_at, ends_at, quantity, customer_id, purpose, status,
                        expires_at, created_at)
    SELECT $1, $5, resource_id, $2, $3, $4, 1, $6, $7, 'held', $8, $9 FROM gap"""

_CLAIMS = ("tenant_id", "id", "resource_id", "unit_id", "starts_at", "ends_at", "quantity", "customer_id", "purpose", "status",
           "created_at")  # fmt: skip
_GAPS = ("tenant_id", "unit_id", "resource_id", "starts_at", "ends_at")


@dataclass(frozen=True, slots=True)
class _Depot:
    """The pool, and who rents from it."""

    product: Product
    principal: Principal
    pool: UUID
    customer: UUID
    plain: "asyncpg.Connection[asyncpg.Record]"

    async def hold(self, starts_at: datetime, ends_at: datetime) -> bool:
        """As an order does; False when no unit is free."""
        ask = bookings.Ask(
            resource_id=self.pool, customer_id=self.customer, purpose="bench", starts_at=starts_at, ends_at=ends_at
        )
        try:
            async with self.product.database.transaction(self.principal) as tx:
                await bookings.hold(tx, ask, until=tx.now + _QUARTER)
        except bookings.NoUnitFree:
            return False
        return True

    async def hold_plainly(self, starts_at: datetime, ends_at: datetime) -> bool:
        """The same rows, by the two statements alone."""
        tenant = self.principal.tenant_id
        async with self.plain.transaction():
            gap = await self.plain.fetchrow(_FIND, tenant, self.pool, starts_at, ends_at)
            if gap is None:
                return False
            taken = await self.plain.execute(
                _TAKE, tenant, gap["unit_id"], starts_at, ends_at, new_id(), self.customer, "bench", _START + _QUARTER, _START,
                gap["starts_at"],
            )  # fmt: skip
        return bool(taken == "INSERT 0 1")


async def _measure(session: Session) -> list[Figure]:
    units, holds = (_UNITS_QUICK, _HOLDS_QUICK) if session.quick else (_UNITS, _HOLDS)
    async with open_product(session) as product:
        plain = await asyncpg.connect(product.owner_dsn)
        try:
            depot = await _open_depot(product, plain, units)
            session.say(f"reserving {units:,} units for a year")
            reservations = await _reserve_a_year(depot)
            await product.gather_statistics()
            session.say(f"holding {holds:,} free units")
            ours, theirs = await _compare(depot, holds)
            full = await _time_refusals(depot)
        finally:
            await plain.close()
        await _verify(product, depot.principal)
    note = f"{units:,} units, {reservations:,} reservations"
    return [
        Figure(what="a free unit found and held, median", value=_at(ours, 50), unit="ms", beside=_at(theirs, 50),
               beside_what="plain SQL", target=under(5), note=note),
        Figure(what="its p99", value=_at(ours, 99), unit="ms", beside=_at(theirs, 99), beside_what="plain SQL"),
        Figure(what="as a multiple of plain SQL, median", value=_at(ours, 50), unit="ms", beside=_at(theirs, 50),
               beside_what="plain SQL", target=at_most(3)),
        Figure(what="no unit is free: refused, median", value=_at(full, 50), unit="ms", note="ten weeks on end"),
    ]  # fmt: skip


async def _open_depot(product: Product, plain: "asyncpg.Connection[asyncpg.Record]", units: int) -> _Depot:
    tenant = await identity.create_tenant(product.database, slug="depot", name="Depot")
    principal = Principal.system(tenant.tenant_id, "bench")
    async with product.database.transaction(principal) as tx:
        await clock.hold(tx, _START)
    async with product.database.transaction(principal) as tx:
        customer = await identity.create_customer(tx, reference="guest")
        pool = await bookings.create_resource(tx, kind="storage", name="Depot")
        await bookings.add_units(tx, pool.id, [f"Unit {number}" for number in range(units)])
    return _Depot(product, principal, pool.id, customer.id, plain)


async def _reserve_a_year(depot: _Depot) -> int:
    """A year of reservations on each unit, of one to ten days with up to five days between them; written by COPY."""
    tenant, chance = depot.principal.tenant_id, random.Random(1)
    rows = await depot.plain.fetch("SELECT id FROM units WHERE tenant_id = $1", tenant)
    reserved = {row["id"]: list(_year(chance)) for row in rows}
    await depot.plain.execute("SET session_replication_role = replica")  # foreign keys are checked by nobody: a bench's load
    claims = (
        (tenant, new_id(), depot.pool, unit, starts, ends, 1, depot.customer, "bench", "consumed", _START)
        for unit, periods in reserved.items()
        for starts, ends in periods
    )
    await depot.plain.copy_records_to_table("claims", records=claims, columns=_CLAIMS)
    await depot.plain.execute("DELETE FROM unit_gaps WHERE tenant_id = $1", tenant)
    gaps = ((tenant, unit, depot.pool, *gap) for unit, periods in reserved.items() for gap in _between(periods))
    await depot.plain.copy_records_to_table("unit_gaps", records=gaps, columns=_GAPS)
    await depot.plain.execute(
        """UPDATE unit_gaps SET starts_at = CASE WHEN starts_at = $2 THEN '-infinity' ELSE starts_at END,
                                ends_at = CASE WHEN ends_at = $3 THEN 'infinity' ELSE ends_at END
           WHERE tenant_id = $1 AND (starts_at = $2 OR ends_at = $3)""",
        tenant,
        *_EVER,
    )
    await depot.plain.execute(
        """UPDATE units SET status = 'occupied', occupied_until = booked.until
           FROM (SELECT unit_id, max(ends_at) AS until FROM claims WHERE tenant_id = $1 GROUP BY unit_id) AS booked
           WHERE tenant_id = $1 AND id = booked.unit_id""",
        tenant,
    )
    await depot.plain.execute("RESET session_replication_role")
    return sum(len(periods) for periods in reserved.values())


def _year(chance: random.Random) -> Iterator[tuple[datetime, datetime]]:
    day = chance.randrange(0, 6)
    while day < _DAYS:
        length = chance.randrange(1, 11)
        yield _START + day * _DAY, _START + (day + length) * _DAY
        day += length + chance.randrange(0, 6)


def _between(periods: list[tuple[datetime, datetime]]) -> Iterator[tuple[datetime, datetime]]:
    """The gaps before, between and after them; back to back there is none."""
    free_from = _EVER[0]
    for starts, ends in periods:
        if free_from < starts:
            yield free_from, starts
        free_from = ends
    yield free_from, _EVER[1]


async def _compare(depot: _Depot, holds: int) -> tuple[list[float], list[float]]:
    """Times in milliseconds, from BEGIN to the durable COMMIT, ours and the plain ones in turn, of the same random periods."""
    chance = random.Random(2)
    ours: list[float] = []
    theirs: list[float] = []
    for number in range(holds + 20):
        starts_at = _START + chance.randrange(1, _DAYS - 20) * _DAY
        ends_at = starts_at + chance.randrange(1, 5) * _DAY
        for times, hold in ((ours, depot.hold), (theirs, depot.hold_plainly)):
            began = time.perf_counter()
            held = await hold(starts_at, ends_at)
            if number >= 20 and held:  # before that statements are prepared and pages fetched
                times.append((time.perf_counter() - began) * 1000)
    if len(ours) < holds // 2 or len(theirs) < holds // 2:
        raise RuntimeError(f"only {len(ours)} and {len(theirs)} of {holds} were held: the pool is too full to tell anything")
    return ours, theirs


async def _time_refusals(depot: _Depot) -> list[float]:
    chance = random.Random(3)
    times: list[float] = []
    for _ in range(_REFUSALS):
        starts_at = _START + chance.randrange(1, _DAYS - 80) * _DAY
        began = time.perf_counter()
        if await depot.hold(starts_at, starts_at + 70 * _DAY):
            raise RuntimeError("a unit was free for ten weeks")
        times.append((time.perf_counter() - began) * 1000)
    return times


def _at(times: list[float], percent: int) -> float:
    return statistics.quantiles(times, n=100)[percent - 1]


async def _verify(product: Product, principal: Principal) -> None:
    async with product.database.transaction(principal, read_only=True) as tx:
        findings = await bookings.audit(tx)
    if findings:
        raise RuntimeError(f"the bookings are not whole after the bench: {findings[:3]}")


STORAGE = Bench(
    name="storage",
    title="A free unit among ten thousand",
    about=(
        "A pool of 10,000 storage units, each with a year of reservations of one to ten days and up to five days between them; "
        "then random periods of one to four days, each a unit found and held in a transaction of its own over one connection, "
        "timed from BEGIN to the durable COMMIT. In turn with it the two statements alone, by asyncpg on the same tables, no "
        "checks or events. Afterwards the audit must be clean: no claims overlap, and free time is what they leave."
    ),
    measure=_measure,
)
