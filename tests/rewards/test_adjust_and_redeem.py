"""CC3, CC4, CC5: coins given and taken by staff, and spent; each once for its reference, and never below zero."""

import asyncio
from typing import Any

import pytest

from rewards_fixtures import Academy, codes, name, student

MOST = 2**53 - 1


async def test_staff_give_and_take_for_a_reason_and_see_who_did(academy: Academy) -> None:
    """CC5, CC9"""
    who = student()
    given = await academy.adjust(who, 500, reason="won the spelling bee")
    assert (given["amount_minor"], given["balance_minor"]) == (500, 500)
    taken = await academy.adjust(who, -120, reason="typed one nought too many")
    assert (taken["amount_minor"], taken["balance_minor"]) == (-120, 380)
    listed = await academy.get("/v1/coins/adjustments", customer_id=given["customer_id"])
    assert [(each["amount_minor"], each["reason"]) for each in listed["data"]] == [
        (-120, "typed one nought too many"),
        (500, "won the spelling bee"),
    ]
    assert listed["data"][0]["actor"].startswith("key:")


async def test_an_adjustment_never_takes_more_than_there_is(academy: Academy) -> None:
    """CC3"""
    who = await academy.rich(10)
    assert (await academy.adjust(who, -11, status=409))["code"] == "insufficient_funds"
    answers = await asyncio.gather(
        *(academy.send("/v1/coins/adjustments", {"student_id": who, "amount_minor": -1, "reason": "one each"}) for _ in range(30))
    )
    assert codes(answers) == ["201"] * 10 + ["409 insufficient_funds"] * 20
    assert await academy.balance(who) == 0
    nobody = student()
    assert (await academy.adjust(nobody, -1, status=409))["code"] == "insufficient_funds"
    assert (await academy.get(f"/v1/coins/{nobody}", expect=404))["code"] == "student_unknown"


async def test_an_adjustment_with_a_reference_happens_once_also_fifty_at_once(academy: Academy) -> None:
    """CC4"""
    who = student()
    body = {"student_id": who, "amount_minor": 70, "reason": "prize", "reference_id": "prize-1"}
    answers = await asyncio.gather(*(academy.send("/v1/coins/adjustments", body) for _ in range(50)))
    assert codes(answers) == ["201"] * 50
    assert len({answer.json()["transaction_id"] for answer in answers}) == 1
    refused = await academy.post("/v1/coins/adjustments", {**body, "amount_minor": -70}, status=409)
    assert (refused["code"], refused["errors"][0]["loc"]) == ("coin_reference_reused", ["body", "reference_id"])
    assert await academy.balance(who) == 70


async def test_coins_are_spent_once_for_a_reference_also_fifty_at_once(academy: Academy) -> None:
    """CC4, CC5"""
    who = await academy.rich(100)
    body = {"student_id": who, "amount_minor": 60, "reference_id": "shirt-1", "description": "a shirt"}
    answers = await asyncio.gather(*(academy.send("/v1/coins/redemptions", body) for _ in range(50)))
    assert codes(answers) == ["201"] * 50
    assert len({answer.json()["transaction_id"] for answer in answers}) == 1
    refused = await academy.post("/v1/coins/redemptions", {**body, "amount_minor": 61}, status=409)
    assert refused["detail"].endswith("with 60 coins; now 61 are asked for.")
    short = await academy.post("/v1/coins/redemptions", {**body, "reference_id": "shirt-2"}, status=409)
    assert short["code"] == "insufficient_funds"
    assert await academy.balance(who) == 40


async def test_fifty_redemptions_at_once_never_overspend(academy: Academy) -> None:
    """CC3"""
    who = await academy.rich(100)
    answers = await asyncio.gather(
        *(
            academy.send("/v1/coins/redemptions", {"student_id": who, "amount_minor": 10, "reference_id": f"r-{number}"})
            for number in range(50)
        )
    )
    assert codes(answers) == ["201"] * 10 + ["409 insufficient_funds"] * 40
    assert await academy.balance(who) == 0


async def test_a_students_own_token_sees_its_own_coins_and_gives_itself_none(academy: Academy) -> None:
    """CC5"""
    who, other = await academy.rich(100), await academy.rich(100)
    token = await academy.token(who)
    headers = {"Authorization": f"Bearer {token}"}
    seen = await academy.http.get(f"/coins/{who}/transactions", headers=headers)
    assert len(seen.json()["data"]) == 1
    unseen = await academy.http.get(f"/coins/{other}", headers=headers)
    assert codes([unseen]) == ["404 student_unknown"]
    body: dict[str, Any] = {"student_id": who, "amount_minor": 5, "reference_id": "c"}
    for path in ("/v1/coins/adjustments", "/v1/rewards/course-completions", "/v1/coins/redemptions"):
        assert codes([await academy.send(path, body, token=token)]) == ["403 permission_missing"]
    voucher = await academy.post("/v1/vouchers", {"name": "A mug", "price_minor": 10, "quantity": 5})
    spent = {"voucher_id": voucher["id"]}
    assert (await academy.send("/v1/coins/redemptions", spent, token=token)).status_code == 201
    foreign = await academy.send("/v1/coins/redemptions", {**spent, "student_id": other}, token=token)
    assert codes([foreign]) == ["404 customer_not_found"]
    assert [await academy.balance(each) for each in (who, other)] == [90, 100]


@pytest.mark.parametrize(
    ("change", "at"),
    [
        ({"amount_minor": 0}, "amount_minor"),
        ({"amount_minor": MOST + 1}, "amount_minor"),
        ({"amount_minor": -MOST - 1}, "amount_minor"),
        ({"amount_minor": 10**30}, "amount_minor"),
        ({"amount_minor": "5"}, "amount_minor"),
        ({"amount_minor": None}, "amount_minor"),
        ({"reason": ""}, "reason"),
        ({"reason": " "}, "reason"),
        ({"reason": "x" * 501}, "reason"),
        ({"student_id": None}, "student_id"),
    ],
)
async def test_a_bad_adjustment_is_refused_by_the_field(academy: Academy, change: dict[str, Any], at: str) -> None:
    body = {"student_id": student(), "amount_minor": 5, "reason": "a test", **change}
    refused = await academy.post("/v1/coins/adjustments", body, status=422)
    assert refused["errors"][0]["loc"] == ["body", at]


@pytest.mark.parametrize("amount", [0, -1, MOST + 1, "5", 1.5, None])
async def test_a_bad_redemption_is_refused_by_the_field(academy: Academy, amount: object) -> None:
    body = {"student_id": await academy.rich(10), "amount_minor": amount, "reference_id": name()}
    refused = await academy.post("/v1/coins/redemptions", body, status=422)
    assert refused["errors"][0]["loc"] == ["body", "amount_minor"]


async def test_an_idempotency_key_answers_the_first_time(academy: Academy) -> None:
    """CM11"""
    who = student()
    body = {"student_id": who, "amount_minor": 70, "reason": "prize"}
    first, second = [await academy.send("/v1/coins/adjustments", body, key="k-1") for _ in range(2)]
    assert (first.text, second.headers["Idempotency-Replayed"]) == (second.text, "true")
    assert await academy.balance(who) == 70


@pytest.mark.parametrize("path", ["/v1/coins/%00", "/coins/a%00b/transactions", "/v1/rewards/streaks/%00"])
async def test_a_student_that_no_text_can_name_is_refused_by_the_field(academy: Academy, path: str) -> None:
    refused = await academy.get(path, expect=422)
    assert refused["errors"][0]["loc"] == ["path", "student_id"]
