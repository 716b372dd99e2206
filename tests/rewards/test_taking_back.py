"""CC7: a reward is taken back when what it stood on is refunded, or staff say so; what was spent of it is owed."""

import asyncio
from datetime import datetime, timedelta

import pytest

from rewards_fixtures import Academy, codes, name, student
from vezne import identity, rewards
from vezne.rewards import jobs


async def refund(academy: Academy, *causes: str) -> list[rewards.Reward]:
    """What these causes paid is refunded."""
    async with academy.db.transaction(academy.principal) as tx:
        return await rewards.claw_back(tx, causes, reason="refunded")


async def spend(academy: Academy, who: str, amount: int) -> None:
    """Spend coins on something."""
    await academy.post("/v1/coins/redemptions", {"student_id": who, "amount_minor": amount, "reference_id": name()})


async def test_what_stands_on_a_refunded_cause_is_taken_back_once(academy: Academy) -> None:
    who = student()
    by_cause = await academy.complete(who, cause="ord_1")
    await academy.complete(who, "ord_1")
    kept = await academy.complete(who, cause="ord_2")
    assert len(await refund(academy, "ord_1", "pay_1")) == 2
    assert await refund(academy, "ord_1") == []
    shown = await academy.get(f"/v1/rewards/{by_cause['id']}")
    assert (shown["status"], shown["clawed_back_minor"], shown["claw_backs"][0]["taken_minor"]) == ("clawed_back", 100, 100)
    assert (await academy.reward(kept)).status == "granted"
    assert await academy.balance(who) == 100


async def test_what_was_spent_is_owed_and_set_off_against_the_next_rewards(academy: Academy) -> None:
    who = student()
    await academy.complete(who, cause="ord_1")
    await spend(academy, who, 70)
    await refund(academy, "ord_1")
    coins = await academy.coins(who)
    assert (coins["balance_minor"], coins["owed_minor"]) == (0, 70)
    first = await academy.complete(who, amount_minor=50)
    assert (first["status"], first["set_off_minor"], first["transaction_id"]) == ("granted", 50, None)
    second = await academy.complete(who, amount_minor=50)
    assert second["set_off_minor"] == 20
    coins = await academy.coins(who)
    assert (coins["balance_minor"], coins["owed_minor"]) == (30, 0)


async def test_other_coins_of_the_customer_pay_before_anything_is_owed(academy: Academy) -> None:
    who = await academy.rich(40)
    given = await academy.complete(who, amount_minor=100)
    await spend(academy, who, 110)
    taken = await academy.post(f"/v1/rewards/{given['id']}/claw-backs", {"reason": "cheated"})
    assert [(each["taken_minor"], each["missing_minor"]) for each in taken["claw_backs"]] == [(30, 70)]
    assert await academy.balance(who) == 0


async def test_a_reward_that_only_settled_what_was_owed_can_itself_be_taken_back(academy: Academy) -> None:
    who = student()
    await academy.complete(who, cause="ord_1")
    await spend(academy, who, 100)
    await refund(academy, "ord_1")
    second = await academy.complete(who)
    assert (second["set_off_minor"], (await academy.coins(who))["owed_minor"]) == (100, 0)
    await academy.post(f"/v1/rewards/{second['id']}/claw-backs", {"reason": "cheated again"})
    assert (await academy.coins(who))["owed_minor"] == 100


async def test_staff_take_back_part_by_part_and_never_more_than_was_given(academy: Academy) -> None:
    """CC9"""
    who = student()
    path = f"/v1/rewards/{(await academy.complete(who))['id']}/claw-backs"
    await academy.post(path, {"amount_minor": 30, "reason": "a typo"})
    beyond = await academy.post(path, {"amount_minor": 71, "reason": "a typo"}, status=409)
    assert (beyond["code"], beyond["errors"][0]["loc"]) == ("claw_back_beyond_reward", ["body", "amount_minor"])
    last = await academy.post(path, {"reason": "all of it"})
    assert (last["status"], [each["amount_minor"] for each in last["claw_backs"]]) == ("clawed_back", [30, 70])
    assert (await academy.post(path, {"reason": "once more"}, status=409))["code"] == "reward_ended"
    assert await academy.balance(who) == 0


async def test_a_claw_back_with_a_reference_happens_once_also_twenty_at_once(academy: Academy) -> None:
    who = student()
    path = f"/v1/rewards/{(await academy.complete(who))['id']}/claw-backs"
    body = {"amount_minor": 10, "reason": "a typo", "reference_id": "ticket-7"}
    answers = await asyncio.gather(*(academy.send(path, body) for _ in range(20)))
    assert codes(answers) == ["201"] * 20
    assert await academy.balance(who) == 90


async def test_refunds_and_spending_at_once_leave_books_that_balance(academy: Academy) -> None:
    who = student()
    await academy.complete(who, cause="ord_1", amount_minor=1_000)
    await asyncio.gather(
        refund(academy, "ord_1"),
        *(
            academy.send("/v1/coins/redemptions", {"student_id": who, "amount_minor": 100, "reference_id": f"r{number}"})
            for number in range(20)
        ),
    )
    coins = await academy.coins(who)
    spent = (await academy.get(f"/v1/coins/{who}/transactions", limit=100))["data"]
    redeemed = sum(each["amount_minor"] for each in spent if each["reference_type"] == "redemption")
    assert (coins["balance_minor"], coins["owed_minor"]) == (0, redeemed)


