"""The billing half of Stripe: products and prices, subscriptions, invoices and what pays them, renewals, Checkout for all that.

Played: charge_automatically with cards and debits; trials; prorations at once or with the next bill; pauses; cancellations now,
at an instant or at the period's end; failed renewals with tries after some days; previews; test clocks. Not played: bills sent
by mail, coupons, taxes, metered and tiered prices, schedules, thresholds, `pending_if_incomplete`, an anchor in the future,
credit notes, customer portals, hosted invoice pages and PDFs, `invoice.upcoming`.

How sure each part is: shapes, states and event types are documented; the hour a renewal's bill stays a draft, the days between
tries (3, 5, 7) and the order of events inside one change are inferred; PUT /stripe/play/billing is invented.
"""

from vezne.sandbox.stripe.billing import bills_api, checkout, pending, play, prices, renewals, subscriptions_api

ROUTES = (*prices.ROUTES, *subscriptions_api.ROUTES, *bills_api.ROUTES, *pending.ROUTES, *play.ROUTES)

__all__ = ["ROUTES", "checkout", "renewals"]
