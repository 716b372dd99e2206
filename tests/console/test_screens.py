"""Each screen, for whoever may see it: what stands on it, and what may be done there."""

import pytest

from console_fixtures import GUESTS, Office, lira, order_of, stated
from orders_fixtures import seats
from vezne.kernel.ids import new_id

SCREENS = (
    "",
    "/orders",
    "/orders/new",
    "/reservations",
    "/check-in",
    "/payments",
    "/settlements",
    "/payouts",
    "/staff",
    "/account",
    "/account/second-step",
)
DETAILS = (
    ("orders", "ord"),
    ("payments", "pay"),
    ("reservations", "clm"),
    ("settlements", "stl"),
    ("payouts", "pot"),
    ("staff", "stf"),
)


@pytest.mark.parametrize("lang", ["en", "tr"])
async def test_every_screen_stands_when_there_is_nothing_to_see(office: Office, lang: str) -> None:
    clerk = await office.clerk()
    for screen in SCREENS:
        page = await clerk.see(screen, lang=lang)
        assert f'<html lang="{lang}">' in page
        assert page.count("<h1") == 1


async def test_the_first_page_tells_what_the_day_came_to(office: Office) -> None:
    host = await office.payee()
    event = await office.event(2_500, item={"payee_id": host})
    await office.sold(event, 2, GUESTS[0])
    await office.order(await office.guest(GUESTS[1]), [seats(event)])
    page = await (await office.clerk()).see("")
    assert lira(5_000) in page
    assert GUESTS[0] in page
    assert GUESTS[1] in page
    assert "Concert" in page
    partner = await (await office.clerk("partner", host)).see("")
    assert lira(4_500) in partner


async def test_an_order_with_its_tickets_tenders_and_payment(office: Office) -> None:
    event = await office.event(2_500)
    placed = await office.sold(event, 2)
    clerk = await office.clerk()
    page = await clerk.see(order_of(placed))
    assert GUESTS[0] in page
    assert page.count("Ticket 1") >= 1
    assert "Card or transfer" in page
    assert "/refund" in page
    listed = await clerk.see("/orders", status="fulfilled")
    assert placed["order"]["id"] in listed
    assert placed["order"]["id"] not in await clerk.see("/orders", status="pending")
    payment = await clerk.see(f"/payments/{placed['payment']['id']}")
    assert "this one paid" in payment
    assert placed["order"]["id"] in payment
    assert placed["payment"]["id"] in await clerk.see("/payments")


async def test_a_long_list_is_read_on_page_by_page(office: Office) -> None:
    event = await office.event(None, capacity=60)
    for _ in range(26):
        await office.order(await office.guest(), [seats(event)])
    clerk = await office.clerk()
    first = await clerk.see("/orders", status="fulfilled")
    assert first.count('href="' + office.root + "/orders/ord_") == 25
    older = first.split('rel="next" href="')[1].split('"')[0]
    assert "status=fulfilled" in older
    second = (await clerk.http.get(older)).text
    assert second.count('href="' + office.root + "/orders/ord_") == 1
    assert "Newest" in second
    assert (await clerk.get("/orders", after="nonsense")).status_code == 422


async def test_reservations_of_one_thing_and_one_of_them(office: Office) -> None:
    event, other = await office.event(2_500, capacity=5), await office.event(1_000)
    placed = await office.sold(event, 2)
    clerk = await office.clerk("viewer")
    page = await clerk.see("/reservations", resource=stated("rsc", event.id))
    assert GUESTS[0] in page
    assert GUESTS[0] not in await clerk.see("/reservations", resource=stated("rsc", other.id))
    claim = placed["order"]["lines"][0]["details"]["claim_id"]
    one = await clerk.see(f"/reservations/{claim}")
    assert "Ticket 2" in one
    assert "check-in" not in one.split("<main")[1]


async def test_what_is_not_there_is_a_page_in_the_house_style(office: Office) -> None:
    clerk = await office.clerk()
    nobodys = [f"/{place}/{stated(prefix, new_id())}" for place, prefix in DETAILS]
    for path in (*nobodys, "/orders/x", "/payouts/%00", "/settlements/' OR 1=1", "/reservations/clm_"):
        answer = await clerk.get(path)
        assert answer.status_code in {404, 422}, path
        assert "This page cannot be shown" in answer.text
        assert "console-nav" in answer.text
    assert (await clerk.get("/orders", status="\x00")).status_code == 422
    missing = await (await office.visitor()).http.get("/console/nobody-has-this-name")
    assert (missing.status_code, "This page cannot be shown" in missing.text) == (404, True)
