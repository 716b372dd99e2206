"""The course platform's story: a course is paid, coins are earned, spent on a voucher, and taken back with a refund."""

from collections.abc import AsyncIterator
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from vezne.app.demos.story import Api, Step, demand, trial_balance
from vezne.app.visitor import CARD, Visitor
from vezne.kernel.clock import real_now
from vezne.kernel.ids import new_id

PRICE, CURRENCY = 49_900, "USD"
ADVANCED, REFERRAL, WEEK, VOUCHER = 150, 75, 30, 200
TIERS = [{"name": "beginner", "amount_minor": 50}, {"name": "advanced", "amount_minor": ADVANCED}]


async def tell(api: Api) -> AsyncIterator[Step]:
    """Play the story. Raises StoryFailed, PageUnexpected."""
    run = new_id().hex[-10:]
    student, friend = f"student-{run}", f"friend-{run}"
    course = f"python-{run}"
    payment = await _pay(api, student, course)
    yield Step("A course is paid on the gateway's page, and confirmed once however often it is asked", payment["facts"])
    yield await _complete(api, student, course, payment["id"])
    yield await _refer(api, student, friend)
    yield await _practise(api, student, run)
    yield await _adjust(api, student)
    yield await _spend(api, student, run)
    async for step in _regret(api, student, payment["id"]):
        yield step
    history = await api.get(f"/coins/{student}/transactions")
    moves = [f"{each['amount_minor']:+} {each['kind']} → {each['balance_after_minor']}" for each in history["data"]]
    yield Step("Every coin's way, newest first", {"transactions": moves})
    yield await trial_balance(api)


async def _pay(api: Api, student: str, course: str) -> dict[str, Any]:
    asked = {"student_id": student, "amount_minor": PRICE, "currency": CURRENCY, "course_id": course}
    made = await api.post("/api/v1/payments", asked)
    visitor = Visitor(api.client)
    page = await visitor.open(made["payment_url"])
    await visitor.fill(page, "number", {"number": CARD, "expiry": "12/40", "cvc": "123"})
    path = f"/api/v1/payments/{made['id']}"
    paid = await api.until(path, lambda found: found["status"] == "succeeded")
    again = await api.post(f"{path}/confirm", {})
    demand(again["status"] == "succeeded", f"A second confirmation changed something: {again}")
    facts = {
        "payment": made["id"],
        "status": paid["status"],
        "expires_at": made["expires_at"],
        "confirmed_again": again["status"],
    }
    return {"id": made["id"], "facts": facts}


async def _complete(api: Api, student: str, course: str, payment: str) -> Step:
    await _rule(api, "course_completion", {"name": "Courses", "tiers": TIERS, "default_tier": "beginner"})
    asked = {"student_id": student, "reference_id": course, "tier": "advanced", "cause": payment}
    first, again = [await api.post("/coins/course-completion", asked) for _ in range(2)]
    demand(first["id"] == again["id"], "A course was rewarded twice.")
    demand(first["amount_minor"] == ADVANCED, f"{first['amount_minor']} coins for an advanced course.")
    return Step("The course is completed and rewarded by its tier, however often that is told", _told(first))


async def _rule(api: Api, trigger: str, version: dict[str, Any]) -> None:
    """The tenant's rule for this, made when there is none, else its next version."""
    there = (await api.get(f"/v1/reward-rules?trigger={trigger}"))["data"]
    if there:
        await api.post(f"/v1/reward-rules/{there[0]['id']}/versions", version)
    else:
        await api.post("/v1/reward-rules", {"trigger": trigger, **version})


async def _refer(api: Api, student: str, friend: str) -> Step:
    asked = {"student_id": student, "referred_student_id": friend, "reference_id": f"invited-{friend}", "amount_minor": REFERRAL}
    reward = await api.post("/coins/referral", asked)
    own = await api.send("POST", "/coins/referral", {**asked, "referred_student_id": student, "reference_id": "myself"})
    demand(own.status_code in {HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY}, f"A student referred himself: {own.text}")
    return Step("A friend is referred, with an amount of staff's own; nobody refers himself", _told(reward))


async def _practise(api: Api, student: str, run: str) -> Step:
    activity = f"practice_{run}"
    bonus = {"length": 3, "amount_minor": WEEK}
    await api.post("/v1/reward-rules", {"trigger": "streak", "activity": activity, "name": "Three days", "bonuses": [bonus]})
    today = real_now().date()
    days = [(today - timedelta(days=ago)).isoformat() for ago in (2, 1, 0)]
    recorded = [await api.post("/v1/rewards/streaks", {"student_id": student, "activity": activity, "day": day}) for day in days]
    done = recorded[-1]
    demand(done["reward"] is not None, f"Three days in a row gave nothing: {done}")
    return Step("Three days in a row give a bonus", {"length": done["length"], **_told(done["reward"])})


async def _adjust(api: Api, student: str) -> Step:
    given = await api.post("/coins/adjust", {"student_id": student, "amount_minor": 20, "reason": "a bug was reported"})
    below = await api.send("POST", "/coins/adjust", {"student_id": student, "amount_minor": -10_000, "reason": "a slip"})
    demand(below.status_code == HTTPStatus.CONFLICT, f"A wallet went below zero: {below.text}")
    facts = {"balance": given["balance_minor"], "refused": below.json()["detail"]}
    return Step("Staff give twenty coins; nobody can take what is not there", facts)


async def _spend(api: Api, student: str, run: str) -> Step:
    voucher = await api.post("/v1/vouchers", {"name": "A month of music", "price_minor": VOUCHER, "inventory": "codes"})
    await api.post(f"/v1/vouchers/{voucher['id']}/stock", {"codes": [f"MUSIC-{run}"]})
    had = await api.post("/coins/redeem", {"student_id": student, "voucher_id": voucher["id"]})
    demand(had["redemption"]["code"] == f"MUSIC-{run}", f"Another code came out: {had}")
    gone = await api.send("POST", "/coins/redeem", {"student_id": student, "voucher_id": voucher["id"]})
    demand(gone.status_code == HTTPStatus.CONFLICT, f"The last voucher was had twice: {gone.text}")
    facts = {"code": had["redemption"]["code"], "coins_left": had["balance_minor"], "asked_again": gone.json()["code"]}
    return Step("Coins become a voucher; its last code is had once", facts)


async def _regret(api: Api, student: str, payment: str) -> AsyncIterator[Step]:
    await api.post(f"/v1/payments/{payment}/refunds", {"amount_minor": PRICE})
    customer = (await api.get(f"/coins/{student}"))["customer_id"]
    path = f"/v1/rewards?customer_id={customer}"
    found = await api.until(path, lambda page: any(each["clawed_back_minor"] for each in page["data"]))
    back = next(each for each in found["data"] if each["clawed_back_minor"])
    wallet = await api.get(f"/coins/{student}")
    facts = {"taken_back": back["clawed_back_minor"], "coins_left": wallet["balance_minor"], "owed": wallet["owed_minor"]}
    yield Step("The course is refunded, and its coins are taken back; what was spent of them is owed", facts)


def _told(reward: dict[str, Any]) -> dict[str, Any]:
    return {"reward": reward["id"], "status": reward["status"], "coins": reward["amount_minor"]}
