"""Rows CM1, CM6–CM8, CM13: a customer's credits as the documents have them, their limits, and taking back what was granted."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from tenancy_fixtures import TestTenant
from vezne import identity, wallets
from vezne.kernel import clock
from vezne.kernel.db import Database
from vezne.kernel.ids import parse_id, public_id
from vezne.kernel.jobs import JobCall
from vezne.kernel.money import Money
from vezne.wallets import Credit, LotSpec, Reference, jobs
from vezne.wallets.operations.limits import deployment_credits
from vezne.wallets.refusals import TransactionNotRevocable, WalletFrozen
from wallets_fixtures import Json, Shop

NOW = datetime(2031, 5, 1, 12, tzinfo=UTC)


async def change(db: Database, tenant: TestTenant, **settings: object) -> None:
    async with db.transaction(tenant.principal) as tx:
        await identity.change_tenant(tx, settings=settings)


async def move_clock(db: Database, tenant: TestTenant, to: datetime) -> None:
    async with db.transaction(tenant.principal) as tx:
        await clock.hold(tx, to)


async def token_of(shop: Shop, customer: str) -> dict[str, str]:
    """The headers of a customer's own token."""
    made = await shop.post(f"/v1/customers/{customer}/tokens", {})
    return {"Authorization": f"Bearer {made['token']}"}


async def grant(db: Database, shop: Shop, wallet: str, amount: int, **more: Any) -> UUID:  # noqa: ANN401
    async with db.transaction(shop.tenant.principal) as tx:
        done = await wallets.credit(tx, Credit(wallet_id=parse_id("wal", wallet), amount=Money(amount, "CREDIT"), **more))
    return done.id


@pytest.mark.parametrize("root", ["/v1", "/payment"])
async def test_cm13_balance_tells_what_can_be_spent_of_which_type_and_when_it_lapses(shop: Shop, db: Database, root: str) -> None:
    await move_clock(db, shop.tenant, NOW)
    customer = await shop.customer()
    empty = await shop.get(f"{root}/credits/balance", customer_id=customer)
    assert (empty["credits"], empty["balance_minor"], empty["wallets"], empty["user_id"]) == (0, 0, [], customer)
    wallet = await shop.wallet(10, kind="credits", customer=customer)
    soon, later = (NOW + timedelta(days=days) for days in (1, 9))
    await shop.credit(wallet, 20, currency="CREDIT", type="membership", expires_at=later.isoformat())
    await shop.credit(wallet, 5, currency="CREDIT", type="promotional", expires_at=soon.isoformat())
    await shop.wallet(7, kind="credits", customer=customer, label="savings")
    await shop.post(f"/v1/wallets/{wallet}/holds", {"amount_minor": 3, "currency": "CREDIT"})
    await move_clock(db, shop.tenant, soon)
    found = await shop.get(f"{root}/credits/balance", customer_id=customer)
    assert (found["credits"], found["balance_minor"], found["held_minor"], found["lapsed_minor"]) == (34, 42, 3, 5)
    assert found["by_type"] == {"purchased": 14, "membership": 20}
    assert [(each["credits"], each["type"]) for each in found["expiring"]] == [(20, "membership")]
    assert [(each["label"], each["available_minor"]) for each in found["wallets"]] == [("main", 27), ("savings", 7)]


