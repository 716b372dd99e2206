"""A campus: wallets loaded by card, lunches paid from them. Told over HTTP against a whole deployment (CW1 to CW5)."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import asyncpg
import httpx2
import pytest
import pytest_asyncio

from running import Running, vezne
from vezne.app.demos.story import Api
from vezne.app.visitor import Visitor
from vezne.kernel.postgres import EmbeddedPostgres

pytestmark = pytest.mark.xdist_group("deployment")

PAID, DECLINED, WITH_3DS, DELAYED = "4242424242424242", "4000000000000002", "4000002500003155", "4000000000000077"


@pytest_asyncio.fixture
async def api(deployment: Running) -> AsyncIterator[Api]:
    async with httpx2.AsyncClient(timeout=20) as client:
        yield Api(client, deployment.url, str(deployment.ready["secret_key"]))


async def student(api: Api) -> tuple[str, str]:
    customer = await api.post("/v1/customers", {"reference": f"student-{uuid4().hex[:12]}"})
    wallet = await api.post("/v1/wallets", {"customer_id": customer["id"], "kind": "money", "currency": "TRY"})
    return customer["id"], wallet["id"]


async def balance(api: Api, wallet: str) -> int:
    return int((await api.get(f"/v1/wallets/{wallet}"))["balance_minor"])


async def ask_to_load(api: Api, customer: str, amount: int) -> dict[str, Any]:
    placed: dict[str, Any] = await api.post("/v1/top-ups", {"customer_id": customer, "amount_minor": amount, "currency": "TRY"})
    return placed


async def until(api: Api, path: str, wanted: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for _ in range(400):
        found = await api.get(path)
        if found["status"] == wanted:
            return found
        await asyncio.sleep(0.05)
    raise AssertionError(f"{path} did not become {wanted}: {found}")


async def refused(api: Api, path: str, body: dict[str, Any]) -> tuple[int, str]:
    response = await api.client.post(f"{api.url}{path}", json=body, headers={"Authorization": f"Bearer {api.key}"})
    return response.status_code, response.json()["code"]


async def test_cw1_a_wallet_comes_into_being_when_first_needed_and_is_never_negative(api: Api) -> None:
    customer, wallet = await student(api)
    again = await api.post("/v1/wallets", {"customer_id": customer, "kind": "money", "currency": "TRY"})
    euros = await api.post("/v1/wallets", {"customer_id": customer, "kind": "money", "currency": "EUR"})
    assert again["id"] == wallet != euros["id"]
    assert await refused(api, f"/v1/wallets/{wallet}/debits", {"amount_minor": 1, "currency": "TRY"}) == (
        409,
        "insufficient_funds",
    )
    assert await balance(api, wallet) == 0


async def test_cw2_no_one_changes_or_deletes_what_was_posted(api: Api, deployment: Running) -> None:
    _, wallet = await student(api)
    moved = await api.post(f"/v1/wallets/{wallet}/credits", {"amount_minor": 500, "currency": "TRY"})
    response = await api.client.delete(
        f"{api.url}/v1/wallets/{wallet}/transactions/{moved['id']}", headers={"Authorization": f"Bearer {api.key}"}
    )
    assert response.status_code == 405
    connection = await asyncpg.connect(
        EmbeddedPostgres(deployment.folder / "postgres").dsn, server_settings={"role": "vezne_service"}
    )
    try:
        for statement in ("UPDATE postings SET amount = 0", "DELETE FROM postings", "DELETE FROM entries", "TRUNCATE events"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
    finally:
        await connection.close()


async def test_cw3_history_has_every_move_newest_first_in_pages(api: Api) -> None:
    _, wallet = await student(api)
    await api.post(f"/v1/wallets/{wallet}/credits", {"amount_minor": 1000, "currency": "TRY"})
    for number in range(4):
        await api.post(
            f"/v1/wallets/{wallet}/debits",
            {"amount_minor": 100, "currency": "TRY", "reference": {"type": "meal", "id": f"meal-{number}"}},
        )
    first = await api.get(f"/v1/wallets/{wallet}/transactions?limit=3")
    rest = await api.get(f"/v1/wallets/{wallet}/transactions?limit=3&after={first['next']}")
    lines = first["data"] + rest["data"]
    assert [line["balance_after_minor"] for line in lines] == [600, 700, 800, 900, 1000]
    assert [line["reference"] and line["reference"]["id"] for line in lines] == ["meal-3", "meal-2", "meal-1", "meal-0", None]
    assert rest["has_more"] is False
    assert await refused(api, f"/v1/wallets/{wallet}/debits", {"amount_minor": 601, "currency": "TRY"}) == (
        409,
        "insufficient_funds",
    )
    assert await balance(api, wallet) == 600


@pytest.mark.parametrize("card", [PAID, WITH_3DS, DELAYED])
async def test_cw4_the_webhook_credits_the_wallet_once_though_the_browser_never_returns(api: Api, card: str) -> None:
    customer, wallet = await student(api)
    placed = await ask_to_load(api, customer, 10_000)
    assert placed["payment"]["client_secret"].startswith(placed["payment"]["id"])
    back = await Visitor(api.client).pay(placed["checkout_url"], card)
    await until(api, f"/v1/orders/{placed['order']['id']}", "fulfilled")
    assert await balance(api, wallet) == 10_000
    for _ in range(3):  # the browser comes back late, several times
        assert (await api.client.get(back, follow_redirects=True)).status_code == 200
    assert await balance(api, wallet) == 10_000


async def test_cw4_a_declined_card_credits_nothing_and_another_may_be_tried(api: Api) -> None:
    customer, wallet = await student(api)
    placed = await ask_to_load(api, customer, 7_500)
    back = await Visitor(api.client).pay(placed["checkout_url"], DECLINED)
    await api.client.get(back, follow_redirects=True)
    assert await balance(api, wallet) == 0
    await Visitor(api.client).pay(placed["checkout_url"], PAID)
    await until(api, f"/v1/payments/{placed['payment']['id']}", "succeeded")
    await until(api, f"/v1/orders/{placed['order']['id']}", "fulfilled")
    assert await balance(api, wallet) == 7_500


async def test_cw4_a_top_up_given_back_leaves_the_wallet_by_the_road_it_came(api: Api) -> None:
    customer, wallet = await student(api)
    placed = await ask_to_load(api, customer, 3_000)
    await Visitor(api.client).pay(placed["checkout_url"], PAID)
    await until(api, f"/v1/orders/{placed['order']['id']}", "fulfilled")
    await api.post(f"/v1/orders/{placed['order']['id']}/refunds", {"amount_minor": 1_200})
    assert await balance(api, wallet) == 1_800
    order = await until(api, f"/v1/orders/{placed['order']['id']}", "fulfilled")
    assert order["refunded_minor"] == 1_200
    refunds = await api.get(f"/v1/payments/{placed['payment']['id']}/refunds")
    for _ in range(200):
        if refunds["data"][0]["status"] == "succeeded":
            break
        await asyncio.sleep(0.05)
        refunds = await api.get(f"/v1/payments/{placed['payment']['id']}/refunds")
    assert [refund["status"] for refund in refunds["data"]] == ["succeeded"]


def test_cw5_the_gateway_is_a_setting_and_the_books_are_right_in_the_end(deployment: Running) -> None:
    shown = vezne(deployment.folder, "tenants", "show", "--json")
    assert '"payment_provider": "simulated"' in shown.stdout
    audited = vezne(deployment.folder, "audit")
    assert audited.returncode == 0, audited.stdout
