"""Wallets and lots against a plain model, all invariants at every step."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from vezne import identity, ledger, wallets
from vezne.kernel import clock
from vezne.kernel.db import Database, Tx, open_pool
from vezne.kernel.errors import Refusal
from vezne.kernel.money import Money
from vezne.kernel.principal import Principal
from vezne.wallets import KINDS, Credit, Debit, KindName, LotSpec, LotType, Transfer
from vezne.wallets.operations.wallets import lots_of
from wallets_model import Model, ModelCredit, ModelDebit, ModelHold, ModelWallet

START = datetime(2031, 5, 1, 12, tzinfo=UTC)
CURRENCIES = {"money": "TRY", "credits": "CREDIT", "coins": "COIN", "gift_card": "TRY"}
OWNED = (("ada", "main"), ("ada", "savings"), ("can", "main"))
AMOUNTS = st.integers(1, 40)
PICK = st.integers(0, 1000)
LOT_TYPES = st.sampled_from(["purchased", "membership", "promotional", "refunded"])
LIVES = st.none() | st.integers(1, 72).map(lambda hours: timedelta(hours=hours))
T = TypeVar("T")


class WalletsMachine(RuleBasedStateMachine):
    """Each rule does the same to the wallets and to the model, and both must agree whether it is possible."""

    def __init__(self, dsn: str) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.pool = self.runner.run(open_pool(dsn, size=2))
        self.db = Database(self.pool)
        self.model = Model(START, [])
        self.ids: list[UUID] = []
        self.holds: list[tuple[UUID, ModelHold]] = []
        self.debits: list[tuple[UUID, ModelDebit]] = []
        self.credits: list[tuple[UUID, ModelCredit]] = []
        self.causes = 0

    def teardown(self) -> None:
        self.runner.run(self.pool.close())
        self.runner.close()

    @initialize(kind=st.sampled_from(sorted(KINDS)))
    def open_wallets(self, kind: KindName) -> None:
        async def prepare() -> None:
            chosen = identity.TenantSettings()
            made = await identity.create_tenant(
                self.db, slug=f"m{uuid4().hex[:20]}", name="Model", livemode=False, settings=chosen
            )
            self.principal = Principal.system(made.tenant_id, "model")
            async with self.db.transaction(self.principal) as tx:
                await clock.hold(tx, START)
            async with self.db.transaction(self.principal) as tx:
                people = {name: (await identity.create_customer(tx, reference=name)).id for name in ("ada", "can")}
                for owner, label in OWNED:
                    wallet = await wallets.wallet_of(tx, people[owner], kind, CURRENCIES[kind], label)
                    self.ids.append(wallet.id)
                    self.model.wallets.append(ModelWallet(kind, owner))

        self.runner.run(prepare())

    def attempt(self, work: Callable[[Tx], Awaitable[T]]) -> T | None:
        """The outcome of `work` in a transaction of its own, or None when it was refused."""

        async def run() -> T | None:
            try:
                async with self.db.transaction(self.principal) as tx:
                    return await work(tx)
            except Refusal:
                return None

        return self.runner.run(run())

    def pick(self, number: int) -> tuple[UUID, ModelWallet, str]:
        index = number % len(self.ids)
        model = self.model.wallets[index]
        return self.ids[index], model, CURRENCIES[model.kind]

    @rule(which=PICK, amount=AMOUNTS, life=LIVES, type_=LOT_TYPES)
    def credit(self, which: int, amount: int, life: timedelta | None, type_: LotType) -> None:
        id_, model, currency = self.pick(which)
        until = self.model.now + life if life is not None and model.kind != "money" else None
        lot = None if model.kind == "money" else LotSpec(type_, "", until)
        asked = Credit(wallet_id=id_, amount=Money(amount, currency), lot=lot)
        done = self.attempt(lambda tx: wallets.credit(tx, asked))
        assert done is not None
        self.credits.append((done.id, self.model.credit(model, amount, until, type_)))

    @rule(which=PICK, amount=AMOUNTS, beyond_lot=st.booleans(), again=st.booleans())
    def revoke(self, which: int, amount: int, beyond_lot: bool, again: bool) -> None:  # noqa: FBT001 - hypothesis calls by name
        if not self.credits:
            return
        id_, model = self.credits[which % len(self.credits)]
        self.causes += 1
        cause = f"cause {self.causes}"
        done = self.attempt(lambda tx: wallets.revoke(tx, id_, amount, cause=cause, beyond_lot=beyond_lot))
        taken = self.model.revoke(model, amount, beyond_lot=beyond_lot)
        assert (done and (done.taken_minor, done.missing_minor)) == (None if taken is None else (taken, amount - taken))
        if again and done is not None:
            twice = self.attempt(lambda tx: wallets.revoke(tx, id_, amount, cause=cause, beyond_lot=beyond_lot))
            assert twice is not None
            assert (twice.again, twice.taken_minor, twice.missing_minor) == (True, done.taken_minor, done.missing_minor)

    @rule(which=PICK, amount=AMOUNTS)
    def debit(self, which: int, amount: int) -> None:
        id_, model, currency = self.pick(which)
        done = self.attempt(lambda tx: wallets.debit(tx, Debit(wallet_id=id_, amount=Money(amount, currency))))
        expected = self.model.debit(model, amount)
        assert (done is None) is (expected is None)
        if done is not None and expected is not None:
            self.debits.append((done.id, expected))

    @rule(which=PICK)
    def debit_all_that_is_not_held(self, which: int) -> None:
        """Too much wherever some of it has lapsed."""
        _, model, _ = self.pick(which)
        if model.balance > model.held:
            self.debit(which, model.balance - model.held)

    @rule(which=PICK, amounts=st.lists(AMOUNTS, min_size=2, max_size=6))
    def several_in_one_batch(self, which: int, amounts: list[int]) -> None:
        id_, model, currency = self.pick(which)
        asked: list[Credit | Debit] = [
            Credit(wallet_id=id_, amount=Money(amount, currency))
            if index % 3 == 1
            else Debit(wallet_id=id_, amount=Money(amount, currency))
            for index, amount in enumerate(amounts)
        ]
        outcomes = self.attempt(lambda tx: wallets.move(tx, asked))
        assert outcomes is not None
        for move, outcome in zip(asked, outcomes, strict=True):
            if isinstance(move, Credit):
                assert isinstance(outcome, wallets.Moved)
                self.model.credit(model, move.amount.minor, None)
                continue
            expected = self.model.debit(model, move.amount.minor)
            assert isinstance(outcome, wallets.Moved) is (expected is not None)
            if isinstance(outcome, wallets.Moved) and expected is not None:
                self.debits.append((outcome.transaction.id, expected))

    @rule(giver=PICK, taker=PICK, amount=AMOUNTS)
    def transfer(self, giver: int, taker: int, amount: int) -> None:
        from_id, from_model, currency = self.pick(giver)
        to_id, to_model, _ = self.pick(taker)
        asked = Transfer(from_wallet_id=from_id, to_wallet_id=to_id, amount=Money(amount, currency))
        done = self.attempt(lambda tx: wallets.transfer(tx, asked))
        assert (done is not None) is self.model.transfer(from_model, to_model, amount)

    @rule(which=PICK, amount=AMOUNTS, hours=st.integers(1, 48))
    def hold(self, which: int, amount: int, hours: int) -> None:
        id_, model, currency = self.pick(which)
        until = self.model.now + timedelta(hours=hours)
        placed = self.attempt(lambda tx: wallets.hold(tx, id_, Money(amount, currency), expires_at=until))
        expected = self.model.hold(model, amount, until)
        assert (placed is None) is (expected is None)
        if placed is not None and expected is not None:
            self.holds.append((placed.id, expected))

    @rule(which=PICK, amount=AMOUNTS, final=st.booleans())
    def capture(self, which: int, amount: int, final: bool) -> None:  # noqa: FBT001 - hypothesis calls by name
        if not self.holds:
            return
        id_, model = self.holds[which % len(self.holds)]
        done = self.attempt(lambda tx: wallets.capture(tx, id_, amount, final=final))
        expected = self.model.capture(model, amount, final=final)
        assert (done is None) is (expected is None)
        if done is not None and expected is not None:
            self.debits.append((done[1].id, expected))

    @rule(which=PICK)
    def release(self, which: int) -> None:
        if not self.holds:
            return
        id_, model = self.holds[which % len(self.holds)]
        before = self.attempt(lambda tx: wallets.hold_of(tx, id_))
        done = self.attempt(lambda tx: wallets.release(tx, id_))
        again = before is not None and before.status == "released"
        assert (done is not None) is (self.model.release(model) or again)

    @rule(which=PICK, amount=AMOUNTS)
    def refund(self, which: int, amount: int) -> None:
        if not self.debits:
            return
        id_, model = self.debits[which % len(self.debits)]
        done = self.attempt(lambda tx: wallets.refund(tx, id_, amount))
        assert (done is not None) is self.model.refund(model, amount)

    @rule(which=PICK)
    def freeze_or_thaw(self, which: int) -> None:
        id_, model, _ = self.pick(which)
        model.frozen = not model.frozen
        work = wallets.freeze if model.frozen else wallets.reopen
        assert self.attempt(lambda tx: work(tx, id_)) is not None

    @rule(hours=st.integers(1, 30))
    def time_passes(self, hours: int) -> None:
        self.model.now += timedelta(hours=hours)
        self.attempt(lambda tx: clock.hold(tx, self.model.now))

    @rule()
    def sweep(self) -> None:
        self.attempt(wallets.expire_holds)
        self.attempt(wallets.expire_lots)
        self.model.sweep([hold for _, hold in self.holds])

    @invariant()
    def wallets_are_as_in_the_model(self) -> None:
        async def look(tx: Tx) -> None:
            for id_, model in zip(self.ids, self.model.wallets, strict=True):
                wallet = await wallets.wallet(tx, id_)
                found = (await wallets.holdings(tx, [wallet]))[id_]
                now = self.model.now
                expected = (model.balance, model.held, model.spendable(now), model.lapsed(now))
                assert (found.balance, found.held, found.available, found.lapsed) == expected
                if model.kind != "money":
                    found_lots = await lots_of(tx, wallet)
                    lots = [(lot.remaining_minor, lot.held_minor, lot.expires_at, lot.type) for lot in found_lots]
                    expected_lots = [(lot.remaining, lot.held, lot.expires_at, lot.type) for lot in model.lots if lot.remaining]
                    assert sorted(lots, key=str) == sorted(expected_lots, key=str)

        self.attempt(look)

    @invariant()
    def the_books_balance(self) -> None:
        if self.ids:
            assert self.attempt(wallets.audit) == []
            assert self.attempt(ledger.audit) == []


@pytest.mark.slow
def test_wallets_and_lots_agree_with_a_plain_model(dsn: str) -> None:
    """CW1, CC3, CM1"""

    class Machine(WalletsMachine):
        """The machine over this run's database."""

        def __init__(self) -> None:
            super().__init__(dsn)

    chosen = settings(max_examples=24, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(Machine, settings=chosen)
