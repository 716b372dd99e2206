"""CM3, CM7, CM13: plans and memberships over HTTP, by key and by a customer's token, on our paths and the documented ones."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx2
import pytest
import pytest_asyncio

from memberships_fixtures import BEGIN, DAY, Club
from vezne import identity, wallets
from vezne.kernel.ids import parse_id, public_id
from vezne.kernel.money import Money


@dataclass
class Shop:
    """The club, over HTTP."""

    club: Club
    http: httpx2.AsyncClient

    async def ask(self, method: str, path: str, body: object = None, **headers: str) -> httpx2.Response:
        """Ask with the tenant's key."""
        return await self.http.request(method, path, json=body, headers={**self.club.tenant.headers, **headers})

    async def good(self, method: str, path: str, body: object = None, **headers: str) -> dict[str, Any]:
        """Ask, and be answered."""
        answer = await self.ask(method, path, body, **headers)
        assert answer.is_success, answer.text
        told: dict[str, Any] = answer.json()
        return told

    async def bad(self, method: str, path: str, body: object = None, **headers: str) -> tuple[int, str, list[list[Any]]]:
        """Ask, and be refused: the status, the code, and the fields at fault."""
        answer = await self.ask(method, path, body, **headers)
        assert answer.is_client_error, answer.text
        told = answer.json()
        return answer.status_code, told["code"], [each["loc"] for each in told["errors"]]

    async def plan(self, price: int = 3_000, **more: object) -> dict[str, Any]:
        """A monthly plan."""
        return await self.good("POST", "/v1/plans", {"name": "Plus", "interval": "month", "prices": {"TRY": price}, **more})

    async def customer(self, money: int = 0) -> str:
        """A new customer, with money in their wallet."""
        who = await self.club.customer()
        if money:
            async with self.club.db.transaction(self.club.principal) as tx:
                wallet = await wallets.wallet_of(tx, who, "money", "TRY")
                await wallets.credit(tx, wallets.Credit(wallet_id=wallet.id, amount=Money(money, "TRY")))
        return public_id("cus", who)

    async def token(self, customer: str) -> dict[str, str]:
        """What a request of the customer's own browser carries."""
        made = await self.good("POST", f"/v1/customers/{customer}/tokens", {})
        return {"Authorization": f"Bearer {made['token']}"}

    async def subscribed(self, plan: dict[str, Any], money: int = 10_000) -> dict[str, Any]:
        """A membership paid from the wallet."""
        who = await self.customer(money)
        told = await self.good(
            "POST", "/v1/memberships", {"customer_id": who, "plan_id": plan["id"], "tenders": [{"kind": "wallet"}]}
        )
        made: dict[str, Any] = told["membership"]
        return made


@pytest_asyncio.fixture
async def shop(club: Club, http: httpx2.AsyncClient) -> Shop:
    """The club's shop."""
    return Shop(club, http)


