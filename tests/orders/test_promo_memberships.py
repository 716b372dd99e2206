"""CM4: a code lowers a membership's first period, or lets it begin with a trial; what follows costs what the plan costs."""

from typing import Any

import pytest

from orders_fixtures import BoxOffice
from promos_fixtures import Booth
from vezne import memberships, promos
from vezne.kernel.ids import parse_id, public_id


@pytest.fixture
def booth(office: BoxOffice) -> Booth:
    """Where the box office's codes are given out."""
    return Booth(office.db, office.tenant)


async def gold(office: BoxOffice, **more: Any) -> memberships.Plan:  # noqa: ANN401 - what else is said of a plan
    """A monthly plan at 50.00."""
    async with office.db.transaction(office.principal) as tx:
        new = memberships.NewPlan(name="Gold", interval="month", prices={"TRY": 5_000}, **more)
        return await memberships.create_plan(tx, new)


def subscribing(plan: memberships.Plan) -> dict[str, Any]:
    return {"kind": "membership", "plan_id": public_id("pln", plan.id)}


async def membership(office: BoxOffice, placed: dict[str, Any]) -> memberships.Membership:
    membership_id = parse_id("mbs", placed["order"]["lines"][0]["details"]["membership_id"])
    async with office.db.transaction(office.principal, read_only=True) as tx:
        return await memberships.membership(tx, membership_id)


async def test_a_discount_is_of_the_first_period_alone(office: BoxOffice, booth: Booth) -> None:
    plan = await gold(office)
    code = await booth.give("HALF", percentage=5_000, plan_ids=(plan.id,))
    placed = await office.order(await office.customer(), [subscribing(plan)], promo_codes=["HALF"])
    assert (placed["order"]["discount_minor"], placed["payment"]["amount_minor"]) == (2_500, 2_500)
    await office.settle(placed)
    running = await membership(office, placed)
    assert (running.status, running.price_minor) == ("active", 5_000)
    async with office.db.transaction(office.principal, read_only=True) as tx:
        (found,) = await promos.performance(tx, code.promotion_id)
    assert (found.redeemed, found.discount_minor, found.revenue_minor) == (1, 2_500, 2_500)


async def test_cm4_a_free_trial_begins_at_once_and_nothing_is_paid(office: BoxOffice, booth: Booth) -> None:
    plan = await gold(office)
    await booth.give("TRYIT", "free_trial", trial_days=14)
    customer = await office.customer()
    placed = await office.order(customer, [subscribing(plan)], promo_codes=["TRYIT"])
    order = placed["order"]
    assert (order["status"], order["total_minor"], placed["payment"]) == ("fulfilled", 0, None)
    assert [(use["status"], use["trial_days"]) for use in order["promo_codes"]] == [("redeemed", 14)]
    running = await membership(office, placed)
    assert (running.status, running.price_minor) == ("trialing", 5_000)
    assert running.trial_ends_at is not None
    assert (running.trial_ends_at - running.period_start).days in {13, 14}  # a day may be an hour longer or shorter


async def test_a_trial_code_is_for_memberships_alone(office: BoxOffice, booth: Booth) -> None:
    await booth.give("TRYIT", "free_trial", trial_days=14)
    line = {"kind": "top_up", "amount_minor": 1_000, "currency": "TRY"}
    answer = await office.ask(await office.customer(), [line], promo_codes=["TRYIT"])
    assert (answer.status_code, answer.json()["errors"][0]["type"]) == (422, "wrong_product")


async def test_an_abandoned_subscription_sets_its_code_free(office: BoxOffice, booth: Booth) -> None:
    plan = await gold(office)
    await booth.give("HALF", percentage=5_000, max_uses=1)
    customer = await office.customer()
    placed = await office.order(customer, [subscribing(plan)], promo_codes=["HALF"])
    assert (await office.post(f"/v1/orders/{placed['order']['id']}/cancellations")).status_code == 201
    again = await office.order(customer, [subscribing(plan)], promo_codes=["HALF"])
    await office.settle(again)
    assert (await membership(office, again)).status == "active"
