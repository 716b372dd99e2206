"""A month's renewal of a hundred thousand memberships from wallets, beside the same rows as plain SQL; memory that stays flat."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg

from bench.figures import Bench, Figure, at_least
from bench.memory import stays_flat, watching_own_memory
from bench.product import Product, move_clock, open_product, open_tenant
from bench.session import Session
from vezne import identity, ledger, memberships, wallets
from vezne.app.audit import audit_tenant
from vezne.kernel.jobs import JobCall
from vezne.kernel.principal import Principal
from vezne.orders import jobs

_MEMBERS, _MEMBERS_QUICK = 100_000, 4_000
_BESIDE = 5  # the plain SQL renews a fifth as many
_AT_ONCE = 500
_SIGNED_UP = datetime(2031, 1, 10, 9, tzinfo=UTC)
_TRIAL_OVER = _SIGNED_UP + timedelta(days=14)
_PRICE, _BALANCE = 1_000, 10_000
_PLAIN = (Path(__file__).parents[1] / "limit" / "renewals.sql").read_text()
_ENROL = """
    WITH who AS MATERIALIZED (
        SELECT id AS customer_id, gen_random_uuid() AS id, gen_random_uuid() AS period_id FROM customers WHERE tenant_id = $1
    ), joined AS (
        INSERT INTO memberships (tenant_id, id, customer_id, family, plan_id, status, billing, currency, price_minor, anchor_at,
                                 cycle, numbers, period_number, period_id, period_start, period_end, paid_until, renews_at,
                                 trial_ends_at, metadata, created_at, started_at)
        SELECT $1, id, customer_id, 'main', $2, 'trialing', 'vezne', 'TRY', $3, $5,
               0, 1, 1, period_id, $4, $5, $5, $5, $5, '{}', $4, $4
        FROM who
    )
    INSERT INTO membership_periods (tenant_id, id, membership_id, number, plan_id, cycle, starts_at, ends_at, amount_minor,
                                    value_minor, price_minor, currency, status, reason, is_trial, paid_at, created_at)
    SELECT $1, period_id, id, 1, $2, 0, $4, $5, 0, 0, $3, 'TRY', 'paid', 'first', true, $4, $4 FROM who"""


async def _measure(session: Session) -> list[Figure]:
    members = _MEMBERS_QUICK if session.quick else _MEMBERS
    async with open_product(session) as product:
        principals = [await open_tenant(product, name, _SIGNED_UP) for name in ("renewing", "beside")]
        for principal, count in zip(principals, (members, members // _BESIDE), strict=True):
            session.say(f"enrolling {count:,} members")
            await _enrol(product, principal, count)
            await move_clock(product, principal, _TRIAL_OVER + timedelta(minutes=1))
        await product.gather_statistics()
        session.say("plain SQL")
        plain = await _renew_plainly(product, principals[1], members // _BESIDE)
        session.say(f"renewing {members:,} memberships")
        async with watching_own_memory() as memory:
            began = time.perf_counter()
            await jobs.renew_due(product.database, JobCall("orders.renew_due", principals[0].tenant_id))
            spent = time.perf_counter() - began
        await product.gather_statistics()
        await _verify(product, principals[0], members)
    return [
        Figure(
            what=f"{members:,} memberships renewed",
            value=members / spent,
            unit="/s",
            beside=plain,
            beside_what="one statement of plain SQL a batch",
            target=at_least(0.2),
            note=f"{spent:.0f} s",
        ),
        stays_flat(memory),
    ]


async def _enrol(product: Product, principal: Principal, count: int) -> None:
    """Customers with money in their wallets and an empty wallet of credits, all in a trial that ends at the same moment."""
    for first in range(0, count, 2_000):
        grants = [
            wallets.Grant(
                reference=f"opening-{number}",
                customer_reference=f"customer-{number}",
                kind="money",
                currency="TRY",
                amount_minor=_BALANCE,
            )
            for number in range(first, min(first + 2_000, count))
        ]
        async with product.database.transaction(principal) as tx:
            for outcome in await wallets.grant_many(tx, grants):
                assert isinstance(outcome, wallets.Moved), outcome
            customers = await identity.customers_by_reference(tx, [grant.customer_reference for grant in grants])
            await wallets.wallets_of(tx, [wallets.WalletKey(each.id, "credits", "CREDIT") for each in customers.values()])
    async with product.database.transaction(principal) as tx:
        new = memberships.NewPlan(
            name="Gold", interval="month", prices={"TRY": _PRICE}, trial_days=14, credits_per_period=100, credit_rollover="expire"
        )
        plan = await memberships.create_plan(tx, new)
    owner = await asyncpg.connect(product.owner_dsn)
    try:
        await owner.execute(_ENROL, principal.tenant_id, plan.id, _PRICE, _SIGNED_UP, _TRIAL_OVER)
    finally:
        await owner.close()


async def _renew_plainly(product: Product, principal: Principal, members: int) -> float:
    """Memberships a second, each batch its own transaction."""
    async with product.database.transaction(principal) as tx:
        house = [
            await ledger.house_account(tx, code, currency)
            for code, currency in (("unapplied", "TRY"), ("revenue", "TRY"), ("issued", "CREDIT"))
        ]
    owner = await asyncpg.connect(product.owner_dsn)
    try:
        began, done = time.perf_counter(), 0
        while batch := await owner.fetchval(_PLAIN, principal.tenant_id, _TRIAL_OVER + timedelta(minutes=1), _AT_ONCE, *house):
            done += int(batch)
        assert done == members, done
        return done / (time.perf_counter() - began)
    finally:
        await owner.close()


async def _verify(product: Product, principal: Principal, members: int) -> None:
    async with product.database.connection() as connection:
        query = "SELECT count(*) FROM membership_periods WHERE tenant_id = $1 AND number = 2 AND status = 'paid'"
        paid = await connection.fetchval(query, principal.tenant_id)
    findings = await audit_tenant(product.database, principal)
    if paid != members or findings:
        raise RuntimeError(f"{paid} of {members} memberships were renewed, and the books say {findings[:3]}")


RENEWING = Bench(
    name="renewals",
    title="A month's renewal of a hundred thousand memberships",
    about=(
        "Memberships whose trial ends at the same moment, each paid from its customer's wallet: an order with its line and "
        "tender, three entries, the month's credits as a lot, the period, and eight events, by the job of one worker in batches "
        "of 500. Beside it a fifth as many of another tenant, the same rows (but the jobs that send receipts) written by one "
        "statement of plain SQL a batch. Afterwards every membership is renewed once and the audit is clean."
    ),
    measure=_measure,
)
