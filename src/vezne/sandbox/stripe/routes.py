"""Where Stripe answers: its own paths at the root, as its SDK calls them, and ours under /stripe."""

from vezne.sandbox.stripe import clocks, customers, payment_methods, webhooks

ROUTES = (
    *customers.ROUTES,
    *payment_methods.ROUTES,
    *webhooks.ROUTES,
    *clocks.ROUTES,
)
