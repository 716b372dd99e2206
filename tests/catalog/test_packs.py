"""CM2, CM6: what packs cost. Whole numbers, in currencies with no, two and three decimals."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenancy_fixtures import TestTenant
from vezne import catalog
from vezne.catalog import Item, NewPack, Pack, PackMalformed, PackTier
from vezne.catalog.operations.packs import default_credit_price
from vezne.catalog.packs import Manner, PackTerms, price_at, refuse_malformed_pack
from vezne.kernel.db import Database
from vezne.kernel.ids import new_id, public_id
from wallets_fixtures import Shop

NOW = datetime(2031, 5, 1, 12, tzinfo=UTC)


def pack(manner: Manner, prices: dict[str, int] | None = None, **terms: Any) -> Pack:  # noqa: ANN401
    item = Item(
        id=new_id(),
        name="Credits",
        description="",
        kind="credit_pack",
        payee_id=None,
        fee_rule_id=None,
        per="unit",
        prices=prices or {},
        accepts=("money",),
        on_sale_from=None,
        on_sale_until=None,
        max_per_order=None,
        active=True,
        metadata={},
        created_at=NOW,
    )
    return Pack(item=item, **{"wallet_kind": "credits", "unit": "CREDIT", "manner": manner, **terms})


@pytest.fixture
def default_price(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Lets a test set DEFAULT_CREDIT_PRICE."""
    default_credit_price.cache_clear()
    yield monkeypatch
    default_credit_price.cache_clear()


@pytest.mark.unit
def test_a_fixed_pack_has_its_units_and_one_price() -> None:
    fixed = pack("fixed", {"TRY": 4_999, "JPY": 500, "KWD": 1_250}, units=50)
    assert catalog.units_of(fixed, None) == catalog.units_of(fixed, 50) == 50
    prices = [catalog.price_of_pack(fixed, 50, currency, NOW).minor for currency in ("TRY", "JPY", "KWD")]
    assert prices == [4_999, 500, 1_250]
    with pytest.raises(catalog.UnitsNotOffered):
        catalog.units_of(fixed, 49)
    with pytest.raises(catalog.NoPriceIn):
        catalog.price_of_pack(fixed, 50, "USD", NOW)


@pytest.mark.unit
def test_of_a_tiered_pack_all_units_cost_what_the_highest_tier_says_that_they_reach() -> None:
    tiers = (PackTier(1, {"TRY": 100}), PackTier(100, {"TRY": 90}), PackTier(1_000, {"TRY": 75}))
    tiered = pack("tiered", tiers=tiers)
    assert [price_at(tiered, units, "TRY", None).minor for units in (1, 99, 100, 999, 1_000)] == [
        100,
        9_900,
        9_000,
        89_910,
        75_000,
    ]


@pytest.mark.unit
@pytest.mark.parametrize(
    ("currency", "price", "per_units", "units", "expected"),
    [
        ("JPY", 3, 2, 1, 2),  # 1.5 yen: half to the even neighbour
        ("JPY", 5, 2, 1, 2),  # 2.5
        ("JPY", 3, 2, 3, 4),  # 4.5
        ("JPY", 3, 2, 1_000, 1_500),
        ("KWD", 1, 3, 10, 3),  # 3.33 fils
        ("KWD", 1, 3, 1_000_000_000, 333_333_333),
        ("USD", 125, 10, 1, 12),  # 12.5 cents
        ("USD", 125, 10, 2, 25),
    ],
)
def test_a_purchase_is_rounded_once_for_all_its_units(
    currency: str, price: int, per_units: int, units: int, expected: int
) -> None:
    chosen = pack("chosen", {currency: price}, per_units=per_units)
    assert price_at(chosen, units, currency, None).minor == expected


@pytest.mark.unit
@given(st.integers(1, 10**6), st.integers(1, 10**4), st.integers(1, 10**6))
def test_a_purchase_is_never_further_than_half_a_minor_unit_from_its_exact_price(price: int, per: int, units: int) -> None:
    chosen = pack("chosen", {"JPY": price}, per_units=per)
    assert abs(price_at(chosen, units, "JPY", None).minor - Fraction(units * price, per)) <= Fraction(1, 2)