async def test_cm8_every_transaction_type_has_its_documented_name(shop: Shop, db: Database) -> None:
    await move_clock(db, shop.tenant, NOW)
    customer = await shop.customer()
    wallet = await shop.wallet(kind="credits", customer=customer)
    bought = {"amount_minor": "4500", "currency": "TRY", "provider_payment_id": "pi_789", "pack_id": "itm_1"}
    pack = await grant(db, shop, wallet, 50, metadata=bought)
    await grant(db, shop, wallet, 20, lot=LotSpec("membership"))
    await grant(db, shop, wallet, 5, lot=LotSpec("promotional", expires_at=NOW + timedelta(days=1)))
    await grant(db, shop, wallet, 2, lot=LotSpec("refunded"))
    spent = await shop.debit(wallet, 30, currency="CREDIT")
    await shop.post("/payment/credits/refund", {"transaction_id": spent["id"], "credits": 10})
    await shop.post("/payment/credits/transfer", {"customer_id": customer, "credits": 4, "to_label": "savings"})
    async with db.transaction(shop.tenant.principal) as tx:
        await wallets.revoke(tx, pack, 6, cause="refund of the pack")
    await move_clock(db, shop.tenant, NOW + timedelta(days=2))
    await jobs.expire_lots(db, JobCall("expire", shop.tenant.tenant_id))
    records = (await shop.get("/payment/credits/history", customer_id=customer))["data"]
    assert [(each["type"], each["direction"], each["credits"], each["status"]) for each in records] == [
        ("CREDIT_EXPIRY", "debit", 5, "COMPLETED"),
        ("CREDIT_REFUND", "debit", 6, "COMPLETED"),
        ("CREDIT_TRANSFER", "debit", 4, "COMPLETED"),
        ("CREDIT_REFUND", "credit", 10, "COMPLETED"),
        ("CREDIT_USAGE", "debit", 30, "PARTIALLY_REFUNDED"),
        ("CREDIT_REFUND", "credit", 2, "COMPLETED"),
        ("CREDIT_PURCHASE", "credit", 5, "COMPLETED"),
        ("MEMBERSHIP_PAYMENT", "credit", 20, "COMPLETED"),
        ("CREDIT_PURCHASE", "credit", 50, "PARTIALLY_REFUNDED"),
    ]
    first = records[-1]
    assert (first["amount_minor"], first["currency"], first["provider_payment_id"]) == (4_500, "TRY", "pi_789")
    assert (first["user_id"], first["metadata"], first["refunded_credits"], first["unit"]) == (customer, bought, 6, "CREDIT")
    assert (records[4]["amount_minor"], records[4]["provider_payment_id"]) == (None, None)
    savings = await shop.get("/v1/credits/history", customer_id=customer, label="savings")
    assert [(each["type"], each["direction"], each["credits"]) for each in savings["data"]] == [("CREDIT_TRANSFER", "credit", 4)]


async def test_history_is_filtered_by_type_and_time_and_read_page_by_page(shop: Shop, db: Database) -> None:
    customer = await shop.customer()
    wallet = await shop.wallet(kind="credits", customer=customer)
    for hour in range(30):
        await move_clock(db, shop.tenant, NOW + timedelta(hours=hour))
        await grant(db, shop, wallet, 1, lot=LotSpec("membership" if hour % 10 == 0 else "purchased"))
    found: list[str] = []
    asked: Json = {"customer_id": customer, "type": "MEMBERSHIP_PAYMENT", "limit": 2}
    for _ in range(30):
        page = await shop.get("/v1/credits/history", **asked)
        assert {each["type"] for each in page["data"]} <= {"MEMBERSHIP_PAYMENT"}
        found += [each["created_at"][:13] for each in page["data"]]
        if not page["has_more"]:
            break
        asked["after"] = page["next"]
    assert found == ["2031-05-02T08", "2031-05-01T22", "2031-05-01T12"]
    hours: Json = {"since": (NOW + timedelta(hours=3)).isoformat(), "until": (NOW + timedelta(hours=5)).isoformat()}
    assert len((await shop.get("/v1/credits/history", customer_id=customer, **hours))["data"]) == 3
    for wrong in ({"type": "CREDIT_THEFT"}, {"since": "yesterday"}, {"after": "!"}, {"limit": 0}):
        await shop.get("/v1/credits/history", expect=422, customer_id=customer, **wrong)


