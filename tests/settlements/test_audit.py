"""The audit names what is wrong, and the clock's job releases what is due."""

from dataclasses import replace
from datetime import timedelta

import asyncpg
import pytest

from settlements_fixtures import Till
from vezne import settlements
from vezne.app.schedule import SCHEDULE
from vezne.kernel import clock
from vezne.kernel.audit import Finding
from vezne.kernel.db import Tx
from vezne.kernel.jobs import JobCall
from vezne.settlements.jobs import release_due

TAMPERED = {
    "UPDATE settlements SET clawed_minor = 1 WHERE tenant_id = $1": {
        "settlement adds up from its moves",
        "claw-back is in proportion",
    },
    "UPDATE settlements SET clawed_share_minor = 1 WHERE tenant_id = $1": {
        "settlement adds up from its moves",
        "claw-back is in proportion",
    },
    "UPDATE settlement_moves SET payee_minor = payee_minor + 1, reserve_minor = reserve_minor - 1 WHERE tenant_id = $1": {
        "settlement adds up from its moves",
        "move is what was posted",
        "payee's account is what no payout took",
        "payout is the sum of what it pays",
    },
    "UPDATE settlement_moves SET payout_id = NULL WHERE tenant_id = $1": {
        "payee's account is what no payout took",
        "payout is the sum of what it pays",
    },
    "UPDATE payout_items SET live = false WHERE tenant_id = $1": {
        "payout is the sum of what it pays",
        "what a payout took along is its item",
    },
    "UPDATE payouts SET amount_minor = amount_minor + 1 WHERE tenant_id = $1": {
        "payout is the sum of what it pays",
        "payouts equal what is under way",
    },
    "UPDATE payout_items SET amount_minor = amount_minor - 1 WHERE tenant_id = $1": {"payout is the sum of what it pays"},
}


@pytest.mark.parametrize("tampering", TAMPERED)
async def test_whatever_is_changed_by_hand_is_found(
    careful_till: Till, owner: "asyncpg.Connection[asyncpg.Record]", tampering: str
) -> None:
    payee = await careful_till.payee()
    await careful_till.sell(payee)
    async with careful_till.db.transaction(careful_till.principal) as tx:
        await settlements.request_payout(tx, payee, "TRY")
    assert await careful_till.audit() == []
    change = owner.transaction()
    await change.start()
    try:
        await owner.execute(tampering, careful_till.tenant.tenant_id)
        tampered = await findings(owner, careful_till)
    finally:
        await change.rollback()
    assert {finding.check for finding in tampered} == TAMPERED[tampering]
    assert all(finding.subject and finding.message for finding in tampered)


async def findings(owner: "asyncpg.Connection[asyncpg.Record]", till: Till) -> list[Finding]:
    """What the audit says of what is not committed yet."""
    tx = Tx(owner, till.principal, clock.real_now(), till.db.reactions, till.db.vault)
    return await settlements.audit(tx)


async def test_the_clock_finds_a_tenant_whose_reserve_is_due_and_the_job_releases_all_of_it(careful_till: Till) -> None:
    payee = await careful_till.payee()
    made = [await careful_till.sell(payee) for _ in range(3)]
    (scheduled,) = [line for line in SCHEDULE if line.job == "settlements.release_due"]
    call = JobCall("settlements.release_due", careful_till.tenant.tenant_id)

    async def due() -> bool:
        async with careful_till.db.connection() as connection:
            joined = "SELECT tenants.tenant_id FROM tenants LEFT JOIN clocks ON clocks.tenant_id = tenants.tenant_id WHERE "
            sql = joined + scheduled.due
            rows = await connection.fetch(sql, clock.real_now())
        return careful_till.tenant.tenant_id in {row["tenant_id"] for row in rows}

    assert not await due()
    async with careful_till.db.transaction(careful_till.principal) as tx:
        await clock.hold(tx, (made[0].release_at or tx.now) + timedelta(seconds=1))
    assert await due()
    await release_due(careful_till.db, call)
    await release_due(careful_till.db, replace(call))
    assert not await due()
    owed = await careful_till.owed(payee)
    assert (owed.available, owed.reserved) == (27_000, 0)
