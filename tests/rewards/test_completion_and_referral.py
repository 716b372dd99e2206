"""CC4, CC5, CC7: coins for completed courses and referrals, by rule or by the deployment's settings, once for each reference."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from rewards_fixtures import Academy, codes, name, student

MOST = 2**53 - 1


async def test_a_completed_course_gives_what_the_deployment_says_where_there_is_no_rule(academy: Academy) -> None:
    """CC1, CC5: COIN_REWARD_COURSE_COMPLETION and COIN_REWARD_REFERRAL."""
    who = student()
    given = await academy.complete(who, "course-1")
    assert (given["status"], given["amount_minor"], given["rule_id"], given["rule_version"]) == ("granted", 100, None, 0)
    assert (await academy.complete(who, "course-2", tier="whatever"))["amount_minor"] == 100
    referral = await academy.post("/v1/rewards/referrals", {"student_id": who, "reference_id": "r-1"})
    assert (referral["amount_minor"], referral["referee_reward"]) == (50, None)
    assert await academy.balance(who) == 250


async def test_the_documented_paths_do_the_same(academy: Academy) -> None:
    """CC5"""
    who = student()
    first = await academy.post("/coins/course-completion", {"student_id": who, "reference_id": "c"})
    assert (await academy.complete(who, "c"))["id"] == first["id"]
    await academy.post("/coins/referral", {"student_id": who, "reference_id": "r", "amount_minor": 7})
    await academy.post("/coins/adjust", {"student_id": who, "amount_minor": -20, "reason": "typed twice"})
    await academy.post("/coins/redeem", {"student_id": who, "amount_minor": 30, "reference_id": "shirt"})
    assert (await academy.get(f"/coins/{who}"))["balance_minor"] == 100 + 7 - 20 - 30
    page = await academy.get(f"/coins/{who}/transactions", limit=3)
    assert [(each["reference_type"], each["amount_minor"], each["balance_after_minor"]) for each in page["data"]] == [
        ("redemption", 30, 57),
        ("adjustment", 20, 87),
        ("referral", 7, 107),
    ]
    rest = await academy.get(f"/coins/{who}/transactions", after=page["next"])
    assert [(each["reference_id"], each["type"]) for each in rest["data"]] == [("c", "credit")]
    assert (page["has_more"], rest["has_more"]) == (True, False)


async def test_a_course_is_rewarded_by_its_tier_and_by_the_rules_version_that_holds(academy: Academy) -> None:
    """CC7"""
    rule = await academy.courses(10)
    who = student()
    assert (await academy.complete(who))["amount_minor"] == 10
    assert (await academy.complete(who, tier="gold"))["amount_minor"] == 50
    refused = await academy.complete(who, tier="platinum", status=422)
    assert refused["errors"][0]["loc"] == ["body", "tier"]
    terms = {"name": "new", "tiers": [{"name": "all", "amount_minor": 3}], "default_tier": "all"}
    soon = (await academy.later(timedelta(days=1))) + timedelta(days=1)
    coming = await academy.post(f"/v1/reward-rules/{rule['id']}/versions", {**terms, "valid_from": soon.isoformat()})
    assert ((await academy.complete(who))["rule_version"], coming["version"]) == (1, 2)
    await academy.at(soon)
    later = await academy.complete(who)
    assert (later["amount_minor"], later["rule_version"]) == (3, 2)
    assert len((await academy.get(f"/v1/reward-rules/{rule['id']}/versions"))["data"]) == 2


async def test_the_same_again_is_the_first_answer_also_fifty_at_once(academy: Academy) -> None:
    """CC4"""
    who, body = student(), {"reference_id": "course-9", "tier": "gold"}
    await academy.courses(10)
    answers = await asyncio.gather(
        *(academy.send("/v1/rewards/course-completions", {"student_id": who, **body}) for _ in range(50))
    )
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1
    assert await academy.balance(who) == 50
    assert await academy.events("reward.granted") == 1


async def test_the_same_reference_with_another_tier_or_amount_is_refused_by_the_field(academy: Academy) -> None:
    """CC4"""
    await academy.courses(10)
    who = student()
    await academy.complete(who, "course-9")
    for other in ({"tier": "gold"}, {"amount_minor": 11}):
        refused = await academy.complete(who, "course-9", status=409, **other)
        assert (refused["code"], refused["errors"][0]["loc"]) == ("reward_reused", ["body", "reference_id"])
    await academy.complete(student(), "course-9", tier="gold")
    assert await academy.balance(who) == 10


async def test_an_override_stands_before_the_rule_and_needs_its_permission(academy: Academy) -> None:
    """CC5: with override."""
    who = student()
    assert (await academy.complete(who, amount_minor=777))["amount_minor"] == 777
    key = await academy.key("rewards.write")
    body = {"student_id": who, "reference_id": name(), "amount_minor": 5}
    refused = await academy.send("/v1/rewards/referrals", body, token=key)
    assert codes([refused]) == ["403 permission_missing"]
    allowed = await academy.send("/v1/rewards/referrals", {**body, "amount_minor": None}, token=key)
    assert allowed.status_code == 201


async def test_a_referral_rewards_both_and_nobody_is_referred_twice(academy: Academy) -> None:
    """CC7"""
    tiers = [{"name": "friend", "amount_minor": 40, "referee_minor": 15}]
    await academy.rule("referral", tiers=tiers, default_tier="friend")
    anna, bert, carl = student(), student(), student()
    body = {"student_id": anna, "reference_id": "r-1", "referred_student_id": bert}
    given = await academy.post("/v1/rewards/referrals", body)
    assert (given["amount_minor"], given["referee_reward"]["amount_minor"]) == (40, 15)
    assert await academy.post("/v1/rewards/referrals", body) == given
    assert [await academy.balance(each) for each in (anna, bert)] == [40, 15]
    for other in ({"student_id": carl}, {"reference_id": "r-2"}):
        refused = await academy.post("/v1/rewards/referrals", {**body, **other}, status=409)
        assert refused["code"] == "referred_already"
    again = await academy.post("/v1/rewards/referrals", {**body, "referred_student_id": carl}, status=409)
    assert again["code"] == "reward_reused"
    back = {"student_id": bert, "reference_id": "r-3", "referred_student_id": anna}
    assert (await academy.post("/v1/rewards/referrals", back, status=409))["code"] == "referred_each_other"
    assert [await academy.balance(each) for each in (anna, bert)] == [40, 15]


async def test_nobody_refers_themselves(academy: Academy) -> None:
    """CC7"""
    who = await academy.rich(1)
    own = (await academy.coins(who))["customer_id"]
    for referred in ({"referred_student_id": who}, {"referred_customer_id": own}):
        refused = await academy.post("/v1/rewards/referrals", {"student_id": who, "reference_id": name(), **referred}, status=422)
        assert refused["code"] == "self_referral"


async def test_twenty_referrers_of_one_student_at_once_are_one(academy: Academy) -> None:
    """CC7"""
    came = student()
    answers = await asyncio.gather(
        *(
            academy.send(
                "/v1/rewards/referrals",
                {"student_id": f"{came}-{number}", "reference_id": "r", "referred_student_id": came},
            )
            for number in range(20)
        )
    )
    assert codes(answers) == ["201"] + ["409 referred_already"] * 19


@pytest.mark.parametrize(
    ("change", "status", "at"),
    [
        ({"amount_minor": 0}, 422, "amount_minor"),
        ({"amount_minor": -1}, 422, "amount_minor"),
        ({"amount_minor": MOST + 1}, 422, "amount_minor"),
        ({"amount_minor": 1.5}, 422, "amount_minor"),
        ({"amount_minor": "5"}, 422, "amount_minor"),
        ({"amount_minor": True}, 422, "amount_minor"),
        ({"reference_id": ""}, 422, "reference_id"),
        ({"reference_id": "  "}, 422, "reference_id"),
        ({"reference_id": "x" * 201}, 422, "reference_id"),
        ({"student_id": None}, 422, "student_id"),
        ({"student_id": ""}, 422, "student_id"),
        ({"customer_id": "cus_nothing"}, 404, None),
        ({"student_id": None, "customer_id": "cus_01h455vb4pex5vsknk084sn02q"}, 404, None),
        ({"tier": "a b"}, 422, "tier"),
        ({"surprise": 1}, 422, "surprise"),
    ],
)
async def test_a_bad_reward_is_refused_by_the_field(
    academy: Academy, change: dict[str, Any], status: int, at: str | None
) -> None:
    body = {"student_id": student(), "reference_id": name()} | change
    refused = await academy.post("/v1/rewards/course-completions", body, status=status)
    if at is not None:
        assert refused["errors"][0]["loc"] == ["body", at]
    assert (await academy.get("/v1/rewards"))["data"] == []


async def test_both_names_of_a_customer_are_one_too_many(academy: Academy) -> None:
    who = await academy.rich(1)
    own = (await academy.coins(who))["customer_id"]
    body = {"student_id": who, "customer_id": own, "reference_id": name()}
    assert (await academy.post("/v1/rewards/course-completions", body, status=422))["code"] == "customer_not_named"
    given = await academy.post("/v1/rewards/course-completions", {**body, "student_id": None})
    assert given["customer_id"] == own


async def test_the_largest_amount_survives_json_and_a_full_wallet_takes_no_more(academy: Academy) -> None:
    """CC5"""
    who = student()
    given = await academy.complete(who, amount_minor=MOST)
    assert given["amount_minor"] == MOST
    assert (await academy.coins(who))["balance_minor"] == MOST
    assert (await academy.complete(who, status=409))["code"] == "wallet_full"
    assert len((await academy.get("/v1/rewards"))["data"]) == 1


async def test_an_unknown_student_has_no_coins_to_look_at_and_a_known_one_none_yet(academy: Academy) -> None:
    """CC3"""
    assert (await academy.get(f"/v1/coins/{student()}", expect=404))["code"] == "student_unknown"
    made = await academy.post("/v1/customers", {"reference": student()})
    coins = await academy.coins(made["reference"])
    assert (coins["wallet_id"], coins["balance_minor"], coins["customer_id"]) == (None, 0, made["id"])
    assert (await academy.get(f"/v1/coins/{made['id']}/transactions"))["data"] == []


async def test_rewards_are_listed_and_filtered(academy: Academy) -> None:
    who = student()
    made = [await academy.complete(who) for _ in range(3)]
    await academy.complete(student())
    own = made[0]["customer_id"]
    page = await academy.get("/v1/rewards", customer_id=own, limit=2)
    assert [each["id"] for each in page["data"]] == [made[2]["id"], made[1]["id"]]
    rest = await academy.get("/v1/rewards", customer_id=own, after=page["next"])
    assert [each["id"] for each in rest["data"]] == [made[0]["id"]]
    named = await academy.get("/v1/rewards", reference_id=made[1]["reference_id"], status="granted")
    assert [each["id"] for each in named["data"]] == [made[1]["id"]]