async def test_cm1_credits_are_transferred_between_own_wallets_and_to_nobody_else(shop: Shop) -> None:
    customer, other = await shop.customer(), await shop.customer()
    wallet = await shop.wallet(10, kind="credits", customer=customer)
    foreign = await shop.wallet(kind="credits", customer=other)
    path, own = "/v1/credits/transfer", {"customer_id": customer, "credits": 4}
    done = await shop.post(path, own | {"to_label": "savings"})
    assert (done["type"], done["credits"], done["balance_after"]) == ("CREDIT_TRANSFER", 4, 6)
    for wrong in ({"to_wallet_id": foreign}, {"to_customer_id": other, "to_label": "savings"}):
        refused = await shop.post(path, own | wrong, status=422)
        assert refused["code"] == "transfer_to_other_customer"
        assert refused["errors"][0]["loc"] == ["body", next(iter(wrong))]
    cases: list[tuple[Json, int, str]] = [
        ({}, 422, "destination_unclear"),
        ({"to_label": "savings", "to_wallet_id": foreign}, 422, "destination_unclear"),
        ({"to_label": "main"}, 422, "same_wallet"),
        ({"to_label": "savings", "credits": 7}, 409, "PAY001"),
        ({"to_label": "savings", "from_wallet_id": foreign}, 404, "wallet_missing"),
        ({"to_label": "savings", "currency": "TRY"}, 422, "currency_not_of_kind"),
        ({"to_label": "savings", "once": True}, 422, "reference_needed"),
        ({"to_label": "savings", "customer_id": None}, 422, "customer_needed"),
    ]
    for body, status, code in cases:
        assert (await shop.post(path, own | body, status=status))["code"] == code
    assert (await shop.balance(wallet), await shop.balance(foreign)) == (6, 0)


async def test_cm13_a_customers_token_sees_and_moves_its_own_credits_only(shop: Shop) -> None:
    customer, other = await shop.customer(), await shop.customer()
    await shop.wallet(10, kind="credits", customer=customer)
    spent_wallet = await shop.wallet(10, kind="credits", customer=other)
    spent = await shop.debit(spent_wallet, 3, currency="CREDIT")
    own = await token_of(shop, customer)
    found = (await shop.http.get("/payment/credits/balance", headers=own)).json()
    assert (found["user_id"], found["credits"]) == (customer, 10)
    moved = await shop.http.post("/payment/credits/transfer", json={"credits": 4, "to_label": "savings"}, headers=own)
    assert (moved.status_code, moved.json()["user_id"]) == (201, customer)
    assert len((await shop.http.get("/payment/credits/history", headers=own)).json()["data"]) == 2
    for path in ("balance", "history"):
        answer = await shop.http.get(f"/payment/credits/{path}", params={"customer_id": other}, headers=own)
        assert answer.status_code == 404
    body: Json = {"customer_id": other, "credits": 1, "to_label": "savings"}
    assert (await shop.http.post("/payment/credits/transfer", json=body, headers=own)).status_code == 404
    taken = {"from_wallet_id": spent_wallet, "credits": 1, "to_label": "savings"}
    assert (await shop.http.post("/payment/credits/transfer", json=taken, headers=own)).status_code == 404
    refund = await shop.http.post("/payment/credits/refund", json={"transaction_id": spent["id"]}, headers=own)
    assert refund.status_code == 403


async def test_cm1_spent_credits_are_given_back_by_staff_into_the_lots_they_came_from(shop: Shop) -> None:
    wallet = await shop.wallet(10, kind="credits")
    await shop.credit(wallet, 5, currency="CREDIT", type="membership")
    spent = await shop.debit(wallet, 12, currency="CREDIT")
    path = "/v1/credits/refund"
    done = await shop.post(path, {"transaction_id": spent["id"], "credits": 3, "description": "closed early"})
    assert (done["type"], done["credits"], done["refunds_transaction_id"]) == ("CREDIT_REFUND", 3, spent["id"])
    assert await shop.lots(wallet) == [1, 5]
    await shop.post(path, {"transaction_id": spent["id"]})
    assert await shop.lots(wallet) == [10, 5]
    assert (await shop.post(path, {"transaction_id": spent["id"]}, status=409))["code"] == "refund_exceeds_transaction"
    money = await shop.debit(await shop.wallet(100), 10)
    for strange in (money["id"], public_id("txn", UUID(int=7))):
        assert (await shop.post(path, {"transaction_id": strange}, status=404))["code"] == "transaction_missing"


