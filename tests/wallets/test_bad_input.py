"""What bad amounts, currencies and bodies get: 400 or 422 with the field named, never an error of ours."""

import httpx2
import pytest

from wallets_fixtures import Shop

AMOUNTS = [
    ("0", 422),
    ("-1", 422),
    ("1.5", 422),
    ("1.0", 422),
    ("NaN", 400),
    ("Infinity", 400),
    ("1e400", None),
    ("1e2", 422),
    ("9007199254740992", 422),
    ("99999999999999999999999999", 422),
    ('"100"', 422),
    ('"１００"', 422),
    ('"1,000"', 422),
    ('"1_000"', 422),
    ('" 5 "', 422),
    ("true", 422),
    ("null", 422),
    ("[5]", 422),
    ('{"value": 5}', 422),
    ("01", 400),
    ("0x10", 400),
    ("", 400),
]
PATHS = ["credits", "debits", "holds"]


async def send(shop: Shop, path: str, body: str) -> httpx2.Response:
    headers = shop.tenant.headers | {"Content-Type": "application/json"}
    return await shop.http.post(path, content=body.encode("utf-8", "surrogatepass"), headers=headers)


@pytest.mark.parametrize(("amount", "status"), AMOUNTS)
async def test_a_bad_amount_is_refused_by_name(shop: Shop, amount: str, status: int | None) -> None:
    wallet = await shop.wallet(1000)
    other = await shop.wallet()
    bodies = {f"/v1/wallets/{wallet}/{path}": f'{{"amount_minor": {amount}, "currency": "TRY"}}' for path in PATHS}
    transfer = f'"from_wallet_id": "{wallet}", "to_wallet_id": "{other}"'
    bodies["/v1/transfers"] = f'{{"amount_minor": {amount}, "currency": "TRY", {transfer}}}'
    for path, body in bodies.items():
        answer = await send(shop, path, body)
        assert answer.status_code in ({400, 422} if status is None else {status}), (path, answer.text)
        if answer.status_code == 422:
            assert ["body", "amount_minor"] in [error["loc"][:2] for error in answer.json()["errors"]], answer.text
    assert await shop.balance(wallet) == 1000


@pytest.mark.parametrize("currency", ["EUR", "XXX", "try", "TR", "₺", "", "DROP TABLE", "CREDIT", 949, None, ["TRY"]])
async def test_a_wrong_or_unknown_currency_is_refused_by_name(shop: Shop, currency: object) -> None:
    wallet = await shop.wallet(1000)
    for path in PATHS:
        answer = await shop.post(f"/v1/wallets/{wallet}/{path}", {"amount_minor": 5, "currency": currency}, status=422)
        assert ["body", "currency"] in [error["loc"] for error in answer["errors"]], answer


@pytest.mark.parametrize(("currency", "amount"), [("JPY", 1), ("KWD", 1), ("TRY", 2**53 - 1)])
async def test_currencies_of_no_and_three_decimals_and_the_largest_amount_are_exact(
    shop: Shop, currency: str, amount: int
) -> None:
    wallet = await shop.wallet(amount, currency=currency)
    assert (await shop.credit(wallet, 2**53 - 1, currency=currency, status=409))["code"] == "wallet_full"
    assert (await shop.debit(wallet, amount, currency=currency))["balance_after_minor"] == 0


