"""Rows CW1, CW2, CW3: wallets, their transactions, top-up, payment, history."""

import asyncio
import csv
import io
from typing import Any

import asyncpg
import pytest

from vezne.kernel.db import Database
from vezne.wallets.api.schemas import TransactionOut
from wallets_fixtures import Shop


async def test_a_wallet_comes_into_being_when_first_needed_and_is_the_same_again(shop: Shop) -> None:
    """CW1"""
    customer = await shop.customer()
    body = {"customer_id": customer, "currency": "TRY"}
    answers = await asyncio.gather(*[shop.post("/v1/wallets", body) for _ in range(50)])
    assert len({answer["id"] for answer in answers}) == 1
    other = await shop.post("/v1/wallets", body | {"currency": "EUR"})
    assert other["id"] != answers[0]["id"]
    listed = await shop.get("/v1/wallets", customer_id=customer)
    assert {wallet["currency"] for wallet in listed["data"]} == {"TRY", "EUR"}


async def test_a_label_gives_a_customer_a_further_wallet_of_the_same_kind_and_currency(shop: Shop) -> None:
    """CW1: without a label there is one."""
    body = {"customer_id": await shop.customer(), "currency": "TRY"}
    main = await shop.post("/v1/wallets", body)
    assert (await shop.post("/v1/wallets", body | {"label": "main"}))["id"] == main["id"]
    answers = await asyncio.gather(*[shop.post("/v1/wallets", body | {"label": "savings"}) for _ in range(20)])
    assert len({answer["id"] for answer in answers} | {main["id"]}) == 2
    assert (main["label"], answers[0]["label"]) == ("main", "savings")
    listed = await shop.get("/v1/wallets", customer_id=body["customer_id"], label="savings")
    assert [wallet["id"] for wallet in listed["data"]] == [answers[0]["id"]]
    assert len((await shop.get("/v1/wallets", customer_id=body["customer_id"]))["data"]) == 2


@pytest.mark.parametrize("label", ["", "Main", "-a", "a b", "ı", "a\n", "a" * 41, None, 1])
async def test_a_label_is_forty_small_letters_digits_and_dashes(shop: Shop, label: object) -> None:
    body = {"customer_id": await shop.customer(), "currency": "TRY", "label": label}
    refused = await shop.post("/v1/wallets", body, status=422)
    assert refused["errors"][0]["loc"] == ["body", "label"]


async def test_a_debit_beyond_the_balance_is_refused_and_leaves_nothing(shop: Shop) -> None:
    """CW1, CW3"""
    wallet = await shop.wallet(1000)
    refused = await shop.debit(wallet, 1001, status=409)
    assert refused["code"] == "insufficient_funds"
    assert await shop.balance(wallet) == 1000
    assert len((await shop.get(f"/v1/wallets/{wallet}/transactions"))["data"]) == 1
    assert (await shop.debit(wallet, 1000))["balance_after_minor"] == 0


async def test_a_transaction_tells_all_the_documented_fields(shop: Shop) -> None:
    """CW2"""
    wallet = await shop.wallet(1000)
    told: dict[str, Any] = {"reference": {"type": "meal", "id": "m1"}, "description": "lunch", "metadata": {"table": "4"}}
    debit = await shop.debit(wallet, 250, **told)
    assert debit | told == debit
    assert TransactionOut.model_validate(debit).model_dump(mode="json") == debit
    assert (debit["type"], debit["amount_minor"], debit["balance_after_minor"], debit["status"]) == (
        "debit",
        250,
        750,
        "completed",
    )
    assert await shop.get(f"/v1/wallets/{wallet}/transactions/{debit['id']}") == debit
    page = await shop.get(f"/v1/wallets/{wallet}/transactions")
    assert page["data"][0] == debit


