"""Settlements and payouts over HTTP: what is taken, what is refused and how, who may, and buttons pressed twice."""

import asyncio
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest
import pytest_asyncio

from settlements_fixtures import Till
from tenancy_fixtures import TestTenant
from vezne import identity
from vezne.kernel.ids import new_id, public_id


@dataclass
class Office:
    """The people who pay payees: a maker and a checker, each with a key of their own."""

    http: httpx2.AsyncClient
    till: Till
    keys: dict[str, str]

    async def ask(self, who: str, method: str, path: str, body: object = None, **headers: str) -> httpx2.Response:
        """A request of one of them."""
        sent = {"Authorization": f"Bearer {self.keys[who]}", **headers}
        answer = await self.http.request(method, path, json=body, headers=sent)
        assert answer.status_code < 500, answer.text
        return answer

    async def post(self, who: str, path: str, body: object = None, **headers: str) -> httpx2.Response:
        """POST."""
        return await self.ask(who, "POST", path, body, **headers)

    async def see(self, who: str, path: str) -> dict[str, Any]:
        """GET what is there."""
        answer = await self.ask(who, "GET", path)
        assert answer.status_code == 200, answer.text
        seen: dict[str, Any] = answer.json()
        return seen

    async def sold_for(self, *gross: int) -> str:
        """A payee for whom something was sold."""
        payee = await self.till.payee()
        for each in gross:
            await self.till.sell(payee, each, 0)
        return public_id("pye", payee)


@pytest_asyncio.fixture
async def office(http: httpx2.AsyncClient, till: Till) -> Office:
    """The office."""
    keys = {}
    for who in ("maker", "checker"):
        async with till.db.transaction(till.principal) as tx:
            _, secret = await identity.create_key(tx, kind="secret", name=who)
        keys[who] = secret.text
    return Office(http, till, keys)


async def test_a_payout_goes_from_the_makers_request_to_the_payees_bank(office: Office) -> None:
    """ET10"""
    payee = await office.sold_for(10_000, 500)
    made = await office.post("maker", "/v1/payouts", {"payee_id": payee, "currency": "TRY", "note": "Mart"})
    assert made.status_code == 201, made.text
    path = f"/v1/payouts/{made.json()['id']}"
    (balance,) = (await office.see("maker", f"/v1/payees/{payee}/balance"))["data"]
    assert balance == {
        "currency": "TRY",
        "available_minor": 0,
        "reserved_minor": 0,
        "carried_minor": 0,
        "in_payout_minor": 10_500,
    }
    own = await office.post("maker", f"{path}/approvals")
    assert (own.status_code, own.json()["code"]) == (409, "maker_is_checker")
    assert (await office.post("checker", f"{path}/approvals")).json()["status"] == "approved"
    filed = await office.post("checker", "/v1/payout-files", {"payout_ids": [made.json()["id"]], "format": "csv"})
    assert filed.status_code == 201, filed.text
    content = await office.ask("checker", "GET", filed.json()["content_url"])
    assert content.headers["content-type"] == "text/csv; charset=utf-8"
    assert "105.00,TRY,Mart\r\n" in content.text
    assert content.text == (await office.ask("checker", "GET", filed.json()["content_url"])).text
    sent = await office.post("checker", f"{path}/dispatches", {"file_id": filed.json()["id"]})
    assert sent.json()["status"] == "sent"
    paid = await office.post("checker", f"{path}/confirmations", {"bank_reference": "TR-1"})
    assert (paid.json()["status"], paid.json()["bank_reference"]) == ("paid", "TR-1")
    seen = await office.see("maker", path)
    assert sorted(item["amount_minor"] for item in seen["items"]) == [500, 10_000]
    listed = await office.see("maker", f"/v1/settlements?payee_id={payee}&status=paid")
    assert len(listed["data"]) == 2


async def test_a_button_pressed_twice_pays_once_with_a_key_and_without(office: Office) -> None:
    payee = await office.sold_for(10_000)
    body = {"payee_id": payee, "currency": "TRY"}
    key = {"Idempotency-Key": uuid4().hex}
    answers = await asyncio.gather(*(office.post("maker", "/v1/payouts", body, **key) for _ in range(5)))
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len({answer.json()["id"] for answer in answers if answer.status_code == 201}) == 1
    other = await office.sold_for(7_000)
    answers = await asyncio.gather(*(office.post("maker", "/v1/payouts", {**body, "payee_id": other}) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409]
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"payout_nothing_due"}


