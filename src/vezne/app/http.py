"""The HTTP service: every slice's routes on one edge."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.routing import BaseRoute

from vezne.app import checks, openapi
from vezne.app.gate import Gate
from vezne.app.gate_middleware import GateMiddleware
from vezne.app.paths import mount_documented
from vezne.app.reactions import REACTIONS
from vezne.app.slices import FAST, ROUTERS, open_slices
from vezne.identity import Authenticator
from vezne.kernel import edge
from vezne.kernel.db import ANSWER_WITHIN, Database, open_pool
from vezne.kernel.fast_lane import FastLane
from vezne.kernel.http import Edge
from vezne.kernel.pages import ASSETS_PATH, AssetsNotBuilt, asset_files
from vezne.kernel.principal import Principal
from vezne.kernel.settings import Settings
from vezne.kernel.vault import Vault

CLOSING_SECONDS = 10
_log = logging.getLogger("vezne.http")


def create_app(settings: Settings, *, dsn: str | None = None, db: Database | None = None) -> FastAPI:
    """The service. With `db` it serves at once; with `dsn` (the owner's) it opens its own pool and serves once that is fit.

    Either way it runs under its lifespan, which starts what slices keep open and ends it when all requests are answered.
    """
    app = FastAPI(
        title="Vezne",
        lifespan=_lifespan(dsn, db),
        openapi_url="/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.settings = settings
    app.state.gate = Gate()
    if db is not None:
        _stand_on(app, db)
    app.router.routes.extend(_routes())
    with contextlib.suppress(AssetsNotBuilt):  # a page says so when it is asked for; the API needs none
        app.mount(ASSETS_PATH, asset_files(), name="assets")
    app.add_middleware(FastLane, routes=FAST)
    app.add_middleware(GateMiddleware, gate=app.state.gate)
    edge.install(app)
    _describe_once(app)
    return app


@cache
def _routes() -> tuple[BaseRoute, ...]:
    """Everything that is served. It is the same for every service of a process, and takes a tenth of a second to make."""
    house = FastAPI(openapi_url=None)
    house.include_router(checks.api)
    for router in ROUTERS:
        house.include_router(router)
    mount_documented(house, ROUTERS)
    return tuple(house.router.routes)


def _lifespan(dsn: str | None, given: Database | None) -> Callable[[FastAPI], Any]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        gate: Gate = app.state.gate
        if given is not None:
            async with open_slices(app, given):
                gate.open()
                yield
            return
        if dsn is None:
            raise ValueError("create_app needs a database: db or dsn")
        pool = await open_pool(dsn, size=app.state.settings.pool_size, answer_within=ANSWER_WITHIN)
        db = Database(pool, REACTIONS, Vault.from_settings(app.state.settings))
        _stand_on(app, db)
        async with open_slices(app, db):
            watch = asyncio.create_task(gate.watch(dsn), name="gate")
            try:
                yield
            finally:
                watch.cancel()
        await _close(db)

    return lifespan


def _stand_on(app: FastAPI, db: Database) -> None:
    keys = Authenticator(db, app.state.settings.requests_per_minute)

    async def who(request: Request) -> Principal:
        return await keys.authenticate(request.headers.get("authorization"))

    app.state.edge = Edge(db, who)


async def _close(db: Database) -> None:
    try:
        await asyncio.wait_for(db.pool.close(), CLOSING_SECONDS)
    except TimeoutError:
        _log.warning("connections were still at work and are cut")
        db.pool.terminate()


def _describe_once(app: FastAPI) -> None:
    """FastAPI asks its `openapi` method; ours adds what it does not know, and is worked out once."""
    described: dict[str, Any] = {}

    def describe() -> dict[str, Any]:
        if not described:
            described.update(openapi.describe(app))
        return described

    app.openapi = describe  # type: ignore[method-assign]  # the way FastAPI documents
