"""Where Stripe answers: its own paths at the root, as its SDK calls them, and ours under /stripe."""

from vezne.sandbox.stripe import (
    billing,
    charges,
    clocks,
    customers,
    disputes,
    intents_api,
    pages,
    payment_methods,
    play,
    refunds,
    sessions_api,
    setup_intents,
    webhooks,
)

ROUTES = (
    *customers.ROUTES,
    *payment_methods.ROUTES,
    *intents_api.ROUTES,
    *setup_intents.ROUTES,
    *sessions_api.ROUTES,
    *charges.ROUTES,
    *refunds.ROUTES,
    *disputes.ROUTES,
    *webhooks.ROUTES,
    *clocks.ROUTES,
    *billing.ROUTES,
    *pages.ROUTES,
    *play.ROUTES,
)
