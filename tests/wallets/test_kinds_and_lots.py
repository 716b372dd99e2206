"""Row CM1 and the table of kinds: lots with type, origin and expiry; order of spending; refunds; expiry."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest

from vezne import wallets
from vezne.kernel import clock
from vezne.kernel.db import Database
from vezne.kernel.jobs import JobCall
from vezne.wallets import KINDS, Kind, jobs
from vezne.wallets.kinds import REFUND_LIFE
from wallets_fixtures import Shop

NOW = datetime(2031, 5, 1, 12, tzinfo=UTC)
MoveTo = Callable[..., Awaitable[None]]


@pytest.fixture
async def held(shop: Shop, db: Database) -> MoveTo:
    """The tenant's clock, held; call it with a timedelta to move on from NOW."""

    async def move_to(after: timedelta = timedelta()) -> None:
        async with db.transaction(shop.tenant.principal) as tx:
            await clock.hold(tx, NOW + after)

    await move_to()
    return move_to


async def lapse(db: Database, shop: Shop) -> None:
    for job in (jobs.expire_holds, jobs.expire_lots):
        await job(db, JobCall("expire", shop.tenant.tenant_id))


def days(number: int) -> str:
    return (NOW + timedelta(days=number)).isoformat()


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
async def test_every_kind_is_credited_debited_refunded_and_takes_only_its_currencies(shop: Shop, kind: Kind) -> None:
    wrong = "TRY" if kind.units else "CREDIT"
    customer = await shop.customer()
    refused = await shop.post("/v1/wallets", {"customer_id": customer, "kind": kind.name, "currency": wrong}, status=422)
    assert refused["code"] == "currency_not_of_kind"
    currency = "POINT" if kind.units else "KWD"
    wallet = await shop.wallet(1000, kind=kind.name, currency=currency, customer=customer)
    debit = await shop.debit(wallet, 300, currency=currency)
    answer = await shop.send(f"/v1/transactions/{debit['id']}/refunds", {"amount_minor": 100})
    assert answer.status_code == (201 if kind.refundable else 409)
    assert await shop.balance(wallet) == (800 if kind.refundable else 700)
    assert bool(await shop.lots(wallet)) is (kind.lots is not None)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
async def test_a_kind_is_transferable_to_anyone_within_one_customer_or_not_at_all(shop: Shop, kind: Kind) -> None:
    currency, customer = "POINT" if kind.units else "TRY", await shop.customer()
    giver = await shop.wallet(500, kind=kind.name, currency=currency, customer=customer)
    own = await shop.wallet(kind=kind.name, currency=currency, customer=customer, label="savings")
    foreign = await shop.wallet(kind=kind.name, currency=currency)
    codes = []
    for taker in (own, foreign):
        body = {"from_wallet_id": giver, "to_wallet_id": taker, "amount_minor": 200, "currency": currency}
        answer = await shop.send("/v1/transfers", body)
        codes.append(None if answer.status_code == 201 else answer.json()["code"])
        assert await shop.balance(taker) == (200 if answer.status_code == 201 else 0)
    expected = {
        "anyone": [None, None],
        "same_customer": [None, "transfer_to_other_customer"],
        "no": ["kind_not_transferable", "kind_not_transferable"],
    }
    assert codes == expected[kind.transferable]
    assert await shop.balance(giver) == 500 - 200 * codes.count(None)


async def test_credits_never_pass_from_one_customer_to_another(shop: Shop) -> None:
    """CM1: refused alone and in a batch, and nothing is left behind."""
    giver, taker = await shop.wallet(10, kind="credits", origin="mem_7"), await shop.wallet(kind="credits")
    once = {"reference": {"type": "gift", "id": "g1"}, "once": True}
    body = {"from_wallet_id": giver, "to_wallet_id": taker, "amount_minor": 4, "currency": "CREDIT", **once}
    refused = await shop.post("/v1/transfers", body, status=422)
    assert (refused["code"], refused["detail"]) == (
        "transfer_to_other_customer",
        "credits cannot pass from one customer to another.",
    )
    assert refused["errors"][0]["loc"] == ["body", "to_wallet_id"]
    (line,) = (await shop.post("/v1/transfers/batch", {"moves": [body | {"move": "transfer"}]}))["data"]
    assert (line["status"], line["error"]["code"]) == ("refused", "transfer_to_other_customer")
    assert (await shop.lots(giver), await shop.lots(taker)) == ([10], [])
    assert len((await shop.get(f"/v1/wallets/{giver}/transactions"))["data"]) == 1
    assert (await shop.get(f"/v1/wallets/{taker}/transactions"))["data"] == []


