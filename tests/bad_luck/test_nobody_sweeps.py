"""The worker is down: what lapsed is for sale again all the same, and money that comes late goes where the tenant says."""

from datetime import timedelta
from typing import Any

import pytest

from bad_luck.shop import DAYS, SEAT, Shop, Visit
from desk_fixtures import MINUTE
from orders_fixtures import by_wallet, seats
from vezne import bookings, identity, payments, wallets
from vezne.kernel import clock

PROVIDERS = ["simulated", "payu"]


async def an_hour_passes(shop: Shop, *, swept: bool = False) -> None:
    """The time of holds and payments is over; the sweeps run, or nobody does them."""
    async with shop.db.transaction(shop.principal) as tx:
        await clock.hold(tx, tx.now + 61 * MINUTE)
    if swept:
        async with shop.db.transaction(shop.principal) as tx:
            await bookings.expire_due(tx)
            await wallets.expire_holds(tx)
        await payments.expire_due(shop.db, shop.gateways, shop.principal)


async def somebody_else(shop: Shop, line: dict[str, Any]) -> None:
    """Another customer buys it from the wallet, and has it at once."""
    customer = await shop.customer()
    wallet = await shop.wallet(customer, 100_000, currency="INR")
    placed = await shop.order(customer, [line], currency="INR", tenders=[by_wallet(wallet)])
    assert placed["order"]["status"] == "fulfilled"


async def pays_late(visit: Visit) -> dict[str, Any]:
    """The card page stood open all the while; now the customer pays there and comes back."""
    await visit.pay()  # the provider heard nothing of our clock: its page takes the card
    page = await visit.come_back()
    assert page.status_code in {200, 410}  # the page is gone a day after its time; what was paid counts all the same
    if visit.provider == "simulated":
        await visit.webhook()
    return await visit.shop.seen(visit.placed)


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("where", ["wallet", "refund"])
@pytest.mark.parametrize("thing", ["seat", "unit"])
async def test_what_lapsed_unswept_is_sold_to_the_next_and_late_money_goes_where_it_is_due(
    shop: Shop, provider: str, where: str, thing: str
) -> None:
    async with shop.db.transaction(shop.principal) as tx:
        await identity.change_tenant(tx, settings={"late_money": where})
    event, depot, customer = await shop.event(SEAT, 1, currency="INR"), await shop.depot(), await shop.customer()
    wallet = await shop.wallet(customer, 1_000, currency="INR")
    line = seats(event) if thing == "seat" else await shop.stay(depot, DAYS)
    visit = await shop.visit([line], provider, customer=customer, tenders=[by_wallet(wallet, 1_000)])
    by_card = visit.placed["payment"]["amount_minor"]
    full = await shop.ask(await shop.customer(), [line], currency="INR")
    assert full.json()["code"] == ("sold_out" if thing == "seat" else "no_unit_free")
    await an_hour_passes(shop)
    await somebody_else(shop, line)
    order = await pays_late(visit)
    assert (order["status"], order["last_error"]) == ("failed", "sold_out" if thing == "seat" else "no_unit_free")
    await shop.give_back()
    (found,) = (await shop.get("/v1/unmatched-money"))["data"]
    assert (found["status"], found["action"], found["amount_minor"]) == ("resolved", where, by_card)
    assert await shop.balance(wallet) == (1_000 + (by_card if where == "wallet" else 0), 0)
    assert await shop.held(f"clearing:{provider}", "INR") == (-by_card if where == "wallet" else 0)
    if provider == "payu":
        assert [refund["paise"] for refund in await shop.refunds(visit.ref)] == ([by_card] if where == "refund" else [])
    assert await shop.events("settlement.made") == 1  # the other customer's


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("swept", [False, True])
async def test_late_money_has_its_seats_when_nobody_took_them(shop: Shop, provider: str, swept: bool) -> None:  # noqa: FBT001
    event, customer = await shop.event(SEAT, 2, currency="INR"), await shop.customer()
    wallet = await shop.wallet(customer, 1_000, currency="INR")
    visit = await shop.visit([seats(event, 2)], provider, customer=customer, tenders=[by_wallet(wallet, 1_000)])
    await an_hour_passes(shop)
    if provider == "simulated" and swept:  # our cancelling is lost on its way, so that the page stays open there
        await shop.owner.execute(
            "UPDATE payment_attempts SET status = 'cancelled' WHERE tenant_id = $1 AND provider_ref = $2",
            shop.tenant.tenant_id,
            visit.ref,
        )
    await an_hour_passes(shop, swept=swept)
    assert (await shop.seen(visit.placed))["status"] == ("expired" if swept else "pending")
    order = await pays_late(visit)
    assert order["status"] == "fulfilled"
    assert await shop.balance(wallet) == (0, 0)
    assert ((booked := await shop.resource(event)).held, booked.taken) == (0, 2)
    assert len(await shop.tickets(visit.placed)) == 2
    assert await shop.held("unapplied", "INR") == 0


async def test_a_unit_whose_days_are_over_before_the_money_came_is_not_booked_for_the_past(shop: Shop) -> None:
    depot = await shop.depot()
    visit = await shop.visit([await shop.stay(depot)], "payu")
    async with shop.db.transaction(shop.principal) as tx:
        await clock.hold(tx, tx.now + timedelta(days=60))
    order = await pays_late(visit)
    assert (order["status"], order["last_error"]) == ("failed", "no_unit_free")
    (found,) = (await shop.get("/v1/unmatched-money"))["data"]
    assert (found["reason"], found["action"]) == ("paid_late", "wallet")
