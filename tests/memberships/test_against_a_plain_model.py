"""A membership's whole life against a plain model, with a held clock, and the audit at every step."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test

from memberships_model import Life, ModelPlan
from vezne import identity, ledger, memberships, wallets
from vezne.kernel import clock
from vezne.kernel.db import Database, Tx, open_pool
from vezne.kernel.errors import Refusal
from vezne.kernel.ids import new_id
from vezne.kernel.principal import Principal
from vezne.memberships.dunning import DUNNING, class_of

START = datetime(2028, 1, 31, 1, 30, tzinfo=UTC)  # a leap year, on a day and at an hour that are not always there
PLANS = (
    ModelPlan("small", 1, 2_999, 0, 10),
    ModelPlan("large", 1, 9_001, 1, 31),
    ModelPlan("free", 1, 0, -1, 0),
    ModelPlan("yearly", 12, 29_990, 0, 120),
)
PLAN = st.sampled_from(PLANS)
T = TypeVar("T")


class MembershipMachine(RuleBasedStateMachine):
    """Each rule does the same to a membership and to the model, and both must agree whether it is possible."""

    def __init__(self, dsn: str) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.pool = self.runner.run(open_pool(dsn, size=2))
        self.db = Database(self.pool)
        self.now = START
        self.plans: dict[str, UUID] = {}
        self.life: Life | None = None
        self.id = self.waiting = self.customer = new_id()

    def teardown(self) -> None:
        self.runner.run(self.pool.close())
        self.runner.close()

    @initialize()
    def open_club(self) -> None:
        async def prepare() -> None:
            chosen = identity.TenantSettings(time_zone="Europe/London")
            made = await identity.create_tenant(self.db, slug=f"m{uuid4().hex[:20]}", name="Model", settings=chosen)
            self.principal = Principal.system(made.tenant_id, "model")
            async with self.db.transaction(self.principal) as tx:
                await clock.hold(tx, START)
            async with self.db.transaction(self.principal) as tx:
                self.customer = (await identity.create_customer(tx, reference="ada")).id
                for plan in PLANS:
                    new = memberships.NewPlan(
                        name=plan.name,
                        interval="month" if plan.months == 1 else "year",
                        prices={"TRY": plan.price},
                        level=plan.level,
                        credits_per_period=plan.credits,
                        credit_rollover="keep",
                    )
                    self.plans[plan.name] = (await memberships.create_plan(tx, new)).id

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

    @property
    def known(self) -> Life:
        assert self.life is not None
        return self.life

    @precondition(lambda self: self.life is None or self.life.over)
    @rule(plan=PLAN, wait=st.integers(0, 100))
    def subscribe_and_pay(self, plan: ModelPlan, wait: int) -> None:
        made = self.attempt(lambda tx: memberships.start(tx, self.customer, self.plans[plan.name], "TRY"))
        assert made is not None
        self.id, first = made[0].id, made[1].id
        assert self.attempt(lambda tx: memberships.start(tx, self.customer, self.plans["small"], "TRY")) is None
        self.go_on(timedelta(minutes=wait))
        self.attempt(lambda tx: memberships.period_paid(tx, first, self.id))
        self.life = Life.begin(plan, self.now)

    @precondition(lambda self: self.life is not None)
    @rule()
    def the_clock_turns(self) -> None:
        async def work(tx: Tx) -> list[memberships.Period]:
            return await memberships.open_periods(tx, await memberships.due(tx, 10))

        opened = self.attempt(work)
        assert opened is not None
        assert bool(opened) is self.known.turn(self.now)
        if opened:
            self.waiting = opened[0].id

    @precondition(lambda self: self.life is not None and self.life.waiting)
    @rule(again=st.booleans())
    def the_money_comes(self, again: bool) -> None:  # noqa: FBT001 - hypothesis calls by name
        order = new_id()
        for _ in range(1 + again):
            self.attempt(lambda tx: memberships.period_paid(tx, self.waiting, order))
        self.known.pay()

    @precondition(lambda self: self.life is not None and self.life.waiting)
    @rule(code=st.sampled_from(["insufficient_funds", "expired_card", "authentication_required", "processing_error"]))
    def the_money_does_not_come(self, code: str) -> None:
        when = self.attempt(lambda tx: memberships.period_failed(tx, self.waiting, code))
        self.known.fail(len(DUNNING[class_of(code)]))
        assert (when is None) is self.known.over

    @precondition(lambda self: self.life is not None)
    @rule(later=st.sampled_from([True, True, True, False]))
    def cancel(self, later: bool) -> None:  # noqa: FBT001 - hypothesis calls by name
        assert self.attempt(lambda tx: memberships.cancel(tx, self.id, at_period_end=later)) is not None
        self.known.cancel(self.now, later=later)

    @precondition(lambda self: self.life is not None)
    @rule()
    def stay_after_all(self) -> None:
        done = self.attempt(lambda tx: memberships.undo_cancel(tx, self.id))
        assert (done is None) is self.known.over
        self.known.leaving = self.known.leaving and self.known.over

    @precondition(lambda self: self.life is not None)
    @rule(at_end=st.booleans())
    def pause(self, at_end: bool) -> None:  # noqa: FBT001 - hypothesis calls by name
        done = self.attempt(lambda tx: memberships.pause(tx, self.id, at_period_end=at_end))
        assert (done is not None) is self.known.pause(self.now, at_end=at_end)

    @precondition(lambda self: self.life is not None)
    @rule()
    def resume(self) -> None:
        done = self.attempt(lambda tx: memberships.resume(tx, self.id))
        assert (done is not None) is self.known.resume(self.now)

    @precondition(lambda self: self.life is not None)
    @rule(plan=PLAN, paid=st.booleans())
    def change_now(self, plan: ModelPlan, paid: bool) -> None:  # noqa: FBT001 - hypothesis calls by name
        opened = self.attempt(lambda tx: memberships.open_change(tx, self.id, self.plans[plan.name]))
        if opened is not None and not paid:
            self.attempt(lambda tx: memberships.abandon(tx, opened.id))
            return
        cost = self.known.change_now(plan, self.now)
        assert (opened and opened.amount_minor) == cost
        if opened is not None:
            self.attempt(lambda tx: memberships.period_paid(tx, opened.id, opened.id))

    @precondition(lambda self: self.life is not None and not self.life.over)
    @rule(plan=PLAN)
    def change_later(self, plan: ModelPlan) -> None:
        done = self.attempt(lambda tx: memberships.change_later(tx, self.id, self.plans[plan.name]))
        assert (done is not None) is self.known.change_later(plan, self.now)

    @precondition(lambda self: self.life is not None and self.life.status == "active" and not self.life.waiting)
    @rule(minor=st.integers(1, 2_000))
    def some_money_goes_back(self, minor: int) -> None:
        life = self.known
        if life.due is None or life.refunded + minor >= life.amount or life.paid_until != life.end:
            return
        seen = self.attempt(lambda tx: memberships.membership(tx, self.id))
        assert seen is not None
        self.attempt(lambda tx: memberships.period_refunded(tx, seen.period_id, minor, cause=str(new_id())))
        life.refunded += minor

    @rule(hours=st.sampled_from([1, 5, 24, 24 * 4, 24 * 9, 24 * 13, 24 * 31, 24 * 75]))
    def time_passes(self, hours: int) -> None:
        self.go_on(timedelta(hours=hours))

    def go_on(self, span: timedelta) -> None:
        """The clock is moved."""
        self.now += span
        self.attempt(lambda tx: clock.hold(tx, self.now))

    @invariant()
    def it_is_as_in_the_model(self) -> None:
        if self.life is None:
            return
        life, seen = self.life, self.attempt(lambda tx: memberships.membership(tx, self.id))
        assert seen is not None
        assert (seen.status, seen.renews_at, seen.paid_until) == (life.status, life.due, life.paid_until)
        assert (seen.period_start, seen.period_end, seen.price_minor) == (life.start, life.end, life.price)
        assert (seen.plan_id, seen.cancel_at_period_end) == (self.plans[life.plan.name], life.leaving)
        assert not (life.over and seen.is_usable(self.now, 7))
        periods = self.attempt(lambda tx: memberships.periods_page(tx, self.id, limit=1000)) or []
        assert any(each.status == "open" for each in periods) is life.waiting
        paid = [each for each in periods if each.status == "paid"]
        running = next(each for each in periods if each.id == seen.period_id)
        assert (running.value_minor, running.refunded_minor) == (life.value, life.refunded)
        assert (seen.rest_minor, seen.rest_seconds) == (life.rest_value, life.rest // timedelta(seconds=1))
        assert sum(each.amount_minor for each in paid) == life.charged
        assert sum(each.credits_granted for each in paid) == life.granted

    @invariant()
    def the_books_balance(self) -> None:
        if self.plans:
            for audit in (memberships.audit, wallets.audit, ledger.audit):
                assert self.attempt(audit) == []


@pytest.mark.slow
def test_a_memberships_life_agrees_with_a_plain_model(dsn: str) -> None:
    """CM3, CM12"""

    class Machine(MembershipMachine):
        """The machine over this run's database."""

        def __init__(self) -> None:
            super().__init__(dsn)

    chosen = settings(max_examples=14, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(Machine, settings=chosen)
