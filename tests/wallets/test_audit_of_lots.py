"""The audit of lots is shown what is wrong, and names it."""

import asyncpg

from tenancy_fixtures import TestTenant
from vezne import identity, wallets
from vezne.kernel import clock
from vezne.kernel.db import Database, Tx
from vezne.kernel.ids import public_id
from vezne.kernel.money import Money


async def test_a_move_that_is_not_its_posting_is_named(
    db: Database, tenant: TestTenant, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    async with db.transaction(tenant.principal) as tx:
        customer = await identity.create_customer(tx, reference="ada")
        wallet = await wallets.wallet_of(tx, customer.id, "credits", "CREDIT")
        await wallets.credit(tx, wallets.Credit(wallet_id=wallet.id, amount=Money(5, "CREDIT")))
    damage = owner.transaction()
    await damage.start()
    try:
        await owner.execute("UPDATE lot_moves SET delta_minor = 6 WHERE tenant_id = $1", tenant.tenant_id)
        spoiled = Tx(owner, tenant.principal, clock.real_now(), db.reactions, db.vault)
        found = {(each.check, each.subject) for each in await wallets.audit(spoiled)}
    finally:
        await damage.rollback()
    assert ("an entry's lot moves are its postings", public_id("wal", wallet.id)) in found