@pytest.mark.parametrize(
    ("body", "status", "loc"),
    [
        ('{"amount_minor": 5, "currency": "TRY"', 400, None),
        ("[]", 422, ["body"]),
        ("null", 422, ["body"]),
        ("5", 422, ["body"]),
        ('{"amount_minor": 5, "amount_minor": 6, "currency": "TRY"}', 400, None),
        ('{"amount_minor": 5, "currency": "TRY", "ammount": 6}', 422, ["body", "ammount"]),
        ('{"amount_minor": 5, "currency": "TRY", "description": "4242 4242 4242 4242"}', 422, ["body", "description"]),
        ('{"amount_minor": 5, "currency": "TRY", "description": "a\\u0000b"}', 422, ["body", "description"]),
        ('{"amount_minor": 5, "currency": "TRY", "description": "\\ud800"}', 422, ["body", "description"]),
        ('{"amount_minor": 5, "currency": "TRY", "metadata": {"a": {"b": 1}}}', 422, ["body", "metadata", "a"]),
        ('{"amount_minor": 5, "currency": "TRY", "reference": {"type": ""}}', 422, ["body", "reference", "type"]),
        ('{"amount_minor": 5, "currency": "TRY", "once": 1}', 422, ["body", "once"]),
        ("[" * 100_000, 400, None),
        ("\ud800", 400, None),
        ("", 400, None),
    ],
)
async def test_a_bad_body_is_refused(shop: Shop, body: str, status: int, loc: list[str] | None) -> None:
    wallet = await shop.wallet(1000)
    answer = await send(shop, f"/v1/wallets/{wallet}/debits", body)
    assert answer.status_code == status, answer.text
    if loc is not None:
        assert loc in [error["loc"] for error in answer.json()["errors"]], answer.text


@pytest.mark.parametrize(
    "expires_at", ["tomorrow", "2031-01-01", "2031-01-01T00:00:00", 1893456000, "1893456000", "0001-01-01T00:00:00+14:00", "٢٠٣١"]
)
async def test_a_bad_time_is_refused_by_name(shop: Shop, expires_at: object) -> None:
    wallet = await shop.wallet(kind="credits")
    answer = await shop.credit(wallet, 5, currency="CREDIT", expires_at=expires_at, status=422)
    assert answer["errors"][0]["loc"] == ["body", "expires_at"]
    if isinstance(expires_at, str):
        await shop.get(f"/v1/wallets/{wallet}", at=expires_at, expect=422)
        await shop.get(f"/v1/wallets/{wallet}/transactions", since=expires_at, expect=422)


@pytest.mark.parametrize("text", ["wal_", "nope", "cus_01h455vb4pex5vsknk084sn02q", "wal_%00", "wal_01H455VB4PEX5VSKNK084SN02Q"])
async def test_a_malformed_id_is_as_unknown_as_any(shop: Shop, text: str) -> None:
    for path in ("", "/credits", "/debits", "/holds", "/transactions"):
        method = "POST" if path in {"/credits", "/debits"} else "GET"
        body = {"amount_minor": 5, "currency": "TRY"} if method == "POST" else None
        answer = await shop.http.request(method, f"/v1/wallets/{text}{path}", json=body, headers=shop.tenant.headers)
        assert answer.status_code == 404, (path, answer.text)


@pytest.mark.parametrize("key", ["", " ", "a" * 256, "anahtar-ğ"])
async def test_a_malformed_key_is_refused(shop: Shop, key: str) -> None:
    wallet = await shop.wallet(1000)
    raw = [(name.encode(), value.encode()) for name, value in [*shop.tenant.headers.items(), ("Idempotency-Key", key)]]
    answer = await shop.http.post(f"/v1/wallets/{wallet}/debits", json={"amount_minor": 5, "currency": "TRY"}, headers=raw)
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_malformed")


async def test_a_body_is_bounded_and_a_batch_has_more_room(shop: Shop) -> None:
    wallet = await shop.wallet(1000)
    assert (await send(shop, f"/v1/wallets/{wallet}/debits", " " * 300_000)).status_code == 413
    assert (await send(shop, "/v1/transfers/batch", " " * 300_000)).status_code == 400
    assert (await send(shop, "/v1/transfers/batch", " " * (4 * 1024 * 1024 + 1))).status_code == 413


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer nope"}, {"Authorization": "Basic x"}])
async def test_without_a_key_nothing_is_said(shop: Shop, headers: dict[str, str]) -> None:
    wallet = await shop.wallet(1000)
    for path in ("debits", "credits"):
        answer = await shop.http.post(f"/v1/wallets/{wallet}/{path}", json={}, headers=headers)
        assert answer.status_code == 401
    answer = await shop.http.post(
        f"/v1/wallets/{wallet}/debits", json={}, headers={"Authorization": f"Bearer {shop.tenant.publishable_key}"}
    )
    assert answer.status_code == 403
