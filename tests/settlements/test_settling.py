"""A sold line gives its payee a share and the platform its fee, once; a refund takes back in proportion, to the last unit."""

import asyncio
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from settlements_fixtures import Till, move_money, sale
from tenancy_fixtures import TenantMaker
from vezne import settlements
from vezne.kernel import clock
from vezne.kernel.ids import new_id
from vezne.ledger import BalanceTooLarge


async def test_a_sale_gives_the_payee_its_share_and_the_platform_its_fee(till: Till) -> None:
    payee = await till.payee()
    made = await till.sell(payee, 10_000, 1_000)
    assert (made.share_minor, made.fee_minor, made.reserve_minor, made.release_at) == (9_000, 1_000, 0, None)
    assert (await till.owed(payee)).available == 9_000
    assert (await till.held("fees"), await till.held("unapplied")) == (1_000, 0)


async def test_a_line_is_settled_once_whatever_is_said_twice(till: Till) -> None:
    asked = sale(await till.payee())
    first = await till.settle(asked)
    async with till.db.transaction(till.principal) as tx:
        again = await settlements.settle(tx, asked)
    assert again == first
    assert (await till.owed(asked.payee_id)).available == 9_000


async def test_a_line_settled_at_once_from_many_sides_is_settled_once(till: Till) -> None:
    for _ in range(20):
        asked = sale(await till.payee())

        async def one(asked: settlements.Sale = asked) -> settlements.Settlement:
            async with till.db.transaction(till.principal) as tx:
                return await settlements.settle(tx, asked)

        made = await asyncio.gather(*(one() for _ in range(4)))
        assert len({each.id for each in made}) == 1
        assert (await till.owed(asked.payee_id)).available == 9_000
        async with till.db.transaction(till.principal) as tx:
            await move_money(tx, asked.gross_minor, asked.currency)


async def test_a_line_settled_for_another_amount_or_payee_is_refused(till: Till) -> None:
    asked = sale(await till.payee())
    await till.settle(asked)
    for other in (sale(asked.payee_id, 9_999, line_id=asked.line_id), sale(await till.payee(), line_id=asked.line_id)):
        with pytest.raises(settlements.SettledOtherwise):
            await till.settle(other)


@pytest.mark.unit
def test_a_sale_whose_parts_do_not_add_up_cannot_be_made() -> None:
    for gross, share, fee in ((100, 90, 11), (-1, -1, 0)):
        with pytest.raises(ValueError, match="add up"):
            settlements.Sale(
                line_id=new_id(),
                order_id=new_id(),
                payee_id=new_id(),
                currency="TRY",
                gross_minor=gross,
                share_minor=share,
                fee_minor=fee,
            )


async def test_several_lines_of_several_payees_are_settled_at_once(till: Till) -> None:
    payees = [await till.payee() for _ in range(3)]
    asked = [sale(payee, 100 * number, 7) for number, payee in enumerate([*payees, payees[0]], 1)]
    async with till.db.transaction(till.principal) as tx:
        made = await settlements.settle_all(tx, asked)
        await move_money(tx, 1_000, "TRY")
    assert [each.share_minor for each in made] == [93, 193, 293, 393]
    assert [(await till.owed(payee)).available for payee in payees] == [93 + 393, 193, 293]
    assert await till.held("fees") == 28


async def test_a_claw_back_takes_share_and_fee_in_proportion_and_the_last_part_is_the_rest(till: Till) -> None:
    made = await till.sell(await till.payee(), 1_000, 33)
    parts = [await till.take_back(made.line_id, amount) for amount in (333, 333, 334)]
    assert [(part.share_minor, part.fee_minor) for part in parts] == [(322, 11), (322, 11), (323, 11)]
    assert await till.held("fees") == 0
    assert (await till.owed(made.payee_id)).available == 0