@pytest.mark.parametrize(
    ("change", "status", "at"),
    [
        ({"amount_minor": 0}, 422, "amount_minor"),
        ({"amount_minor": -1}, 422, "amount_minor"),
        ({"amount_minor": 1.5}, 422, "amount_minor"),
        ({"amount_minor": "5"}, 422, "amount_minor"),
        ({"amount_minor": True}, 422, "amount_minor"),
        ({"amount_minor": 2**53}, 422, "amount_minor"),
        ({"amount_minor": 9_999}, 409, "amount_minor"),
        ({"currency": "try"}, 422, "currency"),
        ({"currency": "XAU"}, 422, "currency"),
        ({"currency": "EUR"}, 409, None),
        ({"note": "x" * 141}, 422, "note"),
        ({"payee_id": "pye_nothing"}, 404, None),
        ({"payee_id": public_id("pye", new_id())}, 404, None),
        ({"surprise": 1}, 422, "surprise"),
    ],
)
async def test_a_bad_request_for_a_payout_is_refused_by_the_field(
    office: Office, change: dict[str, Any], status: int, at: str | None
) -> None:
    body = {"payee_id": await office.sold_for(10_000), "currency": "TRY"} | change
    answer = await office.post("maker", "/v1/payouts", body)
    assert answer.status_code == status, answer.text
    if at is not None:
        assert answer.json()["errors"][0]["loc"] == ["body", at]
    assert (await office.see("maker", "/v1/payouts?currency=TRY"))["data"] == []


async def test_reasons_are_asked_for_and_kept(office: Office) -> None:
    payee = await office.sold_for(10_000)
    made = (await office.post("maker", "/v1/payouts", {"payee_id": payee, "currency": "TRY"})).json()
    for body in (None, {}, {"reason": ""}, {"reason": "   "}, {"reason": "x" * 501}):
        assert (await office.post("checker", f"/v1/payouts/{made['id']}/rejections", body)).status_code == 422
    rejected = await office.post("checker", f"/v1/payouts/{made['id']}/rejections", {"reason": "yanlış hesap"})
    assert (rejected.json()["status"], rejected.json()["reason"]) == ("rejected", "yanlış hesap")
    late = await office.post("checker", f"/v1/payouts/{made['id']}/approvals")
    assert (late.status_code, late.json()["code"]) == (409, "payout_move_illegal")


async def test_another_tenants_things_are_not_there(office: Office, other_tenant: TestTenant) -> None:
    payee = await office.sold_for(10_000)
    made = (await office.post("maker", "/v1/payouts", {"payee_id": payee, "currency": "TRY"})).json()
    (settled,) = (await office.see("maker", "/v1/settlements"))["data"]
    office.keys["stranger"] = other_tenant.secret_key
    for method, path, body in (
        ("GET", f"/v1/payouts/{made['id']}", None),
        ("POST", f"/v1/payouts/{made['id']}/approvals", None),
        ("POST", f"/v1/payouts/{made['id']}/rejections", {"reason": "x"}),
        ("POST", f"/v1/payouts/{made['id']}/dispatches", {}),
        ("POST", f"/v1/payouts/{made['id']}/confirmations", {}),
        ("POST", f"/v1/payouts/{made['id']}/failures", {"reason": "x"}),
        ("GET", f"/v1/settlements/{settled['id']}", None),
        ("GET", f"/v1/payees/{payee}/balance", None),
        ("GET", f"/v1/payees/{payee}/statements?from=2026-01-01&to=2026-01-31&currency=TRY", None),
        ("POST", "/v1/payouts", {"payee_id": payee, "currency": "TRY"}),
        ("POST", "/v1/payout-files", {"payout_ids": [made["id"]]}),
    ):
        assert (await office.ask("stranger", method, path, body)).status_code == 404, path
    assert (await office.see("stranger", "/v1/settlements"))["data"] == []
    assert (await office.see("stranger", "/v1/payouts"))["data"] == []


async def test_settlements_are_found_by_payee_order_status_and_day_page_by_page(office: Office) -> None:
    first, second = await office.sold_for(100, 200, 300), await office.sold_for(400)
    await office.post("maker", "/v1/payouts", {"payee_id": second, "currency": "TRY"})
    everything = (await office.see("maker", "/v1/settlements"))["data"]
    assert [each["gross_minor"] for each in everything] == [400, 300, 200, 100]
    day = everything[0]["created_at"][:10]
    for query, expected in (
        (f"payee_id={first}", [300, 200, 100]),
        (f"order_id={everything[1]['order_id']}", [300]),
        ("status=in_payout", [400]),
        ("status=due", [300, 200, 100]),
        ("from=2200-01-01", None),
        ("from=2199-12-31", []),
        ("to=1999-12-31", []),
        (f"from=2020-01-01&to=2199-01-01&currency=TRY&status=due&payee_id={second}", []),
        ("to=2020-01-01&from=2020-01-02", None),
        ("from=1700000000", None),
        ("from=yesterday", None),
        ("currency=XYZ", None),
    ):
        answer = await office.ask("maker", "GET", f"/v1/settlements?{query}")
        assert answer.status_code == (422 if expected is None else 200), (query, answer.text)
        if expected is not None:
            assert [each["gross_minor"] for each in answer.json()["data"]] == expected, query
    assert day
    seen, after = [], ""
    while True:
        page = await office.see("maker", f"/v1/settlements?limit=3{after}")
        seen += [each["gross_minor"] for each in page["data"]]
        if not page["has_more"]:
            break
        after = f"&after={page['next']}"
    assert seen == [400, 300, 200, 100]
    whole = await office.see("maker", f"/v1/settlements/{everything[0]['id']}")
    assert [(move["kind"], move["payee_minor"]) for move in whole["moves"]] == [("sale", 400)]


