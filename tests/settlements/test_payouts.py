"""What is due is paid out once, after two people agreed, whatever is pressed twice."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import replace
from random import Random
from uuid import UUID

import asyncpg
import pytest

from figures_fixtures import Figures
from settlements_fixtures import Till
from vezne import identity, settlements
from vezne.kernel.db import Database, open_pool
from vezne.kernel.errors import Refusal
from vezne.kernel.ids import new_id
from vezne.settlements import Payout, PayoutStatus

ROUNDS = 1_000 if os.environ.get("VEZNE_SOAK_MINUTES") else 40


async def ask(till: Till, payee_id: UUID, amount: int | None = None, currency: str = "TRY") -> Payout:
    """The maker asks for a payout."""
    async with till.db.transaction(till.principal) as tx:
        return await settlements.request_payout(tx, payee_id, currency, amount)


async def check(till: Till, act: Callable[..., Awaitable[Payout]], payout: Payout, *facts: object) -> Payout:
    """Somebody else decides."""
    async with till.db.transaction(replace(till.principal, actor="staff:checker")) as tx:
        return await act(tx, payout.id, *facts)


async def pay(till: Till, payee_id: UUID) -> Payout:
    """From the request to the payee's bank."""
    payout = await check(till, settlements.approve, await ask(till, payee_id))
    return await check(till, settlements.confirm, await check(till, settlements.dispatch, payout))


async def test_a_payout_pays_all_that_is_due_and_moves_the_money_at_once(till: Till) -> None:
    """ET10"""
    payee = await till.payee()
    sold = [await till.sell(payee) for _ in range(3)]
    payout = await ask(till, payee)
    assert (payout.amount_minor, payout.status, payout.number) == (27_000, PayoutStatus.REQUESTED, 1)
    owed = await till.owed(payee)
    assert (owed.available, owed.in_payout, await till.held("payouts")) == (0, 27_000, 27_000)
    async with till.db.transaction(till.principal, read_only=True) as tx:
        items = await settlements.payout_items(tx, payout.id)
    assert [item.settlement_id for item in items] == sorted(each.id for each in sold)
    payout = await check(till, settlements.approve, payout)
    payout = await check(till, settlements.dispatch, payout)
    payout = await check(till, settlements.confirm, payout, "TR-123")
    assert (payout.status, payout.bank_reference) == (PayoutStatus.PAID, "TR-123")
    assert (await till.held("payouts"), await till.held("bank")) == (0, 27_000)
    assert (await till.owed(payee)).in_payout == 0


async def test_what_is_not_due_is_not_paid(till: Till) -> None:
    payee = await till.payee()
    with pytest.raises(settlements.PayoutNothingDue):
        await ask(till, payee)
    made = await till.sell(payee)
    with pytest.raises(settlements.PayoutNothingDue):
        await ask(till, payee, currency="EUR")
    await till.take_back(made.line_id, 10_000)
    with pytest.raises(settlements.PayoutNothingDue):
        await ask(till, payee)
    with pytest.raises(identity.PayeeUnknown):
        await ask(till, new_id())


async def test_asked_for_twice_it_is_paid_once(till: Till) -> None:
    payee = await till.payee()
    await till.sell(payee)
    await ask(till, payee)
    with pytest.raises(settlements.PayoutNothingDue):
        await ask(till, payee)


async def test_what_is_reserved_is_paid_when_it_is_released_and_not_before(careful_till: Till) -> None:
    payee = await careful_till.payee()
    made = await careful_till.sell(payee)
    assert (await pay(careful_till, payee)).amount_minor == 8_100
    with pytest.raises(settlements.PayoutNothingDue):
        await ask(careful_till, payee)
    await careful_till.until(made.release_at)
    assert (await pay(careful_till, payee)).amount_minor == 900


async def test_an_amount_is_taken_when_the_oldest_settlements_come_to_it_and_refused_otherwise(till: Till) -> None:
    payee = await till.payee()
    for gross in (100, 250, 500):
        await till.sell(payee, gross, 0)
    for wrong, nearest in ((1, "100"), (250, "100 or 350"), (849, "350 or 850"), (851, "850")):
        with pytest.raises(settlements.PayoutAmountDoesNotFit) as refused:
            await ask(till, payee, wrong)
        assert refused.value.facts["nearest"] == nearest
        assert refused.value.loc == ("body", "amount_minor")
    assert (await ask(till, payee, 350)).amount_minor == 350
    assert (await ask(till, payee)).amount_minor == 500


