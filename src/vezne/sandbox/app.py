"""The simulated provider as an ASGI application."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from vezne.kernel.clock import real_now
from vezne.sandbox import api, cards_api, operations, pages, payu, queries, stripe
from vezne.sandbox.deliveries import Courier
from vezne.sandbox.loopback import is_loopback
from vezne.sandbox.refusals import Refused
from vezne.sandbox.settings import SandboxSettings
from vezne.sandbox.skins import MAGICPAY, SIMULATED, Skin
from vezne.sandbox.store import Clock, Store, Tx

log = logging.getLogger("vezne.sandbox")

_STATIC = Path(__file__).with_name("static")
_TIMERS: dict[str, Callable[[Tx, str, str], None]] = {
    "": operations.happen,
    payu.NAME: payu.happen,
    stripe.NAME: stripe.happen,
}
"""What each provider's timers do, by what stands before the point in their names."""
_CODES = {404: "not_found", 405: "method_not_allowed"}


class OnlyLoopbackNames:
    """Refuses a request made to this machine under another name: a page elsewhere could otherwise reach in (DNS rebinding)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on when its Host is loopback."""
        if scope["type"] == "http":
            host = dict(scope["headers"]).get(b"host", b"").decode("latin-1")
            if not _names_loopback(host):
                refused = Refused(421, "not_loopback", "The sandbox answers to loopback names only.")
                await api.error_response(refused)(scope, receive, send)
                return
        await self._app(scope, receive, send)


class QueriesStayOutOfLogs:
    """Takes the query away from what the server logs: a customer may type a real card's number into an address.

    Whether requests are logged is a setting of the whole process, so leaving the access log off here would not be enough.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on whole, and leave the server's own record of it without a query."""
        whole = dict(scope)
        if "query_string" in scope:
            scope["query_string"] = b""
        await self._app(whole, receive, send)


def _names_loopback(host: str) -> bool:
    try:
        return is_loopback(urlsplit(f"//{host}").hostname or "")
    except ValueError:
        return False


async def _refuse(request: Request, error: Exception) -> Response:
    if isinstance(error, HTTPException):
        error = Refused(error.status_code, _CODES.get(error.status_code, "refused"), str(error.detail))
    if not isinstance(error, Refused):
        error = Refused(500, "internal_error", "The provider failed.")
    if request.url.path.startswith(("/_payment", "/payu/pay/")):
        return payu.show_problem(request, error)
    if request.url.path.startswith(("/v1/", "/v2/")):
        return stripe.show_refusal(error)
    if request.url.path.startswith(("/stripe/pay/", "/stripe/3ds/", "/stripe/receipts/")):
        return stripe.show_problem(request, error)
    if request.url.path.startswith(f"{request.app.state.store.skin.prefix}/pay/"):
        return pages.show_problem(request, error)
    return api.error_response(error)


def let_time_pass(tx: Tx) -> None:
    """Everything that is due by now happens, in the order it is due. Run at the start of every transaction, so that no answer
    is older than the clock.
    """
    for what, subject in queries.pop_due_timers(tx):
        provider, _, deed = what.rpartition(".")
        _TIMERS[provider](tx, deed, subject)


def create_app(settings: SandboxSettings, clock: Clock = real_now) -> Starlette:
    """The sandbox over the file `settings.database`. Its couriers run while the application does (ASGI lifespan).

    `clock` gives the time as an aware datetime; it may be held and moved, but not backwards. MagicPay, played when its
    credentials are set, has books of its own in a file beside the others'.
    """
    stores = [Store(settings, SIMULATED, clock, let_time_pass)]
    routes: list[BaseRoute] = [
        *_routes(SIMULATED, SIMULATED.prefix),
        Mount("/simulated/static", StaticFiles(directory=_STATIC)),
        *payu.ROUTES,
        *stripe.ROUTES,
    ]
    if settings.magic_pay_api_key is not None:
        stores.append(Store(settings, MAGICPAY, clock, let_time_pass))
        routes.append(Mount(MAGICPAY.prefix, _app(settings, stores[-1], _routes(MAGICPAY))))

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for store in stores:
                await stack.enter_async_context(_at_work(store, settings))
            yield

    app = _app(settings, stores[0], routes, lifespan)
    app.add_middleware(OnlyLoopbackNames)
    app.add_middleware(QueriesStayOutOfLogs)
    return app


def _routes(skin: Skin, prefix: str = "") -> list[BaseRoute]:
    cards = cards_api.routes(prefix) if skin.keeps_cards else []
    return [*api.routes(skin, prefix), *cards, *pages.routes(prefix)]


def _app(
    settings: SandboxSettings,
    store: Store,
    routes: Sequence[BaseRoute],
    lifespan: Callable[[Starlette], AbstractAsyncContextManager[None]] | None = None,
) -> Starlette:
    app = Starlette(
        routes=routes, exception_handlers={Refused: _refuse, HTTPException: _refuse, Exception: _refuse}, lifespan=lifespan
    )
    app.state.settings = settings
    app.state.store = store
    app.state.stripe_keys = set()  # Idempotency-Keys of the calls under way
    return app


@asynccontextmanager
async def _at_work(store: Store, settings: SandboxSettings) -> AsyncIterator[None]:
    """The store open and its courier running while the block does."""
    await store.open()
    courier = asyncio.create_task(Courier(store, settings).run(), name="sandbox-courier")
    courier.add_done_callback(_tell_of_death)
    try:
        yield
    finally:
        courier.cancel()
        with suppress(asyncio.CancelledError):
            await courier
        await store.close()


def _tell_of_death(courier: asyncio.Task[None]) -> None:
    if not courier.cancelled() and courier.exception() is not None:
        log.critical("the sandbox's courier died; no webhook leaves until it is started again", exc_info=courier.exception())
