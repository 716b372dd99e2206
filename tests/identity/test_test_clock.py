"""A test tenant's clock over HTTP."""

import asyncio
from datetime import datetime, timedelta

import httpx2
import pytest

from tenancy_fixtures import TenantMaker, TestTenant
from vezne.kernel.clock import real_now

CLOCK = "/v1/test-clock"


async def put(http: httpx2.AsyncClient, tenant: TestTenant, at: datetime | None) -> httpx2.Response:
    return await http.put(CLOCK, json={"held_at": at and at.isoformat()}, headers=tenant.headers)


async def test_a_held_clock_stands_moves_forward_and_dates_what_happens(http: httpx2.AsyncClient, tenant: TestTenant) -> None:
    tomorrow = real_now() + timedelta(days=1)
    assert (await http.get(CLOCK, headers=tenant.headers)).json()["held"] is False
    for at in (tomorrow, tomorrow, tomorrow + timedelta(days=30)):
        assert (await put(http, tenant, at)).status_code == 200
        shown = (await http.get(CLOCK, headers=tenant.headers)).json()
        assert (datetime.fromisoformat(shown["now"]), shown["held"]) == (at, True)
    customer = (await http.post("/v1/customers", json={}, headers=tenant.headers)).json()
    assert datetime.fromisoformat(customer["created_at"]) == tomorrow + timedelta(days=30)


async def test_a_clock_never_goes_back(http: httpx2.AsyncClient, tenant: TestTenant) -> None:
    await put(http, tenant, real_now() + timedelta(days=2))
    for at in (real_now() + timedelta(days=1), None):
        refused = await put(http, tenant, at)
        assert (refused.status_code, refused.json()["code"]) == (409, "clock_goes_back")


async def test_a_clock_held_for_a_moment_runs_again(http: httpx2.AsyncClient, tenant: TestTenant) -> None:
    at = real_now() + timedelta(seconds=3)  # far enough ahead for a busy machine
    assert (await put(http, tenant, at)).status_code == 200
    await asyncio.sleep((at - real_now()).total_seconds())
    assert (await put(http, tenant, None)).status_code == 200
    assert (await http.get(CLOCK, headers=tenant.headers)).json()["held"] is False
    moves = await http.get("/v1/audit-log", params={"type": "tenant.clock_moved"}, headers=tenant.headers)
    assert [event["payload"]["held_at"] is None for event in moves.json()["data"]] == [True, False]


async def test_a_live_tenants_clock_is_nobodys_to_hold(http: httpx2.AsyncClient, make_tenant: TenantMaker) -> None:
    live = await make_tenant(livemode=True)
    refused = await put(http, live, real_now() + timedelta(days=1))
    assert (refused.status_code, refused.json()["code"]) == (403, "clock_of_live_tenant")


async def test_one_tenants_clock_leaves_another_alone(
    http: httpx2.AsyncClient, tenant: TestTenant, other_tenant: TestTenant
) -> None:
    await put(http, tenant, real_now() + timedelta(days=365))
    assert (await http.get(CLOCK, headers=other_tenant.headers)).json()["held"] is False


@pytest.mark.parametrize(
    "body", [{}, {"held_at": "tomorrow"}, {"held_at": 1.5}, {"held_at": "2030-01-01T00:00:00"}, {"at": None}]
)
async def test_a_time_that_is_none_is_named(http: httpx2.AsyncClient, tenant: TestTenant, body: dict[str, object]) -> None:
    answer = await http.put(CLOCK, json=body, headers=tenant.headers)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["loc"] == ["body", "held_at"]