async def test_a_plan_is_made_seen_changed_priced_and_withdrawn(shop: Shop) -> None:
    plan = await shop.plan(trial_days=14, credits_per_period=10, credit_rollover="cap", rollover_cap=5)
    path = f"/v1/plans/{plan['id']}"
    assert (plan["interval"], plan["interval_count"], plan["family"], plan["active"]) == ("month", 1, "main", True)
    assert (await shop.good("PATCH", path, {"name": "Plus+", "credit_rollover": "keep", "rollover_cap": None}))["name"] == "Plus+"
    priced = await shop.good("PUT", f"{path}/prices", {"currency": "JPY", "amount_minor": 980})
    assert priced["prices"] == {"TRY": 3_000, "JPY": 980}
    await shop.good("PUT", f"{path}/prices", {"currency": "TRY", "amount_minor": None})
    history = (await shop.good("GET", f"{path}/prices?currency=TRY"))["data"]
    assert [each["amount_minor"] for each in history] == [None, 3_000]
    assert [each["id"] for each in (await shop.good("GET", "/v1/plans?currency=JPY"))["data"]] == [plan["id"]]
    assert (await shop.good("GET", "/v1/plans?currency=TRY"))["data"] == []
    assert not (await shop.good("DELETE", path))["active"]
    assert (await shop.good("GET", "/v1/plans?active=true"))["data"] == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"interval": "fortnight"}, "interval"),
        ({"interval_count": 0}, "interval_count"),
        ({"interval_count": 37}, "interval_count"),
        ({"prices": {"TRY": -1}}, "prices"),
        ({"prices": {"CREDIT": 5}}, "prices"),
        ({"trial_days": 731}, "trial_days"),
        ({"credit_rollover": "cap"}, "rollover_cap"),
        ({"rollover_cap": 5}, "rollover_cap"),
        ({"credits_per_period": 1.5}, "credits_per_period"),
        ({"family": "No Spaces"}, "family"),
        ({"name": "  "}, "name"),
        ({"colour": "red"}, "colour"),
    ],
)
async def test_a_plan_that_makes_no_sense_is_refused_by_its_field(shop: Shop, body: dict[str, Any], field: str) -> None:
    status, _, locs = await shop.bad("POST", "/v1/plans", {"name": "Plus", "interval": "month", **body})
    assert status == 422
    assert locs[0][:2] == ["body", field]


async def test_nothing_to_change_and_what_cannot_be_nothing_is_refused(shop: Shop) -> None:
    path = f"/v1/plans/{(await shop.plan())['id']}"
    assert (await shop.bad("PATCH", path, {}))[1] == "plan_not_changed"
    assert (await shop.bad("PATCH", path, {"name": None}))[2] == [["body", "name"]]
    assert (await shop.bad("PATCH", path, {"interval": "year"}))[0] == 422


async def test_subscribing_is_an_order_whose_page_is_told_and_the_membership_waits_for_it(shop: Shop) -> None:
    plan, who = await shop.plan(), await shop.customer()
    told = await shop.good("POST", "/v1/memberships", {"customer_id": who, "plan_id": plan["id"]})
    made, ordered = told["membership"], told["ordered"]
    assert (made["status"], made["usable"], made["price_minor"]) == ("incomplete", False, 3_000)
    assert ordered["checkout_url"].startswith("http")
    assert (ordered["order"]["total_minor"], ordered["order"]["lines"][0]["kind"]) == (3_000, "membership")
    status, code, _ = await shop.bad("POST", "/v1/memberships", {"customer_id": who, "plan_id": plan["id"]})
    assert (status, code) == (409, "PAY004")
    await shop.good("POST", f"/v1/orders/{ordered['order']['id']}/cancellations")
    assert (await shop.good("GET", f"/v1/memberships/{made['id']}"))["status"] == "ended"
    await shop.good("POST", "/v1/memberships", {"customer_id": who, "plan_id": plan["id"]})


async def test_paid_from_the_wallet_it_runs_at_once_and_with_the_same_key_it_is_one(shop: Shop) -> None:
    plan, who = await shop.plan(credits_per_period=7), await shop.customer(5_000)
    body = {"customer_id": who, "plan_id": plan["id"], "tenders": [{"kind": "wallet"}]}
    first = await shop.good("POST", "/v1/memberships", body, **{"Idempotency-Key": "subscribe-once"})
    again = await shop.good("POST", "/v1/memberships", body, **{"Idempotency-Key": "subscribe-once"})
    assert first == again
    assert (first["membership"]["status"], first["ordered"]["order"]["status"]) == ("active", "fulfilled")
    assert await shop.club.credits(parse_id("cus", who)) == 7
    (period,) = (await shop.good("GET", f"/v1/memberships/{first['membership']['id']}/periods"))["data"]
    assert (period["status"], period["order_id"], period["credits_granted"]) == ("paid", first["ordered"]["order"]["id"], 7)


