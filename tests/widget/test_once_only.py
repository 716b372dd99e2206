"""Double clicks, two tabs and fifty guests at the last unit: one reservation each, and one winner (SR1, SR4)."""

import asyncio
from datetime import datetime
from uuid import uuid4

import pytest

from vezne import bookings
from vezne.kernel import clock
from vezne.kernel.ids import parse_id
from vezne.widget import ReservationStatus
from widget_fixtures import SITE, Depot, wish

NOTHING_FREE = {"tr": "Bu tarihler arasında depo yoktur.", "en": "No storage is free between these dates."}


async def test_a_double_click_is_one_reservation_with_one_payment(depot: Depot) -> None:
    await depot.storage(5)
    token, body = await depot.token(), wish()
    answers = await asyncio.gather(*(depot.reserve(body, token) for _ in range(8)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.text for answer in answers}) == 1
    assert await depot.count("widget_reservations") == 1
    assert await depot.count("orders") == 1
    assert await depot.count("payments") == 1
    assert await depot.count("payment_attempts") == 1


async def test_the_same_key_is_one_reservation_whatever_the_visit(depot: Depot) -> None:
    await depot.storage(5)
    body, key = wish(), {"Idempotency-Key": uuid4().hex}
    first = await depot.reserve(body, headers=key)
    again = await depot.reserve(body, headers=key)
    assert again.json() == first.json()
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    assert await depot.count("orders") == 1


async def test_a_key_used_for_another_request_is_refused(depot: Depot) -> None:
    await depot.storage(5)
    key = {"Idempotency-Key": uuid4().hex}
    await depot.reserve(wish(), headers=key)
    answer = await depot.reserve(wish(), headers=key)
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")


async def test_two_guests_of_the_same_wish_are_two_reservations(depot: Depot) -> None:
    await depot.storage(5)
    body = wish()
    await depot.reserve(body)
    await depot.reserve(body)
    assert await depot.count("orders") == 2


async def test_a_request_that_waits_and_comes_again_is_converted_when_something_is_free(depot: Depot) -> None:
    storage = await depot.storage(0)
    token, body = await depot.token(), wish()
    assert (await depot.reserve(body, token)).status_code == 409
    async with depot.db.transaction(depot.tenant.principal) as tx:
        await bookings.add_units(tx, parse_id("rsc", storage), ["one"])
    assert (await depot.reserve(body, token)).status_code == 200
    assert await depot.count("widget_reservations") == 1


@pytest.mark.concurrency
async def test_fifty_guests_at_the_last_unit_one_wins_and_nothing_half_done_remains(depot: Depot) -> None:
    await depot.storage(1)
    tokens = [await depot.token() for _ in range(50)]
    answers = await asyncio.gather(*(depot.reserve(wish(locale="tr"), token, headers={"Origin": SITE}) for token in tokens))
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 49
    assert {answer.json()["detail"] for answer in answers if answer.status_code == 409} == {NOTHING_FREE["tr"]}
    for table in ("orders", "payments", "claims", "customers"):
        assert await depot.count(table) == 1, table
    assert len(await depot.all_of(ReservationStatus.CONVERTED)) == 1


@pytest.mark.concurrency
async def test_converting_one_request_from_many_hands_is_one_order(depot: Depot) -> None:
    storage = await depot.storage(0)
    await depot.reserve()
    waiting = (await depot.get("/v1/widget-reservations")).json()["data"][0]["id"]
    async with depot.db.transaction(depot.tenant.principal) as tx:
        await bookings.add_units(tx, parse_id("rsc", storage), [str(number) for number in range(20)])
    answers = await asyncio.gather(*(depot.post(f"/v1/demo/widget-reservations/{waiting}/convert") for _ in range(20)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.text for answer in answers}) == 1
    assert await depot.count("orders") == 1
    assert await depot.count("claims") == 1


async def test_one_visit_may_ask_only_so_often(depot: Depot) -> None:
    token = await depot.token()
    answers = [await depot.reserve(wish(kvkk_consent=False), token, headers={"Accept-Language": "tr"}) for _ in range(21)]
    assert {answer.status_code for answer in answers[:20]} == {422}
    assert answers[20].status_code == 429
    assert answers[20].headers["retry-after"] == "60"
    assert "bekleyin" in answers[20].json()["detail"]


async def test_consents_are_kept_with_time_wording_and_language(depot: Depot) -> None:
    await depot.storage()
    taken = (await depot.reserve(wish(locale="tr"))).json()
    await depot.change(consent_version="2027-01", privacy_url=None)
    consents = (await depot.get(f"/v1/widget-reservations/{taken['id']}")).json()["consents"]
    assert [(each["kind"], each["text_version"], each["language"]) for each in consents] == [
        ("kvkk", "2026-03", "tr"),
        ("terms", "2026-03", "tr"),
    ]
    assert consents[0]["text_url"] == "https://otel.example/kvkk"
    assert datetime.fromisoformat(consents[0]["given_at"]) <= clock.real_now()
