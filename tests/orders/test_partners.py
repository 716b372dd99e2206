"""A partner's staff see and act on their own payee's orders, and on nothing else."""

from dataclasses import replace
from uuid import UUID

import pytest

from orders_fixtures import BoxOffice, seats
from vezne import orders
from vezne.kernel.ids import parse_id
from vezne.kernel.principal import Principal
from vezne.orders import queries, queries_unmatched
from vezne.orders.operations import reading


async def partner(office: BoxOffice, payee_id: UUID) -> Principal:
    return replace(office.principal, payee_id=payee_id)


async def test_orders_of_others_are_not_there_for_a_partner(office: BoxOffice) -> None:
    mine, other = await office.payee(), await office.payee()
    sold = [
        await office.order(await office.customer(), [seats(await office.event(2_500, item={"payee_id": payee}))])
        for payee in (mine, other)
    ]
    ids = [parse_id("ord", placed["order"]["id"]) for placed in sold]
    async with office.db.transaction(await partner(office, mine)) as tx:
        listed = await queries.select_orders(tx, limit=10, before=None, customer_id=None, status=None)
        assert [order.id for order in listed] == [ids[0]]
        assert (await orders.order(tx, ids[0])).id == ids[0]
        for forbidden in (orders.order, orders.cancel, orders.refund, orders.fulfil, orders.view):
            with pytest.raises(orders.UnknownOrder):
                await forbidden(tx, ids[1])
        assert await queries_unmatched.select_unmatched_page(tx, limit=5, before=None, status=None, reason=None) == []


async def test_of_an_order_of_several_payees_each_sees_its_own_lines_and_cancels_nothing(office: BoxOffice) -> None:
    mine, other = await office.payee(), await office.payee()
    lines = [seats(await office.event(2_500, item={"payee_id": payee})) for payee in (mine, other)]
    placed = await office.order(await office.customer(), lines)
    order_id = parse_id("ord", placed["order"]["id"])
    async with office.db.transaction(await partner(office, mine)) as tx:
        view = await reading.view(tx, order_id)
        assert [line.payee_id for line in view.lines] == [mine]
        with pytest.raises(orders.UnknownOrder):
            await orders.cancel(tx, order_id)
    await office.settle(placed)
    assert (await office.owed(mine), await office.owed(other)) == (2_250, 2_250)
