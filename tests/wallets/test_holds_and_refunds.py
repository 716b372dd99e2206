"""Holds: reserved, captured in parts, released, expired. Refunds of plain money."""

from datetime import UTC, datetime, timedelta

from vezne.kernel import clock
from vezne.kernel.db import Database
from vezne.kernel.jobs import JobCall
from vezne.wallets import jobs
from wallets_fixtures import Json, Shop

NOW = datetime(2031, 5, 1, 12, tzinfo=UTC)


async def place(shop: Shop, wallet: str, amount: int, **more: object) -> Json:
    return await shop.post(f"/v1/wallets/{wallet}/holds", {"amount_minor": amount, "currency": "TRY", **more})


async def test_a_hold_reserves_and_a_partial_capture_gives_the_rest_free(shop: Shop) -> None:
    wallet = await shop.wallet(1000)
    hold = await place(shop, wallet, 700, description="deposit", reference={"type": "room", "id": "12"})
    found = await shop.get(f"/v1/wallets/{wallet}")
    assert (found["balance_minor"], found["held_minor"], found["available_minor"]) == (1000, 700, 300)
    assert (await shop.debit(wallet, 301, status=409))["code"] == "insufficient_funds"
    done = await shop.post(f"/v1/holds/{hold['id']}/captures", {"amount_minor": 500})
    assert (done["hold"]["status"], done["hold"]["released_minor"], done["transaction"]["kind"]) == ("captured", 200, "capture")
    assert done["transaction"]["reference"] == {"type": "room", "id": "12"}
    found = await shop.get(f"/v1/wallets/{wallet}")
    assert (found["balance_minor"], found["held_minor"], found["available_minor"]) == (500, 0, 500)
    again = await shop.post(f"/v1/holds/{hold['id']}/captures", {"amount_minor": 1}, status=409)
    assert again["code"] == "hold_ended"


async def test_a_capture_that_is_not_final_keeps_the_rest_held(shop: Shop) -> None:
    wallet = await shop.wallet(1000)
    hold = await place(shop, wallet, 700)
    path = f"/v1/holds/{hold['id']}"
    first = await shop.post(f"{path}/captures", {"amount_minor": 100, "final": False})
    assert (first["hold"]["status"], first["hold"]["remaining_minor"]) == ("open", 600)
    assert (await shop.post(f"{path}/captures", {"amount_minor": 601}, status=409))["code"] == "capture_too_large"
    released = await shop.post(f"{path}/releases", {})
    assert (released["status"], released["captured_minor"], released["released_minor"]) == ("released", 100, 600)
    assert await shop.post(f"{path}/releases", {}) == released
    assert (await shop.get(f"/v1/wallets/{wallet}"))["available_minor"] == 900
    listed = await shop.get(f"/v1/wallets/{wallet}/holds", status="released")
    assert listed["data"] == [await shop.get(path)]


async def test_a_hold_whose_time_has_run_out_cannot_be_captured_and_is_swept(shop: Shop, db: Database) -> None:
    async with db.transaction(shop.tenant.principal) as tx:
        await clock.hold(tx, NOW)
    wallet = await shop.wallet(1000)
    hold = await place(shop, wallet, 700, expires_at=(NOW + timedelta(minutes=5)).isoformat())
    async with db.transaction(shop.tenant.principal) as tx:
        await clock.hold(tx, NOW + timedelta(minutes=5))
    refused = await shop.post(f"/v1/holds/{hold['id']}/captures", {}, status=409)
    assert (refused["code"], "expired" in refused["detail"]) == ("hold_ended", True)
    for _ in range(2):
        await jobs.expire_holds(db, JobCall("expire", shop.tenant.tenant_id))
    assert (await shop.get(f"/v1/holds/{hold['id']}"))["status"] == "expired"
    assert (await shop.get(f"/v1/wallets/{wallet}"))["available_minor"] == 1000


async def test_a_hold_ends_in_the_future_but_not_too_far(shop: Shop) -> None:
    wallet = await shop.wallet(10)
    body = {"amount_minor": 1, "currency": "TRY"}
    for expires_at in ("2020-01-01T00:00:00Z", "2999-01-01T00:00:00Z"):
        refused = await shop.post(f"/v1/wallets/{wallet}/holds", body | {"expires_at": expires_at}, status=422)
        assert refused["errors"][0]["loc"] == ["body", "expires_at"]


async def test_a_debit_is_refunded_in_parts_and_never_beyond_itself(shop: Shop) -> None:
    wallet = await shop.wallet(1000)
    debit = await shop.debit(wallet, 600, reference={"type": "meal", "id": "m1"})
    path = f"/v1/transactions/{debit['id']}/refunds"
    part = await shop.post(path, {"amount_minor": 200, "description": "cold soup"})
    assert (part["type"], part["kind"], part["balance_after_minor"], part["reference"]["id"]) == ("credit", "refund", 600, "m1")
    seen = await shop.get(f"/v1/wallets/{wallet}/transactions/{debit['id']}")
    assert (seen["status"], seen["refunded_minor"]) == ("partially_refunded", 200)
    assert (await shop.post(path, {"amount_minor": 401}, status=409))["code"] == "refund_exceeds_transaction"
    assert (await shop.post(path, {}))["amount_minor"] == 400
    assert (await shop.post(path, {}, status=409))["code"] == "refund_exceeds_transaction"
    refund_of_refund = await shop.post(f"/v1/transactions/{part['id']}/refunds", {}, status=409)
    assert refund_of_refund["code"] == "transaction_not_refundable"


async def test_a_capture_can_be_refunded_and_a_transfer_cannot(shop: Shop) -> None:
    wallet, other = await shop.wallet(1000), await shop.wallet()
    hold = await place(shop, wallet, 500)
    captured = await shop.post(f"/v1/holds/{hold['id']}/captures", {})
    await shop.post(f"/v1/transactions/{captured['transaction']['id']}/refunds", {})
    assert await shop.balance(wallet) == 1000
    body = {"from_wallet_id": wallet, "to_wallet_id": other, "amount_minor": 1, "currency": "TRY"}
    sent = await shop.post("/v1/transfers", body)
    assert (await shop.post(f"/v1/transactions/{sent['id']}/refunds", {}, status=409))["code"] == "transaction_not_refundable"
