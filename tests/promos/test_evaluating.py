"""CM4: every restriction of a promo code, each with its reason (CM7: PAY003)."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from promos_fixtures import Booth, basket, line
from tenancy_fixtures import TestTenant
from vezne import catalog, promos
from vezne.kernel.ids import new_id
from vezne.kernel.money import Money
from vezne.kernel.principal import Principal

HOUR = timedelta(hours=1)


async def test_cm4_a_percentage_and_a_fixed_amount_come_off(booth: Booth) -> None:
    await booth.give("TENTH", stackable=True)
    await booth.give("FIVE", "fixed", amount_minor={"TRY": 500}, stackable=True)
    someone = await booth.customer()
    found = await booth.evaluate(basket(someone, 6_000, 4_000), "tenth", "five")
    assert found.discounts == {1: Money(870, "TRY"), 2: Money(580, "TRY")}  # 300 + 10 % of 5700; 200 + 10 % of 3800
    assert found == await booth.evaluate(basket(someone, 6_000, 4_000), "FIVE", "TENTH", "five")


async def test_cm4_bonus_credits_and_a_trial(booth: Booth) -> None:
    await booth.give("MORE", "bonus_credits", percentage=2_000)
    await booth.give("TRYIT", "free_trial", trial_days=14)
    someone = await booth.customer()
    pack = line(5_000, kind="credit_pack", units=50)
    assert (await booth.evaluate(basket(someone, lines=(pack,)), "MORE")).bonus_credits == 10
    plan = line(5_000, kind="membership")
    found = await booth.evaluate(basket(someone, lines=(plan,)), "TRYIT")
    assert (found.trial_days, found.trial_lines, found.discounts) == (14, {1: 14}, {1: Money(5_000, "TRY")})
    assert await booth.why(basket(someone, 5_000), "MORE") == "wrong_product"
    assert await booth.why(basket(someone, 5_000), "TRYIT") == "wrong_product"


async def test_a_code_that_is_none_is_unknown(booth: Booth) -> None:
    someone = await booth.customer()
    for text in ("NOSUCH", "", "'; --", "x" * 500):
        assert await booth.why(basket(someone, 100), text) == "unknown"


async def test_another_tenants_code_is_unknown_here(booth: Booth, other_tenant: TestTenant) -> None:
    abroad = Booth(booth.db, other_tenant)
    await abroad.give("ABROAD")
    assert await booth.why(basket(await booth.customer(), 100), "ABROAD") == "unknown"


async def test_cm4_a_code_has_its_time(booth: Booth) -> None:
    async with booth.db.transaction(booth.tenant.principal) as tx:
        now = tx.now
    await booth.give("LATER", starts_at=now + HOUR)
    await booth.give("BEFORE", ends_at=now - HOUR)
    await booth.give("NOW", starts_at=now - HOUR, ends_at=now + HOUR)
    someone = await booth.customer()
    assert await booth.why(basket(someone, 100), "LATER") == "not_started"
    assert await booth.why(basket(someone, 100), "BEFORE") == "expired"
    assert await booth.why(basket(someone, 100), "NOW") == ""


async def test_a_promotion_or_a_code_that_was_ended_is_inactive(booth: Booth) -> None:
    by_code, by_promotion = await booth.give("ENDED"), await booth.give("STOPPED")
    async with booth.db.transaction(booth.tenant.principal) as tx:
        await promos.change_code(tx, by_code.id, active=False)
        await promos.change_promotion(tx, by_promotion.promotion_id, {"active": False})
    someone = await booth.customer()
    assert await booth.why(basket(someone, 100), "ENDED") == "inactive"
    assert await booth.why(basket(someone, 100), "STOPPED") == "inactive"


async def test_cm4_uses_are_limited_per_code_per_promotion_and_per_customer(booth: Booth) -> None:
    await booth.give("ONCE", code_uses=1)
    await booth.give("ONCEALL", max_uses=1)
    await booth.give("EACH", max_uses_per_customer=1)
    first, second = await booth.customer(), await booth.customer()
    for code in ("ONCE", "ONCEALL", "EACH"):
        await booth.reserve(basket(first, 100_000), code)
    for code in ("ONCE", "ONCEALL"):
        assert await booth.why(basket(second, 100_000), code) == "exhausted"
    assert await booth.why(basket(first, 100_000), "EACH") == "customer_exhausted"
    assert await booth.why(basket(second, 100_000), "EACH") == ""


@pytest.mark.parametrize(
    ("known", "returning"),
    [
        ({"email": "ada.l@gmail.com"}, {"email": "A.D.A.L+two@googlemail.com"}),
        ({"email": "ada@example.org"}, {"email": "Ada+again@EXAMPLE.org"}),
        ({"phone": "+90 532 123 45 67"}, {"phone": "05321234567"}),
    ],
)
async def test_cm4_an_alias_is_the_same_customer(booth: Booth, known: dict[str, str], returning: dict[str, str]) -> None:
    await booth.give("EACH", max_uses_per_customer=1)
    await booth.reserve(basket(await booth.customer(**known), 100_000), "EACH")
    again = basket(await booth.customer(**returning), 100_000)
    assert await booth.why(again, "EACH") == "customer_exhausted"
    stranger = await booth.customer(email="someone@example.org", phone="+90 555 000 00 00")
    assert await booth.why(basket(stranger, 100_000), "EACH") == ""


async def test_cm4_some_codes_are_for_some_customers(booth: Booth) -> None:
    listed, member, anybody = await booth.customer(), await booth.customer(metadata={"tier": "gold"}), await booth.customer()
    await booth.give("LISTED", customer_ids=[listed])
    await booth.give("GOLD", customer_metadata={"tier": "gold"})
    await booth.give("FIRST", first_purchase_only=True)
    assert [await booth.why(basket(who, 100), "LISTED") for who in (listed, anybody)] == ["", "not_eligible"]
    assert [await booth.why(basket(who, 100), "GOLD") for who in (member, anybody)] == ["", "not_eligible"]
    assert await booth.why(basket(anybody, 100, first_purchase=False), "FIRST") == "not_eligible"
    await booth.reserve(basket(anybody, 100), "FIRST")
    assert await booth.why(basket(anybody, 100), "FIRST") == "customer_exhausted"  # while that first one waits


async def test_cm4_some_codes_are_for_some_products_currencies_and_sums(booth: Booth) -> None:
    async with booth.db.transaction(booth.tenant.principal) as tx:
        item = (await catalog.create_item(tx, catalog.NewItem(name="Seat"))).id
    await booth.give("ITEM", item_ids=(item,))
    await booth.give("PACKS", line_kinds=("credit_pack",))
    await booth.give("LIRA", currencies=("TRY",))
    await booth.give("EUROS", "fixed", amount_minor={"EUR": 500})
    await booth.give("BIG", minimum_minor={"TRY": 10_000})
    someone = await booth.customer()
    mine = basket(someone, lines=(line(100, item_id=item), line(9_999, 2)))
    assert (await booth.evaluate(mine, "ITEM")).discounts == {1: Money(10, "TRY")}
    assert await booth.why(basket(someone, 100), "ITEM") == "wrong_product"
    assert await booth.why(mine, "PACKS") == "wrong_product"
    euros = basket(someone, lines=(line(100, currency="EUR"),), currency="EUR")
    assert await booth.why(euros, "LIRA") == "wrong_currency"
    assert await booth.why(mine, "EUROS") == "wrong_currency"
    assert await booth.why(basket(someone, 9_999), "BIG") == "below_minimum"
    assert await booth.why(mine, "BIG") == ""


async def test_the_minimum_is_of_what_the_code_is_for(booth: Booth) -> None:
    await booth.give("PACKS", line_kinds=("credit_pack",), minimum_minor={"TRY": 1_000})
    someone = await booth.customer()
    lines = (line(999, 1, "credit_pack"), line(100_000, 2))
    assert await booth.why(basket(someone, lines=lines), "PACKS") == "below_minimum"


async def test_cm4_codes_stand_side_by_side_only_when_both_may(booth: Booth) -> None:
    alone = await booth.give("ALONE")
    await booth.give("TOGETHER", stackable=True)
    async with booth.db.transaction(booth.tenant.principal) as tx:
        (twin,) = await promos.create_codes(tx, alone.promotion_id, 1)
    someone = await booth.customer()
    assert await booth.why(basket(someone, 100), "ALONE") == ""
    assert await booth.why(basket(someone, 100), "ALONE", "TOGETHER") == "not_combinable"
    assert await booth.why(basket(someone, 100), "ALONE", twin.code) == "not_combinable"
    assert await booth.why(basket(someone, 100), *[f"CODE{number}" for number in range(11)]) == "not_combinable"


async def test_two_codes_of_one_promotion_are_not_combined(booth: Booth) -> None:
    first = await booth.give("TOGETHER", stackable=True)
    async with booth.db.transaction(booth.tenant.principal) as tx:
        await promos.create_code(tx, first.promotion_id, "TWIN")
    assert await booth.why(basket(await booth.customer(), 100), "TOGETHER", "TWIN") == "not_combinable"


async def test_a_code_that_would_be_used_up_for_nothing_is_refused(booth: Booth) -> None:
    await booth.give("ALL", "fixed", amount_minor={"TRY": 1_000}, stackable=True)
    await booth.give("TENTH", stackable=True)
    someone = await booth.customer()
    assert await booth.why(basket(someone, 900), "ALL", "TENTH") == "not_combinable"
    assert await booth.why(basket(someone, 4), "TENTH") == "below_minimum"
    assert await booth.why(basket(someone, 0), "TENTH") == "wrong_product"


async def test_the_code_at_fault_is_named_where_it_stands(booth: Booth) -> None:
    await booth.give("GOOD", stackable=True)
    with pytest.raises(promos.PromoInvalid) as refused:
        await booth.evaluate(basket(await booth.customer(), 100), "GOOD", "bad-one")
    assert refused.value.documented_code == "PAY003"
    assert refused.value.errors()[0]["loc"] == ["body", "promo_codes", 1]
    assert refused.value.errors()[0]["type"] == "unknown"


async def test_cm11_whoever_tries_codes_that_are_none_is_made_to_wait(booth: Booth) -> None:
    await booth.give("RIGHT")
    principal = Principal(booth.tenant.tenant_id, f"key:{uuid4()}", "key", frozenset({"*"}))
    guesser, other = await booth.customer(), await booth.customer()

    async def try_(who: UUID, code: str) -> promos.Applied:
        async with booth.db.transaction(principal) as tx:
            return await promos.evaluate(tx, basket(who, 1_000), [code])

    for _ in range(10):
        with pytest.raises(promos.PromoInvalid):
            await try_(guesser, f"GUESS{new_id().hex[:8]}")
    with pytest.raises(promos.PromoGuessing):
        await try_(guesser, "RIGHT")
    assert (await try_(other, "RIGHT")).discounts
