"""Checkout: the page on which a customer pays an order, and the sessions that open it.

Whoever holds a page's address may see and pay its one order, and nothing more. Its token is the payment's client secret, or
that of a session opened later; both name their tenant, are unguessable, are kept as hashes, and end.

Wiring, for the composition root: include `checkout.api.ROUTERS`; they need `app.state.edge` and `app.state.gateways`.
"""

from vezne.checkout.events import CheckoutOpened
from vezne.checkout.models import CheckoutTokenUnknown, LinkOver, Session, State
from vezne.checkout.operations.sessions import OrderNotPayable, SessionUnknown, audit, open_session, session

__all__ = [
    "CheckoutOpened",
    "CheckoutTokenUnknown",
    "LinkOver",
    "OrderNotPayable",
    "Session",
    "SessionUnknown",
    "State",
    "audit",
    "open_session",
    "session",
]
