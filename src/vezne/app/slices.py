"""What each slice brings to the HTTP service: its routes, and what it keeps open while the service runs."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import APIRouter, FastAPI

from vezne.bookings.api import ROUTERS as BOOKINGS
from vezne.catalog.api import ROUTERS as CATALOG
from vezne.checkout.api import ROUTERS as CHECKOUT
from vezne.console.api import ROUTERS as CONSOLE
from vezne.identity.api import ROUTERS as IDENTITY
from vezne.kernel.db import Database
from vezne.kernel.fast_lane import FastRoute
from vezne.kernel.mail.api import api as mail_api
from vezne.ledger.api import api as ledger_api
from vezne.memberships.api import ROUTERS as MEMBERSHIPS
from vezne.orders.api import ROUTERS as ORDERS
from vezne.payments import Gateways
from vezne.payments.api import ROUTERS as PAYMENTS
from vezne.promos.api import ROUTERS as PROMOS
from vezne.rewards.api import ROUTERS as REWARDS
from vezne.settlements.api import ROUTERS as SETTLEMENTS
from vezne.wallets.api import FAST as WALLETS_FAST
from vezne.wallets.api import ROUTERS as WALLETS
from vezne.widget.api import ROUTERS as WIDGET

ROUTERS: tuple[APIRouter, ...] = (
    *IDENTITY,
    mail_api,
    *CATALOG,
    ledger_api,
    *WALLETS,
    *PAYMENTS,
    *BOOKINGS,
    *MEMBERSHIPS,
    *SETTLEMENTS,
    *PROMOS,
    *REWARDS,
    *ORDERS,
    *CHECKOUT,
    *CONSOLE,
    *WIDGET,
)
FAST: tuple[FastRoute, ...] = WALLETS_FAST


@asynccontextmanager
async def open_slices(app: FastAPI, db: Database) -> AsyncIterator[None]:
    """Put on `app.state` what slices keep open for all requests; close it when the last request is answered."""
    app.state.gateways = Gateways.from_settings(app.state.settings)
    app.state.gateways.bind(db)
    app.state.db = db
    try:
        yield
    finally:
        await app.state.gateways.aclose()