async def test_a_trial_runs_at_once_and_costs_nothing(shop: Shop) -> None:
    plan, who = await shop.plan(trial_days=14), await shop.customer()
    told = await shop.good("POST", "/v1/memberships", {"customer_id": who, "plan_id": plan["id"]})
    assert (told["membership"]["status"], told["ordered"]["payment"]) == ("trialing", None)
    assert told["membership"]["trial_ends_at"].startswith("2027-02-14T09:00:00")


async def test_memberships_are_listed_and_found_by_customer_plan_status_and_family(shop: Shop) -> None:
    plan = await shop.plan()
    one, two = await shop.subscribed(plan), await shop.subscribed(plan)
    page = await shop.good("GET", f"/v1/memberships?plan_id={plan['id']}&limit=1")
    assert ([each["id"] for each in page["data"]], page["has_more"]) == ([two["id"]], True)
    rest = await shop.good("GET", f"/v1/memberships?plan_id={plan['id']}&limit=1&after={page['next']}")
    assert [each["id"] for each in rest["data"]] == [one["id"]]
    for asked in (f"customer_id={one['customer_id']}", f"customer_id={one['customer_id']}&status=active&family=main"):
        assert [each["id"] for each in (await shop.good("GET", f"/v1/memberships?{asked}"))["data"]] == [one["id"]]
    assert (await shop.good("GET", f"/v1/memberships/current?customer_id={one['customer_id']}"))["id"] == one["id"]
    assert (await shop.bad("GET", "/v1/memberships/current"))[1] == "customer_needed"
    assert (await shop.bad("GET", f"/v1/memberships/current?customer_id={await shop.customer()}"))[:2] == (404, "no_membership")


async def test_cancelled_with_a_reason_kept_and_cancelled_at_once(shop: Shop) -> None:
    made = await shop.subscribed(await shop.plan())
    path = f"/v1/memberships/{made['id']}/cancellations"
    left = await shop.good("POST", path, {"reason": "not_used", "comment": "  no time "})
    assert (left["status"], left["cancel_at_period_end"], left["cancel_reason"]) == ("active", True, "not_used")
    assert not (await shop.good("DELETE", path))["cancel_at_period_end"]
    assert (await shop.bad("POST", path, {"reason": "because"}))[2] == [["body", "reason"]]
    over = await shop.good("POST", path, {"at_period_end": False, "reason": "quality"})
    assert (over["status"], over["usable"]) == ("cancelled", False)
    assert (await shop.bad("DELETE", path))[1] == "membership_over"
    said = (await shop.good("GET", "/v1/membership-departures"))["data"]
    assert [(each["reason"], each["comment"]) for each in said] == [("quality", ""), ("not_used", "no time")]
    assert len((await shop.good("GET", "/v1/membership-departures?reason=quality"))["data"]) == 1


async def test_paused_and_resumed(shop: Shop) -> None:
    made = await shop.subscribed(await shop.plan())
    path = f"/v1/memberships/{made['id']}"
    paused = await shop.good("POST", f"{path}/pauses", {"until": (BEGIN + 3 * DAY).isoformat()})
    assert (paused["status"], paused["usable"]) == ("paused", False)
    assert (await shop.bad("POST", f"{path}/pauses", {"until": BEGIN.isoformat()}))[2] == [["body", "until"]]
    assert (await shop.good("POST", f"{path}/resumptions"))["status"] == "active"


