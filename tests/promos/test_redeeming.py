"""CM4: a use is reserved with its order, redeemed when it is paid, and free again when it ends unpaid."""

import asyncio
from uuid import UUID

import pytest

from promos_fixtures import Booth, basket
from vezne import promos
from vezne.kernel.ids import new_id
from vezne.kernel.money import Money


async def test_what_is_released_is_free_again_and_what_is_redeemed_is_not(booth: Booth) -> None:
    code = await booth.give("ONE", max_uses=1, code_uses=1, max_uses_per_customer=1)
    someone = await booth.customer(email="a@example.org")
    first = await booth.reserve(basket(someone, 1_000), "ONE")
    assert (await booth.promotion(code)).uses == 1
    for _ in range(2):
        await booth.release(first)
    assert (await booth.promotion(code)).uses == 0
    second = await booth.reserve(basket(someone, 1_000), "ONE")
    for _ in range(2):
        await booth.redeem(second)
    await booth.release(second)
    assert (await booth.promotion(code)).uses == 1
    assert await booth.why(basket(await booth.customer(), 1_000), "ONE") == "exhausted"


async def test_events_tell_of_each_step_once(booth: Booth) -> None:
    await booth.give("ANY")
    someone = await booth.customer()
    paid, ended = [await booth.reserve(basket(someone, 1_000), "ANY") for _ in range(2)]
    await booth.redeem(paid)
    await booth.release(ended)
    async with booth.db.transaction(booth.tenant.principal) as tx:
        rows = await tx.fetch(
            "SELECT type FROM events WHERE tenant_id = $1 AND type LIKE 'promo.re%' ORDER BY type", tx.tenant_id
        )
    assert [row["type"] for row in rows] == ["promo.redeemed", "promo.released", "promo.reserved", "promo.reserved"]


async def test_money_that_comes_late_takes_a_use_again_if_one_is_free(booth: Booth) -> None:
    code = await booth.give("ONE", max_uses=1)
    someone, other = await booth.customer(), await booth.customer()
    late = await booth.reserve(basket(someone, 1_000), "ONE")
    await booth.release(late)
    async with booth.db.transaction(booth.tenant.principal) as tx:
        await promos.change_promotion(tx, code.promotion_id, {"active": False})  # what was promised before stays promised
    await booth.redeem(late)
    assert (await booth.promotion(code)).uses == 1
    async with booth.db.transaction(booth.tenant.principal) as tx:
        await promos.change_promotion(tx, code.promotion_id, {"active": True, "max_uses": 2})
    later = await booth.reserve(basket(someone, 1_000), "ONE")
    await booth.release(later)
    await booth.reserve(basket(other, 1_000), "ONE")
    with pytest.raises(promos.PromoInvalid) as refused:
        await booth.redeem(later)
    assert refused.value.reason == "exhausted"


async def _rush(booth: Booth, who: list[UUID], code: str) -> list[str]:
    """All of these at once; all have looked before anybody reserves."""
    gate = asyncio.Barrier(len(who))

    async def one(customer_id: UUID) -> str:
        async with booth.db.transaction(booth.tenant.principal) as tx:
            applied = await promos.evaluate(tx, basket(customer_id, 1_000), [code])
        await gate.wait()
        try:
            async with booth.db.transaction(booth.tenant.principal) as tx:
                await promos.reserve(tx, new_id(), applied, Money(900, "TRY"))
        except promos.PromoInvalid as refused:
            return refused.reason
        return "won"

    return sorted(await asyncio.gather(*[one(customer_id) for customer_id in who]))


@pytest.mark.parametrize(("in_all", "of_code"), [(1, None), (None, 1)], ids=["promotion", "code"])
async def test_cm4_the_last_use_wanted_by_fifty_at_once_goes_to_one(
    booth: Booth, in_all: int | None, of_code: int | None
) -> None:
    code = await booth.give("LAST", max_uses=in_all, code_uses=of_code)
    who = [await booth.customer() for _ in range(50)]
    assert await _rush(booth, who, "LAST") == ["exhausted"] * 49 + ["won"]
    async with booth.db.transaction(booth.tenant.principal) as tx:
        assert len(await promos.redemptions(tx, limit=100, promotion_id=code.promotion_id)) == 1