@pytest.mark.unit
@pytest.mark.parametrize(
    ("setting", "currency", "units", "expected"),
    [
        ("1.00", "USD", 12, 1_200),
        ("0.125", "USD", 1, 12),  # 12.5 cents: half to the even neighbour
        ("0.125", "USD", 3, 38),  # 37.5
        ("0.125 KWD", "KWD", 3, 375),
        ("12.5 JPY", "JPY", 3, 38),  # 37.5 yen
        ("7 JPY", "JPY", 3, 21),
    ],
)
def test_cm6_a_chosen_amount_without_a_price_costs_the_default_credit_price(
    default_price: pytest.MonkeyPatch, setting: str, currency: str, units: int, expected: int
) -> None:
    default_price.setenv("DEFAULT_CREDIT_PRICE", setting)
    assert catalog.price_of_pack(pack("chosen"), units, currency, NOW).minor == expected
    own = pack("chosen", {currency: 5})
    assert catalog.price_of_pack(own, 3, currency, NOW).minor == 15
    for other in (pack("chosen", wallet_kind="coins", unit="COIN"), pack("fixed", units=units)):
        with pytest.raises(catalog.NoPriceIn):
            catalog.price_of_pack(other, units, currency, NOW)
    with pytest.raises(catalog.NoPriceIn):
        catalog.price_of_pack(pack("chosen"), units, "TRY", NOW)


@pytest.mark.unit
def test_a_pack_is_sold_only_while_it_is_on_sale() -> None:
    sold = pack("chosen", {"TRY": 1})
    for item in (
        replace(sold.item, active=False),
        replace(sold.item, on_sale_from=NOW + timedelta(seconds=1)),
        replace(sold.item, on_sale_until=NOW),
    ):
        with pytest.raises(catalog.NotOnSale):
            catalog.price_of_pack(replace(sold, item=item), 1, "TRY", NOW)