async def test_credits_are_spent_first_in_first_out(shop: Shop, held: MoveTo) -> None:
    """CM1"""
    wallet = await shop.wallet(10, kind="credits", expires_at=days(30))
    await held(timedelta(hours=1))
    await shop.credit(wallet, 20, currency="CREDIT", expires_at=days(5), type="membership", origin="mem_1")
    await shop.debit(wallet, 12, currency="CREDIT")
    (left,) = (await shop.get(f"/v1/wallets/{wallet}"))["lots"]
    assert (left["remaining_minor"], left["type"], left["origin"]) == (18, "membership", "mem_1")


@pytest.mark.parametrize("kind", ["coins", "gift_card"])
async def test_coins_and_gift_cards_are_spent_by_the_earliest_expiry(shop: Shop, held: MoveTo, kind: str) -> None:
    currency = "COIN" if kind == "coins" else "TRY"
    wallet = await shop.wallet(10, kind=kind)
    await shop.credit(wallet, 10, currency=currency, expires_at=days(30))
    await shop.credit(wallet, 10, currency=currency, expires_at=days(5))
    await shop.debit(wallet, 15, currency=currency)
    lots = (await shop.get(f"/v1/wallets/{wallet}"))["lots"]
    assert [(lot["remaining_minor"], lot["expires_at"] is None) for lot in lots] == [(5, False), (10, True)]


async def test_what_has_lapsed_cannot_be_spent_even_before_it_is_written_off(shop: Shop, held: MoveTo, db: Database) -> None:
    wallet = await shop.wallet(10, kind="credits", expires_at=days(1))
    await shop.credit(wallet, 5, currency="CREDIT")
    await held(timedelta(days=1))
    found = await shop.get(f"/v1/wallets/{wallet}")
    assert (found["balance_minor"], found["available_minor"], found["lapsed_minor"]) == (15, 5, 10)
    assert (await shop.debit(wallet, 6, currency="CREDIT", status=409))["code"] == "PAY001"
    assert (await shop.debit(wallet, 5, currency="CREDIT"))["balance_after_minor"] == 10
    await lapse(db, shop)
    await lapse(db, shop)
    (expiry, *_) = (await shop.get(f"/v1/wallets/{wallet}/transactions"))["data"]
    assert (expiry["kind"], expiry["type"], expiry["amount_minor"], expiry["balance_after_minor"]) == ("expiry", "debit", 10, 0)


async def test_partial_refunds_return_to_the_very_lots_in_reverse_order(shop: Shop, held: MoveTo) -> None:
    """CM1"""
    wallet = await shop.wallet(10, kind="credits")
    for hour in (1, 2):
        await held(timedelta(hours=hour))
        await shop.credit(wallet, 10, currency="CREDIT")
    debit = await shop.debit(wallet, 25, currency="CREDIT")
    path = f"/v1/transactions/{debit['id']}/refunds"
    await shop.post(path, {"amount_minor": 7})
    assert await shop.lots(wallet) == [2, 10]
    await shop.post(path, {"amount_minor": 10})
    assert await shop.lots(wallet) == [2, 10, 10]
    over = await shop.post(path, {"amount_minor": 9}, status=409)
    assert over["code"] == "refund_exceeds_transaction"
    last = await shop.post(path, {})
    assert (last["amount_minor"], last["kind"], last["refunds_transaction_id"]) == (8, "refund", debit["id"])
    assert await shop.lots(wallet) == [10, 10, 10]
    assert (await shop.get(f"/v1/wallets/{wallet}/transactions/{debit['id']}"))["status"] == "refunded"


async def test_a_refund_of_what_has_lapsed_lives_thirty_days_more(shop: Shop, held: MoveTo) -> None:
    wallet = await shop.wallet(10, kind="credits", expires_at=days(1))
    debit = await shop.debit(wallet, 10, currency="CREDIT")
    await held(timedelta(days=2))
    await shop.post(f"/v1/transactions/{debit['id']}/refunds", {})
    (lot,) = (await shop.get(f"/v1/wallets/{wallet}"))["lots"]
    until = NOW + timedelta(days=2) + REFUND_LIFE
    assert (lot["type"], lot["remaining_minor"], datetime.fromisoformat(lot["expires_at"])) == ("refunded", 10, until)