async def test_cm7_the_documented_codes_of_too_few_and_too_many_credits(shop: Shop, db: Database) -> None:
    await change(db, shop.tenant, max_credit_balance=100)
    customer = await shop.customer()
    wallet = await shop.wallet(90, kind="credits", customer=customer)
    short = await shop.debit(wallet, 91, currency="CREDIT", status=409)
    assert (short["code"], "can give 90 CREDIT" in short["detail"]) == ("PAY001", True)
    hold = await shop.post(f"/v1/wallets/{wallet}/holds", {"amount_minor": 91, "currency": "CREDIT"}, status=409)
    assert hold["code"] == "PAY001"
    above = await shop.credit(wallet, 11, currency="CREDIT", status=409)
    assert (above["code"], above["errors"][0]["loc"]) == ("PAY006", ["body", "amount_minor"])
    assert "at most 100 CREDIT" in above["detail"]
    moves = [{"move": "credit", "wallet_id": wallet, "amount_minor": each, "currency": "CREDIT"} for each in (6, 6, 4)]
    done = await shop.post("/v1/transfers/batch", {"moves": moves})
    assert [line["error"] and line["error"]["code"] for line in done["data"]] == [None, "PAY006", None]
    savings = await shop.wallet(1, kind="credits", customer=customer, label="savings")
    body = {"from_wallet_id": wallet, "to_wallet_id": savings, "amount_minor": 100, "currency": "CREDIT"}
    assert (await shop.post("/v1/transfers", body, status=409))["code"] == "PAY006"
    coins = await shop.wallet(500, kind="coins")
    assert await shop.balance(coins) == 500