async def test_a_change_is_previewed_paid_now_or_comes_with_the_next_period(shop: Shop) -> None:
    small, large = await shop.plan(2_800), await shop.plan(5_600, level=1)
    made = await shop.subscribed(small)
    path = f"/v1/memberships/{made['id']}"
    await shop.club.later(14 * DAY)
    preview = await shop.good("POST", f"{path}/change-previews", {"plan_id": large["id"]})
    assert (preview["upgrade"], preview["now"]["due_minor"], preview["now"]["unused_minor"]) == (True, 1_400, 1_400)
    changed = await shop.good("POST", f"{path}/changes", {"plan_id": large["id"], "tenders": [{"kind": "wallet"}]})
    assert (changed["membership"]["plan_id"], changed["ordered"]["order"]["total_minor"]) == (large["id"], 1_400)
    later = await shop.good("POST", f"{path}/changes", {"plan_id": small["id"]})
    assert (later["membership"]["next_plan_id"], later["ordered"]) == (small["id"], None)
    kept = await shop.good("POST", f"{path}/changes", {"plan_id": large["id"]})
    assert kept["membership"]["next_plan_id"] is None
    refused = await shop.bad("POST", f"{path}/changes", {"plan_id": small["id"], "when": "now"})
    assert refused == (409, "change_costs_less", [["body", "when"]])


async def test_a_period_that_could_not_be_charged_is_paid_by_an_order_of_its_customers(shop: Shop) -> None:
    made = await shop.subscribed(await shop.plan(), money=3_000)
    await shop.club.at(BEGIN + 28 * DAY)
    (period,) = await shop.club.open()
    await shop.club.fail(period)
    line = {"kind": "membership", "period_id": public_id("mpd", period.id)}
    stranger = await shop.customer(9_000)
    body = {"customer_id": stranger, "lines": [line], "tenders": [{"kind": "wallet"}]}
    assert (await shop.bad("POST", "/v1/orders", body))[1] == "period_unknown"
    async with shop.club.db.transaction(shop.club.principal) as tx:
        wallet = await wallets.wallet_of(tx, parse_id("cus", made["customer_id"]), "money", "TRY")
        await wallets.credit(tx, wallets.Credit(wallet_id=wallet.id, amount=Money(3_000, "TRY")))
    await shop.good("POST", "/v1/orders", {**body, "customer_id": made["customer_id"]})
    assert (await shop.good("GET", f"/v1/memberships/{made['id']}"))["status"] == "active"
    assert (await shop.bad("POST", "/v1/orders", {**body, "customer_id": made["customer_id"]}))[1] == "period_not_open"


async def test_a_refund_of_the_order_takes_the_period_back(shop: Shop) -> None:
    plan, who = await shop.plan(credits_per_period=10), await shop.customer(3_000)
    told = await shop.good(
        "POST", "/v1/memberships", {"customer_id": who, "plan_id": plan["id"], "tenders": [{"kind": "wallet"}]}
    )
    path = f"/v1/orders/{told['ordered']['order']['id']}/refunds"
    await shop.good("POST", path, {"amount_minor": 1_500})
    assert await shop.club.credits(parse_id("cus", who)) == 5
    await shop.good("POST", path, {})
    assert await shop.club.credits(parse_id("cus", who)) == 0
    assert (await shop.good("GET", f"/v1/memberships/{told['membership']['id']}"))["cancel_reason"] == "refunded"


async def test_what_is_asked_of_an_order_of_a_membership_is_one_thing(shop: Shop) -> None:
    made = await shop.subscribed(await shop.plan())
    for line in ({}, {"membership_id": made["id"]}, {"plan_id": made["plan_id"], "period_id": made["period_id"]}):
        body = {"customer_id": made["customer_id"], "lines": [{"kind": "membership", **line}]}
        assert (await shop.bad("POST", "/v1/orders", body))[1] == "plan_or_period"


async def test_cm13_the_documented_paths_answer_as_their_twins_do(shop: Shop) -> None:
    plan = await shop.plan()
    own = await shop.token(await shop.customer())
    assert [each["id"] for each in (await shop.good("GET", "/payment/memberships", None, **own))["data"]] == [plan["id"]]
    assert (await shop.bad("GET", "/payment/memberships/current", None, **own))[1] == "no_membership"
    told = await shop.good("POST", f"/payment/memberships/{plan['id']}/subscribe", {}, **own)
    assert (told["membership"]["status"], told["ordered"]["order"]["total_minor"]) == ("incomplete", 3_000)
    assert (await shop.good("GET", "/payment/memberships/current", None, **own))["id"] == told["membership"]["id"]
    assert (await shop.bad("POST", f"/payment/memberships/{plan['id']}/subscribe", {}, **own))[1] == "PAY004"
    assert (await shop.good("POST", "/payment/memberships/cancel", {"reason": "switched"}, **own))["status"] == "cancelled"


