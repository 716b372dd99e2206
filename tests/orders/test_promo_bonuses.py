"""CM4: bonus credits of an order: granted later when they cannot be now, given again when a refund fails."""

import pytest

from orders_fixtures import BoxOffice, seats
from promos_fixtures import Booth
from vezne import promos, wallets

UNIT = "CREDIT"


@pytest.fixture
def booth(office: BoxOffice) -> Booth:
    """Where the box office's codes are given out."""
    return Booth(office.db, office.tenant)


async def test_a_refund_that_fails_gives_the_bonus_again(office: BoxOffice, booth: Booth) -> None:
    code = await booth.give("MORE", "bonus_credits", bonus_units=40)
    event, customer = await office.event(10_000), await office.customer()
    wallet = await office.wallet(customer, 0, "credits", UNIT)
    placed = await office.order(customer, [seats(event)], promo_codes=["MORE"])
    await office.settle(placed)
    assert await office.balance(wallet) == (40, 0)
    await office.sandbox.arm(refunds={"fail": True})
    assert (await office.refund(placed)).status_code == 201
    assert await office.balance(wallet) == (0, 0)
    await office.work()
    assert (await office.seen(placed))["refunded_minor"] == 0
    assert await office.balance(wallet) == (40, 0)
    await office.sandbox.arm()
    assert (await office.refund(placed, {"amount_minor": 2_500})).status_code == 201
    assert await office.balance(wallet) == (30, 0)
    async with office.db.transaction(office.principal, read_only=True) as tx:
        (use,) = await promos.redemptions(tx, limit=1, code_id=code.id)
    assert (use.status, use.bonus_taken, use.bonus_missing) == ("redeemed", 10, 0)


async def test_a_bonus_that_cannot_be_granted_now_sends_no_money_back_and_is_granted_later(
    office: BoxOffice, booth: Booth
) -> None:
    await booth.give("MORE", "bonus_credits", bonus_units=40)
    event, customer = await office.event(10_000), await office.customer()
    wallet = await office.wallet(customer, 0, "credits", UNIT)
    placed = await office.order(customer, [seats(event)], promo_codes=["MORE"])
    async with office.db.transaction(office.principal) as tx:
        await wallets.close(tx, wallet.id)
    await office.settle(placed)
    seen = await office.seen(placed)
    assert (seen["status"], seen["last_error"], seen["lines"][0]["applied_minor"]) == ("paid", "wallet_closed", 10_000)
    async with office.db.transaction(office.principal) as tx:
        await wallets.reopen(tx, wallet.id)
    for _ in range(2):
        assert (await office.post(f"/v1/orders/{placed['order']['id']}/fulfilments")).status_code == 201
    assert (await office.seen(placed))["status"] == "fulfilled"
    assert await office.balance(wallet) == (40, 0)


async def test_a_bonus_of_an_order_that_is_never_paid_is_never_granted(office: BoxOffice, booth: Booth) -> None:
    await booth.give("MORE", "bonus_credits", bonus_units=40)
    customer = await office.customer()
    wallet = await office.wallet(customer, 0, "credits", UNIT)
    placed = await office.order(customer, [seats(await office.event(10_000))], promo_codes=["MORE"])
    await office.post(f"/v1/orders/{placed['order']['id']}/cancellations")
    assert await office.balance(wallet) == (0, 0)