async def test_a_claw_back_happens_once_for_its_cause(till: Till) -> None:
    made = await till.sell(await till.payee())
    first = await till.take_back(made.line_id, 400, "ref_1/1")
    async with till.db.transaction(till.principal) as tx:
        assert await settlements.claw_back(tx, made.line_id, 400, "ref_1/1") == first
        with pytest.raises(settlements.CauseReused):
            await settlements.claw_back(tx, made.line_id, 401, "ref_1/1")
    assert (await till.owed(made.payee_id)).available == 9_000 - 360


async def test_no_more_is_clawed_back_than_was_paid_nor_given_again_than_was_clawed_back(till: Till) -> None:
    made = await till.sell(await till.payee())
    await till.take_back(made.line_id, 9_999)
    with pytest.raises(settlements.ClawBackTooLarge):
        await till.take_back(made.line_id, 2)
    with pytest.raises(settlements.GivenAgainTooMuch):
        await till.give_again(made.line_id, 10_000)
    for nothing in (0, -1):
        with pytest.raises(settlements.ClawBackEmpty):
            await till.take_back(made.line_id, nothing)
    with pytest.raises(settlements.UnknownSettlement):
        await till.take_back(new_id(), 1)


async def test_what_a_failed_refund_took_is_given_again_exactly_and_once(till: Till) -> None:
    made = await till.sell(await till.payee(), 1_001, 333)
    await till.take_back(made.line_id, 700, "ref_1/1")
    after = await till.give_again(made.line_id, 700, "ref_1/1")
    assert (after.clawed_minor, after.clawed_share_minor) == (0, 0)
    async with till.db.transaction(till.principal) as tx:
        assert await settlements.settle_more(tx, made.line_id, 700, "ref_1/1") == after
    assert ((await till.owed(made.payee_id)).available, await till.held("fees")) == (668, 333)


async def test_a_line_the_platform_paid_for_is_settled_and_clawed_back_whole(till: Till) -> None:
    made = await till.sell(await till.payee(), 0, -500)
    assert ((await till.owed(made.payee_id)).available, await till.held("fees")) == (500, -500)
    with pytest.raises(settlements.ClawBackTooLarge):
        await till.take_back(made.line_id, 1)
    taken = await till.take_back(made.line_id, 0)
    assert (taken.share_minor, taken.fee_minor, taken.amount_minor) == (500, -500, 0)
    assert ((await till.owed(made.payee_id)).available, await till.held("fees")) == (0, 0)
    await till.give_again(made.line_id, 0)
    assert (await till.owed(made.payee_id)).available == 500


async def test_a_line_that_gives_nothing_to_anyone_is_settled_without_an_entry(till: Till) -> None:
    made = await till.sell(await till.payee(), 0, 0)
    assert (await till.owed(made.payee_id)).available == 0
    assert await till.held("fees") == 0


async def test_a_sale_that_is_taken_back_whole_leaves_nothing_reserved_nor_owed(careful_till: Till) -> None:
    payee = await careful_till.payee()
    first = await careful_till.sell(payee)
    taken = await careful_till.take_back(first.line_id, 10_000)
    assert taken.from_reserve_minor == 900
    assert await careful_till.owed(payee) == settlements.Owed(
        payee_id=payee, currency="TRY", available=0, reserved=0, carried=0, in_payout=0
    )


async def test_the_reserve_is_kept_back_until_its_day_in_the_tenants_zone(careful_till: Till) -> None:
    payee = await careful_till.payee()
    made = await careful_till.sell(payee, 10_000, 1_000)
    zone = ZoneInfo("Europe/Istanbul")
    local = made.created_at.astimezone(zone)
    assert made.release_at == datetime(local.year, local.month, local.day, tzinfo=zone) + timedelta(days=7)
    owed = await careful_till.owed(payee)
    assert (owed.available, owed.reserved) == (8_100, 900)
    for when, available in ((made.release_at - timedelta(seconds=1), 8_100), (made.release_at, 9_000)):
        async with careful_till.db.transaction(careful_till.principal) as tx:
            await clock.hold(tx, when)
        async with careful_till.db.transaction(careful_till.principal) as tx:
            await settlements.release_due(tx)
        assert (await careful_till.owed(payee)).available == available
        assert await careful_till.audit() == []


