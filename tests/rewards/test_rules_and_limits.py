"""CC7: rules are versioned data, and their limits hold at the border, also when many come at once."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from rewards_fixtures import Academy, student

DAY = timedelta(days=1)
TIERS = {"tiers": [{"name": "basic", "amount_minor": 1}], "default_tier": "basic"}
WELCOMING = [{"name": "basic", "amount_minor": 1, "referee_minor": 1}]
BONUSES = {"bonuses": [{"length": 7, "amount_minor": 1}]}


async def test_there_is_one_rule_for_each_trigger_and_activity(academy: Academy) -> None:
    rule = await academy.courses()
    refused = await academy.post("/v1/reward-rules", {"trigger": "course_completion", "name": "b", **TIERS}, status=409)
    assert (refused["code"], rule["id"] in refused["detail"]) == ("rule_exists", True)
    for activity in ("quiz", "login"):
        await academy.rule("streak", activity=activity, **BONUSES)
    listed = await academy.get("/v1/reward-rules", trigger="streak", limit=1)
    assert ([each["activity"] for each in listed["data"]], listed["has_more"]) == (["login"], True)


async def test_versions_are_never_changed_not_even_by_the_service(academy: Academy) -> None:
    rule = await academy.courses()
    await academy.post(f"/v1/reward-rules/{rule['id']}/versions", {"name": "off", "active": False, **TIERS})
    assert (await academy.get(f"/v1/reward-rules/{rule['id']}", version=1))["name"] == "course_completion"
    assert (await academy.get(f"/v1/reward-rules/{rule['id']}", version=3, expect=404))["code"] == "rule_unknown"
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with academy.db.transaction(academy.principal) as tx:
            await tx.execute("UPDATE reward_rule_versions SET name = 'x' WHERE tenant_id = $1", tx.tenant_id)


async def test_a_rule_that_is_off_gives_nothing_and_overrides_still_do(academy: Academy) -> None:
    rule = await academy.courses()
    await academy.post(f"/v1/reward-rules/{rule['id']}/versions", {"name": "off", "active": False, **TIERS})
    who = student()
    nothing = await academy.complete(who)
    assert (nothing["status"], nothing["amount_minor"], nothing["transaction_id"]) == ("granted", 0, None)
    assert (await academy.complete(who, amount_minor=5))["amount_minor"] == 5


@pytest.mark.parametrize(
    ("body", "at"),
    [
        ({"trigger": "birthday"}, "trigger"),
        ({"trigger": "course_completion"}, "tiers"),
        ({"trigger": "course_completion", "tiers": TIERS["tiers"]}, "default_tier"),
        ({"trigger": "course_completion", **TIERS, "default_tier": "gold"}, "default_tier"),
        ({"trigger": "course_completion", **TIERS, **BONUSES}, "bonuses"),
        ({"trigger": "course_completion", **TIERS, "activity": "quiz"}, "activity"),
        ({"trigger": "course_completion", **TIERS, "activation_days": -1}, "activation_days"),
        ({"trigger": "course_completion", **TIERS, "life_days": 0}, "life_days"),
        ({"trigger": "course_completion", **TIERS, "customer_day_minor": 2**53}, "customer_day_minor"),
        ({"trigger": "course_completion", **TIERS, "valid_from": "2030-01-01T00:00:00Z"}, "valid_from"),
        ({"trigger": "course_completion", **TIERS, "tiers": TIERS["tiers"] * 2}, "tiers"),  # type: ignore[operator]
        (
            {
                "trigger": "course_completion",
                "tiers": [{"name": "a", "amount_minor": 1, "referee_minor": 1}],
                "default_tier": "a",
            },
            "tiers",
        ),
        ({"trigger": "streak", **BONUSES}, "activity"),
        ({"trigger": "streak", **BONUSES, "activity": "a b"}, "activity"),
        ({"trigger": "streak", "activity": "quiz"}, "bonuses"),
        ({"trigger": "streak", "activity": "quiz", "bonuses": BONUSES["bonuses"] * 2}, "bonuses"),
        ({"trigger": "purchase", "rates": {}}, "rates"),
        ({"trigger": "purchase", "rates": {"COIN": {"per_minor": 1, "amount_minor": 1}}}, "rates"),
        ({"trigger": "purchase", "rates": {"TRY": {"per_minor": 0, "amount_minor": 1}}}, "rates"),
    ],
)
async def test_a_rule_that_makes_no_sense_is_refused_by_the_field(academy: Academy, body: dict[str, Any], at: str) -> None:
    refused = await academy.post("/v1/reward-rules", {"name": "a rule", **body}, status=422)
    assert refused["errors"][0]["loc"][:2] == ["body", at]


async def test_a_version_does_not_begin_in_the_past_and_a_foreign_rule_is_not_there(
    academy: Academy,
    other_tenant: Any,  # noqa: ANN401
) -> None:
    rule = await academy.courses()
    path = f"/v1/reward-rules/{rule['id']}/versions"
    past = await academy.post(path, {"name": "old", **TIERS, "valid_from": "2020-01-01T00:00:00Z"}, status=422)
    assert past["errors"][0]["loc"] == ["body", "valid_from"]
    foreign = await academy.http.post(path, json={"name": "mine", **TIERS}, headers=other_tenant.headers)
    assert (foreign.status_code, foreign.json()["code"]) == (404, "rule_unknown")


@pytest.mark.parametrize(
    ("limit", "days", "given"),
    [
        ({"customer_day_minor": 25}, (0, 0, 0, 1), [10, 10, 5, 10]),
        ({"customer_week_minor": 25}, (0, 1, 6, 7), [10, 10, 5, 10]),
        ({"customer_total_minor": 25}, (0, 1, 30, 400), [10, 10, 5, 0]),
        ({"customer_day_minor": 15, "customer_week_minor": 20}, (0, 0, 1, 1), [10, 5, 5, 0]),
        ({"budget_minor": 15}, (0, 1, 2, 3), [10, 5, 0, 0]),
        ({"customer_day_minor": 0}, (0, 1, 2, 3), [0, 0, 0, 0]),
    ],
)
async def test_limits_cut_what_does_not_fit_and_begin_anew_with_their_period(
    academy: Academy, limit: dict[str, int], days: tuple[int, ...], given: list[int]
) -> None:
    await academy.courses(10, **limit)
    who, monday = student(), datetime(2027, 3, 1, 12, tzinfo=UTC)
    made = []
    for day in days:
        await academy.at(monday + day * DAY)
        made.append(await academy.complete(who))
    assert [each["amount_minor"] for each in made] == given
    assert {each["status"] for each in made if not each["amount_minor"]} <= {"capped"}
    assert await academy.balance(who) == sum(given)


async def test_a_customers_limit_holds_when_fifty_come_at_once(academy: Academy) -> None:
    await academy.courses(10, customer_day_minor=125)
    who = student()
    made = await asyncio.gather(*(academy.complete(who) for _ in range(50)))
    assert sorted(each["amount_minor"] for each in made) == [0] * 37 + [5] + [10] * 12
    assert await academy.balance(who) == 125


async def test_a_rules_budget_and_the_tenants_hold_when_fifty_customers_come_at_once(academy: Academy) -> None:
    await academy.courses(10, budget_minor=205)
    made = await asyncio.gather(*(academy.complete(student()) for _ in range(40)))
    assert sum(each["amount_minor"] for each in made) == 205
    await academy.post("/v1/coin-budgets", {"period": "month", "amount_minor": 33})
    refs = [
        academy.post("/v1/rewards/referrals", {"student_id": student(), "reference_id": "r", "amount_minor": 10})
        for _ in range(20)
    ]
    assert sorted(each["amount_minor"] for each in await asyncio.gather(*refs)) == [0] * 16 + [3, 10, 10, 10]


async def test_the_tenants_budget_counts_every_month_anew_and_can_be_lifted(academy: Academy) -> None:
    await academy.at(datetime(2027, 3, 31, 12, tzinfo=UTC))
    await academy.post("/v1/coin-budgets", {"period": "month", "amount_minor": 150})
    assert [(await academy.complete(student()))["amount_minor"] for _ in range(3)] == [100, 50, 0]
    await academy.at(datetime(2027, 3, 31, 20, 59, tzinfo=UTC))
    assert (await academy.complete(student()))["amount_minor"] == 0
    await academy.at(datetime(2027, 3, 31, 21, tzinfo=UTC))  # midnight in Istanbul
    assert (await academy.complete(student()))["amount_minor"] == 100
    await academy.post("/v1/coin-budgets", {"period": "month", "amount_minor": 20})
    assert (await academy.complete(student()))["amount_minor"] == 0
    await academy.post("/v1/coin-budgets", {})
    assert (await academy.complete(student()))["amount_minor"] == 100
    assert [each["amount_minor"] for each in (await academy.get("/v1/coin-budgets"))["data"]] == [None, 20, 150]


async def test_who_may_reward_may_not_change_what_rewards_are(academy: Academy) -> None:
    key = await academy.key("rewards.write", "rewards.read")
    for path, body in (
        ("/v1/reward-rules", {"trigger": "course_completion", "name": "b", **TIERS}),
        ("/v1/coin-budgets", {"amount_minor": 1}),
    ):
        assert (await academy.send(path, body, token=key)).json()["code"] == "permission_missing"