async def test_a_settlement_shows_where_it_stands(office: Office) -> None:
    till = office.till
    payee = await till.payee()
    made = await till.sell(payee, 1_000, 100)
    path = f"/v1/settlements/{public_id('stl', made.id)}"

    async def status() -> str:
        return str((await office.see("maker", path))["status"])

    assert await status() == "due"
    body = {"payee_id": public_id("pye", payee), "currency": "TRY"}
    payout = (await office.post("maker", "/v1/payouts", body)).json()["id"]
    assert await status() == "in_payout"
    for step in ("approvals", "dispatches", "confirmations"):
        assert (await office.post("checker", f"/v1/payouts/{payout}/{step}", {})).status_code == 201
    assert await status() == "paid"
    await till.take_back(made.line_id, 500)
    assert await status() == "due"
    await till.take_back(made.line_id, 500)
    seen = await office.see("maker", path)
    assert (seen["status"], seen["clawed_back_minor"], seen["net_share_minor"]) == ("clawed_back", 1_000, 0)


@pytest.mark.parametrize(
    ("format_", "type_"), [("pdf", "application/pdf"), ("csv", "text/csv; charset=utf-8"), ("json", "application/json")]
)
async def test_a_statement_comes_as_it_is_asked_for(office: Office, format_: str, type_: str) -> None:
    payee = await office.sold_for(10_000)
    path = f"/v1/payees/{payee}/statements?from=2026-01-01&to=2035-01-01&currency=TRY&format={format_}"
    answer = await office.ask("maker", "GET", path)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == type_
    if format_ == "json":
        shown = answer.json()
        assert (shown["from"], shown["to"], shown["closing_minor"], len(shown["lines"])) == (
            "2026-01-01",
            "2035-01-01",
            10_000,
            1,
        )
    if format_ == "pdf":
        assert answer.content.startswith(b"%PDF-")


async def test_a_statement_is_of_this_month_and_the_tenants_currency_unless_it_is_said(office: Office) -> None:
    payee = await office.sold_for(10_000)
    shown = await office.see("maker", f"/v1/payees/{payee}/statements")
    assert (shown["from"][8:], shown["currency"], shown["closing_minor"]) == ("01", "TRY", 10_000)
    assert shown["from"][:7] == shown["to"][:7]
    before = await office.see("maker", f"/v1/payees/{payee}/statements?to=2026-02-11")
    assert (before["from"], before["to"], before["lines"]) == ("2026-02-01", "2026-02-11", [])


async def test_a_statement_of_no_period_is_refused_by_the_field(office: Office) -> None:
    payee = await office.sold_for(10_000)
    for query, at in (
        ("from=2026-02-02&to=2026-02-01&currency=TRY", "to"),
        ("from=1980-02-02&to=2026-02-01&currency=TRY", "to"),
        ("from=2026-02-30&to=2026-03-01&currency=TRY", "from"),
        ("from=2026-02-02&to=2026-02-03&currency=lira", "currency"),
        ("from=2026-02-02&to=2026-02-03&currency=TRY&format=xls", "format"),
    ):
        answer = await office.ask("maker", "GET", f"/v1/payees/{payee}/statements?{query}")
        assert (answer.status_code, answer.json()["errors"][0]["loc"][-1]) == (422, at), answer.text


async def test_permissions_part_makers_checkers_and_readers(office: Office) -> None:
    payee = await office.sold_for(10_000)
    for who, permissions in (("reader", ["settlements.read"]), ("asker", ["payouts.request"]), ("decider", ["payouts.approve"])):
        body = {"kind": "restricted", "name": who, "permissions": permissions}
        office.keys[who] = (await office.post("maker", "/v1/api-keys", body)).json()["key"]
    asked = {"payee_id": payee, "currency": "TRY"}
    assert (await office.post("reader", "/v1/payouts", asked)).status_code == 403
    assert (await office.post("decider", "/v1/payouts", asked)).status_code == 403
    made = await office.post("asker", "/v1/payouts", asked)
    assert made.status_code == 201
    path = f"/v1/payouts/{made.json()['id']}"
    assert (await office.post("asker", f"{path}/approvals")).status_code == 403
    assert (await office.post("reader", f"{path}/approvals")).status_code == 403
    assert (await office.post("reader", "/v1/payout-files", {"payout_ids": [made.json()["id"]]})).status_code == 403
    assert (await office.post("decider", f"{path}/approvals")).status_code == 201
    assert (await office.ask("reader", "GET", path)).status_code == 200


async def test_files_of_nothing_or_of_too_much_are_refused(office: Office) -> None:
    some = public_id("pot", UUID(int=1))
    bodies: list[dict[str, Any]] = [
        {"payout_ids": []},
        {"payout_ids": [some] * 1_001},
        {"payout_ids": [some], "format": "mt101"},
        {},
    ]
    for body in bodies:
        assert (await office.post("checker", "/v1/payout-files", body)).status_code == 422
    assert (await office.post("checker", "/v1/payout-files", {"payout_ids": [some]})).status_code == 404
    assert (await office.ask("checker", "GET", f"/v1/payout-files/{public_id('fil', UUID(int=1))}/content")).status_code == 404