async def test_cm4_fifty_aliases_of_one_mailbox_at_once_use_it_once(booth: Booth) -> None:
    await booth.give("EACH", max_uses_per_customer=1)
    who = [await booth.customer(email=f"a.da+{number}@gmail.com") for number in range(50)]
    assert await _rush(booth, who, "EACH") == ["customer_exhausted"] * 49 + ["won"]


async def test_codes_typed_in_any_order_at_once_never_wait_for_each_other_in_a_circle(booth: Booth) -> None:
    for number in range(3):
        await booth.give(f"STACK{number}", "fixed", amount_minor={"TRY": 10}, stackable=True, max_uses=30, code_uses=30)
    who = [await booth.customer() for _ in range(30)]
    orders = await asyncio.gather(
        *[
            booth.reserve(basket(customer, 1_000), *[f"STACK{(number + turn) % 3}" for turn in range(3)])
            for number, customer in enumerate(who)
        ]
    )
    await asyncio.gather(*[booth.redeem(each) if number % 2 else booth.release(each) for number, each in enumerate(orders)])


async def test_a_limit_set_later_counts_what_was_used_before(booth: Booth) -> None:
    code = await booth.give("OPEN")
    for _ in range(3):
        await booth.reserve(basket(await booth.customer(), 1_000), "OPEN")
    async with booth.db.transaction(booth.tenant.principal) as tx:
        with pytest.raises(promos.UsesBelowTaken):
            await promos.change_promotion(tx, code.promotion_id, {"max_uses": 2})
    async with booth.db.transaction(booth.tenant.principal) as tx:
        assert (await promos.change_promotion(tx, code.promotion_id, {"max_uses": 3})).uses == 3
        assert (await promos.change_code(tx, code.id, max_uses=5)).uses == 3
    assert await booth.why(basket(await booth.customer(), 1_000), "OPEN") == "exhausted"
    async with booth.db.transaction(booth.tenant.principal) as tx:
        await promos.change_promotion(tx, code.promotion_id, {"max_uses": None})
    assert await booth.why(basket(await booth.customer(), 1_000), "OPEN") == ""


async def test_a_limit_set_while_uses_are_taken_misses_none(booth: Booth) -> None:
    code = await booth.give("OPEN")
    who = [await booth.customer() for _ in range(20)]

    async def limit() -> None:
        async with booth.db.transaction(booth.tenant.principal) as tx:
            await promos.change_promotion(tx, code.promotion_id, {"max_uses": 1_000})

    taking = [booth.reserve(basket(customer, 1_000), "OPEN") for customer in who]
    done = await asyncio.gather(*taking[:10], limit(), *taking[10:], return_exceptions=True)
    taken = [each for each in done if isinstance(each, UUID)]
    assert (await booth.promotion(code)).uses == len(taken) == 20, done


async def test_the_audit_names_a_count_that_is_wrong(booth: Booth) -> None:
    code = await booth.give("ONE", max_uses=5)
    await booth.reserve(basket(await booth.customer(), 1_000), "ONE")

    async with booth.db.transaction(booth.tenant.principal) as tx:
        await tx.execute("UPDATE promotions SET uses = 3 WHERE tenant_id = $1 AND id = $2", tx.tenant_id, code.promotion_id)
        await tx.execute("UPDATE promo_identity_uses SET uses = 0 WHERE tenant_id = $1", tx.tenant_id)
        checks = {finding.check for finding in await promos.audit(tx)}
        assert checks == {"promotion's uses are its redemptions", "what somebody used is counted"}
        await tx.execute("UPDATE promotions SET uses = 1 WHERE tenant_id = $1 AND id = $2", tx.tenant_id, code.promotion_id)
        await tx.execute("UPDATE promo_identity_uses SET uses = 1 WHERE tenant_id = $1", tx.tenant_id)


async def test_performance_is_counted_for_promotion_and_code(booth: Booth) -> None:
    code = await booth.give("TENTH")
    paid, ended, _ = [await booth.reserve(basket(await booth.customer(), 10_000), "TENTH") for _ in range(3)]
    await booth.redeem(paid)
    await booth.release(ended)
    async with booth.db.transaction(booth.tenant.principal) as tx:
        (found,) = await promos.performance(tx, code.promotion_id)
        assert await promos.code_performance(tx, code.id) == [found]
    assert (found.currency, found.reserved, found.redeemed, found.released) == ("TRY", 1, 1, 1)
    assert (found.discount_minor, found.revenue_minor) == (1_000, 1)