async def test_cm6_the_largest_balance_is_a_tenants_own_choice_before_the_deployments(
    shop: Shop, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAX_CREDIT_BALANCE", "50")
    monkeypatch.setenv("CREDIT_EXPIRY_DAYS", "365")
    deployment_credits.cache_clear()
    try:
        await move_clock(db, shop.tenant, NOW)
        wallet = await shop.wallet(50, kind="credits")
        assert (await shop.credit(wallet, 1, currency="CREDIT", status=409))["code"] == "PAY006"
        (lot,) = (await shop.get(f"/v1/wallets/{wallet}"))["lots"]
        assert lot["expires_at"] == (NOW + timedelta(days=365)).isoformat().replace("+00:00", "Z")
        await change(db, shop.tenant, max_credit_balance=60, credit_expiry_days=10)
        await shop.credit(wallet, 10, currency="CREDIT")
        (_, newer) = (await shop.get(f"/v1/wallets/{wallet}"))["lots"]
        assert newer["expires_at"] == (NOW + timedelta(days=10)).isoformat().replace("+00:00", "Z")
    finally:
        deployment_credits.cache_clear()


async def test_many_credits_at_once_never_pass_the_largest_balance(shop: Shop, db: Database) -> None:
    await change(db, shop.tenant, max_credit_balance=50)
    wallet = await shop.wallet(kind="credits")
    body = {"amount_minor": 7, "currency": "CREDIT"}
    answers = await asyncio.gather(*[shop.send(f"/v1/wallets/{wallet}/credits", body) for _ in range(20)])
    assert sorted(answer.status_code for answer in answers) == [201] * 7 + [409] * 13
    assert await shop.balance(wallet) == 49


async def test_what_has_lapsed_takes_no_room_and_what_was_paid_for_always_has_room(shop: Shop, db: Database) -> None:
    await change(db, shop.tenant, max_credit_balance=50)
    await move_clock(db, shop.tenant, NOW)
    wallet = await shop.wallet(50, kind="credits", expires_at=(NOW + timedelta(days=1)).isoformat())
    await grant(db, shop, wallet, 30, beyond_limit=True)
    assert await shop.balance(wallet) == 80
    await move_clock(db, shop.tenant, NOW + timedelta(days=1))
    await shop.credit(wallet, 20, currency="CREDIT")
    assert (await shop.credit(wallet, 1, currency="CREDIT", status=409))["code"] == "PAY006"


async def test_balances_imported_from_elsewhere_are_taken_as_they_are(shop: Shop, db: Database) -> None:
    await change(db, shop.tenant, max_credit_balance=20)
    row = wallets.Grant(reference="r1", customer_reference="ayse", kind="credits", currency="CREDIT", amount_minor=90)
    async with db.transaction(shop.tenant.principal) as tx:
        (done,) = await wallets.grant_many(tx, [row])
    assert isinstance(done, wallets.Moved)
    assert done.transaction.balance_after_minor == 90


async def test_credits_given_back_after_spending_are_not_refused_by_the_largest_balance(shop: Shop, db: Database) -> None:
    wallet = await shop.wallet(50, kind="credits")
    spent = await shop.debit(wallet, 30, currency="CREDIT")
    await change(db, shop.tenant, max_credit_balance=20)
    await shop.post("/v1/credits/refund", {"transaction_id": spent["id"]})
    assert await shop.balance(wallet) == 50


@pytest.mark.parametrize(("kind", "setting"), [("credits", "credit_expiry_days"), ("coins", "coin_expiry_days")])
async def test_a_grant_that_does_not_say_lives_as_long_as_its_tenant_says(
    shop: Shop, db: Database, kind: str, setting: str
) -> None:
    await move_clock(db, shop.tenant, NOW)
    unit = "CREDIT" if kind == "credits" else "COIN"
    forever = await shop.wallet(5, kind=kind)
    await change(db, shop.tenant, **{setting: 30})
    wallet = await shop.wallet(5, kind=kind)
    await shop.credit(wallet, 3, currency=unit, expires_at=(NOW + timedelta(days=99)).isoformat())
    await move_clock(db, shop.tenant, NOW + timedelta(days=30))
    seen = await shop.get(f"/v1/wallets/{wallet}")
    assert (seen["available_minor"], seen["lapsed_minor"]) == (3, 5)
    assert (await shop.get(f"/v1/wallets/{forever}"))["available_minor"] == 5


async def test_revoking_takes_the_grants_own_lot_first_and_others_only_where_that_is_said(shop: Shop, db: Database) -> None:
    wallet = await shop.wallet(10, kind="credits")
    granted = await grant(db, shop, wallet, 20)
    await shop.credit(wallet, 5, currency="CREDIT")
    await shop.debit(wallet, 18, currency="CREDIT")  # 10 and 8: 12 of the grant are left
    async with db.transaction(shop.tenant.principal) as tx:
        assert (await wallets.outstanding(tx, granted)).left_minor == 12
        own = await wallets.revoke(tx, granted, 15, cause="a", reference=Reference("order", "o1"))
    assert (own.taken_minor, own.missing_minor, own.again) == (12, 3, False)
    assert await shop.lots(wallet) == [5]
    async with db.transaction(shop.tenant.principal) as tx:
        other = await wallets.revoke(tx, granted, 9, cause="b", beyond_lot=True)
        again = await wallets.revoke(tx, granted, 9, cause="b", beyond_lot=True)
        nothing = await wallets.revoke(tx, granted, cause="c", beyond_lot=True)
        still_nothing = await wallets.revoke(tx, granted, cause="c")
    assert (other.taken_minor, other.missing_minor) == (5, 4)
    assert (again.transaction, again.taken_minor, again.missing_minor, again.again) == (other.transaction, 5, 4, True)
    assert (nothing.transaction, nothing.taken_minor, nothing.missing_minor) == (None, 0, 3)
    assert still_nothing.again
    assert await shop.balance(wallet) == 0
    (reversal, *_) = (await shop.get(f"/v1/wallets/{wallet}/transactions"))["data"]
    assert (reversal["kind"], reversal["type"], reversal["amount_minor"]) == ("reversal", "debit", 5)
    assert reversal["refunds_transaction_id"] == public_id("txn", granted)


async def test_what_was_taken_back_goes_to_where_it_came_from_and_is_never_more_than_was_granted(
    shop: Shop, db: Database
) -> None:
    wallet = await shop.wallet(kind="credits")
    granted = await grant(db, shop, wallet, 20, contra="promised")
    await shop.credit(wallet, 100, currency="CREDIT")
    async with db.transaction(shop.tenant.principal) as tx:
        for cause in ("a", "b", "c"):
            await wallets.revoke(tx, granted, 9, cause=cause, beyond_lot=True)
        balance = await tx.fetchval(
            "SELECT sum(balance)::bigint FROM accounts WHERE tenant_id = $1 AND code = 'promised'", tx.tenant_id
        )
    assert (await shop.balance(wallet), balance) == (100, 0)


async def test_a_revocation_a_debit_and_expiry_at_once_leave_the_books_right(shop: Shop, db: Database) -> None:
    """CM1: never below zero, whichever comes first; the audit after the test checks every lot."""
    await move_clock(db, shop.tenant, NOW)
    wallet = await shop.wallet(10, kind="credits", expires_at=(NOW + timedelta(hours=1)).isoformat())
    grants = [await grant(db, shop, wallet, 10) for _ in range(5)]
    await move_clock(db, shop.tenant, NOW + timedelta(hours=1))

    async def revoke(which: UUID, cause: str) -> int:
        async with db.transaction(shop.tenant.principal) as tx:
            return (await wallets.revoke(tx, which, cause=cause)).taken_minor

    async def debit() -> int:
        answer = await shop.send(f"/v1/wallets/{wallet}/debits", {"amount_minor": 4, "currency": "CREDIT"})
        return 4 if answer.status_code == 201 else 0

    async def expire() -> int:
        await jobs.expire_lots(db, JobCall("expire", shop.tenant.tenant_id))
        return 0

    work = [revoke(each, cause) for each in grants for cause in ("x", "x", "y")]
    taken = await asyncio.gather(*[debit() for _ in range(8)], expire(), *work, *[debit() for _ in range(8)], expire())
    spent = sum(each for each in taken[:8]) + sum(taken[-9:-1])
    assert await shop.balance(wallet) == 0
    reversals = (await shop.get(f"/v1/wallets/{wallet}/transactions", kind="reversal", limit=100))["data"]
    assert spent + sum(each["amount_minor"] for each in reversals) == 50


async def test_held_and_lapsed_credits_are_not_taken_back_and_a_frozen_wallet_gives_none(shop: Shop, db: Database) -> None:
    await move_clock(db, shop.tenant, NOW)
    wallet = await shop.wallet(kind="credits")
    held = await grant(db, shop, wallet, 10)
    await shop.post(f"/v1/wallets/{wallet}/holds", {"amount_minor": 8, "currency": "CREDIT"})
    lapsing = await grant(db, shop, wallet, 10, lot=LotSpec("promotional", expires_at=NOW + timedelta(hours=1)))
    await move_clock(db, shop.tenant, NOW + timedelta(hours=2))
    async with db.transaction(shop.tenant.principal) as tx:
        assert (await wallets.revoke(tx, held, cause="a", beyond_lot=True)).missing_minor == 8
        assert (await wallets.revoke(tx, lapsing, cause="a", beyond_lot=True)).taken_minor == 0
    more = await grant(db, shop, wallet, 5)
    await shop.patch(f"/v1/wallets/{wallet}", {"status": "frozen"})
    with pytest.raises(WalletFrozen):
        async with db.transaction(shop.tenant.principal) as tx:
            await wallets.revoke(tx, more, cause="a")


async def test_only_a_credit_can_be_taken_back(shop: Shop, db: Database) -> None:
    wallet = await shop.wallet(10, kind="credits")
    spent = await shop.debit(wallet, 5, currency="CREDIT")
    with pytest.raises(TransactionNotRevocable):
        async with db.transaction(shop.tenant.principal) as tx:
            await wallets.revoke(tx, parse_id("txn", spent["id"]), cause="a")
    money = await shop.wallet()
    async with db.transaction(shop.tenant.principal) as tx:
        loaded = await wallets.credit(tx, Credit(wallet_id=parse_id("wal", money), amount=Money(700, "TRY")))
        await wallets.debit(tx, wallets.Debit(wallet_id=parse_id("wal", money), amount=Money(500, "TRY")))
        back = await wallets.revoke(tx, loaded.id, cause="a")
    assert (back.taken_minor, back.missing_minor) == (200, 500)


async def test_cm13_a_pack_is_bought_at_its_documented_path(shop: Shop) -> None:
    pack = await shop.post("/v1/credit-packs", {"name": "Fifty", "units": 50, "prices": {"TRY": 4_500}})
    customer = await shop.customer()
    own = await token_of(shop, customer)
    answer = await shop.http.post(f"/payment/credit-packs/{pack['id']}/purchase", json={}, headers=own)
    assert answer.status_code == 201, answer.text
    placed = answer.json()
    assert (placed["order"]["customer_id"], placed["payment"]["amount_minor"]) == (customer, 4_500)
    assert placed["checkout_url"]
    assert placed["payment"]["client_secret"]
    again = {**own, "Idempotency-Key": "buy-fifty"}
    first, second = [await shop.http.post(f"/payment/credit-packs/{pack['id']}/purchase", json={}, headers=again) for _ in "ab"]
    assert (second.headers["idempotency-replayed"], second.json()) == ("true", first.json())
