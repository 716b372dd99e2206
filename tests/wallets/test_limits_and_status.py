"""Freezing, closing, limits (what of row CM11 belongs to wallets) and the low-balance event."""

from datetime import UTC, datetime, timedelta

import pytest

from vezne import identity
from vezne.kernel import clock
from vezne.kernel.db import Database
from vezne.wallets.operations.limits import deployment_limits
from wallets_fixtures import Shop


async def lows(db: Database, shop: Shop, wallet: str) -> int:
    async with db.transaction(shop.tenant.principal) as tx:
        found = await tx.fetchval(
            "SELECT count(*) FROM events WHERE tenant_id = $1 AND subject = $2 AND type = 'wallet.low'", tx.tenant_id, wallet
        )
    return int(found)


async def test_a_frozen_wallet_gives_nothing_and_still_takes(shop: Shop) -> None:
    wallet = await shop.wallet(1000)
    debit = await shop.debit(wallet, 100)
    hold = await shop.post(f"/v1/wallets/{wallet}/holds", {"amount_minor": 100, "currency": "TRY"})
    frozen = await shop.patch(f"/v1/wallets/{wallet}", {"status": "frozen"})
    assert frozen["status"] == "frozen"
    assert (await shop.debit(wallet, 1, status=409))["code"] == "wallet_frozen"
    assert (await shop.post(f"/v1/holds/{hold['id']}/captures", {}, status=409))["code"] == "wallet_frozen"
    body = {"amount_minor": 1, "currency": "TRY"}
    assert (await shop.post(f"/v1/wallets/{wallet}/holds", body, status=409))["code"] == "wallet_frozen"
    await shop.post(f"/v1/holds/{hold['id']}/releases", {})
    await shop.credit(wallet, 5)
    await shop.post(f"/v1/transactions/{debit['id']}/refunds", {})
    await shop.patch(f"/v1/wallets/{wallet}", {"status": "frozen", "refuse_credits": True})
    assert (await shop.credit(wallet, 5, status=409))["code"] == "wallet_frozen"
    await shop.patch(f"/v1/wallets/{wallet}", {"status": "open"})
    assert (await shop.debit(wallet, 1005))["balance_after_minor"] == 0


async def test_only_an_empty_wallet_can_be_closed_and_then_nothing_moves(shop: Shop) -> None:
    wallet = await shop.wallet(10)
    assert (await shop.patch(f"/v1/wallets/{wallet}", {"status": "closed"}, status=409))["code"] == "wallet_not_empty"
    await shop.debit(wallet, 10)
    for _ in range(2):
        assert (await shop.patch(f"/v1/wallets/{wallet}", {"status": "closed"}))["status"] == "closed"
    assert (await shop.credit(wallet, 1, status=409))["code"] == "wallet_closed"
    assert (await shop.patch(f"/v1/wallets/{wallet}", {"status": "frozen"}, status=409))["code"] == "wallet_closed"
    await shop.patch(f"/v1/wallets/{wallet}", {"status": "open"})
    await shop.credit(wallet, 1)


@pytest.mark.parametrize("kind", ["money", "coins"])
async def test_a_wallets_own_limits_hold_by_transaction_and_by_day(shop: Shop, db: Database, kind: str) -> None:
    """CM11"""
    noon = datetime(2031, 5, 1, 12, tzinfo=UTC)
    async with db.transaction(shop.tenant.principal) as tx:
        await clock.hold(tx, noon)
    currency = "COIN" if kind == "coins" else "TRY"
    wallet = await shop.wallet(10_000, kind=kind)
    limits = {"max_transaction_minor": 500, "max_daily_minor": 900, "max_daily_transactions": 3}
    assert (await shop.patch(f"/v1/wallets/{wallet}", limits))["limits"] == limits
    assert (await shop.debit(wallet, 501, currency=currency, status=409))["code"] == "transaction_limit_exceeded"
    await shop.debit(wallet, 500, currency=currency)
    assert (await shop.debit(wallet, 401, currency=currency, status=409))["code"] == "daily_amount_exceeded"
    await shop.post(f"/v1/wallets/{wallet}/holds", {"amount_minor": 100, "currency": currency})
    await shop.debit(wallet, 100, currency=currency)
    assert (await shop.debit(wallet, 1, currency=currency, status=409))["code"] == "daily_transactions_exceeded"
    async with db.transaction(shop.tenant.principal) as tx:  # midnight in Istanbul is 21:00 UTC
        await clock.hold(tx, noon + timedelta(hours=9))
    await shop.debit(wallet, 1, currency=currency)
    cleared = await shop.patch(f"/v1/wallets/{wallet}", {"max_daily_minor": None})
    assert cleared["limits"] == limits | {"max_daily_minor": None}


async def test_a_wallets_limit_stands_before_its_tenants_and_neither_beyond_the_deployments(
    shop: Shop, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with db.transaction(shop.tenant.principal) as tx:
        await identity.change_tenant(tx, settings={"max_transaction_amount": 100})
    wallet = await shop.wallet(10_000)
    assert (await shop.debit(wallet, 101, status=409))["code"] == "transaction_limit_exceeded"
    await shop.patch(f"/v1/wallets/{wallet}", {"max_transaction_minor": 300})
    await shop.debit(wallet, 300)
    monkeypatch.setenv("MAX_TRANSACTION_AMOUNT", "200")
    deployment_limits.cache_clear()
    try:
        assert (await shop.debit(wallet, 201, status=409))["code"] == "transaction_limit_exceeded"
    finally:
        monkeypatch.undo()
        deployment_limits.cache_clear()


async def test_a_refused_debit_does_not_count_for_the_day(shop: Shop) -> None:
    wallet = await shop.wallet(10)
    await shop.patch(f"/v1/wallets/{wallet}", {"max_daily_transactions": 1})
    assert (await shop.debit(wallet, 11, status=409))["code"] == "insufficient_funds"
    await shop.debit(wallet, 1)


async def test_low_balance_is_told_once_for_each_crossing(shop: Shop, db: Database) -> None:
    wallet = await shop.wallet(1000)
    await shop.patch(f"/v1/wallets/{wallet}", {"low_balance_minor": 500})
    for amount, told in ((500, 0), (1, 1), (1, 1)):
        await shop.debit(wallet, amount)
        assert await lows(db, shop, wallet) == told
    await shop.credit(wallet, 500)
    await shop.debit(wallet, 500)
    assert await lows(db, shop, wallet) == 2
