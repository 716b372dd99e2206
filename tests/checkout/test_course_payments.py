"""The course platform's payment service, as far as its roads are the house's own (CC1, CC2)."""

import asyncio
from typing import Any

import pytest

from checkout_fixtures import Bill, Till
from vezne.kernel.ids import public_id
from vezne.kernel.settings import Settings


@pytest.mark.unit
def test_cc1_the_documented_variables_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAYMENT_SERVICE_PORT", "5505")
    monkeypatch.setenv("PAYMENT_SESSION_TTL_MINUTES", "45")
    settings = Settings()
    assert (settings.port, settings.payment_session_ttl_minutes) == (5505, 45)


@pytest.mark.unit
@pytest.mark.parametrize("name", ["PAYMENT_SERVICE_PORT", "PAYMENT_SESSION_TTL_MINUTES"])
def test_cc1_a_variable_that_is_no_number_stops_the_start(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "soon")
    with pytest.raises(ValueError, match=name):
        Settings()


async def test_cc2_a_session_has_a_provider_payment_an_address_and_an_end(till: Till) -> None:
    bill = await till.bill()
    answer = await till.http.post(f"/checkout/{bill.token}/attempts")
    found = await shown(till, bill)
    (attempt,) = found["attempts"]
    assert attempt["provider_ref"].startswith("sim_pay_")
    assert answer.headers["location"].endswith(attempt["provider_ref"])
    assert found["expires_at"] > found["created_at"]


async def test_cc2_confirming_is_idempotent_and_ends_in_one_status(till: Till) -> None:
    bill = await till.bill()
    await till.pay_at_bank(bill, "4242424242424242")
    answers = await asyncio.gather(*[till.page(bill, "/return") for _ in range(8)])
    assert {answer.status_code for answer in answers} == {303}
    assert (await shown(till, bill))["status"] == "succeeded"
    assert await till.balance(bill) == 10_000


async def test_cc2_a_students_payments_are_listed_in_pages_newest_first(till: Till) -> None:
    first = await till.bill(1_000)
    student = public_id("cus", first.customer_id)
    asked = [{"customer_id": student, "amount_minor": amount, "currency": "TRY"} for amount in (2_000, 3_000)]
    for each in asked:
        (await till.post("/v1/top-ups", each)).raise_for_status()
    await till.bill(9_000)  # another student's
    page = await till.get("/v1/payments", customer_id=student, limit=2)
    rest = await till.get("/v1/payments", customer_id=student, limit=2, after=page["next"])
    assert [payment["amount_minor"] for payment in page["data"]] == [3_000, 2_000]
    assert [payment["amount_minor"] for payment in rest["data"]] == [1_000]
    assert not rest["has_more"]


@pytest.mark.parametrize(
    ("field", "value"), [("amount_minor", 0), ("amount_minor", "100"), ("currency", "YTL1"), ("customer", "x")]
)
async def test_cc2_every_body_is_validated_and_the_field_named(till: Till, field: str, value: object) -> None:
    student = public_id("cus", await till.customer())
    body = {"customer_id": student, "amount_minor": 100, "currency": "TRY"} | {field: value}
    answer = await till.post("/v1/top-ups", body)
    assert answer.status_code == 422
    assert field in {error["loc"][1] for error in answer.json()["errors"]}


async def shown(till: Till, bill: Bill) -> dict[str, Any]:
    return await till.get(f"/v1/payments/{public_id('pay', bill.payment_id)}")