async def test_a_transfer_carries_type_origin_age_and_expiry(shop: Shop, held: MoveTo) -> None:
    customer = await shop.customer()
    giver = await shop.wallet(10, kind="credits", customer=customer, expires_at=days(9), type="membership", origin="mem_7")
    taker = await shop.wallet(kind="credits", customer=customer, label="savings")
    await held(timedelta(days=1))
    body = {"from_wallet_id": giver, "to_wallet_id": taker, "amount_minor": 4, "currency": "CREDIT"}
    await shop.post("/v1/transfers", body)
    (lot,) = (await shop.get(f"/v1/wallets/{taker}"))["lots"]
    assert (lot["type"], lot["origin"], lot["remaining_minor"]) == ("membership", "mem_7", 4)
    moments = [datetime.fromisoformat(lot[name]) for name in ("granted_at", "expires_at")]
    assert moments == [NOW, NOW + timedelta(days=9)]
    assert await shop.lots(giver) == [6]


async def test_a_hold_keeps_its_lots_beyond_their_expiry(shop: Shop, held: MoveTo, db: Database) -> None:
    wallet = await shop.wallet(10, kind="credits", expires_at=days(1))
    hold = await shop.post(f"/v1/wallets/{wallet}/holds", {"amount_minor": 6, "currency": "CREDIT"})
    await held(timedelta(days=2))
    await lapse(db, shop)
    assert await shop.balance(wallet) == 6
    captured = await shop.post(f"/v1/holds/{hold['id']}/captures", {"amount_minor": 4})
    assert captured["hold"]["status"] == "captured"
    await lapse(db, shop)
    assert await shop.balance(wallet) == 0


async def test_a_lot_that_could_never_be_spent_and_lots_of_plain_money_are_refused(shop: Shop) -> None:
    credits_, money = await shop.wallet(kind="credits"), await shop.wallet()
    past = await shop.credit(credits_, 1, currency="CREDIT", expires_at="2020-01-01T00:00:00Z", status=422)
    assert past["code"] == "lot_lapsed_already"
    assert (await shop.credit(money, 1, type="promotional", status=422))["code"] == "kind_keeps_no_lots"


async def test_several_debits_of_one_batch_are_decided_in_sequence_on_the_same_lots(shop: Shop) -> None:
    wallet = await shop.wallet(10, kind="coins")
    debit = {"move": "debit", "wallet_id": wallet, "amount_minor": 4, "currency": "COIN"}
    credit = {"move": "credit", "wallet_id": wallet, "amount_minor": 6, "currency": "COIN"}
    done = await shop.post("/v1/transfers/batch", {"moves": [debit, debit, debit, credit, debit, debit, debit]})
    assert [line["status"] for line in done["data"]] == ["done", "done", "refused", "done", "done", "done", "refused"]
    assert await shop.lots(wallet) == []


async def test_grants_are_imported_once_each(shop: Shop, db: Database) -> None:
    rows = [
        wallets.Grant(
            reference=f"row-{number}",
            customer_reference=f"student-{number % 3}",
            kind="coins",
            currency="COIN",
            amount_minor=5 + number,
            type="promotional",
        )
        for number in range(6)
    ]
    bad = wallets.Grant(reference="row-9", customer_reference="x", kind="coins", currency="TRY", amount_minor=5)
    changed = wallets.Grant(reference="row-1", customer_reference="student-1", kind="coins", currency="COIN", amount_minor=99)
    for again in (False, True):
        async with db.transaction(shop.tenant.principal) as tx:
            answers = await wallets.grant_many(tx, [*rows, bad, changed])
        assert [getattr(answer, "again", None) for answer in answers] == [again] * 6 + [None, None]
        assert [type(answer.error).__name__ for answer in answers[6:] if not isinstance(answer, wallets.Moved)] == [
            "CurrencyNotOfKind",
            "GrantConflicts",
        ]
    found = await shop.get("/v1/wallets", kind="coins")
    assert sorted(wallet["balance_minor"] for wallet in found["data"]) == [13, 15, 17]
