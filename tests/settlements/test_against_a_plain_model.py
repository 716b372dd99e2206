"""Sales, claw-backs, what is given again, releases and payouts against a plain model, the audit at every step."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from settlements_fixtures import sale
from vezne import identity, ledger, settlements
from vezne.kernel import clock
from vezne.kernel.db import Database, Tx, open_pool
from vezne.kernel.errors import Refusal
from vezne.kernel.principal import Principal
from vezne.settlements import Payout, PayoutStatus

START = datetime(2031, 5, 1, 12, tzinfo=UTC)
PICK = st.integers(0, 1000)
T = TypeVar("T")


def share_at(share: int, clawed: int, whole: int) -> int:
    """Half up, by the schoolbook."""
    quotient, rest = divmod(share * clawed, whole)
    return quotient + (2 * rest >= whole)


@dataclass(eq=False)
class ModelSale:
    """A sold line; `paid` is what payouts have taken of it and not brought back."""

    line_id: UUID
    payee: int
    gross: int
    share: int
    reserve: int
    release_at: datetime
    clawed: int = 0
    released: bool = False
    paid: int = 0

    @property
    def kept(self) -> int:
        return self.share - share_at(self.share, self.clawed, max(self.gross, 1))

    @property
    def reserved(self) -> int:
        return 0 if self.released else max(0, self.reserve - (self.share - self.kept))

    @property
    def due(self) -> int:
        return self.kept - self.reserved - self.paid


@dataclass(eq=False)
class ModelPayout:
    """A payout with what it took of each sale."""

    made: Payout
    payee: int
    parts: list[tuple[ModelSale, int]]
    status: PayoutStatus = PayoutStatus.REQUESTED


@dataclass
class Books:
    """All of it."""

    sales: list[ModelSale] = field(default_factory=list)
    payouts: list[ModelPayout] = field(default_factory=list)


class SettlementsMachine(RuleBasedStateMachine):
    """Each rule does the same to the settlements and to the model, and both must agree whether it is possible."""

    def __init__(self, dsn: str) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.pool = self.runner.run(open_pool(dsn, size=2))
        self.db = Database(self.pool)
        self.books = Books()
        self.payees: list[UUID] = []
        self.now = START

    def teardown(self) -> None:
        self.runner.run(self.pool.close())
        self.runner.close()

    @initialize(rate=st.sampled_from([0, 1_000, 3_333, 10_000]))
    def open_books(self, rate: int) -> None:
        async def prepare() -> None:
            chosen = identity.TenantSettings(reserve_rate=rate, reserve_days=2, time_zone="UTC")
            made = await identity.create_tenant(self.db, slug=f"s{uuid4().hex[:20]}", name="Model", settings=chosen)
            self.principal = Principal.system(made.tenant_id, "maker")
            async with self.db.transaction(self.principal) as tx:
                await clock.hold(tx, START)
            async with self.db.transaction(self.principal) as tx:
                self.payees = [(await identity.create_payee(tx, name=name))[0].id for name in ("Ada", "Can")]

        self.rate = rate
        self.runner.run(prepare())

    def attempt(self, work: Callable[[Tx], Awaitable[T]], *, actor: str = "system:maker") -> T | None:
        """The outcome of `work` in a transaction of its own, or None when it was refused."""

        async def run() -> T | None:
            try:
                async with self.db.transaction(replace(self.principal, actor=actor)) as tx:
                    return await work(tx)
            except Refusal:
                return None

        return self.runner.run(run())

    @rule(payee=st.integers(0, 1), gross=st.integers(0, 200), fee=st.integers(-50, 200), again=st.booleans())
    def sell(self, payee: int, gross: int, fee: int, again: bool) -> None:  # noqa: FBT001 - hypothesis calls by name
        asked = sale(self.payees[payee], gross, min(fee, gross))
        for _ in range(1 + again):
            assert self.attempt(lambda tx: settlements.settle(tx, asked)) is not None
        release_at = START.replace(hour=0) + timedelta(days=(self.now - START.replace(hour=0)).days + 2)
        reserve = asked.share_minor * self.rate // 10_000
        self.books.sales.append(
            ModelSale(asked.line_id, payee, gross, asked.share_minor, reserve, release_at, released=not reserve)
        )

    def shift(self, which: int, amount: int, back: bool) -> None:  # noqa: FBT001 - private
        if not self.books.sales:
            return
        model = self.books.sales[which % len(self.books.sales)]
        work = settlements.claw_back if back else settlements.settle_more
        cause = uuid4().hex
        asked = amount if model.gross else 0
        step = amount if model.gross else 1
        legal = 0 <= model.clawed + (step if back else -step) <= max(model.gross, 1)
        done = [self.attempt(lambda tx: work(tx, model.line_id, asked, cause)) is not None for _ in range(2)]
        assert done == [legal, legal]
        if legal:
            model.clawed += step if back else -step

    @rule(which=PICK, amount=st.integers(1, 120))
    def claw_back(self, which: int, amount: int) -> None:
        self.shift(which, amount, True)

    @rule(which=PICK, amount=st.integers(1, 120))
    def give_again(self, which: int, amount: int) -> None:
        self.shift(which, amount, False)

    @rule(hours=st.integers(1, 40))
    def time_passes(self, hours: int) -> None:
        self.now += timedelta(hours=hours)
        self.attempt(lambda tx: clock.hold(tx, self.now))
        assert self.attempt(settlements.release_due) is not None
        for model in self.books.sales:
            model.released = model.released or model.release_at <= self.now

    @rule(payee=st.integers(0, 1), part=st.none() | st.integers(1, 300))
    def ask_for_a_payout(self, payee: int, part: int | None) -> None:
        due = [model for model in self.books.sales if model.payee == payee]
        chosen = [model for model in due if model.due <= 0]
        for model in due:
            if model.due > 0:
                if part is not None and sum(each.due for each in chosen) + model.due > part:
                    break
                chosen.append(model)
        total = sum(model.due for model in chosen)
        expected = sum(model.due for model in due) > 0 and total > 0 and part in {None, total}
        made = self.attempt(lambda tx: settlements.request_payout(tx, self.payees[payee], "TRY", part))
        assert (made is not None) is expected
        if made is not None:
            assert made.amount_minor == total
            self.books.payouts.append(ModelPayout(made, payee, [(model, model.due) for model in chosen]))
            for model in chosen:
                model.paid += model.due

    @rule(which=PICK, to=st.sampled_from(["approved", "rejected", "sent", "paid", "failed"]), own=st.booleans())
    def move_a_payout(self, which: int, to: str, own: bool) -> None:  # noqa: FBT001 - hypothesis calls by name
        if not self.books.payouts:
            return
        model, status = self.books.payouts[which % len(self.books.payouts)], PayoutStatus(to)
        works: dict[str, Callable[[Tx], Awaitable[Payout]]] = {
            "approved": lambda tx: settlements.approve(tx, model.made.id),
            "rejected": lambda tx: settlements.reject(tx, model.made.id, "no"),
            "sent": lambda tx: settlements.dispatch(tx, model.made.id),
            "paid": lambda tx: settlements.confirm(tx, model.made.id),
            "failed": lambda tx: settlements.fail(tx, model.made.id, "no"),
        }
        legal = status is model.status or status in settlements.PAYOUT_MOVES[model.status]
        legal = legal and not (own and to in {"approved", "rejected"})
        done = self.attempt(works[to], actor="system:maker" if own else "staff:checker")
        assert (done is not None) is legal
        if legal and status is not model.status:
            model.status = status
            if to in {"rejected", "failed"}:
                for part, amount in model.parts:
                    part.paid -= amount

    @invariant()
    def what_is_owed_is_as_in_the_model(self) -> None:
        async def look(tx: Tx) -> None:
            for number, payee_id in enumerate(self.payees):
                found = await settlements.owed(tx, payee_id, "TRY")
                sales = [model for model in self.books.sales if model.payee == number]
                balance = sum(model.due for model in sales)
                under_way = {PayoutStatus.REQUESTED, PayoutStatus.APPROVED, PayoutStatus.SENT}
                waiting = [each for each in self.books.payouts if each.payee == number and each.status in under_way]
                assert (found.available, found.carried) == (max(balance, 0), max(-balance, 0))
                assert found.reserved == sum(model.reserved for model in sales)
                assert found.in_payout == sum(each.made.amount_minor for each in waiting)

        if self.payees:
            self.runner.run(self._in_tx(look))

    @invariant()
    def the_books_balance(self) -> None:
        if self.payees:
            assert self.attempt(settlements.audit) == []
            assert self.attempt(ledger.audit) == []

    async def _in_tx(self, work: Callable[[Tx], Awaitable[None]]) -> None:
        async with self.db.transaction(self.principal, read_only=True) as tx:
            await work(tx)


@pytest.mark.slow
def test_settlements_and_payouts_agree_with_a_plain_model(dsn: str) -> None:
    """ET10"""

    class Machine(SettlementsMachine):
        """The machine over this run's database."""

        def __init__(self) -> None:
            super().__init__(dsn)

    chosen = settings(max_examples=20, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(Machine, settings=chosen)
