"""The audit finds what was changed behind our back, and issued coins are counted once they are committed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest
from prometheus_client import REGISTRY

from rewards_fixtures import Academy, name, student
from vezne import rewards


@asynccontextmanager
async def spoilt(owner: asyncpg.Connection, academy: Academy, spoil: str, mend: str) -> AsyncIterator[None]:
    """Something changed by the owner of the database, who may; set right again afterwards."""
    await owner.execute(spoil, academy.tenant.tenant_id)
    try:
        yield
    finally:
        await owner.execute(mend, academy.tenant.tenant_id)


async def everything(academy: Academy) -> None:
    """Something for each check to look at."""
    await academy.courses(100, customer_total_minor=1_000)
    await academy.rule("streak", activity="quiz", bonuses=[{"length": 1, "amount_minor": 1}])
    who = student()
    await academy.post("/v1/rewards/streaks", {"student_id": who, "activity": "quiz"})
    given = await academy.complete(who)
    await academy.post(f"/v1/rewards/{given['id']}/claw-backs", {"amount_minor": 10, "reason": "a typo"})
    voucher = await academy.post("/v1/vouchers", {"name": "A mug", "price_minor": 7, "quantity": 5})
    await academy.post("/v1/coins/redemptions", {"student_id": who, "voucher_id": voucher["id"]})
    await academy.post("/v1/coins/redemptions", {"student_id": who, "amount_minor": 3, "reference_id": name()})


@pytest.mark.parametrize(
    ("check", "spoil", "mend"),
    [
        (
            "reward is what was credited",
            "UPDATE rewards SET amount_minor = 99, asked_minor = 99 WHERE tenant_id = $1 AND type = 'course_completion'",
            "UPDATE rewards SET amount_minor = 100, asked_minor = 100 WHERE tenant_id = $1 AND type = 'course_completion'",
        ),
        (
            "what a reward lost is what was taken back",
            "UPDATE rewards SET clawed_minor = 11 WHERE tenant_id = $1 AND type = 'course_completion'",
            "UPDATE rewards SET clawed_minor = 10 WHERE tenant_id = $1 AND type = 'course_completion'",
        ),
        (
            "a claw-back is what was posted",
            "UPDATE reward_claw_backs SET taken_minor = 9, missing_minor = 1 WHERE tenant_id = $1",
            "UPDATE reward_claw_backs SET taken_minor = 10, missing_minor = 0 WHERE tenant_id = $1",
        ),
        (
            "a customer owes what was missing and not set off",
            "UPDATE coin_customers SET owed_minor = 5 WHERE tenant_id = $1",
            "UPDATE coin_customers SET owed_minor = 0 WHERE tenant_id = $1",
        ),
        (
            "adjusted and spent coins are what was posted",
            "UPDATE coin_moves SET amount_minor = -4 WHERE tenant_id = $1",
            "UPDATE coin_moves SET amount_minor = -3 WHERE tenant_id = $1",
        ),
        (
            "a redemption is what was posted",
            "UPDATE voucher_redemptions SET price_minor = 8 WHERE tenant_id = $1",
            "UPDATE voucher_redemptions SET price_minor = 7 WHERE tenant_id = $1",
        ),
        (
            "a voucher's stock is what was not redeemed",
            "UPDATE vouchers SET redeemed = 2 WHERE tenant_id = $1",
            "UPDATE vouchers SET redeemed = 1 WHERE tenant_id = $1",
        ),
        (
            "what a rule gave is within its limits",
            "UPDATE reward_sums SET given_minor = 50 WHERE tenant_id = $1",
            "UPDATE reward_sums SET given_minor = 100 WHERE tenant_id = $1",
        ),
        (
            "a streak is what its last day says",
            "UPDATE streaks SET length = 2, best = 2 WHERE tenant_id = $1",
            "UPDATE streaks SET length = 1, best = 1 WHERE tenant_id = $1",
        ),
        (
            "a day's coins add up",
            """INSERT INTO coin_summaries SELECT $1, '2027-03-01', 'COIN', '2027-03-01Z', '2027-03-02Z', 0, 0, 0, 0, 0, 0, 0, 0,
                      0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, '2027-03-02Z'""",
            "DELETE FROM coin_summaries WHERE tenant_id = $1",
        ),
    ],
)
async def test_the_audit_names_what_was_changed_behind_our_back(
    academy: Academy, owner: asyncpg.Connection, check: str, spoil: str, mend: str
) -> None:
    await everything(academy)
    async with spoilt(owner, academy, spoil, mend), academy.db.transaction(academy.principal, read_only=True) as tx:
        assert check in {finding.check for finding in await rewards.audit(tx)}


async def test_issued_coins_are_counted_once_and_only_when_they_were_given(academy: Academy) -> None:
    """CC8"""

    def issued() -> int:
        return int(REGISTRY.get_sample_value("vezne_coins_issued_total", {"reason": "course_completion"}) or 0)

    before, who = issued(), student()
    given = await academy.complete(who, amount_minor=123)
    await academy.complete(who, given["reference_id"], amount_minor=123)
    await academy.complete(who, given["reference_id"], amount_minor=124, status=409)
    assert issued() - before == 123
