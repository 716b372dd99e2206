"""Rows CC3, CC4, CW8: many at once, and the same thing asked again. Idempotency over group commit."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from tenancy_fixtures import TestTenant
from vezne import identity, wallets
from vezne.kernel import clock
from vezne.kernel.db import Database
from vezne.kernel.ids import parse_id
from vezne.kernel.jobs import JobCall
from vezne.kernel.money import Money
from vezne.wallets import Debit, jobs
from wallets_fixtures import Shop

pytestmark = pytest.mark.concurrency


async def send(
    shop: Shop, wallet: str, amount: int, *, key: str | None = None, currency: str = "TRY", **more: object
) -> httpx2.Response:
    body = {"amount_minor": amount, "currency": currency, **more}
    return await shop.send(f"/v1/wallets/{wallet}/debits", body, key=key)


def statuses(answers: Sequence[httpx2.Response]) -> dict[int, int]:
    return dict(Counter(answer.status_code for answer in answers))


@pytest.mark.parametrize(("kind", "currency"), [("money", "TRY"), ("coins", "COIN")])
async def test_two_hundred_debits_at_once_never_overdraw(shop: Shop, kind: str, currency: str) -> None:
    """CC3, CW1"""
    wallet = await shop.wallet(1000, kind=kind)
    answers = await asyncio.gather(*[send(shop, wallet, 10, currency=currency) for _ in range(200)])
    assert statuses(answers) == {201: 100, 409: 100}
    assert await shop.balance(wallet) == 0
    after = sorted(answer.json()["balance_after_minor"] for answer in answers if answer.status_code == 201)
    assert after == list(range(0, 1000, 10))


async def test_debits_in_transactions_of_their_own_never_overdraw(shop: Shop, db: Database) -> None:
    """CC3: as several processes would."""
    wallet = parse_id("wal", await shop.wallet(1000))

    async def spend() -> bool:
        try:
            async with db.transaction(shop.tenant.principal) as tx:
                await wallets.debit(tx, Debit(wallet_id=wallet, amount=Money(100, "TRY")))
        except wallets.InsufficientFunds:
            return False
        return True

    assert Counter(await asyncio.gather(*[spend() for _ in range(40)])) == {True: 10, False: 30}


async def test_fifty_first_uses_at_once_make_one_coin_wallet(shop: Shop, db: Database) -> None:
    """CC3"""
    customer = parse_id("cus", await shop.customer())

    async def need() -> object:
        async with db.transaction(shop.tenant.principal) as tx:
            return (await wallets.wallet_of(tx, customer, "coins", "COIN")).id

    assert len(set(await asyncio.gather(*[need() for _ in range(50)]))) == 1


async def test_a_coin_transaction_happens_once_for_its_student_type_and_reference(shop: Shop) -> None:
    """CC4"""
    wallet = await shop.wallet(kind="coins")
    told: dict[str, Any] = {"currency": "COIN", "reference": {"type": "course_completion", "id": "course-1"}, "once": True}
    answers = await asyncio.gather(*[shop.credit(wallet, 100, **told, description=f"try {number}") for number in range(20)])
    assert len({answer["id"] for answer in answers}) == 1
    assert len({answer["description"] for answer in answers}) == 1
    assert await shop.balance(wallet) == 100
    other: dict[str, Any] = {"currency": "COIN", "reference": {"type": "referral", "id": "course-1"}, "once": True}
    await shop.credit(wallet, 50, **other)
    assert (await shop.credit(wallet, 99, **told, status=409))["code"] == "reference_reused"
    spent: dict[str, Any] = {"currency": "COIN", "reference": {"type": "voucher", "id": "v1"}, "once": True}
    debits = await asyncio.gather(*[shop.debit(wallet, 120, **spent) for _ in range(5)])
    assert len({debit["id"] for debit in debits}) == 1
    assert await shop.balance(wallet) == 30
    missing = await shop.credit(wallet, 1, currency="COIN", once=True, status=422)
    assert missing["errors"][0]["loc"] == ["body", "reference"]


async def test_one_key_sent_fifty_times_at_once_happens_once(shop: Shop) -> None:
    """CW8"""
    wallet = await shop.wallet(1000)
    key = f"key-{uuid4()}"
    answers = await asyncio.gather(*[send(shop, wallet, 10, key=key) for _ in range(50)])
    assert statuses(answers) == {201: 50}
    assert len({answer.content for answer in answers}) == 1
    assert sum("idempotency-replayed" in answer.headers for answer in answers) == 49
    assert await shop.balance(wallet) == 990
    other = await send(shop, wallet, 11, key=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


async def test_a_refused_debit_leaves_its_key_free(shop: Shop) -> None:
    wallet = await shop.wallet(5)
    key = f"key-{uuid4()}"
    assert (await send(shop, wallet, 10, key=key)).status_code == 409
    await shop.credit(wallet, 5)
    assert (await send(shop, wallet, 10, key=key)).status_code == 201


async def test_refusals_of_a_batch_reach_only_whom_they_concern(shop: Shop) -> None:
    rich, poor = await shop.wallet(10_000), await shop.wallet()
    unknown = f"wal_{'0' * 26}"
    answers = await asyncio.gather(*[send(shop, wallet, 10) for _ in range(30) for wallet in (rich, poor, unknown)])
    assert [answer.status_code for answer in answers] == [201, 409, 404] * 30
    assert await shop.balance(rich) == 9_700


async def test_opposite_transfers_at_once_lose_nothing(shop: Shop) -> None:
    one, two = await shop.wallet(1000), await shop.wallet(1000)

    async def transfer(giver: str, taker: str) -> httpx2.Response:
        body = {"from_wallet_id": giver, "to_wallet_id": taker, "amount_minor": 7, "currency": "TRY"}
        return await shop.send("/v1/transfers", body)

    pairs = [(one, two), (two, one)] * 40
    answers = await asyncio.gather(*[transfer(giver, taker) for giver, taker in pairs])
    assert statuses(answers) == {201: 80}
    assert (await shop.balance(one), await shop.balance(two)) == (1000, 1000)


async def test_of_two_refunds_at_once_one_wins(shop: Shop) -> None:
    wallet = await shop.wallet(100)
    debit = await shop.debit(wallet, 100)
    path = f"/v1/transactions/{debit['id']}/refunds"
    answers = await asyncio.gather(*[shop.send(path, {"amount_minor": 60}) for _ in range(6)])
    assert statuses(answers) == {201: 1, 409: 5}
    assert await shop.balance(wallet) == 60


async def test_a_freeze_does_not_race_with_debits(shop: Shop) -> None:
    wallet = await shop.wallet(10_000)
    debits = [asyncio.create_task(send(shop, wallet, 1)) for _ in range(60)]
    await shop.patch(f"/v1/wallets/{wallet}", {"status": "frozen"})
    after_freeze = await send(shop, wallet, 1)
    done = statuses(await asyncio.gather(*debits))
    assert (after_freeze.status_code, set(done) <= {201, 409}) == (409, True)
    assert await shop.balance(wallet) == 10_000 - done.get(201, 0)


async def test_closing_does_not_race_with_credits(shop: Shop) -> None:
    wallet = await shop.wallet()
    closing = shop.http.patch(f"/v1/wallets/{wallet}", json={"status": "closed"}, headers=shop.tenant.headers)
    body = {"amount_minor": 5, "currency": "TRY"}
    closed, credited = await asyncio.gather(closing, shop.send(f"/v1/wallets/{wallet}/credits", body))
    assert sorted([closed.status_code, credited.status_code]) in ([200, 409], [201, 409])


async def test_a_hold_is_either_captured_or_expired(shop: Shop, db: Database) -> None:
    async with db.transaction(shop.tenant.principal) as tx:
        now = tx.now
        await clock.hold(tx, now)
    wallet = await shop.wallet(1000)
    body = {"amount_minor": 10, "currency": "TRY", "expires_at": (now + timedelta(minutes=1)).isoformat()}
    holds = [await shop.post(f"/v1/wallets/{wallet}/holds", body) for _ in range(10)]
    captures = [asyncio.create_task(shop.send(f"/v1/holds/{hold['id']}/captures", {})) for hold in holds]
    async with db.transaction(shop.tenant.principal) as tx:
        await clock.hold(tx, now + timedelta(minutes=1))
    await jobs.expire_holds(db, JobCall("expire", shop.tenant.tenant_id))
    answers = statuses(await asyncio.gather(*captures))
    await jobs.expire_holds(db, JobCall("expire", shop.tenant.tenant_id))
    found = await shop.get(f"/v1/wallets/{wallet}")
    assert (found["balance_minor"], found["held_minor"]) == (1000 - 10 * answers.get(201, 0), 0)
    ended = (await shop.get(f"/v1/wallets/{wallet}/holds", status="expired"))["data"]
    assert len(ended) == answers.get(409, 0)


async def test_spending_and_expiring_at_once_never_spends_what_lapsed(shop: Shop, db: Database) -> None:
    async with db.transaction(shop.tenant.principal) as tx:
        now = tx.now
        await clock.hold(tx, now)
    wallet = await shop.wallet(kind="coins")
    for number in range(10):
        await shop.credit(wallet, 10, currency="COIN", expires_at=(now + timedelta(minutes=1 + number % 2)).isoformat())
    async with db.transaction(shop.tenant.principal) as tx:
        await clock.hold(tx, now + timedelta(minutes=1))
    expiring = asyncio.create_task(jobs.expire_lots(db, JobCall("expire", shop.tenant.tenant_id)))
    answers = await asyncio.gather(*[send(shop, wallet, 5, currency="COIN") for _ in range(20)])
    await expiring
    assert statuses(answers) == {201: 10, 409: 10}
    assert await shop.balance(wallet) == 0


async def test_a_daily_limit_holds_for_debits_at_once(shop: Shop) -> None:
    wallet = await shop.wallet(1000)
    await shop.patch(f"/v1/wallets/{wallet}", {"max_daily_transactions": 7})
    assert statuses(await asyncio.gather(*[send(shop, wallet, 1) for _ in range(30)])) == {201: 7, 409: 23}


async def test_another_tenants_wallet_is_as_unknown_as_none(shop: Shop, other_tenant: TestTenant, db: Database) -> None:
    wallet = await shop.wallet(1000)
    hold = await shop.post(f"/v1/wallets/{wallet}/holds", {"amount_minor": 1, "currency": "TRY"})
    debit = await shop.debit(wallet, 1)
    mine = await shop.customer()
    stranger = Shop(shop.http, other_tenant)
    amount = {"amount_minor": 1, "currency": "TRY"}
    own = await stranger.wallet(10)
    unknown = f"wal_{'0' * 26}"
    for method, path, body in [
        ("GET", f"/v1/wallets/{wallet}", None),
        ("PATCH", f"/v1/wallets/{wallet}", {"status": "frozen"}),
        ("POST", f"/v1/wallets/{wallet}/credits", amount),
        ("POST", f"/v1/wallets/{wallet}/debits", amount),
        ("POST", f"/v1/wallets/{wallet}/holds", amount),
        ("GET", f"/v1/wallets/{wallet}/holds", None),
        ("GET", f"/v1/wallets/{wallet}/transactions", None),
        ("GET", f"/v1/wallets/{own}/transactions/{debit['id']}", None),
        ("GET", f"/v1/holds/{hold['id']}", None),
        ("POST", f"/v1/holds/{hold['id']}/captures", {}),
        ("POST", f"/v1/holds/{hold['id']}/releases", {}),
        ("POST", f"/v1/transactions/{debit['id']}/refunds", {}),
        ("POST", "/v1/transfers", amount | {"from_wallet_id": own, "to_wallet_id": wallet}),
        ("POST", "/v1/transfers", amount | {"from_wallet_id": wallet, "to_wallet_id": own}),
        ("POST", "/v1/wallets", {"customer_id": mine, "currency": "TRY"}),
    ]:
        answer = await shop.http.request(method, path, json=body, headers=other_tenant.headers)
        assert answer.status_code == 404, (path, answer.text)
        plain = await shop.http.request(method, path.replace(wallet, unknown), json=body, headers=other_tenant.headers)
        assert plain.json()["code"] == answer.json()["code"]
    async with db.transaction(other_tenant.principal) as tx:
        assert not (await identity.customers_by_reference(tx, [])).get(mine)
