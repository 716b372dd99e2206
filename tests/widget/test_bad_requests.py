"""What a guest may get wrong is refused by name, and leaves nothing (SR3, SR9)."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from tenancy_fixtures import TenantMaker
from vezne import bookings
from vezne.kernel import clock
from vezne.kernel.ids import public_id
from widget_fixtures import DAILY, Depot, wish


@pytest.mark.parametrize("name", ["kvkk_consent", "terms_consent"])
@pytest.mark.parametrize("given", [False, None])
async def test_a_missing_consent_is_422_and_named(depot: Depot, name: str, *, given: bool | None) -> None:
    await depot.storage()
    body = wish(**{name: False})
    if given is None:
        del body[name]
    answer = await depot.reserve(body, headers={"Accept-Language": "tr"})
    assert answer.status_code == 422
    error = answer.json()["errors"][0]
    assert error["loc"] == ["body", name]
    assert error["type"] == "consent_missing"
    assert error["msg"] == f"Gerekli onay eksik: {name}."
    assert await depot.all_of() == []


def stay(first: object, last: object) -> dict[str, Any]:
    return {"checkin_date": first, "checkout_date": last}


def ahead(days_: int) -> str:
    return (date.today() + timedelta(days=days_)).isoformat()  # noqa: DTZ011 - the guest's own calendar


@pytest.mark.parametrize(
    ("dates", "field"),
    [
        (stay(ahead(5), ahead(3)), "checkout_date"),
        (stay(ahead(5), ahead(5)), "checkout_date"),
        (stay(ahead(-3), ahead(3)), "checkin_date"),
        (stay(ahead(5), ahead(2000)), "checkout_date"),
        (stay(ahead(5), "9999-12-31"), "checkout_date"),
        (stay("0001-01-01", ahead(3)), "checkin_date"),
        (stay("2026-02-30", ahead(3)), "checkin_date"),
        (stay("tomorrow", ahead(3)), "checkin_date"),
        (stay("20261210", ahead(3)), "checkin_date"),
        (stay(ahead(3), ahead(4) + "T00:00:00Z"), "checkout_date"),
        (stay("", ""), "checkin_date"),
        (stay("２０２６-12-10", ahead(3)), "checkin_date"),
    ],
)
async def test_bad_dates_are_400_and_named(depot: Depot, dates: dict[str, Any], field: str) -> None:
    await depot.storage()
    answer = await depot.reserve(wish(**dates))
    assert answer.status_code == 400, answer.text
    assert answer.json()["errors"][0]["loc"] == ["body", field]
    assert await depot.all_of() == []


async def test_days_are_those_of_the_tenants_zone(depot: Depot) -> None:
    await depot.storage()
    async with depot.db.transaction(depot.tenant.principal) as tx:
        await clock.hold(tx, datetime(2027, 3, 1, 22, 30, tzinfo=UTC))  # half past one on the second, in Istanbul
    assert (await depot.reserve(wish(**stay("2027-03-01", "2027-03-05")))).json()["code"] == "stay_in_the_past"
    assert (await depot.reserve(wish(**stay("2027-03-02", "2027-03-05")))).status_code == 200


async def test_a_stay_across_a_clock_change_costs_its_days(depot: Depot) -> None:
    await depot.change(time_zone="Europe/Berlin")
    await depot.storage()
    async with depot.db.transaction(depot.tenant.principal) as tx:
        await clock.hold(tx, datetime(2027, 3, 1, tzinfo=UTC))
    taken = (await depot.reserve(wish(**stay("2027-03-27", "2027-03-30")))).json()
    assert taken["amount_minor"] == 3 * DAILY


GUEST = {"name": "Ada", "email": "ada@example.org"}


@pytest.mark.parametrize(
    ("change", "loc"),
    [
        ({"guest": GUEST | {"email": "ada"}}, ["body", "guest", "email"]),
        ({"guest": GUEST | {"name": "  "}}, ["body", "guest", "name"]),
        ({"guest": GUEST | {"name": "x" * 201}}, ["body", "guest", "name"]),
        ({"guest": GUEST | {"phone": "call me"}}, ["body", "guest", "phone"]),
        ({"guest": GUEST | {"card": "x"}}, ["body", "guest", "card"]),
        ({"guest": "Ada"}, ["body", "guest"]),
        ({"guest": GUEST | {"name": "4242 4242 4242 4242"}}, ["body", "guest", "name"]),
        ({"guest": GUEST | {"name": "A\x00da"}}, ["body", "guest", "name"]),
        ({"kvkk_consent": "true"}, ["body", "kvkk_consent"]),
        ({"terms_consent": 1}, ["body", "terms_consent"]),
        ({"quantity": 0}, ["body", "quantity"]),
        ({"quantity": 21}, ["body", "quantity"]),
        ({"quantity": "1"}, ["body", "quantity"]),
        ({"locale": "de"}, ["body", "locale"]),
        ({"checkin_date": 20261210}, ["body", "checkin_date"]),
        ({"nonsense": 1}, ["body", "nonsense"]),
    ],
)
async def test_what_does_not_fit_is_422_and_named(depot: Depot, change: dict[str, Any], loc: list[str]) -> None:
    await depot.storage()
    answer = await depot.reserve(wish(**change))
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["loc"] == loc
    assert await depot.all_of() == []


@pytest.mark.parametrize("raw", [b"", b"{", b"[1]", b"\xff", b'{"a": 1, "a": 2}', b"null"])
async def test_what_is_no_request_is_refused_without_a_500(depot: Depot, raw: bytes) -> None:
    answer = await depot.http.post(
        "/v1/widget/reservations", content=raw, headers={"Authorization": f"Bearer {await depot.token()}"}
    )
    assert answer.status_code in {400, 422}


async def test_a_place_that_is_not_there_is_404(depot: Depot, make_tenant: TenantMaker) -> None:
    await depot.storage()
    foreign = await Depot(depot.db, await make_tenant(), depot.http).storage()
    for place in (foreign, "rsc_01h455vb4pex5vsknk084sn02q", "itm_01h455vb4pex5vsknk084sn02q", "5"):
        assert (await depot.reserve(wish(resource_id=place))).status_code == 404
    async with depot.db.transaction(depot.tenant.principal) as tx:
        event = await bookings.create_resource(tx, kind="event", name="Konser", capacity=10)
    assert (await depot.reserve(wish(resource_id=public_id("rsc", event.id)))).status_code == 404
