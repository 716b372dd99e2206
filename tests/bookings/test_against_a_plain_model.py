"""Seats and units against a plain model, all invariants at every step."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test

from bookings_fixtures import DAY, MINUTE, START
from bookings_model import Model, ModelClaim
from vezne import bookings, identity
from vezne.bookings import Ask
from vezne.kernel import clock
from vezne.kernel.db import Database, Tx, open_pool
from vezne.kernel.errors import Refusal
from vezne.kernel.principal import Principal

CAPACITY, UNITS, PEOPLE = 6, 3, 3
PICK, MINUTES = st.integers(0, 1000), st.integers(1, 40)
T = TypeVar("T")


class BookingsMachine(RuleBasedStateMachine):
    """Each rule does the same to the bookings and to the model, and both must agree whether it is possible."""

    def __init__(self, dsn: str) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.pool = self.runner.run(open_pool(dsn, size=2))
        self.db = Database(self.pool)
        self.ids: dict[ModelClaim, UUID] = {}

    def teardown(self) -> None:
        self.runner.run(self.pool.close())
        self.runner.close()

    @initialize()
    def open_office(self) -> None:
        async def prepare() -> None:
            made = await identity.create_tenant(self.db, slug=f"m{uuid4().hex[:20]}", name="Model")
            self.principal = Principal.system(made.tenant_id, "model")
            async with self.db.transaction(self.principal) as tx:
                await clock.hold(tx, START)
            async with self.db.transaction(self.principal) as tx:
                self.people = [(await identity.create_customer(tx, reference=str(number))).id for number in range(PEOPLE)]
                self.event = await bookings.create_resource(tx, kind="event", name="Konser", capacity=CAPACITY)
                self.depot = await bookings.create_resource(tx, kind="storage", name="Depo")
                units = await bookings.add_units(tx, self.depot.id, [f"A{number}" for number in range(UNITS)])
                self.model = Model(START, CAPACITY, [unit.id for unit in units])

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

    def pick(self, number: int) -> tuple[UUID, ModelClaim]:
        model = self.model.claims[number % len(self.model.claims)]
        return self.ids[model], model

    def hold(self, asked: ModelClaim, resource: UUID, into: list[ModelClaim]) -> None:
        first, last = asked.days or (None, None)
        ask = Ask(
            resource_id=resource,
            customer_id=self.people[asked.customer],
            purpose="model",
            quantity=asked.quantity,
            starts_at=None if first is None else START + first * DAY,
            ends_at=None if last is None else START + last * DAY,
        )
        possible = self.model.has_room_for(asked)
        free = self.model.free_units(asked.days) if asked.days else {None}
        held = self.attempt(lambda tx: bookings.hold(tx, ask, until=asked.expires_at))
        assert (held is not None) is possible
        if held is not None:
            assert held.unit_id in free
            asked.unit = held.unit_id
            into.append(asked)
            self.ids[asked] = held.id

    @rule(quantity=st.integers(1, 4), who=st.integers(0, PEOPLE - 1), minutes=MINUTES)
    def hold_seats(self, quantity: int, who: int, minutes: int) -> None:
        asked = ModelClaim(quantity, who, self.model.now + minutes * MINUTE)
        self.hold(asked, self.event.id, self.model.seats)

    @rule(first=st.integers(6, 10), nights=st.integers(1, 4), who=st.integers(0, PEOPLE - 1), minutes=MINUTES)
    def hold_a_unit(self, first: int, nights: int, who: int, minutes: int) -> None:
        asked = ModelClaim(1, who, self.model.now + minutes * MINUTE, (first, first + nights))
        self.hold(asked, self.depot.id, self.model.periods)

    @precondition(lambda self: self.ids)
    @rule(which=PICK, minutes=MINUTES)
    def extend(self, which: int, minutes: int) -> None:
        id_, model = self.pick(which)
        until = self.model.now + minutes * MINUTE
        extended = self.attempt(lambda tx: bookings.extend(tx, id_, until))
        assert extended is not None
        if extended.status == "held":
            model.expires_at = max(model.expires_at, until)
            assert extended.expires_at == model.expires_at

    @precondition(lambda self: self.ids)
    @rule(which=PICK)
    def consume(self, which: int) -> None:
        id_, model = self.pick(which)
        before = self.attempt(lambda tx: bookings.claim(tx, id_))
        assert before is not None
        possible = before.status in {"held", "consumed"} or self.model.has_room_for(model)
        free = self.model.free_units(model.days) if model.days else set()
        tickets = self.attempt(lambda tx: bookings.consume(tx, id_, order_id=None))
        assert (tickets is not None) is possible
        if tickets is None:
            return
        if before.status != "consumed" and model.days is None:
            model.holders = [model.customer] * model.quantity
        if before.status not in {"held", "consumed"} and model.days is not None:
            now = self.attempt(lambda tx: bookings.claim(tx, id_))
            assert now is not None
            assert now.unit_id in free
            assert now.unit_id == model.unit or model.unit not in free
            model.unit = now.unit_id
        model.status = "consumed"
        assert len(tickets) == len(model.holders)

    @precondition(lambda self: self.ids)
    @rule(which=PICK)
    def release(self, which: int) -> None:
        id_, model = self.pick(which)
        self.attempt(lambda tx: bookings.release(tx, id_))
        if model.status == "held":
            model.status = "released"

    @precondition(lambda self: self.ids)
    @rule(which=PICK, quantity=st.none() | st.integers(1, 3))
    def cancel(self, which: int, quantity: int | None) -> None:
        id_, model = self.pick(which)
        possible = model.status != "consumed" or quantity is None or quantity <= model.live
        done = self.attempt(lambda tx: bookings.cancel(tx, id_, quantity=quantity))
        assert (done is not None) is possible
        if done is None:
            return
        if model.status == "held":
            model.status = "released"
        elif model.status == "consumed":
            del model.holders[len(model.holders) - (quantity or len(model.holders)) :]
            if not model.holders:
                model.status = "cancelled"

    @precondition(lambda self: any(claim.status == "consumed" for claim in self.model.seats))
    @rule(which=PICK, ticket=PICK, to=st.integers(0, PEOPLE - 1))
    def transfer(self, which: int, ticket: int, to: int) -> None:
        booked = [claim for claim in self.model.seats if claim.status == "consumed"]
        model = booked[which % len(booked)]

        async def give(tx: Tx) -> bookings.Ticket:
            valid = [each for each in await bookings.tickets_of(tx, [self.ids[model]]) if each.status == "valid"]
            return await bookings.transfer_ticket(tx, valid[ticket % len(valid)].id, self.people[to])

        assert self.attempt(give) is not None
        model.holders[ticket % len(model.holders)] = to

    @rule(minutes=st.integers(1, 45))
    def let_time_pass(self, minutes: int) -> None:
        self.model.now += minutes * MINUTE
        self.attempt(lambda tx: clock.hold(tx, self.model.now))

    @rule()
    def let_hours_pass(self) -> None:
        self.model.now += timedelta(hours=3)
        self.attempt(lambda tx: clock.hold(tx, self.model.now))

    @rule()
    def sweep(self) -> None:
        while self.attempt(bookings.expire_due):
            pass
        self.model.sweep()

    @invariant()
    def claims_are_as_in_the_model(self) -> None:
        async def look(tx: Tx) -> bool:
            for model, id_ in self.ids.items():
                found = await bookings.claim(tx, id_)
                if model.status == "held" and not model.keeps(self.model.now) and found.status == "lapsed":
                    model.status = "lapsed"  # it made room, or was swept: when is not the model's business
                assert (found.status, found.live, found.unit_id) == (model.status, model.live, model.unit)
            event = await bookings.resource(tx, self.event.id)
            held = sum(claim.live for claim in self.model.seats if claim.status == "held")
            taken = sum(claim.live for claim in self.model.seats if claim.status == "consumed")
            assert (event.held, event.taken, event.going_count) == (held, taken, taken)
            going = {who.customer_id: who.seats for who in await bookings.attendees_page(tx, self.event.id, limit=9)}
            for number, customer in enumerate(self.people):
                assert going.get(customer, 0) == self.model.going(number)
            return True

        if self.ids:
            assert self.attempt(look)

    @invariant()
    def the_bookings_are_whole(self) -> None:
        if self.ids:
            assert self.attempt(bookings.audit) == []


@pytest.mark.slow
def test_seats_and_units_agree_with_a_plain_model(dsn: str) -> None:
    """ET6, ET8, SR4"""

    class Machine(BookingsMachine):
        """The machine over this run's database."""

        def __init__(self) -> None:
            super().__init__(dsn)

    chosen = settings(max_examples=24, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(Machine, settings=chosen)
