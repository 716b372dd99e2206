"""SR1: one place creates payments, and a reservation has one of them."""

import asyncio
from uuid import UUID

import structlog

from desk_fixtures import MINUTE, Desk
from vezne import payments
from vezne.kernel.money import Money

AMOUNT = Money(15_000, "TRY")


async def ask(desk: Desk, reservation: str, amount: Money = AMOUNT) -> tuple[payments.Payment, bool, str | None]:
    async with desk.db.transaction(desk.principal) as tx:
        return await payments.get_or_create(tx, amount, reservation, reservation=reservation, expires_after=30 * MINUTE)


async def link(desk: Desk, payment_id: UUID, reservation: str) -> payments.Payment | None:
    async with desk.db.transaction(desk.principal) as tx:
        return await payments.link(tx, payment_id, reservation)


async def test_sr1_the_second_asker_is_given_the_payment_of_the_first(desk: Desk) -> None:
    with structlog.testing.capture_logs() as told:
        first, made, secret = await ask(desk, "wrs_1")
        again, made_again, no_secret = await ask(desk, "wrs_1", Money(99, "EUR"))
    assert (made, made_again, no_secret) == (True, False, None)
    assert secret is not None
    assert again == first
    assert [line["event"] for line in told] == ["Created new payment", "Existing payment detected, skipping creation"]


async def test_sr1_thirty_at_once_get_one_payment_and_no_error(desk: Desk) -> None:
    for number in range(5):
        with structlog.testing.capture_logs() as told:
            answers = await asyncio.gather(*[ask(desk, f"wrs_race_{number}") for _ in range(30)])
        assert len({payment.id for payment, _, _ in answers}) == 1
        assert sum(made for _, made, _ in answers) == 1
        assert [line["event"] for line in told].count("Created new payment") == 1
    assert await desk.events("payment.created") == 5


async def test_sr1_a_link_is_kept_and_never_stolen(desk: Desk) -> None:
    loose, taken = await desk.pay(), (await ask(desk, "wrs_taken"))[0]
    assert await link(desk, loose.id, "wrs_taken") is None
    assert (await desk.payment(loose.id)).reservation is None
    linked = await link(desk, loose.id, "wrs_own")
    assert linked is not None
    with structlog.testing.capture_logs() as told:
        assert await link(desk, loose.id, "wrs_own") == await desk.payment(loose.id)
    assert [line["event"] for line in told] == ["Payment already linked to reservation"]
    assert await link(desk, loose.id, "wrs_another") is None
    assert ((await desk.payment(loose.id)).reservation, (await desk.payment(taken.id)).reservation) == ("wrs_own", "wrs_taken")


async def test_sr1_two_payments_that_are_linked_at_once_to_one_reservation_one_wins(desk: Desk) -> None:
    for number in range(5):
        made = [await desk.pay() for _ in range(4)]
        linked = await asyncio.gather(*[link(desk, payment.id, f"wrs_{number}") for payment in made])
        assert sum(payment is not None for payment in linked) == 1


async def test_a_payment_may_be_paid_longer_but_never_shorter(desk: Desk) -> None:
    made = await desk.pay()
    async with desk.db.transaction(desk.principal) as tx:
        assert (await payments.extend(tx, made.id, made.expires_at - MINUTE)).expires_at == made.expires_at
        assert (await payments.extend(tx, made.id, made.expires_at + MINUTE)).expires_at == made.expires_at + MINUTE
        await payments.cancel(tx, made.id)
        assert (await payments.extend(tx, made.id, made.expires_at + 2 * MINUTE)).expires_at == made.expires_at + MINUTE


async def test_a_new_client_secret_ends_the_old_one(desk: Desk) -> None:
    made, _, old = await ask(desk, "wrs_secret")
    async with desk.db.transaction(desk.principal) as tx:
        new = await payments.renew_client_secret(tx, made.id)
        assert (await payments.of_client_secret(tx, new)).id == made.id
        try:
            await payments.of_client_secret(tx, old or "")
        except payments.ClientSecretUnknown:
            return
    raise AssertionError("the old secret still opens the payment")
