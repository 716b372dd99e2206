"""Promotions and codes over HTTP: made, changed, ended, listed, counted (CM4, CM10)."""

import csv
import io
from typing import Any

import httpx2
import pytest

from promos_fixtures import Booth, basket
from tenancy_fixtures import TestTenant
from vezne.kernel.ids import public_id
from vezne.promos.folding import ALPHABET

TENTH: dict[str, Any] = {"name": "A tenth", "kind": "percentage", "percentage": 1_000}


class Counter:
    """The tenant's API."""

    def __init__(self, http: httpx2.AsyncClient, tenant: TestTenant) -> None:
        self.http, self.headers = http, tenant.headers

    async def ask(self, method: str, path: str, body: object = None, **params: str | int) -> httpx2.Response:
        return await self.http.request(method, path, json=body, headers=self.headers, params=params)

    async def made(self, path: str, body: object) -> dict[str, Any]:
        answer = await self.ask("POST", path, body)
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def seen(self, path: str, **params: str | int) -> Any:  # noqa: ANN401 - JSON
        answer = await self.ask("GET", path, **params)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture
def counter(http: httpx2.AsyncClient, tenant: TestTenant) -> Counter:
    return Counter(http, tenant)


async def test_a_promotion_and_its_code_are_made_seen_and_changed(counter: Counter) -> None:
    made = await counter.made("/v1/promotions", {**TENTH, "max_uses": 5, "minimum_minor": {"TRY": 1_000}})
    path = f"/v1/promotions/{made['id']}"
    assert await counter.seen(path) == made
    assert (made["uses"], made["active"], made["stackable"], made["listed_only"]) == (0, True, False, False)
    code = await counter.made("/v1/promo-codes", {"promotion_id": made["id"], "code": "save-20"})
    assert (code["code"], code["max_uses"], code["uses"]) == ("SAVE-20", None, None)
    for spelt in ("SAVE20", "save_20"):
        assert (await counter.seen("/v1/promo-codes", code=spelt))["data"] == [code]
    assert (await counter.seen("/v1/promo-codes", code="'"))["data"] == []
    changed = (await counter.ask("PATCH", path, {"active": False, "max_uses": None})).json()
    assert (changed["active"], changed["max_uses"], changed["uses"]) == (False, None, None)
    assert (await counter.seen("/v1/promotions", active="true"))["data"] == []
    ended = (await counter.ask("PATCH", f"/v1/promo-codes/{code['id']}", {"active": False, "max_uses": 3})).json()
    assert (ended["active"], ended["max_uses"], ended["uses"]) == (False, 3, 0)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"kind": "percentage"}, "percentage"),
        ({"kind": "percentage", "percentage": 10_001}, "percentage"),
        ({"kind": "percentage", "percentage": 100, "amount_minor": {"TRY": 1}}, "amount_minor"),
        ({"kind": "fixed"}, "amount_minor"),
        ({"kind": "fixed", "amount_minor": {"TRY": 1}, "cap_minor": {"TRY": 1}}, "cap_minor"),
        ({"kind": "bonus_credits"}, "bonus_units"),
        ({"kind": "bonus_credits", "bonus_units": 5, "percentage": 5}, "bonus_units"),
        ({"kind": "free_trial"}, "trial_days"),
        ({"kind": "free_trial", "trial_days": 7, "percentage": 5}, "percentage"),
        ({**TENTH, "starts_at": "2026-03-02T00:00:00Z", "ends_at": "2026-03-01T00:00:00Z"}, "ends_at"),
        ({**TENTH, "customer_ids": ["cus_01h455vb4pex5vsknk084sn02q"]}, "customer_ids"),
        ({**TENTH, "item_ids": ["itm_01h455vb4pex5vsknk084sn02q"]}, "item_ids"),
        ({**TENTH, "max_uses": 0}, "max_uses"),
        ({**TENTH, "name": " "}, "name"),
        ({**TENTH, "minimum_minor": {"EURO": 0}}, "minimum_minor"),
        ({**TENTH, "currencies": ["eur"]}, "currencies"),
    ],
)
async def test_what_cannot_be_is_refused_by_its_field(counter: Counter, body: dict[str, Any], field: str) -> None:
    answer = await counter.ask("POST", "/v1/promotions", {"name": "x", **body})
    assert answer.status_code in {404, 422}
    assert field in {str(part) for error in answer.json()["errors"] for part in error["loc"]}


