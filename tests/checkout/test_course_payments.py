"""The course platform's payment service, as far as its roads are the house's own (CC1, CC2)."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest

from checkout_fixtures import Bill, Till
from desk_fixtures import DECLINED
from tenancy_fixtures import TestTenant
from vezne import identity, payments
from vezne.checkout.operations import course_payments
from vezne.kernel.ids import parse_id, public_id
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


PATHS = ("/v1/course-payments", "/api/v1/payments")


async def opened(till: Till, path: str = "/api/v1/payments", **fields: object) -> dict[str, Any]:
    body = {"student_id": "student-7", "amount_minor": 25_000, "currency": "TRY", "course_id": "algebra-1", **fields}
    answer = await till.post(path, body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def confirmed(till: Till, payment: str) -> dict[str, Any]:
    answer = await till.post(f"/api/v1/payments/{payment}/confirm", {})
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


@pytest.mark.parametrize("path", PATHS)
async def test_cc2_opening_a_payment_tells_who_is_asked_where_and_until_when(till: Till, path: str) -> None:
    made = await opened(till, path, description="Algebra I", metadata={"term": "spring"})
    assert made["id"].startswith("pay_")
    assert (made["status"], made["student_id"], made["course_id"]) == ("initiated", "student-7", "algebra-1")
    assert (made["amount_minor"], made["currency"], made["description"]) == (25_000, "TRY", "Algebra I")
    assert made["provider_payment_id"].startswith("sim_pay_")
    assert made["payment_url"].endswith(made["provider_payment_id"])
    assert made["expires_at"] > made["created_at"]
    assert (made["metadata"], made["completed_at"], made["failure_code"]) == ({"term": "spring"}, None, None)
    seen = await till.get(f"{path}/{made['id']}")
    assert seen == made


async def test_cc2_a_payment_is_confirmed_by_what_the_provider_says_never_by_the_caller(till: Till) -> None:
    made = await opened(till)
    believed = await till.post(f"/api/v1/payments/{made['id']}/confirm", {"status": "succeeded", "amount_minor": 1})
    assert (believed.status_code, believed.json()["status"]) == (200, "initiated")
    await till.sandbox.play(made["provider_payment_id"])
    told = await confirmed(till, made["id"])
    assert (told["status"], told["payment_url"], told["provider_payment_id"]) == ("succeeded", None, made["provider_payment_id"])
    assert told["completed_at"] is not None
    assert await till.held("revenue") == 25_000
    assert await till.held("unapplied") == 0


@pytest.mark.concurrency
async def test_cc2_confirming_twenty_times_at_once_books_the_money_once(till: Till) -> None:
    made = await opened(till)
    await till.sandbox.play(made["provider_payment_id"])
    told = await asyncio.gather(*(confirmed(till, made["id"]) for _ in range(20)))
    assert {each["status"] for each in told} == {"succeeded"}
    assert len({each["completed_at"] for each in told}) == 1
    assert await till.held("revenue") == 25_000
    assert await till.events("payment.succeeded") == 1


async def test_cc2_after_a_decline_the_student_pays_again_from_our_page_and_the_end_is_one(till: Till) -> None:
    made = await opened(till)
    await till.sandbox.play(made["provider_payment_id"], DECLINED)
    declined = await confirmed(till, made["id"])
    assert (declined["status"], declined["failure_code"], declined["payment_url"]) == ("initiated", "card_declined", None)
    (attempt,) = await till.attempts(parse_id("pay", made["id"]))
    token = urlsplit(attempt.return_url).path.split("/")[2]
    answer = await till.http.post(f"/checkout/{token}/attempts")
    assert answer.status_code == 303
    await till.sandbox.play(answer.headers["location"].rpartition("/")[2])
    for _ in range(2):
        assert (await confirmed(till, made["id"]))["status"] == "succeeded"
    assert await till.held("revenue") == 25_000


async def test_cc2_a_payment_that_was_given_up_is_cancelled_for_good(till: Till) -> None:
    made = await opened(till)
    await till.post(f"/v1/payments/{made['id']}/cancellations")
    await till.work("payments.cancel_at_provider")
    for _ in range(2):
        assert (await confirmed(till, made["id"]))["status"] == "cancelled"
    assert await till.held("revenue") == 0


async def test_cc2_a_payment_nobody_paid_in_time_is_expired_for_good(till: Till) -> None:
    made = await opened(till)
    later = datetime.fromisoformat(made["expires_at"]) + timedelta(seconds=1)
    held = await till.http.put("/v1/test-clock", json={"held_at": later.isoformat()}, headers=till.tenant.headers)
    assert held.status_code == 200, held.text
    for _ in range(2):
        assert (await confirmed(till, made["id"]))["status"] == "expired"


async def test_cc2_a_refund_takes_the_revenue_back(till: Till) -> None:
    made = await opened(till)
    await till.sandbox.play(made["provider_payment_id"])
    await confirmed(till, made["id"])
    assert (await till.post(f"/v1/payments/{made['id']}/refunds", {"amount_minor": 5_000})).status_code == 201
    await till.work("payments.refund_at_provider")
    told = await till.get(f"/api/v1/payments/{made['id']}")
    assert (told["status"], told["refunded_minor"]) == ("succeeded", 5_000)
    assert await till.held("revenue") == 20_000


async def test_cc2_the_same_request_with_its_key_opens_one_payment(till: Till) -> None:
    body = {"student_id": "student-7", "amount_minor": 25_000, "currency": "TRY"}
    answers = await asyncio.gather(
        *(till.post("/api/v1/payments", body, **{"Idempotency-Key": "enrolment-1"}) for _ in range(10))
    )
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert len({answer.json()["provider_payment_id"] for answer in answers}) == 1
    assert sorted(answer.headers.get("idempotency-replayed", "") for answer in answers) == [""] + ["true"] * 9
    other = await till.post("/api/v1/payments", body | {"amount_minor": 1}, **{"Idempotency-Key": "enrolment-1"})
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    page = await till.get("/api/v1/payments", student_id="student-7")
    assert len(page["data"]) == 1


async def test_cc2_a_payment_whose_provider_did_not_answer_is_open_at_our_page_and_found_again_by_its_key(till: Till) -> None:
    await till.sandbox.arm(api={"error_500_after": "create", "times": 20})
    body = {"student_id": "student-7", "amount_minor": 25_000, "currency": "TRY"}
    first = (await till.post("/api/v1/payments", body, **{"Idempotency-Key": "enrolment-1"})).json()
    assert (first["status"], first["provider_payment_id"]) == ("initiated", None)
    assert (await till.http.get(urlsplit(first["payment_url"]).path)).status_code == 200
    await till.sandbox.arm()
    again = (await till.post("/api/v1/payments", body, **{"Idempotency-Key": "enrolment-1"})).json()
    assert again["id"] == first["id"]
    (attempt,) = await till.attempts(parse_id("pay", first["id"]))
    (known,) = await till.sandbox.payments(attempt.reference)
    assert known["id"] == again["provider_payment_id"]
    await till.sandbox.play(known["id"])
    assert (await confirmed(till, first["id"]))["status"] == "succeeded"


async def test_cc2_history_is_listed_per_student_in_pages_newest_first(till: Till) -> None:
    mine = [(await opened(till, amount_minor=amount))["id"] for amount in (1_000, 2_000, 3_000)]
    await opened(till, student_id="student-8")
    seen: list[str] = []
    after: dict[str, str] = {}
    while True:
        page = await till.get("/api/v1/payments", student_id="student-7", limit=2, **after)
        seen += [each["id"] for each in page["data"]]
        if not page["has_more"]:
            break
        after = {"after": page["next"]}
    assert seen == mine[::-1]
    assert (await till.get("/api/v1/payments", student_id="nobody"))["data"] == []
    assert (await till.get("/v1/customers", reference="nobody"))["data"] == [], "asking made nobody known"
    assert len((await till.get("/api/v1/payments"))["data"]) == 4
    bad = await till.http.get("/api/v1/payments", params={"after": "bm9uc2Vuc2U"}, headers=till.tenant.headers)
    assert (bad.status_code, bad.json()["errors"][0]["loc"]) == (422, ["query", "after"])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("student_id", None),
        ("student_id", ""),
        ("student_id", "   "),
        ("student_id", 7),
        ("student_id", "s" * 201),
        ("amount_minor", None),
        ("amount_minor", 0),
        ("amount_minor", -5),
        ("amount_minor", "100"),
        ("amount_minor", 10.5),
        ("amount_minor", True),
        ("amount_minor", 2**53),
        ("currency", None),
        ("currency", "try"),
        ("currency", "COIN"),
        ("course_id", ""),
        ("return_url", "javascript:alert(1)"),
        ("return_url", "https://user@courses.example"),
        ("metadata", {"n": 1}),
        ("status", "succeeded"),
    ],
)
async def test_cc2_a_body_that_cannot_be_is_refused_by_name_and_opens_nothing(till: Till, field: str, value: object) -> None:
    body = {"student_id": "student-7", "amount_minor": 100, "currency": "TRY"} | {field: value}
    answer = await till.post("/api/v1/payments", body)
    assert answer.status_code == 422, answer.text
    assert field in {error["loc"][1] for error in answer.json()["errors"]}
    assert (await till.get("/api/v1/payments"))["data"] == []
    assert (await till.get("/v1/customers"))["data"] == []


async def test_cc2_another_tenants_payment_is_unknown_and_a_reading_key_opens_nothing(
    till: Till, other_tenant: TestTenant
) -> None:
    made = await opened(till)
    asked = {"kind": "restricted", "permissions": ["payments.read"]}
    key = (await till.post("/v1/api-keys", asked)).json()["key"]
    reading = {"Authorization": f"Bearer {key}"}
    for path, confirm in ((PATHS[0], "confirmations"), (PATHS[1], "confirm")):
        theirs = [
            await till.http.get(f"{path}/{made['id']}", headers=other_tenant.headers),
            await till.http.post(f"{path}/{made['id']}/{confirm}", headers=other_tenant.headers),
        ]
        assert [(answer.status_code, answer.json()["code"]) for answer in theirs] == [(404, "unknown_payment")] * 2
        listed = await till.http.get(path, params={"student_id": "student-7"}, headers=other_tenant.headers)
        assert listed.json()["data"] == []
        assert (await till.http.get(f"{path}/{made['id']}", headers=reading)).status_code == 200
        refused = [
            await till.http.post(path, json={"student_id": "x", "amount_minor": 1, "currency": "TRY"}, headers=reading),
            await till.http.post(f"{path}/{made['id']}/{confirm}", headers=reading),
        ]
        assert [answer.json()["code"] for answer in refused] == ["permission_missing"] * 2
        assert (await till.http.get(f"{path}/{made['id']}")).status_code == 401


async def test_cc2_whoever_acts_for_one_payee_sees_no_students_payment(till: Till) -> None:
    made = await opened(till)
    async with till.db.transaction(till.principal) as tx:
        payee, _ = await identity.create_payee(tx, name="Depo A")
    async with till.db.transaction(replace(till.principal, payee_id=payee.id)) as tx:
        assert await course_payments.history(tx, student_id="student-7", before=None, limit=10) == []
        with pytest.raises(payments.UnknownPayment):
            await course_payments.payment(tx, parse_id("pay", made["id"]))