async def test_a_claw_back_takes_from_the_reserve_of_that_settlement_first(careful_till: Till) -> None:
    payee = await careful_till.payee()
    first, _ = await careful_till.sell(payee), await careful_till.sell(payee)
    taken = await careful_till.take_back(first.line_id, 500)
    assert (taken.share_minor, taken.from_reserve_minor) == (450, 450)
    taken = await careful_till.take_back(first.line_id, 1_000)
    assert (taken.share_minor, taken.from_reserve_minor) == (900, 450)
    owed = await careful_till.owed(payee)
    assert (owed.available, owed.reserved) == (16_200 - 450, 900)
    await careful_till.give_again(first.line_id, 1_000)
    owed = await careful_till.owed(payee)
    assert (owed.available, owed.reserved) == (16_200, 900 + 450)


async def test_a_reserve_that_claw_backs_took_is_released_as_nothing(careful_till: Till) -> None:
    payee = await careful_till.payee()
    made = await careful_till.sell(payee)
    await careful_till.take_back(made.line_id, 5_000)
    async with careful_till.db.transaction(careful_till.principal) as tx:
        await clock.hold(tx, (made.release_at or tx.now) + timedelta(days=1))
    async with careful_till.db.transaction(careful_till.principal) as tx:
        assert await settlements.release_due(tx) == 1
        assert await settlements.release_due(tx) == 0
    owed = await careful_till.owed(payee)
    assert (owed.available, owed.reserved) == (4_500, 0)
    await careful_till.give_again(made.line_id, 5_000)
    assert (await careful_till.owed(payee)).available == 9_000


async def test_amounts_at_the_very_end_are_exact_and_beyond_it_refused(till: Till) -> None:
    largest, payee = 2**53 - 1, await till.payee()
    made = await till.sell(payee, largest, 1)
    await till.take_back(made.line_id, largest // 3)
    async with till.db.transaction(till.principal) as tx:
        now = await settlements.settlement_of(tx, made.line_id)
    assert now.clawed_share_minor == (2 * (largest - 1) * (largest // 3) + largest) // (2 * largest)
    await till.give_again(made.line_id, largest // 3)
    with pytest.raises(BalanceTooLarge):
        await till.sell(payee, 2, 0)


async def test_currencies_stay_apart(make_tenant: TenantMaker, till: Till) -> None:
    payee = await till.payee()
    await till.sell(payee, 1_000, 100)
    await till.sell(payee, 500, 20, currency="JPY")
    assert ((await till.owed(payee)).available, (await till.owed(payee, "JPY")).available) == (900, 480)
    async with till.db.transaction(till.principal) as tx:
        assert [each.currency for each in await settlements.owed_in_all(tx, payee)] == ["JPY", "TRY"]


async def test_a_line_the_platform_paid_for_is_clawed_back_seat_by_seat(till: Till) -> None:
    payee = await till.payee()
    sale = settlements.Sale(
        line_id=new_id(),
        order_id=new_id(),
        payee_id=payee,
        currency="TRY",
        gross_minor=0,
        share_minor=1_000,
        fee_minor=-1_000,
        parts=3,
    )
    async with till.db.transaction(till.principal) as tx:
        await settlements.settle(tx, sale)
        for number, left in ((1, 667), (2, 333), (3, 0)):
            for _ in range(2):
                await settlements.claw_back(tx, sale.line_id, 0, f"ref_{number}", parts=1)
            assert (await settlements.owed(tx, payee, "TRY")).available == left
        with pytest.raises(settlements.ClawBackTooLarge):
            await settlements.claw_back(tx, sale.line_id, 0, "ref_4", parts=1)
        await settlements.settle_more(tx, sale.line_id, 0, "ref_3", parts=1)
        assert (await settlements.owed(tx, payee, "TRY")).available == 333
        with pytest.raises(settlements.GivenAgainTooMuch):
            await settlements.settle_more(tx, sale.line_id, 0, "ref_5", parts=3)
