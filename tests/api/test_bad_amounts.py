"""Amounts and currencies that are none: every endpoint that takes an amount refuses them by name, and nothing is left."""

import json
from typing import Any

import asyncpg
import httpx2
import pytest

from api.endpoints import OR_NOTHING, SIGNED, Endpoint, endpoints
from service_fixtures import Belongings, Caller

BAD = {
    "negative": "-1",
    "zero": "0",
    "minus zero": "-0",
    "fractional": "10.5",
    "a fraction that is whole": "10.0",
    "exponent": "1e2",
    "NaN": "NaN",
    "Infinity": "Infinity",
    "minus Infinity": "-Infinity",
    "1e400": "1e400",
    "2^53": "9007199254740992",
    "2^63": "9223372036854775808",
    "2^64": "18446744073709551616",
    "a thousand digits": "9" * 1000,
    "text": '"100"',
    "text with separators": '"1,000.00"',
    "Turkish text": '"1.000,00"',
    "text with a currency": '"100 TRY"',
    "full-width digits": '"１００"',
    "Arabic-Indic digits": '"٣٤"',
    "bare full-width digits": "１００",
    "leading zero": "0100",
    "hexadecimal": "0x64",
    "underscored": "1_000",
    "true": "true",
    "false": "false",
    "null": "null",
    "array": "[100]",
    "object": '{"minor": 100}',
    "empty text": '""',
}
MAY_BE_LEFT_OUT = {"null"}
"""Where an amount is optional, null means none was given."""
TAKEN = dict.fromkeys(SIGNED, ("negative",)) | dict.fromkeys(OR_NOTHING, ("zero", "minus zero"))
"""What is no bad amount at some endpoints."""
BAD_CURRENCIES = (
    '"TRYX1!"',
    '"try"',
    '"XXX"',
    '"ZZZ"',
    '"ＴＲＹ"',
    '"T"',
    '""',
    "949",
    "null",
    '["TRY"]',
    '"TRY "',
    '"TRY\\u0000"',
    '"₺"',
)
CARD = "4242 4242 4242 4242"


def takes_amount(schema: dict[str, Any]) -> bool:
    """Whether an amount stands at the top of a body."""
    return "amount_minor" in schema.get("properties", {})


@pytest.fixture
def paying(described: dict[str, Any]) -> list[Endpoint]:
    """Every POST that takes an amount."""
    found = [each for each in endpoints(described) if each.method == "post" and takes_amount(each.body_schema or {})]
    assert len(found) >= 8
    return found


async def rows(owner: "asyncpg.Connection[asyncpg.Record]", tenant_id: int) -> dict[str, int]:
    """How many rows the tenant has in each table there is."""
    tables = await owner.fetch(
        "SELECT table_name FROM information_schema.columns WHERE table_schema = 'public' AND column_name = 'tenant_id'"
    )
    return {table: await owner.fetchval(f"SELECT count(*) FROM {table} WHERE tenant_id = $1", tenant_id) for (table,) in tables}


async def send(
    http: httpx2.AsyncClient, endpoint: Endpoint, own: Belongings, raw: str, headers: dict[str, str]
) -> httpx2.Response:
    """Send a body that no JSON library would write."""
    return await http.request(
        endpoint.method.upper(),
        endpoint.url(own.ids),
        content=raw.encode(),
        headers=headers | {"Content-Type": "application/json", "Idempotency-Key": "bad"},
    )


def body_with(endpoint: Endpoint, own: Belongings, **raw: str | None) -> str:
    """The endpoint's body with these fields written as they stand here, or left out."""
    fields = {name: json.dumps(value) for name, value in endpoint.body(own.ids).items()}
    fields |= {name: value for name, value in raw.items() if value is not None}
    for name in [name for name, value in raw.items() if value is None]:
        fields.pop(name, None)
    return "{" + ", ".join(f'"{name}": {value}' for name, value in fields.items()) + "}"


