"""Documented paths: each is a second address of an endpoint under /v1, in every respect."""

import re
from typing import Annotated

import httpx2
import pytest
from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi

from tenancy_fixtures import TestTenant
from vezne.app.paths import DOCUMENTED, TAG, TwinMissing, mount_documented, twins_of
from vezne.app.slices import ROUTERS
from vezne.kernel.http import TransactionalRoute, TxDep, requires, router
from vezne.kernel.ids import PREFIXES, PublicId, new_id, public_id

LINES = [pytest.param(method, path, twin, id=f"{method} {path}") for (method, path), twin in DOCUMENTED.items()]


def names(path: str) -> list[str]:
    return re.findall(r"{(\w+)}", path)


def sample() -> APIRouter:
    api = router("/v1/thing-orders", "Things")

    @api.get("/{order_id}", dependencies=[requires("orders.read")], responses={409: {"description": "a refusal of its own"}})
    async def get_thing(order_id: Annotated[object, PublicId("ord")], tx: TxDep) -> dict[str, str]:
        """One thing."""
        return {"id": str(order_id), "tenant": str(tx.tenant_id)}

    return api


@pytest.mark.unit
@pytest.mark.parametrize(("method", "path", "twin"), LINES)
def test_every_twin_exists_and_takes_the_same_parameters(method: str, path: str, twin: str) -> None:
    assert (method, twin) in twins_of(ROUTERS)
    assert twin.startswith("/v1/")
    assert not path.startswith("/v1/")
    assert sorted(names(path)) == sorted(names(twin))


@pytest.mark.parametrize(("method", "path", "twin"), LINES)
async def test_every_documented_path_answers_as_its_twin_does(
    http: httpx2.AsyncClient, tenant: TestTenant, method: str, path: str, twin: str
) -> None:
    ids = {name: public_id(PREFIXES.get(name.removesuffix("_id"), "ord"), new_id()) for name in names(path)}
    for headers in ({}, tenant.headers):
        answers = [await http.request(method, each.format(**ids), headers=headers) for each in (path, twin)]
        told = [(answer.status_code, re.sub(r"req_\w+", "", answer.text)) for answer in answers]
        assert told[0] == told[1]
        assert answers[0].status_code != 405
        assert '"code":"not_found"' not in answers[0].text, "nothing is served there"


def test_every_documented_path_is_described_with_its_twins_answers(app: FastAPI) -> None:
    described = app.openapi()["paths"]
    for (method, path), twin in DOCUMENTED.items():
        if method.lower() in described.get(twin, {}):
            ours, theirs = described[path][method.lower()], described[twin][method.lower()]
            assert ours["tags"] == [TAG]
            assert ours["responses"].keys() == theirs["responses"].keys()
            assert ours.get("security") == theirs.get("security")
            assert ours.get("requestBody") == theirs.get("requestBody")
    operations = [each["operationId"] for operations in described.values() for each in operations.values()]
    assert len(operations) == len(set(operations))


@pytest.mark.unit
def test_a_documented_path_has_its_twins_route_dependencies_and_answers() -> None:
    things = sample()
    app = FastAPI()
    app.include_router(things)
    mount_documented(app, [things], {("GET", "/api/things/{order_id}"): "/v1/thing-orders/{order_id}"})
    paths = get_openapi(title="t", version="1", routes=app.routes)["paths"]
    ours, theirs = paths["/api/things/{order_id}"]["get"], paths["/v1/thing-orders/{order_id}"]["get"]
    assert ours["responses"].keys() == theirs["responses"].keys()
    assert "409" in ours["responses"]
    assert ours["tags"] == [TAG]
    assert ours["operationId"] != theirs["operationId"]
    assert "`GET /v1/thing-orders/{order_id}`" in ours["description"]
    (twin,) = twins_of([things]).values()
    assert isinstance(twin, TransactionalRoute)
    assert [type(each.dependency).__name__ for each in twin.dependencies] == ["_Demand"]


@pytest.mark.unit
@pytest.mark.parametrize("line", [("POST", "/v1/thing-orders/{order_id}"), ("GET", "/v1/thing-orders")])
def test_a_line_without_a_twin_stops_the_start(line: tuple[str, str]) -> None:
    method, twin = line
    with pytest.raises(TwinMissing, match="/api/things"):
        mount_documented(FastAPI(), [sample()], {(method, "/api/things"): twin})
