"""The service before, while and after its database is there; what watchers are told; what the API says of itself."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from vezne.app.http import create_app
from vezne.kernel.settings import Settings


def settings(*, metrics_token: SecretStr | None = None) -> Settings:
    return Settings(_env_file=None, metrics_token=metrics_token)


@asynccontextmanager
async def served(app: FastAPI, client: str = "127.0.0.1") -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(app, client=(client, 50000))
    async with app.router.lifespan_context(app), httpx2.AsyncClient(transport=transport, base_url="http://vezne") as http:
        yield http


async def ready(http: httpx2.AsyncClient) -> bool:
    for _ in range(100):
        if (await http.get("/readyz")).status_code == 200:
            return True
        await asyncio.sleep(0.05)
    return False


async def test_without_its_database_the_service_lives_and_answers_503() -> None:
    app = create_app(settings(), dsn="postgresql://vezne@/vezne?host=/nowhere")
    async with served(app) as http:
        assert (await http.get("/healthz")).status_code == 200
        assert (await http.get("/readyz")).status_code == 503
        response = await http.get("/v1/customers", headers={"Authorization": "Bearer vz_sk_test_ae_x"})
        assert (response.status_code, response.json()["code"]) == (503, "service_not_ready")
        assert response.headers["Retry-After"] == "1"


async def test_a_database_that_is_not_migrated_is_not_served_from(empty_dsn: str) -> None:
    async with served(create_app(settings(), dsn=empty_dsn)) as http:
        await asyncio.sleep(0.3)
        response = await http.get("/readyz")
        assert response.status_code == 503
        assert "not migrated" in response.json()["reason"]


async def test_a_migrated_database_opens_the_gate(fresh_dsn: str) -> None:
    async with served(create_app(settings(), dsn=fresh_dsn)) as http:
        assert await ready(http)
        assert (await http.get("/v1/customers")).status_code == 401


async def test_metrics_are_for_this_machine_or_for_the_bearer_of_the_token(fresh_dsn: str) -> None:
    async with served(create_app(settings(), dsn=fresh_dsn), client="203.0.113.9") as http:
        assert (await http.get("/metrics")).status_code == 403
    async with served(create_app(settings(), dsn=fresh_dsn)) as http:
        assert "vezne_http_request_seconds" in (await http.get("/metrics")).text
    guarded = create_app(settings(metrics_token=SecretStr("tell-me")), dsn=fresh_dsn)
    async with served(guarded, client="203.0.113.9") as http:
        assert (await http.get("/metrics", headers={"Authorization": "Bearer wrong"})).status_code == 403
        assert (await http.get("/metrics", headers={"Authorization": "Bearer tell-me"})).status_code == 200


async def test_the_description_is_openapi_3_1_with_a_key_and_idempotency_on_every_post(fresh_dsn: str) -> None:
    async with served(create_app(settings(), dsn=fresh_dsn)) as http:
        assert await ready(http)
        described = (await http.get("/openapi.json")).json()
    assert described["openapi"] == "3.1.0"
    assert described["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            assert "security" in operation, path
            if method == "post":
                assert "Idempotency-Key" in {each["name"] for each in operation["parameters"]}, path


async def test_an_unknown_path_and_a_wrong_method_are_problems_with_a_request_id(fresh_dsn: str) -> None:
    async with served(create_app(settings(), dsn=fresh_dsn)) as http:
        assert await ready(http)
        for response, status in ((await http.get("/v1/nothing"), 404), (await http.put("/v1/customers"), 405)):
            assert response.status_code == status
            assert response.json()["request_id"] == response.headers["x-request-id"]


@pytest.mark.parametrize("word", ["reset", "x-reset"])
async def test_a_callers_request_id_is_kept_when_it_is_one(fresh_dsn: str, word: str) -> None:
    async with served(create_app(settings(), dsn=fresh_dsn)) as http:
        given = f"{word}-12345678"
        assert (await http.get("/healthz", headers={"x-request-id": given})).headers["x-request-id"] == given