async def test_bad_amounts_are_refused_by_name_and_leave_nothing(
    paying: list[Endpoint], caller: Caller, own: Belongings, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    before = await rows(owner, caller.tenant.tenant_id), await caller.balance(own["wal"])
    tried = 0
    for endpoint in paying:
        required = "amount_minor" in (endpoint.body_schema or {}).get("required", [])
        for name, written in BAD.items():
            if (name in MAY_BE_LEFT_OUT and not required) or name in TAKEN.get(str(endpoint), ()):
                continue
            answer = await send(caller.http, endpoint, own, body_with(endpoint, own, amount_minor=written), caller.tenant.headers)
            assert answer.status_code in {400, 422}, f"{endpoint} {name}: {answer.status_code} {answer.text}"
            if answer.status_code == 422:
                assert ["body", "amount_minor"] in [error["loc"][:2] for error in answer.json()["errors"]], answer.text
            else:
                assert answer.json()["code"] == "body_not_json"
            tried += 1
        if required:
            answer = await send(caller.http, endpoint, own, body_with(endpoint, own, amount_minor=None), caller.tenant.headers)
            assert answer.status_code == 422
            assert answer.json()["errors"][0]["loc"] == ["body", "amount_minor"], answer.text
    assert (await rows(owner, caller.tenant.tenant_id), await caller.balance(own["wal"])) == before
    print(f"\n{tried} bad amounts at {len(paying)} endpoints")


async def test_bad_currencies_are_refused_by_name_and_leave_nothing(
    paying: list[Endpoint], caller: Caller, own: Belongings, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    before = await rows(owner, caller.tenant.tenant_id)
    with_currency = [each for each in paying if "currency" in (each.body_schema or {})["properties"]]
    assert len(with_currency) >= 5
    for endpoint in with_currency:
        for written in (*BAD_CURRENCIES, None):
            answer = await send(caller.http, endpoint, own, body_with(endpoint, own, currency=written), caller.tenant.headers)
            assert answer.status_code == 422, f"{endpoint} {written}: {answer.status_code} {answer.text}"
            assert ["body", "currency"] in [error["loc"][:2] for error in answer.json()["errors"]], f"{endpoint} {answer.text}"
    assert await rows(owner, caller.tenant.tenant_id) == before


async def test_a_wallet_takes_no_other_currency_than_its_own(
    paying: list[Endpoint], caller: Caller, own: Belongings, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    before = await rows(owner, caller.tenant.tenant_id)
    for endpoint in paying:
        if "wallet_id" in endpoint.path and "currency" in (endpoint.body_schema or {})["properties"]:
            answer = await send(caller.http, endpoint, own, body_with(endpoint, own, currency='"EUR"'), caller.tenant.headers)
            assert answer.status_code in {409, 422}, answer.text
            assert answer.json()["code"] == "wallet_currency_differs"
    assert await rows(owner, caller.tenant.tenant_id) == before


async def test_a_bad_line_of_an_order_and_a_bad_move_of_a_batch_undo_the_whole_request(
    caller: Caller, own: Belongings, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    before = await rows(owner, caller.tenant.tenant_id)
    headers = caller.tenant.headers | {"Content-Type": "application/json"}
    good = '{"kind": "top_up", "amount_minor": 100, "currency": "TRY"}'
    move = f'{{"move": "debit", "wallet_id": "{own["wal"]}", "amount_minor": 1, "currency": "TRY"}}'
    for name, written in BAD.items():
        line = good.replace("100", written)
        order = f'{{"customer_id": "{own["cus"]}", "lines": [{good}, {line}]}}'
        batch = f'{{"moves": [{move}, {move.replace("1,", f"{written},")}]}}'
        for path, body in (("/v1/orders", order), ("/v1/transfers/batch", batch)):
            answer = await caller.http.post(path, content=body.encode(), headers=headers)
            assert answer.status_code in {400, 422}, f"{path} {name}: {answer.status_code} {answer.text}"
            if answer.status_code == 422:
                assert "amount_minor" in [error["loc"][-1] for error in answer.json()["errors"]], answer.text
    assert await rows(owner, caller.tenant.tenant_id) == before


@pytest.mark.parametrize(("currency", "minor"), [("JPY", 1), ("KWD", 1_001), ("TRY", 2**53 - 1), ("USD", 5)])
async def test_currencies_with_none_two_and_three_decimals_are_whole_minor_units(
    currency: str, minor: int, caller: Caller
) -> None:
    wallet = await caller.wallet(minor, currency=currency)
    assert await caller.balance(wallet) == minor
    await caller.make(f"/v1/wallets/{wallet}/debits", {"amount_minor": minor, "currency": currency})
    assert await caller.balance(wallet) == 0


async def test_a_card_number_in_any_text_of_any_body_is_refused_and_not_repeated(
    described: dict[str, Any], caller: Caller, own: Belongings, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    before = await rows(owner, caller.tenant.tenant_id)
    tried = 0
    for endpoint in endpoints(described):
        body = endpoint.body(own.ids)
        if endpoint.method not in {"post", "patch", "put"} or not isinstance(body, dict):
            continue
        for name in (endpoint.body_schema or {}).get("properties", {}):
            for value in (CARD, {"note": f"card {CARD}"}, [CARD], {CARD: "x"}):
                answer = await caller.http.request(
                    endpoint.method.upper(), endpoint.url(own.ids), json=body | {name: value}, headers=caller.tenant.headers
                )
                assert answer.status_code == 422, f"{endpoint} {name}: {answer.status_code} {answer.text}"
                assert answer.json()["code"] == "card_number_refused", f"{endpoint} {name}: {answer.text}"
                assert "4242 4242" not in answer.text
                tried += 1
    assert await rows(owner, caller.tenant.tenant_id) == before
    assert tried > 100
