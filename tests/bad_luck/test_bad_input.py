"""Orders that make no sense, and payouts of what was not paid: refused by name, and nothing is left of them."""

from datetime import date, timedelta
from typing import Any

import pytest

from bad_luck.shop import DAY, SEAT, Shop
from orders_fixtures import seats
from vezne import identity
from vezne.kernel.ids import public_id

BAD_DAYS: list[tuple[dict[str, object], str, str]] = [
    ({"checkin_date": "2031-05-04", "checkout_date": "2031-05-02"}, "dates_backwards", "checkout_date"),
    ({"checkin_date": "2031-05-04", "checkout_date": "2031-05-04"}, "dates_backwards", "checkout_date"),
    ({"checkin_date": "2020-05-01", "checkout_date": "2020-05-04"}, "dates_past", "checkin_date"),
    ({"checkin_date": "2031-05-01"}, "period_needed", "checkout_date"),
    ({"checkin_date": "2031-02-29", "checkout_date": "2031-03-04"}, "invalid", "checkin_date"),
    ({"checkin_date": 20310501, "checkout_date": 20310504}, "invalid", "checkin_date"),
    ({"checkin_date": "9999-12-30", "checkout_date": "9999-12-31"}, "dates_too_far", "checkin_date"),
    ({"starts_at": "2020-05-01T10:00:00Z", "ends_at": "2020-05-01T11:00:00Z"}, "dates_past", "starts_at"),
    ({"starts_at": "2031-05-04T10:00:00Z", "ends_at": "2031-05-04T09:00:00Z"}, "dates_backwards", "ends_at"),
    ({"starts_at": "2031-05-04T10:00:00", "ends_at": "2031-05-04T11:00:00"}, "invalid", "starts_at"),
    ({}, "period_needed", "starts_at"),
]


@pytest.mark.parametrize(("days", "code", "field"), BAD_DAYS)
async def test_an_order_of_days_that_cannot_be_is_refused_by_field_and_leaves_nothing(
    shop: Shop, days: dict[str, object], code: str, field: str
) -> None:
    depot = await shop.depot()
    answer = await shop.ask(await shop.customer(), [seats(depot, 1, **days)], currency="INR")
    assert (answer.status_code, answer.json()["code"]) == (400 if code.startswith("dates") else 422, code), answer.text
    assert field in answer.json()["errors"][0]["loc"], answer.text
    assert (await shop.get("/v1/orders"))["data"] == []
    assert (await shop.get("/v1/claims"))["data"] == []


@pytest.mark.parametrize(("zone", "checkin"), [("Europe/Berlin", "2031-03-29"), ("Europe/Berlin", "2031-10-25")])
async def test_days_across_a_change_of_clocks_cost_their_number_and_touch_their_neighbours(
    shop: Shop, zone: str, checkin: str
) -> None:
    """The nights of 30 March and 26 October 2031 are 23 and 25 hours long."""
    async with shop.db.transaction(shop.principal) as tx:
        await identity.change_tenant(tx, settings={"time_zone": zone})
    depot = await shop.depot()

    def stay(day: int) -> dict[str, Any]:
        first = date.fromisoformat(checkin) + timedelta(days=day)
        return seats(depot, checkin_date=str(first), checkout_date=str(first + timedelta(days=2)))

    placed = await shop.order(await shop.customer(), [stay(0)], currency="INR")
    assert placed["order"]["total_minor"] == 2 * DAY
    overlapping = await shop.ask(await shop.customer(), [stay(1)], currency="INR")
    assert overlapping.json()["code"] == "no_unit_free"
    for neighbour in (-2, 2):
        beside = await shop.order(await shop.customer(), [stay(neighbour)], currency="INR")
        assert beside["order"]["total_minor"] == 2 * DAY


async def test_a_payout_of_an_order_that_was_not_paid_is_refused_and_of_one_given_back_nothing_is_due(shop: Shop) -> None:
    host = await shop.payee()
    event = await shop.event(SEAT, 4, currency="INR", item={"payee_id": host})
    asked = {"payee_id": public_id("pye", host), "currency": "INR"}

    async def refused() -> None:
        answer = await shop.post("/v1/payouts", asked)
        assert (answer.status_code, answer.json()["code"]) == (409, "payout_nothing_due"), answer.text

    visit = await shop.visit([seats(event, 2)], "payu")
    await refused()
    declined = await shop.act(visit.ref, card="4000000000009995")
    assert (await shop.post_back(declined)).status_code == 303
    await refused()
    await visit.enter()
    await visit.pay()
    await visit.come_back()
    whole = await shop.post(f"/v1/orders/{visit.placed['order']['id']}/refunds", {})
    assert whole.status_code == 201, whole.text
    await refused()
    paid = await shop.visit([seats(event)], "payu")
    await paid.pay()
    await paid.come_back()
    payout = await shop.post("/v1/payouts", asked)
    assert (payout.status_code, payout.json()["amount_minor"]) == (201, SEAT - SEAT // 10)
    await refused()