async def test_a_part_pays_with_every_deduction_so_that_none_waits_while_money_leaves(till: Till) -> None:
    payee = await till.payee()
    first = await till.sell(payee, 1_000, 0)
    await pay(till, payee)
    await till.sell(payee, 700, 0)
    await till.sell(payee, 5_000, 0)
    await till.take_back(first.line_id, 200)
    with pytest.raises(settlements.PayoutAmountDoesNotFit):
        await ask(till, payee, 700)
    assert (await ask(till, payee, 500)).amount_minor == 500


async def test_a_claw_back_after_the_payout_is_carried_into_the_next_one(till: Till) -> None:
    payee = await till.payee()
    made = await till.sell(payee)
    await pay(till, payee)
    await till.take_back(made.line_id, 5_000)
    owed = await till.owed(payee)
    assert (owed.available, owed.carried) == (0, 4_500)
    with pytest.raises(settlements.PayoutNothingDue):
        await ask(till, payee)
    await till.sell(payee, 10_000, 1_000)
    assert (await pay(till, payee)).amount_minor == 4_500
    assert (await till.owed(payee)).carried == 0


async def test_nobody_decides_on_a_payout_of_their_own(till: Till) -> None:
    payee = await till.payee()
    await till.sell(payee)
    payout = await ask(till, payee)
    for act, facts in ((settlements.approve, ()), (settlements.reject, ("no",))):
        with pytest.raises(settlements.MakerIsChecker):
            async with till.db.transaction(till.principal) as tx:
                await act(tx, payout.id, *facts)
    assert (await check(till, settlements.approve, payout)).status is PayoutStatus.APPROVED


async def test_the_schema_too_refuses_a_maker_who_is_the_checker(till: Till, owner: "asyncpg.Connection[asyncpg.Record]") -> None:
    payee = await till.payee()
    await till.sell(payee)
    payout = await ask(till, payee)
    with pytest.raises(asyncpg.CheckViolationError):
        await owner.execute(
            "UPDATE payouts SET status = 'approved', decided_by = requested_by, decided_at = requested_at WHERE id = $1",
            payout.id,
        )