async def test_a_customers_token_sees_and_ends_its_own_and_offers_no_plans(shop: Shop) -> None:
    plan, hidden = await shop.plan(), await shop.plan()
    await shop.good("DELETE", f"/v1/plans/{hidden['id']}")
    mine, theirs = await shop.subscribed(plan), await shop.subscribed(plan)
    own = await shop.token(mine["customer_id"])
    assert [each["id"] for each in (await shop.good("GET", "/v1/memberships", None, **own))["data"]] == [mine["id"]]
    assert [each["id"] for each in (await shop.good("GET", "/v1/plans?active=false", None, **own))["data"]] == [plan["id"]]
    for method, path, body in (
        ("GET", "", None),
        ("GET", "/periods", None),
        ("POST", "/cancellations", {}),
        ("DELETE", "/cancellations", None),
        ("POST", "/pauses", {}),
        ("POST", "/resumptions", None),
        ("POST", "/change-previews", {"plan_id": plan["id"]}),
        ("POST", "/changes", {"plan_id": plan["id"]}),
    ):
        refused = await shop.bad(method, f"/v1/memberships/{theirs['id']}{path}", body, **own)
        assert refused[:2] == (404, "membership_unknown"), path
    body = {"plan_id": plan["id"], "customer_id": theirs["customer_id"]}
    assert (await shop.bad("POST", "/v1/memberships", body, **own))[1] == "customer_not_found"
    assert (await shop.bad("POST", "/v1/plans", {"name": "Mine", "interval": "day"}, **own))[0] == 403
    assert (await shop.bad("GET", "/v1/membership-departures", None, **own))[0] == 403
    assert (await shop.good("POST", f"/v1/memberships/{mine['id']}/cancellations", {}, **own))["cancel_at_period_end"]


@pytest.mark.parametrize(
    ("more", "code", "field"),
    [
        ({}, "return_url_needed", "return_url"),
        ({"return_url": "https://shop.example/", "promo_codes": ["X"]}, "nothing_beside_provider", "promo_codes"),
        ({"return_url": "https://shop.example/", "tenders": [{"kind": "wallet"}]}, "nothing_beside_provider", "tenders"),
        ({"return_url": "https://shop.example/", "provider": "elsewhere"}, "provider_not_offered", "provider"),
        ({"return_url": "https://shop.example/"}, "not_subscribing", None),
    ],
)
async def test_what_a_provider_is_to_bill_needs_one_that_does_and_nothing_beside(
    shop: Shop, more: dict[str, Any], code: str, field: str | None
) -> None:
    async with shop.club.db.transaction(shop.club.principal) as tx:
        await identity.change_tenant(tx, settings={"payment_provider": "cash"})
    body = {"customer_id": await shop.customer(), "plan_id": (await shop.plan())["id"], "billing": "provider", **more}
    _, told, locs = await shop.bad("POST", "/v1/memberships", body)
    assert (told, locs) == (code, [] if field is None else [["body", field]])


async def test_the_ids_of_another_tenant_are_unknown(shop: Shop, other_tenant: Any) -> None:  # noqa: ANN401 - a TestTenant
    made = await shop.subscribed(await shop.plan())
    strange = other_tenant.headers
    for path in (f"/v1/plans/{made['plan_id']}", f"/v1/memberships/{made['id']}", f"/v1/memberships/{made['id']}/periods"):
        assert (await shop.http.get(path, headers=strange)).status_code == 404
    assert isinstance(parse_id("mbs", made["id"]), UUID)