@pytest.mark.parametrize("reason", [None, "", " ", "x" * 501])
async def test_taking_back_needs_a_reason(academy: Academy, reason: str | None) -> None:
    given = await academy.complete(student())
    refused = await academy.post(f"/v1/rewards/{given['id']}/claw-backs", {"reason": reason}, status=422)
    assert refused["errors"][0]["loc"] == ["body", "reason"]


async def test_a_pending_reward_is_granted_when_its_day_comes_once(academy: Academy) -> None:
    """CC7: activation delay, by the tenant's own clock."""
    await academy.courses(10, activation_days=3)
    who = student()
    given = await academy.complete(who)
    assert (given["status"], given["transaction_id"]) == ("pending", None)
    assert (await academy.coins(who))["pending_minor"] == 10
    await academy.later(timedelta(days=3, seconds=-5))
    await jobs.activate_due(academy.db, academy.call("rewards.activate_due"))
    assert (await academy.coins(who))["wallet_id"] is None
    assert not await academy.is_due("rewards.activate_due")
    await academy.later(timedelta(seconds=10))
    assert await academy.is_due("rewards.activate_due")
    await asyncio.gather(*(jobs.activate_due(academy.db, academy.call("rewards.activate_due")) for _ in range(4)))
    coins = await academy.coins(who)
    assert (coins["balance_minor"], coins["pending_minor"]) == (10, 0)
    assert (await academy.get(f"/v1/rewards/{given['id']}"))["status"] == "granted"
    assert (await academy.events("reward.pending"), await academy.events("reward.granted")) == (1, 1)


async def test_a_pending_reward_that_is_revoked_gives_nothing(academy: Academy) -> None:
    """CC7"""
    await academy.courses(10, activation_days=3)
    who = student()
    given = await academy.complete(who, cause="ord_1")
    by_hand = await academy.complete(who)
    path = f"/v1/rewards/{by_hand['id']}/claw-backs"
    part = await academy.post(path, {"amount_minor": 4, "reason": "part"}, status=409)
    assert part["code"] == "reward_pending_whole"
    assert (await academy.post(path, {"reason": "cheated"}))["status"] == "revoked"
    assert (await academy.post(path, {"reason": "cheated"}, status=409))["code"] == "reward_ended"
    assert [each.status for each in await refund(academy, "ord_1")] == ["revoked"]
    await academy.later(timedelta(days=4))
    await jobs.activate_due(academy.db, academy.call("rewards.activate_due"))
    assert (await academy.coins(who))["wallet_id"] is None
    assert (await academy.complete(who, given["reference_id"], cause="ord_1"))["status"] == "revoked"


async def test_a_wallet_that_takes_nothing_keeps_its_reward_waiting_and_harms_no_other(academy: Academy) -> None:
    """CC7"""
    frozen = await academy.rich(1)
    await academy.courses(10, activation_days=1)
    wallet = (await academy.coins(frozen))["wallet_id"]
    answer = await academy.http.patch(
        f"/v1/wallets/{wallet}", json={"status": "frozen", "refuse_credits": True}, headers=academy.tenant.headers
    )
    assert answer.status_code == 200, answer.text
    happy = student()
    waiting = [await academy.complete(who) for who in (frozen, happy)]
    await academy.later(timedelta(days=2))
    await jobs.activate_due(academy.db, academy.call("rewards.activate_due"))
    assert [(await academy.reward(each)).status for each in waiting] == ["pending", "granted"]
    assert await academy.events("reward.postponed") == 1
    await academy.http.patch(f"/v1/wallets/{wallet}", json={"status": "open"}, headers=academy.tenant.headers)
    await academy.later(timedelta(days=1))
    await jobs.activate_due(academy.db, academy.call("rewards.activate_due"))
    assert await academy.balance(frozen) == 11


async def test_a_frozen_wallet_keeps_its_coins_and_its_customer_owes_them(academy: Academy) -> None:
    who = student()
    await academy.complete(who, cause="ord_1")
    wallet = (await academy.coins(who))["wallet_id"]
    await academy.http.patch(f"/v1/wallets/{wallet}", json={"status": "frozen"}, headers=academy.tenant.headers)
    await refund(academy, "ord_1")
    coins = await academy.coins(who)
    assert (coins["balance_minor"], coins["owed_minor"]) == (100, 100)


async def test_coins_live_as_long_as_their_rule_says_else_as_long_as_the_tenant_says(academy: Academy) -> None:
    """CC7"""
    async with academy.db.transaction(academy.principal) as tx:
        await identity.change_tenant(tx, settings={"coin_expiry_days": 9})
    await academy.courses(10, life_days=5)
    who = student()
    by_rule = await academy.complete(who)
    await academy.post("/v1/rewards/referrals", {"student_id": who, "reference_id": "r"})
    wallet = await academy.get(f"/v1/wallets/{(await academy.coins(who))['wallet_id']}")
    assert (wallet["lots"][0]["origin"], wallet["lots"][0]["type"]) == (by_rule["id"], "promotional")
    begun = datetime.fromisoformat(by_rule["created_at"])
    lives = [datetime.fromisoformat(lot["expires_at"]) - begun for lot in wallet["lots"]]
    assert [life // timedelta(hours=23) for life in lives] == [5, 9]
    await academy.later(timedelta(days=6))
    assert (await academy.coins(who))["available_minor"] == 50