async def test_codes_are_unique_in_every_spelling(counter: Counter) -> None:
    made = await counter.made("/v1/promotions", TENTH)
    await counter.made("/v1/promo-codes", {"promotion_id": made["id"], "code": "SUMMER-10"})
    answer = await counter.ask("POST", "/v1/promo-codes", {"promotion_id": made["id"], "code": "summer10"})
    assert (answer.status_code, answer.json()["code"]) == (409, "promo_code_taken")
    for wrong in ("", "a", "çok-ucuz", "x" * 65, "a b;c"):
        answer = await counter.ask("POST", "/v1/promo-codes", {"promotion_id": made["id"], "code": wrong})
        assert (answer.status_code, answer.json()["code"]) == (422, "promo_code_malformed")


async def test_cm4_ten_thousand_unique_codes_in_one_call_and_as_csv(counter: Counter) -> None:
    made = await counter.made("/v1/promotions", TENTH)
    bulk = await counter.made("/v1/promo-codes/bulk", {"promotion_id": made["id"], "count": 10_000, "prefix": "Spring"})
    assert bulk["count"] == len(set(bulk["codes"])) == 10_000
    assert all(code.startswith("SPRING-") and set(code[7:]) <= {*ALPHABET, "-"} for code in bulk["codes"])
    answer = await counter.ask("GET", f"/v1/promotions/{made['id']}/codes.csv")
    assert answer.headers["content-type"].startswith("text/csv")
    assert "attachment" in answer.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["code"] for row in rows] == bulk["codes"]
    assert (rows[0]["max_uses"], rows[0]["uses"], rows[0]["active"]) == ("1", "0", "yes")
    page = await counter.seen("/v1/promo-codes", promotion_id=made["id"], limit=100)
    assert (len(page["data"]), page["has_more"]) == (100, True)
    too_many = await counter.ask("POST", "/v1/promo-codes/bulk", {"promotion_id": made["id"], "count": 10_001})
    assert too_many.status_code == 422


async def test_the_same_request_again_makes_no_second_promotion(counter: Counter, http: httpx2.AsyncClient) -> None:
    headers = {**counter.headers, "Idempotency-Key": "promotion-once"}
    first, again = [(await http.post("/v1/promotions", json=TENTH, headers=headers)).json() for _ in range(2)]
    assert first == again
    assert len((await counter.seen("/v1/promotions"))["data"]) == 1


async def test_cm10_what_codes_have_done_is_counted_and_every_use_is_listed(counter: Counter, booth: Booth) -> None:
    code = await booth.give("TENTH")
    customer = await booth.customer()
    await booth.redeem(await booth.reserve(basket(customer, 10_000), "TENTH"))
    await booth.release(await booth.reserve(basket(await booth.customer(), 10_000), "TENTH"))
    promotion, shown = public_id("prm", code.promotion_id), public_id("pcd", code.id)
    expected = [
        {
            "currency": "TRY",
            "reserved": 0,
            "redeemed": 1,
            "released": 1,
            "discount_minor": 1_000,
            "revenue_minor": 1,
            "bonus_units": 0,
        }
    ]
    assert await counter.seen(f"/v1/promotions/{promotion}/performance") == expected
    assert await counter.seen(f"/v1/promo-codes/{shown}/performance") == expected
    uses = (await counter.seen("/v1/promo-redemptions", promotion_id=promotion))["data"]
    assert [use["status"] for use in uses] == ["released", "redeemed"]
    mine = (await counter.seen("/v1/promo-redemptions", customer_id=public_id("cus", customer)))["data"]
    assert [(use["code"], use["discount_minor"]) for use in mine] == [("TENTH", 1_000)]


