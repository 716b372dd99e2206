"""A till: what is sold for payees and taken back, with the money that stands behind it, so that the books balance."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import pytest_asyncio

from tenancy_fixtures import TenantMaker, TestTenant
from vezne import identity, ledger, settlements
from vezne.kernel import clock
from vezne.kernel.db import Database, Tx
from vezne.kernel.ids import new_id
from vezne.kernel.principal import Principal


async def move_money(tx: Tx, amount: int, currency: str) -> None:
    """Bring money from outside into `unapplied`, or, negative, send it away."""
    if amount:
        outside = await ledger.house_account(tx, "test_till", currency)
        unapplied = await ledger.house_account(tx, "unapplied", currency)
        postings = (ledger.Posting(outside, -amount), ledger.Posting(unapplied, amount))
        (answer,) = await ledger.post(tx, [ledger.Entry(id=new_id(), kind="test", postings=postings)])
        assert isinstance(answer, ledger.Posted)


def sale(payee_id: UUID, gross: int = 10_000, fee: int = 1_000, **facts: Any) -> settlements.Sale:  # noqa: ANN401 - any of its facts
    """A sold line."""
    chosen: dict[str, Any] = {"line_id": new_id(), "order_id": new_id(), "currency": "TRY", "description": "Seat"} | facts
    return settlements.Sale(payee_id=payee_id, gross_minor=gross, share_minor=gross - fee, fee_minor=fee, **chosen)


@dataclass
class Till:
    """Sells for payees of one tenant and gives back."""

    db: Database
    tenant: TestTenant

    @property
    def principal(self) -> Principal:
        """The tenant's system."""
        return self.tenant.principal

    async def payee(self) -> UUID:
        """A payee who has a bank account."""
        async with self.db.transaction(self.principal) as tx:
            made, _ = await identity.create_payee(
                tx,
                name=f"Ayşe Öztürk Işık {uuid4().hex[:4]}",
                email="ayse@example.test",
                country="TR",
                account_holder="Ayşe Öztürk Işık",
                iban="TR330006100519786457841326",
            )
        return made.id

    async def sell(self, payee_id: UUID, gross: int = 10_000, fee: int = 1_000, **facts: Any) -> settlements.Settlement:  # noqa: ANN401
        """Sell a line that was paid for."""
        return await self.settle(sale(payee_id, gross, fee, **facts))

    async def settle(self, asked: settlements.Sale) -> settlements.Settlement:
        """Settle a line; its money comes in when it is settled for the first time."""
        async with self.db.transaction(self.principal) as tx:
            made = await settlements.settle(tx, asked)
            if made.created_at == tx.now and not made.clawed_minor:
                await move_money(tx, asked.gross_minor, asked.currency)
        return made

    async def take_back(self, line_id: UUID, amount: int, cause: str = "") -> settlements.ClawBack:
        """Claw back for a refund that goes out."""
        async with self.db.transaction(self.principal) as tx:
            taken = await settlements.claw_back(tx, line_id, amount, cause or uuid4().hex)
            await move_money(tx, -taken.amount_minor, (await settlements.settlement_of(tx, line_id)).currency)
        return taken

    async def give_again(self, line_id: UUID, amount: int, cause: str = "") -> settlements.Settlement:
        """Settle more, for a refund that failed."""
        async with self.db.transaction(self.principal) as tx:
            given = await settlements.settle_more(tx, line_id, amount, cause or uuid4().hex)
            await move_money(tx, amount, given.currency)
        return given

    async def until(self, when: datetime | None) -> None:
        """Let time pass until then, and what time does to settlements happen."""
        assert when is not None
        async with self.db.transaction(self.principal) as tx:
            await clock.hold(tx, when)
        async with self.db.transaction(self.principal) as tx:
            await settlements.release_due(tx)

    async def owed(self, payee_id: UUID, currency: str = "TRY") -> settlements.Owed:
        """What the payee is owed."""
        async with self.db.transaction(self.principal, read_only=True) as tx:
            return await settlements.owed(tx, payee_id, currency)

    async def held(self, code: str, currency: str = "TRY") -> int:
        """The balance of an account code."""
        async with self.db.transaction(self.principal, read_only=True) as tx:
            lines = await ledger.trial_balance(tx)
        return sum(line.balance for line in lines if (line.code, line.currency) == (code, currency))

    async def audit(self) -> list[Any]:
        """What is wrong with the settlements."""
        async with self.db.transaction(self.principal, read_only=True) as tx:
            return await settlements.audit(tx)


@pytest_asyncio.fixture
async def till(db: Database, tenant: TestTenant) -> Till:
    """A till of a tenant that keeps nothing back."""
    return Till(db, tenant)


@pytest_asyncio.fixture
async def careful_till(db: Database, make_tenant: TenantMaker) -> Till:
    """A till of a tenant that keeps back a tenth of each share for seven days."""
    return Till(db, await make_tenant(reserve_rate=1_000, reserve_days=7))