async def test_no_transaction_can_be_changed_or_removed(shop: Shop, pool: asyncpg.Pool) -> None:
    """CW2: the database refuses it."""
    await shop.wallet(100)
    for statement in ("UPDATE entries SET description = 'x'", "DELETE FROM postings", "UPDATE postings SET amount = 1"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await pool.execute(statement)
    for statement in ("DELETE FROM lot_moves", "UPDATE wallet_refunds SET amount_minor = 1", "TRUNCATE lots"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await pool.execute(statement)


async def test_history_is_paged_newest_first_and_filtered(shop: Shop) -> None:
    """CW3"""
    wallet = await shop.wallet(1000)
    for amount in range(1, 8):
        await shop.debit(wallet, amount)
    seen: list[int] = []
    after = None
    while True:
        page = await shop.get(f"/v1/wallets/{wallet}/transactions", limit=3, **({} if after is None else {"after": after}))
        seen += [each["amount_minor"] for each in page["data"]]
        after = page["next"]
        if not page["has_more"]:
            break
    assert seen == [7, 6, 5, 4, 3, 2, 1, 1000]
    path = f"/v1/wallets/{wallet}/transactions"
    assert [each["amount_minor"] for each in (await shop.get(path, type="credit"))["data"]] == [1000]
    whole = (await shop.get(path))["data"]
    since = (await shop.get(path, since=whole[1]["created_at"]))["data"]
    assert [each["id"] for each in since] == [whole[0]["id"], whole[1]["id"]]
    assert (await shop.get(path, kind="refund"))["data"] == []
    assert (await shop.get(path, after="bm9wZQ", expect=422))["code"] == "cursor_unknown"


@pytest.mark.parametrize("how", [{"params": {"format": "csv"}}, {"headers": {"Accept": "text/csv"}}])
async def test_history_is_a_csv_file_when_asked(shop: Shop, how: dict[str, dict[str, str]]) -> None:
    wallet = await shop.wallet(1000, description="=SUM(A1)")
    await shop.debit(wallet, 250, reference={"type": "meal", "id": "m1"})
    headers = shop.tenant.headers | how.get("headers", {})
    answer = await shop.http.get(f"/v1/wallets/{wallet}/transactions", headers=headers, params=how.get("params", {}))
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [(row["type"], row["amount_minor"], row["reference_id"]) for row in rows] == [
        ("debit", "250", "m1"),
        ("credit", "1000", ""),
    ]
    assert rows[1]["description"] == "'=SUM(A1)"


async def test_the_balance_at_a_time_is_what_it_was(shop: Shop) -> None:
    wallet = await shop.wallet(1000)
    first = await shop.debit(wallet, 100)
    await shop.debit(wallet, 200)
    found = await shop.get(f"/v1/wallets/{wallet}", at=first["created_at"])
    assert found["balance_minor"] == 700
    assert found["balance_at"]["balance_minor"] == 900


async def test_a_transfer_moves_value_between_customers(shop: Shop) -> None:
    giver, taker = await shop.wallet(1000), await shop.wallet()
    body = {"from_wallet_id": giver, "to_wallet_id": taker, "amount_minor": 300, "currency": "TRY"}
    done = await shop.post("/v1/transfers", body)
    assert (done["type"], done["balance_after_minor"], done["counterpart_wallet_id"]) == ("debit", 700, taker)
    (arrived,) = (await shop.get(f"/v1/wallets/{taker}/transactions"))["data"]
    assert (arrived["id"], arrived["type"], arrived["counterpart_wallet_id"]) == (done["id"], "credit", giver)
    assert (await shop.post("/v1/transfers", body | {"to_wallet_id": giver}, status=422))["code"] == "same_wallet"
    other = await shop.wallet(kind="gift_card")
    assert (await shop.post("/v1/transfers", body | {"to_wallet_id": other}, status=422))["code"] == "wallets_differ"


async def test_a_batch_answers_each_move_and_none_harms_another(shop: Shop) -> None:
    giver, taker = await shop.wallet(1000), await shop.wallet()
    transfer = {"move": "transfer", "from_wallet_id": giver, "to_wallet_id": taker, "currency": "TRY"}
    moves = [
        transfer | {"amount_minor": 600},
        transfer | {"amount_minor": 600},
        {"move": "credit", "wallet_id": giver, "amount_minor": 200, "currency": "TRY"},
        transfer | {"amount_minor": 600},
        {"move": "debit", "wallet_id": f"wal_{'0' * 26}", "amount_minor": 1, "currency": "TRY"},
    ]
    done = await shop.post("/v1/transfers/batch", {"moves": moves})
    assert [line["status"] for line in done["data"]] == ["done", "refused", "done", "done", "refused"]
    assert [line["error"] and line["error"]["code"] for line in done["data"]][1::3] == ["insufficient_funds", "wallet_missing"]
    assert (await shop.balance(giver), await shop.balance(taker)) == (0, 1200)


async def test_ten_thousand_moves_fit_into_one_batch(shop: Shop) -> None:
    giver, taker = await shop.wallet(100_000), await shop.wallet()
    each = {
        "move": "transfer",
        "from_wallet_id": giver,
        "to_wallet_id": taker,
        "amount_minor": 1,
        "currency": "TRY",
        "description": "x" * 100,
    }
    done = await shop.post("/v1/transfers/batch", {"moves": [each] * 10_000})
    assert (done["done"], done["refused"]) == (10_000, 0)
    assert await shop.balance(taker) == 10_000
    assert (await shop.post("/v1/transfers/batch", {"moves": [each] * 10_001}, status=422))["errors"][0]["loc"] == [
        "body",
        "moves",
    ]


async def test_every_change_names_who_asked_and_by_which_request(shop: Shop, db: Database) -> None:
    wallet = await shop.wallet(1000)
    headers = shop.tenant.headers | {"X-Request-Id": "req-of-this-debit"}
    await shop.http.post(f"/v1/wallets/{wallet}/debits", json={"amount_minor": 1, "currency": "TRY"}, headers=headers)
    async with db.transaction(shop.tenant.principal) as tx:
        row = await tx.fetchrow(
            "SELECT type, actor, request_id FROM events WHERE tenant_id = $1 AND subject = $2 AND type = 'wallet.debited'",
            tx.tenant_id,
            wallet,
        )
    assert row is not None
    assert row["request_id"] == "req-of-this-debit"
    assert row["actor"].startswith("key:key_")