async def test_the_schema_too_refuses_a_settlement_in_two_live_payouts(
    till: Till, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    payee = await till.payee()
    await till.sell(payee, 100, 0)
    first = await ask(till, payee)
    await till.sell(payee, 200, 0)
    second = await ask(till, payee)
    with pytest.raises(asyncpg.UniqueViolationError):
        await owner.execute(
            """INSERT INTO payout_items (tenant_id, payout_id, move_id, settlement_id, kind, amount_minor)
               SELECT tenant_id, $2, move_id, settlement_id, kind, amount_minor FROM payout_items WHERE payout_id = $1""",
            first.id,
            second.id,
        )


@pytest.mark.parametrize("how", ["rejected", "rejected after approval", "failed"])
async def test_what_was_not_paid_is_the_payees_again_and_can_be_paid_anew(till: Till, how: str) -> None:
    payee = await till.payee()
    await till.sell(payee)
    payout = await ask(till, payee)
    if how != "rejected":
        await check(till, settlements.approve, payout)
    if how == "failed":
        await check(till, settlements.dispatch, payout)
        ended = await check(till, settlements.fail, payout, "account closed")
    else:
        ended = await check(till, settlements.reject, payout, "wrong account")
    assert ended.reason in {"account closed", "wrong account"}
    owed = await till.owed(payee)
    assert (owed.available, owed.in_payout, await till.held("payouts")) == (9_000, 0, 0)
    assert (await pay(till, payee)).number == 2
    async with till.db.transaction(till.principal, read_only=True) as tx:
        assert [item.live for item in await settlements.payout_items(tx, payout.id)] == [False]


async def test_only_legal_moves_are_made_and_a_repeat_changes_nothing(till: Till) -> None:
    acts: dict[PayoutStatus, tuple[Callable[..., Awaitable[Payout]], tuple[object, ...]]] = {
        PayoutStatus.APPROVED: (settlements.approve, ()),
        PayoutStatus.REJECTED: (settlements.reject, ("no",)),
        PayoutStatus.SENT: (settlements.dispatch, ()),
        PayoutStatus.PAID: (settlements.confirm, ()),
        PayoutStatus.FAILED: (settlements.fail, ("no",)),
    }
    roads = {
        PayoutStatus.REQUESTED: [],
        PayoutStatus.APPROVED: [PayoutStatus.APPROVED],
        PayoutStatus.REJECTED: [PayoutStatus.REJECTED],
        PayoutStatus.SENT: [PayoutStatus.APPROVED, PayoutStatus.SENT],
        PayoutStatus.PAID: [PayoutStatus.APPROVED, PayoutStatus.SENT, PayoutStatus.PAID],
        PayoutStatus.FAILED: [PayoutStatus.APPROVED, PayoutStatus.SENT, PayoutStatus.FAILED],
    }
    for status, road in roads.items():
        payee = await till.payee()
        await till.sell(payee)
        payout = await ask(till, payee)
        for step in road:
            act, facts = acts[step]
            payout = await check(till, act, payout, *facts)
        for to, (act, facts) in acts.items():
            if to is status:
                assert await check(till, act, payout, *facts) == payout
            elif to not in settlements.PAYOUT_MOVES[status]:
                with pytest.raises(settlements.PayoutMoveIllegal):
                    await check(till, act, payout, *facts)


async def test_a_payout_below_the_tenants_minimum_is_refused(till: Till) -> None:
    async with till.db.transaction(till.principal) as tx:
        await identity.change_tenant(tx, settings={"payout_minimum_minor": 9_001})
    payee = await till.payee()
    await till.sell(payee)
    with pytest.raises(settlements.PayoutBelowMinimum):
        await ask(till, payee)
    await till.sell(payee, 1, 0)
    assert (await ask(till, payee)).amount_minor == 9_001


async def test_a_payee_sees_and_asks_for_its_own_payouts_only(till: Till) -> None:
    mine, theirs = await till.payee(), await till.payee()
    await till.sell(mine)
    await till.sell(theirs)
    other = await ask(till, theirs)
    partner = replace(till.principal, actor="staff:partner", payee_id=mine)
    async with till.db.transaction(partner) as tx:
        assert (await settlements.request_payout(tx, mine, "TRY")).amount_minor == 9_000
        assert [each.payee_id for each in await settlements.payouts(tx)] == [mine]
        with pytest.raises(identity.PayeeUnknown):
            await settlements.request_payout(tx, theirs, "TRY")
        for refused in (settlements.payout(tx, other.id), settlements.approve(tx, other.id)):
            with pytest.raises(settlements.PayoutMissing):
                await refused


async def test_of_payouts_asked_for_at_once_none_pays_anything_twice(till: Till, dsn: str, figures: Figures) -> None:
    """ET10"""
    figures.promise("asked for at once", "made", "refused", "settled meanwhile")
    random = Random(7)
    payee = await till.payee()
    pool = await open_pool(dsn, size=12)
    busy = replace(till, db=Database(pool))

    async def one(kind: str, line_id: UUID) -> str:
        try:
            if kind == "sell":
                await busy.sell(payee, random.randrange(1, 10_000), 1)
            elif kind == "claw":
                await busy.take_back(line_id, random.randrange(1, 500))
            else:
                figures["asked for at once"] += 1
                await ask(busy, payee)
        except Refusal as refusal:
            return refusal.code()
        return kind

    for _ in range(ROUNDS):
        made = await till.sell(payee, 10_000, 333)
        kinds = ["ask"] * 4 + ["sell"] * 2 + ["claw"]
        random.shuffle(kinds)
        outcomes = await asyncio.gather(*(one(kind, made.line_id) for kind in kinds))
        assert set(outcomes) <= {"ask", "sell", "claw", "payout_nothing_due", "busy"}
        figures["made"] += outcomes.count("ask")
        figures["settled meanwhile"] += outcomes.count("sell")
        figures["refused"] += outcomes.count("payout_nothing_due")
        assert outcomes.count("ask") >= 1
        assert await till.audit() == []
    await pool.close()