async def test_a_list_of_customers_is_replaced_whole(counter: Counter, booth: Booth) -> None:
    first, second = await booth.customer(), await booth.customer()
    made = await counter.made("/v1/promotions", {**TENTH, "customer_ids": [public_id("cus", first)]})
    await counter.made("/v1/promo-codes", {"promotion_id": made["id"], "code": "LISTED"})
    assert [await booth.why(basket(who, 100), "LISTED") for who in (first, second)] == ["", "not_eligible"]
    answer = await counter.ask("PATCH", f"/v1/promotions/{made['id']}", {"customer_ids": [public_id("cus", second)]})
    assert (answer.status_code, answer.json()["listed_only"]) == (200, True)
    assert [await booth.why(basket(who, 100), "LISTED") for who in (first, second)] == ["not_eligible", ""]


async def test_what_is_anothers_or_nothing_is_not_there(
    counter: Counter, http: httpx2.AsyncClient, other_tenant: TestTenant
) -> None:
    made = await counter.made("/v1/promotions", TENTH)
    code = await counter.made("/v1/promo-codes", {"promotion_id": made["id"], "code": "MINE"})
    abroad = Counter(http, other_tenant)
    for path in (f"/v1/promotions/{made['id']}", f"/v1/promo-codes/{code['id']}"):
        assert (await abroad.ask("GET", path)).status_code == 404
        assert (await abroad.ask("GET", f"{path}/performance")).status_code == 404
        assert (await abroad.ask("PATCH", path, {"active": False})).status_code == 404
        assert (await counter.ask("PATCH", path, {})).status_code == 422
    assert (await abroad.ask("GET", f"/v1/promotions/{made['id']}/codes.csv")).status_code == 404
    body = {"promotion_id": made["id"], "code": "THEIRS"}
    assert (await abroad.ask("POST", "/v1/promo-codes", body)).status_code == 404


async def test_cm13_the_documented_paths_answer(counter: Counter, booth: Booth) -> None:
    await booth.give("SAVE20", percentage=2_000)
    asked = {
        "customer_id": public_id("cus", await booth.customer()),
        "lines": [{"kind": "top_up", "amount_minor": 1_000, "currency": "TRY"}],
        "promo_codes": ["SAVE20"],
    }
    for path in ("/payment/promo-codes/validate", "/payment/promo-codes/apply"):
        answer = await counter.ask("POST", path, asked)
        assert (answer.status_code, answer.json()["code"], answer.json()["errors"][0]["type"]) == (422, "PAY003", "wrong_product")


async def test_cm13_a_customers_token_validates_and_applies_for_its_own_customer(
    counter: Counter, http: httpx2.AsyncClient, booth: Booth
) -> None:
    await booth.give("SAVE20", percentage=2_000)
    customer, other = [public_id("cus", await booth.customer()) for _ in range(2)]
    item = await counter.made("/v1/items", {"name": "Seat", "prices": {"TRY": 5_000}})
    event = await counter.made("/v1/resources", {"kind": "event", "name": "Concert", "capacity": 5, "item_id": item["id"]})
    token = (await counter.made(f"/v1/customers/{customer}/tokens", {}))["token"]
    headers = {"Authorization": f"Bearer {token}"}
    asked = {"lines": [{"kind": "booking", "resource_id": event["id"]}], "promo_codes": ["save20"]}
    validated = await http.post("/payment/promo-codes/validate", json=asked, headers=headers)
    assert (validated.status_code, validated.json()["total_minor"]) == (200, 4_000), validated.text
    applied = (await http.post("/payment/promo-codes/apply", json=asked, headers=headers)).json()
    assert (applied["total_minor"], applied["postings"]) == (4_000, [])
    placed = await http.post("/v1/orders", json={"quote": applied["quote"]}, headers=headers)
    assert (placed.status_code, placed.json()["order"]["total_minor"]) == (201, 4_000)
    for path in ("validate", "apply"):
        answer = await http.post(f"/payment/promo-codes/{path}", json={**asked, "customer_id": other}, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (404, "customer_not_found")
    for method, path in (("GET", "/v1/promotions"), ("GET", "/v1/promo-codes"), ("POST", "/v1/promotions")):
        assert (await http.request(method, path, json=TENTH, headers=headers)).status_code == 403