@pytest.mark.unit
@pytest.mark.parametrize(
    ("terms", "field"),
    [
        ({"manner": "fixed"}, "units"),
        ({"manner": "chosen", "units": 5}, "units"),
        ({"manner": "tiered"}, "tiers"),
        ({"manner": "chosen", "tiers": (PackTier(1, {}),)}, "tiers"),
        ({"manner": "tiered", "tiers": (PackTier(5, {}), PackTier(5, {}))}, "tiers"),
        ({"manner": "tiered", "tiers": (PackTier(2, {}),), "min_units": 1}, "tiers"),
        ({"manner": "tiered", "tiers": (PackTier(1, {"TRY": -1}),)}, "tiers"),
        ({"manner": "chosen", "min_units": 5, "max_units": 4}, "max_units"),
        ({"manner": "chosen", "per_units": 10**10}, "per_units"),
        ({"manner": "chosen", "bonus_units": -1}, "bonus_units"),
        ({"manner": "chosen", "unit": "TRY"}, "unit"),
        ({"manner": "weekly"}, "manner"),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(value),
)
def test_a_malformed_pack_is_refused_by_the_name_of_its_field(terms: dict[str, Any], field: str) -> None:
    with pytest.raises(PackMalformed) as refused:
        refuse_malformed_pack(PackTerms(**{"wallet_kind": "credits", "unit": "CREDIT", **terms}))
    assert refused.value.loc == ("body", field)


async def test_cm2_packs_are_made_listed_priced_and_changed(shop: Shop) -> None:
    body = {
        "name": "Fifty",
        "units": 50,
        "prices": {"TRY": 4_500, "KWD": 1_125},
        "bonus_units": 5,
        "life_days": 90,
        "metadata": {"color": "blue"},
    }
    made = await shop.post("/v1/credit-packs", body)
    assert {name: made[name] for name in body} == body
    assert (made["unit"], made["manner"], made["active"], made["accepts"]) == ("CREDIT", "fixed", True, ["money", "gift_card"])
    path = f"/v1/credit-packs/{made['id']}"
    seen = await shop.get(path, currency="KWD")
    assert seen["price"] == {"units": 50, "bonus_units": 5, "amount_minor": 1_125, "currency": "KWD"}
    coins = await shop.post(
        "/v1/credit-packs", {"name": "Coins", "wallet_kind": "coins", "manner": "chosen", "prices": {"TRY": 2}}
    )
    assert coins["unit"] == "COIN"
    listed = await shop.get("/v1/credit-packs", wallet_kind="credits")
    assert [each["id"] for each in listed["data"]] == [made["id"]]
    assert [each["id"] for each in (await shop.get("/v1/credit-packs", limit=1))["data"]] == [coins["id"]]

    changed = await shop.patch(path, {"units": 60, "prices": {"TRY": 5_000, "KWD": None}, "name": "Sixty", "life_days": None})
    assert (changed["units"], changed["prices"], changed["name"], changed["life_days"]) == (60, {"TRY": 5_000}, "Sixty", None)
    assert changed["bonus_units"] == 5
    again = await shop.patch(path, {"units": 60})
    assert again == changed
    assert (await shop.patch(path, {"units": None}, status=422))["errors"][0]["loc"] == ["body", "units"]
    assert (await shop.patch(path, {}, status=422))["code"] == "pack_not_changed"
    assert (await shop.patch(path, {"active": False}))["active"] is False
    assert (await shop.get(path, currency="TRY", expect=409))["code"] == "not_on_sale"
    assert (await shop.get("/v1/credit-packs", active="true"))["data"] == [coins]


async def test_packs_of_another_tenant_and_items_that_are_none_are_not_there(
    shop: Shop, other_tenant: TestTenant, db: Database
) -> None:
    async with db.transaction(other_tenant.principal) as tx:
        foreign = await catalog.create_pack(tx, NewPack(name="Foreign", units=5))
    item = await shop.post("/v1/items", {"name": "Seat", "prices": {"TRY": 100}})
    for id_ in (public_id("itm", foreign.item.id), item["id"]):
        assert (await shop.get(f"/v1/credit-packs/{id_}", expect=404))["code"] == "pack_unknown"
    assert (await shop.get("/v1/credit-packs"))["data"] == []


@pytest.mark.parametrize(
    ("body", "loc"),
    [
        ({"name": "A", "units": 0}, ["body", "units"]),
        ({"name": "A", "units": 10**9 + 1}, ["body", "units"]),
        ({"name": "A", "units": "5"}, ["body", "units"]),
        ({"name": "A"}, ["body", "units"]),
        ({"name": "", "units": 5}, ["body", "name"]),
        ({"name": "A", "units": 5, "prices": {"TRY": -1}}, ["body", "prices", "TRY"]),
        ({"name": "A", "units": 5, "unit": "TRY"}, ["body", "unit"]),
        ({"name": "A", "units": 5, "life_days": 0}, ["body", "life_days"]),
        ({"name": "A", "units": 5, "credits": 5}, ["body", "credits"]),
    ],
    ids=["none", "too-many", "text", "missing", "nameless", "negative", "currency", "lifeless", "unknown"],
)
async def test_a_pack_that_cannot_be_is_refused_by_its_field(shop: Shop, body: dict[str, Any], loc: list[str]) -> None:
    assert (await shop.post("/v1/credit-packs", body, status=422))["errors"][0]["loc"][: len(loc)] == loc


async def test_cm13_a_customers_token_sees_the_packs_that_can_be_bought(shop: Shop) -> None:
    sold = await shop.post("/v1/credit-packs", {"name": "Fifty", "units": 50, "prices": {"TRY": 4_500}})
    gone = await shop.post("/v1/credit-packs", {"name": "Old", "units": 40, "prices": {"TRY": 4_500}})
    await shop.patch(f"/v1/credit-packs/{gone['id']}", {"active": False})
    made = await shop.post(f"/v1/customers/{await shop.customer()}/tokens", {})
    own = {"Authorization": f"Bearer {made['token']}"}
    for path in ("/v1/credit-packs", "/payment/credit-packs", "/v1/credit-packs?active=false"):
        assert (await shop.http.get(path, headers=own)).json()["data"] == [sold]
    assert (await shop.http.get(f"/payment/credit-packs/{sold['id']}?currency=TRY", headers=own)).json()["price"]["units"] == 50
    assert (await shop.http.get(f"/payment/credit-packs/{gone['id']}", headers=own)).status_code == 404
    body = {"name": "Mine", "units": 1}
    assert (await shop.http.post("/v1/credit-packs", json=body, headers=own)).status_code == 403
    assert (await shop.http.patch(f"/v1/credit-packs/{sold['id']}", json=body, headers=own)).status_code == 403
